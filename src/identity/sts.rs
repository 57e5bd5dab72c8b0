//! One client of STS: regional, dated by AWS's clock, within the budget, counted. Makes single calls and never repeats
//! one: when to try again is for the keeper to say.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials as SdkCredentials;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::{Builder, Region as SdkRegion, SharedAsyncSleep};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use sha2::{Digest, Sha256};

use super::RenewError;
use super::mint::{Minted, bare, credentials, set_principal};
use super::mourn::Told;
use super::pace::Budget;
use crate::aws::{Aws, Heard, TakesWholeAnswers, behavior};
use crate::clock::Clock;
use crate::config::identity::{S3, Scope, StsEndpoint};
use crate::s3::Region;
use crate::session::{CredentialKind, Credentials, ISSUING, IssueInterval};
use crate::signer::endpoint::{home_of, partition_of};
use crate::telemetry::Metrics;
use crate::telemetry::latest::{self, Outcome};
use crate::time::Timestamp;

/// STS as one identity reaches it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sts {
    aws: Aws,
    endpoint: StsEndpoint,
    /// As the configuration or the environment names it.
    region: Option<String>,
    /// Where neither does.
    fallback: String,
    /// The keys of an S3-compatible store are none of AWS's business.
    knows_static_keys: bool,
    budget: Arc<Budget>,
    metrics: Arc<Metrics>,
}

/// The call, by AWS's clock, so that the issue of the session lies between.
struct Called<T> {
    answer: T,
    issued: IssueInterval,
}

impl Sts {
    /// `home` is the home region of the role's partition, where a role is named.
    pub(super) fn new(
        aws: Aws,
        endpoint: StsEndpoint,
        s3: &S3,
        home: Option<&str>,
        budget: Arc<Budget>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let told = endpoint.region.as_ref().map(Region::as_str);
        let region = told.or_else(|| aws.environment.region()).map(str::to_owned);
        let fallback = s3.region.as_ref().map(Region::as_str).or(home).unwrap_or("us-east-1").to_owned();
        let knows_static_keys = s3.is_of_aws() || endpoint.endpoint_url.is_some();
        Self { aws, endpoint, region, fallback, knows_static_keys, budget, metrics }
    }

    /// The same, with a region to fall back to that is better known.
    pub(super) fn near(&self, region: Option<&str>) -> Self {
        let fallback = region.map_or_else(|| self.fallback.clone(), str::to_owned);
        Self { fallback, ..self.clone() }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.aws.clock
    }

    fn region(&self) -> &str {
        self.region.as_ref().unwrap_or(&self.fallback)
    }

    /// STS of another partition knows neither the role nor who asks for it, and would say something else.
    fn is_of_partition(&self, role_arn: &str) -> Result<(), RenewError> {
        let of_role = role_arn.split(':').nth(1).and_then(|name| Some((name, home_of(name)?)));
        let of_region = Region::parse(self.region()).map(|region| partition_of(&region));
        let (Some((partition, home)), Ok(of_region), None) = (of_role, of_region, &self.endpoint.endpoint_url) else {
            return Ok(());
        };
        if partition == of_region {
            return Ok(());
        }
        let message = format!(
            "the role is in partition {partition}, but STS would be asked in {}, which is in {of_region}; set sts.region \
             to a region of {partition}, such as {home}",
            self.region()
        );
        Err(RenewError::new(super::error::ENDPOINT, message))
    }

