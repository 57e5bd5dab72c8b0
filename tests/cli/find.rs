//! Several URLs on stdin: none of them is passed over in silence.

use super::*;

const URL: &str = "https://films.s3.amazonaws.com/a?X-Amz-Signature=00";

#[test]
fn each_line_of_stdin_is_looked_for() {
    let fake = Fake::start();
    let other = URL.replace("films", "photos");
    let lines = format!("{URL}\n\n  {other}\r\n");
    let (code, out, err) = run_with(&fake.socket, &["find", "-"], &lines);
    assert_eq!((code, out.matches("aaaaaaaa-1").count()), (0, 2), "{out}{err}");
    assert!(out.starts_with("line 1: found by its signature:\n"), "{out}");
    assert!(out.contains("\nline 3: found by its signature:\n") && err.contains("line 3: searched by"), "{out}{err}");
    assert_eq!(fake.seen.lock().unwrap().texts, [URL, &other]);
    let (code, out, _) = run_with(&fake.socket, &["find", "-", "--output", "json"], &lines);
    let told = json_of(&out);
    assert_eq!((code, told["found"].as_array().map(Vec::len)), (0, Some(2)), "{out}");
    assert_eq!(told["explanation"].as_str().map(|told| told.lines().count()), Some(2), "{out}");
}

#[test]
fn what_ends_a_url_early_is_named_so_that_it_can_be_taken_back() {
    let fake = Fake::start();
    let (code, out, err) = run_with(&fake.socket, &["find", "-"], URL);
    let early = out.lines().find(|line| line.starts_with("ends early")).unwrap_or_default();
    assert!(code == 0 && early.ends_with("[KEY_INACTIVE]; event aaaaaaaa-5 stands"), "{out}{err}");
    let (_, out, _) = run_with(&fake.socket, &["find", "-", "--output", "json"], URL);
    assert_eq!(json_of(&out)["found"][0]["url"]["endings"][0]["event_id"], "aaaaaaaa-5");
}

#[test]
fn a_line_that_is_no_url_does_not_stop_the_others_and_is_told() {
    let fake = Fake::start();
    let (code, out, err) = run_with(&fake.socket, &["find", "-"], &format!("nothing of a URL\n{URL}\n"));
    assert_eq!((code, out.matches("aaaaaaaa-1").count()), (254, 1), "{out}{err}");
    assert!(err.contains("line 1: text cannot be used") && err.contains("1 of 2 lines were not looked for"), "{err}");
    assert_eq!(run_with(&fake.socket, &["find", "-"], "nothing of a URL\n").0, 254);
}

#[test]
fn a_url_that_a_mail_has_broken_over_lines_is_one() {
    let fake = Fake::start();
    let whole = format!("https://films.s3.amazonaws.com/a?X-Amz-Date=1&X-Amz-Signature={}", "0f".repeat(32));
    let (code, out, err) = run_with(&fake.socket, &["find", "-"], &format!("{}\n  {}\n", &whole[..50], &whole[50..]));
    assert_eq!((code, out.lines().next()), (0, Some("found by its signature:")), "{out}{err}");
    assert_eq!(fake.seen.lock().unwrap().texts, [whole]);
}

#[test]
fn what_takes_one_url_refuses_two() {
    let fake = Fake::start();
    for verb in ["explain", "contain"] {
        let (code, out, err) = run_with(&fake.socket, &[verb, "-"], &format!("{URL}\n{URL}\n"));
        assert_eq!((code, out.as_str()), (252, ""), "{verb}: {err}");
        assert!(err.contains("stdin gave 2 lines; give one URL or one line"), "{err}");
    }
    let (code, _, err) = run_with(&fake.socket, &["find", "-"], &"a".repeat(17 << 10));
    assert!(code == 252 && err.contains("line 1 of stdin is longer than 16 KiB"), "{code} {err}");
    let (code, _, err) = run_with(&fake.socket, &["find", "-"], &"a\n".repeat(1 << 20));
    assert!(code == 252 && err.contains("stdin gave more than 1 MiB"), "{code} {err}");
}
