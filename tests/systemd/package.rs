//! The Debian package in a machine that has dpkg: installed, used, upgraded, removed and purged by `packaged.sh`. scripts/deb built it.

use std::fs;

use crate::Machine;
use crate::support::internet::{Behind, Internet};
use crate::support::keys::Keys;
use crate::support::s3::S3;
use crate::support::sts::Sts;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "set PRESIGND_TEST_PACKAGE; needs systemd-nspawn, dpkg and root"]
async fn needs_a_package_it_installs_starts_signs_and_goes_without_a_trace() {
    let package = std::env::var_os("PRESIGND_TEST_PACKAGE").and_then(|path| path.into_string().ok());
    let package = package.expect("scripts/test sets PRESIGND_TEST_PACKAGE");
    let keys = Keys::default();
    let (sts, s3) = (Sts::start(keys.clone()).await, S3::start(keys.clone()).await);
    s3.store().put("photos", "cat.jpg", "meow\n");
    let internet = Internet::start(Behind { sts: sts.address(), s3: s3.address() }).await;
    let folder = tempfile::Builder::new().prefix("presignd-").tempdir().unwrap();
    let user = keys.user("store");
    let machine = Machine::new(folder.path(), &internet);
    fs::copy(&package, folder.path().join("in/presignd.deb")).unwrap();
    let key = serde_json::json!({"AccessKeyId": user.access_key_id, "SecretAccessKey": user.secret});
    machine.write("key.json", &key.to_string());
    machine.write("run.sh", include_str!("packaged.sh"));
    // What dpkg writes to goes with the machine.
    let console =
        machine.boot(&["--overlay=/usr::/usr", "--tmpfs=/var/lib:mode=755", "--overlay=/var/lib/dpkg::/var/lib/dpkg"]);
    let console = console.await;

    let log = machine.printed("log");
    println!("{log}");
    let checks = include_str!("packaged.sh").lines().filter_map(|line| line.strip_prefix("check \"")?.split_once('"'));
    let missing: Vec<_> =
        checks.map(|(name, _)| format!("ok {name}")).filter(|ok| !log.lines().any(|line| line == ok)).collect();
    assert!(missing.is_empty(), "without: {missing:#?}\n{log}\n{console}");
    let url = machine.printed("url");
    let answer = s3.fetch("GET", url.trim(), [], "").await;
    assert_eq!((answer.status, &answer.body[..]), (200, b"meow\n".as_slice()), "{url}");
}
