//! Identities against an STS on loopback: what is asked, what becomes of it, and what stands in the registry.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

#[path = "identity/reload.rs"]
mod reload;
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use presignd::aws::{Aws, Environment};
use presignd::clock::Clock;
use presignd::config::{Config, Surroundings};
use presignd::identity::{Identities, Identity, State};
use presignd::registry::{Options, Registry};
use presignd::session::lifetime::LimitedBy;
use presignd::session::{CredentialKind, IdentityName, Session};
use presignd::telemetry::Metrics;
use support::keys::Keys;
use support::sts::{Sts, Turn};
use tokio_util::sync::CancellationToken;

const OWNER: &str = "key";

/// A daemon's lower half.
struct House {
    identities: Identities,
    metrics: Arc<Metrics>,
    sts: Sts,
    keys: Keys,
    dir: tempfile::TempDir,
    /// The tables after the key-file identity called `key`.
    tables: String,
    key_file: &'static str,
    sts_region: &'static str,
}

impl House {
    /// `tables` come after a key-file identity called `key`; `{dir}` is the house's directory.
    async fn with(tables: &str) -> Self {
        let keys = Keys::default();
        let sts = Sts::start(keys.clone()).await;
        let dir = tempfile::tempdir().unwrap();
        write_key(&keys, dir.path(), "one");
        let (key_file, sts_region) = ("key", "us-east-1");
        let config = config(dir.path(), &sts, key_file, sts_region, tables);
        let clock = Clock::system();
        let metrics = Arc::new(Metrics::new().unwrap());
        let options = Options::at(dir.path().join("r.db"));
        let registry = Registry::open(options, clock.clone(), Arc::clone(&metrics)).await.unwrap();
        let aws = Aws::new(clock, Environment::default()).unwrap();
        let stop = CancellationToken::new();
        let identities = Identities::start(&config, &aws, &registry, &metrics, &stop);
        Self { identities, metrics, sts, keys, dir, tables: tables.to_owned(), key_file, sts_region }
    }

    /// As the house is now, with other tables.
    fn config(&self, tables: &str) -> Config {
        config(self.dir.path(), &self.sts, self.key_file, self.sts_region, tables)
    }

    fn identity(&self, name: &str) -> Arc<Identity> {
        self.identities.identity(&IdentityName::parse(name).unwrap()).unwrap()
    }

    async fn session(&self, name: &str) -> Arc<Session> {
        Arc::clone(&self.identity(name).renew().await.unwrap_or_else(|error| panic!("{error}")).session)
    }

    fn last(&self, action: &str) -> support::sts::Call {
        self.sts.calls().into_iter().rfind(|call| call.action == action).unwrap()
    }
}

fn config(dir: &Path, sts: &Sts, key_file: &str, region: &str, tables: &str) -> Config {
    let here = dir.to_str().unwrap();
    let text = format!(
        "[sts]\nendpoint_url = \"{}\"\nregion = \"{region}\"\n[registry]\npath = \"{here}/r.db\"\n[identity.{OWNER}]\n\
         source = \"key-file\"\npath = \"{here}/{key_file}\"\npoll = \"1s\"\nmin_pause = \"1s\"\n{}",
        sts.endpoint(),
        tables.replace("{dir}", here)
    );
    let surroundings = Surroundings { home: Some(dir.to_owned()), ..Surroundings::default() };
    Config::parse(&text, &surroundings).unwrap()
}

