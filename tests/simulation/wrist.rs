//! The machine's clock beside AWS's: off, drifting, sometimes set; and what presignd learns of that from answers.

use fastrand::Rng;
use presignd::clock::Bounds;
use presignd::session::IssueInterval;
use presignd::time::Timestamp;

use crate::model::Millis;
use crate::told::seconds;

/// The local clock.
pub(crate) struct Wrist {
    /// Local minus AWS's.
    ahead: Millis,
    known: Option<Bounds>,
    /// How far off what is known may be: both clocks cut seconds, and the quickest call of all took so long.
    pub within: Millis,
    /// Set by hand since AWS was last heard: presignd cannot know.
    pub is_off: bool,
}

impl Wrist {
    pub(crate) fn any(rng: &mut Rng) -> Self {
        let ahead = [0, rng.i64(-900..900), rng.i64(-7_200_000..7_200_000)];
        Self { ahead: ahead[rng.usize(..3)], known: None, within: Millis::MAX, is_off: true }
    }

    fn local(&self, at: Millis) -> Timestamp {
        seconds(at + self.ahead)
    }

    /// What presignd takes for AWS's time.
    pub(crate) fn now(&self, at: Millis) -> Timestamp {
        Timestamp::from_unix(self.local(at).unix() + self.offset())
    }

    fn offset(&self) -> i64 {
        self.known.map_or(0, Bounds::nearest)
    }

    /// A call: AWS wrote the date of its answer somewhere between. Gives the interval in which AWS did what it was
    /// asked, as far as that very answer proves it.
    pub(crate) fn hear(&mut self, sent: Millis, dated: Millis, received: Millis) -> IssueInterval {
        let (from, to) = (self.local(sent), self.local(received));
        let sample = Bounds::from_sample(from, seconds(dated), to).expect("the clock is not set during a call");
        let (narrowed, width) = (self.known.map_or(sample, |known| known.narrowed_by(sample)), received - sent + 2000);
        self.within = if narrowed == sample { width } else { width.min(self.within) };
        self.known = Some(narrowed);
        self.is_off = false;
        let (not_before, not_after) = sample.between(from, to);
        IssueInterval { not_before: Some(not_before), not_after }
    }

    /// Time goes on: a drift of some milliseconds, and once in a while somebody sets the clock.
    pub(crate) fn wander(&mut self, rng: &mut Rng) {
        self.ahead += rng.i64(-30..=30);
        if rng.u16(..400) == 0 {
            self.ahead += rng.i64(-600_000..600_000);
            self.is_off = true;
        }
    }
}
