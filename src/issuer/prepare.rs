//! From an ask to a signature: who may, which session, how long. Everything but the record.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::pick::Picked;
use super::{Ask, Authority, Caution, Issued, Issuer, Output, Rules, asked, tenant};
use crate::access::{Caller, Permit};
use crate::error::Error;
use crate::identity::{Identity, Live, RenewError, Signing};
use crate::issued::IssuedUrl;
use crate::registry::Remembered;
use crate::s3::form::Signable;
use crate::s3::{Refused, Region};
use crate::session::RecordId;
use crate::session::lifetime::{self, Lifetime, Plan, TooShort, Want};
use crate::signer::Target;
use crate::time::{Timestamp, Ttl};

/// What an ask had to wait for, all of it there.
pub(super) struct Ready {
    pub(super) identity: Arc<Identity>,
    region: Region,
    pub(super) want: Want,
    pub(super) granted: (Arc<Live>, Timestamp, Lifetime),
    supersedes: Option<RecordId>,
}

/// An ask that waits for nothing any more.
pub(super) enum Prepared {
    /// To be signed, together with the others of its call.
    Ready(Ready),
    /// The same URL as before; its record is durable already.
    Repeated(Box<Issued>),
}

/// An ask that is signed.
pub(super) enum Outcome {
    /// To be recorded before anybody sees it.
    New {
        /// The answer, once recorded.
        issued: Box<Issued>,
        /// The record whose request id this one takes over.
        supersedes: Option<RecordId>,
        /// Held until it is recorded: who stops the generation waits for that.
        signing: Signing,
    },
    /// The same URL as before; its record is durable already.
    Repeated(Box<Issued>),
}

