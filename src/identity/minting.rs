//! The sources that ask STS for sessions: AssumeRole, AssumeRoleWithWebIdentity, GetSessionToken, GetFederationToken.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use super::base::Base;
use super::error::{self, RenewError};
use super::mint::{Mint, Minted, Minting, Naming};
use super::sts::Sts;
use crate::config::identity::{AssumeRole, FederationToken, MAX_CHAINED_DURATION, Scope, SessionToken, WebIdentity};
use crate::session::lifetime::{Fresh, LimitedBy};

/// Names sessions apart: prefix, this boot, and a number.
pub(super) struct Names {
    boot: String,
    next: AtomicU64,
}

impl Names {
    pub(super) fn new() -> Self {
        let letter = || char::from(b"abcdefghijkmnpqrstuvwxyz23456789"[fastrand::usize(..32)]);
        Self { boot: (0..6).map(|_| letter()).collect(), next: AtomicU64::new(1) }
    }

    pub(super) fn name(&self, prefix: &str) -> String {
        format!("{prefix}-{}-{}", self.boot, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// One call of AssumeRole.
pub(super) struct RoleAsk<'a> {
    pub role: &'a AssumeRole,
    pub session_name: &'a str,
    pub duration: Duration,
}

/// One call of AssumeRoleWithWebIdentity.
pub(super) struct WebAsk<'a> {
    pub role_arn: &'a str,
    pub token: &'a str,
    pub scope: &'a Scope,
    pub session_name: &'a str,
    pub duration: Duration,
}

/// What is asked for.
pub(super) enum What {
    Role(AssumeRole),
    /// The token file and the role, as the table or the environment says.
    Web {
        table: WebIdentity,
        role_arn: Option<String>,
        token_file: Option<PathBuf>,
    },
    Session(SessionToken),
    Federation(FederationToken),
}

/// A source that mints.
pub(super) struct Minter {
    pub name: String,
    pub what: What,
    pub base: Base,
    pub sts: Sts,
    pub names: Arc<Names>,
    pub cap: Cap,
    /// For whom alone its sessions sign; empty for all.
    pub tenant: String,
}

/// What STS said of the duration, and when; shared by those who ask for the same.
pub(super) type Cap = Arc<Mutex<Option<(LimitedBy, Instant)>>>;

impl Minter {
    fn wanted(&self) -> Duration {
        match &self.what {
            What::Role(role) => role.duration,
            What::Web { table, .. } => table.duration,
            What::Session(token) => token.duration,
            What::Federation(user) => user.duration,
        }
    }

    /// The cap that STS named; forgotten after a while, for somebody may have raised it.
    fn cap(&self) -> Option<LimitedBy> {
        let cap = *self.cap.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.sts.clock().monotonic();
        cap.filter(|(_, learnt)| now.saturating_duration_since(*learnt) < CAP_LIFE).map(|(cap, _)| cap)
    }

    async fn get(&self) -> Result<Minted, RenewError> {
        let wanted = self.wanted();
        let duration = if self.cap().is_some() { wanted.min(MAX_CHAINED_DURATION) } else { wanted };
        let refused = match self.ask(duration).await {
            Err(refused) if duration > MAX_CHAINED_DURATION => refused,
            outcome => return outcome,
        };
        let cap = match refused.reason() {
            error::ROLE_MAXIMUM => LimitedBy::RoleMaximum,
            error::CHAINING => LimitedBy::Chaining,
            _ => return Err(refused),
        };
        tracing::warn!(identity = self.name, limited_by = cap.as_str(), error = %refused, "asking for one hour instead");
        *self.cap.lock().unwrap_or_else(PoisonError::into_inner) = Some((cap, self.sts.clock().monotonic()));
        self.ask(MAX_CHAINED_DURATION).await
    }

