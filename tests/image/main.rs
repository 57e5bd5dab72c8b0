//! The container image, unpacked by umoci and run by runc as a careful engine would: read-only, without capabilities, as the
//! image's own user. It signs through its socket, and an S3 that checks signatures believes it. scripts/image built it.
//!
//! AWS stands behind a proxy that the container finds by DNS alone, and trusts by the certificates' file of the image alone: a
//! static program has neither from the machine that it runs on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod container;
mod dns;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use container::{Bundle, Running};
use serde_json::Value;
use support::internet::{Behind, Internet};
use support::keys::Keys;
use support::s3::S3;
use support::sts::Sts;

/// An OCI layout and a tag in it, as umoci and skopeo take them.
fn image() -> String {
    let image = std::env::var_os("PRESIGND_TEST_IMAGE").and_then(|place| place.into_string().ok());
    image.expect("scripts/test sets PRESIGND_TEST_IMAGE")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "set PRESIGND_TEST_IMAGE; needs root, umoci and runc"]
async fn needs_an_image_it_signs_read_only_and_without_capabilities() {
    let keys = Keys::default();
    let (sts, s3) = (Sts::start(keys.clone()).await, S3::start(keys.clone()).await);
    s3.store().put("photos", "cat.jpg", "meow\n");
    let internet = Internet::start(Behind { sts: sts.address(), s3: s3.address() }).await;
    let names = dns::start(PROXY).await;
    let user = keys.user("ann");

    let folder = tempfile::Builder::new().prefix("presignd-").tempdir().unwrap();
    let [(_, proxy), (_, authority), _] = internet.variables(folder.path());
    let port = proxy.rsplit(':').next().unwrap();
    let mut bundle = Bundle::unpack(&image(), folder.path());
    let (run, registry) = (owned(folder.path(), "run"), owned(folder.path(), "registry"));
    bundle.confine();
    bundle.variables(&[
        ("AWS_ACCESS_KEY_ID", &user.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &user.secret),
        ("AWS_REGION", "us-east-1"),
        ("HTTPS_PROXY", &format!("http://{PROXY}:{port}")),
    ]);
    bundle.mount(&run, "/run/presignd", "rw");
    bundle.mount(&registry, "/var/lib/presignd", "rw");
    bundle.mount(Path::new(&authority), CERTIFICATES, "ro");
    bundle.mount(&names.resolv_conf(folder.path()), "/etc/resolv.conf", "ro");
    // A machine's modules for names are not for a static program, which asks DNS nevertheless.
    let nsswitch = folder.path().join("nsswitch.conf");
    fs::write(&nsswitch, "hosts: mymachines resolve [!UNAVAIL=return] myhostname\n").unwrap();
    bundle.mount(&nsswitch, "/etc/nsswitch.conf", "ro");
    let running = Running::start(&bundle, folder.path());

    // As a probe of the kubelet asks; the name is found on the image's PATH.
    running.until(&["presignd", "health", "--timeout", "4s"]).await;
    let socket = run.join("sign/presignd.sock");
    let mut presign = tokio::process::Command::new(env!("CARGO_BIN_EXE_presignd"));
    presign.args(["presign", "s3://photos/cat.jpg", "--expires-in", "15m"]).uid(USER).gid(USER);
    let said = presign.env_clear().env("PRESIGND_SOCKET", &socket).output().await.unwrap();
    let url = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success(), "{}\n{}", String::from_utf8_lossy(&said.stderr), running.log());
    let answer = s3.fetch("GET", url.trim(), [], "").await;
    assert_eq!((answer.status, &answer.body[..]), (200, b"meow\n".as_slice()), "{url}");
    let asked = internet.asked();
    assert!(asked.iter().any(|host| host.starts_with("sts.")), "STS was not asked by its name: {asked:?}");

    let status = fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap();
    for line in ["Uid:\t29464\t29464\t29464\t29464", "CapBnd:\t0000000000000000", "CapPrm:\t0000000000000000"] {
        assert!(status.contains(line), "without {line}:\n{status}");
    }
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let (code, doctor) = running.exec(&["presignd", "doctor"]);
    assert_eq!(code, 0, "{doctor}");
    let (code, kept) = running.exec(&["presignd", "urls"]);
    assert!(code == 0 && kept.contains("cat.jpg"), "{kept}");
    assert!(registry.join("registry.db").is_file());
    assert_eq!(running.terminate().await, 0, "SIGTERM ends it in order");
}

