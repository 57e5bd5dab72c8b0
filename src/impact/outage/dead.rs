//! An identity whose session was seen dead signs nothing already. What ended it may be the very event that is asked about, and
//! whoever is called because of that asks for its consequences: so for an event that would end that session it counts as the
//! one that signs, and what is told is that it stopped.
//!
//! For every other event it is a session that was, with which nobody signs or mints.

use super::{Found, Holder, Loss, present};
use crate::impact::event::Event;

/// The holder as it was before its session was seen dead, where the event would have ended that, too.
pub(super) fn revived<'a>(event: &Event, holder: &Holder<'a>) -> Holder<'a> {
    let alive = Holder { session: holder.dead, ..*holder };
    let is_there = event.bucket().is_none() || event.may_be_at(holder.signs_for);
    let ends = is_there && holder.dead.is_some() && present::dead(event, &alive).is_some();
    if ends { alive } else { *holder }
}

/// What befalls a holder that was revived has come about.
pub(super) fn has_stopped(holder: &Holder<'_>, found: &mut Found) {
    if holder.dead.is_some() && holder.session == holder.dead {
        (found.loss, found.at, found.may_come_later) = (Loss::NoSession, None, false);
    }
}