impl Issuer {
    pub(super) async fn prepare(
        &self,
        rules: &Arc<Rules>,
        caller: &Caller,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<Prepared, Error> {
        let permit = self.admit(rules, caller, ask)?;
        self.spend(caller, &permit)?;
        self.get_ready(Arc::clone(rules), permit, caller, ask, deadline).await
    }

    /// The same for an ask whose generation was stopped while it waited: what it spent is spent.
    pub(super) async fn prepare_again(&self, caller: &Caller, ask: &Ask, deadline: Instant) -> Result<Prepared, Error> {
        let rules = self.rules();
        let permit = self.admit(&rules, caller, ask)?;
        self.get_ready(rules, permit, caller, ask, deadline).await
    }

    async fn get_ready(
        &self,
        mut rules: Arc<Rules>,
        mut permit: Permit,
        caller: &Caller,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<Prepared, Error> {
        loop {
            match self.wait(&rules, caller, ask, permit.granted, deadline).await {
                // A reload has put other rules in force while this waited: they decide anew.
                Err(Error::NoSession { cause: Some(cause), .. }) if cause.is_of_former_configuration() => {}
                answer => return answer,
            }
            rules = self.rules();
            permit = self.admit(&rules, caller, ask)?;
        }
    }

    async fn wait(
        &self,
        rules: &Rules,
        caller: &Caller,
        ask: &Ask,
        granted: Ttl,
        deadline: Instant,
    ) -> Result<Prepared, Error> {
        let identity = self.identity(rules, ask)?;
        if identity.is_paused() {
            return Err(Error::IdentityPaused(identity.name().clone()));
        }
        let former = match &ask.request_id {
            Some(id) => self.registry.remembered(caller.uid, id).await.map_err(Error::registry)?,
            None => None,
        };
        if let Some(former) = &former {
            match self.repeat(rules, caller, ask, former) {
                Err(Error::Superseded) => {}
                answer => return answer.map(|issued| Prepared::Repeated(Box::new(issued))),
            }
        }
        let region = self.region(&identity, ask, deadline).await?;
        let identity = tenant::part(identity, caller, ask)?;
        let want = Want { asked: ask.asked, at_least: ask.at_least, granted };
        let granted = self.session(&identity, want, deadline).await.map_err(|error| of_the_dead(&identity, error))?;
        let supersedes = former.map(|former| former.record.url.id);
        Ok(Prepared::Ready(Ready { identity, region, want, granted, supersedes }))
    }

    /// Signs what waits for nothing any more.
    pub(super) fn sign(
        &self,
        caller: &Caller,
        ask: &Ask,
        prepared: Prepared,
        picked: Option<Picked>,
    ) -> Result<Outcome, Error> {
        let (ready, picked) = match (prepared, picked) {
            (Prepared::Repeated(issued), _) => return Ok(Outcome::Repeated(issued)),
            (Prepared::Ready(ready), Some(picked)) => (ready, picked),
            (Prepared::Ready(ready), None) => {
                return Err(Error::NoSession { identity: ready.identity.name().clone(), cause: None, short: None });
            }
        };
        let Ready { identity, region, supersedes, .. } = ready;
        let Picked { live, now, life, signing } = picked;
        identity.serves_until(now + life.ttl);
        let id = self.registry.next_url_id();
        let signed = sign(&identity, &live, ask, region, Stamp { id, at: now, ttl: life.ttl })?;
        let record = signed.record(ask, caller, &live, id, now, life, supersedes);
        let session = Arc::clone(&live.session);
        let issued =
            Issued { record, session, output: signed.output, cautions: cautions(ask, &live), ends_early: None };
        Ok(Outcome::New { issued: Box::new(issued), supersedes, signing })
    }

    /// Who may. A denial is counted and logged here, never with a URL or a key.
    fn admit(&self, rules: &Rules, caller: &Caller, ask: &Ask) -> Result<Permit, Error> {
        let name = ask.identity.as_ref().or(rules.default_identity.as_ref()).ok_or(Error::NoDefaultIdentity)?;
        if ask.authority == Authority::Operator {
            return Ok(Permit::of_an_operator());
        }
        let decided = rules.grants.decide(caller, name, &ask.what).inspect_err(|denied| {
            self.metrics.denied(denied.dimension);
            let Caller { uid, gid, pid, executable } = caller;
            let operation = ask.what.operation().as_str();
            tracing::warn!(uid, gid, pid, executable, identity = %name, operation, reason = %denied, "denied");
        });
        Ok(decided?)
    }

    /// How often.
    fn spend(&self, caller: &Caller, permit: &Permit) -> Result<(), Error> {
        let spent = self.rates.spend(caller, permit, self.clock.monotonic());
        spent.map_err(|retry_after| Error::RateLimited { grant: permit.grant.to_string(), retry_after })
    }

    /// The same URL again, from its record: same session, same date, same bytes. [`Error::Superseded`] when that cannot
    /// be, because the session's secret is gone, the URL has ended, or the identity signs for another host by now.
    pub(super) fn repeat(
        &self,
        rules: &Rules,
        caller: &Caller,
        ask: &Ask,
        former: &Remembered,
    ) -> Result<Issued, Error> {
        if former.asked_sha256 != asked::sha256(ask) {
            return Err(Error::RequestIdReused);
        }
        let record = &former.record.url;
        let identity = tenant::known_part(self.identity(rules, ask)?, caller, ask)?;
        // A generation that is drained may repeat itself: that is no new URL. A pause stops that too.
        let _signing = identity.repeat().ok_or_else(|| Error::IdentityPaused(identity.name().clone()))?;
        let live = identity.live(record.session).ok_or(Error::Superseded)?;
        if self.clock.now() >= record.usable_until() {
            return Err(Error::Superseded);
        }
        let stamp = Stamp { id: record.id, at: record.signed_at, ttl: record.ttl };
        let signed = sign(&identity, &live, ask, record.region.clone(), stamp)?;
        if signed.fingerprint != record.fingerprint {
            return Err(Error::Superseded);
        }
        let (session, cautions) = (Arc::clone(&live.session), cautions(ask, &live));
        Ok(Issued { record: record.clone(), session, output: signed.output, cautions, ends_early: None })
    }

    async fn region(&self, identity: &Identity, ask: &Ask, deadline: Instant) -> Result<Region, Error> {
        match &ask.region {
            Some(region) => Ok(region.clone()),
            None => {
                let found = timeout_at(deadline, self.regions.of(ask.what.bucket(), identity.s3())).await;
                Ok(found.map_err(|_| Error::Deadline("the bucket's region"))??)
            }
        }
    }

    /// The session that signs, the instant, and the life that is promised. The instant is read after the last wait, so
    /// that the promise counts from the signature.
    async fn session(
        &self,
        identity: &Identity,
        want: Want,
        deadline: Instant,
    ) -> Result<(Arc<Live>, Timestamp, Lifetime), Error> {
        let mut failed: Option<Arc<RenewError>> = None;
        let mut fresh = identity.fresh();
        for _ in 0..MAX_LOOKS {
            if identity.is_paused() {
                return Err(Error::IdentityPaused(identity.name().clone()));
            }
            let (now, live) = (self.clock.now(), identity.current());
            let held = live.as_ref().map(|live| Arc::clone(&live.session));
            let plan = lifetime::plan(now, want, held.as_deref(), fresh);
            let renew = match (plan, live) {
                (Plan::Sign(life), Some(live)) => return Ok((live, now, life)),
                (Plan::RenewFirst, _) => true,
                // No session of any life would do.
                (Plan::Refuse(short), None) if short.limited_by == lifetime::LimitedBy::Grant => {
                    return Err(refusal(identity, want, short, failed));
                }
                // Nothing to sign with: even a source that is only read may have something by now.
                (_, None) => failed.is_none(),
                (Plan::Refuse(short), Some(_)) => return Err(refusal(identity, want, short, failed)),
            };
            if !renew {
                break;
            }
            // A session that would do is not given up for a source that does not answer: half the time is for that.
            let will_do = matches!(lifetime::plan(now, want, held.as_deref(), None), Plan::Sign(_));
            let began = self.clock.monotonic();
            let patience = deadline.saturating_duration_since(began) / if will_do { 2 } else { 1 };
            failed = match timeout_at(began + patience, identity.renew()).await {
                Ok(Err(error)) if error.is_of_former_configuration() => {
                    return Err(Error::NoSession {
                        identity: identity.name().clone(),
                        cause: Some(error),
                        short: None,
                    });
                }
                Ok(renewed) => renewed.err(),
                Err(_) if will_do => None,
                // Why there is none yet is worth more than that the time ran out.
                Err(_) => {
                    let Some(cause) = identity.last_failure() else { return Err(Error::Deadline("a new session")) };
                    return Err(match lifetime::plan(now, want, held.as_deref(), None) {
                        Plan::Refuse(short) if held.is_some() => refusal(identity, want, short, Some(cause)),
                        _ => Error::NoSession { identity: identity.name().clone(), cause: Some(cause), short: None },
                    });
                }
            };
            // Tried: what is there now has to do.
            fresh = None;
        }
        Err(Error::NoSession { identity: identity.name().clone(), cause: failed, short: None })
    }
}

/// Why there is no session matters less than that there was one, and what it signed is dead.
fn of_the_dead(identity: &Identity, error: Error) -> Error {
    match error {
        error if !identity.is_dead() => error,
        Error::NoSession { cause: Some(cause), identity, short } if cause.is_of_former_configuration() => {
            Error::NoSession { cause: Some(cause), identity, short }
        }
        Error::NoSession { identity, cause, .. } => Error::SessionDead { identity, cause },
        Error::Deadline(_) => Error::SessionDead { identity: identity.name().clone(), cause: identity.last_failure() },
        error => error,
    }
}

/// A refusal names what a fresh session would give, even when it has just been tried. A renewal that failed is told with
/// it, because it is what stands in the way; the life of the session that lives is the limit then.
fn refusal(identity: &Identity, want: Want, short: TooShort, failed: Option<Arc<RenewError>>) -> Error {
    let fresh = identity.fresh();
    let reach = fresh.and_then(lifetime::reach_of_fresh).map(|reach| reach.min(want.granted));
    let longest_fresh = short.longest_fresh.or(reach);
    match failed {
        Some(cause) if reach.is_some_and(|reach| reach >= short.at_least) => {
            let short = Some(TooShort { longest_fresh, ..short });
            Error::NoSession { identity: identity.name().clone(), cause: Some(cause), short }
        }
        _ => {
            let limited_by = fresh.map_or(short.limited_by, |fresh| match short.limited_by {
                lifetime::LimitedBy::Session => fresh.limited_by,
                other => other,
            });
            Error::TooShort(TooShort { longest_fresh, limited_by, ..short })
        }
    }
}

struct Stamp {
    id: RecordId,
    at: Timestamp,
    ttl: Ttl,
}

struct Signed {
    output: Output,
    host: String,
    region: Region,
    fingerprint: crate::issued::Fingerprint,
}

fn sign(identity: &Identity, live: &Live, ask: &Ask, region: Region, stamp: Stamp) -> Result<Signed, Error> {
    let Stamp { id, at, ttl } = stamp;
    let s3 = identity.s3();
    let target = Target { region: region.clone(), endpoint: s3.endpoint(), addressing: s3.addressing };
    target.endpoint.check_region(&region, &live.session.facts.partition).map_err(|problem| {
        let refused = match &ask.region {
            Some(_) => Refused::new("region", problem),
            None => Refused::new("bucket", format!("lies in a region that {problem}")),
        };
        as_asked(ask)(refused)
    })?;
    match &ask.what {
        Signable::Request(request) => {
            let tag = ask.tag.then(|| id.to_string());
            let presigned = live.signer.presign(request, &target, at, ttl, tag.as_deref()).map_err(as_asked(ask))?;
            let fingerprint = presigned.fingerprint();
            let method = request.method().as_str();
            let output = Output::Url { url: presigned.url, method, headers: presigned.headers };
            Ok(Signed { output, host: presigned.host, region, fingerprint })
        }
        Signable::Form(form) => {
            let form = live.signer.presign_form(form, &target, at, ttl).map_err(as_asked(ask))?;
            let output = Output::Form { url: form.url, fields: form.fields };
            Ok(Signed { output, host: form.host, region, fingerprint: form.fingerprint })
        }
    }
}

/// Names a field as its caller wrote it: in a request of its own, or in the form itself.
fn as_asked(ask: &Ask) -> impl Fn(Refused) -> Refused {
    let is_request = matches!(ask.what, Signable::Request(_));
    move |refused| match is_request {
        true => Refused::new(format!("request.{}", refused.field), refused.problem),
        false => refused,
    }
}

impl Signed {
    #[expect(clippy::too_many_arguments, reason = "a record is made in one place, from everything that is known")]
    fn record(
        &self,
        ask: &Ask,
        caller: &Caller,
        live: &Live,
        id: RecordId,
        signed_at: Timestamp,
        life: Lifetime,
        supersedes: Option<RecordId>,
    ) -> IssuedUrl {
        IssuedUrl {
            id,
            session: live.session.id,
            what: ask.what.clone(),
            region: self.region.clone(),
            host: self.host.clone(),
            signed_at,
            ttl: life.ttl,
            limited_by: life.limited_by,
            tagged: ask.tag,
            fingerprint: self.fingerprint,
            caller: caller.clone(),
            on_behalf_of: ask.on_behalf_of.clone(),
            labels: ask.labels.clone(),
            replaces: ask.replaces.or(supersedes),
        }
    }
}

fn cautions(ask: &Ask, live: &Live) -> Vec<Caution> {
    let key = match &ask.what {
        Signable::Request(request) => request.key(),
        Signable::Form(_) => None,
    };
    let secret = ask.what.headers().is_some_and(|headers| headers.has_secret());
    let facts = &live.session.facts;
    [
        (key.is_some_and(|key| key.is_unusable_in_browsers()), Caution::KeyUnusableInBrowsers),
        (facts.expires_at.is_some() && !facts.expiry_is_exact, Caution::ExpiryUncertain),
        (secret, Caution::NeedsCustomerKey),
    ]
    .into_iter()
    .filter_map(|(holds, caution)| holds.then_some(caution))
    .collect()
}

/// First look, a renewal, second look, and one more for a session that ended in between.
const MAX_LOOKS: usize = 3;
