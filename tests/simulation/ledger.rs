//! Every URL that is out, with what presignd promised and predicted; compared with the model when its life is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use presignd::impact::ending::{BearerError, Ending, Grade, Verdict};
use presignd::impact::event::Event;
use presignd::impact::{Lineage, Subject, ending};
use presignd::issued::IssuedUrl;
use presignd::session::Session;

use crate::acts::DAY;
use crate::model::act::Change;
use crate::model::used::{Op, Use};
use crate::model::{Aws, Because, LATEST, Millis, Window};
use crate::reported::Reported;
use crate::tally::{Seen, Tally};

/// A URL on its way.
pub(crate) struct Out {
    pub url: IssuedUrl,
    pub session: Arc<Session>,
    pub parent: Option<Arc<Session>>,
    pub used: Use,
    pub identity: usize,
    /// When its caller got it, by AWS's clock.
    pub born: Millis,
    pub predicted: BTreeMap<usize, Ending>,
}

impl Out {
    pub(crate) fn new(
        url: IssuedUrl,
        session: Arc<Session>,
        parent: Option<Arc<Session>>,
        used: Use,
        identity: usize,
        born: Millis,
    ) -> Self {
        Self { url, session, parent, used, identity, born, predicted: BTreeMap::new() }
    }

    pub(crate) fn ends(&self) -> Millis {
        self.url.usable_until().unix() * 1000
    }

    fn ask(&self, event: &Event) -> Ending {
        let by = Lineage { session: &self.session, parent: self.parent.as_deref() };
        ending(event, by, Subject::Url(&self.url)).expect("a URL has an answer, only groups may have none")
    }

    /// From when on S3 may be asked: the URL is there, and its date has come.
    fn begins(&self) -> Millis {
        self.born.max(self.used.date * 1000)
    }
}

/// All of them, and what has been told to presignd.
#[derive(Default)]
pub(crate) struct Ledger {
    pub out: Vec<Out>,
    told: BTreeMap<usize, Event>,
    pub tally: Tally,
}

impl Ledger {
    /// presignd is asked what an act would do, and then it is done.
    pub(crate) fn tell(&mut self, aws: &Aws, change: usize, event: Event, now: Millis) {
        let done = aws.change(change).expect("it was done just now");
        for out in self.out.iter_mut().filter(|out| out.ends() > now) {
            let answer = out.ask(&event);
            out.predicted.insert(change, answer);
        }
        // What belonged to a former user or role of that name is dead already, whatever is said of it.
        let is_present = |out: &&Out| !aws.is_gone_before(&aws.credentials[&out.used.access_key_id], change);
        let living = self.out.iter().filter(|out| out.ends() > now).filter(is_present).collect();
        Reported { aws, done, event: &event, living }.is_right();
        self.told.insert(change, event);
    }

    /// A URL goes out: what stands against it is asked, as for a record that is read.
    pub(crate) fn add(&mut self, aws: &Aws, mut out: Out) {
        for change in &aws.changes {
            // What is gone for good has been replaced after a while.
            let end = if change.what.can_be_undone() { change.undone } else { Some(change.at) };
            let over = end.is_some_and(|end| (end + change.settles + LATEST).max(change.at + 2 * DAY) < out.born);
            if let Some(event) = self.told.get(&change.number).filter(|_| !over) {
                out.predicted.insert(change.number, out.ask(event));
            }
        }
        self.tally.follow(&out.used);
        self.out.push(out);
    }

    /// Compares those whose life is over.
    pub(crate) fn settle(&mut self, rng: &mut Rng, aws: &Aws, now: Millis) {
        let (over, out) = std::mem::take(&mut self.out).into_iter().partition(|out| out.ends() + LATEST <= now);
        self.out = out;
        let over: Vec<Out> = over;
        for out in &over {
            self.audit(rng, aws, out);
        }
        self.told.retain(|number, _| aws.change(*number).is_some());
    }

    fn audit(&mut self, rng: &mut Rng, aws: &Aws, out: &Out) {
        self.tally.urls += 1;
        let windows = aws.windows(&out.used);
        // Promise 1: the hard end is when gate 2 or gate 3 closes, no later and no earlier.
        let hard = windows.iter().filter(|window| window.until == Millis::MAX && is_hard(window));
        assert_eq!(hard.map(|window| window.from).min(), Some(out.ends()), "promise 1: {:?}", out.url);
        for (number, ending) in &out.predicted {
            let change = aws.change(*number).expect("changes are kept as long as URLs that they may touch");
            let window = windows.iter().find(|window| window.because == Because::Change(*number));
            let mut others = windows.iter().filter(|window| window.because != Because::Change(*number));
            let dead = others.any(|window| window.from <= change.at && window.until == Millis::MAX);
            // What is dead for good cannot be seen to die.
            let seen = if dead { Seen::Untold } else { compare(out, change, ending, window) };
            // What-if is asked of URLs that are out; of a URL that is signed under the event less may be known.
            let asked_first = change.at >= out.born;
            self.tally.note(&change.what, &out.session, asked_first, ending, seen);
        }
        for _ in 0..MOMENTS {
            let at = rng.i64(out.begins().min(out.ends())..out.ends() + LATEST);
            self.look(aws, out, &windows, at);
        }
    }

