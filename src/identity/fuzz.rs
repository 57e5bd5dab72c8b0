//! What sources of credentials may say, for a fuzzer: documents, files, and the answers of STS. Compiled for tests and
//! fuzzing alone.
//!
//! Each function panics where something does not hold; that something is refused is well.

use std::sync::{Arc, Mutex, OnceLock};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

use super::error::RenewError;
use super::mint::Minted;
use super::minting::WebAsk;
use super::pace::Budget;
use super::profile::{self, last_words};
use super::sts::Sts;
use super::{container, keyfile};
use crate::aws::{Aws, Environment};
use crate::clock::Clock;
use crate::config::identity::{S3, Scope, StsEndpoint};
use crate::session::CredentialKind;
use crate::telemetry::Metrics;
use crate::time::Timestamp;

/// A document of instance metadata, ECS or Pod Identity. What is taken has an end that lies ahead.
pub fn document(bytes: &[u8]) {
    if let Ok(minted) = container::read(bytes, CredentialKind::EcsTask, now()) {
        assert!(minted.facts.expires_at.is_some_and(|end| end > now()), "no end, or one that has passed");
        assert!(minted.credentials.session_token.is_some());
    }
}

/// What a `credential_process` prints, and what it complains of: of no long word more than its place is told.
pub fn printed(bytes: &[u8]) {
    let _ = profile::printed(bytes, now());
    let told = last_words(bytes);
    let word = |letter: char| letter.is_ascii_alphanumeric() || "/+=_-".contains(letter);
    assert!(told.split(|letter| !word(letter)).all(|word| word.len() < 30), "a word as long as a secret: {told}");
    assert!(!told.chars().any(char::is_control), "{told:?}");
}

/// A key file. What is refused is not quoted.
pub fn key_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for read in keyfile::texts(text) {
        match read {
            Ok((id, has_token)) => {
                assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id:?}");
                assert!(has_token || !id.starts_with("ASIA"), "a temporary key that lacks its token");
            }
            Err(told) => assert!(!told.contains(SECRET), "{told}"),
        }
    }
}

/// The two files of profiles, with a zero between them.
pub fn profile(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (config, credentials) = text.split_once('\0').unwrap_or((text, ""));
    runtime().block_on(async {
        if let Err(told) = profile::texts(config, credentials, "web").await {
            assert!(!told.contains(SECRET), "{told}");
        }
    });
}

/// The body of an answer of STS. What is taken was whole.
pub fn sts(bytes: &[u8]) {
    match asked(bytes) {
        Ok(minted) => {
            assert!(bytes.trim_ascii_end().ends_with(b"Response>"), "an answer that stops in the middle");
            assert!(minted.facts.expires_at.is_some() && !minted.credentials.access_key_id.is_empty());
        }
        Err(error) => assert!(!error.to_string().contains(SECRET), "{error}"),
    }
}

fn asked(body: &[u8]) -> Result<Minted, RenewError> {
    static STS: OnceLock<(Sts, Answers)> = OnceLock::new();
    let (sts, answers) = STS.get_or_init(|| {
        let answers = Answers::default();
        let connector = SharedHttpConnector::new(answers.clone());
        let aws = Aws::new(Clock::system(), Environment::default()).expect("there are CA certificates");
        let aws = Aws { http: http_client_fn(move |_, _| connector.clone()), ..aws };
        let endpoint = StsEndpoint { endpoint_url: Some("http://sts.test".to_owned()), ..StsEndpoint::default() };
        let budget = Arc::new(Budget::new(Clock::system(), u32::MAX));
        let metrics = Arc::new(Metrics::new().expect("they are declared well"));
        (Sts::new(aws, endpoint, &S3::default(), None, budget, metrics), answers)
    });
    *answers.0.lock().expect("no holder panics") = body.to_vec();
    let (role_arn, scope) = ("arn:aws:iam::123456789012:role/web", &Scope::default());
    let duration = std::time::Duration::from_secs(3600);
    let ask = WebAsk { role_arn, token: "t", scope, session_name: "web", duration };
    runtime().block_on(sts.web_identity(&ask))
}

fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be had")
    })
}

/// Says what it was told to, to whoever asks.
#[derive(Clone, Default, Debug)]
struct Answers(Arc<Mutex<Vec<u8>>>);

impl HttpConnector for Answers {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let body = SdkBody::from(self.0.lock().expect("no holder panics").clone());
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().expect("a status"), body)))
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix(1_800_000_000)
}

/// What seeds bear where a secret stands.
const SECRET: &str = "TheSecretOfNobodyTheSecretOfNobody";

#[cfg(test)]
#[path = "../../tests/support/seeds.rs"]
pub(crate) mod seeds;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_metadata_says_what_is_taken_has_an_end() {
        seeds::grow("document", document);
    }

    #[test]
    fn whatever_a_process_prints_no_long_word_is_told() {
        seeds::grow("printed", printed);
    }

    #[test]
    fn whatever_a_key_file_holds_is_a_key_or_is_not_quoted() {
        seeds::grow("key_file", key_file);
    }

    #[test]
    fn whatever_profiles_say_is_no_end_of_the_daemon() {
        seeds::grow("profile", profile);
    }

    #[test]
    fn whatever_sts_answers_what_is_taken_was_whole() {
        seeds::grow("sts", sts);
    }
}