    async fn ask(&self, duration: Duration) -> Result<Minted, RenewError> {
        if let What::Web { table, role_arn, token_file } = &self.what {
            let (role_arn, file) = told(role_arn.as_deref(), token_file.as_deref())?;
            let token = read_token(file).await?;
            let session_name = &self.names.name(&table.session_name_prefix);
            let ask = WebAsk { role_arn, token: &token, scope: &table.scope, session_name, duration };
            return self.sts.web_identity(&ask).await;
        }
        // A base whose credentials have ended without our seeing it is renewed, once.
        let lent = self.base.lend().await?;
        match self.ask_with(&lent, duration).await {
            Err(refused) if refused.reason() == error::EXPIRED_TOKEN => {
                let lent = self.base.lend_anew().await?;
                self.ask_with(&lent, duration).await
            }
            outcome => outcome,
        }
    }

    async fn ask_with(&self, lent: &super::base::Lent, duration: Duration) -> Result<Minted, RenewError> {
        let signer = lent.credentials();
        let mut minted = match &self.what {
            What::Role(role) => {
                let session_name = &self.names.name(&role.session_name_prefix);
                self.sts.assume_role(signer, &RoleAsk { role, session_name, duration }).await?
            }
            What::Session(_) => self.sts.session_token(signer, duration).await?,
            What::Federation(user) => {
                let name = self.names.name(&user.session_name_prefix);
                self.sts.federation_token(signer, &name, &user.scope, duration).await?
            }
            What::Web { .. } => return Err(RenewError::new(error::BASE, "a web identity has no base")),
        };
        minted.facts.parent = lent.session().map(|session| session.id);
        if let (What::Session(_), Some(parent)) = (&self.what, lent.session()) {
            // GetSessionToken gives the same principal another key.
            let facts = &mut minted.facts;
            facts.partition.clone_from(&parent.facts.partition);
            facts.account.clone_from(&parent.facts.account);
            facts.principal_arn.clone_from(&parent.facts.principal_arn);
            facts.principal_unique_id.clone_from(&parent.facts.principal_unique_id);
        }
        Ok(minted)
    }
}

impl Mint for Minter {
    fn mint(&self) -> Minting<'_> {
        Box::pin(async {
            let mut minted = self.get().await?;
            minted.facts.partition_of.clone_from(&self.tenant);
            Ok(minted)
        })
    }

    fn fresh(&self) -> Option<Fresh> {
        let wanted = self.wanted();
        Some(match self.cap() {
            Some(limited_by) => Fresh { duration: wanted.min(MAX_CHAINED_DURATION), limited_by },
            None => Fresh { duration: wanted, limited_by: LimitedBy::Session },
        })
    }

    fn name<'a>(&'a self, minted: &'a mut Minted) -> Naming<'a> {
        Box::pin(self.sts.name_principal(minted))
    }
}

fn told<'a>(role_arn: Option<&'a str>, file: Option<&'a Path>) -> Result<(&'a str, &'a Path), RenewError> {
    let missing = |key: &str, variable: &str| {
        RenewError::new(error::ENVIRONMENT, format!("neither {key} nor {variable} is set; set one of them"))
    };
    let role_arn = role_arn.ok_or_else(|| missing("role_arn", "AWS_ROLE_ARN"))?;
    Ok((role_arn, file.ok_or_else(|| missing("token_file", "AWS_WEB_IDENTITY_TOKEN_FILE"))?))
}

pub(super) async fn read_token(path: &Path) -> Result<Zeroizing<String>, RenewError> {
    let problem = |problem: String| {
        let remedy = "check token_file, and that the daemon's user may read it";
        RenewError::new(error::TOKEN_FILE, format!("the token file {} {problem}; {remedy}", path.display()))
    };
    let bytes = super::keyfile::read_bounded(path, MAX_TOKEN_BYTES).await.map_err(&problem)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| problem("is not text".to_owned()))?;
    let token = Zeroizing::new(text.trim().to_owned());
    if token.is_empty() { Err(problem("is empty".to_owned())) } else { Ok(token) }
}

/// How long a refused duration is not asked for again.
const CAP_LIFE: Duration = Duration::from_secs(3600);
/// What STS takes of a token, as its model says.
const MAX_TOKEN_BYTES: u64 = 20_000;
