//! The real binary as a process of its own, between an STS and an S3 on loopback, with a folder that is all it sees.

#![allow(dead_code, unreachable_pub, reason = "each test crate takes the part it needs")]

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use presignd::grpc::proto::identities_client::IdentitiesClient;
use presignd::grpc::proto::registry_client::RegistryClient;
use presignd::grpc::proto::signer_client::SignerClient;
use presignd::grpc::proto::{Identity, Operation, PresignRequest, PresignResponse, S3Request};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tonic::Status;
use tonic::transport::Channel;

use crate::support::keys::{Key, Keys};
use crate::support::s3::S3;
use crate::support::sts::Sts;
use crate::support::{DEADLINE, eventually, free_port, http};

/// A world for a daemon: AWS, a folder, and the long-term key it starts from.
pub struct World {
    pub folder: TempDir,
    pub keys: Keys,
    pub user: Key,
    pub sts: Sts,
    pub s3: S3,
    metrics_port: u16,
}

impl World {
    pub async fn new() -> Self {
        let keys = Keys::default();
        let (sts, s3) = (Sts::start(keys.clone()).await, S3::start(keys.clone()).await);
        Self {
            folder: tempfile::Builder::new().prefix("presignd-").tempdir().expect("a folder for the test"),
            user: keys.user("deploy"),
            keys,
            sts,
            s3,
            metrics_port: free_port(),
        }
    }

    /// What every configuration here has: all places inside the folder.
    pub fn places(&self) -> String {
        let folder = self.folder.path().display();
        format!(
            "[sockets]\nsign = \"{folder}/sign/presignd.sock\"\nadmin = \"{folder}/admin/admin.sock\"\n\
             [registry]\npath = \"{folder}/state/registry.db\"\n\
             [http]\nlisten = \"127.0.0.1:{}\"\n\
             [log]\nformat = \"json\"\nfilter = \"info,presignd=debug\"\n",
            self.metrics_port
        )
    }

    /// The identity `web`: a role that the user assumes for an hour.
    pub fn web(&self, more: &str) -> String {
        format!(
            "[identity.web]\nsource = \"assume-role\"\nrole_arn = \"arn:aws:iam::123456789012:role/team/web\"\n{more}\n{}",
            self.services("web")
        )
    }

    /// Where an identity finds STS and S3.
    pub fn services(&self, identity: &str) -> String {
        format!(
            "[identity.{identity}.sts]\nendpoint_url = \"{}\"\nregion = \"us-east-1\"\n\
             [identity.{identity}.s3]\nendpoint_url = \"{}\"\nregion = \"us-east-1\"\n",
            self.sts.endpoint(),
            self.s3.endpoint()
        )
    }

    /// Starts the daemon and waits until it signs.
    pub async fn daemon(&self, identities: &str) -> Daemon {
        let mut daemon = self.spawn(identities);
        daemon.listening().await;
        daemon
    }

    /// The same, on an abstract socket beside the others; and its address.
    pub async fn daemon_beside_a_name(&self, identities: &str) -> (Daemon, String) {
        let name = self.folder.path().file_name().expect("the folder has a name").to_str().expect("of ASCII");
        self.write_config(identities);
        let config = std::fs::read_to_string(self.config()).expect("it was written");
        let config = config.replacen("[sockets]\n", &format!("[sockets]\nsign_abstract = \"{name}\"\n"), 1);
        std::fs::write(self.config(), config).expect("the folder can be written");
        let program = env!("CARGO_BIN_EXE_presignd");
        let mut daemon = self.run(program, |command| command.arg("serve").arg("--config").arg(self.config()));
        daemon.listening().await;
        (daemon, format!("unix-abstract:{name}"))
    }

    /// Starts the daemon, and waits for nothing.
    pub fn spawn(&self, identities: &str) -> Daemon {
        self.write_config(identities);
        let program = env!("CARGO_BIN_EXE_presignd");
        self.run(program, |command| command.arg("serve").arg("--config").arg(self.config()))
    }

    /// Where the configuration lies.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("presignd.toml")
    }

    /// Writes places and identities.
    pub fn write_config(&self, identities: &str) {
        std::fs::write(self.config(), self.places() + identities).expect("the folder can be written");
    }

    /// Runs a program as the daemon: with the key of the user, and nothing else of our own environment but what `with` adds.
    pub fn run(&self, program: impl AsRef<std::ffi::OsStr>, with: impl FnOnce(&mut Command) -> &mut Command) -> Daemon {
        let folder = self.folder.path().to_owned();
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log"));
        let log = log.expect("the folder can be written");
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &folder)
            .env("AWS_ACCESS_KEY_ID", &self.user.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.user.secret)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .kill_on_drop(true);
        with(&mut command);
        let child = command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.as_std().get_program()));
        Daemon { child, folder, metrics: format!("http://127.0.0.1:{}", self.metrics_port) }
    }

    /// The registry's main file.
    pub fn registry(&self) -> PathBuf {
        self.folder.path().join("state/registry.db")
    }
}

