//! Rows i and q to t: what ends no URL, because it is consulted only when a session is minted. Whose next renewal then
//! fails, [`crate::impact::outage`] says.

use super::Answer;
use crate::impact::Lineage;
use crate::impact::ending::Grade;
use crate::impact::event::Principal;
use crate::impact::principal::{Arn, is_of_role};
use crate::impact::reason::Reason;
use crate::impact::truth::Truth;
use crate::session::{CredentialKind, Facts, IdentityName};

/// Row i.
pub(super) fn trust_changed(role: &Principal, by: Lineage<'_>) -> Option<Answer> {
    let reads = is_of_role(role, &by.session.facts);
    Some(lives_if(reads != Truth::No, Reason::TrustReadAtMint, Grade::Inferred))
}

/// Row q. Which provider a session came from is not recorded; what a known key asked for came from none.
pub(super) fn provider_removed(arn: &str, by: Lineage<'_>) -> Answer {
    let facts = &by.session.facts;
    let elsewhere = Arn::parse(arn).is_some_and(|arn| !facts.account.is_empty() && arn.account != facts.account);
    lives_if(is_from_provider(facts) && !elsewhere, Reason::ProviderReadAtMint, Grade::Inferred)
}

/// Row r.
pub(super) fn compute_terminated(identity: &IdentityName, by: Lineage<'_>) -> Answer {
    let concerned = by.session.identity == *identity && is_handed_out(&by.session.facts);
    lives_if(concerned, Reason::SessionOutlivesCompute, Grade::Inferred)
}

/// Row s. Seen in the field for EC2, inferred for the others.
pub(super) fn association_changed(identity: &IdentityName, by: Lineage<'_>) -> Answer {
    let facts = &by.session.facts;
    let grade = if facts.kind == CredentialKind::Ec2Instance { Grade::Field } else { Grade::Inferred };
    let concerned = by.session.identity == *identity && is_handed_out(facts);
    lives_if(concerned, Reason::AssociationReadAtMint, grade)
}

/// Row t.
pub(super) fn sso_user_disabled(identity: &IdentityName, by: Lineage<'_>) -> Answer {
    let concerned = by.session.identity == *identity && is_of_sign_in(&by.session.facts);
    lives_if(concerned, Reason::SsoSessionRunsOut, Grade::Documented)
}

/// Whether a provider's token may have been given for the session. Where the key is known that asked for it, there was
/// none.
pub(in crate::impact) fn is_from_provider(facts: &Facts) -> bool {
    match facts.kind {
        CredentialKind::WebIdentity | CredentialKind::Sso | CredentialKind::Temporary => true,
        CredentialKind::AssumeRole => facts.parent_access_key_id.is_empty(),
        CredentialKind::LongTermKey
        | CredentialKind::SessionToken
        | CredentialKind::FederationToken
        | CredentialKind::PodIdentity
        | CredentialKind::EcsTask
        | CredentialKind::Ec2Instance
        | CredentialKind::Lambda
        | CredentialKind::Root => false,
    }
}

/// Whether a machine may have been given the session, by what it is and where it runs.
pub(in crate::impact) fn is_handed_out(facts: &Facts) -> bool {
    match facts.kind {
        CredentialKind::WebIdentity
        | CredentialKind::PodIdentity
        | CredentialKind::EcsTask
        | CredentialKind::Ec2Instance
        | CredentialKind::Lambda
        | CredentialKind::Temporary => true,
        CredentialKind::AssumeRole => facts.parent_access_key_id.is_empty(),
        // A user's own, what was minted with a key, and what a person signed in for.
        CredentialKind::LongTermKey
        | CredentialKind::Root
        | CredentialKind::SessionToken
        | CredentialKind::FederationToken
        | CredentialKind::Sso => false,
    }
}

/// Whether a person's sign-in to Identity Center may have given the session.
pub(in crate::impact) fn is_of_sign_in(facts: &Facts) -> bool {
    match facts.kind {
        CredentialKind::AssumeRole => facts.parent_access_key_id.is_empty(),
        kind => matches!(kind, CredentialKind::Sso | CredentialKind::Temporary),
    }
}

/// Row b, the other way round: it is the issuing session that counts.
pub(super) fn renewed(identity: &IdentityName, by: Lineage<'_>) -> Answer {
    lives_if(by.session.identity == *identity, Reason::RenewalEndsNothing, Grade::Documented)
}

fn lives_if(concerned: bool, reason: Reason, grade: Grade) -> Answer {
    if concerned { Answer::lives(reason).graded(grade) } else { Answer::lives(Reason::NotConcerned) }
}
