//! What an answer cannot see. Says only what is true of this registry at this moment.

use std::collections::BTreeSet;

use super::Question;
use super::parents::Line;
use super::standing::Standing;
use crate::impact::concern::Concern;
use crate::impact::contain::Store;
use crate::impact::ending::Ending;
use crate::impact::event::{Event, Statement, What};
use crate::impact::reason::{Condition, Reason};
use crate::impact::report::{MOST_NAMES, Report};
use crate::registry::{Registry, Stands};
use crate::s3::operation::Operation;
use crate::session::{IdentityName, RecordId, Session};
use crate::time::{Timestamp, Ttl};

macro_rules! gap_reasons {
    ($($(#[$doc:meta])* $name:ident $text:literal;)*) => {
        /// Kinds of gaps. Their names are part of the API: added, never renamed; docs/impact.md lists them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum GapReason { $($(#[$doc])* $name,)* }

        impl GapReason {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Stable, in upper case.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

gap_reasons! {
    /// URLs of other signers.
    SignedElsewhere "SIGNED_ELSEWHERE";
    /// The registry is younger than the oldest URL can be.
    RegistryStarted "REGISTRY_STARTED";
    /// The event lies ahead.
    NotYetSigned "NOT_YET_SIGNED";
    /// The event lies behind.
    EndedSince "ENDED_SINCE";
    /// Events that stand have ended URLs that are therefore not counted.
    EndedByEvent "ENDED_BY_EVENT";
    /// Events that stand end some of the counted URLs soon, or may end them.
    EventStands "EVENT_STANDS";
    /// Nothing that was looked at has to do with the event.
    NotSeen "NOT_SEEN";
    /// Nor does presignd know the name from elsewhere: perhaps it is mistyped.
    NameUnknown "NAME_UNKNOWN";
    /// The key is said to be dead, and presignd has seen it alive since.
    SeenAlive "SEEN_ALIVE";
    /// The bucket's name is known at several endpoints, and nobody said which is meant.
    SeveralEndpoints "SEVERAL_ENDPOINTS";
    /// The filter leaves out all that the event touches.
    FilterHides "FILTER_HIDES";
    /// Nobody told whose a session is.
    PrincipalUnknown "PRINCIPAL_UNKNOWN";
    /// More names than are held.
    GroupsBounded "GROUPS_BOUNDED";
    /// A line of a log fits several records.
    SeveralRecords "SEVERAL_RECORDS";
    /// The URL is over.
    AlreadyEnded "ALREADY_ENDED";
    /// The URL leads through an alias, and nobody told whose.
    AliasUnresolved "ALIAS_UNRESOLVED";
    /// The URL leads to a store that is not AWS's.
    OtherStore "OTHER_STORE";
}

/// Something that the answer cannot see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// What kind.
    pub reason: GapReason,
    /// A sentence.
    pub message: String,
}

impl Gap {
    pub(super) fn new(reason: GapReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// Of what AWS would do, and a store of its own may not.
pub(super) fn of_store(store: &Store) -> Gap {
    let mut message = format!(
        "{} is not AWS: ways through the roles and users of AWS IAM are left out, and whether it heeds a policy as AWS does \
         only its manual tells.",
        store.host
    );
    if !store.is_configured {
        message += " No identity has that endpoint now, so the scheme https is a guess.";
    }
    Gap::new(GapReason::OtherStore, message)
}

/// Of ways through the policy of a bucket or access point that goes by another name.
pub(super) fn of_alias(bucket: &str) -> Gap {
    let message = format!(
        "{bucket} is an alias, and of which access point the URL does not tell: ways through the policy of that access point \
         or of its bucket are left out. aws s3control list-access-points names both."
    );
    Gap::new(GapReason::AliasUnresolved, message)
}

/// What a count met on its way.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Whether anything has to do with the event.
    concerned: bool,
    /// Identities with sessions of which nobody told whose they are, where that matters.
    unnamed: BTreeSet<IdentityName>,
}

impl Seen {
    /// URLs that were ended before: a name that fits them is not mistyped. Whether a key does, only their records tell.
    pub(super) fn add_ended(&mut self, event: &Event, line: &Line, bucket: &str, operation: Operation) {
        let concern = Concern::of(event);
        let fits = concern.touches_session(line.lineage()) && concern.touches_place(bucket, operation);
        self.concerned |= fits && concern.key_prefix().is_none();
    }

    pub(super) fn add(&mut self, session: &Session, ending: &Ending) {
        // That a role's session outlives a user is said of any user where nobody knows who minted it.
        let of_anybody = [Reason::NotConcerned, Reason::NotMatched, Reason::RoleSessionOutlivesUser];
        self.concerned |= !of_anybody.contains(&ending.reason);
        if !self.unnamed.contains(&session.identity)
            && ending.conditions.iter().any(|condition| condition == Condition::IsThatPrincipal)
        {
            self.unnamed.insert(session.identity.clone());
        }
    }
}

/// A count that finds nothing, where one without its filter does.
pub(super) fn hidden(urls: u64) -> Gap {
    let message = format!(
        "The event does end or may end {urls} outstanding URLs; what was chosen leaves them all out. Is every name in \
         it right?"
    );
    Gap::new(GapReason::FilterHides, message)
}

/// A name that nothing has.
pub(super) fn unknown(event: &Event) -> Gap {
    let (what, is_key) = named_in(event);
    let sort = if is_key { "key" } else { "name" };
    let message =
        format!("No record, session or identity of presignd's has to do with {what}: is that the right {sort}?");
    Gap::new(GapReason::NameUnknown, message)
}

/// The gaps of a count.
pub(super) fn gaps(
    registry: &Registry,
    question: &Question,
    report: &Report,
    seen: &Seen,
    standing: &Standing,
    now: Timestamp,
) -> Vec<Gap> {
    let event = &question.event;
    let mut gaps = of_registry(registry, now);
    if event.at > now {
        let message = format!("What is signed between now and {} is not counted.", event.at);
        gaps.push(Gap::new(GapReason::NotYetSigned, message));
    }
    if event.at < now {
        let message = format!("The event lies in the past: what has ended since {} is not counted.", event.at);
        gaps.push(Gap::new(GapReason::EndedSince, message));
    }
    gaps.extend(of_standing(standing, event));
    if !seen.concerned {
        gaps.push(Gap::new(GapReason::NotSeen, not_seen(event)));
    }
    if !seen.unnamed.is_empty() {
        let named: Vec<&str> = seen.unnamed.iter().take(MOST_NAMED).map(IdentityName::as_str).collect();
        let more = if seen.unnamed.len() > MOST_NAMED { ", …" } else { "" };
        let message = format!(
            "Whose the sessions of {}{more} are, STS did not tell; what depends on it is counted as \"may end\".",
            named.join(", ")
        );
        gaps.push(Gap::new(GapReason::PrincipalUnknown, message));
    }
    if !report.groups_are_exact() {
        let message = format!(
            "There are more than {MOST_NAMES} names of a kind, so some small groups are counted among the others."
        );
        gaps.push(Gap::new(GapReason::GroupsBounded, message));
    }
    gaps
}

/// What events that stand did to what was looked at, and what they may do.
fn of_standing(standing: &Standing, asked: &Event) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let (urls, events) = standing.ended();
    if urls > 0 {
        let (named, advice) = (named(&ids(&events)), taken_back(&events));
        let mut message = format!(
            "{urls} more would still be alive by their own ends, but surely ended by {named}, and are not counted. {advice}"
        );
        let come_back = events.iter().any(|stands| stands.event.what.can_be_undone());
        if come_back && !Concern::of(asked).is_empty() && !asked.what.can_be_undone() {
            message += " Those of them that the event in question ends, too, then never come back.";
        }
        gaps.push(Gap::new(GapReason::EndedByEvent, message));
    }
    let (urls, events) = standing.touched();
    if urls > 0 {
        let does = if events.len() == 1 { "it has ended, ends or may end" } else { "they have ended, end or may end" };
        let message = format!(
            "Up to {urls} of the counted URLs {} touched by {}: what {does} of them is not taken in. presignd find \
             tells it of a URL, and so does --list.",
            if urls == 1 { "is" } else { "are" },
            named(&ids(&events))
        );
        gaps.push(Gap::new(GapReason::EventStands, message));
    }
    gaps
}

/// How to go on where they say what is not so, or is not so any more.
fn taken_back(events: &[&Stands]) -> String {
    let can_be_undone = events.iter().any(|stands| stands.event.what.can_be_undone());
    match (events, can_be_undone) {
        ([one], true) => format!(
            "If it was undone, lift it: presignd events --lift {0}; if it never happened, withdraw it: presignd events \
             --withdraw {0}.",
            one.id
        ),
        ([one], false) => {
            format!("It cannot be undone; if it never happened, withdraw it: presignd events --withdraw {}.", one.id)
        }
        (_, true) => {
            "What of it was undone, presignd events --lift takes back; what never happened, presignd events --withdraw."
                .to_owned()
        }
        (_, false) => "They cannot be undone; what never happened, presignd events --withdraw takes back.".to_owned(),
    }
}

/// `event k3yd2a7q-5`, `events k3yd2a7q-5, k3yd2a7q-6`.
pub(super) fn named(events: &[RecordId]) -> String {
    let ids: Vec<String> = events.iter().take(MOST_NAMED).map(RecordId::to_string).collect();
    let (some, more) =
        (if ids.len() == 1 { "event" } else { "events" }, if events.len() > MOST_NAMED { ", …" } else { "" });
    format!("{some} {}{more}", ids.join(", "))
}

fn ids(events: &[&Stands]) -> Vec<RecordId> {
    events.iter().map(|stands| stands.id).collect()
}

/// What no answer of this registry can see.
pub(super) fn of_registry(registry: &Registry, now: Timestamp) -> Vec<Gap> {
    let message = format!(
        "Only URLs of this registry ({}) are counted: not those of other registries, and none that SDKs or scripts signed.",
        registry.instance()
    );
    let mut gaps = vec![Gap::new(GapReason::SignedElsewhere, message)];
    let began = registry.created_at();
    if began + Ttl::MAX > now {
        let message = format!(
            "The registry began on {began}; URLs signed before are not in it and may live until {}.",
            began + Ttl::MAX
        );
        gaps.push(Gap::new(GapReason::RegistryStarted, message));
    }
    gaps
}

/// With what was looked for, so that a slip of the pen is seen.
fn not_seen(event: &Event) -> String {
    match named_in(event) {
        (key, true) => {
            format!("No outstanding URL that was looked at was signed with {key} or with a session minted from it.")
        }
        (what, false) => format!("No outstanding URL that was looked at has to do with {what}."),
    }
}

/// What the event speaks of, and whether that is an access key.
fn named_in(event: &Event) -> (String, bool) {
    let what = match &event.what {
        What::KeyDeactivated { access_key_id }
        | What::KeyDeleted { access_key_id }
        | What::SessionInvalidated { access_key_id, .. }
        | What::KeyRotated { access_key_id } => {
            return (access_key_id.clone(), true);
        }
        What::UserDeleted(whose)
        | What::SessionsRevoked { principal: whose, .. }
        | What::RoleDeleted(whose)
        | What::RoleRecreated(whose)
        | What::TrustPolicyChanged(whose) => {
            if whose.arn.is_empty() {
                whose.unique_id.clone()
            } else {
                whose.arn.clone()
            }
        }
        What::IdentityProviderRemoved { arn } => arn.clone(),
        What::ComputeTerminated(name)
        | What::AssociationChanged(name)
        | What::SsoUserDisabled(name)
        | What::IdentityRenewed(name) => name.to_string(),
        What::SessionExpired(id) => id.to_string(),
        What::AllowRemoved(statement) | What::Denied { statement, .. } => spoken(statement),
        What::BucketDeleted { bucket } | What::RequesterPays { bucket } | What::PublicAccessBlocked { bucket, .. } => {
            bucket.clone()
        }
        What::AccessPointDeleted { access_point } => access_point.clone(),
        What::ObjectDeleted(object) | What::ObjectOverwritten(object) | What::ObjectArchived(object) => {
            format!("s3://{}/{}", object.bucket, object.key)
        }
        What::KmsKeyDisabled { key_arn, .. } => key_arn.clone(),
        What::UploadEnded { upload_id, .. } => format!("upload {upload_id}"),
        What::AccountClosed { account } => format!("account {account}"),
    };
    (what, false)
}

/// A statement, by what it names.
fn spoken(statement: &Statement) -> String {
    let Statement { principal_arn, userid, bucket, .. } = statement;
    let whose = [principal_arn, userid].into_iter().filter(|name| !name.is_empty() && *name != "*").cloned();
    let place = format!("s3://{bucket}/{}", statement.keys_begin());
    let place = Some(place).filter(|_| !bucket.is_empty());
    let names: Vec<String> = whose.chain(place).collect();
    if names.is_empty() { "that statement".to_owned() } else { format!("a statement on {}", names.join(" and ")) }
}

/// Identities or events that one gap names.
const MOST_NAMED: usize = 20;
