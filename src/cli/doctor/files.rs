//! What can be looked at without the daemon: the configuration, the registry's file, the sockets. Opens to read only.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{Access, access};
use tokio::net::{TcpListener, UnixStream};
use tokio::time::timeout;

use super::finding::Finding;
use crate::cli::connect;
use crate::cli::exit::{Failure, chain};
use crate::client::Address;
use crate::config::Config;
use crate::grpc::proto::GetStatusResponse;
use crate::registry::{self, Glance, Looked, OpenError};

/// `other` is the file that the daemon reads, where that is another one.
pub(super) fn configuration(file: Option<&Path>, read: &Result<Config, Failure>, other: Option<&str>) -> Finding {
    let name = "configuration";
    let place = file.map_or("no file, so all defaults".to_owned(), |file| format!("{} holds", file.display()));
    match (read, other) {
        (Err(failure), _) => {
            let why = failure.details.iter().fold(failure.message.clone(), |all, detail| format!("{all}: {detail}"));
            Finding::failed(name, why).next("mend it; a daemon that runs goes on with the configuration that it has")
        }
        (Ok(_), Some(other)) => Finding::failed(name, format!("{place}, but the daemon reads {other}"))
            .next("leave --config out, or restart the daemon with this file"),
        (Ok(config), None) => {
            let names: Vec<_> = config.identities.keys().map(|name| name.as_str()).collect();
            Finding::passed(name, format!("{place}; identities: {}", names.join(", ")))
        }
    }
}

/// Whether both paths lead to one file: the daemon tells its own in full, a person names it as is shortest.
pub(super) fn are_one(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Its file; and what the daemon says of it, where it runs. Where none runs, what one that starts would say.
pub(super) async fn registry(path: Option<PathBuf>, told: Option<&GetStatusResponse>) -> Finding {
    let Some(path) = path else {
        return Finding::skipped(REGISTRY, "neither the daemon nor a configuration says where it is")
            .next("name the daemon's configuration with --config");
    };
    let place = path.display().to_string();
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound && told.is_none() => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Finding::failed(REGISTRY, format!("the daemon has {place} open, and it is not there any more"))
                .next(format!("put the file back: {WHEN_GONE}"));
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return closed(&place, told),
        Err(error) => return Finding::failed(REGISTRY, format!("{place}: {error}")),
        Ok(_) if access(&path, Access::READ_OK).is_err() => return closed(&place, told),
        Ok(file) if file.mode() & 0o077 != 0 => {
            let mode = file.mode() & 0o777;
            return Finding::failed(REGISTRY, format!("{place} has mode {mode:04o}: others may learn who reads what"))
                .next(format!("chmod 600 {place}"));
        }
        Ok(_) => {}
    }
    // Who writes to it knows best.
    match writable(told) {
        Some(true) => return Finding::passed(REGISTRY, format!("{place} takes records, the daemon says")),
        Some(false) => return unwritable(&place),
        None => {}
    }
    let enough = Arc::new(AtomicBool::new(false));
    let (file, until) = (path.clone(), Arc::clone(&enough));
    let mut looking = tokio::task::spawn_blocking(move || registry::glance(&file, &until));
    let looked = match timeout(LOOK, &mut looking).await {
        Ok(looked) => looked,
        Err(_) => {
            enough.store(true, Ordering::Relaxed);
            looking.await
        }
    };
    match looked {
        Ok(Ok(glance)) => seen(&place, &glance),
        Ok(Err(error)) => refused(&path, &error),
        Err(broken) => Finding::failed(REGISTRY, chain(&broken)),
    }
}

/// One that opens, as far as it was looked at.
fn seen(place: &str, glance: &Glance) -> Finding {
    let found = format!("{place} is registry {} of schema {}", glance.instance, glance.schema);
    match glance.looked {
        Looked::All => Finding::passed(REGISTRY, format!("{found}, without damage")),
        Looked::Part => Finding::passed(REGISTRY, format!("{found}, without damage as far as was looked"))
            .next("`presignd registry verify` looks at all of it"),
        Looked::Head => Finding::skipped(REGISTRY, format!("{found}; not looked into, since it has a write-ahead log"))
            .next("`presignd registry verify` looks at all of it"),
    }
}

/// One that a daemon would refuse, in its words; or none, which it would make.
fn refused(path: &Path, error: &OpenError) -> Finding {
    let copy = registry::rescued(path);
    let found = match error {
        OpenError::Missing { .. } if copy.is_none() => return not_made_yet(path),
        OpenError::Missing { .. } => {
            let place = path.display();
            Finding::failed(REGISTRY, format!("{place} is not there, and a daemon that starts makes an empty one"))
        }
        OpenError::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            return closed(&path.display().to_string(), None);
        }
        error => Finding::failed(REGISTRY, chain(error)),
    };
    let gone = matches!(error, OpenError::Missing { .. } | OpenError::Lost { .. } | OpenError::LogWithoutFile { .. });
    match copy {
        Some(copy) if gone => found.next(format!(
            "{} holds what a daemon rescued: move the log away and the copy to the registry's name; {WHEN_GONE}",
            copy.display()
        )),
        None if gone => found.next(WHEN_GONE),
        _ => found.next("`presignd registry verify` tells more; restore a backup"),
    }
}

