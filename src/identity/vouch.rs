//! Who signs must know when it ends. Temporary credentials whose source does not tell are refused, unless the operator
//! vouches for a life in the configuration (`docs/adr/0003-ends.md`).

use std::time::Duration;

use super::error::{END_UNKNOWN, RenewError};
use super::mint::{Mint, Minted, Minting, Naming, News};
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
