//! `presignd top` on a real terminal, and without one.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

use super::*;

/// A terminal with `presignd top` on it.
struct Terminal {
    near: OwnedFd,
    /// Kept open, so that what the program leaves behind can be looked at.
    far: File,
    before: Termios,
    child: Child,
    shown: Arc<(Mutex<String>, Condvar)>,
}

impl Terminal {
    fn with(socket: &Path, arguments: &[&str], no_color: bool) -> Self {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&near).unwrap();
        unlockpt(&near).unwrap();
        let name = ptsname(&near, Vec::new()).unwrap().into_string().unwrap();
        let far = File::options().read(true).write(true).open(name).unwrap();
        tcsetwinsize(&near, size(80, 24)).unwrap();
        let before = tcgetattr(&far).unwrap();
        let mut command = presignd(socket, &[&["top", "--every", "1s"], arguments].concat());
        command.env("TERM", "xterm-256color");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let end = || Stdio::from(far.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let shown = Arc::<(Mutex<String>, Condvar)>::default();
        let (mut out, told) = (File::from(near.try_clone().unwrap()), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut bytes) {
                told.0.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
                told.1.notify_all();
            }
        });
        Self { near, far, before, child, shown }
    }

    /// Until the terminal has been sent this.
    fn shows(&self, text: &str) {
        let (shown, more) = &*self.shown;
        let misses = |shown: &mut String| !shown.contains(text);
        let (shown, waited) = more.wait_timeout_while(shown.lock().unwrap(), Duration::from_secs(120), misses).unwrap();
        assert!(!waited.timed_out(), "{text:?} does not come: {shown:?}");
    }

    fn types(&self, keys: &str) {
        rustix::io::write(&self.near, keys.as_bytes()).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its exit code. Whatever it was, the terminal is as it was.
    fn ends(mut self) -> i32 {
        let code = self.child.wait().unwrap().code().unwrap();
        self.shows("\x1b[?1049l");
        let after = tcgetattr(&self.far).unwrap();
        assert!(after.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG));
        assert_eq!(
            (after.local_modes, after.input_modes, after.output_modes),
            (self.before.local_modes, self.before.input_modes, self.before.output_modes)
        );
        code
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}

#[test]
fn top_gives_the_terminal_back_however_it_is_ended() {
    let fake = Fake::start();
    type End = fn(&Terminal);
    let ends: [(&str, End, i32); 4] = [
        ("q", |one| one.types("q"), 0),
        ("Ctrl-C", |one| one.types("\x03"), 130),
        ("SIGTERM", |one| one.signal(Signal::TERM), 130),
        ("SIGINT", |one| one.signal(Signal::INT), 130),
    ];
    for (how, end, code) in ends {
        let terminal = Terminal::with(&fake.socket, &[], false);
        terminal.shows("\x1b[?1049h");
        terminal.shows("q quit");
        end(&terminal);
        assert_eq!(terminal.ends(), code, "{how}");
    }
}

#[test]
fn top_fills_a_terminal_that_grows_and_is_coloured_unless_that_is_not_wanted() {
    let fake = Fake::start();
    let terminal = Terminal::with(&fake.socket, &[], false);
    terminal.shows("\x1b[24;1H");
    // Green.
    terminal.shows("\x1b[38;5;2;");
    tcsetwinsize(&terminal.near, size(120, 40)).unwrap();
    terminal.signal(Signal::WINCH);
    terminal.shows("\x1b[40;1H");
    terminal.shows("CREDENTIAL");
    terminal.types("q");
    assert_eq!(terminal.ends(), 0);

    let plain = Terminal::with(&fake.socket, &[], true);
    plain.shows("q quit");
    plain.types("q");
    let shown = Arc::clone(&plain.shown);
    assert_eq!(plain.ends(), 0);
    let shown = shown.0.lock().unwrap();
    assert!(!shown.contains("\x1b[38;") && !shown.contains("\x1b[32m"), "{shown:?}");
}

#[test]
fn a_key_that_comes_together_with_a_new_size_is_not_lost() {
    let fake = Fake::start();
    for _ in 0..10 {
        let terminal = Terminal::with(&fake.socket, &[], true);
        terminal.shows("q quit");
        terminal.signal(Signal::WINCH);
        terminal.types("q");
        assert_eq!(terminal.ends(), 0);
    }
}

#[test]
fn top_says_that_the_daemon_is_gone_and_stays() {
    let mut fake = Some(Fake::start());
    let terminal = Terminal::with(&fake.as_ref().unwrap().socket.clone(), &[], true);
    terminal.shows("q quit");
    drop(fake.take());
    terminal.shows("cannot reach presignd");
    terminal.types("q");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn one_frame_goes_to_a_pipe_and_a_live_view_does_not() {
    let fake = Fake::start();
    let (code, out, err) = run(&fake.socket, &["top", "--once"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("2 of 2 identities sign") && out.contains("assume-role") && !out.contains('\x1b'), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    let (code, out, err) = run(&fake.socket, &["top"]);
    assert!(code == 252 && out.is_empty() && err.contains("--once"), "{code} {err}");
    assert_eq!(run(Path::new("/nonexistent/admin.sock"), &["top", "--once"]).0, 253);
}