/// Whether a daemon that starts can listen there. For when none runs.
pub(super) async fn metrics(address: SocketAddr) -> Finding {
    let name = "metrics address";
    match TcpListener::bind(address).await {
        Ok(_) => Finding::passed(name, format!("{address} can be listened on")),
        Err(error) => Finding::failed(name, format!("{address} cannot be listened on: {error}"))
            .next("presignd does not start so: change [http] listen, or end who has it"),
    }
}

fn writable(told: Option<&GetStatusResponse>) -> Option<bool> {
    told.map(|told| told.registry_writable)
}

fn unwritable(what: &str) -> Finding {
    Finding::failed(REGISTRY, format!("{what}: the daemon cannot write it, so it signs nothing"))
        .next("the disk may be full, or the file moved away; the daemon's log says why, and it goes on by itself")
}

/// Only its owner may read it; the daemon's word is what there is.
fn closed(place: &str, told: Option<&GetStatusResponse>) -> Finding {
    match writable(told) {
        Some(true) => {
            Finding::passed(REGISTRY, format!("{place} takes records, the daemon says; your user may not read it"))
        }
        Some(false) => unwritable(place),
        None => Finding::skipped(REGISTRY, format!("your user may not read {place}"))
            .next("run this as root or the daemon's user"),
    }
}

/// Before the first start the nearest directory that is there must let the daemon make the rest.
fn not_made_yet(path: &Path) -> Finding {
    let there = path.ancestors().skip(1).find(|directory| directory.exists()).unwrap_or(Path::new("/"));
    let made = format!("{} is made at the first start", path.display());
    if access(there, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        return Finding::skipped(REGISTRY, made);
    }
    Finding::skipped(REGISTRY, format!("{made}, and your user may not write to {}", there.display()))
        .next("run this as the daemon's user, or let that user own a directory for the registry")
}

/// Whether it is there, whose it is, and whether somebody answers.
pub(super) async fn socket(address: &Path, admin: bool) -> (Finding, Way) {
    let name = if admin { "admin socket" } else { "signing socket" };
    let place = address.display();
    let kept_out = || {
        let kept = format!("your user may not open {place}");
        // Signing is everybody's business, administration is not.
        let found = if admin { Finding::skipped(name, kept) } else { Finding::failed(name, kept) };
        (found.next(connect::advice(Some(ErrorKind::PermissionDenied), admin)), Way::Closed)
    };
    let (what, answer) = match address.to_str().map_or(Address::File(""), Address::read) {
        Address::Abstract(name) => {
            (format!("{place}, which is no file"), timeout(ANSWER, UnixStream::connect(format!("\0{name}"))).await)
        }
        Address::File(path) => {
            let path = if path.is_empty() { address } else { Path::new(path) };
            let file = match std::fs::metadata(path) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => return kept_out(),
                Err(error) => {
                    let none = format!("none at {place}: {error}");
                    return (Finding::failed(name, none).next(connect::advice(None, admin)), Way::None);
                }
                Ok(file) => file,
            };
            if !file.file_type().is_socket() {
                let other = format!("{place} is no socket");
                return (Finding::failed(name, other).next("move it away, and restart the daemon"), Way::None);
            }
            let whose = format!("{place} of uid {} gid {}, mode {:04o}", file.uid(), file.gid(), file.mode() & 0o777);
            (whose, timeout(ANSWER, UnixStream::connect(path)).await)
        }
    };
    let dead = match answer {
        Ok(Ok(_)) => return (Finding::passed(name, format!("{what}: somebody answers")), Way::Open),
        Ok(Err(error)) if error.kind() == ErrorKind::PermissionDenied => return kept_out(),
        Ok(Err(error)) => Finding::failed(name, format!("{what}: nobody answers ({error})"))
            .next("the daemon that made it is gone: start one, which takes its place"),
        Err(_) => Finding::failed(name, format!("{what}: no answer in {} s", ANSWER.as_secs()))
            .next("the daemon does not take connections: see its log, and restart it"),
    };
    (dead, Way::None)
}

/// Whether a socket leads to a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Somebody answers.
    Open,
    /// This user may not know.
    Closed,
    /// Nobody answers.
    None,
}

const REGISTRY: &str = "registry";
const WHEN_GONE: &str = "docs/reliability.md, \"When the registry's file is gone\"";
/// How long a registry is looked at for damage; a daemon that starts takes as long.
const LOOK: Duration = Duration::from_millis(500);
const ANSWER: Duration = Duration::from_secs(5);
