//! What came of a renewal that somebody asked for, in words where it is not what one expects of it.
//!
//! Renews nothing itself: the keeper does.

use std::sync::Arc;

use crate::session::Session;

/// A session that was got because somebody asked for it.
#[derive(Debug, Clone)]
pub struct Replaced {
    /// What the source gave; it signs from now on.
    pub session: Arc<Session>,
    /// What signed when it was asked for.
    pub former: Option<Arc<Session>>,
}

impl Replaced {
    /// What else came of it: nothing changed, or lives are shorter from now on.
    pub fn caution(&self) -> Option<String> {
        let Session { identity, generation, .. } = &*self.session;
        let former = self.former.as_ref()?;
        if former.id == self.session.id {
            return Some(format!(
                "the source of {identity} gave generation {generation} again, which signs already: nothing has changed"
            ));
        }
        let ends_at = self.session.facts.expires_at?;
        let before = match former.facts.expires_at {
            Some(before) if before <= ends_at => return None,
            Some(before) => format!("before generation {}, in whose place it signs now ({before})", former.generation),
            None => format!("and generation {}, in whose place it signs now, has no end", former.generation),
        };
        Some(format!(
            "generation {generation} of {identity} ends at {ends_at}, {before}: no URL that it signs lives longer; \
             `presignd drain {identity} --generation {} --cancel` lets the former sign again",
            former.generation
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::mint::bare;
    use crate::session::{CredentialKind, IdentityName, InstanceId, RecordId};
    use crate::time::Timestamp;

    fn session(generation: u64, ends_at: Option<i64>) -> Arc<Session> {
        let mut facts = bare("ASIAEXAMPLE", CredentialKind::AssumeRole, Timestamp::EPOCH);
        facts.expires_at = ends_at.map(Timestamp::from_unix);
        let id = RecordId { instance: InstanceId::from_random(1), number: generation };
        Arc::new(Session { id, identity: IdentityName::parse("up").unwrap(), generation, facts })
    }

    fn caution(session: Arc<Session>, former: Option<Arc<Session>>) -> String {
        Replaced { session, former }.caution().unwrap_or_default()
    }

    #[test]
    fn a_life_that_is_cut_and_a_source_that_repeats_itself_are_told_and_nothing_else() {
        assert_eq!(caution(session(2, Some(900)), None), "");
        assert_eq!(caution(session(2, Some(900)), Some(session(1, Some(900)))), "");
        assert_eq!(caution(session(2, None), Some(session(1, Some(900)))), "");
        assert_eq!(
            caution(session(3, Some(900)), Some(session(1, Some(901)))),
            "generation 3 of up ends at 1970-01-01T00:15:00Z, before generation 1, in whose place it signs now \
             (1970-01-01T00:15:01Z): no URL that it signs lives longer; `presignd drain up --generation 1 --cancel` lets \
             the former sign again"
        );
        let after_a_key = caution(session(3, Some(900)), Some(session(1, None)));
        assert!(
            after_a_key.contains("Z, and generation 1, in whose place it signs now, has no end: "),
            "{after_a_key}"
        );
        assert_eq!(
            caution(session(2, Some(900)), Some(session(2, Some(900)))),
            "the source of up gave generation 2 again, which signs already: nothing has changed"
        );
    }
}
