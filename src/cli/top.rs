//! `presignd top`: the daemon as it is, on a terminal, until somebody has enough. Asks what `identities` and `watch` ask, and
//! changes nothing.

mod ask;
mod draw;
mod happened;
mod panes;
mod screen;
mod view;

use std::io::IsTerminal;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval};

use super::connect::Globals;
use super::exit::{Exit, Failure};
use super::length::Length;
use super::out;
use crate::config::Surroundings;

use ask::News;
use screen::Screen;
use view::{Act, View};

/// Show identities, sessions, outstanding URLs and events as they change, until you press q (admin socket)
#[derive(Debug, Clone, clap::Args)]
pub struct Top {
    /// How often the daemon is asked
    #[arg(long, value_name = "LENGTH", default_value = "2s")]
    pub every: Length,
    /// Print one frame, without colour, and end; also where there is no terminal
    #[arg(long)]
    pub once: bool,
}

impl Top {
    /// Shows it until told to stop. The terminal is as it was afterwards, however this ends.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        if !(1..=MOST).contains(&self.every.duration().as_secs()) {
            return Err(Failure::usage("--every must be between 1 second and an hour"));
        }
        // Whoever has no daemon is told as by any other verb.
        let daemon = globals.connect_admin(around).await?;
        let told = ask::look(&daemon).await?;
        let mut view = View::new(globals.path(around, true).display().to_string(), told);
        let past = ask::past(&daemon).await?;
        past.into_iter().for_each(|one| view.takes(News::Happened(one)));
        drop(daemon);
        if self.once {
            return Ok(out::line(&screen::page(&view, width()))?);
        }
        if !std::io::stdout().is_terminal() {
            return Err(Failure::usage("a live view needs a terminal").with("--once prints one frame"));
        }
        view.colour = is_coloured(std::env::var_os("NO_COLOR").as_deref());
        self.show(globals, around, view).await
    }

    async fn show(&self, globals: &Globals, around: &Surroundings, mut view: View) -> Result<(), Failure> {
        let heard = |kind| signal(kind).map_err(|error| Failure::new(Exit::Other, format!("no signals: {error}")));
        let (mut terminate, mut hang_up) = (heard(SignalKind::terminate())?, heard(SignalKind::hangup())?);
        let mut screen = Screen::open()?;
        let mut keys = EventStream::new();
        let (say, mut news) = mpsc::channel(QUEUE);
        let now = Notify::new();
        // Dropped with this call, wherever they are.
        let asking = ask::keep_asking(globals, around, self.every.duration(), &now, say.clone());
        let following = ask::follow(globals, around, say);
        tokio::pin!(asking, following);
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            screen.show(&view)?;
            tokio::select! {
                () = &mut asking => {}
                () = &mut following => {}
                _ = second.tick() => {}
                Some(one) = news.recv() => {
                    view.takes(one);
                    // A burst is one frame.
                    while let Ok(more) = news.try_recv() {
                        view.takes(more);
                    }
                }
                event = keys.next() => match event {
                    Some(Ok(Event::Key(key))) => match view.key(key) {
                        Act::Nothing => {}
                        Act::AskNow => now.notify_one(),
                        Act::End => return Ok(()),
                        Act::Interrupt => return Err(Failure::new(Exit::Interrupted, "")),
                    },
                    Some(Ok(_)) => {}
                    // The terminal is gone.
                    Some(Err(_)) | None => return Ok(()),
                },
                _ = terminate.recv() => return Err(Failure::new(Exit::Interrupted, "")),
                _ = hang_up.recv() => return Err(Failure::new(Exit::Interrupted, "")),
            }
        }
    }
}

/// As no-color.org has it: any value but an empty one.
fn is_coloured(no_color: Option<&std::ffi::OsStr>) -> bool {
    no_color.is_none_or(std::ffi::OsStr::is_empty)
}

/// Columns of a frame that is printed: the terminal's, or what COLUMNS says.
fn width() -> u16 {
    let said = std::env::var_os("COLUMNS").and_then(|text| text.to_str()?.parse().ok());
    let of_terminal = || std::io::stdout().is_terminal().then(crossterm::terminal::size)?.ok().map(|(width, _)| width);
    said.or_else(of_terminal).unwrap_or(WIDTH).clamp(NARROWEST, WIDEST)
}

/// An hour.
const MOST: u64 = 3600;
/// News that wait for a frame.
const QUEUE: usize = 64;
/// What a page is wide where nobody says.
const WIDTH: u16 = 100;
const NARROWEST: u16 = 40;
const WIDEST: u16 = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_off_for_any_value_of_no_color_but_an_empty_one() {
        let of = |text: Option<&str>| is_coloured(text.map(std::ffi::OsStr::new));
        assert_eq!([of(None), of(Some("")), of(Some("1")), of(Some("0"))], [true, true, false, false]);
    }
}