    /// With what its one call hears of the time.
    fn client(&self, signer: Option<&Credentials>) -> (Client, Heard) {
        let learns_skew = self.aws.learns_skew();
        let heard = learns_skew.heard();
        let mut config = Builder::default()
            .behavior_version(behavior())
            .region(SdkRegion::new(self.region().to_owned()))
            .http_client(self.aws.http.clone())
            .time_source(self.aws.time_source())
            .interceptor(learns_skew)
            .interceptor(TakesWholeAnswers)
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(ISSUING).build())
            .use_fips(self.endpoint.fips.unwrap_or(false))
            .use_dual_stack(self.endpoint.dual_stack.unwrap_or(false));
        config.set_endpoint_url(self.endpoint.endpoint_url.clone());
        let config = match signer {
            Some(Credentials { access_key_id, secret_access_key, session_token }) => {
                let (secret, token) =
                    (secret_access_key.to_string(), session_token.as_ref().map(|token| token.to_string()));
                config.credentials_provider(SdkCredentials::new(access_key_id, secret, token, None, "presignd"))
            }
            None => config.allow_no_auth(),
        };
        (Client::from_conf(config.build()), heard)
    }

    /// Waits for the budget, calls as `signer`, counts, and notes when.
    async fn call<T, E, C>(
        &self,
        operation: &'static str,
        signer: Option<&Credentials>,
        calling: impl FnOnce(Client) -> C,
    ) -> Result<Called<T>, RenewError>
    where
        C: Future<Output = Result<T, SdkError<E>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.budget.take().await;
        let clock = &self.aws.clock;
        let (client, heard) = self.client(signer);
        let sent = clock.local_now();
        let answer = calling(client).await;
        // Undated, it is dated by what is known of AWS's clock; whole seconds round the later end up.
        let by_aws = |local: Timestamp| Timestamp::from_unix(local.unix() + clock.offset_seconds());
        let guessed = || (by_aws(sent), by_aws(clock.local_now()) + Duration::from_secs(1));
        let (not_before, not_after) = heard.between().unwrap_or_else(guessed);
        let issued = IssueInterval { not_before: Some(not_before), not_after };
        let outcome = if answer.is_ok() { "ok" } else { "failed" };
        self.metrics.sts_calls.with_label_values(&[operation, outcome]).inc();
        let answer = answer.map_err(|error| RenewError::of_sts(operation, error));
        let (outcome, message) = match &answer {
            Ok(_) => (Outcome::Ok, format!("{operation}: ok")),
            Err(error) if error.is_silence() => (Outcome::Silent, error.to_string()),
            Err(error) => (Outcome::Refused, error.to_string()),
        };
        self.note(outcome, message);
        Ok(Called { answer: answer?, issued })
    }

    pub(super) async fn assume_role(
        &self,
        signer: &Credentials,
        ask: &super::minting::RoleAsk<'_>,
    ) -> Result<Minted, RenewError> {
        let role = ask.role;
        self.is_of_partition(&role.role_arn)?;
        let calling = |sts: Client| {
            sts.assume_role()
                .role_arn(&role.role_arn)
                .role_session_name(ask.session_name)
                .duration_seconds(seconds(ask.duration))
                .set_external_id(role.external_id.clone())
                .set_policy(role.scope.policy.clone())
                .set_policy_arns(arns(&role.scope))
                .set_tags(tags(&role.scope))
                .set_transitive_tag_keys(Some(role.transitive_tag_keys.clone()).filter(|keys| !keys.is_empty()))
                .set_source_identity(role.source_identity.clone())
                .send()
        };
        let Called { answer, issued } = self.call("AssumeRole", Some(signer), calling).await?;
        let mut minted = minted("AssumeRole", CredentialKind::AssumeRole, answer.credentials, issued)?;
        minted.facts.session_name = ask.session_name.to_owned();
        if let Some(user) = &answer.assumed_role_user {
            set_principal(&mut minted.facts, &user.arn, &user.assumed_role_id);
        }
        minted.facts.source_identity = answer.source_identity.or(role.source_identity.clone()).unwrap_or_default();
        bear(&mut minted, &role.scope, &signer.access_key_id);
        Ok(minted)
    }

    pub(super) async fn web_identity(&self, ask: &super::minting::WebAsk<'_>) -> Result<Minted, RenewError> {
        self.is_of_partition(ask.role_arn)?;
        let calling = |sts: Client| {
            sts.assume_role_with_web_identity()
                .role_arn(ask.role_arn)
                .role_session_name(ask.session_name)
                .web_identity_token(ask.token)
                .duration_seconds(seconds(ask.duration))
                .set_policy(ask.scope.policy.clone())
                .set_policy_arns(arns(ask.scope))
                .send()
        };
        let Called { answer, issued } = self.call("AssumeRoleWithWebIdentity", None, calling).await?;
        let kind = CredentialKind::WebIdentity;
        let mut minted = minted("AssumeRoleWithWebIdentity", kind, answer.credentials, issued)?;
        minted.facts.session_name = ask.session_name.to_owned();
        if let Some(user) = &answer.assumed_role_user {
            set_principal(&mut minted.facts, &user.arn, &user.assumed_role_id);
        }
        minted.facts.source_identity = answer.source_identity.unwrap_or_default();
        bear(&mut minted, ask.scope, "");
        Ok(minted)
    }

    pub(super) async fn session_token(&self, signer: &Credentials, duration: Duration) -> Result<Minted, RenewError> {
        let calling = |sts: Client| sts.get_session_token().duration_seconds(seconds(duration)).send();
        let Called { answer, issued } = self.call("GetSessionToken", Some(signer), calling).await?;
        let mut minted = minted("GetSessionToken", CredentialKind::SessionToken, answer.credentials, issued)?;
        bear(&mut minted, &Scope::default(), &signer.access_key_id);
        Ok(minted)
    }

    pub(super) async fn federation_token(
        &self,
        signer: &Credentials,
        name: &str,
        scope: &Scope,
        duration: Duration,
    ) -> Result<Minted, RenewError> {
        let calling = |sts: Client| {
            sts.get_federation_token()
                .name(name)
                .duration_seconds(seconds(duration))
                .set_policy(scope.policy.clone())
                .set_policy_arns(arns(scope))
                .set_tags(tags(scope))
                .send()
        };
        let Called { answer, issued } = self.call("GetFederationToken", Some(signer), calling).await?;
        let mut minted = minted("GetFederationToken", CredentialKind::FederationToken, answer.credentials, issued)?;
        minted.facts.session_name = name.to_owned();
        if let Some(user) = &answer.federated_user {
            set_principal(&mut minted.facts, &user.arn, &user.federated_user_id);
        }
        bear(&mut minted, scope, &signer.access_key_id);
        Ok(minted)
    }

    /// Whether it can tell whose a static key is: one that signs for AWS's S3, or beside which an STS is configured.
    pub(super) fn knows_static_keys(&self) -> bool {
        self.knows_static_keys
    }

    /// Names the principal of a static key, where AWS can know it.
    pub(super) async fn name_static(&self, minted: &mut Minted) -> Result<(), RenewError> {
        if self.knows_static_keys { self.name_principal(minted).await } else { Ok(()) }
    }

    /// Whether AWS knows a key, with its own code where it refuses.
    pub(super) async fn ask_of(&self, signer: &Credentials) -> Told {
        self.budget.take().await;
        let (client, _) = self.client(Some(signer));
        let answer = client.get_caller_identity().send().await;
        let outcome = if answer.is_ok() { "ok" } else { "failed" };
        self.metrics.sts_calls.with_label_values(&["GetCallerIdentity", outcome]).inc();
        let told = match answer {
            Ok(_) => Told::Known,
            Err(error) => error.code().map_or(Told::Nothing, |code| Told::Refused(code.to_owned())),
        };
        let (outcome, said) = match &told {
            Told::Known => (Outcome::Ok, "ok"),
            Told::Refused(code) => (Outcome::Refused, code.as_str()),
            Told::Nothing => (Outcome::Silent, "no answer of STS"),
        };
        self.note(outcome, format!("GetCallerIdentity: {said}"));
        told
    }

    fn note(&self, outcome: Outcome, message: String) {
        self.metrics.latest.sts(latest::Call { at: self.aws.clock.now(), outcome, message });
    }

    /// Names the principal of `minted`.
    pub(super) async fn name_principal(&self, minted: &mut Minted) -> Result<(), RenewError> {
        let calling = |sts: Client| sts.get_caller_identity().send();
        let calling = self.call("GetCallerIdentity", Some(&minted.credentials), calling);
        let late = |_| RenewError::new(super::error::TIMEOUT, "GetCallerIdentity failed: STS did not answer in time");
        let Called { answer, issued } = tokio::time::timeout(NAMING, calling).await.map_err(late)??;
        // By AWS's own clock it was there when AWS named it; our clock may have been wrong when it was read.
        let known = &mut minted.facts.issued;
        if known.not_before.is_none() {
            known.not_after = issued.not_after;
        }
        let (arn, id) = (answer.arn.unwrap_or_default(), answer.user_id.unwrap_or_default());
        set_principal(&mut minted.facts, &arn, &id);
        Ok(())
    }
}

