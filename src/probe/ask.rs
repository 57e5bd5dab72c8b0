//! Asks STS and S3 of one session, with that session, within the budget. Waits, and never says more than what came.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use super::happened::About;
use super::reading::{OfCanary, Sight, of_canary, of_key};
use super::{Answer, Probe};
use crate::aws::{self, Aws};
use crate::config::probe::Canary;
use crate::identity::{Identity, Live, Told};
use crate::region::Regions;
use crate::s3::Addressing;
use crate::s3::operation::Operation;
use crate::s3::request::{Headers, Request};
use crate::signer::Target;
use crate::telemetry::Metrics;
use crate::telemetry::latest::{self, Outcome};
use crate::time::Ttl;

pub(super) struct Asker {
    aws: Aws,
    regions: Regions,
    metrics: Arc<Metrics>,
    /// When the next call may be made.
    next: Option<Instant>,
}

impl Asker {
    pub(super) fn new(aws: Aws, regions: Regions, metrics: Arc<Metrics>) -> Self {
        Self { aws, regions, metrics, next: None }
    }

    /// One answer for the key, where anything told of it, and one for each canary. A dead key reads no canary.
    pub(super) async fn ask<'a>(
        &mut self,
        identity: &'a Identity,
        live: &Live,
        probe: &Probe,
        was_alive: impl Fn(About<'_>) -> bool,
    ) -> Vec<Answer<'a>> {
        let mut key = None;
        if identity.can_be_named() {
            self.take_turn(probe).await;
            key = identity.ask_of(live).await.map(|told| (of_key(&told), cause_of(&told)));
        }
        self.count("key", key.as_ref().map(|(sight, _)| *sight));
        let mut answers = Vec::new();
        for canary in identity.canaries() {
            if key.as_ref().is_some_and(|(sight, _)| sight.is_dead()) {
                break;
            }
            self.take_turn(probe).await;
            let about = About::Canary(canary);
            let (said, cause) = match self.read(identity, live, canary).await {
                Some((status, body)) => {
                    let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split('<').next());
                    let code: String = code.unwrap_or_default().chars().take(MAX_CODE).collect();
                    let cause = format!("GET {}: {status} {code}", about.text()).trim_end().to_owned();
                    (of_canary(status, &body, was_alive(about)), cause)
                }
                None => (NOTHING, format!("GET {}: {NO_ANSWER}", about.text())),
            };
            self.count("canary", Some(said.read));
            self.note(identity, about, said.read, &cause);
            key = heard(key, said.key, &cause);
            answers.push(Answer { about, sight: said.read, cause });
        }
        answers.extend(key.map(|(sight, cause)| Answer { about: About::Key, sight, cause }));
        answers
    }

    /// The first byte of a canary: status and body; `None` when nobody answered.
    async fn read(&self, identity: &Identity, live: &Live, canary: &Canary) -> Option<(u16, String)> {
        let s3 = identity.s3();
        let region = self.regions.of(&canary.bucket, s3).await.ok()?;
        let (bucket, key) = (canary.bucket.clone(), Some(canary.key.clone()));
        let no_addressing = Addressing::default();
        let get = Operation::GetObject;
        let request = Request::of_operation(get, bucket, key, Vec::new(), Headers::default(), no_addressing).ok()?;
        let target = Target { region, endpoint: s3.endpoint(), addressing: s3.addressing };
        let ttl = Ttl::new(LIFE.as_secs()).ok()?;
        let url = live.signer.presign(&request, &target, self.aws.clock.now(), ttl, None).ok()?.url;
        // Not signed, as any header that is not of Amazon's may be (SEMANTICS.md 3.5).
        let range = [("range", Zeroizing::new("bytes=0-0".to_owned()))];
        // What went wrong may name the URL, which is a secret.
        let answer = aws::get(&self.aws.connector, &url, &range, (CALL, MAX_BODY)).await.ok()?;
        Some((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// Waits for room in the budget.
    async fn take_turn(&mut self, probe: &Probe) {
        let now = self.aws.clock.monotonic();
        let at = self.next.map_or(now, |next| next.max(now));
        self.next = Some(at + MINUTE / probe.calls_per_minute.max(1));
        tokio::time::sleep_until(at).await;
    }

    fn note(&self, identity: &Identity, about: About<'_>, sight: Sight, cause: &str) {
        let outcome = match sight {
            Sight::Alive => Outcome::Ok,
            _ if cause.ends_with(NO_ANSWER) => Outcome::Silent,
            _ => Outcome::Refused,
        };
        let call = latest::Call { at: self.aws.clock.now(), outcome, message: cause.to_owned() };
        self.metrics.latest.canary(identity.name(), about.text(), call);
    }

    fn count(&self, what: &str, sight: Option<Sight>) {
        let Some(sight) = sight else { return };
        let reading = match sight {
            Sight::Alive => "alive",
            Sight::Dead | Sight::Expired => "dead",
            Sight::Nothing => "nothing",
        };
        self.metrics.probes.with_label_values(&[what, reading]).inc();
    }
}

/// What STS and S3 say of a key together. Where they differ, nobody knows.
fn heard(key: Option<(Sight, String)>, said: Sight, cause: &str) -> Option<(Sight, String)> {
    let said = (said, cause.to_owned());
    match (key, said.0) {
        (key, Sight::Nothing) => key,
        (None | Some((Sight::Nothing, _)), _) => Some(said),
        (Some((sight, cause)), other) if sight == other => Some((sight, cause)),
        (Some(_), _) => Some((Sight::Nothing, "STS and S3 say different things".to_owned())),
    }
}

fn cause_of(told: &Told) -> String {
    match told {
        Told::Known => "GetCallerIdentity: it is known".to_owned(),
        Told::Refused(code) => format!("GetCallerIdentity: {}", code.chars().take(MAX_CODE).collect::<String>()),
        Told::Nothing => "GetCallerIdentity: no answer".to_owned(),
    }
}

const NO_ANSWER: &str = "no answer";
const NOTHING: OfCanary = OfCanary { key: Sight::Nothing, read: Sight::Nothing };
const MINUTE: Duration = Duration::from_secs(60);
/// How long one call may take.
const CALL: Duration = Duration::from_secs(10);
/// How long the URL of a canary lives.
const LIFE: Duration = Duration::from_secs(60);
/// Of a canary, or of an error.
const MAX_BODY: usize = 64 << 10;
/// Codes of AWS are words.
const MAX_CODE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use Sight::{Alive, Dead, Expired, Nothing};

    #[test]
    fn a_key_is_dead_when_nobody_contradicts_it() {
        let heard =
            |key: Option<Sight>, said| heard(key.map(|sight| (sight, String::new())), said, "").map(|(sight, _)| sight);
        for (key, said, together) in [
            (None, Nothing, None),
            (None, Dead, Some(Dead)),
            (None, Expired, Some(Expired)),
            (Some(Nothing), Dead, Some(Dead)),
            (Some(Nothing), Alive, Some(Alive)),
            (Some(Alive), Nothing, Some(Alive)),
            (Some(Alive), Alive, Some(Alive)),
            (Some(Alive), Dead, Some(Nothing)),
            (Some(Nothing), Nothing, Some(Nothing)),
        ] {
            assert_eq!(heard(key, said), together, "{key:?} {said:?}");
        }
    }
}
