//! A person at the keyboard: a terminal as stdin, and Ctrl-C.

use rustix::process::{Pid, Signal, kill_process};

use super::*;

#[test]
fn presign_without_an_argument_on_a_terminal_is_a_usage_error_and_does_not_wait() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let fake = Fake::start();
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    for arguments in [&["presign"][..], &["presign", "--expires-in", "1h"]] {
        let stdin = std::fs::File::options().read(true).write(true).open(&name).unwrap();
        let mut command = presignd(&fake.socket, arguments);
        let child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (code, out, err) = said(child.wait_with_output().unwrap());
        assert!(code == 252 && out.is_empty() && err.contains("name s3://BUCKET/KEY"), "{code} {err}");
    }
}

#[test]
fn ctrl_c_is_130_even_while_stdin_waits() {
    let fake = Fake::start();
    let mut child =
        presignd(&fake.socket, &["presign", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"s3://films/1\n").unwrap();
    first_line(&mut child);
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn ctrl_c_is_130_even_while_a_text_is_awaited() {
    let fake = Fake::start();
    for arguments in [["find", "-"], ["explain", "-"]] {
        let mut child = presignd(&fake.socket, &arguments).stdin(Stdio::piped()).spawn().unwrap();
        let _stdin = child.stdin.take().unwrap();
        let status = format!("/proc/{}/status", child.id());
        // Until it is heard, the signal's default would end the program.
        let heard = || {
            let status = std::fs::read_to_string(&status).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            u64::from_str_radix(caught.trim(), 16).unwrap() & 1 << (Signal::INT.as_raw() - 1) != 0
        };
        while !heard() {
            std::thread::yield_now();
        }
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{arguments:?}");
    }
}
