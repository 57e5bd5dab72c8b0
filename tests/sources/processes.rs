//! `credential_process`: with an end and without, failing, hanging.

use rustix::process::{Pid, test_kill_process};

use crate::host::{Host, ready, refused, session_end, sign, usable_until, written};
use crate::support::eventually;
use crate::support::keys::Key;

/// What a process prints for a key.
fn answer(key: &Key, with_end: bool) -> String {
    let mut json = serde_json::json!({
        "Version": 1,
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret,
        "SessionToken": key.token,
    });
    if with_end {
        json["Expiration"] = written(key.ends_at.expect("a session ends")).into();
    }
    json.to_string()
}

fn profile(host: &Host, command: &str) {
    host.write(".aws/config", &format!("[profile helper]\ncredential_process = {command}\n"));
}

const SOURCE: &str = "source = \"profile\"\nprofile = \"helper\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_is_run_again_ahead_of_the_end_that_it_printed_and_not_before() {
    let host = Host::new().await;
    let (first, second) = (host.role_session(40), host.role_session(7200));
    host.write("answer-1", &answer(&first, true));
    host.write("answer-2", &answer(&second, true));
    let script = "echo run >> runs; cat answer-$(wc -l < runs)";
    host.write("helper", script);
    profile(&host, "sh helper");
    let daemon = host.daemon(&host.identity("web", SOURCE)).await;
    ready(&daemon, "web").await;
    let url = sign(&daemon, "web", 3600).await.expect("the process told an end");
    assert_eq!((session_end(&url), Some(usable_until(&url)), url.cautions.len()), (first.ends_at, first.ends_at, 0));
    assert_eq!(host.world.s3.fetch("GET", &url.url, [], "").await.status, 200);
    eventually("the second session signs", async || {
        let url = sign(&daemon, "web", 3600).await.expect("it always has a session");
        (session_end(&url) == second.ends_at).then_some(())
    })
    .await;
    let runs = std::fs::read_to_string(host.world.folder.path().join("runs")).expect("it ran");
    assert_eq!(runs.lines().count(), 2, "the process ran as often as there were sessions to get");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_prints_no_end_signs_only_with_a_life_that_somebody_vouches_for() {
    let host = Host::new().await;
    let user = host.world.keys.user("forever");
    host.write("session", &answer(&host.role_session(3600), false));
    host.write("key", &answer(&user, false).replace("\"SessionToken\":null,", ""));
    host.write(
        ".aws/config",
        "[profile session]\ncredential_process = cat session\n[profile key]\ncredential_process = cat key\n",
    );
    let source = |name: &str| host.identity(name, &format!("source = \"profile\"\nprofile = \"{name}\""));
    let daemon = host.daemon(&(source("session") + &source("key"))).await;
    assert_eq!(refused(&daemon, "session").await.last_failure_reason, "END_UNKNOWN");
    ready(&daemon, "key").await;
    let url = sign(&daemon, "key", 7 * 86_400).await.expect("a long-term key has no end");
    assert_eq!((session_end(&url), url.cautions.len()), (None, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_fails_is_told_in_its_own_words_but_for_secrets_and_run_again() {
    let host = Host::new().await;
    let key = host.role_session(3600);
    let script = format!("test -f ticket || {{ echo 'no ticket; had {}' >&2; exit 7; }}; cat ticket", key.secret);
    host.write("helper", &script);
    profile(&host, "sh helper");
    let daemon = host.daemon(&host.identity("web", SOURCE)).await;
    let web = refused(&daemon, "web").await;
    assert_eq!(web.last_failure_reason, "PROFILE");
    for words in ["exit status: 7", "no ticket; had …"] {
        assert!(web.last_failure.contains(words), "{}", web.last_failure);
    }
    host.write("ticket", &answer(&key, true));
    ready(&daemon, "web").await;
    assert!(!daemon.log().contains(&key.secret));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_hangs_holds_up_neither_others_nor_the_end_of_the_daemon_and_does_not_outlive_it() {
    let host = Host::new().await;
    host.write("helper", "sleep 600 & echo $! > child; wait");
    profile(&host, "sh helper");
    host.write(".aws/credentials", &host.static_profile("key", &host.world.user));
    let key = host.identity("key", "source = \"profile\"\nprofile = \"key\"");
    let daemon = host.daemon(&(host.identity("web", SOURCE) + &key)).await;
    ready(&daemon, "key").await;
    sign(&daemon, "key", 60).await.expect("the other identity signs");
    let child = host.world.folder.path().join("child");
    let child =
        eventually("the process hangs", async || std::fs::read_to_string(&child).ok()?.trim().parse().ok()).await;
    let child = Pid::from_raw(child).expect("a process has a number");
    assert!(test_kill_process(child).is_ok());
    assert_eq!(daemon.stop().await.code(), Some(0));
    eventually("the process is gone", async || test_kill_process(child).is_err().then_some(())).await;
}
