//! One fault: brought while a session lives, kept until that has ended, and mended.

use crate::caller::{Caller, is_clear, keeps_its_promise, key_of};
use crate::host::{Host, ready, written};
use crate::metadata::{Metadata, document};
use crate::process::Daemon;
use crate::relay::Relay;
use crate::support::keys::Key;
use crate::support::sts::Turn;
use crate::support::{eventually, now};

/// A row of the table.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) source: Source,
    pub(crate) fault: Fault,
    /// The causes that callers may be told once nothing signs; none where they notice nothing.
    pub(crate) causes: &'static [&'static str],
}

/// Where sessions come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Role,
    WebIdentity,
    Instance,
    Container,
}

/// What breaks.
pub(crate) enum Fault {
    /// Every call to STS goes like this.
    Sts(Turn),
    /// Nobody listens where STS was.
    Refused,
    /// What STS issues has ended when it arrives.
    Ended,
    /// The token file holds a token that has expired.
    TokenFile,
    /// The service beside the machine says something else of the key that it gave, or of a new one.
    Beside(Beside),
}

/// See [`Fault::Beside`].
pub(crate) enum Beside {
    /// What it said before.
    Repeats,
    /// The same key, with an end an hour later.
    Stretches,
    /// A new key, whose end is that long ago.
    Past(i64),
    /// A new key, without that field or with an empty one.
    Lacks(&'static str),
    Empties(&'static str),
    /// Something else.
    Says(u16, &'static str),
}

/// What is set up for a case.
struct Stage {
    host: Host,
    relay: Relay,
    metadata: Metadata,
    key: Key,
    daemon: Daemon,
}

impl Case {
    pub(crate) async fn run(self) {
        let name = self.name;
        let mut stage = self.stage().await;
        let world = &stage.host.world;
        let (keys, s3) = (world.keys.clone(), world.s3.address());
        let caller = Caller::start(&stage.daemon, s3).await;
        let first = caller.signs(&format!("{name}: the first session signs")).await;

        let (began, before) = (now(), stage.asked(self.source));
        self.bring(&mut stage).await;
        caller.signs(&format!("{name}: the session that lives goes on signing")).await;
        if self.causes.is_empty() {
            let other = |url: &str| key_of(url) != key_of(&first.url);
            caller.sees(name, |seen| seen.outcome.as_ref().is_ok_and(|used| other(&used.url.url))).await;
        } else {
            let is_told = |cause: &str| self.causes.contains(&cause);
            let is_it = |seen: &crate::caller::Seen| {
                let told = seen.outcome.as_ref().err();
                told.is_some_and(|status| status.code() == tonic::Code::Unavailable && is_told(&is_clear(name, status)))
            };
            caller.sees(&format!("{name}: nothing signs, and it is said why"), is_it).await;
        }
        let asked = stage.asked(self.source) - before;
        let at_most = usize::try_from(now() - began).unwrap_or_default() + 2;
        assert!(asked <= at_most, "{name}: asked {asked} times in {} s", now() - began);
        let mended_at = now();
        self.mend(&mut stage).await;
        caller.signs(&format!("{name}: it signs again by itself")).await;
        eventually(&format!("{name}: it is ready"), async || {
            (stage.daemon.probe("/readyz").await == 200 && stage.daemon.web().await.failures == 0).then_some(())
        })
        .await;

        let mut ends_at = 0;
        for seen in caller.seen() {
            match &seen.outcome {
                Ok(used) => {
                    keeps_its_promise(name, used, &keys, 0);
                    let end = keys.find(&key_of(&used.url.url)).and_then(|key| key.ends_at);
                    ends_at = end.filter(|_| seen.at <= mended_at).unwrap_or(ends_at);
                }
                Err(status) => {
                    assert!(!self.causes.is_empty(), "{name}: nobody notices, but for {status}");
                    // A life of less than a second is of no use to this caller, and seconds are whole. By the answer, for a
                    // call may take long on a busy machine.
                    let early = ends_at - seen.answered_at;
                    assert!(early <= 2, "{name}: refused {early} s before its end: {status}");
                    let hangs = matches!(self.fault, Fault::Sts(Turn::Hang));
                    if !(hangs && status.code() == tonic::Code::DeadlineExceeded) {
                        let cause = is_clear(name, status);
                        assert!(self.causes.contains(&cause.as_str()), "{name}: {cause:?}: {status}");
                    }
                }
            }
        }
    }

    async fn stage(&self) -> Stage {
        let mut host = Host::new().await;
        host.world.sts.sessions_last(Some(std::time::Duration::from_secs(LIFE.unsigned_abs())));
        let relay = Relay::to(host.world.sts.address()).await;
        host.set_key(&host.world.user.clone());
        host.write("token", "a-token-that-holds");
        let metadata = Metadata::serve(&host.role_session(LIFE)).await;
        metadata.say(503, "not yet");
        let role = "role_arn = \"arn:aws:iam::123456789012:role/team/web\"\nduration = \"15m\"";
        let says = match self.source {
            Source::Role => format!("source = \"assume-role\"\n{role}"),
            Source::WebIdentity => {
                let file = host.world.folder.path().join("token");
                format!("source = \"web-identity\"\n{role}\ntoken_file = \"{}\"", file.display())
            }
            Source::Instance => format!("source = \"instance\"\nendpoint_url = \"{}\"", metadata.url()),
            Source::Container => {
                host.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", metadata.url()));
                "source = \"container\"".to_owned()
            }
        };
        let sts = host.world.sts.endpoint();
        let config = host.identity("web", &says).replace(&sts, &format!("http://127.0.0.1:{}", relay.port()));
        let daemon = host.daemon(&config).await;
        // Only now, for a daemon that starts on a busy machine takes its time, and this key is not renewed.
        let key = host.role_session(LIFE);
        metadata.put(&key);
        ready(&daemon, "web").await;
        Stage { host, relay, metadata, key, daemon }
    }

    async fn bring(&self, stage: &mut Stage) {
        let sts = &stage.host.world.sts;
        match &self.fault {
            Fault::Sts(turn) => sts.stay(turn.clone()),
            Fault::Refused => stage.relay.shut().await,
            Fault::Ended => sts.sessions_last(Some(std::time::Duration::ZERO)),
            Fault::TokenFile => drop(stage.host.write("token", "expired")),
            Fault::Beside(beside) => {
                let end = written(stage.key.ends_at.expect("a session ends") + 3600);
                let fresh = || document(&stage.host.role_session(LIFE), &written(now() + LIFE));
                let (status, body) = match beside {
                    Beside::Repeats => return,
                    Beside::Stretches => (200, document(&stage.key, &end).to_string()),
                    Beside::Past(ago) => {
                        (200, document(&stage.host.role_session(-ago), &written(now() - ago)).to_string())
                    }
                    Beside::Lacks(field) => {
                        let mut document = fresh();
                        document.as_object_mut().expect("it is an object").remove(*field);
                        (200, document.to_string())
                    }
                    Beside::Empties(field) => {
                        let mut document = fresh();
                        document[*field] = "".into();
                        (200, document.to_string())
                    }
                    Beside::Says(status, body) => (*status, (*body).to_owned()),
                };
                stage.metadata.say(status, &body);
            }
        }
    }

    async fn mend(&self, stage: &mut Stage) {
        if matches!(self.fault, Fault::Refused) {
            stage.relay.open().await;
        }
        stage.host.world.sts.stay(Turn::Answer);
        stage.host.world.sts.sessions_last(None);
        stage.host.write("token", "a-token-that-holds");
        stage.metadata.put(&stage.host.role_session(3600));
    }
}

impl Stage {
    /// How often the source was asked.
    fn asked(&self, source: Source) -> usize {
        let sts = &self.host.world.sts;
        match source {
            Source::Role => sts.count("AssumeRole"),
            Source::WebIdentity => sts.count("AssumeRoleWithWebIdentity"),
            Source::Instance | Source::Container => self.metadata.count(),
        }
    }
}

/// Of each session until the fault is mended, in seconds: renewed when half of it is over. So long that a busy machine may
/// keep a daemon or its caller waiting for a third of it.
pub(crate) const LIFE: i64 = 20;
