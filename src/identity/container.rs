//! The credentials endpoint of ECS and EKS Pod Identity, read raw: its `Expiration` is the true one.

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::error::{ENVIRONMENT, METADATA, RenewError};
use super::mint::{Mint, Minted, Minting, Secret, bare, credentials};
use super::sts::Sts;
use crate::aws::{Aws, get};
use crate::session::CredentialKind;
use crate::time::Timestamp;

/// The source `container`.
pub(super) struct Container {
    pub aws: Aws,
    pub sts: Sts,
}

impl Container {
    pub(super) fn is_there(&self) -> bool {
        [RELATIVE, FULL].iter().any(|name| self.aws.environment.get(name).is_some())
    }

    fn url(&self) -> Result<(String, CredentialKind), RenewError> {
        let environment = &self.aws.environment;
        if let Some(path) = environment.get(RELATIVE) {
            return Ok((format!("http://169.254.170.2{path}"), CredentialKind::EcsTask));
        }
        let Some(url) = environment.get(FULL) else {
            let message =
                format!("neither {RELATIVE} nor {FULL} is set; this is no ECS task and no pod with an identity");
            return Err(RenewError::new(ENVIRONMENT, message));
        };
        let host = url.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
        let host = host.unwrap_or_default().to_ascii_lowercase();
        let bare = if host.starts_with('[') { host.split_inclusive(']').next() } else { host.split(':').next() };
        let bare = bare.unwrap_or_default();
        // As in AWS's tools: a secret comes over TLS or from beside us.
        if !url.starts_with("https://") && !BESIDE.contains(&bare) && !bare.starts_with("127.") {
            let message = format!("{FULL} names {bare:?}, which is neither https nor a metadata or loopback address");
            return Err(RenewError::new(ENVIRONMENT, message));
        }
        let pod = matches!(bare, "169.254.170.23" | "[fd00:ec2::23]");
        Ok((url.to_owned(), if pod { CredentialKind::PodIdentity } else { CredentialKind::EcsTask }))
    }

    async fn authorization(&self) -> Result<Option<Zeroizing<String>>, RenewError> {
        let environment = &self.aws.environment;
        if let Some(file) = environment.get(TOKEN_FILE) {
            let read = super::keyfile::read_bounded(Path::new(file), MAX_BYTES as u64).await;
            let text = read.and_then(|bytes| match std::str::from_utf8(&bytes) {
                Ok(text) => Ok(Zeroizing::new(text.trim().to_owned())),
                Err(_) => Err("is not text".to_owned()),
            });
            let failed = |problem| RenewError::new(super::error::TOKEN_FILE, format!("{TOKEN_FILE} {file} {problem}"));
            return text.map(Some).map_err(failed);
        }
        Ok(environment.get(TOKEN).map(|token| Zeroizing::new(token.to_owned())))
    }

    async fn get(&self) -> Result<Minted, RenewError> {
        let (url, kind) = self.url()?;
        let headers: Vec<_> = self.authorization().await?.map(|token| ("authorization", token)).into_iter().collect();
        let connector = if url.starts_with("https://") { &self.aws.connector } else { &self.aws.beside };
        let failed = |problem: String| {
            RenewError::new(METADATA, format!("the container's credentials endpoint gave none: {problem}"))
        };
        let answer =
            get(connector, &url, &headers, (TIME, MAX_BYTES)).await.map_err(|error| failed(error.to_string()))?;
        if answer.status != 200 {
            return Err(failed(format!("it answered {}; see that the task or pod has a role", answer.status)));
        }
        read(&answer.body, kind, self.aws.clock.now()).map_err(failed)
    }
}

impl Mint for Container {
    fn mint(&self) -> Minting<'_> {
        Box::pin(self.get())
    }

    fn name<'a>(&'a self, minted: &'a mut Minted) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.sts.name_principal(minted))
    }
}

/// What metadata endpoints answer: ECS, Pod Identity and IMDS alike.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    code: Option<String>,
    access_key_id: Option<Secret>,
    secret_access_key: Option<Secret>,
    token: Option<Secret>,
    expiration: Option<String>,
}

/// Reads a document. Its end is taken as it is written; one that has passed is told as such.
pub(super) fn read(body: &[u8], kind: CredentialKind, now: Timestamp) -> Result<Minted, String> {
    // The parser's own words could quote the document.
    let document: Document =
        serde_json::from_slice(body).map_err(|_| "the answer is no JSON of credentials".to_owned())?;
    if let Some(code) = document.code.filter(|code| code != "Success") {
        return Err(format!("it answered code {:?}", code.chars().take(64).collect::<String>()));
    }
    let (Some(id), Some(secret), Some(token)) = (document.access_key_id, document.secret_access_key, document.token)
    else {
        return Err("the answer lacks AccessKeyId, SecretAccessKey or Token".to_owned());
    };
    let ends_at = document.expiration.as_deref().map(Timestamp::parse_rfc3339);
    let Some(Ok(ends_at)) = ends_at else {
        return Err("the answer lacks an Expiration that can be read".to_owned());
    };
    if ends_at <= now {
        return Err(format!("it serves credentials that ended at {ends_at}; they are not renewed at their source"));
    }
    let mut facts = bare(&id, kind, now);
    facts.expires_at = Some(ends_at);
    Ok(Minted { credentials: credentials(&id, &secret, Some(&token)), facts })
}

const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
const BESIDE: &[&str] = &["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "localhost", "[::1]"];
const TIME: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn document(expiration: &str) -> String {
        format!(r#"{{"AccessKeyId":"ASIAX","SecretAccessKey":"s","Token":"t","Expiration":"{expiration}"}}"#)
    }

    fn end(body: &str) -> Result<i64, String> {
        let minted = read(body.as_bytes(), CredentialKind::EcsTask, Timestamp::EPOCH)?;
        Ok(minted.facts.expires_at.unwrap().unix())
    }

    #[test]
    fn the_end_is_taken_as_it_is_written() {
        assert_eq!(end(&document("1970-01-01T06:00:00Z")), Ok(21_600));
        assert_eq!(end(&document("1970-01-01T06:00:00.999Z")), Ok(21_600));
    }

    #[test]
    fn credentials_that_have_ended_are_refused_rather_than_stretched() {
        assert!(end(&document("1970-01-01T00:00:00Z")).is_err_and(|problem| problem.contains("ended at")));
    }

    #[test]
    fn an_answer_without_an_end_or_key_is_refused() {
        assert!(end(&document("soon")).is_err());
        assert!(
            end(r#"{"Code":"AssumeRoleUnauthorizedAccess"}"#).is_err_and(|problem| problem.contains("Unauthorized"))
        );
        assert!(end("{}").is_err() && end("<html>").is_err());
    }
}
