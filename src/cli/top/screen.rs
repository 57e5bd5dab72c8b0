//! The terminal while it is ours: another screen in raw mode, given back as it was however this ends, also by a panic. And the
//! same frame as text, for where there is none.

use std::io;

use ratatui::backend::TestBackend;
use ratatui::{DefaultTerminal, Terminal};

use super::draw::{draw, whole};
use super::view::View;

/// Dropped, the terminal is as it was.
pub(super) struct Screen(DefaultTerminal);

impl Screen {
    /// Takes the terminal. A panic from here on gives it back before it is told.
    pub(super) fn open() -> io::Result<Self> {
        let opened = ratatui::try_init();
        if opened.is_err() {
            // Half of it may be done.
            let _ = ratatui::try_restore();
        }
        opened.map(Self)
    }

    /// Draws a frame, as large as the terminal is now.
    pub(super) fn show(&mut self, view: &View) -> io::Result<()> {
        self.0.draw(|frame| draw(frame, view)).map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Where there is no terminal any more, nobody misses it.
        let _ = ratatui::try_restore();
    }
}

/// A frame as lines of text, as high as it takes, without the line of keys.
pub(super) fn page(view: &View, width: u16) -> String {
    let height = whole(view).min(HIGHEST);
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(_) = terminal.draw(|frame| draw(frame, view));
    let buffer = terminal.backend().buffer();
    let row = |y: u16| (0..width).filter_map(|x| buffer.cell((x, y))).map(|cell| cell.symbol()).collect::<String>();
    let lines: Vec<String> = (0..height.saturating_sub(1)).map(|y| row(y).trim_end().to_owned()).collect();
    lines.join("\n").trim_end().to_owned()
}

/// Lines of a page; what does not fit into them is left out, the latest ends and oldest events first.
const HIGHEST: u16 = 2000;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::process::{Command, Stdio};

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{LocalModes, tcgetattr};

    use super::*;

    /// Runs itself once more, on a terminal of its own.
    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_told() {
        const AGAIN: &str = "PRESIGND_TEST_PANIC";
        if std::env::var_os(AGAIN).is_some() {
            let _screen = Screen::open().unwrap();
            panic!("on purpose");
        }
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&near).unwrap();
        unlockpt(&near).unwrap();
        let name = ptsname(&near, Vec::new()).unwrap().into_string().unwrap();
        let far = File::options().read(true).write(true).open(name).unwrap();
        let end = || Stdio::from(far.try_clone().unwrap());
        let own = concat!(module_path!(), "::a_panic_gives_the_terminal_back_before_it_is_told");
        let own = own.split_once("::").unwrap().1;
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", own, "--nocapture"]).env(AGAIN, "1").env("RUST_BACKTRACE", "0");
        let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let mut out = File::from(near);
        let mut shown = String::new();
        // To the end of what libtest says of its failure.
        while !shown.contains("test result") {
            let mut bytes = [0; 4096];
            let count = out.read(&mut bytes).unwrap();
            shown += &String::from_utf8_lossy(&bytes[..count]);
        }
        assert!(!child.wait().unwrap().success());
        let (taken, given) = (shown.find("\x1b[?1049h"), shown.find("\x1b[?1049l"));
        assert!(taken.is_some() && taken < given && given < shown.find("on purpose"), "{shown:?}");
        let modes = tcgetattr(&far).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG));
    }
}
