//! The command line as scripts meet it: the built binary against a daemon that answers by rote. Exit codes, what stands
//! on stdout and what on stderr, and the shape of the JSON.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod docs;
mod doctor;
mod fake;
mod find;
mod happening;
mod impact;
mod pages;
mod registry;
mod rotation;
mod terminal;
mod top;

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use fake::Fake;
use serde_json::{Value, json};

fn presignd(socket: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presignd"));
    command.env_clear().env("PRESIGND_SOCKET", socket).env("PRESIGND_ADMIN_SOCKET", socket);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Exit code, stdout, stderr.
fn run(socket: &Path, arguments: &[&str]) -> (i32, String, String) {
    said(presignd(socket, arguments).output().unwrap())
}

fn run_with(socket: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = presignd(socket, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    said(output)
}

/// The first line that a running program writes; a failure, and no endless wait, when it writes none.
fn first_line(child: &mut std::process::Child) -> String {
    let out = child.stdout.take().unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || send.send(std::io::BufReader::new(out).lines().next()));
    let line = receive.recv_timeout(std::time::Duration::from_secs(300));
    if line.is_err() {
        child.kill().unwrap();
    }
    line.expect("a line comes").unwrap().unwrap()
}

fn said(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Every path of names in a document; what clients rely on.
fn names(value: &Value, path: &str, names_so_far: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            names_so_far.push(format!("{path}{name}"));
            names(value, &format!("{path}{name}."), names_so_far);
        }),
        Value::Array(items) => items.iter().take(1).for_each(|item| names(item, path, names_so_far)),
        _ => {}
    }
}

fn shape(text: &str) -> String {
    let mut all = Vec::new();
    names(&json_of(text), "", &mut all);
    all.sort();
    all.join(" ")
}

