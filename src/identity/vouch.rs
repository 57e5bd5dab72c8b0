//! Who signs must have a key that can sign, and know when it ends. What is no key is refused. Temporary credentials whose source does not tell are refused, unless the operator
//! vouches for a life in the configuration (`docs/adr/0003-ends.md`).

use std::time::Duration;

use super::error::{END_UNKNOWN, RenewError, UNREADABLE};
use super::mint::{Mint, Minted, Minting, Naming, News};
use crate::session::Credentials;
use crate::session::lifetime::Fresh;

/// Stands before every source of sessions that sign.
pub(super) struct Vouched {
    pub source: Box<dyn Mint>,
    /// As the configuration names it.
    pub kind: &'static str,
    pub assume_life: Option<Duration>,
}

impl Vouched {
    async fn get(&self) -> Result<Minted, RenewError> {
        let mut minted = self.source.mint().await?;
        if let Some(flaw) = flaw(&minted.credentials) {
            let message =
                format!("the source gave what no AWS service takes for credentials: {flaw}; see what it gives");
            return Err(RenewError::new(UNREADABLE, message));
        }
        let facts = &mut minted.facts;
        if minted.credentials.session_token.is_none() || facts.expires_at.is_some() {
            return Ok(minted);
        }
        let Some(life) = self.assume_life else { return Err(unknown(self.kind)) };
        // From this sight of the key; the registry remembers an earlier one.
        facts.expires_at = Some(facts.issued.not_after + life);
        facts.expiry_is_exact = false;
        Ok(minted)
    }
}

impl Mint for Vouched {
    fn mint(&self) -> Minting<'_> {
        Box::pin(self.get())
    }

    fn fresh(&self) -> Option<Fresh> {
        self.source.fresh()
    }

    fn poll(&self) -> Option<Duration> {
        self.source.poll()
    }

    fn has_news(&self) -> News<'_> {
        self.source.has_news()
    }

    fn tells_changes(&self) -> bool {
        self.source.tells_changes()
    }

    fn can_be_named(&self) -> bool {
        self.source.can_be_named()
    }

    fn name<'a>(&'a self, minted: &'a mut Minted) -> Naming<'a> {
        self.source.name(minted)
    }
}

/// What is wrong with credentials whose signature is refused whatever they are: their source is broken, or something
/// between it and us. Stores that are not AWS's name their keys as they like.
fn flaw(credentials: &Credentials) -> Option<&'static str> {
    let Credentials { access_key_id: id, secret_access_key: secret, session_token: token } = credentials;
    let plain =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic());
    match token {
        // It is written between slashes.
        _ if !plain(id, MAX_ID) || id.contains('/') => {
            Some("the access key id is empty, too long, or of strange characters")
        }
        _ if !plain(secret, MAX_SECRET) => Some("the secret access key is empty, too long, or of strange characters"),
        Some(token) if !plain(token, MAX_TOKEN) => {
            Some("the session token is empty, too long, or of strange characters")
        }
        None if id.starts_with("ASIA") => Some("a temporary key (ASIA…) without its session token"),
        _ => None,
    }
}

/// As IAM's model has it.
const MAX_ID: usize = 128;
/// Secrets of AWS have 40 bytes.
const MAX_SECRET: usize = 1024;
/// Beyond any that AWS gives, and beyond what a URL holds.
const MAX_TOKEN: usize = 16 * 1024;

fn unknown(kind: &str) -> RenewError {
    let tell = match kind {
        "profile" => "use a profile that tells it (a role, SSO, or a credential_process that prints Expiration)",
        "key-file" => "write them as JSON with their Expiration (`aws configure export-credentials` prints it)",
        _ => "set AWS_CREDENTIAL_EXPIRATION too (`aws configure export-credentials --format env` prints it)",
    };
    let message = format!(
        "the credentials are temporary, but their source does not tell when they end, so no URL could be promised a life; \
         {tell}, or vouch for a life from now on with assume_life = \"15m\" in the identity's table"
    );
    RenewError::new(END_UNKNOWN, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::mint::credentials;

    #[test]
    fn what_no_service_takes_for_a_key_is_told_from_what_some_store_may() {
        let of = |id: &str, secret: &str, token| flaw(&credentials(id, secret, token)).unwrap_or_default();
        for (id, secret, token) in [
            ("AKIAEXAMPLE", "secret", None),
            ("ASIAEXAMPLE", "se/cr+et=", Some("to/k+en==")),
            ("minio-admin@store", "m", None),
        ] {
            assert_eq!(of(id, secret, token), "", "{id}");
        }
        let long = "x".repeat(MAX_TOKEN + 1);
        for (id, secret, token, names) in [
            ("", "secret", None, "access key id"),
            ("AKIA/20260101", "secret", None, "access key id"),
            ("AKIA EXAMPLE", "secret", None, "access key id"),
            (&long[..MAX_ID + 1], "secret", None, "access key id"),
            ("AKIAEXAMPLE", "", None, "secret access key"),
            ("AKIAEXAMPLE", "sec\nret", None, "secret access key"),
            ("ASIAEXAMPLE", "secret", Some(""), "session token is"),
            ("ASIAEXAMPLE", "secret", Some("tökén"), "session token is"),
            ("ASIAEXAMPLE", "secret", Some(long.as_str()), "session token is"),
            ("ASIAEXAMPLE", "secret", None, "without its session token"),
        ] {
            let told = of(id, secret, token);
            assert!(told.contains(names) && !told.contains("secret\n"), "{id:?} {told:?}");
        }
    }
}