    /// The plain question at one instant: does it work? Within what was promised and predicted.
    fn look(&mut self, aws: &Aws, out: &Out, windows: &[Window], at: Millis) {
        let refused: Vec<_> = windows.iter().filter(|window| window.holds(at)).collect();
        let said: Vec<_> = out.predicted.iter().filter(|(_, ending)| ending.verdict != Verdict::Lives).collect();
        let told = |number: &usize| aws.change(*number).expect("as above");
        let surely = said.iter().any(|(number, ending)| must_be_dead(out, told(number), ending).contains(&at));
        let perhaps = said.iter().any(|(number, ending)| {
            let change = told(number);
            let back = undone(out, change).map_or(Millis::MAX, |undone| undone + change.settles + 1);
            at >= ending.not_before.unix() * 1000 && at < back
        });
        let works = refused.is_empty();
        if at >= out.ends() || surely {
            assert!(!works, "at {at} it works, beyond what was said: {:?} {said:?}", out.url);
        } else if !perhaps && refused.iter().all(|window| !window.untold) {
            assert!(works, "at {at} refused: {refused:?}, and nobody said so: {:?} {said:?}", out.url);
        }
        self.tally.looks += 1;
        self.tally.worked += u64::from(works);
    }
}

fn is_hard(window: &Window) -> bool {
    matches!(window.because, Because::Clock | Because::Token)
}

/// While it was said to be dead: after the interval, until it was undone.
fn must_be_dead(out: &Out, change: &Change, ending: &Ending) -> std::ops::Range<Millis> {
    if ending.verdict != Verdict::Ends {
        return 0..0;
    }
    ending.not_after.unix() * 1000 + 1..undone(out, change).unwrap_or(Millis::MAX)
}

/// When the opposite was done, if that brings the request back.
fn undone(out: &Out, change: &Change) -> Option<Millis> {
    change.undone.filter(|_| change.what.comes_back(&out.used) != Some(false))
}

/// One prediction beside what happened.
fn compare(out: &Out, change: &Change, said: &Ending, window: Option<&Window>) -> Seen {
    let about = || format!("{:?}\nsaid {said:?}\nof {:?}\nby {:?}\nis {window:?}", change, out.url, out.session.facts);
    let window = match window {
        Some(window) if window.untold => return Seen::Untold,
        window => window,
    };
    // What of the refusal falls into the URL's own life.
    let dead = window.map_or(0..0, |window| window.from.max(out.begins())..window.until.min(out.ends()));
    assert_eq!(said.verdict == Verdict::MayEnd, !said.conditions.is_empty(), "a may has conditions: {}", about());
    if said.verdict == Verdict::Lives {
        assert!(dead.is_empty(), "said to live, and was refused: {}", about());
        return Seen::Lived;
    }
    let from = said.not_before.unix() * 1000;
    assert!(dead.is_empty() || dead.start >= from.min(out.begins()).max(from), "refused too early: {}", about());
    assert!(said.not_before <= said.not_after, "an interval: {}", about());
    let own_life = out.url.signed_at..=out.url.usable_until();
    let within = own_life.contains(&said.not_before) && own_life.contains(&said.not_after);
    assert!(within, "beyond its own life: {}", about());
    if said.verdict == Verdict::Ends {
        let width = (said.not_after.unix() - said.not_before.unix()) * 1000;
        assert!(width <= change.settles, "wider than what may take so long: {}", about());
        let must = must_be_dead(out, change, said);
        let must = must.start.max(out.begins())..must.end.min(out.ends());
        let is = must.is_empty() || dead.start <= must.start && dead.end >= must.end;
        assert!(is, "said to end, and works: {}", about());
        let back = change.what.comes_back(&out.used);
        assert!(back.is_none_or(|back| back == said.reversible), "does it come back? {}", about());
    }
    if dead.is_empty() {
        return if said.verdict == Verdict::Ends { Seen::Outlived } else { Seen::Lived };
    }
    if let Some(sees) = window.and_then(|window| window.sees)
        && said.errors_grade < Grade::Unconfirmed
    {
        let fits = |error: &BearerError| {
            error.http_status == sees.status && (error.code == sees.code || out.used.op == Op::Head)
        };
        assert!(said.bearer_errors.iter().any(fits), "the bearer sees {sees:?}: {}", about());
    }
    Seen::Died
}

/// Instants at which each URL is looked at.
const MOMENTS: usize = 4;
