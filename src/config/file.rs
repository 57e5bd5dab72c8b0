//! The file as it is written: every key optional, unknown keys refused. Becomes a [`Config`], with defaults and bounds.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::grants::GrantTable;
use super::identity::{self, Identity, IdentityTable, StsTable};
use super::probe::ProbeTable;
use super::{
    Config, Error, Http, Length, Limits, Log, LogFormat, MAX_ADMINS, MAX_QUEUE_CALLS, MAX_RETENTION, MIN_RETENTION,
    Registry, Sockets, Surroundings,
};
use crate::access::{Grants, OVERFLOW_ID};
use crate::session::IdentityName;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    default_identity: Option<IdentityName>,
    sockets: SocketsTable,
    http: HttpTable,
    registry: RegistryTable,
    log: LogTable,
    limits: LimitsTable,
    sts: StsTable,
    probe: ProbeTable,
    identity: BTreeMap<IdentityName, IdentityTable>,
    grant: Vec<GrantTable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SocketsTable {
    sign: Option<PathBuf>,
    sign_abstract: Option<String>,
    admin: Option<PathBuf>,
    sign_mode: Option<Mode>,
    admin_mode: Option<Mode>,
    admin_uids: Vec<u32>,
    admin_gids: Vec<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HttpTable {
    listen: Option<SocketAddr>,
    beyond_loopback: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RegistryTable {
    path: Option<PathBuf>,
    retention: Option<Length>,
    queue_calls: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LogTable {
    format: LogFormat,
    filter: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsTable {
    batch_items: Option<usize>,
    stream_items: Option<usize>,
    calls_per_connection: Option<u32>,
    connections: Option<usize>,
    call: Option<Length>,
    drain: Option<Length>,
}

/// Permissions in octal, as `chmod` takes them: `"0660"`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Mode(u32);

impl TryFrom<String> for Mode {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let mode = u32::from_str_radix(&text, 8).ok().filter(|mode| *mode <= 0o777 && text.len() <= 4);
        mode.map(Self).ok_or("is not a mode; write it in octal like \"0660\"")
    }
}

impl File {
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| Error::syntax(text, &error))
    }

    pub(super) fn into_config(self, surroundings: &Surroundings) -> Result<Config, Error> {
        let sockets = self.sockets.check(surroundings, !self.grant.is_empty())?;
        let grants = super::grants::check(&self.grant)?;
        let identities = identities(self.identity)?;
        super::grants::check_names(&grants, &identities)?;
        let sts = self.sts.check()?;
        identity::check_sts(&identities, &sts.endpoint)?;
        identity::check_s3(&identities)?;
        let default_identity = default_identity(self.default_identity, &identities)?;
        let limits = self.limits.check()?;
        let registry = self.registry.check(surroundings)?;
        for (key, path) in [("sockets.sign", &sockets.sign), ("sockets.admin", &sockets.admin)] {
            if *path == registry.path {
                return Err(Error::new(key, "is the registry's own path (registry.path); give it a place of its own"));
            }
        }
        // A caller waits the pause out, so it must fit into a call.
        if let Some((name, _)) = identities.iter().find(|(_, identity)| identity.min_pause >= limits.call) {
            let problem = "must be shorter than limits.call, or callers who wait for a session fail; shorten one";
            return Err(Error::new(format!("identity.{name}.min_pause"), problem));
        }
        Ok(Config {
            file: None,
            sockets,
            http: self.http.check()?,
            registry,
            log: Log { format: self.log.format, filter: self.log.filter.unwrap_or_else(|| "info".to_owned()) },
            sts,
            probe: self.probe.check()?,
            identities,
            default_identity,
            grants: Grants::new(surroundings.uid, grants),
            limits,
        })
    }
}

/// No identity at all means the default chain, under the name `default`.
fn identities(tables: BTreeMap<IdentityName, IdentityTable>) -> Result<BTreeMap<IdentityName, Identity>, Error> {
    if tables.is_empty() {
        let name = IdentityName::parse("default").map_err(|error| Error::new("identity", error.to_string()))?;
        return Ok(BTreeMap::from([(name, Identity::of_default_chain())]));
    }
    let each = tables.into_iter().map(|(name, table)| table.into_identity(&name).map(|identity| (name, identity)));
    let identities = each.collect::<Result<_, _>>()?;
    identity::check(&identities)?;
    Ok(identities)
}

fn default_identity(
    named: Option<IdentityName>,
    identities: &BTreeMap<IdentityName, Identity>,
) -> Result<Option<IdentityName>, Error> {
    match named {
        Some(name) if !identities.contains_key(&name) => {
            let problem = format!("names {name}, which is not configured; add [identity.{name}] or name another");
            Err(Error::new("default_identity", problem))
        }
        Some(name) => Ok(Some(name)),
        None if identities.len() == 1 => Ok(identities.keys().next().cloned()),
        None => Ok(None),
    }
}

impl SocketsTable {
    /// A socket that only the daemon's user can open makes a grant for others useless, so grants open it: who may sign
    /// is decided by the kernel's word on the peer, not by the mode.
    fn check(self, surroundings: &Surroundings, granted: bool) -> Result<Sockets, Error> {
        for (key, ids) in [("sockets.admin_uids", &self.admin_uids), ("sockets.admin_gids", &self.admin_gids)] {
            if ids.len() > MAX_ADMINS {
                return Err(Error::new(key, format!("holds {} ids; at most {MAX_ADMINS} are taken", ids.len())));
            }
            if ids.contains(&OVERFLOW_ID) {
                return Err(Error::new(key, "holds 65534, which the kernel shows for everybody that it cannot name"));
            }
        }
        let open_if = |open: bool| Mode(if open { 0o666 } else { 0o600 });
        let admitted = !self.admin_uids.is_empty() || !self.admin_gids.is_empty();
        let sockets = Sockets {
            sign: self.sign.unwrap_or_else(|| surroundings.sign_socket()),
            sign_abstract: self.sign_abstract,
            admin: self.admin.unwrap_or_else(|| surroundings.admin_socket()),
            sign_mode: self.sign_mode.unwrap_or(open_if(granted)).0,
            admin_mode: self.admin_mode.unwrap_or(open_if(admitted)).0,
            admin_uids: self.admin_uids,
            admin_gids: self.admin_gids,
        };
        sockets.sign_abstract.as_deref().map_or(Ok(()), abstract_name)?;
        absolute("sockets.sign", &sockets.sign)?;
        absolute("sockets.admin", &sockets.admin)?;
        if sockets.sign == sockets.admin {
            return Err(Error::new("sockets.admin", "is the signing socket; give it a place of its own"));
        }
        for (key, path) in [("sockets.sign", &sockets.sign), ("sockets.admin", &sockets.admin)] {
            if path.as_os_str().len() > MAX_SOCKET_PATH {
                let problem = format!("is longer than {MAX_SOCKET_PATH} bytes, which is what the kernel takes");
                return Err(Error::new(key, problem));
            }
        }
        Ok(sockets)
    }
}

impl HttpTable {
    fn check(self) -> Result<Http, Error> {
        match self.listen {
            Some(address) if !address.ip().is_loopback() && !self.beyond_loopback => Err(Error::new(
                "http.listen",
                "is reachable from other machines; listen on 127.0.0.1 or [::1], or set beyond_loopback = true",
            )),
            listen => Ok(Http { listen }),
        }
    }
}

impl RegistryTable {
    fn check(self, surroundings: &Surroundings) -> Result<Registry, Error> {
        let path = self.path.map_or_else(|| surroundings.registry(), Ok)?;
        absolute("registry.path", &path)?;
        let retention = length("registry.retention", self.retention, DEFAULT_RETENTION, MIN_RETENTION..=MAX_RETENTION)?;
        let queue_calls = number("registry.queue_calls", self.queue_calls, DEFAULT_QUEUE_CALLS, 1..=MAX_QUEUE_CALLS)?;
        Ok(Registry { path, retention, queue_calls })
    }
}

impl LimitsTable {
    fn check(self) -> Result<Limits, Error> {
        let seconds = Duration::from_secs;
        Ok(Limits {
            batch_items: number("limits.batch_items", self.batch_items, 1000, 1..=1000)?,
            stream_items: number("limits.stream_items", self.stream_items, 64, 1..=256)?,
            calls_per_connection: number("limits.calls_per_connection", self.calls_per_connection, 128, 1..=10_000)?,
            connections: number("limits.connections", self.connections, 1024, 1..=100_000)?,
            call: length("limits.call", self.call, seconds(30), seconds(1)..=seconds(300))?,
            drain: length("limits.drain", self.drain, seconds(10), seconds(0)..=seconds(300))?,
        })
    }
}

fn absolute(key: &str, path: &std::path::Path) -> Result<(), Error> {
    if path.is_absolute() { Ok(()) } else { Err(Error::new(key, "must be an absolute path")) }
}

/// What every client writes in the same way behind `unix-abstract:`, where `%` is an escape to some and none to others.
fn abstract_name(name: &str) -> Result<(), Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    if !name.is_empty() && name.len() <= MAX_ABSTRACT_NAME && name.bytes().all(plain) {
        return Ok(());
    }
    let problem = format!(
        "is no name for an abstract socket: write 1 to {MAX_ABSTRACT_NAME} letters, digits and any of . _ - /, without unix-abstract:"
    );
    Err(Error::new("sockets.sign_abstract", problem))
}

