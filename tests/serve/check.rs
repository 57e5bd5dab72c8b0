//! `presignd check`: what it says of a file, and with `--online` of what each identity gets.

use crate::process::World;
use crate::support::sts::Turn;
use crate::{BINARY, cli, identities};

#[tokio::test]
async fn a_bad_file_is_named_with_its_line() {
    let world = World::new().await;
    world.write_config("[limits]\ncolour = \"red\"\n");
    let config = world.config();
    let path = config.to_str().unwrap();
    for arguments in [["serve", "--config", path], ["check", "--config", path]] {
        let said = cli(&world, &arguments, "").await;
        assert_eq!((said.0, said.1.as_str()), (253, ""), "{said:?}");
        assert!(said.2.contains(&format!("{path}: line 12: colour: unknown field")), "{said:?}");
    }
    // What only the log's own library refuses is named in the same way.
    let text = std::fs::read_to_string(&config).unwrap().replace("presignd=debug", "presignd=loud");
    std::fs::write(&config, text.replace("colour = \"red\"\n", "")).unwrap();
    for arguments in [["serve", "--config", path], ["check", "--config", path]] {
        let said = cli(&world, &arguments, "").await;
        assert!(said.0 == 253 && said.2.contains(&format!("{path}: log.filter: ")), "{said:?}");
    }
}

#[tokio::test]
async fn a_check_online_tells_whose_session_each_identity_gets_and_leaves_nothing_behind() {
    let world = World::new().await;
    world.write_config(&identities(&world));
    let config = world.config();
    let check = ["check", "--online", "--config", config.to_str().unwrap(), "--timeout", "30s"];
    let json = [&check[..], &["--output", "json"]].concat();

    let said = cli(&world, &json, "").await;
    assert_eq!(said.0, 0, "{said:?}");
    let all = said.json();
    let (key, web) = (&all["identities"][0], &all["identities"][1]);
    assert_eq!((&key["longest"], &key["limited_by"]), (&604_800.into(), &"seven-days".into()), "{all}");
    assert!(key["principal_arn"].as_str().unwrap().ends_with(":user/deploy") && key["expires_at"].is_null(), "{all}");
    assert!(web["principal_arn"].as_str().unwrap().contains(":assumed-role/web/"), "{all}");
    assert!((3500..=3600).contains(&web["longest"].as_u64().unwrap()) && web["limited_by"] == "session", "{all}");
    assert_eq!(all["clock_offset_seconds"], 0, "{all}");
    assert_eq!(world.sts.count("AssumeRole"), 1, "one session each");
    let table = cli(&world, &check, "").await.fine();
    assert!(table.contains("ok") && table.contains("clock offset: none"), "{table}");

    // The long-term key needs no session of the role.
    let asked = world.sts.count("AssumeRole");
    let one = cli(&world, &[&json[..], &["--identity", "key"]].concat(), "").await.json();
    assert_eq!((one["identities"].as_array().unwrap().len(), world.sts.count("AssumeRole")), (1, asked), "{one}");
    let nobody = cli(&world, &[&check[..], &["--identity", "nobody"]].concat(), "").await;
    assert_eq!(nobody.0, 252, "{nobody:?}");

    assert!(!world.registry().exists(), "the daemon's registry is not touched");
    assert_eq!(std::fs::read_dir(world.folder.path().join("tmp")).unwrap().count(), 0, "nothing is left behind");
    world.sts.ahead(300);
    assert_eq!(cli(&world, &json, "").await.json()["clock_offset_seconds"], 300);
}

#[tokio::test]
async fn a_check_online_fails_when_any_identity_fails_and_says_why() {
    let world = World::new().await;
    world.write_config(&identities(&world).replace("role/team/web", "role/forbidden"));
    let config = world.config();
    let check = ["check", "--online", "--config", config.to_str().unwrap(), "--output", "json"];

    let said = cli(&world, &check, "").await;
    assert_eq!(said.0, 254, "{said:?}");
    let all = said.json();
    assert_eq!((&all["identities"][0]["ok"], &all["identities"][1]["ok"]), (&true.into(), &false.into()), "{all}");
    assert_eq!(all["identities"][1]["reason"], "ACCESS_DENIED", "{all}");
    assert!(said.2.contains("trust policy") && said.2.contains("1 of 2"), "{said:?}");

    // What fails at once is told at once, and says nothing of AWS's clock.
    let text = std::fs::read_to_string(&config).unwrap() + "[identity.lost]\nsource = \"web-identity\"\n";
    std::fs::write(&config, text).unwrap();
    let said = cli(&world, &[&check[..], &["--identity", "lost"]].concat(), "").await;
    let all = said.json();
    assert_eq!((said.0, &all["identities"][0]["reason"]), (254, &"ENVIRONMENT".into()), "{said:?}");
    assert!(all["clock_offset_seconds"].is_null(), "{said:?}");

    // A key that AWS does not know: no call of its own fails, but nobody says whose it is.
    world.keys.deactivate(&world.user.access_key_id);
    let said = cli(&world, &[&check[..], &["--identity", "key"]].concat(), "").await;
    assert_eq!((said.0, &said.json()["identities"][0]["reason"]), (254, &"UNCONFIRMED".into()), "{said:?}");

    world.sts.stay(Turn::Hang);
    let said = cli(&world, &[&check[..], &["--timeout", "1s"]].concat(), "").await;
    assert_eq!((said.0, &said.json()["identities"][2]["reason"]), (254, &"DEADLINE_EXCEEDED".into()), "{said:?}");
    assert_eq!(std::fs::read_dir(world.folder.path().join("tmp")).unwrap().count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn a_filter_that_the_daemon_would_refuse_is_refused_by_check() {
    let world = World::new().await;
    world.write_config(&identities(&world));
    let config = world.config();
    let check = ["check", "--config", config.to_str().unwrap()];
    cli(&world, &check, "").await.fine();
    let text = std::fs::read_to_string(&config).unwrap().replace("presignd=debug", "presignd=loud");
    std::fs::write(&config, text).unwrap();
    let said = cli(&world, &check, "").await;
    assert!(said.0 == 253 && said.1.is_empty() && said.2.contains("log.filter"), "{said:?}");
    let daemon = world.run(BINARY, |command| command.arg("serve").arg("--config").arg(&config));
    assert_eq!(daemon.end().await.code(), Some(253));
}
