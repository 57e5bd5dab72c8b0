//! Who may sign what: callers as the kernel names them, and grants.
//!
//! Decides; never looks at a socket.

/// The process that asks, by its socket's peer credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Process id, where it can be seen from the daemon's namespace.
    pub pid: Option<i32>,
    /// Path of its executable, where it can be seen.
    pub executable: Option<String>,
}