#[test]
fn presign_prints_the_url_and_a_newline_only() {
    let fake = Fake::start();
    let (code, out, err) = run(&fake.socket, &["presign", "s3://films/a.mp4"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, "https://films.s3.amazonaws.com/a.mp4?X-Amz-Signature=00\n");
}

#[test]
fn presign_takes_the_forms_of_the_aws_cli() {
    let fake = Fake::start();
    let forms: [&[&str]; 5] = [
        &["presign", "s3://films/a.mp4", "--expires-in", "604800"],
        &["presign", "--expires-in=604800", "s3://films/a.mp4"],
        &["presign", "films/a.mp4", "--expires-in", "7d"],
        &["presign", "s3://films/a.mp4", "--expires-in", "604800", "--profile", "web", "--region", "eu-west-1"],
        &["--output", "text", "presign", "s3://films/a.mp4", "--expires-in", "168h"],
    ];
    for form in forms {
        assert_eq!(run(&fake.socket, form).0, 0, "{form:?}");
    }
    let seen = fake.seen.lock().unwrap();
    assert_eq!(seen.presigns.len(), forms.len());
    for asked in &seen.presigns {
        let request = asked.request.as_ref().unwrap();
        assert_eq!((request.bucket.as_str(), request.key.as_str()), ("films", "a.mp4"));
        assert_eq!((asked.expires_in.unwrap().seconds, request.operation), (604_800, 1));
    }
    assert_eq!((seen.presigns[3].identity.as_str(), seen.presigns[0].expires_in.is_some()), ("web", true));
    assert_eq!(seen.presigns[3].request.as_ref().unwrap().region, "eu-west-1");
}

#[test]
fn every_flag_reaches_the_service() {
    let fake = Fake::start();
    let flags = "presign s3://films/a.mp4 --method put --at-least 10m --header Content-Type:text/plain --query x-id=PutObject \
        --version-id 3 --on-behalf-of ann --label job=7 --request-id r1 --tag --path-style --dual-stack --fips --accelerate";
    let (code, _, err) = run(&fake.socket, &flags.split_whitespace().collect::<Vec<_>>());
    assert_eq!(code, 0, "{err}");
    let asked = fake.seen.lock().unwrap().presigns.remove(0);
    let request = asked.request.unwrap();
    let host = request.addressing.unwrap();
    assert_eq!(
        (request.operation, request.method.as_str(), request.headers["Content-Type"].as_str()),
        (0, "put", "text/plain")
    );
    assert_eq!((request.query["x-id"].as_str(), request.query["versionId"].as_str()), ("PutObject", "3"));
    assert_eq!((host.style, host.dual_stack, host.fips, host.accelerate), (2, true, true, true));
    assert_eq!((asked.on_behalf_of.as_str(), asked.labels["job"].as_str()), ("ann", "7"));
    assert_eq!((asked.request_id.as_str(), asked.tag_url, asked.at_least.unwrap().seconds), ("r1", true, 600));
    assert!(err.contains("the bearer must send Content-Type: text/plain"), "{err}");
}

#[test]
fn a_life_that_was_cut_is_a_warning_and_never_on_stdout() {
    let fake = Fake::start();
    let (code, out, err) = run(&fake.socket, &["presign", "s3://cut/a", "--expires-in", "1h"]);
    assert_eq!((code, out.lines().count()), (0, 1));
    assert!(err.contains("lives 30m only, until 2026-11-22T12:30:00Z: limited by session"), "{err}");
}

#[test]
fn exit_codes_are_those_of_the_aws_cli() {
    let fake = Fake::start();
    let table: [(&[&str], i32, &str); 21] = [
        (&["--version"], 0, ""),
        (&["presign", "--help"], 0, ""),
        (&["health"], 0, ""),
        (&["presign", "s3://short/a"], 3, "longest now: 30m"),
        (&[], 252, "Usage"),
        (&["sign"], 252, "unrecognized"),
        (&["presign", "https://films.s3.amazonaws.com/a"], 252, "s3://BUCKET/KEY"),
        (&["presign", "s3://a/b", "--expires-in", "soon"], 252, "seconds"),
        (&["presign", "s3://a/b", "--endpoint-url", "http://x"], 252, "identity.NAME.s3"),
        (&["presign", "s3://a/b", "--operation", "Steal"], 252, "no S3 operation"),
        (&["post", "s3://films"], 252, "--key-starts-with"),
        (&["urls", "--signed-from", "yesterday"], 252, "2026-11-22T23:59:59Z"),
        (&["presign", "s3://denied/a"], 254, "reason: DENIED"),
        (&["urls", "aaaaaaaa-2"], 254, "no such record"),
        (&["health", "--service", "ill"], 254, "cannot sign"),
        (
            &["presign", "s3://a/b", "--socket", "/nonexistent/presignd.sock"],
            253,
            "cannot reach presignd at /nonexistent",
        ),
        (&["check", "--config", "/nonexistent/presignd.toml"], 253, "cannot read /nonexistent"),
        (&["serve", "--config", "/nonexistent/presignd.toml"], 253, "cannot read"),
        (&["presign", "s3://slow/a", "--timeout", "1s"], 255, "no answer in time"),
        // A daemon that listened elsewhere than it was told, without a word, would be a trap.
        (&["serve", "--socket", "/tmp/presignd.sock"], 252, "[sockets]"),
        (&["--admin", "check"], 252, "asks no daemon"),
    ];
    for (arguments, code, word) in table {
        let (got, out, err) = run(&fake.socket, arguments);
        assert_eq!(got, code, "{arguments:?}: {err}");
        assert!(err.contains(word), "{arguments:?}: {err}");
        assert!(code == 0 || out.is_empty() || arguments[0] == "health", "{arguments:?} wrote {out:?} on stdout");
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_255() {
    let fake = Fake::start();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let (code, _, err) = said(presignd(&fake.socket, &["health"]).stdout(full).output().unwrap());
    assert!(code == 255 && err.contains("cannot write the answer"), "{code} {err}");
}

#[test]
fn a_refusal_tells_both_lives_and_the_limit() {
    let fake = Fake::start();
    let (_, _, err) = run(&fake.socket, &["presign", "s3://short/a"]);
    let lines =
        ["no URL can live", "limited by: chaining", "longest fresh: 59m 55s", "longest now: 30m", "SESSION_TOO_SHORT"];
    for line in lines {
        assert!(err.contains(line), "{err}");
    }
}

#[test]
fn a_batch_answers_every_line_in_order_and_one_failure_does_not_stop_the_rest() {
    let fake = Fake::start();
    let input = "{\"bucket\":\"films\",\"key\":\"1\"}\n\ns3://short/2\n{\"bukcet\":1}\ns3://films/4\n";
    for arguments in [&["presign", "-", "--label", "a=b"][..], &["presign", "--label", "a=b"][..]] {
        let (code, out, err) = run_with(&fake.socket, arguments, input);
        let lines: Vec<Value> = out.lines().map(json_of).collect();
        assert_eq!((code, lines.len()), (254, 4), "{err}");
        assert!(lines.iter().enumerate().all(|(at, line)| line["line"] == at + 1 && line["version"] == 1));
        assert_eq!(lines[0]["url"], "https://films.s3.amazonaws.com/1?X-Amz-Signature=00");
        assert_eq!(lines[1]["error"]["reason"], "SESSION_TOO_SHORT");
        assert_eq!(lines[1]["error"]["metadata"]["longest_now_seconds"], "1800");
        assert_eq!(lines[2]["error"]["reason"], "MALFORMED_LINE");
        assert_eq!(lines[3]["url"], "https://films.s3.amazonaws.com/4?X-Amz-Signature=00");
        assert!(err.contains("2 of 4 requests failed"), "{err}");
    }
    assert!(fake.seen.lock().unwrap().presigns.iter().all(|asked| asked.labels["a"] == "b"));
    assert_eq!(run_with(&fake.socket, &["presign", "-"], "").0, 0);
}

#[test]
fn a_long_batch_keeps_its_order_over_many_calls() {
    let fake = Fake::start();
    let input: String = (1..=2300).map(|number| format!("s3://films/{number}\n")).collect();
    let (code, out, _) = run_with(&fake.socket, &["presign", "-"], &input);
    let keys = out.lines().enumerate().filter(|(at, line)| line.contains(&format!("com/{}?", at + 1))).count();
    assert_eq!((code, keys), (0, 2300));
}

#[test]
fn an_answer_comes_before_stdin_ends() {
    let fake = Fake::start();
    let mut child =
        presignd(&fake.socket, &["presign", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"s3://films/1\n").unwrap();
    let line = first_line(&mut child);
    assert!(line.contains("films.s3.amazonaws.com/1?"), "{line}");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn explain_needs_no_daemon() {
    let url = "https://films.s3.eu-west-1.amazonaws.com/a%20b?X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=ASIAONE%2F20261122%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20261122T120000Z&X-Amz-Expires=3600\
        &X-Amz-SignedHeaders=host&X-Amz-Security-Token=t&X-Amz-Signature=00";
    let nowhere = Path::new("/nonexistent/presignd.sock");
    let (code, out, err) = run(nowhere, &["explain", url, "--output", "json"]);
    let told = json_of(&out);
    assert_eq!((code, &told["bucket"], &told["key"]), (0, &json!("films"), &json!("a b")), "{err}");
    assert_eq!((&told["ends_at"], &told["url"]), (&json!("2026-11-22T13:00:00Z"), &Value::Null));
    assert!(err.contains("/nonexistent/presignd.sock") && err.contains("no record was looked for"), "{err}");
    assert!(!out.contains("Signature=") && !out.contains("=t"), "{out}");
    let (code, out, _) = run_with(nowhere, &["explain", "-"], url);
    assert!(code == 0 && out.contains("a b"), "{out}");
    let (code, out, err) = run(nowhere, &["explain", "no URL at all"]);
    assert!(code == 254 && out.is_empty() && err.contains("INVALID_FIELD"), "{code} {err}");
}

#[test]
fn a_pipe_that_closes_early_is_no_panic() {
    let fake = Fake::start();
    for output in ["text", "table", "json"] {
        let mut command = presignd(&fake.socket, &["urls", "--limit", "0", "--output", output]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let (code, _, err) = said(child.wait_with_output().unwrap());
        assert_eq!((code, err.as_str()), (0, ""), "{output}");
    }
}

#[test]
fn urls_follow_pages_up_to_the_limit_and_say_when_there_are_more() {
    let fake = Fake::start();
    let (code, out, err) = run(&fake.socket, &["urls", "--limit", "1200", "--output", "json"]);
    let listed = json_of(&out);
    assert_eq!((code, listed["urls"].as_array().unwrap().len(), &listed["more"]), (0, 1200, &json!(true)), "{err}");
    let sizes: Vec<i32> = fake.seen.lock().unwrap().lists.iter().map(|one| one.page_size).collect();
    assert_eq!(sizes, [1000, 200]);
    let (_, out, err) = run(&fake.socket, &["urls", "--output", "text"]);
    assert_eq!(out.lines().count(), 100);
    assert!(err.contains("more than 100 records match"), "{err}");
    let (_, out, err) = run(&fake.socket, &["urls", "--limit", "0", "--output", "text"]);
    assert_eq!((out.lines().count(), err.as_str()), (fake::RECORDS, ""));
    let (_, out, _) = run(&fake.socket, &["urls", "--limit", "0", "--output", "table"]);
    assert_eq!(out.lines().filter(|line| line.starts_with("ID")).count(), 1);
    assert!(!out.contains('\x1b'), "a key must not drive the terminal");
}

#[test]
fn find_and_explain_read_secrets_from_stdin() {
    let fake = Fake::start();
    let url = "https://films.s3.amazonaws.com/a?X-Amz-Signature=00";
    let (code, out, err) = run_with(&fake.socket, &["find", "-"], &format!("{url}\n"));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("found by its signature") && out.contains("aaaaaaaa-1"), "{out}");
    let (code, out, _) = run_with(&fake.socket, &["explain", "-"], &format!("{url}\n"));
    assert_eq!(code, 0);
    assert!(out.contains("temporary, with a session token") && out.contains("warning"), "{out}");
    assert_eq!(fake.seen.lock().unwrap().texts, [url, url]);
}

#[test]
fn a_table_of_identities_says_how_long_a_url_can_live() {
    let fake = Fake::start();
    let (_, out, _) = run(&fake.socket, &["identities"]);
    let (_, text, _) = run(&fake.socket, &["identities", "--output", "text"]);
    assert_eq!(
        text.lines().next().unwrap(),
        "web\tassume-role\tready\t7\t2026-11-22T14:00:00Z\t30m\t59m 55s\tchaining"
    );
    assert!(out.starts_with("NAME ") && out.lines().count() == 3, "{out}");
    let (code, out, _) = run(&fake.socket, &["identities", "renew", "web"]);
    assert!(code == 0 && out.contains("30m (limited by session)"), "{out}");
}

#[test]
fn the_admin_socket_is_asked_where_it_is_meant_and_nowhere_else() {
    let fake = Fake::start();
    let elsewhere = |arguments: &[&str]| {
        let (code, _, err) = run(&fake.socket, &[arguments, &["--admin-socket", "/nonexistent/admin.sock"]].concat());
        (code, err.contains("/nonexistent/admin.sock"))
    };
    for arguments in [&["identities", "renew", "web"][..], &["urls", "--admin"], &["--admin", "find", "x"]] {
        assert_eq!(elsewhere(arguments), (253, true), "{arguments:?}");
    }
    for arguments in [&["identities"][..], &["urls"], &["presign", "s3://films/a"]] {
        assert_eq!(elsewhere(arguments), (0, false), "{arguments:?}");
    }
}

/// A name may be added; one that vanishes or changes breaks whoever reads it, and then the version must rise.
#[test]
fn the_json_of_every_verb_keeps_its_shape() {
    let fake = Fake::start();
    let session = "session session.access_key_id session.expires_at session.generation session.id session.identity";
    let presigned = format!(
        "cautions ends_early expires_in headers id limited_by method replaces {session} signed_at url usable_until version"
    );
    let table: [(&[&str], String); 6] = [
        (&["presign", "s3://films/a"], presigned),
        (
            &["post", "s3://films/a"],
            format!(
                "cautions ends_early fields fields.key fields.policy id limited_by replaces {session} signed_at url usable_until version"
            ),
        ),
        (&["health"], "status version".into()),
        (&["find", "x"], "explanation found found.match found.url".into()),
        (&["explain", "x"], "access_key_id algorithm bucket credential ends_at expires_in findings".into()),
        (
            &["identities"],
            "identities identities.failures identities.headroom identities.last_failure identities.last_failure_reason identities.longest_fresh"
                .into(),
        ),
    ];
    for (arguments, names) in table {
        let (_, out, _) = run(&fake.socket, &[arguments, &["--output", "json"]].concat());
        assert!(shape(&out).starts_with(&names), "{arguments:?}\n{}\n{names}", shape(&out));
        assert_eq!((&json_of(&out)["version"], out.lines().count()), (&json!(1), 1));
    }
    let (_, out, _) = run(&fake.socket, &["urls", "aaaaaaaa-1", "--output", "json"]);
    let record = json_of(&out)["url"].take();
    assert_eq!(record["request"]["operation"], "GetObject");
    assert_eq!(record["caller"], json!({"uid": 1000, "gid": 100, "pid": null, "executable": null}));
    assert_eq!((&record["expires_in"], &record["signed_at"]), (&json!(3600), &json!("2026-11-22T12:00:00Z")));
}

#[test]
fn check_answers_without_a_daemon_and_without_signing() {
    let nowhere = Path::new("/nonexistent/presignd.sock");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("presignd.toml");
    let grant = "[registry]\npath = \"/tmp/registry.db\"\n[identity.web]\nsource = \"instance\"\n[[grant]]\nuid = 1000\nidentities = [\"*\"]\nbuckets = [\"films\"]\n\
        prefixes = [\"public/\"]\noperations = [\"GetObject\"]\nmax_expires_in = \"12h\"\n";
    std::fs::write(&file, grant).unwrap();
    let config = file.to_str().unwrap();
    let ask = |uid: &str, uri: &str, more: &[&str]| {
        let arguments = ["check", "--config", config, "--identity", "web", "--as-uid", uid, "--can", uri];
        run(nowhere, &[&arguments, more].concat())
    };
    let (code, out, err) = ask("1000", "s3://films/public/a", &[]);
    assert_eq!((code, out.as_str()), (0, "allowed: GetObject for at most 12h, by grant 1\n"), "{err}");
    let (code, out, err) = ask("1000", "s3://films/secret", &[]);
    assert!(code == 254 && out.is_empty() && err.contains("dimension: prefix"), "{code} {err}");
    let (code, _, err) = ask("1000", "s3://films/public/a", &["--operation", "PutObject"]);
    assert!(code == 254 && err.contains("dimension: operation"), "{code} {err}");
    let (code, out, _) = ask("7", "s3://films/public/a", &["--output", "json"]);
    let answer = json_of(&out);
    assert_eq!((code, &answer["allowed"], &answer["dimension"]), (254, &json!(false), &json!("caller")));
    let (code, out, err) = run(nowhere, &["check", "--config", config, "--output", "json"]);
    assert_eq!((code, &json_of(&out)["config"]["identities"]), (0, &json!({"web": "instance"})), "{err}");
    let wrong = ["check", "--config", config, "--identity", "wbe", "--can", "s3://films/public/a"];
    let (code, _, err) = run(nowhere, &wrong);
    assert!(code == 252 && err.contains("it has web (instance)"), "{code} {err}");
    std::fs::write(&file, "[registry]\nroad = 1\n").unwrap();
    let (code, _, err) = run(nowhere, &["check", "--config", config]);
    assert!(code == 253 && err.contains("road") && err.contains("line 2"), "{code} {err}");
}
