//! The long-term key that a source gives and that signs again when it is read anew, after a restart at the latest: whether
//! what it signs then falls under the event. Until then the holder signs with another, or with none.
//!
//! Never says when that is: nobody knows.

use super::present::{self, Why};
use super::{Found, Holder, Recovery};
use crate::impact::Lineage;
use crate::impact::event::Event;

/// What the event does to the key with which the holder will sign again.
pub(super) fn own(event: &Event, holder: &Holder<'_>) -> Option<Found> {
    if event.bucket().is_some() && !event.may_be_at(holder.signs_for) {
        return None;
    }
    let dead = present::ended(event, holder, Lineage { session: holder.returns?, parent: None })?;
    Some(Found {
        message: match dead.why {
            Why::Key => {
                "after a restart at the latest it signs again with the key in its source, which is dead; give its source \
                 another key"
            }
            _ => {
                "after a restart at the latest it signs again with the key in its source, which that befalls; give its \
                 source another key"
            }
        },
        loss: dead.loss,
        at: Some(dead.at),
        may_come_later: true,
        reach: dead.reach,
        conditions: dead.conditions,
        recovery: Recovery::None,
        lends_nothing: present::is_of_credentials(&event.what),
        mended_by: None,
    })
}
