//! Credentials of the environment that the daemon was started with. They never change while it runs.

use super::error::{ENVIRONMENT, RenewError};
use super::mint::{Mint, Minted, Minting, Naming, of_static};
use super::sts::Sts;
use crate::aws::Aws;
use crate::session::CredentialKind;
use crate::time::Timestamp;

/// `AWS_ACCESS_KEY_ID` and its companions.
pub(super) struct FromEnvironment {
    pub aws: Aws,
    pub sts: Sts,
}

impl FromEnvironment {
    pub(super) fn has_any(&self) -> bool {
        self.aws.environment.get("AWS_ACCESS_KEY_ID").is_some()
    }

    pub(super) fn get(&self) -> Result<Minted, RenewError> {
        let environment = &self.aws.environment;
        let need = |name: &str| {
            let missing =
                || RenewError::new(ENVIRONMENT, format!("{name} is not set; set it before the daemon starts"));
            environment.get(name).ok_or_else(missing)
        };
        let (id, secret) = (need("AWS_ACCESS_KEY_ID")?, need("AWS_SECRET_ACCESS_KEY")?);
        let token = environment.get("AWS_SESSION_TOKEN");
        let mut minted = of_static(id, secret, token, self.aws.clock.now());
        if token.is_some() {
            if environment.get("AWS_LAMBDA_FUNCTION_NAME").is_some() {
                minted.facts.kind = CredentialKind::Lambda;
            }
            minted.facts.expires_at = environment.get(EXPIRATION).map(end).transpose()?;
        }
        Ok(minted)
    }
}

fn end(text: &str) -> Result<Timestamp, RenewError> {
    Timestamp::parse_rfc3339(text).map_err(|_| {
        let message = format!("{EXPIRATION} is no time such as 2026-11-22T23:59:59Z; correct it");
        RenewError::new(ENVIRONMENT, message)
    })
}

impl Mint for FromEnvironment {
    fn mint(&self) -> Minting<'_> {
        Box::pin(async { self.get() })
    }

    fn can_be_named(&self) -> bool {
        self.sts.knows_static_keys()
    }

    fn name<'a>(&'a self, minted: &'a mut Minted) -> Naming<'a> {
        Box::pin(self.sts.name_static(minted))
    }
}

const EXPIRATION: &str = "AWS_CREDENTIAL_EXPIRATION";
