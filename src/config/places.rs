//! Where sockets and registry lie when the file does not say.

use std::path::{Path, PathBuf};

use super::Error;

/// What a process finds around itself, read once by `daemon` or `cli`. Empty variables count as unset, as do relative
/// paths, which the XDG specification calls invalid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `$RUNTIME_DIRECTORY`, which systemd sets; the first of several.
    pub runtime_directory: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
    /// `$STATE_DIRECTORY`, which systemd sets; the first of several.
    pub state_directory: Option<PathBuf>,
    /// `$XDG_STATE_HOME`.
    pub xdg_state_home: Option<PathBuf>,
    /// `$HOME`.
    pub home: Option<PathBuf>,
    /// The effective user id.
    pub uid: u32,
}

impl Surroundings {
    /// Reads the variables by way of `variable`, so that a test needs no environment.
    pub fn read(uid: u32, variable: impl Fn(&str) -> Option<String>) -> Self {
        let path = |name: &str| {
            let text = variable(name)?;
            let first = text.split(':').next().unwrap_or_default();
            // Only systemd's two are lists; a colon in the others belongs to the path.
            let text = if name.ends_with("_DIRECTORY") { first } else { &text };
            Some(PathBuf::from(text)).filter(|path| path.is_absolute())
        };
        Self {
            runtime_directory: path("RUNTIME_DIRECTORY"),
            xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
            state_directory: path("STATE_DIRECTORY"),
            xdg_state_home: path("XDG_STATE_HOME"),
            home: path("HOME"),
            uid,
        }
    }

    /// The signing socket: `sign/presignd.sock` in the runtime directory.
    pub fn sign_socket(&self) -> PathBuf {
        self.runtime().join("sign/presignd.sock")
    }

    /// The admin socket: `admin/admin.sock` in the runtime directory.
    pub fn admin_socket(&self) -> PathBuf {
        self.runtime().join("admin/admin.sock")
    }

    fn runtime(&self) -> PathBuf {
        let own = || self.xdg_runtime_dir.as_ref().map(|run| run.join("presignd"));
        self.runtime_directory.clone().or_else(own).unwrap_or_else(|| PathBuf::from("/run/presignd"))
    }

    /// The registry: `registry.db` in the state directory.
    ///
    /// # Errors
    /// When nothing says where, and the process, not being root's, has no home.
    pub fn registry(&self) -> Result<PathBuf, Error> {
        let xdg = || self.xdg_state_home.as_ref().map(|state| state.join("presignd"));
        let fallback = || match self.uid {
            0 => Some(Path::new("/var/lib/presignd").to_owned()),
            _ => self.home.as_ref().map(|home| home.join(".local/state/presignd")),
        };
        let state = self.state_directory.clone().or_else(xdg).or_else(fallback);
        state.map(|state| state.join("registry.db")).ok_or_else(|| {
            Error::new(
                "registry.path",
                "is missing, and there is no STATE_DIRECTORY, XDG_STATE_HOME or HOME; name a file",
            )
        })
    }
}
