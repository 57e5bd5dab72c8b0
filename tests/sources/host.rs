//! A daemon on a host that is set up as a test likes: its environment, its home, its identities.

use std::collections::BTreeMap;
use std::path::PathBuf;

use presignd::grpc::proto::{Identity, IdentityState, PresignRequest, PresignResponse};
use tokio::process::Command;
use tonic::Status;

use crate::process::{Daemon, World, connect, get, length, presign};
use crate::support::eventually;
use crate::support::keys::Key;

/// The host. Nothing of the environment that the tests run in is seen there.
pub(crate) struct Host {
    pub(crate) world: World,
    environment: BTreeMap<String, String>,
}

impl Host {
    pub(crate) async fn new() -> Self {
        let world = World::new().await;
        world.s3.store().put("photos", "cat.jpg", "meow");
        Self { world, environment: BTreeMap::new() }
    }

    /// Sets a variable.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.insert(name.to_owned(), value.into());
    }

    /// Takes a variable away.
    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    /// Puts credentials into the environment.
    pub(crate) fn set_key(&mut self, key: &Key) {
        self.set("AWS_ACCESS_KEY_ID", &key.access_key_id);
        self.set("AWS_SECRET_ACCESS_KEY", &key.secret);
        if let Some(token) = &key.token {
            self.set("AWS_SESSION_TOKEN", token);
        }
    }

    /// Writes a file below the home.
    pub(crate) fn write(&self, place: &str, text: &str) -> PathBuf {
        let path = self.world.folder.path().join(place);
        std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the folder can be written");
        std::fs::write(&path, text).expect("the folder can be written");
        path
    }

    /// A role's session, of so many seconds, which the stand-ins know.
    pub(crate) fn role_session(&self, seconds: i64) -> Key {
        let arn = "arn:aws:sts::123456789012:assumed-role/lying-around/me".to_owned();
        self.world.keys.session(arn, "AROALYINGAROUND:me".to_owned(), crate::support::now() + seconds)
    }

    /// A section of a credentials file.
    pub(crate) fn static_profile(&self, name: &str, key: &Key) -> String {
        let token = key.token.as_ref().map(|token| format!("aws_session_token = {token}\n")).unwrap_or_default();
        let (id, secret) = (&key.access_key_id, &key.secret);
        format!("[{name}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n{token}")
    }

    /// `[identity.NAME]` with what it says, and where its STS and its S3 are.
    pub(crate) fn identity(&self, name: &str, says: &str) -> String {
        format!("[identity.{name}]\nmin_pause = \"1s\"\n{says}\n{}", self.world.services(name))
    }

    /// Starts the daemon and waits until it listens.
    pub(crate) async fn daemon(&self, identities: &str) -> Daemon {
        self.world.write_config(identities);
        let daemon =
            self.world.run(BINARY, |command| self.dress(command).arg("serve").arg("--config").arg(self.world.config()));
        eventually("the daemon listens", async || connect(&daemon.admin_socket()).await.ok()).await;
        daemon
    }

    /// Runs the command line: its exit code, and all that it says.
    pub(crate) async fn cli(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(BINARY);
        let folder = self.world.folder.path();
        command.env_clear().env("HOME", folder).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("PRESIGND_SOCKET", folder.join("sign/presignd.sock"));
        let said = self.dress(&mut command).args(arguments).output().await.expect("the program starts");
        let text = [said.stdout, said.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        (said.status.code().unwrap_or(-1), text)
    }

    fn dress<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").envs(&self.environment)
    }
}

/// The identity, once it has a session.
pub(crate) async fn ready(daemon: &Daemon, name: &str) -> Identity {
    in_state(daemon, name, IdentityState::Ready).await
}

/// The identity, once an attempt has failed and it has no session.
pub(crate) async fn refused(daemon: &Daemon, name: &str) -> Identity {
    in_state(daemon, name, IdentityState::Unavailable).await
}

async fn in_state(daemon: &Daemon, name: &str, wanted: IdentityState) -> Identity {
    eventually(&format!("{name} is {wanted:?}"), async || {
        let has_it = |identity: &Identity| wanted != IdentityState::Ready || !identity.sessions.is_empty();
        Some(daemon.identity(name).await).filter(|identity| identity.state() == wanted && has_it(identity))
    })
    .await
}

/// Asks for a URL of so many seconds, a second being enough.
pub(crate) async fn sign(daemon: &Daemon, name: &str, seconds: u64) -> Result<PresignResponse, Status> {
    let ask = PresignRequest {
        identity: name.to_owned(),
        expires_in: Some(length(seconds)),
        at_least: Some(length(1)),
        ..get("cat.jpg")
    };
    presign(&mut daemon.signer().await, ask).await
}

/// The end of the session that signed.
pub(crate) fn session_end(url: &PresignResponse) -> Option<i64> {
    url.session.as_ref()?.expires_at.map(|at| at.seconds)
}

/// When the URL ends, as it is promised.
pub(crate) fn usable_until(url: &PresignResponse) -> i64 {
    url.usable_until.expect("every answer says so").seconds
}

/// An instant as AWS's tools write it.
pub(crate) fn written(at: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(at).expect("tests live in our age");
    at.format(&time::format_description::well_known::Rfc3339).expect("a year of four digits")
}

const BINARY: &str = env!("CARGO_BIN_EXE_presignd");
