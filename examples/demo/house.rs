//! The real daemon, in this process, between the two stand-ins; and a caller at its socket.

use std::path::PathBuf;
use std::time::Duration;

use presignd::aws::Environment;
use presignd::clock::Clock;
use presignd::config::{Config, Surroundings};
use presignd::daemon::Running;
use presignd::grpc::proto::identities_client::IdentitiesClient;
use presignd::grpc::proto::registry_client::RegistryClient;
use presignd::grpc::proto::signer_client::SignerClient;
use presignd::grpc::proto::{
    GetIdentityRequest, ListUrlsRequest, Operation, PresignRequest, PresignResponse, S3Request, UrlRecord,
};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::Failure;
use crate::support::eventually;
use crate::support::keys::Keys;
use crate::support::s3::S3;
use crate::support::sts::Sts;

/// Everything that runs.
pub(crate) struct House {
    pub(crate) sts: Sts,
    pub(crate) s3: S3,
    folder: tempfile::TempDir,
    daemon: Running,
    channel: Channel,
}

/// What the daemon says of a session.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) generation: u64,
    pub(crate) ends_at: i64,
}

impl House {
    pub(crate) async fn build(session: Duration) -> Result<Self, Failure> {
        let keys = Keys::default();
        let (sts, s3) = (Sts::start(keys.clone()).await, S3::start(keys.clone()).await);
        sts.sessions_last(Some(session));
        let folder = tempfile::Builder::new().prefix("presignd-demo-").tempdir()?;
        let user = keys.user("deploy");
        let key = serde_json::json!({ "AccessKeyId": user.access_key_id, "SecretAccessKey": user.secret });
        std::fs::write(folder.path().join("key.json"), key.to_string())?;
        let config = configuration(&folder.path().display().to_string(), &sts.endpoint(), &s3.endpoint());
        // Without a grant, only root and the daemon's own user may sign: that is whoever watches.
        let around = Surroundings { uid: rustix::process::geteuid().as_raw(), ..Surroundings::default() };
        let config = Config::parse(&config, &around)?;
        let daemon = Running::start(config, Environment::default(), Clock::system()).await?;
        let socket = folder.path().join("sign/presignd.sock");
        let channel = Endpoint::from_shared(format!("unix:{}", socket.display()))?.connect().await?;
        Ok(Self { sts, s3, folder, daemon, channel })
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("sign/presignd.sock")
    }

    /// The newest session, once there is one.
    pub(crate) async fn session(&self) -> Result<Named, Failure> {
        Ok(eventually("there is a session", async || self.newest().await).await)
    }

    /// The first session after `generation`.
    pub(crate) async fn renewed(&self, generation: u64) -> Result<Named, Failure> {
        let newer = async || self.newest().await.filter(|session| session.generation > generation);
        Ok(eventually("the session is renewed", newer).await)
    }

    async fn newest(&self) -> Option<Named> {
        let asked = GetIdentityRequest { name: "web".to_owned() };
        let answer = IdentitiesClient::new(self.channel.clone()).get_identity(asked).await.ok()?.into_inner();
        let session = answer.identity?.sessions.into_iter().next()?;
        let reference = session.reference?;
        let name =
            format!("generation {}: {} as {}", reference.generation, reference.access_key_id, session.principal_arn);
        Some(Named { name, generation: reference.generation, ends_at: reference.expires_at?.seconds })
    }

    pub(crate) async fn presign(&self, expires_in: u64, at_least: u64) -> Result<PresignResponse, Status> {
        let length = |seconds| Duration::from_secs(seconds).try_into().ok();
        let asked = PresignRequest {
            request: Some(S3Request {
                operation: Operation::GetObject.into(),
                bucket: "photos".to_owned(),
                key: "cat.jpg".to_owned(),
                ..S3Request::default()
            }),
            identity: "web".to_owned(),
            expires_in: length(expires_in),
            at_least: length(at_least),
            ..PresignRequest::default()
        };
        SignerClient::new(self.channel.clone()).presign(asked).await.map(tonic::Response::into_inner)
    }

    /// All records, the newest first.
    pub(crate) async fn records(&self) -> Result<Vec<UrlRecord>, Failure> {
        let listed = RegistryClient::new(self.channel.clone()).list_urls(ListUrlsRequest::default()).await?;
        Ok(listed.into_inner().urls)
    }

    pub(crate) async fn stop(self) -> Result<(), Failure> {
        drop(self.channel);
        self.daemon.stop().await;
        Ok(())
    }
}

fn configuration(folder: &str, sts: &str, s3: &str) -> String {
    format!(
        r#"
        default_identity = "web"

        [sockets]
        sign = "{folder}/sign/presignd.sock"
        admin = "{folder}/admin/admin.sock"

        [registry]
        path = "{folder}/state/registry.db"

        [sts]
        endpoint_url = "{sts}"
        region = "us-east-1"

        # The long-term key that may assume the role.
        [identity.deploy]
        source = "key-file"
        path = "{folder}/key.json"

        [identity.web]
        source = "assume-role"
        base = "deploy"
        role_arn = "arn:aws:iam::123456789012:role/web"
        duration = "15m"
        min_pause = "1s"
        s3.endpoint_url = "{s3}"
        s3.region = "us-east-1"
        "#
    )
}