/// The process. Dropped, it is killed.
pub struct Daemon {
    child: Child,
    folder: PathBuf,
    metrics: String,
}

impl Daemon {
    pub fn sign_socket(&self) -> PathBuf {
        self.folder.join("sign/presignd.sock")
    }

    pub fn admin_socket(&self) -> PathBuf {
        self.folder.join("admin/admin.sock")
    }

    /// All that it wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).expect("the log is UTF-8")
    }

    /// Waits until it listens and the identity `web` has a session.
    pub async fn listening(&mut self) {
        let folder = self.folder.clone();
        // The admin socket shows every identity, whatever the grants say.
        let socket = self.admin_socket();
        let child = &mut self.child;
        eventually("the daemon listens and can sign", async || {
            if let Some(status) = child.try_wait().expect("it is our child") {
                let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                panic!("the daemon ended ({status}):\n{log}");
            }
            let mut client = IdentitiesClient::new(connect(&socket).await.ok()?);
            let listed = client.list_identities(presignd::grpc::proto::ListIdentitiesRequest {}).await.ok()?;
            listed.into_inner().identities.iter().any(|identity| !identity.sessions.is_empty()).then_some(())
        })
        .await;
    }

    pub async fn channel(path: &Path) -> Channel {
        connect(path).await.expect("the daemon listens")
    }

    pub async fn signer(&self) -> SignerClient<Channel> {
        SignerClient::new(Self::channel(&self.sign_socket()).await)
    }

    pub async fn registry(&self) -> RegistryClient<Channel> {
        RegistryClient::new(Self::channel(&self.sign_socket()).await)
    }

    pub async fn admin(&self) -> IdentitiesClient<Channel> {
        IdentitiesClient::new(Self::channel(&self.admin_socket()).await)
    }

    /// The identity `web`, as the admin socket shows it.
    pub async fn web(&self) -> Identity {
        self.identity("web").await
    }

    /// An identity, as the admin socket shows it.
    pub async fn identity(&self, name: &str) -> Identity {
        let asked = presignd::grpc::proto::GetIdentityRequest { name: name.to_owned() };
        let answer = self.admin().await.get_identity(asked).await.expect("an answer").into_inner();
        answer.identity.expect("there is one of that name")
    }

    /// `/metrics`.
    pub async fn metrics(&self) -> String {
        http::get(&format!("{}/metrics", self.metrics)).await.text()
    }

    /// The status of a probe, such as `/readyz`; 0 while nobody listens.
    pub async fn probe(&self, path: &str) -> u16 {
        let address = self.metrics.trim_start_matches("http://");
        match tokio::net::TcpStream::connect(address).await {
            Ok(_) => http::get(&format!("{}{path}", self.metrics)).await.status,
            Err(_) => 0,
        }
    }

    pub fn pid(&self) -> i32 {
        self.child.id().expect("it has not been waited for").cast_signed()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid()).expect("no process is 0"), signal).expect("it is our child");
    }

    /// Waits for its end, which something else brought about.
    pub async fn end(mut self) -> ExitStatus {
        tokio::time::timeout(DEADLINE, self.child.wait()).await.expect("it ends").expect("it is our child")
    }

    /// SIGTERM, and its end.
    pub async fn stop(self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.end().await
    }

    /// SIGKILL, and its end.
    pub async fn kill(self) {
        self.signal(Signal::KILL);
        self.end().await;
    }
}

/// A GET of `key` in the bucket `photos`, for ten seconds; what is wanted otherwise is set on the result.
pub fn get(key: &str) -> PresignRequest {
    PresignRequest {
        request: Some(S3Request {
            operation: Operation::GetObject.into(),
            bucket: "photos".to_owned(),
            key: key.to_owned(),
            ..S3Request::default()
        }),
        expires_in: Some(length(10)),
        ..PresignRequest::default()
    }
}

/// Signs one.
pub async fn presign(client: &mut SignerClient<Channel>, request: PresignRequest) -> Result<PresignResponse, Status> {
    client.presign(request).await.map(tonic::Response::into_inner)
}

/// Connects to a socket, as a client would that knows nothing of this house.
pub async fn connect(path: &Path) -> Result<Channel, tonic::transport::Error> {
    tonic::transport::Endpoint::from_shared(format!("unix:{}", path.display()))?.connect().await
}

/// A length as the proto has it.
pub fn length(seconds: u64) -> prost_types::Duration {
    let length = Duration::from_secs(seconds);
    length.try_into().expect("a length that the proto holds")
}
