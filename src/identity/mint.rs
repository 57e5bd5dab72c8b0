//! What a source gives: credentials with the facts of their session. The seam between sources and the keeper.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use zeroize::Zeroizing;

use super::RenewError;
use crate::session::lifetime::Fresh;
use crate::session::{CredentialKind, Credentials, Facts, IssueInterval};
use crate::time::Timestamp;

/// Credentials and what is known of them.
pub(super) struct Minted {
    pub credentials: Credentials,
    pub facts: Facts,
}

pub(super) type Minting<'a> = Pin<Box<dyn Future<Output = Result<Minted, RenewError>> + Send + 'a>>;
pub(super) type News<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;
pub(super) type Naming<'a> = Pin<Box<dyn Future<Output = Result<(), RenewError>> + Send + 'a>>;

/// Where sessions come from.
pub(super) trait Mint: Send + Sync {
    /// Gets what the source has now; a minting source gets a new session. Bounds its own time.
    fn mint(&self) -> Minting<'_>;

    /// What a mint on demand would give; `None` for sources that are only read.
    fn fresh(&self) -> Option<Fresh> {
        None
    }

    /// How often to look again for credentials that somebody else replaces; `None`: renewal ahead of the end is enough.
    fn poll(&self) -> Option<Duration> {
        None
    }

    /// Whether such a look is worth an attempt. What is only read is read; where an attempt costs a session, what it is
    /// made from must have changed.
    fn has_news(&self) -> News<'_> {
        Box::pin(async { true })
    }

    /// Whether news is what somebody has changed since the last attempt, failed or not. Such a look is taken while attempts
    /// fail too, and what it finds waits for no backoff and no pause.
    fn tells_changes(&self) -> bool {
        false
    }

    /// Whether anybody can be asked whose the credentials are.
    fn can_be_named(&self) -> bool {
        true
    }

    /// Names the principal of credentials whose source did not, which confirms them. Where nobody can be asked it stays
    /// empty, and so it does on failure.
    fn name<'a>(&'a self, minted: &'a mut Minted) -> Naming<'a>;
}

/// Facts of which only the key, its kind and its end are known.
pub(super) fn bare(access_key_id: &str, kind: CredentialKind, seen_at: Timestamp) -> Facts {
    Facts {
        access_key_id: access_key_id.to_owned(),
        kind,
        partition: String::new(),
        account: String::new(),
        principal_arn: String::new(),
        principal_unique_id: String::new(),
        session_name: String::new(),
        source_identity: String::new(),
        session_policy_sha256: String::new(),
        tags: Vec::new(),
        parent: None,
        parent_access_key_id: String::new(),
        issued: IssueInterval { not_before: None, not_after: seen_at },
        expires_at: None,
        expiry_is_exact: true,
        partition_of: String::new(),
    }
}

/// Text of a document that may be a secret.
#[derive(serde::Deserialize)]
#[serde(from = "String")]
pub(super) struct Secret(Zeroizing<String>);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl std::ops::Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Credentials, from strings that may be secrets.
pub(super) fn credentials(access_key_id: &str, secret: &str, token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: access_key_id.to_owned(),
        secret_access_key: Zeroizing::new(secret.to_owned()),
        session_token: token.map(|token| Zeroizing::new(token.to_owned())),
    }
}

/// Credentials that lie around, with their end where it is told. A long-term key has none; of a session token without
/// one, [`super::vouch`] says what becomes.
pub(super) fn of_static(access_key_id: &str, secret: &str, token: Option<&str>, now: Timestamp) -> Minted {
    let kind = if token.is_some() { CredentialKind::Temporary } else { CredentialKind::LongTermKey };
    Minted { credentials: credentials(access_key_id, secret, token), facts: bare(access_key_id, kind, now) }
}

/// Takes an ARN apart for the facts that are written apart.
pub(super) fn set_principal(facts: &mut Facts, arn: &str, unique_id: &str) {
    let mut parts = arn.splitn(6, ':');
    let (partition, account) = (parts.nth(1).unwrap_or_default(), parts.nth(2).unwrap_or_default());
    let resource = parts.next().unwrap_or_default();
    facts.partition = partition.to_owned();
    facts.account = account.to_owned();
    facts.principal_arn = arn.to_owned();
    let federated = resource.starts_with("federated-user/");
    let (id, session) = unique_id.split_once(':').unwrap_or((unique_id, ""));
    facts.principal_unique_id = if federated { unique_id.to_owned() } else { id.to_owned() };
    if facts.session_name.is_empty() {
        facts.session_name = session.to_owned();
    }
    let told = match (facts.kind, resource) {
        (CredentialKind::LongTermKey, "root") => CredentialKind::Root,
        (CredentialKind::Temporary, _) if federated => CredentialKind::FederationToken,
        (CredentialKind::Temporary, user) if user.starts_with("user/") || user == "root" => {
            CredentialKind::SessionToken
        }
        (CredentialKind::Temporary, role) if role.starts_with("assumed-role/AWSReservedSSO_") => CredentialKind::Sso,
        (kind, _) => kind,
    };
    facts.kind = told;
}
