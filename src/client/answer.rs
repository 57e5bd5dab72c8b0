//! What was signed, with its life in the types of the standard library. `Debug` shows neither a URL nor a field of a form.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use super::Error;
use crate::proto::{Caution, LimitedBy, PresignPostResponse, PresignResponse, SessionReference, StandingEvent};

/// A URL.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Presigned {
    /// Whoever holds it can use it: treat it as a secret.
    pub url: String,
    /// The only method that the signature allows.
    pub method: String,
    /// Headers that the bearer must send, with these values.
    pub headers: HashMap<String, String>,
    /// Its record, and how long it lives.
    pub life: Life,
}

/// A form.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct PresignedForm {
    /// The form's action.
    pub url: String,
    /// Its fields; `file` comes after all of them.
    pub fields: HashMap<String, String>,
    /// Its record, and how long it lives.
    pub life: Life,
}

/// What is known of a URL or a form beside itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Life {
    /// Name of the record.
    pub id: String,
    /// The hard end: no event lengthens it.
    pub usable_until: SystemTime,
    /// What set that end.
    pub limited_by: LimitedBy,
    /// When it was signed, by AWS's clock as far as the daemon knows it.
    pub signed_at: SystemTime,
    /// What its user may trip over.
    pub cautions: Vec<Caution>,
    /// What is known to end it early.
    pub ends_early: Option<StandingEvent>,
    /// Who signed.
    pub session: Option<SessionReference>,
    /// The record that this one follows; empty for none.
    pub replaces: String,
}

impl Life {
    /// From the signature to the hard end.
    pub fn length(&self) -> Duration {
        self.usable_until.duration_since(self.signed_at).unwrap_or_default()
    }
}

impl Presigned {
    pub(super) fn read(answer: PresignResponse) -> Result<Self, Error> {
        let limited_by = answer.limited_by();
        let cautions = answer.cautions().collect();
        let PresignResponse {
            url, method, headers, id, usable_until, signed_at, session, replaces, ends_early, ..
        } = answer;
        let (usable_until, signed_at) = (instant(usable_until)?, instant(signed_at)?);
        let life = Life { id, usable_until, limited_by, signed_at, cautions, ends_early, session, replaces };
        Ok(Self { url, method, headers, life })
    }
}

impl PresignedForm {
    pub(super) fn read(answer: PresignPostResponse) -> Result<Self, Error> {
        let limited_by = answer.limited_by();
        let cautions = answer.cautions().collect();
        let PresignPostResponse { url, fields, id, usable_until, signed_at, session, replaces, ends_early, .. } =
            answer;
        let (usable_until, signed_at) = (instant(usable_until)?, instant(signed_at)?);
        let life = Life { id, usable_until, limited_by, signed_at, cautions, ends_early, session, replaces };
        Ok(Self { url, fields, life })
    }
}

impl fmt::Debug for Presigned {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url: _, method, headers: _, life } = self;
        out.debug_struct("Presigned").field("method", method).field("life", life).finish_non_exhaustive()
    }
}

impl fmt::Debug for PresignedForm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PresignedForm").field("life", &self.life).finish_non_exhaustive()
    }
}

fn instant(wire: Option<prost_types::Timestamp>) -> Result<SystemTime, Error> {
    let known = wire.and_then(|wire| SystemTime::try_from(wire).ok());
    known.ok_or(Error::NoAnswer("it does not say when the signature was made, or when it ends"))
}
