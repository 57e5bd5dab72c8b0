//! Events reported, listed, lifted and watched on the command line.

use presignd::grpc::proto::event::What;

use super::*;

#[test]
fn an_event_is_reported_in_the_words_that_impact_takes() {
    let fake = Fake::start();
    let (code, out, err) = run(&fake.socket, &["report", "key-deactivated", "AKIAEXAMPLE", "--at", "-2h"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split("  ").map(str::trim).collect()).collect();
    assert_eq!((lines[0][0], lines[0].last()), ("id", Some(&"aaaaaaaa-12")), "{out}");
    assert!(out.contains("key-deactivated") && out.contains("42"), "{out}");
    let statement = "report deny --bucket films --prefix a/ --action s3:GetObject --settles-within 1m --output json";
    let (code, out, err) = run(&fake.socket, &statement.split(' ').collect::<Vec<_>>());
    assert_eq!((code, json_of(&out)["totals"]["ends"].clone()), (0, 42.into()), "{err}");
    let seen = fake.seen.lock().unwrap();
    let Some(What::KeyDeactivated(key)) = &seen.reported[0].what else { panic!("{:?}", seen.reported) };
    assert_eq!(key.access_key_id, "AKIAEXAMPLE");
    let Some(What::Denied(denied)) = &seen.reported[1].what else { panic!("{:?}", seen.reported) };
    let statement = denied.statement.as_ref().unwrap();
    assert_eq!((&*statement.bucket, &*statement.key_prefix, &*statement.actions[0]), ("films", "a/", "s3:GetObject"));
    assert_eq!(seen.reported[1].settles_within.map(|length| length.seconds), Some(60));
}

#[test]
fn a_name_that_nobody_knows_is_written_down_and_asked_about_on_stderr() {
    let fake = Fake::start();
    let (code, out, err) = run(&fake.socket, &["report", "key-deleted", "AKIATYPO"]);
    assert!(code == 0 && out.contains("aaaaaaaa-12"), "{out}");
    let advice =
        "Is that the right key? If it is not, withdraw it: presignd events --withdraw aaaaaaaa-12 [NAME_UNKNOWN]";
    assert_eq!(err, format!("presignd: {advice}\n"));
    let (_, out, _) = run(&fake.socket, &["report", "key-deleted", "AKIATYPO", "--output", "json"]);
    assert_eq!(json_of(&out)["gaps"][0]["reason"], "NAME_UNKNOWN");
}

#[test]
fn a_report_that_stands_already_says_so_on_stderr() {
    let fake = Fake::start();
    assert_eq!(run(&fake.socket, &["report", "key-deactivated", "AKIAEXAMPLE"]).2, "");
    let (code, _, err) = run(&fake.socket, &["report", "key-deactivated", "AKIAEXAMPLE"]);
    let said = "aaaaaaaa-12 says so already, as of 2026-11-22T12:00:00Z, and stands: nothing was written";
    assert_eq!((code, err), (0, format!("presignd: {said}\n")));
}

#[test]
fn an_event_that_makes_no_sense_is_not_reported() {
    let fake = Fake::start();
    for (words, said) in [
        (&[][..], "required"),
        (&["nonsense"], "nonsense"),
        (&["key-deleted"], "ACCESS_KEY_ID"),
        (&["key-deleted", "AKIAEXAMPLE", "--identity", "web"], "concerns whom it concerns"),
        (&["key-deleted", "AKIAEXAMPLE", "--list"], "concerns whom it concerns"),
        (&["key-deleted", "AKIAEXAMPLE", "--socket", "/tmp/x"], "--socket"),
    ] {
        let (code, out, err) = run(&fake.socket, &[&["report"], words].concat());
        assert_eq!((code, out.as_str()), (252, ""), "{words:?}");
        assert!(err.contains(said), "{words:?}: {err}");
    }
    assert!(fake.seen.lock().unwrap().reported.is_empty());
    let (code, out, _) = run(&fake.socket, &["report", "key-deleted", "--help"]);
    assert!(code == 0 && out.contains("<ACCESS_KEY_ID>"), "{out}");
    let elsewhere = ["report", "key-deleted", "AKIAEXAMPLE", "--admin-socket", "/nonexistent/admin.sock"];
    let (code, _, err) = run(&fake.socket, &elsewhere);
    assert!(code == 253 && err.contains("/nonexistent/admin.sock"), "options may stand behind the event: {err}");
}

#[test]
fn events_are_listed_with_what_is_known_of_them_and_lifted_by_their_id() {
    let fake = Fake::start();
    let (code, out, _) = run(&fake.socket, &["events"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((code, lines.len()), (0, 3), "{out}");
    assert!(lines[1].contains("403 AccessDenied") && lines[1].ends_with("bucket=films policy=identity"), "{out}");
    assert!(lines[2].contains("reported") && lines[2].contains("key-deactivated"), "{out}");
    let (_, out, _) = run(&fake.socket, &["events", "--with-lifted", "--output", "text"]);
    let lifted: Vec<_> = out.lines().map(|line| line.split('\t').nth(4).unwrap_or_default().to_owned()).collect();
    assert_eq!(lifted, ["-", "-", "2026-11-22T12:00:02Z"], "{out}");
    let (_, out, _) = run(&fake.socket, &["events", "--output", "json"]);
    assert_eq!(
        shape(&out),
        "events events.cause events.event events.event.at events.event.denied events.event.denied.issued_before \
         events.event.denied.signature_age events.event.denied.statement events.event.denied.statement.actions \
         events.event.denied.statement.bucket events.event.denied.statement.key events.event.denied.statement.key_prefix \
         events.event.denied.statement.policy events.event.denied.statement.principal_arn \
         events.event.denied.statement.userid events.event.endpoint \
         events.event.settles_within events.id events.lifted_at events.observed events.recorded_at \
         events.seen_alive_at events.withdrawn version"
    );
    let (code, out, _) = run(&fake.socket, &["events", "--lift", "aaaaaaaa-12"]);
    assert!(code == 0 && out.contains("2026-11-22T12:00:02Z"), "{out}");
    let (code, out, err) = run(&fake.socket, &["events", "--lift", "aaaaaaaa-9"]);
    assert_eq!((code, out.as_str()), (254, ""));
    assert!(err.contains("EVENT_NOT_FOUND"), "{err}");
    assert_eq!(run(&fake.socket, &["events", "--lift", "aaaaaaaa-9", "--with-lifted"]).0, 252);
    let (code, out, _) = run(&fake.socket, &["events", "--withdraw", "aaaaaaaa-12", "--output", "text"]);
    assert_eq!((code, out.split('\t').nth(4)), (0, Some("withdrawn 2026-11-22T12:00:02Z")), "{out}");
    assert_eq!(run(&fake.socket, &["events", "--withdraw", "aaaaaaaa-12", "--lift", "aaaaaaaa-12"]).0, 252);
}

#[test]
fn a_watch_goes_on_where_it_left_off_when_the_daemon_comes_back_and_repeats_nothing() {
    let fake = Fake::start();
    let (code, out, err) = run(&fake.socket, &["watch", "--from-oldest"]);
    assert_eq!(code, 254, "the fake ends it: {err}");
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split('\t').collect()).collect();
    let cursors: Vec<String> = lines.iter().map(|line| line[0].to_owned()).collect();
    assert_eq!(cursors, (1..=14).map(|number| format!("aaaaaaaa-{number}")).collect::<Vec<_>>(), "{out}");
    assert!(lines.iter().all(|line| line.len() == 4 && line[1] == "2026-11-22T12:00:00Z"), "{out}");
    let what: Vec<&str> = lines.iter().map(|line| line[2]).collect();
    assert_eq!(
        what,
        [
            "place",
            "session-renewed",
            "renewal-failed",
            "session-ending",
            "generation-draining",
            "drain-cancelled",
            "generation-drained",
            "generation-retired",
            "identity-paused",
            "identity-resumed",
            "event-happened",
            "url-ends-early",
            "event-lifted",
            "place",
        ]
    );
    let places = [lines[0][3], lines[13][3]];
    assert_eq!(
        places,
        ["the oldest that is kept comes next, then what comes", "nothing to tell up to here; what comes is told"],
        "older things come after the first"
    );
    let early = "aaaaaaaa-1 ends between 2026-11-22T12:00:00Z and 2026-11-22T12:05:00Z: The access key that signed is inactive.";
    assert_eq!((lines[11][3], lines[10][3]), (early, "aaaaaaaa-11 key-deactivated access_key_id=AKIAEXAMPLE"));
    assert!(lines[2][3].contains("[ACCESS_DENIED]") && !out.contains('\x1b'), "{out}");
    assert!(err.contains("waiting for the daemon to come back"), "{err}");
    assert!(
        err.contains("CURSOR_TOO_OLD") && !err.contains("go on with"),
        "a place that is forgotten is no advice: {err}"
    );
    let asked: Vec<_> = fake.seen.lock().unwrap().watched.iter().map(|one| one.cursor.clone()).collect();
    assert_eq!(asked, ["", "aaaaaaaa-6"]);
}

#[test]
fn a_watch_in_json_has_each_thing_under_its_name() {
    let fake = Fake::start();
    let (_, out, _) = run(&fake.socket, &["watch", "--cursor", "aaaaaaaa-6", "--output", "json"]);
    let lines: Vec<Value> = out.lines().map(json_of).collect();
    assert!(lines.iter().all(|line| line["version"] == 1 && line["at"] == "2026-11-22T12:00:00Z"), "{out}");
    assert_eq!(lines[0]["generation_drained"]["session"]["generation"], 3, "its own place is not repeated: {out}");
    assert_eq!(lines[2]["identity_paused"], json!({"identity": "web"}));
    let early = &lines[5]["url_ends_early"];
    assert_eq!((&early["url_id"], &early["on_behalf_of"]), (&json!("aaaaaaaa-1"), &json!("ann")));
    assert_eq!(
        (&early["ending"]["reason"], &early["usable_until"]),
        (&json!("KEY_INACTIVE"), &json!("2026-11-22T13:00:00Z"))
    );
    assert_eq!(lines[7].as_object().unwrap().len(), 3, "a place alone: {out}");
}

#[test]
fn an_empty_cursor_is_refused_and_not_taken_for_none() {
    let fake = Fake::start();
    for cursor in ["", " "] {
        let (code, out, err) = run(&fake.socket, &["watch", "--cursor", cursor]);
        assert_eq!((code, out.as_str()), (252, ""), "{err}");
        assert!(err.contains("the cursor is empty") && err.contains("--from-oldest"), "{err}");
    }
    assert!(fake.seen.lock().unwrap().watched.is_empty());
}

#[test]
fn a_place_that_leads_nowhere_is_refused_and_no_daemon_is_waited_for() {
    let fake = Fake::start();
    let (code, out, err) = run(&fake.socket, &["watch", "--cursor", "bbbbbbbb-1"]);
    assert_eq!((code, out.as_str(), err.contains("bbbbbbbb-1 is none")), (254, "", true), "{err}");
    assert!(!err.contains("go on with"), "{err}");
    assert_eq!(run(&fake.socket, &["watch", "--cursor", "aaaaaaaa-6", "--from-oldest"]).0, 252);
    assert_eq!(run(&fake.socket, &["watch", "--output", "table"]).0, 252);
    let (code, _, err) = run(Path::new("/nonexistent/presignd.sock"), &["watch"]);
    assert!(code == 253 && !err.contains("waiting"), "{code} {err}");
}

#[test]
fn of_what_could_not_be_signed_again_the_last_line_says_how_much_the_event_would_end_or_may() {
    let fake = Fake::start();
    let again = ["resign", "--all", "--ended-by", "key-deactivated AKIAEXAMPLE", "--bucket", "stuck"];
    let (code, out, err) = run(&fake.socket, &again);
    assert_eq!((code, out.as_str()), (254, ""), "{err}");
    let sums = "4 of 4 could not be signed again (1 would end by the event as well, 2 may end by it no less)";
    assert!(err.contains(sums), "{err}");
    assert!(err.contains("aaaaaaaa-2: it is of no use [MAY_END_TOO]"), "{err}");
}

#[test]
fn what_an_event_ends_is_signed_again_on_the_admin_socket() {
    let fake = Fake::start();
    let again = ["resign", "--all", "--ended-by", "key-deactivated AKIAEXAMPLE --at -1h", "--bucket", "films"];
    let (code, _, err) = run(&fake.socket, &again);
    assert_eq!((code, err.as_str()), (0, ""));
    {
        let seen = fake.seen.lock().unwrap();
        let event = seen.resigned[0].event.clone().unwrap();
        assert!(
            matches!(&event.what, Some(What::KeyDeactivated(key)) if key.access_key_id == "AKIAEXAMPLE"),
            "{event:?}"
        );
        assert_eq!(seen.resigned[0].filter.as_ref().unwrap().bucket, "films");
    }
    for wrong in [
        &["aaaaaaaa-1", "--ended-by", "key-deactivated AKIAEXAMPLE"][..],
        &["--ended-by", "nonsense"],
        &["--ended-by", "key-deactivated AKIAEXAMPLE --output json"],
        &["--ended-by", "key-deactivated AKIAEXAMPLE --bucket films"],
    ] {
        assert_eq!(run(&fake.socket, &[&["resign"], wrong].concat()).0, 252, "{wrong:?}");
    }
    assert_eq!(fake.seen.lock().unwrap().resigned.len(), 1);
    let elsewhere = [&again[..], &["--admin-socket", "/nonexistent/admin.sock"]].concat();
    assert_eq!(run(&fake.socket, &elsewhere).0, 253);
}