pub(super) fn number<N: PartialOrd + Copy + std::fmt::Display>(
    key: &str,
    given: Option<N>,
    default: N,
    range: RangeInclusive<N>,
) -> Result<N, Error> {
    let number = given.unwrap_or(default);
    if range.contains(&number) {
        return Ok(number);
    }
    Err(Error::new(key, format!("is {number}, but must lie between {} and {}", range.start(), range.end())))
}

pub(super) fn length(
    key: &str,
    given: Option<Length>,
    default: Duration,
    range: RangeInclusive<Duration>,
) -> Result<Duration, Error> {
    let length = given.map_or(default, |length| length.0);
    if range.contains(&length) {
        return Ok(length);
    }
    let say = humantime::format_duration;
    let (least, most) = (say(*range.start()), say(*range.end()));
    Err(Error::new(key, format!("is {}, but must lie between {least} and {most}", say(length))))
}

const DEFAULT_RETENTION: Duration = Duration::from_secs(30 * 86_400);
const DEFAULT_QUEUE_CALLS: usize = 1024;
/// `sun_path` holds 108 bytes, the last a zero; four more are for the name that a socket bears until it is complete.
const MAX_SOCKET_PATH: usize = 103;
/// Of the 108 bytes the first is a zero, which tells the kernel that it is no path.
const MAX_ABSTRACT_NAME: usize = 107;