/// What was asked for and by whom.
fn bear(minted: &mut Minted, scope: &Scope, parent_access_key_id: &str) {
    minted.facts.tags = scope.tags.clone();
    minted.facts.session_policy_sha256 = sha256_of(scope);
    minted.facts.parent_access_key_id = parent_access_key_id.to_owned();
}

fn minted(
    operation: &str,
    kind: CredentialKind,
    given: Option<aws_sdk_sts::types::Credentials>,
    issued: IssueInterval,
) -> Result<Minted, RenewError> {
    let Some(given) = given.filter(|given| !given.access_key_id.is_empty() && !given.secret_access_key.is_empty())
    else {
        let message = format!("{operation} answered without credentials; check the proxy and [sts] endpoint_url");
        return Err(RenewError::new(super::error::UNREADABLE, message));
    };
    let mut facts = bare(&given.access_key_id, kind, issued.not_after);
    facts.issued = issued;
    facts.expires_at = Some(Timestamp::from_unix(given.expiration.secs()));
    let credentials = credentials(&given.access_key_id, &given.secret_access_key, Some(&given.session_token));
    Ok(Minted { credentials, facts })
}

/// SHA-256 of the policies that narrow a session; empty for none.
fn sha256_of(scope: &Scope) -> String {
    if scope.policy.is_none() && scope.policy_arns.is_empty() {
        return String::new();
    }
    let mut digest = Sha256::new();
    digest.update(scope.policy.as_deref().unwrap_or_default());
    for arn in &scope.policy_arns {
        digest.update([0]);
        digest.update(arn);
    }
    hex::encode(digest.finalize())
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

fn arns(scope: &Scope) -> Option<Vec<PolicyDescriptorType>> {
    let all: Vec<_> = scope.policy_arns.iter().map(|arn| PolicyDescriptorType::builder().arn(arn).build()).collect();
    Some(all).filter(|all| !all.is_empty())
}

fn tags(scope: &Scope) -> Option<Vec<Tag>> {
    let tag = |(key, value): &(String, String)| Tag::builder().key(key).value(value).build().ok();
    let all: Vec<_> = scope.tags.iter().filter_map(tag).collect();
    Some(all).filter(|all| !all.is_empty())
}

/// The longest that signing waits for the name of a principal.
const NAMING: Duration = Duration::from_secs(3);
