//! The packages of clients/, built from copies and installed into folders of their own, as a user installs them.

#![allow(dead_code, reason = "each test crate takes the part it needs")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

use crate::support;

/// A Python that has the package.
pub(crate) struct Python(TempDir);

impl Python {
    pub(crate) async fn install() -> Self {
        let folder = copies("python");
        let mut pip = Command::new(python());
        pip.args(["-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation", "--target"]);
        pip.arg(folder.path().join("site")).arg(folder.path().join("clients/python"));
        done(pip).await;
        Self(folder)
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(python());
        command.env("PYTHONPATH", self.path());
        command
    }

    /// Where Python finds it.
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("site")
    }
}

/// A Node that has the package.
pub(crate) struct Node(TempDir);

impl Node {
    pub(crate) async fn install() -> Self {
        let folder = copies("node");
        let modules = folder.path().join("node_modules/presignd");
        std::fs::create_dir_all(&modules).expect("the folder can be written");
        let path = std::env::var_os("PATH").expect("there is a PATH");
        let path = [Self::modules().join(".bin").into_os_string(), ":".into(), path].into_iter().collect::<OsString>();
        let mut pack = Command::new("npm");
        pack.arg("pack").arg("--silent").current_dir(folder.path().join("clients/node")).env("PATH", path);
        done(pack).await;
        let packed = concat!("clients/node/presignd-", env!("CARGO_PKG_VERSION"), ".tgz");
        let mut unpack = Command::new("tar");
        unpack.arg("-xzf").arg(folder.path().join(packed)).arg("--strip-components=1");
        unpack.arg("-C").arg(modules);
        done(unpack).await;
        Self(folder)
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(node());
        command.env("NODE_PATH", self.path());
        command
    }

    /// Where Node finds it, and what it depends on.
    pub(crate) fn path(&self) -> OsString {
        let [own, theirs] = [self.folder().join("node_modules"), Self::modules()].map(PathBuf::into_os_string);
        [own, ":".into(), theirs].into_iter().collect()
    }

    /// Where the package is installed.
    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// What the package and the tests depend on.
    pub(crate) fn modules() -> PathBuf {
        source("tests/clients/node/node_modules")
    }
}

/// A package and the proto, where building leaves nothing in the tree that is tested.
fn copies(package: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for name in [format!("clients/{package}"), "proto".to_owned()] {
        copy(&source(&name), &folder.path().join(name));
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder can be written");
    for entry in std::fs::read_dir(from).expect("the package is there").map(|entry| entry.expect("a file")) {
        let (path, name) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy(&path, &name),
            false => drop(std::fs::copy(path, name).expect("the folder can be written")),
        }
    }
}

pub(crate) async fn done(command: Command) {
    let what = format!("{:?}", command.as_std());
    let (succeeded, printed, said) = run(command).await;
    assert!(succeeded, "{what}\n{printed}{said}");
}

pub(crate) fn python() -> OsString {
    std::env::var_os("PRESIGND_TEST_PYTHON").expect("scripts/test sets PRESIGND_TEST_PYTHON")
}

pub(crate) fn node() -> OsString {
    std::env::var_os("PRESIGND_TEST_NODE").expect("scripts/test sets PRESIGND_TEST_NODE")
}

/// Whether it succeeded, what it printed, and what it said on standard error.
pub(crate) async fn run(mut program: Command) -> (bool, String, String) {
    for proxy in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"] {
        program.env_remove(proxy);
    }
    let output = program.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(support::DEADLINE, output).await.expect("it ends").expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// A file of the repository.
pub(crate) fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
