//! Every call to STS against moto, which has AWS's true shapes of requests and answers but believes every signature.
//!
//! Ignored unless somebody runs a moto server and names it: `PRESIGND_TEST_MOTO=http://127.0.0.1:5000`.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use presignd::aws::{Aws, Environment};
use presignd::clock::Clock;
use presignd::config::{Config, Surroundings};
use presignd::identity::{Identities, Live};
use presignd::registry::{Options, Registry};
use presignd::session::lifetime::{Fresh, LimitedBy};
use presignd::session::{CredentialKind, IdentityName};
use presignd::telemetry::Metrics;
use tokio_util::sync::CancellationToken;

const ROLE: &str = "arn:aws:iam::123456789012:role/uploads";

struct Kit {
    identities: Identities,
    clock: Clock,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

impl Kit {
    /// Starts the identities of `tables`, beside `key`, a long-term key; `DIR` stands for a directory of the test's own.
    async fn start(tables: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), token()).unwrap();
        let key =
            r#"{"AccessKeyId": "AKIAI44QH8DHBEXAMPLE", "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}"#;
        std::fs::write(dir.path().join("key.json"), key).unwrap();
        let text = format!(
            "[sts]\nendpoint_url = \"{}\"\nregion = \"eu-central-1\"\n\
             [identity.key]\nsource = \"key-file\"\npath = \"DIR/key.json\"\n{tables}",
            moto()
        );
        let config = Config::parse(&text.replace("DIR", &place(dir.path())), &surroundings(dir.path())).unwrap();
        let (clock, metrics) = (Clock::system(), Arc::new(Metrics::new().unwrap()));
        let aws = Aws::new(clock.clone(), Environment::default()).unwrap();
        let options = Options { durable: false, ..Options::at(dir.path().join("r.db")) };
        let registry = Registry::open(options, clock.clone(), Arc::clone(&metrics)).await.unwrap();
        let stop = CancellationToken::new();
        let identities = Identities::start(&config, &aws, &registry, &metrics, &stop);
        Self { identities, clock, stop, _dir: dir }
    }

    async fn renew(&self, name: &str) -> Arc<Live> {
        let identity = self.identities.identity(&IdentityName::parse(name).unwrap()).unwrap();
        identity.renew().await.unwrap()
    }

    /// The session of `web`, of the kind that is wanted, that ends `life` after it was issued.
    async fn session(&self, kind: CredentialKind, life: u64) -> Arc<Live> {
        let live = self.renew("web").await;
        let facts = &live.session.facts;
        assert_eq!(facts.kind, kind);
        assert!(facts.expiry_is_exact);
        let ends_at = facts.expires_at.unwrap();
        let (first, last) = (facts.issued.not_before.unwrap(), facts.issued.not_after);
        // One second each way: what is cut and what is rounded.
        let second = Duration::from_secs(1);
        let life = Duration::from_secs(life);
        assert!(first + life <= ends_at + second && ends_at <= last + life + second, "{facts:?}");
        assert!(first <= self.clock.now() && self.clock.offset_seconds().abs() <= 1);
        live
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[expect(clippy::disallowed_methods, reason = "the switch of a test that is ignored otherwise")]
fn moto() -> String {
    std::env::var("PRESIGND_TEST_MOTO").expect("PRESIGND_TEST_MOTO is the URL of a moto server")
}

fn place(dir: &Path) -> String {
    dir.to_str().unwrap().to_owned()
}

fn surroundings(dir: &Path) -> Surroundings {
    Surroundings {
        runtime_directory: Some(dir.to_owned()),
        state_directory: Some(dir.to_owned()),
        ..Surroundings::default()
    }
}

/// Three parts of nothing: moto does not look inside.
fn token() -> &'static str {
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ3ZWIifQ.c2ln\n"
}

