//! The built binary at both ends: the daemon as a process of its own, asked by the command line; what it does on signals
//! and when it is started twice; and `presignd check --online` beside it.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

#[path = "serve/check.rs"]
mod check;
#[path = "serve/hang_up.rs"]
mod hang_up;
#[path = "support/daemon.rs"]
mod process;
mod support;

use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::Stdio;

use process::World;
use rustix::process::Signal;
use serde_json::Value;
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
