//! The real daemon, in this process, between the two stand-ins; a caller at its signing socket, an admin at the other.

use std::path::PathBuf;
use std::time::Duration;

use presignd::aws::Environment;
use presignd::clock::Clock;
use presignd::config::{Config, Surroundings};
use presignd::daemon::Running;
use presignd::grpc::proto::identities_client::IdentitiesClient;
use presignd::grpc::proto::impact_client::ImpactClient;
use presignd::grpc::proto::registry_client::RegistryClient;
use presignd::grpc::proto::signer_client::SignerClient;
use presignd::grpc::proto::{
    GetIdentityRequest, ListUrlsRequest, Operation, PresignBatchRequest, PresignRequest, PresignResponse,
    RenewIdentityRequest, S3Request, UrlRecord, presign_result,
};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::Failure;
use crate::support::eventually;
use crate::support::keys::{Key, Keys};
use crate::support::s3::S3;
use crate::support::sts::Sts;

/// Everything that runs.
pub(crate) struct House {
    pub(crate) keys: Keys,
    pub(crate) sts: Sts,
    pub(crate) s3: S3,
    /// The long-term key of the identity `deploy`.
    pub(crate) user: Key,
    folder: tempfile::TempDir,
    daemon: Running,
    channel: Channel,
    admin: Channel,
}

/// What the daemon says of a session.
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) generation: u64,
    pub(crate) ends_at: i64,
}

impl House {
    /// With an identity for the user's long-term key, and one for each of these roles.
    pub(crate) async fn build(roles: &[&str], session: Duration) -> Result<Self, Failure> {
        let keys = Keys::default();
        let (sts, s3) = (Sts::start(keys.clone()).await, S3::start(keys.clone()).await);
        sts.sessions_last(Some(session));
        let folder = tempfile::Builder::new().prefix("presignd-demo-").tempdir()?;
        let user = keys.user("deploy");
        let key = serde_json::json!({ "AccessKeyId": user.access_key_id, "SecretAccessKey": user.secret });
        std::fs::write(folder.path().join("key.json"), key.to_string())?;
        let config = configuration(&folder.path().display().to_string(), &sts.endpoint(), &s3.endpoint(), roles);
        // Without a grant, only root and the daemon's own user may sign: that is whoever watches.
        let around = Surroundings { uid: rustix::process::geteuid().as_raw(), ..Surroundings::default() };
        let config = Config::parse(&config, &around)?;
        let daemon = Running::start(config, Environment::default(), Clock::system()).await?;
        let connect = async |socket: &str| {
            let socket = folder.path().join(socket);
            Ok::<_, Failure>(Endpoint::from_shared(format!("unix:{}", socket.display()))?.connect().await?)
        };
        let (channel, admin) = (connect("sign/presignd.sock").await?, connect("admin/admin.sock").await?);
        Ok(Self { keys, sts, s3, user, folder, daemon, channel, admin })
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("sign/presignd.sock")
    }

    /// The newest session, once there is one.
    pub(crate) async fn session(&self, identity: &str) -> Result<Named, Failure> {
        Ok(eventually("there is a session", async || self.newest(identity).await).await)
    }

    /// The first session after `generation`.
    pub(crate) async fn renewed(&self, identity: &str, generation: u64) -> Result<Named, Failure> {
        let newer = async || self.newest(identity).await.filter(|session| session.generation > generation);
        Ok(eventually("the session is renewed", newer).await)
    }

    /// Asks for a session now, which lives that long.
    pub(crate) async fn renew(&self, identity: &str, lives: Duration) -> Result<Named, Failure> {
        self.sts.sessions_last(Some(lives));
        let asked = RenewIdentityRequest { name: identity.to_owned() };
        IdentitiesClient::new(self.admin.clone()).renew_identity(asked).await?;
        self.session(identity).await
    }

    async fn newest(&self, identity: &str) -> Option<Named> {
        let asked = GetIdentityRequest { name: identity.to_owned() };
        let answer = IdentitiesClient::new(self.channel.clone()).get_identity(asked).await.ok()?.into_inner();
        let session = answer.identity?.sessions.into_iter().next()?;
        let (reference, arn) = (session.reference?, session.principal_arn);
        let name = format!("generation {}: {} as {arn}", reference.generation, reference.access_key_id);
        let ends_at = reference.expires_at?.seconds;
        Some(Named { id: reference.id, name, arn, generation: reference.generation, ends_at })
    }

    pub(crate) async fn presign(&self, expires_in: u64, at_least: u64) -> Result<PresignResponse, Status> {
        let asked = ask("web", "photos", "cat.jpg", expires_in, at_least);
        SignerClient::new(self.channel.clone()).presign(asked).await.map(tonic::Response::into_inner)
    }

    /// Signs a URL for each key, for as long as the identity's session lives, at most an hour.
    pub(crate) async fn presign_all(
        &self,
        identity: &str,
        bucket: &str,
        keys: &[String],
    ) -> Result<Vec<PresignResponse>, Failure> {
        let requests = keys.iter().map(|key| ask(identity, bucket, key, 3600, 1)).collect();
        let batch = PresignBatchRequest { requests };
        let answer = SignerClient::new(self.channel.clone()).presign_batch(batch).await?.into_inner();
        let signed = answer.results.into_iter().map(|result| match result.result {
            Some(presign_result::Result::Response(signed)) => Ok(signed),
            other => Err(format!("not signed: {other:?}").into()),
        });
        signed.collect()
    }

    /// Whoever asks what an event would break.
    pub(crate) fn impact(&self) -> ImpactClient<Channel> {
        ImpactClient::new(self.admin.clone())
    }

    /// All records, the newest first.
    pub(crate) async fn records(&self) -> Result<Vec<UrlRecord>, Failure> {
        let listed = RegistryClient::new(self.channel.clone()).list_urls(ListUrlsRequest::default()).await?;
        Ok(listed.into_inner().urls)
    }

    pub(crate) async fn stop(self) -> Result<(), Failure> {
        drop((self.channel, self.admin));
        self.daemon.stop().await;
        Ok(())
    }
}

fn ask(identity: &str, bucket: &str, key: &str, expires_in: u64, at_least: u64) -> PresignRequest {
    let length = |seconds| Duration::from_secs(seconds).try_into().ok();
    PresignRequest {
        request: Some(S3Request {
            operation: Operation::GetObject.into(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            ..S3Request::default()
        }),
        identity: identity.to_owned(),
        expires_in: length(expires_in),
        at_least: length(at_least),
        ..PresignRequest::default()
    }
}

fn configuration(folder: &str, sts: &str, s3: &str, roles: &[&str]) -> String {
    let role = |name: &&str| {
        format!(
            r#"
            [identity.{name}]
            source = "assume-role"
            base = "deploy"
            role_arn = "arn:aws:iam::123456789012:role/{name}"
            duration = "15m"
            min_pause = "1s"
            s3.endpoint_url = "{s3}"
            s3.region = "us-east-1"
            "#
        )
    };
    let house = format!(
        r#"
        [sockets]
        sign = "{folder}/sign/presignd.sock"
        admin = "{folder}/admin/admin.sock"

        [registry]
        path = "{folder}/state/registry.db"

        [sts]
        endpoint_url = "{sts}"
        region = "us-east-1"

        # The long-term key that may assume the roles.
        [identity.deploy]
        source = "key-file"
        path = "{folder}/key.json"
        s3.endpoint_url = "{s3}"
        s3.region = "us-east-1"
        "#
    );
    house + &roles.iter().map(role).collect::<String>()
}
