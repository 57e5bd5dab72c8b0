//! What presignd says, before anything happens, that an event will do to each URL. Its word is taken as it is: what becomes
//! of the URLs is for S3 to tell.

use std::collections::BTreeMap;

use presignd::grpc::proto::ending::Verdict;
use presignd::grpc::proto::event::What;
use presignd::grpc::proto::{AssessRequest, AssessResponse, Effect, Event, ListAffectedRequest};

use crate::house::House;
use crate::tell::say;
use crate::{Failure, expect};

/// The forecast of one event.
pub(crate) struct Forecast {
    /// By id of the record.
    fates: BTreeMap<String, Fate>,
}

/// What is to become of a URL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fate {
    /// The event ends it, and the bearer sees one of these.
    Ends(Vec<Seen>),
    /// It has reached its own end by then.
    RunsOut,
    /// It goes on until its own end.
    Lives,
}

/// What a bearer sees: the status, and S3's code where it is an error.
pub(crate) type Seen = (u16, String);

impl Forecast {
    /// Asks the daemon for the whole, and for each URL; the two must agree.
    pub(crate) async fn of(house: &House, what: What) -> Result<Self, Failure> {
        // The S3 on loopback takes a change up at once; AWS needs longer, which is what is assumed unless one says so.
        let event = Event {
            at: None,
            settles_within: Some(prost_types::Duration::default()),
            what: Some(what),
            ..Event::default()
        };
        let asked = AssessRequest { event: Some(event.clone()), ..AssessRequest::default() };
        let whole = house.impact().assess(asked).await?.into_inner();
        let asked = ListAffectedRequest { event: Some(event), with_living: true, ..ListAffectedRequest::default() };
        let mut list = house.impact().list_affected(asked).await?.into_inner();
        let mut fates = BTreeMap::new();
        while let Some(one) = list.message().await? {
            let (url, ending) = (one.url.ok_or("no record")?, one.ending.ok_or("no ending")?);
            let seen = |error: &presignd::grpc::proto::BearerError| {
                (u16::try_from(error.http_status).unwrap_or_default(), error.code.clone())
            };
            let fate = match (ending.verdict(), ending.reason.as_str()) {
                (Verdict::Ends, _) => Fate::Ends(ending.bearer_errors.iter().map(seen).collect()),
                (Verdict::Lives, "ALREADY_ENDED") => Fate::RunsOut,
                (Verdict::Lives, _) => Fate::Lives,
                (other, reason) => return Err(format!("{}: {other:?}, {reason}", url.id).into()),
            };
            fates.insert(url.id, fate);
        }
        let forecast = Self { fates };
        forecast.agrees(&whole)?;
        say_effects(&whole.effects);
        Ok(forecast)
    }

    pub(crate) fn fate(&self, id: &str) -> Option<&Fate> {
        self.fates.get(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.fates.len()
    }

    fn agrees(&self, whole: &AssessResponse) -> Result<(), Failure> {
        let totals = whole.totals.unwrap_or_default();
        let ends = self.fates.values().filter(|fate| matches!(fate, Fate::Ends(_))).count() as u64;
        let agree = (totals.ends, totals.may_end, totals.lives) == (ends, 0, self.fates.len() as u64 - ends);
        expect(agree, &format!("the totals {totals:?} are those of the list, of which {ends} end"))
    }
}

/// What happens to how many, and why.
fn say_effects(effects: &[Effect]) {
    for effect in effects {
        let Some(ending) = &effect.ending else { continue };
        let verdict = match (ending.verdict(), ending.reason.as_str()) {
            (Verdict::Ends, _) => "end: ",
            (_, "ALREADY_ENDED") => "over:",
            _ => "live:",
        };
        say(&format!("{:>5} {verdict} {} [{}]", effect.urls, ending.message, ending.reason));
    }
}
