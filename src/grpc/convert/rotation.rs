//! Generations and what is decided of them: from the wire and to it.

use super::identity::{generation_state, kind};
use super::{identity, wire_instant};
use crate::grpc::proto;
use crate::rotation::{GenerationStatus, Reference};
use crate::s3::Refused;
use crate::session::IdentityName;
use crate::session::generation::{Hold, Holder};

/// The identity that a decision is about: never the default.
pub(in crate::grpc) fn decided(name: &str) -> Result<IdentityName, Refused> {
    identity("identity", name)?.ok_or_else(|| Refused::new("identity", "is missing: name one"))
}

/// Where a generation may be left out, 0 is none.
pub(in crate::grpc) fn generation(number: u64) -> Option<u64> {
    Some(number).filter(|number| *number > 0)
}

/// The generation that a decision must name.
pub(in crate::grpc) fn named_generation(number: u64) -> Result<u64, Refused> {
    generation(number).ok_or_else(|| Refused::new("generation", "is missing: name one; they count from 1"))
}

/// How a generation is.
pub(in crate::grpc) fn generation_status(status: GenerationStatus) -> proto::GenerationStatus {
    proto::GenerationStatus {
        session: Some(reference(status.session)),
        kind: kind(status.kind),
        state: generation_state(status.state),
        since: status.since.map(wire_instant),
        outstanding_urls: status.outstanding_urls,
        last_url_ends_at: status.last_url_ends_at.map(wire_instant),
        advice: status.advice,
        safe_from: status.safe_from.map(wire_instant),
        partition: status.partition,
        ended_early_urls: status.ended_early_urls,
        ended_by: status.ended_by.iter().map(ToString::to_string).collect(),
        others: status.others.into_iter().map(key_holder).collect(),
    }
}

fn key_holder(holder: Holder) -> proto::KeyHolder {
    let hold = match holder.hold {
        Hold::Signs => proto::KeyHold::Signs,
        Hold::MaySign => proto::KeyHold::MaySign,
        Hold::Mints => proto::KeyHold::Mints,
        Hold::CutOff => proto::KeyHold::CutOff,
        Hold::Rests => proto::KeyHold::Rests,
    };
    proto::KeyHolder {
        identity: holder.identity.as_str().to_owned(),
        generation: holder.generation.unwrap_or_default(),
        hold: hold.into(),
        since: holder.since.map(wire_instant),
        outstanding_urls: holder.outstanding_urls,
        last_url_ends_at: holder.last_end().map(wire_instant),
        stops_at: holder.stops_at.map(wire_instant),
        ended_early_urls: holder.ended_early_urls,
    }
}

pub(super) fn reference(session: Reference) -> proto::SessionReference {
    let Reference { identity, generation, access_key_id, expires_at, id } = session;
    proto::SessionReference {
        identity: identity.as_str().to_owned(),
        generation,
        access_key_id,
        expires_at: expires_at.map(wire_instant),
        id: id.to_string(),
    }
}
