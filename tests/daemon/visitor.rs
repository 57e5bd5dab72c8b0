//! A second user of the host: what it may sign and see, and how far the sockets let it in.

use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

use presignd::grpc::proto::PresignRequest;
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::process::{Daemon, World, get, length, presign};
use crate::support::{DEADLINE, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_a_second_user_signs_what_a_grant_allows_and_nothing_else() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"");
    let daemon = world.daemon(&web).await;
    open(&world);
    let refused = as_visitor(&world, &daemon, &["presign", "s3://photos/public/a"]).await;
    assert!(!refused.status.success(), "with no grant only root and the daemon's own user may sign");
    daemon.stop().await;

    let daemon = world.daemon(&(VISITORS.to_owned() + &web)).await;
    let allowed = as_visitor(&world, &daemon, &["presign", "s3://photos/public/a", "--expires-in", "60"]).await;
    assert!(allowed.status.success(), "{}", said(&allowed));
    assert!(String::from_utf8_lossy(&allowed.stdout).starts_with(&world.s3.endpoint()));
    for (what, arguments) in [
        ("another prefix", &["presign", "s3://photos/private/a", "--expires-in", "60"][..]),
        ("another bucket", &["presign", "s3://other/public/a", "--expires-in", "60"]),
        ("another operation", &["presign", "s3://photos/public/a", "--expires-in", "60", "--method", "PUT"]),
    ] {
        let denied = as_visitor(&world, &daemon, arguments).await;
        assert_eq!(denied.status.code(), Some(254), "{what}: {}", said(&denied));
        assert!(denied.stdout.is_empty(), "{what}");
    }
    let longer = as_visitor(&world, &daemon, &["presign", "s3://photos/public/a", "--expires-in", "3600"]).await;
    assert_eq!(longer.status.code(), Some(3), "longer than the grant allows: {}", said(&longer));
    let admin = as_visitor(&world, &daemon, &["identities", "--admin"]).await;
    assert!(!admin.status.success(), "the admin socket is not for visitors");
    let log = daemon.log();
    assert!(log.contains("12345"), "a denial is logged with the uid:\n{log}");
    assert!(!log.contains("private/a") && !log.contains("X-Amz-"), "and without what was asked for:\n{log}");
    let metrics = daemon.metrics().await;
    assert!(metrics.contains("presignd_denied_total{dimension=\"prefix\"} 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_a_reload_lets_the_first_visitors_and_admins_in_and_out_again() {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"");
    let daemon = world.daemon(&web).await;
    open(&world);
    let sign = ["presign", "s3://photos/public/a", "--expires-in", "60"];
    let list = ["identities", "--admin"];
    for closed in [&sign[..], &list] {
        assert_eq!(as_visitor(&world, &daemon, closed).await.status.code(), Some(253), "it cannot open the socket");
    }

    world.write_config(&(VISITORS.to_owned() + &web));
    admit(&world, 12345);
    daemon.signal(Signal::HUP);
    for open in [&sign[..], &list] {
        eventually("the socket is open", async || {
            as_visitor(&world, &daemon, open).await.status.success().then_some(())
        })
        .await;
    }

    world.write_config(&web);
    daemon.signal(Signal::HUP);
    for closed in [&sign[..], &list] {
        eventually("the socket is closed", async || {
            (as_visitor(&world, &daemon, closed).await.status.code() == Some(253)).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_a_directory_that_keeps_visitors_out_and_is_not_ours_is_refused_with_the_cure() {
    let world = World::new().await;
    let sign = world.folder.path().join("sign");
    std::fs::create_dir(&sign).expect("the folder is ours");
    std::fs::set_permissions(&sign, std::fs::Permissions::from_mode(0o700)).expect("so is this");
    std::fs::write(sign.join("letters"), "").expect("and this");
    let daemon = world.spawn(&(VISITORS.to_owned() + &world.web("duration = \"1h\"")));
    let log = world.folder.path().join("log");
    assert_eq!(daemon.end().await.code(), Some(253));
    let said = std::fs::read_to_string(log).expect("it said something");
    assert!(said.contains("chmod it to 0755"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_a_second_user_sees_its_own_records_and_no_others() {
    let world = World::new().await;
    let anybody = VISITORS.replace("uid = 12345", "any = true");
    let daemon = world.daemon(&(anybody + &world.web("duration = \"1h\""))).await;
    open(&world);
    let roots = presign(&mut daemon.signer().await, get("public/of-root")).await.expect("anybody may sign");
    let own =
        as_visitor(&world, &daemon, &["presign", "s3://photos/public/own", "--expires-in", "60", "--output", "json"])
            .await;
    let own: Value = serde_json::from_slice(&own.stdout).expect("JSON");
    let (own_id, own_url) = (own["id"].as_str().expect("an id"), own["url"].as_str().expect("a URL"));

    let json = async |arguments: &[&str]| -> Value {
        let output = as_visitor(&world, &daemon, &[arguments, &["--output", "json"]].concat()).await;
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let ids = |listed: &Value| -> Vec<String> {
        let urls = listed["urls"].as_array().expect("a list").iter();
        urls.map(|url| url["id"].as_str().expect("an id").to_owned()).collect()
    };
    for filter in [&["urls"][..], &["urls", "--uid", "12345"], &["urls", "--bucket", "photos"]] {
        assert_eq!(ids(&json(filter).await), [own_id]);
    }
    assert_eq!(json(&["urls", own_id]).await["url"]["id"], own_id);
    assert_eq!(json(&["find", own_url]).await["found"][0]["url"]["id"], own_id);
    assert_eq!(json(&["explain", own_url]).await["url"]["id"], own_id);

    admit(&world, 4711);
    daemon.signal(Signal::HUP);
    eventually("the admin socket is open", async || daemon.log().contains("in force").then_some(())).await;
    for (arguments, reason) in [
        (&["urls", &roots.id][..], "URL_NOT_FOUND"),
        (&["urls", "--uid", "0"], "NOT_ADMITTED"),
        (&["urls", "--admin"], "NOT_ADMITTED"),
        (&["find", &roots.url, "--admin"], "NOT_ADMITTED"),
    ] {
        let refused = as_visitor(&world, &daemon, arguments).await;
        assert_eq!(refused.status.code(), Some(254), "{arguments:?}: {}", said(&refused));
        assert!(said(&refused).contains(reason), "{arguments:?}: {}", said(&refused));
    }
    let found = json(&["find", &roots.url]).await;
    assert_eq!(found["found"], Value::Array(Vec::new()), "{found}");
    assert!(json(&["explain", &roots.url]).await["url"].is_null(), "what the text shows, and no record");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_a_second_user_signs_its_own_records_again_and_no_others() {
    let world = World::new().await;
    let anybody = VISITORS.replace("uid = 12345", "any = true");
    let daemon = world.daemon(&(anybody + &world.web("duration = \"1h\""))).await;
    open(&world);
    let roots = presign(&mut daemon.signer().await, get("public/of-root")).await.expect("anybody may sign");
    let own =
        as_visitor(&world, &daemon, &["presign", "s3://photos/public/own", "--output", "json", "--expires-in", "60"]);
    let own: Value = serde_json::from_slice(&own.await.stdout).expect("JSON");
    let own = own["id"].as_str().expect("an id");

    let both = as_visitor(&world, &daemon, &["resign", &roots.id, own]).await;
    assert_eq!(both.status.code(), Some(254), "{}", said(&both));
    let out = String::from_utf8_lossy(&both.stdout).into_owned();
    assert!(out.lines().count() == 1 && out.starts_with(own), "its own and no other: {}", said(&both));
    assert!(said(&both).contains(&format!("{}: no record has this id", roots.id)), "{}", said(&both));
    let all = as_visitor(&world, &daemon, &["resign", "--all"]).await;
    assert!(all.status.success(), "{}", said(&all));
    assert!(!said(&all).contains(&roots.id), "a filter finds its own only: {}", said(&all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn needs_root_a_second_user_hears_of_its_own_urls_only_and_an_admin_of_all() {
    let world = World::new().await;
    let anybody = VISITORS.replace("uid = 12345", "any = true");
    let daemon = world.daemon(&(anybody + &world.web("duration = \"1h\""))).await;
    open(&world);
    let asked = PresignRequest { expires_in: Some(length(300)), ..get("public/of-root") };
    let roots = presign(&mut daemon.signer().await, asked).await.expect("anybody may sign").id;
    let sign = ["presign", "s3://photos/public/own", "--expires-in", "300", "--output", "json"];
    let own: Value = serde_json::from_slice(&as_visitor(&world, &daemon, &sign).await.stdout).expect("JSON");
    let own = own["id"].as_str().expect("an id").to_owned();
    let report = async |event: &[&str]| {
        let answer = as_root(&daemon, &[&["report", "--output", "json"], event].concat()).await;
        let answer: Value = serde_json::from_slice(&answer.stdout).unwrap_or_else(|_| panic!("{}", said(&answer)));
        answer["event"]["id"].as_str().expect("an id").to_owned()
    };
    let not_theirs = report(&["object-deleted", "s3://photos/public/of-root", "--versioned", "no"]).await;
    let of_both = report(&["deny", "--bucket", "photos"]).await;
    for event in [&not_theirs, &of_both] {
        let lifted = as_root(&daemon, &["events", "--lift", event]).await;
        assert!(lifted.status.success(), "{}", said(&lifted));
    }
    let again = report(&["deny", "--bucket", "photos"]).await;

    let visitor = visitor(&world, &daemon, &["watch", "--from-oldest", "--output", "json"]);
    let heard = lines_until(visitor, |line| line["url_ends_early"]["event_id"] == *again).await;
    let told = told(&heard);
    let of = |name: &str, id: &str| (name.to_owned(), id.to_owned());
    let wanted = [of("event_lifted", &of_both), of("event_happened", &again), of("url_ends_early", &own)];
    assert_eq!(told, wanted, "{heard:?}");
    assert!(heard.iter().all(|line| !line.to_string().contains("of-root")), "{heard:?}");

    let root = program(&daemon, &["watch", "--from-oldest", "--output", "json", "--admin"]);
    let heard = lines_until(root, |line| line["url_ends_early"]["url_id"] == *own).await;
    for wanted in [of("event_happened", &not_theirs), of("event_lifted", &not_theirs), of("url_ends_early", &roots)] {
        assert!(self::told(&heard).contains(&wanted), "{wanted:?}: {heard:?}");
    }
    let refused = as_visitor(&world, &daemon, &["watch", "--admin"]).await;
    assert_eq!(refused.status.code(), Some(253), "{}", said(&refused));
    for verb in [&["report", "deny", "--bucket", "photos"][..], &["events"], &["events", "--lift", &again]] {
        let socket = daemon.sign_socket();
        let to = ["--admin-socket", socket.to_str().expect("UTF-8")];
        let refused = as_visitor(&world, &daemon, &[&verb[..1], &to, &verb[1..]].concat()).await;
        assert!(said(&refused).contains("NOT_ADMITTED"), "{verb:?}: {}", said(&refused));
    }
}

/// What was told, and of what.
fn told(lines: &[Value]) -> Vec<(String, String)> {
    let told = |line: &Value| {
        let (name, what) = line.as_object()?.iter().find(|(_, what)| what.is_object())?;
        let id = what["id"].as_str().or(what["url_id"].as_str())?;
        Some((name.clone(), id.to_owned()))
    };
    lines.iter().filter_map(told).collect()
}

/// Lines of JSON that a program prints, up to one.
async fn lines_until(mut command: Command, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("it starts");
    let mut out = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut lines: Vec<Value> = Vec::new();
    while lines.last().is_none_or(|line| !is_last(line)) {
        let line = timeout(DEADLINE, out.next_line()).await.expect("it comes").expect("UTF-8");
        lines.push(serde_json::from_str(&line.expect("the program goes on")).expect("JSON"));
    }
    lines
}

/// Lets other users into the folder; the sockets have modes of their own.
pub(crate) fn open(world: &World) {
    let readable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(world.folder.path(), readable.clone()).expect("the folder is ours");
    // The other user may be unable to reach where the program was built.
    let copy = world.folder.path().join("presignd");
    std::fs::copy(env!("CARGO_BIN_EXE_presignd"), &copy).expect("there is room for a copy");
    std::fs::set_permissions(copy, readable).expect("the copy is ours");
}

/// Makes a user an admin, from the next reload on.
fn admit(world: &World, uid: u32) {
    let text = std::fs::read_to_string(world.config()).expect("there is a configuration");
    let text = text.replacen("[sockets]", &format!("[sockets]\nadmin_uids = [{uid}]"), 1);
    std::fs::write(world.config(), text).expect("the folder can be written");
}

fn visitor(world: &World, daemon: &Daemon, arguments: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "12345", "--regid", "12345", "--clear-groups"]).arg(world.folder.path().join("presignd"));
    ask(command, daemon, arguments)
}

fn program(daemon: &Daemon, arguments: &[&str]) -> Command {
    ask(Command::new(env!("CARGO_BIN_EXE_presignd")), daemon, arguments)
}

fn ask(mut command: Command, daemon: &Daemon, arguments: &[&str]) -> Command {
    command.args(arguments).current_dir("/").env_remove("AWS_PROFILE").stdin(Stdio::null());
    command.env("PRESIGND_SOCKET", daemon.sign_socket()).env("PRESIGND_ADMIN_SOCKET", daemon.admin_socket());
    command
}

pub(crate) async fn as_visitor(world: &World, daemon: &Daemon, arguments: &[&str]) -> Output {
    visitor(world, daemon, arguments).output().await.expect("setpriv is part of util-linux")
}

pub(crate) async fn as_root(daemon: &Daemon, arguments: &[&str]) -> Output {
    program(daemon, arguments).output().await.expect("it starts")
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

pub(crate) const VISITORS: &str = "[[grant]]\nname = \"visitors\"\nuid = 12345\nidentities = [\"web\"]\nbuckets = [\"photos\"]\n\
                        prefixes = [\"public/\"]\noperations = [\"GetObject\"]\nmax_expires_in = \"5m\"\n";
