//! Why a record is not signed again: the event for which that is asked would do to the new URL what it does to the former.

use std::fmt;

use tonic::Code;

use crate::impact::ending::Verdict;
use crate::impact::mend::Mend;
use crate::session::IdentityName;

/// See the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndsToo {
    /// Which identity.
    pub identity: IdentityName,
    /// Its session that signs.
    pub generation: u64,
    /// What the event does to the new URL: it ends it, or may end it.
    pub verdict: Verdict,
    /// How.
    pub reason: &'static str,
    /// What would spare it.
    pub mend: Mend,
}

impl EndsToo {
    /// The status code, and the reason that clients match.
    pub fn verdict(&self) -> (Code, &'static str) {
        (Code::FailedPrecondition, if self.verdict == Verdict::Ends { "ENDS_TOO" } else { "MAY_END_TOO" })
    }
}

impl std::error::Error for EndsToo {}

impl fmt::Display for EndsToo {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { identity, generation, verdict, reason, mend } = self;
        match verdict {
            Verdict::Ends => write!(out, "the new URL would end by the same event [{reason}], ")?,
            _ => write!(out, "the same event may end the new URL as well [{reason}], ")?,
        }
        match mend {
            Mend::OtherSession => write!(
                out,
                "because {identity} signs with its generation {generation}; let another key or session sign first"
            ),
            Mend::ShorterLife(age) => {
                let age = age.as_secs();
                write!(
                    out,
                    "which is about older signatures; let it live {age} s at most (expires_in), and it is spared"
                )
            }
            Mend::OtherPrincipal => write!(
                out,
                "and so it is with every session that {identity} gets as whom it signs now; let it sign as another user or \
                 role first"
            ),
            Mend::Nothing => write!(out, "whoever signs; no key or session mends that"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_surely_ends_and_what_only_may_are_told_apart_by_reason_and_words() {
        let told = |verdict, mend| {
            let identity = IdentityName::parse("web").expect("well-formed");
            let refused = EndsToo { identity, generation: 7, verdict, reason: "DENIED", mend };
            (refused.verdict(), refused.to_string())
        };
        let (verdict, text) = told(Verdict::Ends, Mend::Nothing);
        assert_eq!(verdict, (Code::FailedPrecondition, "ENDS_TOO"));
        assert!(text.starts_with("the new URL would end by the same event [DENIED], whoever signs"), "{text}");
        let (verdict, text) = told(Verdict::MayEnd, Mend::OtherSession);
        assert_eq!(verdict, (Code::FailedPrecondition, "MAY_END_TOO"));
        assert!(text.starts_with("the same event may end the new URL as well [DENIED], because web signs"), "{text}");
        for (mend, part) in [
            (Mend::OtherSession, "its generation 7; let another key or session"),
            (Mend::ShorterLife(Duration::from_secs(90)), "let it live 90 s at most"),
            (Mend::OtherPrincipal, "sign as another user or role"),
            (Mend::Nothing, "no key or session mends that"),
        ] {
            let text = told(Verdict::MayEnd, mend).1;
            assert!(text.contains(part), "{text}");
        }
    }
}