#[test]
#[ignore = "set PRESIGND_TEST_IMAGE; needs root and umoci"]
fn needs_an_image_it_holds_this_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = Bundle::unpack(&image(), folder.path());
    let mut seen = BTreeSet::new();
    let mut at = vec![bundle.root()];
    while let Some(path) = at.pop() {
        let about = fs::symlink_metadata(&path).unwrap();
        let name = format!("/{}", path.strip_prefix(bundle.root()).unwrap().display());
        seen.insert(format!("{:o} {} {name}", about.mode() & 0o7777, about.uid()));
        if about.is_dir() {
            at.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    let wanted: BTreeSet<String> = FILES.iter().map(|&line| line.to_owned()).collect();
    assert_eq!(seen, wanted);
    // Those of Mozilla's list, and none that this machine trusts besides.
    let begins = "-----BEGIN CERTIFICATE-----";
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let trusted = read(&bundle.root().join(&CERTIFICATES[1..]));
    let mozillas = fs::read_dir("/usr/share/ca-certificates/mozilla").unwrap();
    let mozillas: BTreeSet<String> = mozillas.map(|entry| read(&entry.unwrap().path()).trim().to_owned()).collect();
    let trusted: BTreeSet<String> =
        trusted.split(begins).skip(1).map(|rest| format!("{begins}{rest}").trim().to_owned()).collect();
    assert_eq!(trusted, mozillas);

    let labels = bundle.annotations();
    for (label, value) in [
        ("org.opencontainers.image.version", env!("CARGO_PKG_VERSION")),
        ("org.opencontainers.image.licenses", "MIT OR Apache-2.0"),
        ("org.opencontainers.image.title", "presignd"),
    ] {
        assert_eq!(labels[label], value, "{labels:#}");
    }
    assert!(labels["org.opencontainers.image.revision"].as_str().is_some_and(|hash| hash.len() >= 40), "{labels:#}");
}

/// The compiler leaves in a program where its panics come from: a witness that has not read Cargo's mind.
#[test]
#[ignore = "set PRESIGND_TEST_IMAGE; needs root and umoci"]
fn needs_an_image_its_bill_names_every_crate_that_the_program_betrays() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = Bundle::unpack(&image(), folder.path());
    let program = fs::read(bundle.root().join("usr/bin/presignd")).unwrap();
    let bill: Value =
        serde_json::from_slice(&fs::read(bundle.root().join("usr/share/doc/presignd/sbom.cdx.json")).unwrap()).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let named = |each: &Value| format!("{}-{}", text(&each["name"]), text(&each["version"]));
    let components: BTreeSet<String> = bill["components"].as_array().unwrap().iter().map(named).collect();

    let strings = String::from_utf8_lossy(&program);
    // /crates/index…/NAME-VERSION/src/…
    let ours = strings.split("/crates/").skip(1).filter_map(|rest| rest.split('/').nth(1));
    // What Rust's own library is made of: /rust/deps/NAME-VERSION/src/…
    let rusts = strings.split("/rust/deps/").skip(1).filter_map(|rest| rest.split('/').next());
    let plausible = |name: &&str| name.len() < 80 && name.contains('-');
    let (ours, rusts): (BTreeSet<&str>, BTreeSet<&str>) =
        (ours.filter(plausible).collect(), rusts.filter(plausible).collect());
    assert!(ours.len() > 20 && !rusts.is_empty(), "the paths are not found any more: {ours:?} {rusts:?}");
    let betrayed = &ours | &rusts;
    let missing: Vec<_> = betrayed.iter().filter(|name| !components.contains(**name)).collect();
    assert!(missing.is_empty(), "in the program, and not on the bill: {missing:?}");
    let glibc = strings.split_once("GNU C Library (Debian GLIBC ").and_then(|(_, rest)| rest.split(')').next());
    for part in [format!("glibc-{}", glibc.expect("built on Debian")), "rust-std-".to_owned(), "sqlite-3".to_owned()] {
        let found = bill["components"].as_array().unwrap().iter().find(|each| named(each).starts_with(&part));
        let found = found.unwrap_or_else(|| panic!("{part} is not on the bill"));
        assert!(found["cpe"].is_string() && found["purl"].is_string(), "no scanner knows it: {found:#}");
    }
    for absent in ["proptest", "s3s", "rcgen", "syn", "protox"] {
        assert!(!components.iter().any(|name| name.starts_with(&format!("{absent}-"))), "{absent} is not shipped");
    }
    let home = PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo");
    for path in [env!("CARGO_MANIFEST_DIR"), home.to_str().unwrap()] {
        assert!(!strings.contains(path), "the program tells where it was built: {path}");
    }
}

