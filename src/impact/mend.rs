//! What would spare a URL that an event ends or may end, if it were signed in another way.
//!
//! Has no rules of its own: it asks those that there are about the same URL, signed by somebody else.

use std::time::Duration;

use super::ending::Verdict;
use super::event::{Event, What};
use super::outage::next_of;
use super::{Lineage, Subject, ending};
use crate::issued::IssuedUrl;
use crate::session::{CredentialKind, Session};

/// The least that would have to be otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mend {
    /// Another key or session of the same user or role.
    OtherSession,
    /// A life of at most this.
    ShorterLife(Duration),
    /// A key or session of somebody else.
    OtherPrincipal,
    /// Nothing: it is the same for everybody.
    Nothing,
}

/// What would give the URL a better verdict than this one.
pub fn mend(event: &Event, by: Lineage<'_>, url: &IssuedUrl, verdict: Verdict) -> Mend {
    let told = |session: &Session, parent| {
        ending(event, Lineage { session, parent }, Subject::Url(url)).map_or(verdict, |ending| ending.verdict)
    };
    let (next, other) = (told(&next_of(event, by.session, false), by.parent), told(&stranger(event, by.session), None));
    match &event.what {
        _ if next == Verdict::Lives => Mend::OtherSession,
        What::Denied { signature_age: Some(age), .. } if *age < url.ttl.duration() => Mend::ShorterLife(*age),
        _ if other > verdict => Mend::OtherPrincipal,
        _ if next > verdict => Mend::OtherSession,
        _ => Mend::Nothing,
    }
}

/// A key of a user of another account, at the same place.
fn stranger(event: &Event, session: &Session) -> Session {
    let mut other = next_of(event, session, true);
    let partition = &session.facts.partition;
    let facts = &mut other.facts;
    facts.kind = CredentialKind::LongTermKey;
    facts.principal_arn = format!("arn:{partition}:iam::{ACCOUNT}:user/stranger");
    facts.account = ACCOUNT.to_owned();
    facts.principal_unique_id = USER_ID.to_owned();
    facts.session_name.clear();
    facts.parent = None;
    facts.parent_access_key_id.clear();
    other
}

/// AWS gives it to nobody.
const ACCOUNT: &str = "000000000000";
const USER_ID: &str = "AIDASTRANGER";
