//! Kleene's three values, with what a "maybe" hangs on, and a fourth for groups: that depends on the URL.

use super::ending::{Conditions, Grade};
use super::reason::Condition;

/// Whether an event concerns a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    /// It does, as well as that is known.
    Yes(Grade),
    /// It does if all of these hold.
    Maybe(Conditions, Grade),
    /// Another answer for one URL than for another. Of groups only.
    AskUrl,
    /// It does not.
    No,
}

impl Truth {
    /// Surely, as documented.
    pub(super) const YES: Self = Self::Yes(Grade::Documented);

    /// If the condition holds.
    pub(super) fn maybe(condition: Condition, grade: Grade) -> Self {
        Self::Maybe(Conditions::of(condition), grade)
    }

    /// Yes or no.
    pub(super) fn of(holds: bool) -> Self {
        if holds { Self::YES } else { Self::No }
    }

    /// Both. A "no" needs nothing else; the worse grade of two is that of both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::AskUrl, _) | (_, Self::AskUrl) => Self::AskUrl,
            (Self::Yes(one), Self::Yes(two)) => Self::Yes(one.max(two)),
            (Self::Yes(one), Self::Maybe(conditions, two)) | (Self::Maybe(conditions, one), Self::Yes(two)) => {
                Self::Maybe(conditions, one.max(two))
            }
            (Self::Maybe(these, one), Self::Maybe(those, two)) => Self::Maybe(these.and(those), one.max(two)),
        }
    }

    /// Either; the first "yes" tells the grade, and without one the first "maybe" the conditions. So what a group
    /// answers is what each of its URLs answers.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes(_) | Self::AskUrl, _) | (Self::Maybe(..), Self::No | Self::Maybe(..)) => self,
            (Self::No, _) | (Self::Maybe(..), Self::Yes(_) | Self::AskUrl) => other,
        }
    }
}
