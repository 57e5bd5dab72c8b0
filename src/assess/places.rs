//! Where the bucket of an event is known to be: its name may be that of one bucket at AWS and of another elsewhere.

use super::Assessor;
use super::gap::{Gap, GapReason};
use crate::error::Error;
use crate::impact::event::Event;
use crate::registry::{Led, Registry};
use crate::s3::Region;
use crate::signer::realm::Realm;

/// The bucket of an event, and where URLs of its name lead that may live.
pub(super) struct Places {
    bucket: String,
    led: Vec<Led>,
}

impl Places {
    /// `None` for an event that names no bucket.
    pub(super) async fn of(registry: &Registry, uid: u32, event: &Event) -> Result<Option<Self>, Error> {
        let Some(bucket) = event.bucket() else { return Ok(None) };
        let led = registry.led(uid, bucket).await.map_err(Error::registry)?;
        Ok(Some(Self { bucket: bucket.to_owned(), led }))
    }

    /// Each once.
    fn all(&self) -> Vec<Realm> {
        let mut all: Vec<Realm> = Vec::new();
        for (led, region) in self.regions() {
            if !all.iter().any(|known| known.is_of(&led.host, &self.bucket, &region)) {
                all.push(Realm::of_host(&led.host, &self.bucket, &region));
            }
        }
        all
    }

    /// Whether everything that leads to a bucket of that name is known to lead there.
    fn are_all(&self, place: &Realm) -> bool {
        !self.led.is_empty() && self.regions().all(|(led, region)| place.is_of(&led.host, &self.bucket, &region))
    }

    fn regions(&self) -> impl Iterator<Item = (&Led, Region)> {
        self.led.iter().filter_map(|led| Some((led, Region::parse(&led.region).ok()?)))
    }
}

/// The event wherever the bucket is, where that makes no difference to URLs of its bucket: then tallies answer.
pub(super) async fn told_by_name(registry: &Registry, uid: u32, event: &Event) -> Result<Option<Event>, Error> {
    let Some(place) = &event.endpoint else { return Ok(None) };
    let places = Places::of(registry, uid, event).await?;
    Ok(places.filter(|places| places.are_all(place)).map(|_| event.anywhere()))
}

/// What to say where nobody said which of several is meant.
pub(super) async fn several(registry: &Registry, uid: u32, event: &Event) -> Result<Option<Gap>, Error> {
    if event.endpoint.is_some() {
        return Ok(None);
    }
    let Some(places) = Places::of(registry, uid, event).await? else { return Ok(None) };
    let all = places.all();
    if all.len() < 2 {
        return Ok(None);
    }
    let named = all.iter().take(MOST_NAMED).map(Realm::to_string).collect::<Vec<_>>().join(", ");
    let more = if all.len() > MOST_NAMED { ", …" } else { "" };
    let message = format!(
        "{} is known at {} endpoints: {named}{more}. The answer is about all of them; --endpoint-url means one.",
        places.bucket,
        all.len()
    );
    Ok(Some(Gap::new(GapReason::SeveralEndpoints, message)))
}

impl Assessor {
    /// The event at the only place where its bucket is known to be, if nobody said where it is.
    pub(super) async fn at_its_place(&self, uid: u32, event: &Event) -> Result<Event, Error> {
        let places = match event.endpoint {
            Some(_) => None,
            None => Places::of(&self.registry, uid, event).await?,
        };
        let only = places.and_then(|places| <[Realm; 1]>::try_from(places.all()).ok());
        Ok(only.map_or_else(|| event.clone(), |[place]| event.at_place(place)))
    }
}

/// Endpoints that the gap names.
const MOST_NAMED: usize = 5;
