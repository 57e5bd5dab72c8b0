//! A session as presignd learns of it: what each kind of source tells, and no more (6.2).

use presignd::session::{CredentialKind, Facts, IssueInterval, RecordId};
use presignd::time::Timestamp;

use crate::model::principal::{Credential, Kind, Whose};
use crate::model::{Aws, HOME};

/// The facts of a credential. `named` says whether somebody has asked whose it is.
pub(crate) fn of(
    aws: &Aws,
    credential: &Credential,
    issued: IssueInterval,
    named: bool,
    parent: Option<(RecordId, String)>,
) -> Facts {
    let session_name = match &credential.whose {
        Whose::Role { session, .. } if named => session.clone(),
        Whose::Federated { name, .. } => name.clone(),
        _ => String::new(),
    };
    let own = |text: String| if named { text } else { String::new() };
    let userid = aws.userid(credential);
    // The unique id of a role's session stands before its name; that of a federated user is the whole.
    let unique_id = match credential.whose {
        Whose::Federated { .. } => userid.as_str(),
        _ => userid.split(':').next().unwrap_or_default(),
    };
    Facts {
        access_key_id: credential.access_key_id.clone(),
        kind: kind(credential.kind, named),
        partition: own("aws".to_owned()),
        account: own(HOME.to_owned()),
        principal_arn: own(aws.arn(credential)),
        principal_unique_id: own(unique_id.to_owned()),
        session_name,
        source_identity: String::new(),
        session_policy_sha256: String::new(),
        tags: Vec::new(),
        parent: parent.as_ref().map(|(id, _)| *id),
        parent_access_key_id: parent.map_or(String::new(), |(_, key)| key),
        issued,
        expires_at: credential.ends_at.map(Timestamp::from_unix),
        expiry_is_exact: true,
        partition_of: "aws".to_owned(),
    }
}

/// Seen by then, and nobody said more.
pub(crate) fn unknown(seen_at: Timestamp) -> IssueInterval {
    IssueInterval { not_before: None, not_after: seen_at }
}

/// Root's key looks like any other until its owner is named; a profile's session is temporary until its role is.
fn kind(kind: Kind, named: bool) -> CredentialKind {
    match kind {
        Kind::LongTerm => CredentialKind::LongTermKey,
        Kind::Root if !named => CredentialKind::LongTermKey,
        Kind::Root => CredentialKind::Root,
        Kind::SessionToken => CredentialKind::SessionToken,
        Kind::Federated => CredentialKind::FederationToken,
        Kind::Assumed => CredentialKind::AssumeRole,
        Kind::Web => CredentialKind::WebIdentity,
        Kind::Pod => CredentialKind::PodIdentity,
        Kind::Ecs => CredentialKind::EcsTask,
        Kind::Ec2 => CredentialKind::Ec2Instance,
        Kind::Lambda => CredentialKind::Lambda,
        Kind::Sso if !named => CredentialKind::Temporary,
        Kind::Sso => CredentialKind::Sso,
    }
}