#[tokio::test]
#[ignore = "set PRESIGND_TEST_MOTO"]
async fn assume_role_carries_every_value_and_names_its_parent() {
    let kit = Kit::start(&format!(
        "[identity.web]\nsource = \"assume-role\"\nbase = \"key\"\nrole_arn = \"{ROLE}\"\nduration = \"2h\"\n\
         external_id = \"ab-1\"\nsession_policy = '{{\"Version\":\"2012-10-17\",\"Statement\":[]}}'\n\
         policy_arns = [\"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess\"]\ntags = {{ team = \"web\" }}\n\
         transitive_tag_keys = [\"team\"]\nsource_identity = \"web\"\nsession_name_prefix = \"up\"\n"
    ))
    .await;
    let base = kit.renew("key").await;
    let live = kit.session(CredentialKind::AssumeRole, 7200).await;
    let facts = &live.session.facts;
    assert_eq!((facts.partition.as_str(), facts.account.as_str()), ("aws", "123456789012"));
    assert!(facts.principal_arn.ends_with(&format!(":assumed-role/uploads/{}", facts.session_name)), "{facts:?}");
    assert!(facts.principal_unique_id.starts_with("AROA") && !facts.principal_unique_id.contains(':'));
    assert!(facts.session_name.starts_with("up-"));
    assert_eq!((facts.parent, facts.parent_access_key_id.as_str()), (Some(base.session.id), "AKIAI44QH8DHBEXAMPLE"));
    assert_eq!(facts.tags, [("team".to_owned(), "web".to_owned())]);
    assert_eq!(facts.session_policy_sha256.len(), 64);
    let again = kit.renew("web").await;
    assert_ne!(again.session.facts.session_name, facts.session_name);
    assert_eq!(again.session.generation, live.session.generation + 1);
}

#[tokio::test]
#[ignore = "set PRESIGND_TEST_MOTO"]
async fn a_web_identity_needs_a_token_and_no_key() {
    let kit = Kit::start(&format!(
        "[identity.web]\nsource = \"web-identity\"\nrole_arn = \"{ROLE}\"\ntoken_file = \"DIR/token\"\n"
    ))
    .await;
    let live = kit.session(CredentialKind::WebIdentity, 3600).await;
    assert_eq!((live.session.facts.parent, live.session.facts.parent_access_key_id.as_str()), (None, ""));
    assert!(live.session.facts.principal_arn.contains(":assumed-role/uploads/"));
}

#[tokio::test]
#[ignore = "set PRESIGND_TEST_MOTO"]
async fn get_session_token_gives_a_session_of_the_key() {
    let kit = Kit::start("[identity.web]\nsource = \"session-token\"\nbase = \"key\"\nduration = \"36h\"\n").await;
    let live = kit.session(CredentialKind::SessionToken, 129_600).await;
    assert_eq!(live.session.facts.parent_access_key_id, "AKIAI44QH8DHBEXAMPLE");
}

#[tokio::test]
#[ignore = "set PRESIGND_TEST_MOTO"]
async fn get_federation_token_names_a_user_of_its_own() {
    let kit = Kit::start(
        "[identity.web]\nsource = \"federation-token\"\nbase = \"key\"\n\
         session_policy = '{\"Version\":\"2012-10-17\",\"Statement\":[]}'\nsession_name_prefix = \"a-prefix-of-16-c\"\n",
    )
    .await;
    let live = kit.session(CredentialKind::FederationToken, 43_200).await;
    let facts = &live.session.facts;
    assert!(facts.session_name.len() <= 32 && facts.principal_arn.ends_with(&facts.session_name), "{facts:?}");
}

#[tokio::test]
#[ignore = "set PRESIGND_TEST_MOTO"]
async fn a_chained_role_hangs_below_the_session_that_minted_it() {
    let kit = Kit::start(&format!(
        "[identity.first]\nsource = \"assume-role\"\nbase = \"key\"\nrole_arn = \"{ROLE}\"\n\
         [identity.web]\nsource = \"assume-role\"\nbase = \"first\"\nrole_arn = \"{ROLE}-2\"\n"
    ))
    .await;
    let live = kit.session(CredentialKind::AssumeRole, 3600).await;
    let first = kit.identities.identity(&IdentityName::parse("first").unwrap()).unwrap().current().unwrap();
    assert_eq!(live.session.facts.parent, Some(first.session.id));
    assert_eq!(live.session.facts.parent_access_key_id, first.session.facts.access_key_id);
    let web = kit.identities.identity(&IdentityName::parse("web").unwrap()).unwrap();
    assert_eq!(web.fresh(), Some(Fresh { duration: Duration::from_secs(3600), limited_by: LimitedBy::Session }));
}

#[tokio::test]
#[ignore = "set PRESIGND_TEST_MOTO"]
async fn get_caller_identity_names_a_long_term_key() {
    let kit = Kit::start("[identity.web]\nsource = \"default\"\n").await;
    let facts = &kit.renew("key").await.session.facts;
    assert_eq!((facts.kind, facts.expires_at), (CredentialKind::LongTermKey, None));
    assert!(facts.principal_arn.starts_with("arn:aws:") && facts.account.len() == 12, "{facts:?}");
}
