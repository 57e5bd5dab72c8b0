//! The units under a real systemd: what its own tools say of them, and a machine booted by nspawn in which
//! docs/install-systemd.md is followed command by command, with AWS behind a proxy, before `inside.sh` looks at the rest; and
//! another in which the Debian package is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod package;
#[path = "../docs/page.rs"]
#[expect(dead_code, reason = "one page of them is read here")]
mod page;
#[path = "../docs/shown.rs"]
mod shown;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use page::{Step, root};
use support::internet::{Behind, Internet};
use support::keys::Keys;
use support::s3::S3;
use support::sts::Sts;

const UNITS: [&str; 3] = ["presignd.service", "presignd.socket", "presignd-admin.socket"];

/// The units in a folder of their own, with the program where it is.
fn units() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for unit in UNITS {
        let text = fs::read_to_string(root().join("systemd").join(unit)).unwrap();
        let text = text.replace("ExecStart=presignd ", concat!("ExecStart=", env!("CARGO_BIN_EXE_presignd"), " "));
        fs::write(folder.path().join(unit), text).unwrap();
    }
    folder
}

fn analyze(arguments: &[&str], units: &[PathBuf]) -> (bool, String) {
    let output = Command::new("systemd-analyze").args(arguments).args(units).output().expect("systemd is installed");
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.success(), text)
}

#[test]
#[ignore = "needs systemd-analyze"]
fn the_units_hold_together_and_expose_little() {
    let folder = units();
    let all = UNITS.map(|unit| folder.path().join(unit));
    let (holds, text) = analyze(&["verify", "--man=no", "--recursive-errors=yes"], &all);
    assert!(holds && text.is_empty(), "{text}");
    let (little, text) = analyze(&["security", "--offline=true", "--threshold=12", "--no-pager"], &all[..1]);
    assert!(little, "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs systemd-nspawn and root"]
async fn needs_a_machine_the_page_installs_what_it_says_and_loses_no_call() {
    let keys = Keys::default();
    let (sts, s3) = (Sts::start(keys.clone()).await, S3::start(keys.clone()).await);
    s3.store().put("photos", "cat.jpg", "meow\n");
    let internet = Internet::start(Behind { sts: sts.address(), s3: s3.address() }).await;
    let folder = tempfile::Builder::new().prefix("presignd-").tempdir().unwrap();
    let user = keys.user("store");

    let page = page::all().into_iter().find(|page| page.name == "docs/install-systemd.md").expect("the page is there");
    let mut blocks: Vec<Vec<Step>> =
        page.blocks.iter().filter(|block| block.not_run.is_none()).map(page::Block::steps).collect();
    let stop = blocks.pop().expect("its last block stops the service");
    let steps: Vec<Step> = blocks.into_iter().flatten().collect();
    let as_here = |step: &Step| {
        let text = step.command.replace("AKIAIOSFODNN7EXAMPLE", &user.access_key_id);
        text.replace("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", &user.secret)
    };
    let machine = Machine::new(folder.path(), &internet);
    steps.iter().chain(&stop).enumerate().for_each(|(at, step)| machine.write(&format!("{at}.sh"), &as_here(step)));
    machine.write("inside.sh", include_str!("inside.sh"));
    machine.write("run.sh", &run(steps.len(), stop.len()));
    let console = machine.boot(&[]).await;

    let log = machine.printed("log");
    let mut wrong = String::new();
    for (at, step) in steps.iter().chain(&stop).enumerate() {
        let (printed, status) = (machine.printed(&at.to_string()), machine.printed(&format!("{at}.status")));
        println!("--- {}:{}: {}\n{printed}", page.name, step.line, step.command.trim_end());
        let differs = step.shown.as_ref().is_some_and(|shown| !shown::is_shown(shown, &printed));
        if status.trim() != "0" || differs {
            wrong += &format!("{}:{}: code {status}{}{printed}\n", page.name, step.line, step.command);
        }
    }
    println!("--- inside.sh\n{log}");
    let checks = include_str!("inside.sh").lines().filter_map(|line| line.strip_prefix("check \"")?.split_once('"'));
    let missing: Vec<_> =
        checks.map(|(name, _)| format!("ok {name}")).filter(|ok| !log.lines().any(|l| l == ok)).collect();
    assert!(wrong.is_empty() && missing.is_empty(), "{wrong}\nwithout: {missing:#?}\n{log}\n{console}");
}

/// Each step in a shell of its own: a block stops at its first failure. Nothing after a page that failed says anything.
fn run(steps: usize, stop: usize) -> String {
    format!(
        "cd /clone; step() {{ bash -eu /in/$1.sh >/out/$1 2>&1; code=$?; echo $code >/out/$1.status; [ $code = 0 ] || \
         {{ systemctl status --no-pager --full presignd; journalctl --no-pager -n 50; exit 1; }}; }}\n\
         for at in $(seq 0 {}); do step $at; done\nbash /in/inside.sh\nfor at in $(seq {steps} {}); do step $at; done\n\
         systemctl is-active presignd.service presignd.socket\n",
        steps - 1,
        steps + stop - 1
    )
}

/// A machine with this one's /usr, and nothing else of it.
struct Machine<'f> {
    folder: &'f Path,
}

