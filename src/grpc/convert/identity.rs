//! Identities and their sessions, to the wire.

use super::{session_reference, wire_instant, wire_length, wire_limit, wire_ttl};
use crate::grpc::proto;
use crate::identity::{Identity, Replaced, State};
use crate::probe::Seen;
use crate::registry::SessionRow;
use crate::session::CredentialKind;
use crate::session::generation::{self, Generation, Secret};
use crate::session::lifetime::{self, Lifetime};
use crate::time::{Timestamp, Ttl};

/// An identity with the sessions that the registry holds of it, newest first. No life is told that is over `granted`.
pub(in crate::grpc) fn described(
    identity: &Identity,
    rows: &[SessionRow],
    now: Timestamp,
    granted: Ttl,
) -> proto::Identity {
    let status = identity.status();
    let longest_now = identity.current().and_then(|live| lifetime::longest_now(now, &live.session));
    let longest_now = longest_now.map(|life| life.held_to(granted));
    let longest_fresh = identity.fresh().and_then(|fresh| {
        let ttl = lifetime::reach_of_fresh(fresh)?;
        Some(Lifetime { ttl, limited_by: fresh.limited_by }.held_to(granted))
    });
    let alive = rows.iter().filter(|row| row.session.left(now).is_some());
    proto::Identity {
        name: identity.name().as_str().to_owned(),
        source: identity.source().to_owned(),
        state: state(status.state),
        sessions: alive.map(|row| session(row, identity, now)).collect(),
        longest_now: longest_now.map(|life| wire_ttl(life.ttl)),
        longest_now_limited_by: longest_now.map_or(0, |life| wire_limit(life.limited_by)),
        longest_fresh: longest_fresh.map(|life| wire_ttl(life.ttl)),
        longest_fresh_limited_by: longest_fresh.map_or(0, |life| wire_limit(life.limited_by)),
        next_renewal_at: status.next_renewal_at.map(wire_instant),
        failures: status.failures,
        last_failure: status.last_failure,
        last_failure_reason: status.last_failure_reason.to_owned(),
        headroom: Some(wire_length(status.headroom)),
    }
}

/// A session that was asked for.
pub(in crate::grpc) fn renewed(replaced: &Replaced) -> proto::RenewedSession {
    proto::RenewedSession {
        session: Some(session_reference(&replaced.session)),
        former: replaced.former.as_deref().map(session_reference),
        caution: replaced.caution().unwrap_or_default(),
    }
}

fn session(row: &SessionRow, identity: &Identity, now: Timestamp) -> proto::Session {
    let facts = &row.session.facts;
    let secret = identity.secret_of(&row.session);
    let is_dead = identity.held(&row.session).is_some_and(|live| live.is_dead());
    let signing =
        matches!(secret, Secret::Signs | Secret::StandsIn | Secret::Rests) && row.drained_since.is_none() && !is_dead;
    let one = Generation {
        session: &row.session,
        enrolled_at: row.enrolled_at,
        signs_since: row.signs_since,
        followed_at: None,
        drained_since: row.drained_since,
        retired_at: row.retired_at,
        secret,
        outstanding: row.outstanding,
        last_url_ends_at: row.last_url_ends_at,
        ended_early: 0,
        ended_by: "",
        key_ended_by: "",
        seen_dead: None,
        holders: &[],
        is_last: false,
        is_unconfirmed: false,
    };
    proto::Session {
        reference: Some(session_reference(&row.session)),
        kind: kind(facts.kind),
        account: facts.account.clone(),
        principal_arn: facts.principal_arn.clone(),
        principal_unique_id: facts.principal_unique_id.clone(),
        session_name: facts.session_name.clone(),
        issued_not_before: facts.issued.not_before.map(wire_instant),
        issued_not_after: Some(wire_instant(facts.issued.not_after)),
        parent_access_key_id: facts.parent_access_key_id.clone(),
        signing,
        outstanding_urls: row.outstanding,
        last_url_ends_at: row.last_url_ends_at.map(wire_instant),
        state: generation_state(one.state(now)),
        partition: facts.partition_of.clone(),
        observation: observation(row),
        observed_at: row.observed.as_ref().map(|observed| wire_instant(observed.at)),
    }
}

fn state(state: State) -> i32 {
    let state = match state {
        State::Paused => proto::IdentityState::Paused,
        State::Starting => proto::IdentityState::Starting,
        State::Ready => proto::IdentityState::Ready,
        State::RenewalFailing => proto::IdentityState::RenewalFailing,
        State::SessionDead => proto::IdentityState::SessionDead,
        State::Unavailable => proto::IdentityState::Unavailable,
    };
    state.into()
}

pub(super) fn generation_state(state: generation::State) -> i32 {
    let state = match state {
        generation::State::Prepared => proto::GenerationState::Prepared,
        generation::State::Active => proto::GenerationState::Active,
        generation::State::Dead => proto::GenerationState::Dead,
        generation::State::Draining => proto::GenerationState::Draining,
        generation::State::Drained => proto::GenerationState::Drained,
        generation::State::Retired => proto::GenerationState::Retired,
    };
    state.into()
}

fn observation(row: &SessionRow) -> i32 {
    let seen = row.observed.as_ref().and_then(|observed| Seen::parse(&observed.state));
    let seen = seen.map_or(proto::Observation::None, |seen| match seen {
        Seen::Alive => proto::Observation::Alive,
        Seen::KeyDead => proto::Observation::KeyDead,
        Seen::Denied => proto::Observation::Denied,
        Seen::Unobservable => proto::Observation::Unobservable,
    });
    seen.into()
}

pub(super) fn kind(kind: CredentialKind) -> i32 {
    let kind = match kind {
        CredentialKind::LongTermKey => proto::CredentialKind::LongTermKey,
        CredentialKind::SessionToken => proto::CredentialKind::SessionToken,
        CredentialKind::FederationToken => proto::CredentialKind::FederationToken,
        CredentialKind::AssumeRole => proto::CredentialKind::AssumeRole,
        CredentialKind::WebIdentity => proto::CredentialKind::WebIdentity,
        CredentialKind::PodIdentity => proto::CredentialKind::PodIdentity,
        CredentialKind::EcsTask => proto::CredentialKind::EcsTask,
        CredentialKind::Ec2Instance => proto::CredentialKind::Ec2Instance,
        CredentialKind::Lambda => proto::CredentialKind::Lambda,
        CredentialKind::Sso => proto::CredentialKind::Sso,
        CredentialKind::Root => proto::CredentialKind::Root,
        CredentialKind::Temporary => proto::CredentialKind::Temporary,
    };
    kind.into()
}
