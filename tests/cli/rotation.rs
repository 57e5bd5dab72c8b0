//! Drains, retirements and pauses on the command line.

use rustix::process::{Pid, Signal, kill_process};

use super::*;

#[test]
fn rotation_says_plainly_what_can_be_done() {
    let fake = Fake::start();
    let (code, out, _) = run(&fake.socket, &["rotation", "web", "--with-retired"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((code, lines.len()), (0, 5), "{out}");
    assert!(lines[0].starts_with("IDENTITY  GENERATION  ACCESS KEY   STATE"), "{out}");
    assert!(lines[2].contains("draining") && lines[2].contains("600"), "{out}");
    assert_eq!(lines[4], "web 3: wait until 2026-11-22T14:10:00Z", "and nothing of sessions that end by themselves");
    let asked = fake.seen.lock().unwrap().statuses.remove(0);
    assert_eq!((asked.identity.as_str(), asked.with_retired), ("web", true));
    let (_, out, _) = run(&fake.socket, &["rotation", "--output", "text"]);
    let fields: Vec<usize> = out.lines().map(|line| line.split('\t').count()).collect();
    assert_eq!(fields, [11, 11], "{out}");
    let (_, out, _) = run(&fake.socket, &["rotation", "--output", "json"]);
    assert_eq!(
        shape(&out),
        "generations generations.advice generations.ended_by generations.ended_early_urls generations.kind generations.last_url_ends_at generations.others generations.outstanding_urls \
         generations.partition generations.safe_from generations.session generations.session.access_key_id \
         generations.session.expires_at generations.session.generation generations.session.id \
         generations.session.identity generations.since generations.state version"
    );
}

#[test]
fn drain_answers_at_once_and_cancel_takes_it_back() {
    let fake = Fake::start();
    let (code, out, err) = run(&fake.socket, &["drain", "web", "--output", "json"]);
    assert_eq!((code, json_of(&out)["generation"]["state"].clone(), err.as_str()), (0, "draining".into(), ""));
    let (code, out, _) = run(&fake.socket, &["drain", "web", "--generation", "3", "--cancel"]);
    assert!(code == 0 && out.contains("active"), "{code} {out}");
    let seen = fake.seen.lock().unwrap();
    assert_eq!((seen.drains[0].identity.as_str(), seen.drains[0].generation), ("web", 0));
    assert_eq!((seen.cancels.len(), seen.cancels[0].generation), (1, 3));
    assert_eq!(run(&fake.socket, &["drain", "web", "--cancel", "--wait"]).0, 252);
}

#[test]
fn drain_waits_until_nothing_is_outstanding() {
    let fake = Fake::start();
    let (code, out, err) = run(&fake.socket, &["drain", "web", "--wait", "--output", "text"]);
    assert_eq!((code, out.split('\t').nth(3)), (0, Some("drained")), "{out}");
    assert!(err.contains("1203 URLs outstanding, the last ends 2026-11-22T14:10:00Z"), "{err}");
    assert_eq!(err.lines().count(), 1, "no bar where nobody sees it: {err}");
    assert_eq!(fake.seen.lock().unwrap().statuses.len(), 3);
}

#[test]
fn a_terminal_shows_how_far_a_drain_has_come() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let fake = Fake::start();
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let stderr = std::fs::File::options().read(true).write(true).open(&name).unwrap();
    let mut command = presignd(&fake.socket, &["drain", "web", "--wait", "--output", "json"]);
    let child = command.stderr(stderr).stdout(Stdio::piped()).spawn().unwrap();
    drop(command); // The terminal ends when nobody can write to it any more.
    let (mut shown, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = rustix::io::read(&terminal, &mut part) {
        shown.extend_from_slice(&part[..length]);
    }
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(shown.contains("[###############---------------] 600 URLs outstanding"), "{shown}");
    assert!(shown.ends_with("\r\u{1b}[K"), "and takes it away: {shown:?}");
}

#[test]
fn ctrl_c_ends_the_wait_and_not_the_drain() {
    let fake = Fake::start();
    let mut child = presignd(&fake.socket, &["drain", "web", "--wait"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    std::io::BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("Ctrl-C leaves it draining"), "{said}");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(fake.seen.lock().unwrap().cancels.is_empty());
}

#[test]
fn retire_is_refused_and_by_force_says_what_it_breaks() {
    let fake = Fake::start();
    let (code, out, err) = run(&fake.socket, &["retire", "web", "3"]);
    assert_eq!((code, out.as_str()), (254, ""));
    assert!(err.contains("1203 URLs") && err.contains("URLS_OUTSTANDING"), "{err}");
    let (code, out, _) = run(&fake.socket, &["retire", "web", "3", "--force", "--output", "json"]);
    assert_eq!((code, json_of(&out)["breaks_urls"].clone()), (0, 1203.into()));
    assert_eq!(json_of(&out)["was_retired"], false);
}

#[test]
fn pause_and_resume_say_how_the_identity_is() {
    let fake = Fake::start();
    assert_eq!(run(&fake.socket, &["pause", "web"]), (0, "paused\n".to_owned(), String::new()));
    assert_eq!(run(&fake.socket, &["resume", "web"]), (0, "ready\n".to_owned(), String::new()));
    let (_, out, _) = run(&fake.socket, &["pause", "web", "--output", "json"]);
    assert_eq!(json_of(&out)["identity"]["state"], "paused");
}