impl<'f> Machine<'f> {
    fn new(folder: &'f Path, internet: &Internet) -> Self {
        for name in ["in", "out", "clone/target/release", "clone/systemd/examples"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let program = folder.join("clone/target/release/presignd");
        let built = env!("CARGO_BIN_EXE_presignd");
        fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).unwrap();
        for below in ["systemd", "systemd/examples"] {
            for entry in fs::read_dir(root().join(below)).unwrap().map(Result::unwrap) {
                if entry.path().is_file() {
                    fs::copy(entry.path(), folder.join("clone").join(below).join(entry.file_name())).unwrap();
                }
            }
        }
        let machine = Self { folder };
        let [(_, proxy), ..] = internet.variables(folder);
        let with = format!("[Service]\nEnvironment=HTTPS_PROXY={proxy} AWS_CA_BUNDLE=/etc/authority.pem\n");
        machine.write("aws.conf", &with);
        let check = "[Service]\nType=oneshot\nExecStart=/bin/bash /in/run.sh\nStandardOutput=append:/out/log\n\
                     StandardError=append:/out/log\nExecStopPost=/bin/systemctl --no-block exit 0\n";
        machine.write("check.service", check);
        machine
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join("in").join(name), text).unwrap();
    }

    fn printed(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join("out").join(name)).unwrap_or_default()
    }

    /// Boots it, and waits until it is down. What its console said.
    async fn boot(&self, more: &[&str]) -> String {
        let at = |name: &str| self.folder.join(name).display().to_string();
        let mut nspawn = tokio::process::Command::new("systemd-nspawn");
        nspawn.args(["--quiet", "--boot", "--directory=/", "--volatile=yes", "--register=no", "--keep-unit"]);
        nspawn.args(["--console=pipe", "--tmpfs=/usr/local/bin"]).args(more);
        // What runuser and useradd go by, which a machine has.
        nspawn.args(["--bind-ro=/etc/pam.d", "--bind-ro=/etc/security", "--bind-ro=/etc/login.defs"]);
        nspawn.arg(format!("--bind={}:/out", at("out")));
        for (here, there) in [
            ("in", "/in"),
            ("clone", "/clone"),
            ("authority.pem", "/etc/authority.pem"),
            ("in/aws.conf", "/etc/systemd/system/presignd.service.d/aws.conf"),
            ("in/check.service", "/etc/systemd/system/check.service"),
        ] {
            nspawn.arg(format!("--bind-ro={}:{there}", at(here)));
        }
        nspawn.args(["systemd.unit=check.service", "systemd.firstboot=no", "systemd.show_status=0"]);
        nspawn.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, nspawn.output()).await.expect("the machine ends by itself");
        let output = output.expect("systemd-nspawn is installed");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }
}

/// A minute is usual.
const PATIENCE: Duration = Duration::from_secs(300);
