//! EC2 instance metadata, version 2 only, read raw: the SDK's provider would stretch an `Expiration` that has passed
//! (SEMANTICS.md 2.4).

use std::time::Duration;

use aws_config::imds::Client;
use aws_config::provider_config::ProviderConfig;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::http_client_fn;
use tokio::sync::OnceCell;

use super::container::{LOOK_AGAIN, read};
use super::error::{METADATA, RenewError};
use super::mint::{Mint, Minted, Minting, Naming};
use super::sts::Sts;
use crate::aws::{Aws, behavior, chain};
use crate::config::identity::Instance as Table;
use crate::session::CredentialKind;

/// The source `instance`.
pub(super) struct Instance {
    aws: Aws,
    sts: Sts,
    endpoint: Option<String>,
    /// Holds the token of version 2 between looks.
    client: OnceCell<Client>,
}

impl Instance {
    pub(super) fn new(aws: Aws, sts: Sts, table: &Table) -> Self {
        let told = aws.environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").map(str::to_owned);
        let endpoint = table.endpoint_url.clone().or(told);
        Self { aws, sts, endpoint, client: OnceCell::new() }
    }

    pub(super) fn is_off(&self) -> bool {
        self.aws.environment.is_on("AWS_EC2_METADATA_DISABLED")
    }

    async fn client(&self) -> Result<&Client, RenewError> {
        self.client.get_or_try_init(|| async { self.connect() }).await
    }

    fn connect(&self) -> Result<Client, RenewError> {
        let beside = self.aws.beside.clone();
        let config = ProviderConfig::empty()
            .with_behavior_version(Some(behavior()))
            .with_http_client(http_client_fn(move |_, _| beside.clone()))
            .with_time_source(self.aws.time_source())
            .with_sleep_impl(TokioSleep::new());
        let mut builder = Client::builder().configure(&config).max_attempts(ATTEMPTS);
        if let Some(url) = &self.endpoint {
            let wrong = |_| RenewError::new(METADATA, "endpoint_url of the instance is no URL; correct it");
            builder = builder.endpoint(url).map_err(wrong)?;
        }
        Ok(builder.build())
    }

    async fn get(&self) -> Result<Minted, RenewError> {
        let client = self.client().await?;
        let failed =
            |problem: String| RenewError::new(METADATA, format!("instance metadata gave no credentials: {problem}"));
        let asked = client.get(PATH).await.map_err(|error| failed(hint(&chain(&error))))?;
        let listed: &str = asked.as_ref();
        let Some(role) = listed.lines().map(str::trim).find(|role| !role.is_empty()) else {
            return Err(failed("the instance has no role; attach an instance profile".to_owned()));
        };
        let document = client.get(format!("{PATH}{role}")).await.map_err(|error| failed(chain(&error)))?;
        let text: &str = document.as_ref();
        read(text.as_bytes(), CredentialKind::Ec2Instance, self.aws.clock.now()).map_err(failed)
    }
}

fn hint(problem: &str) -> String {
    format!("{problem}; is this an EC2 instance with a role, and may a container reach it (hop limit 2)?")
}

impl Mint for Instance {
    fn mint(&self) -> Minting<'_> {
        Box::pin(self.get())
    }

    fn poll(&self) -> Option<Duration> {
        Some(LOOK_AGAIN)
    }

    fn name<'a>(&'a self, minted: &'a mut Minted) -> Naming<'a> {
        Box::pin(self.sts.name_principal(minted))
    }
}

const PATH: &str = "/latest/meta-data/iam/security-credentials/";
const ATTEMPTS: u32 = 2;
