//! The built binary at both ends: the daemon as a process of its own, asked by the command line; what it does on signals
//! and when it is started twice; and `presignd check --online` beside it.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

#[path = "support/daemon.rs"]
mod process;
mod support;

use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::Stdio;

use process::World;
use rustix::process::Signal;
use serde_json::Value;
use support::sts::Turn;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const BINARY: &str = env!("CARGO_BIN_EXE_presignd");

/// Exit code, stdout, stderr of the command line.
#[derive(Debug)]
struct Said(i32, String, String);

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.1).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// stdout of a command that worked.
    fn fine(self) -> String {
        assert_eq!(self.0, 0, "{self:?}");
        self.1
    }
}

/// Runs the command line beside the daemon of `world`.
async fn cli(world: &World, arguments: &[&str], input: &str) -> Said {
    let folder = world.folder.path();
    let mut child = Command::new(BINARY)
        .env_clear()
        .env("HOME", folder)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", &world.user.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &world.user.secret)
        .env("TMPDIR", folder.join("tmp"))
        .env("PRESIGND_SOCKET", folder.join("sign/presignd.sock"))
        .env("PRESIGND_ADMIN_SOCKET", folder.join("admin/admin.sock"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // It may have ended before it read anything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
    let output = tokio::time::timeout(support::DEADLINE, child.wait_with_output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said(output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// An identity `key` from a file, and `web`, a role that it assumes for an hour.
fn identities(world: &World) -> String {
    let file = world.folder.path().join("key.json");
    let key = format!(r#"{{"AccessKeyId":"{}","SecretAccessKey":"{}"}}"#, world.user.access_key_id, world.user.secret);
    std::fs::write(&file, key).unwrap();
    std::fs::create_dir_all(world.folder.path().join("tmp")).unwrap();
    let path = file.display();
    format!(
        "[identity.key]\nsource = \"key-file\"\npath = \"{path}\"\nmin_pause = \"1s\"\n{}{}",
        world.services("key"),
        world.web("base = \"key\"\nduration = \"1h\"\nmin_pause = \"1s\"")
    )
}

/// This user may sign for `bucket`, and for nothing else.
fn grant(bucket: &str) -> String {
    let uid = rustix::process::geteuid().as_raw();
    format!(
        "[[grant]]\nname = \"me\"\nuid = {uid}\nidentities = [\"*\"]\nbuckets = [\"{bucket}\"]\noperations = [\"*\"]\n"
    )
}

async fn ready(world: &World) {
    support::eventually("both identities have a session", async || {
        let said = cli(world, &["identities", "--admin", "--output", "json"], "").await;
        let all = (said.0 == 0).then(|| said.json())?;
        all["identities"].as_array()?.iter().all(|one| one["state"] == "ready").then_some(())
    })
    .await;
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

#[tokio::test]
async fn every_verb_works_against_the_real_daemon() {
    let world = World::new().await;
    let daemon = world.daemon(&(identities(&world) + &grant("photos"))).await;
    ready(&world).await;

    let url = cli(&world, &["presign", "s3://photos/cat.jpg", "--identity", "key", "--expires-in", "7d"], "").await;
    let url = url.fine().trim_end().to_owned();
    assert!(url.contains("X-Amz-Expires=604800") && url.contains(&world.user.access_key_id), "{url}");

    let lines = "{\"bucket\": \"photos\", \"key\": \"a\"}\ns3://photos/b\n";
    let batch = cli(&world, &["presign", "-", "--identity", "web", "--expires-in", "10m"], lines).await.fine();
    let batch: Vec<Value> = batch.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(batch.len(), 2);
    assert!(batch.iter().all(|line| line["limited_by"] == "request"), "{batch:?}");

    let post = ["post", "s3://photos/up.jpg", "--identity", "key", "--content-length-range", "1,1000"];
    let post = cli(&world, &[&post[..], &["--output", "json"]].concat(), "").await;
    assert!(post.json()["fields"]["policy"].as_str().is_some_and(|policy| !policy.is_empty()), "{post:?}");

    // Health is looked at four times a second.
    support::eventually("the daemon is healthy", async || {
        let said = cli(&world, &["health"], "").await;
        (said.0 == 0 && said.1 == "serving\n").then_some(())
    })
    .await;

    let web = cli(&world, &["identities", "web", "--output", "json"], "").await.json();
    assert_eq!(web["identity"]["sessions"][0]["kind"], "assume-role", "{web}");
    let renewed = cli(&world, &["identities", "renew", "web", "--output", "json"], "").await.json();
    assert_eq!(renewed["identity"]["sessions"][0]["reference"]["generation"], 2, "{renewed}");

    let urls = cli(&world, &["urls", "--output", "json"], "").await.json();
    assert_eq!(urls["urls"].as_array().unwrap().len(), 4, "{urls}");
    let id = urls["urls"][3]["id"].as_str().unwrap();
    let one = cli(&world, &["urls", id, "--output", "json"], "").await.fine();
    assert!(one.contains("cat.jpg"), "{one}");

    let found = cli(&world, &["find", "-", "--output", "json"], &url).await.json();
    assert_eq!((&found["found"][0]["match"], &found["found"][0]["url"]["id"]), (&"signature".into(), &id.into()));
    let explained = cli(&world, &["explain", "-", "--output", "json"], &url).await.json();
    assert_eq!((&explained["state"], &explained["url"]["id"]), (&"usable".into(), &id.into()), "{explained}");

    let config = world.config();
    let config = config.to_str().unwrap();
    let sound = ["registry", "verify", "--config", config, "--output", "json"];
    let sound = cli(&world, &sound, "").await.json();
    assert_eq!((&sound["sound"], &sound["urls"]), (&true.into(), &4.into()), "{sound}");
    let exported = cli(&world, &["registry", "export", "--config", config], "").await.fine();
    let mut exported: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    exported.reverse();
    for line in &mut exported {
        let version = line.as_object_mut().unwrap().remove("version");
        assert_eq!(version, Some(1.into()), "each line is a document");
    }
    assert_eq!(Value::Array(exported), urls["urls"], "a record is told in one way");
    let copy = world.folder.path().join("copy.db");
    let copy = copy.to_str().unwrap();
    cli(&world, &["registry", "backup", copy, "--registry", world.registry().to_str().unwrap()], "").await.fine();
    cli(&world, &["registry", "verify", "--registry", copy], "").await.fine();

    let log = daemon.log();
    for secret in world.keys.secrets() {
        assert!(!log.contains(&secret), "the log holds a secret");
    }
    assert!(!log.contains("X-Amz-Signature"), "the log holds a URL");
}

#[tokio::test]
async fn a_refusal_has_the_exit_code_that_scripts_expect() {
    let world = World::new().await;
    let daemon = world.daemon(&(identities(&world) + &grant("photos"))).await;
    ready(&world).await;

    let week = ["presign", "s3://photos/a", "--identity", "web", "--expires-in", "7d"];
    let short = cli(&world, &week, "").await;
    assert_eq!((short.0, short.1.as_str()), (3, ""), "{short:?}");
    assert!(short.2.contains("SESSION_TOO_SHORT") && short.2.contains("longest fresh"), "{short:?}");
    let cut = cli(&world, &[&week[..], &["--at-least", "10m"]].concat(), "").await;
    assert!(cut.0 == 0 && cut.2.contains("limited by session"), "{cut:?}");

    for (arguments, exit, reason) in [
        (&["presign", "s3://photos/a", "--identity", "nobody"][..], 254, "UNKNOWN_IDENTITY"),
        (&["presign", "s3://photos/a"], 254, "NO_DEFAULT_IDENTITY"),
        (&["presign", "s3://films/a", "--identity", "key"], 254, "DENIED"),
        (&["urls", "no-such-id"], 254, ""),
        (&["presign", "s3://photos/a", "--socket", "/nowhere/presignd.sock"], 253, "cannot reach presignd"),
        (&["presign", "--no-such-flag"], 252, ""),
    ] {
        let said = cli(&world, arguments, "").await;
        assert_eq!((said.0, said.1.as_str()), (exit, ""), "{arguments:?}: {said:?}");
        assert!(said.2.contains(reason), "{said:?}");
    }
    let mixed = cli(&world, &["presign", "-", "--identity", "key"], "s3://photos/a\ns3://films/a\n").await;
    assert_eq!((mixed.0, mixed.1.lines().count()), (254, 2), "{mixed:?}");
    assert!(mixed.1.lines().last().unwrap().contains("DENIED"), "{mixed:?}");
    drop(daemon);
}

#[tokio::test]
async fn a_hang_up_puts_the_new_grants_in_force_and_a_bad_file_changes_nothing() {
    let world = World::new().await;
    let identities = identities(&world);
    let daemon = world.daemon(&(identities.clone() + &grant("photos"))).await;
    ready(&world).await;
    let films = ["presign", "s3://films/a", "--identity", "key"];
    let photos = ["presign", "s3://photos/a", "--identity", "key"];
    let logged = async |what: &str| {
        support::eventually(what, async || daemon.log().lines().find(|line| line.contains(what)).map(str::to_owned))
            .await
    };

    world.write_config(&(identities.clone() + &grant("films")));
    daemon.signal(Signal::HUP);
    let line = logged("these keys changed and are in force").await;
    assert!(line.contains("grant") && !line.contains("identity"), "{line}");
    assert_eq!((cli(&world, &films, "").await.0, cli(&world, &photos, "").await.0), (0, 254));

    daemon.signal(Signal::HUP);
    logged("nothing changed").await;

    // Admins are in force at once too.
    let text = std::fs::read_to_string(world.config()).unwrap();
    std::fs::write(world.config(), text.replacen("[sockets]", "[sockets]\nadmin_uids = [4711]", 1)).unwrap();
    daemon.signal(Signal::HUP);
    let line = logged("sockets.admin_uids").await;
    assert!(line.contains("in force"), "{line}");

    world.write_config(&(identities.clone() + &grant("photos") + "colour = \"red\"\n"));
    daemon.signal(Signal::HUP);
    let line = logged("the old one stays in force").await;
    assert!(line.contains("colour"), "it says what is wrong: {line}");
    assert_eq!((cli(&world, &films, "").await.0, cli(&world, &photos, "").await.0), (0, 254));
}

#[tokio::test]
async fn a_hang_up_says_again_and_again_what_waits_for_a_restart() {
    let world = World::new().await;
    let identities = identities(&world);
    let daemon = world.daemon(&identities).await;
    let folder = world.folder.path().display().to_string();
    let text = std::fs::read_to_string(world.config()).unwrap();
    for (from, to, key) in [
        (format!("sign = \"{folder}/sign"), format!("sign = \"{folder}/other"), "sockets.sign"),
        (format!("admin = \"{folder}/admin"), format!("admin = \"{folder}/other"), "sockets.admin"),
        ("/registry.db".to_owned(), "/other.db".to_owned(), "registry.path"),
        ("[registry]".to_owned(), "[registry]\nqueue_calls = 9".to_owned(), "registry.queue_calls"),
        ("[http]\nlisten".to_owned(), "[http]\n#listen".to_owned(), "http.listen"),
        ("format = \"json\"".to_owned(), "format = \"text\"".to_owned(), "log.format"),
    ] {
        assert!(text.contains(&from), "{from}");
        std::fs::write(world.config(), text.replacen(&from, &to, 1)).unwrap();
        let told = || {
            let log = daemon.log();
            log.lines()
                .filter(|line| line.contains("at the next start") && line.contains(&format!("\\\"{key}\\\"")))
                .count()
        };
        for times in [1, 2] {
            daemon.signal(Signal::HUP);
            support::eventually(key, async || (told() == times).then_some(())).await;
        }
    }
    assert!(daemon.log().lines().all(|line| !line.contains("are in force")), "{}", daemon.log());
    cli(&world, &["presign", "s3://photos/a", "--identity", "key"], "").await.fine();
}

#[tokio::test]
async fn a_hang_up_changes_what_is_logged() {
    let world = World::new().await;
    let identities = identities(&world);
    let daemon = world.daemon(&(identities.clone() + &grant("photos"))).await;
    let filter = |filter: &str, bucket: &str| {
        world.write_config(&(identities.clone() + &grant(bucket)));
        let text = std::fs::read_to_string(world.config()).unwrap();
        std::fs::write(world.config(), text.replace("info,presignd=debug", filter)).unwrap();
        daemon.signal(Signal::HUP);
    };
    filter("error", "films");
    support::eventually("the grant is in force", async || {
        (cli(&world, &["presign", "s3://films/a", "--identity", "key"], "").await.0 == 0).then_some(())
    })
    .await;
    let before = daemon.log();
    assert_eq!(cli(&world, &["presign", "s3://photos/a", "--identity", "key"], "").await.0, 254);
    assert_eq!(daemon.log(), before, "a denial is a warning");

    // A filter that is none changes nothing, not even the grant beside it.
    filter("presignd=loud", "photos");
    support::eventually("an error", async || daemon.log().contains("stays in force").then_some(())).await;
    assert!(daemon.log().contains("log.filter"), "{}", daemon.log());
    assert_eq!(cli(&world, &["presign", "s3://photos/a", "--identity", "key"], "").await.0, 254);

    filter("info", "photos");
    support::eventually("a line of level info", async || daemon.log().contains("are in force").then_some(())).await;
    assert_eq!(daemon.log().matches("are in force").count(), 1, "the others were not to be logged");
}

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
async fn a_daemon_that_is_told_to_stop_leaves_no_socket_and_exits_with_0() {
    let world = World::new().await;
    for signal in [Signal::TERM, Signal::INT] {
        let daemon = world.daemon(&identities(&world)).await;
        let sockets = [daemon.sign_socket(), daemon.admin_socket()];
        assert!(sockets.iter().all(|path| is_socket(path)));
        daemon.signal(signal);
        let status = daemon.end().await;
        assert_eq!(status.code(), Some(0), "{signal:?}");
        assert!(sockets.iter().all(|path| !path.exists()), "{signal:?}");
    }
}

#[tokio::test]
async fn a_second_daemon_is_refused_and_the_first_goes_on() {
    let world = World::new().await;
    let identities = identities(&world);
    let first = world.daemon(&identities).await;

    let second = world.spawn(&identities);
    assert_eq!(second.end().await.code(), Some(253));
    assert!(first.log().contains("in use by another presignd"), "{}", first.log());

    // A registry of its own, but the same sockets.
    let other = world.folder.path().join("other.toml");
    let text = std::fs::read_to_string(world.config()).unwrap().replace("/state/", "/other/");
    std::fs::write(&other, text).unwrap();
    let third = world.run(BINARY, |command| command.arg("serve").arg("--config").arg(&other));
    assert_eq!(third.end().await.code(), Some(253));
    assert!(first.log().contains("listens there"), "{}", first.log());

    cli(&world, &["presign", "s3://photos/a", "--identity", "key"], "").await.fine();
}

#[tokio::test]
async fn a_daemon_that_was_killed_is_followed_by_one_that_takes_its_sockets_and_records() {
    let world = World::new().await;
    let identities = identities(&world);
    let first = world.daemon(&identities).await;
    ready(&world).await;
    let url = cli(&world, &["presign", "s3://photos/a", "--identity", "key"], "").await.fine();
    let socket = first.sign_socket();
    first.kill().await;
    assert!(is_socket(&socket), "nobody was there to remove it");
    let lost = cli(&world, &["health"], "").await;
    assert_eq!(lost.0, 253, "{lost:?}");

    let second = world.daemon(&identities).await;
    let found = cli(&world, &["find", "-", "--output", "json"], &url).await.json();
    assert_eq!(found["found"][0]["match"], "signature", "{found}");
    assert_eq!(second.stop().await.code(), Some(0));
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