/// Puts a new user's key into the file, and gives its id.
fn write_key(keys: &Keys, dir: &Path, user: &str) -> String {
    let key = keys.user(user);
    let text = format!(r#"{{"AccessKeyId": "{}", "SecretAccessKey": "{}"}}"#, key.access_key_id, key.secret);
    std::fs::write(dir.join("key"), text).unwrap();
    key.access_key_id
}

fn lasts(session: &Session) -> i64 {
    session.facts.expires_at.unwrap().unix() - session.facts.issued.not_after.unix()
}

const ROLE: &str = "[identity.role]\nsource = \"assume-role\"\nbase = \"key\"\nmin_pause = \"1s\"\n\
                    role_arn = \"arn:aws:iam::123456789012:role/path/web\"\n";

#[tokio::test]
async fn a_role_is_assumed_as_its_table_says_and_its_facts_are_known() {
    let more = "duration = \"2h\"\nexternal_id = \"abc\"\nsource_identity = \"alice\"\nsession_policy = '{\"Version\":\"2012-10-17\",\
                \"Statement\":[]}'\ntags = { team = \"web\" }\ntransitive_tag_keys = [\"team\"]\n";
    let house = House::with(&format!("{ROLE}{more}")).await;
    let session = house.session("role").await;
    let call = house.last("AssumeRole");
    let asked = |name: &str| call.parameters.get(name).map(String::as_str);
    assert_eq!((asked("DurationSeconds"), asked("ExternalId")), (Some("7200"), Some("abc")));
    assert_eq!((asked("Tags.member.1.Key"), asked("TransitiveTagKeys.member.1")), (Some("team"), Some("team")));
    let facts = &session.facts;
    assert_eq!((facts.kind, facts.account.as_str()), (CredentialKind::AssumeRole, "123456789012"));
    assert_eq!(asked("RoleSessionName"), Some(facts.session_name.as_str()));
    assert!(facts.session_name.starts_with("presignd-") && facts.principal_arn.ends_with(&facts.session_name));
    assert!(facts.principal_unique_id.starts_with("AROA") && !facts.principal_unique_id.contains(':'));
    assert_eq!((facts.source_identity.as_str(), facts.session_policy_sha256.len()), ("alice", 64));
    let key = house.identity("key").current().unwrap();
    assert_eq!(facts.parent, Some(key.session.id));
    assert_eq!(facts.parent_access_key_id, key.session.facts.access_key_id);
    assert!((7195..=7205).contains(&lasts(&session)) && facts.expiry_is_exact);
    let (not_before, not_after) = (facts.issued.not_before.unwrap(), facts.issued.not_after);
    assert!(not_before <= not_after);
}

#[tokio::test]
async fn each_session_has_a_name_of_its_own() {
    let house = House::with(ROLE).await;
    let (one, two) = (house.session("role").await, house.session("role").await);
    assert_ne!(one.facts.session_name, two.facts.session_name);
    assert_eq!((one.generation + 1, one.facts.parent), (two.generation, two.facts.parent));
}

#[tokio::test]
async fn a_session_is_dated_by_the_clock_of_sts() {
    let house = House::with(ROLE).await;
    house.sts.ahead(300);
    // The first session may have come before the clock was set.
    house.session("role").await;
    let issued = house.session("role").await.facts.issued;
    let ahead = issued.not_after.unix() - support::now();
    assert!((295..=305).contains(&ahead), "{ahead} s ahead of the machine");
}

#[tokio::test]
async fn a_role_that_gives_less_is_asked_for_an_hour_and_says_what_limits_it() {
    let keys = format!("{ROLE}duration = \"12h\"\n");
    let house = House::with(&keys).await;
    house.sts.role_maximum(3600);
    let role = house.identity("role");
    // The first session may have come before the maximum was lowered.
    let session = house.session("role").await;
    let session = if lasts(&session) > 4000 { house.session("role").await } else { session };
    assert!((3595..=3605).contains(&lasts(&session)));
    let fresh = role.fresh().unwrap();
    assert_eq!((fresh.duration, fresh.limited_by), (Duration::from_secs(3600), LimitedBy::RoleMaximum));
}

#[tokio::test]
async fn session_and_federation_tokens_are_minted_from_the_key() {
    let tables = "[identity.session]\nsource = \"session-token\"\nbase = \"key\"\nduration = \"1h\"\n\
                  [identity.user]\nsource = \"federation-token\"\nbase = \"key\"\nduration = \"1h\"\n";
    let house = House::with(tables).await;
    let (session, user) = (house.session("session").await, house.session("user").await);
    assert_eq!((session.facts.kind, user.facts.kind), (CredentialKind::SessionToken, CredentialKind::FederationToken));
    assert!(session.facts.principal_arn.contains(":user/"), "{}", session.facts.principal_arn);
    assert!(user.facts.principal_arn.contains(":federated-user/presignd-"), "{}", user.facts.principal_arn);
    assert_eq!(user.facts.principal_unique_id, format!("123456789012:{}", user.facts.session_name));
}

const WEB: &str = "[identity.web]\nsource = \"web-identity\"\nmin_pause = \"1s\"\n\
                   role_arn = \"arn:aws:iam::123456789012:role/web\"\ntoken_file = \"{dir}/token\"\n";

#[tokio::test]
async fn a_web_identity_reads_its_token_each_time_and_names_a_missing_one() {
    let house = House::with(WEB).await;
    let web = house.identity("web");
    let refused = web.renew().await.map(drop).unwrap_err();
    assert_eq!(refused.reason(), "TOKEN_FILE");
    assert!(refused.to_string().contains("/token"), "{refused}");
    std::fs::write(house.dir.path().join("token"), "expired\n").unwrap();
    assert_eq!(web.renew().await.map(drop).unwrap_err().reason(), "EXPIRED_TOKEN");
    std::fs::write(house.dir.path().join("token"), "good\n").unwrap();
    assert_eq!(house.session("web").await.facts.kind, CredentialKind::WebIdentity);
    let call = house.last("AssumeRoleWithWebIdentity");
    assert_eq!(call.parameters.get("WebIdentityToken").map(String::as_str), Some("good"));
    assert_eq!(call.access_key_id, "", "the call is not signed");
}

#[tokio::test]
async fn a_changed_key_file_is_a_new_generation_and_the_old_stays_known() {
    let house = House::with("").await;
    let old = house.session(OWNER).await;
    assert!(old.facts.principal_arn.ends_with(":user/one") && old.facts.expires_at.is_none());
    let former = std::fs::read(house.dir.path().join("key")).unwrap();
    let id = write_key(&house.keys, house.dir.path(), "two");
    let key = house.identity(OWNER);
    let new = support::eventually("the new key signs", async || {
        key.current().filter(|live| live.session.facts.access_key_id == id)
    })
    .await;
    assert_eq!(new.session.generation, old.generation + 1);
    assert!(key.live(old.id).is_some(), "the secret of the old is kept for repeated requests");

    std::fs::write(house.dir.path().join("key"), former).unwrap();
    support::eventually("the old key is back", async || key.current().filter(|live| live.session.id == old.id)).await;
}

#[tokio::test]
async fn an_unreadable_key_file_takes_nothing_away() {
    let house = House::with("").await;
    let old = house.session(OWNER).await;
    std::fs::write(house.dir.path().join("key"), "nothing of use").unwrap();
    let key = house.identity(OWNER);
    assert_eq!(key.renew().await.map(drop).unwrap_err().reason(), "KEY_FILE");
    assert_eq!(key.current().unwrap().session.id, old.id);
    assert_eq!(key.status().state, State::RenewalFailing);
}

#[tokio::test]
async fn errors_of_sts_are_told_apart() {
    let house = House::with(ROLE).await;
    house.session("role").await;
    for (turn, reason) in [
        (Turn::Fail(403, "AccessDenied"), "ACCESS_DENIED"),
        (Turn::Fail(400, "Throttling"), "THROTTLED"),
        (Turn::Fail(403, "RegionDisabledException"), "REGION_DISABLED"),
        (Turn::Fail(500, "InternalFailure"), "UNAVAILABLE"),
        (Turn::Cut, "NETWORK"),
        (Turn::Nonsense, "UNREADABLE"),
    ] {
        house.sts.stay(turn.clone());
        let refused = house.identity("role").renew().await.map(drop).unwrap_err();
        assert_eq!(refused.reason(), reason, "{turn:?}: {refused}");
        for secret in house.keys.secrets() {
            assert!(!refused.to_string().contains(&secret), "{refused}");
        }
    }
    assert!(house.identity("role").current().is_some(), "a failure takes nothing away");
}
