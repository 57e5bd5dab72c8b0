//! The directory of a socket. One that is presignd's own lets through those whom the socket's mode admits, and nobody
//! else; one that is not is left as it is, and refused where nobody could reach the socket.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::process::{getegid, geteuid};

use super::{BELONGING, BindError, beside};

/// Makes the directory of the socket at `path` where there is none. Who may not is told how to have the sockets elsewhere.
pub(super) fn make(path: &Path, mode: u32) -> io::Result<()> {
    create(path, mode).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            io::Error::new(error.kind(), format!("{error}; {ELSEWHERE}"))
        }
        _ => error,
    })
}

fn create(path: &Path, mode: u32) -> io::Result<()> {
    let Some(directory) = of(path) else { return Ok(()) };
    if directory.exists() {
        return Ok(());
    }
    if let Some(above) = directory.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(above)?;
    }
    let wanted = mode_for(mode);
    match DirBuilder::new().mode(wanted).create(directory) {
        // The umask may have taken bits away.
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(wanted)),
        // Somebody was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Gives the directory the mode that goes with the socket's, if it is our own.
pub(super) fn fit(path: &Path, mode: u32) -> Result<(), BindError> {
    let Some(directory) = of(path) else { return Ok(()) };
    let failed = |source| BindError::Io { path: path.to_owned(), doing: "set the mode of the directory of", source };
    let wanted = mode_for(mode);
    if may_be_replaced(fs::metadata(directory).map_err(failed)?.mode()) {
        tracing::warn!(directory = %directory.display(), "every user may write there, and so put another socket in this one's place");
    }
    let mut options = OpenOptions::new();
    options.read(true).custom_flags((OFlags::DIRECTORY | OFlags::NOFOLLOW).bits().cast_signed());
    if let Ok(opened) = options.open(directory)
        && is_ours(&opened, directory, path).map_err(failed)?
    {
        return opened.set_permissions(Permissions::from_mode(wanted)).map_err(failed);
    }
    let there = fs::metadata(directory).map_err(failed)?.mode() & 0o7777;
    if !there & wanted & SEARCH == 0 {
        return Ok(());
    }
    // Open to some, it is a gate that somebody chose.
    if there & SEARCH & 0o077 != 0 {
        tracing::warn!(directory = %directory.display(), "its mode keeps some from the socket whom the socket's mode admits");
        return Ok(());
    }
    Err(BindError::Closed { directory: directory.to_owned(), there, mode, wanted })
}

/// Whether nothing is lost for anybody when its mode is changed: our user's and group's, with a mode that presignd gives,
/// and nothing in it but this socket and what belongs to it.
fn is_ours(opened: &File, directory: &Path, path: &Path) -> io::Result<bool> {
    let there: Metadata = opened.metadata()?;
    let made_so = MODES.contains(&(there.mode() & 0o7777));
    if !made_so || there.uid() != geteuid().as_raw() || there.gid() != getegid().as_raw() {
        return Ok(false);
    }
    let own: Vec<_> = BELONGING.iter().map(|suffix| beside(path, suffix)).collect();
    for entry in fs::read_dir(directory)? {
        if !own.contains(&directory.join(entry?.file_name())) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn of(path: &Path) -> Option<&Path> {
    path.parent().filter(|parent| !parent.as_os_str().is_empty())
}

/// Whoever may write to the socket must be able to reach it: 0666 lies in 0755, 0660 in 0750, 0600 in 0700.
fn mode_for(mode: u32) -> u32 {
    let open = |all, (may, reach)| if mode & may == 0 { all } else { all | reach };
    [(0o020, 0o050), (0o002, 0o005)].into_iter().fold(MODES[0], open)
}

/// Whether anybody may remove what is in a directory of that mode and put something else there.
fn may_be_replaced(mode: u32) -> bool {
    const STICKY: u32 = 0o1000;
    mode & 0o002 != 0 && mode & STICKY == 0
}

/// What it takes to reach a file whose name is known.
const SEARCH: u32 = 0o111;
/// All that [`mode_for`] gives.
const MODES: [u32; 4] = [0o700, 0o705, 0o750, 0o755];

const ELSEWHERE: &str = "set XDG_RUNTIME_DIR to a directory of this user's own, or name the sockets in the configuration, with \
                         sockets.sign and sockets.admin";

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), Permissions::from_mode(mode)).unwrap();
        let socket = root.path().join("presignd.sock");
        (root, socket)
    }

    fn mode_of(root: &tempfile::TempDir) -> u32 {
        fs::metadata(root.path()).unwrap().mode() & 0o7777
    }

    #[test]
    fn who_may_not_make_it_is_told_how_to_have_the_sockets_elsewhere() {
        // Where not even root may make one.
        let error = make(Path::new("/sys/presignd/sign/presignd.sock"), 0o600).unwrap_err().to_string();
        assert!(
            error.contains("os error") && error.contains("XDG_RUNTIME_DIR") && error.contains("sockets.sign"),
            "{error}"
        );
    }

    #[test]
    fn our_own_directory_follows_the_mode_of_the_socket() {
        let (root, socket) = directory(0o700);
        for suffix in BELONGING {
            fs::write(beside(&socket, suffix), "").unwrap();
        }
        for (mode, wanted) in [(0o666, 0o755), (0o606, 0o705), (0o660, 0o750), (0o600, 0o700)] {
            fit(&socket, mode).unwrap();
            assert_eq!(mode_of(&root), wanted);
        }
    }

    #[test]
    fn a_directory_with_other_things_in_it_is_never_changed_and_refused_when_it_is_closed() {
        let (root, socket) = directory(0o700);
        fs::write(root.path().join("letters"), "").unwrap();
        let refused = fit(&socket, 0o666).unwrap_err().to_string();
        assert!(refused.contains("0700") && refused.contains("chmod it to 0755"), "{refused}");
        fit(&socket, 0o600).unwrap();
        assert_eq!(mode_of(&root), 0o700);
        fs::set_permissions(root.path(), Permissions::from_mode(0o755)).unwrap();
        fit(&socket, 0o600).unwrap();
        assert_eq!(mode_of(&root), 0o755);
    }

    #[test]
    fn where_everybody_may_write_a_socket_may_be_replaced_unless_the_directory_is_sticky() {
        assert_eq!([0o777, 0o702, 0o1777, 0o775, 0o755].map(may_be_replaced), [true, true, false, false, false]);
    }

    #[test]
    fn a_gate_that_somebody_chose_stays() {
        for mode in [0o710, 0o2750, 0o1777, 0o711] {
            let (root, socket) = directory(mode);
            fit(&socket, 0o666).unwrap();
            assert_eq!(mode_of(&root), mode);
        }
    }
}
