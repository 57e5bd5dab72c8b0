//! Rows i and q to t: what ends no URL, because it is consulted only when a session is minted. Whose next renewal then
//! fails, [`crate::impact::outage`] says.

use super::Answer;
use crate::impact::Lineage;
use crate::impact::ending::Grade;
use crate::impact::event::Principal;
use crate::impact::principal::{Arn, is_of_role};
use crate::impact::reason::Reason;
use crate::impact::truth::Truth;
use crate::session::{CredentialKind, IdentityName};

/// Row i.
pub(super) fn trust_changed(role: &Principal, by: Lineage<'_>) -> Option<Answer> {
    let reads = is_of_role(role, &by.session.facts);
    Some(lives_if(reads != Truth::No, Reason::TrustReadAtMint, Grade::Inferred))
}

/// Row q. Which provider a session came from is not recorded.
pub(super) fn provider_removed(arn: &str, by: Lineage<'_>) -> Answer {
    let facts = &by.session.facts;
    let federated = match facts.kind {
        CredentialKind::WebIdentity | CredentialKind::AssumeRole | CredentialKind::Sso | CredentialKind::Temporary => {
            true
        }
        CredentialKind::LongTermKey
        | CredentialKind::SessionToken
        | CredentialKind::FederationToken
        | CredentialKind::PodIdentity
        | CredentialKind::EcsTask
        | CredentialKind::Ec2Instance
        | CredentialKind::Lambda
        | CredentialKind::Root => false,
    };
    let elsewhere = Arn::parse(arn).is_some_and(|arn| !facts.account.is_empty() && arn.account != facts.account);
    lives_if(federated && !elsewhere, Reason::ProviderReadAtMint, Grade::Inferred)
}

/// Row r.
pub(super) fn compute_terminated(identity: &IdentityName, by: Lineage<'_>) -> Answer {
    lives_if(by.session.identity == *identity, Reason::SessionOutlivesCompute, Grade::Inferred)
}

/// Row s. Seen in the field for EC2, inferred for the others.
pub(super) fn association_changed(identity: &IdentityName, by: Lineage<'_>) -> Answer {
    let seen = by.session.facts.kind == CredentialKind::Ec2Instance;
    let grade = if seen { Grade::Field } else { Grade::Inferred };
    lives_if(by.session.identity == *identity, Reason::AssociationReadAtMint, grade)
}

/// Row t.
pub(super) fn sso_user_disabled(identity: &IdentityName, by: Lineage<'_>) -> Answer {
    lives_if(by.session.identity == *identity, Reason::SsoSessionRunsOut, Grade::Documented)
}

/// Row b, the other way round: it is the issuing session that counts.
pub(super) fn renewed(identity: &IdentityName, by: Lineage<'_>) -> Answer {
    lives_if(by.session.identity == *identity, Reason::RenewalEndsNothing, Grade::Documented)
}

fn lives_if(concerned: bool, reason: Reason, grade: Grade) -> Answer {
    if concerned { Answer::lives(reason).graded(grade) } else { Answer::lives(Reason::NotConcerned) }
}