#[test]
#[ignore = "set PRESIGND_TEST_IMAGE; needs root and umoci"]
fn needs_an_image_it_brings_the_notices_and_texts_of_all_that_the_bill_names() {
    let folder = tempfile::tempdir().unwrap();
    let docs = Bundle::unpack(&image(), folder.path()).root().join("usr/share/doc/presignd");
    let bill: Value = serde_json::from_slice(&fs::read(docs.join("sbom.cdx.json")).unwrap()).unwrap();
    let texts = fs::read_to_string(docs.join("THIRD-PARTY.txt")).unwrap();
    let missing = bill["components"].as_array().unwrap().iter().filter(|each| {
        let version = each["version"].as_str().unwrap_or("(version unknown)");
        let line = format!("{} {version}: ", each["name"].as_str().unwrap());
        !texts.lines().any(|it| it.starts_with(&line))
    });
    let missing: Vec<_> = missing.map(|each| &each["name"]).collect();
    assert!(missing.is_empty(), "on the bill, and without a notice: {missing:?}");
    for text in [
        "Copyright Amazon.com, Inc. or its affiliates",
        "GNU LESSER GENERAL PUBLIC LICENSE",
        "The author disclaims copyright to this source code",
        "Copyright (c) The Rust Project Contributors",
        "Mozilla Public License",
        "run scripts/static in presignd's source of this version",
    ] {
        assert!(texts.contains(text), "without {text}");
    }
    for path in [env!("CARGO_MANIFEST_DIR"), "/.cargo/", "/.rustup/"] {
        assert!(!texts.contains(path), "it tells where it was made: {path}");
    }
}

/// A folder of the container's user.
fn owned(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir(&path).unwrap();
    chown(&path, Some(USER), Some(USER)).unwrap();
    path
}

/// As the charts have it in `runAsUser`.
const USER: u32 = 29464;
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
const PROXY: &str = "proxy.example";
/// Mode, owner, path.
const FILES: &[&str] = &[
    "755 0 /",
    "755 0 /etc",
    "755 0 /etc/ssl",
    "755 0 /etc/ssl/certs",
    "644 0 /etc/ssl/certs/ca-certificates.crt",
    "755 0 /run",
    "755 29464 /run/presignd",
    "1777 0 /tmp",
    "755 0 /usr",
    "755 0 /usr/bin",
    "755 0 /usr/bin/presignd",
    "755 0 /usr/share",
    "755 0 /usr/share/doc",
    "755 0 /usr/share/doc/presignd",
    "644 0 /usr/share/doc/presignd/LICENSE-APACHE",
    "644 0 /usr/share/doc/presignd/LICENSE-MIT",
    "644 0 /usr/share/doc/presignd/THIRD-PARTY.txt",
    "644 0 /usr/share/doc/presignd/sbom.cdx.json",
    "755 0 /var",
    "755 0 /var/lib",
    "755 29464 /var/lib/presignd",
];
