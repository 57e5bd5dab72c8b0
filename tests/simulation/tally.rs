//! What a run has seen, so that one that sees nothing fails, and so that a rule that always says "may" is found out.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use presignd::impact::ending::{Ending, Verdict};
use presignd::session::Session;

use crate::model::act::Act;
use crate::model::statement::Place;
use crate::model::used::Use;

/// What became of a URL under an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Refused.
    Died,
    /// Answered, as said.
    Lived,
    /// Said to end, but its own end or the undoing came first.
    Outlived,
    /// The model does not say.
    Untold,
}

/// Numbers of one kind of event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// Said to end, and refused.
    pub ended: u64,
    /// Said to end.
    pub ends: u64,
    /// Said to live.
    pub lives: u64,
    /// Said to end perhaps,
    pub may: u64,
    /// and refused.
    pub did: u64,
}

/// Numbers of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub rows: BTreeMap<&'static str, Row>,
    pub urls: u64,
    /// Instants at which somebody asked whether a URL works,
    pub looks: u64,
    /// and it did.
    pub worked: u64,
    /// Calls that were refused because nothing lives that long.
    pub refused: u64,
    /// Renewals that worked, and that did not.
    pub renewed: u64,
    pub failed: u64,
    /// URLs that were signed when what signed was said to sign dead ones, and those of sessions that were said to mend it.
    pub dead_on_arrival: u64,
    pub mended: u64,
    pub cut_short: u64,
    /// Of every URL in turn: two runs that say the same have seen the same.
    pub trace: u64,
}

impl Tally {
    pub(crate) fn note(&mut self, act: &Act, session: &Session, asked_first: bool, said: &Ending, seen: Seen) {
        let row = self.rows.entry(name(act, session, asked_first)).or_default();
        match said.verdict {
            Verdict::Ends => row.ends += 1,
            Verdict::Lives => row.lives += 1,
            Verdict::MayEnd => row.may += 1,
        }
        row.ended += u64::from(said.verdict == Verdict::Ends && seen == Seen::Died);
        row.did += u64::from(said.verdict == Verdict::MayEnd && seen == Seen::Died);
    }

    /// A URL goes out.
    pub(crate) fn follow(&mut self, used: &Use) {
        let mut hasher = DefaultHasher::new();
        (self.trace, &used.access_key_id, used.date, used.expires, &used.bucket, &used.key).hash(&mut hasher);
        self.trace = hasher.finish();
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (name, row) in &other.rows {
            let sum = self.rows.entry(name).or_default();
            sum.ended += row.ended;
            sum.ends += row.ends;
            sum.lives += row.lives;
            sum.may += row.may;
            sum.did += row.did;
        }
        self.urls += other.urls;
        self.looks += other.looks;
        self.worked += other.worked;
        self.refused += other.refused;
        self.renewed += other.renewed;
        self.failed += other.failed;
        self.dead_on_arrival += other.dead_on_arrival;
        self.mended += other.mended;
        self.cut_short += other.cut_short;
    }
}

/// A line for each kind.
impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, Row { ended, ends, lives, may, did }) in &self.rows {
            writeln!(
                out,
                "{name:20} ends {ends:6} (refused {ended:6})  may {may:6} (refused {did:6})  lives {lives:7}"
            )?;
        }
        let Self { urls, looks, worked, refused, renewed, failed, dead_on_arrival, mended, cut_short, .. } = self;
        writeln!(
            out,
            "{urls} URLs looked at {looks} times, of which they worked {worked} times; {refused} not signed"
        )?;
        writeln!(out, "{dead_on_arrival} signed dead, as was said, {mended} with a session that was said to mend it")?;
        writeln!(out, "{cut_short} cut short, as was said")?;
        write!(out, "{renewed} renewals that worked, {failed} that failed")
    }
}

/// The kind of an act, or why little is known of the session that signed.
fn name(act: &Act, session: &Session, asked_first: bool) -> &'static str {
    let revokes = matches!(act, Act::RoleRevoked { .. } | Act::UserRevoked { .. })
        || matches!(act, Act::Denied(statement) if statement.issued_before.is_some());
    let of_session = session.facts.expires_at.is_some();
    match act {
        _ if session.facts.principal_arn.is_empty() => "of nobody knows whom",
        _ if !asked_first => "signed later",
        _ if revokes && of_session && session.facts.issued.not_before.is_none() => "issued nobody knows when",
        Act::KeyOff(_) => "key off",
        Act::KeyGone(_) => "key gone",
        Act::KeyMade(_) => "key made",
        Act::UserGone(_) => "user gone",
        Act::RoleRevoked { .. } => "role revoked",
        Act::UserRevoked { .. } => "user revoked",
        Act::RoleGone(_) => "role gone",
        Act::RoleRemade { .. } => "role remade",
        Act::TrustEdited(_) => "trust edited",
        Act::ProviderGone(_) => "provider gone",
        Act::MachineGone(_) => "machine gone",
        Act::ProfileSwapped(_) => "profile swapped",
        Act::SsoUserOff(_) => "sso user off",
        Act::AllowGone(_) => "allow gone",
        Act::Denied(statement) => match statement.place {
            Place::Bucket => "denied by bucket",
            Place::User(_) | Place::Role(_) => "denied by identity",
            Place::UserBoundary(_) | Place::RoleBoundary(_) => "denied by boundary",
            Place::Scp => "denied by scp",
            Place::Rcp => "denied by rcp",
        },
        Act::PublicBlocked { .. } => "public blocked",
        Act::KmsOff { .. } => "kms off",
        Act::ObjectGone { version: None, .. } => "object gone",
        Act::ObjectGone { .. } => "version gone",
        Act::ObjectOverwritten { .. } => "overwritten",
        Act::BucketGone(_) => "bucket gone",
        Act::PointGone(_) => "point gone",
        Act::Archived { .. } => "archived",
        Act::RequesterPays(_) => "requester pays",
        Act::UploadOver { .. } => "upload over",
        Act::AccountShut(_) => "account shut",
    }
}
