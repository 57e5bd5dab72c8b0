//! Runs the pages as a newcomer would: block after block in one shell, in a clone, with AWS credentials in the
//! environment. What a page needs beyond that it says; only AWS itself is a stand-in, behind a proxy.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::process::Command;

use crate::install::{Node, Python};
use crate::page::{self, Page, Step, root};
use crate::shown::is_shown;
use crate::support::internet::{Behind, Internet};
use crate::support::keys::{Key, Keys};
use crate::support::s3::S3;
use crate::support::sts::Sts;
use crate::support::{DEADLINE, free_port};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "set PRESIGND_TEST_PYTHON; needs curl, sqlite3, node and npm"]
async fn every_command_of_every_page_does_what_the_page_shows() {
    let python = std::env::var_os("PRESIGND_TEST_PYTHON").expect("scripts/test sets PRESIGND_TEST_PYTHON");
    let wanted = std::env::var_os("PRESIGND_TEST_PAGE").unwrap_or_default();
    let wanted = wanted.to_str().expect("a part of a name, such as README");
    let mut wrong = String::new();
    // One page is for root on a machine of its own: tests/systemd runs it there. One is for Helm: tests/helm does.
    let elsewhere = ["docs/install-systemd.md", "docs/install-kubernetes.md"];
    let here = |page: &&Page| page.name.contains(wanted) && !elsewhere.contains(&page.name.as_str());
    for page in page::all().iter().filter(here) {
        let host = Host::new(Path::new(&python)).await;
        let steps: Vec<Step> =
            page.blocks.iter().filter(|block| block.runs()).flat_map(|block| block.steps()).collect();
        println!("{}: {} steps", page.name, steps.len());
        let nested = steps.iter().find(|step| ["cargo ", "scripts/test"].iter().any(|own| step.command.contains(own)));
        assert!(nested.is_none(), "{}: tests that run the tests; see run_elsewhere()", page.name);
        // What a page installs in a block that is not run.
        let host = if page.name == "docs/clients.md" { host.with_packages().await } else { host };
        if !steps.is_empty() {
            wrong += &host.run(page, &steps).await;
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A machine with a clone, the program and AWS.
struct Host {
    folder: TempDir,
    user: Key,
    internet: Internet,
    path: String,
    /// In place of [`PORT`], which another test or a daemon of the developer's may have.
    port: String,
    packages: Option<(Python, Node)>,
    _aws: (Sts, S3),
}

impl Host {
    async fn new(python: &Path) -> Self {
        let keys = Keys::default();
        let (sts, s3) = (Sts::start(keys.clone()).await, S3::start(keys.clone()).await);
        for key in ["cat.jpg", "public/cat.jpg"] {
            s3.store().put("photos", key, "meow\n");
        }
        let internet = Internet::start(Behind { sts: sts.address(), s3: s3.address() }).await;
        let folder = tempfile::Builder::new().prefix("presignd-").tempdir().expect("a folder for the test");
        for name in ["home", "run", "clone", "bin", "printed"] {
            std::fs::create_dir(folder.path().join(name)).expect("the folder can be written");
        }
        // The clone: nothing that a page writes reaches the tree that is tested.
        for entry in std::fs::read_dir(root()).expect("the tree is there").map(|entry| entry.expect("a file")) {
            if !["target", ".git"].iter().any(|name| entry.file_name() == *name) {
                symlink(entry.path(), folder.path().join("clone").join(entry.file_name())).expect("a link");
            }
        }
        let (user, next) = (keys.user("ann"), keys.user("ann"));
        // What a page makes in a block that is not run: another key of the user, as `aws iam create-access-key` prints it.
        let next = serde_json::json!({"AccessKeyId": next.access_key_id, "SecretAccessKey": next.secret});
        let next = serde_json::json!({"AccessKey": next}).to_string();
        std::fs::write(folder.path().join("clone/new-key.json"), next).expect("the folder can be written");
        // What a page installs in a block that is not run: the program, and python3 with gRPC.
        let bin = folder.path().join("bin");
        symlink(env!("CARGO_BIN_EXE_presignd"), bin.join("presignd")).expect("a link");
        let path = std::env::var_os("PATH").expect("there is a PATH");
        let of_python = python.parent().expect("PRESIGND_TEST_PYTHON is a path").display();
        let path = format!("{}:{of_python}:{}", bin.display(), path.to_string_lossy());
        let port = free_port().to_string();
        Self { folder, user, internet, path, port, packages: None, _aws: (sts, s3) }
    }

    /// What programs ask with, of this tree.
    async fn with_packages(self) -> Self {
        let packages = Some((Python::install().await, Node::install().await));
        Self { packages, ..self }
    }

    /// Runs the steps, and tells what went wrong.
    async fn run(&self, page: &Page, steps: &[Step]) -> String {
        let folder = self.folder.path();
        let script = script(steps).replace(PORT, &self.port);
        std::fs::write(folder.join("page.sh"), script).expect("the folder can be written");
        let mut command = Command::new("bash");
        command.arg(folder.join("page.sh")).arg(folder.join("printed")).env_clear();
        command.env("PATH", &self.path).env("HOME", folder.join("home"));
        // Set on every desktop; here also so that root's registry stays in the folder.
        command.env("XDG_RUNTIME_DIR", folder.join("run")).env("XDG_STATE_HOME", folder.join("state"));
        command.env("AWS_ACCESS_KEY_ID", &self.user.access_key_id).env("AWS_SECRET_ACCESS_KEY", &self.user.secret);
        if let Some((python, node)) = &self.packages {
            command.env("PYTHONPATH", python.path()).env("NODE_PATH", node.path());
        }
        command.env("AWS_REGION", "us-east-1").envs(self.internet.variables(folder));
        command.current_dir(folder.join("clone")).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn().expect("there is bash");
        let group = shell.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("it has not been waited for");
        let ended = tokio::time::timeout(DEADLINE, shell.wait()).await;
        // What a page leaves running ends with it.
        let _ = kill_process_group(group, Signal::KILL);
        let mut wrong = self.compare(page, steps);
        if ended.is_err() {
            let _ = writeln!(wrong, "{}: not done within {DEADLINE:?}", page.name);
        }
        wrong
    }

    fn compare(&self, page: &Page, steps: &[Step]) -> String {
        let read = |name: String| std::fs::read_to_string(self.folder.path().join("printed").join(name));
        let mut wrong = String::new();
        for (at, Step { line, command, shown }) in steps.iter().enumerate() {
            let place = format!("{}:{line}: {}", page.name, command.trim_end());
            let printed = read(at.to_string()).unwrap_or_default();
            println!("--- {place}\n{printed}");
            let Ok(status) = read(format!("{at}.status")) else {
                let _ = writeln!(wrong, "{place}\nended the shell, or never ended; it printed\n{printed}");
                break;
            };
            let asked_for_code = steps.get(at + 1).is_some_and(|next| next.command == "echo $?\n");
            if status.trim() != "0" && !asked_for_code {
                let _ = writeln!(wrong, "{place}\nexit code {}; it printed\n{printed}", status.trim());
            }
            if shown.as_ref().is_some_and(|shown| !is_shown(shown, &printed)) {
                let shown = shown.as_deref().unwrap_or_default();
                let _ = writeln!(wrong, "{place}\n--- the page shows\n{shown}--- it printed\n{printed}---");
            }
        }
        wrong
    }
}

/// One shell for all of a page. Each step sees the exit code of the one before, as `$?` is on a terminal.
fn script(steps: &[Step]) -> String {
    let mut script = "set -u -o pipefail; printed=$1; last=0\n".to_owned();
    for (at, step) in steps.iter().enumerate() {
        // A block that is pasted as a whole stops at its first failure; a shell that a person types into goes on.
        let begin = if step.shown.is_none() { "set -e" } else { "(exit $last)" };
        let command = &step.command;
        let _ = write!(
            script,
            "exec 3>\"$printed/{at}\"\n{begin}\n{{ {command}}} >&3 2>&3\n\
             last=$?; set +e; echo $last >\"$printed/{at}.status\"\n"
        );
    }
    script
}

/// The only thing of a page that is replaced before it is run.
const PORT: &str = "9464";
