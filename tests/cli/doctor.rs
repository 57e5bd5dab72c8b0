//! `presignd doctor`, with no daemon, with an old one, and with one that is ill.

use super::*;

/// Check and outcome of each.
fn found(out: &str) -> Vec<(String, String)> {
    let told = json_of(out);
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    told["checks"].as_array().unwrap().iter().map(|one| (text(one, "check"), text(one, "outcome"))).collect()
}

fn pairs(found: &[(String, String)]) -> Vec<(&str, &str)> {
    found.iter().map(|(check, outcome)| (check.as_str(), outcome.as_str())).collect()
}

#[test]
fn without_a_daemon_what_only_it_knows_is_skipped_and_the_doctor_is_not_content() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("presignd.toml");
    let registry = format!("[registry]\npath = \"{}/registry.db\"\n", dir.path().display());
    std::fs::write(&config, &registry).unwrap();
    let nowhere = dir.path().join("none.sock");
    let doctor = ["doctor", "--config", config.to_str().unwrap(), "--output", "json"];
    let (code, out, err) = run(&nowhere, &doctor);
    let all = found(&out);
    let wanted = [
        ("configuration", "passed"),
        ("registry", "skipped"),
        ("signing socket", "failed"),
        ("admin socket", "failed"),
        ("daemon", "skipped"),
        ("identities", "skipped"),
        ("sts", "skipped"),
        ("clock", "skipped"),
        ("region look-up", "skipped"),
        ("canaries", "skipped"),
    ];
    assert_eq!((code, pairs(&all)), (254, wanted.to_vec()), "{out}");
    let told = json_of(&out);
    assert!(told["checks"][2]["next"].as_str().unwrap().contains("presignd serve"), "{out}");
    assert!(told["checks"][6]["message"].as_str().unwrap().contains("the daemon is not running"), "{out}");
    assert_eq!((&told["version"], &told["failed"], &told["skipped"]), (&json!(1), &json!(2), &json!(7)));
    assert_eq!(err, "presignd: 2 of 10 checks failed\n");

    // A socket that a daemon left behind, and a configuration that does not hold.
    drop(std::os::unix::net::UnixListener::bind(&nowhere).unwrap());
    std::fs::write(&config, "[registry]\nroad = 1\n").unwrap();
    let (code, out, _) = run(&nowhere, &[&doctor[..3], &["--output", "text"]].concat());
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split('\t').collect()).collect();
    assert!(code == 254 && lines.iter().all(|fields| fields.len() == 4), "{out}");
    assert!(lines[0][0] == "failed" && lines[0][2].contains("road"), "{out}");
    assert!(lines[2][2].contains("nobody answers"), "{out}");
    std::fs::write(nowhere.with_extension("file"), "").unwrap();
    let (_, out, _) = run(&nowhere.with_extension("file"), &doctor);
    assert!(out.contains("is no socket"), "{out}");
}

#[test]
fn a_registry_that_others_may_read_or_that_is_none_fails() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let (config, registry) = (dir.path().join("presignd.toml"), dir.path().join("registry.db"));
    std::fs::write(&config, format!("[registry]\npath = \"{}\"\n", registry.display())).unwrap();
    std::fs::write(&registry, "no database at all, only text that is long enough for a header of SQLite's\n").unwrap();
    for (mode, words) in [(0o644, "chmod 600"), (0o600, "registry verify")] {
        std::fs::set_permissions(&registry, std::fs::Permissions::from_mode(mode)).unwrap();
        let arguments = ["doctor", "--config", config.to_str().unwrap(), "--output", "json"];
        let (_, out, _) = run(Path::new("/nonexistent/presignd.sock"), &arguments);
        let registry = &json_of(&out)["checks"][1];
        assert_eq!(registry["outcome"], "failed", "{out}");
        assert!(registry["next"].as_str().unwrap().contains(words), "{out}");
    }
}

#[test]
fn a_daemon_that_does_not_know_the_question_is_older_and_its_identities_are_told_all_the_same() {
    let fake = Fake::start();
    let (code, out, _) = run(&fake.socket, &["doctor", "--output", "json"]);
    let all = found(&out);
    let of = |check: &str| all.iter().find(|(name, _)| name == check).map(|(_, outcome)| outcome.as_str());
    assert_eq!(code, 254, "{out}");
    assert_eq!((of("daemon"), of("identity web"), of("sts")), (Some("failed"), Some("passed"), Some("skipped")));
    assert!(out.contains("older than this command line"), "{out}");
}

#[test]
fn a_daemon_that_is_well_passes_and_one_whose_clock_is_off_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("presignd.toml");
    let registry = registry::made(&dir);
    std::fs::write(&config, format!("[registry]\npath = \"{}\"\n", registry.display())).unwrap();
    let fake = Fake::start();
    let well = fake::well(config.to_str().unwrap(), registry.to_str().unwrap());
    fake.seen.lock().unwrap().status = Some(well.clone());
    let (code, out, err) = run(&fake.socket, &["doctor"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("RESULT   CHECK") && out.ends_with("\n\n10 passed, 0 failed, 1 skipped\n"), "{out}");
    assert!(out.contains("answered 12s ago: no bucket is called flims"), "{out}");

    let clock_offset = Some(prost_types::Duration { seconds: 400, nanos: 0 });
    fake.seen.lock().unwrap().status = Some(presignd::grpc::proto::GetStatusResponse { clock_offset, ..well.clone() });
    let (code, out, err) = run(&fake.socket, &["doctor"]);
    assert_eq!((code, err.as_str()), (254, "presignd: 1 of 11 checks failed\n"), "{out}");
    assert!(out.contains("AWS is 6m 40s ahead") && out.contains("-> set this machine's clock"), "{out}");

    // The file that was named holds, but it is not the one that the daemon reads.
    let other = dir.path().join("other.toml");
    std::fs::copy(&config, &other).unwrap();
    fake.seen.lock().unwrap().status = Some(well);
    let (code, out, _) = run(&fake.socket, &["doctor", "--config", other.to_str().unwrap()]);
    assert!(code == 254 && out.contains("but the daemon reads"), "{out}");
}

#[test]
fn the_doctor_changes_nothing_of_the_registry_that_it_looks_at() {
    let dir = tempfile::tempdir().unwrap();
    let (config, registry) = (dir.path().join("presignd.toml"), registry::made(&dir));
    std::fs::write(&config, format!("[registry]\npath = \"{}\"\n", registry.display())).unwrap();
    let state = || {
        let files = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.map(|path| (std::fs::read(&path).unwrap(), path)).collect();
        files.sort();
        files
    };
    let before = state();
    let arguments = ["doctor", "--config", config.to_str().unwrap(), "--output", "json"];
    let (_, out, _) = run(Path::new("/nonexistent/presignd.sock"), &arguments);
    assert_eq!(pairs(&found(&out))[1], ("registry", "passed"), "{out}");
    assert!(state() == before, "a file was changed, made or removed");
}

/// What the doctor finds of the registry where no daemon runs: outcome, message and what to do.
fn of_registry(config: &Path) -> [String; 3] {
    let arguments = ["doctor", "--config", config.to_str().unwrap(), "--output", "json"];
    let (_, out, _) = run(Path::new("/nonexistent/presignd.sock"), &arguments);
    let registry = &json_of(&out)["checks"][1];
    ["outcome", "message", "next"].map(|field| registry[field].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_registry_that_is_lost_is_not_one_that_was_never_made() {
    let dir = tempfile::tempdir().unwrap();
    let (config, registry) = (dir.path().join("presignd.toml"), registry::made(&dir));
    std::fs::write(&config, format!("[registry]\npath = \"{}\"\n", registry.display())).unwrap();
    let beside = |suffix: &str| dir.path().join(format!("registry.db{suffix}"));
    let [outcome, message, _] = of_registry(&config);
    assert!(outcome == "passed" && message.ends_with("without damage"), "{outcome}: {message}");

    std::fs::remove_file(&registry).unwrap();
    let fails = |words: &str, way: &str| {
        let [outcome, message, next] = of_registry(&config);
        assert!(outcome == "failed" && message.contains(words) && next.contains(way), "{outcome}: {message}: {next}");
    };
    fails("is not there any more", "docs/reliability.md");
    std::fs::write(beside("-wal"), "a log").unwrap();
    fails("is missing but its write-ahead log is there", "docs/reliability.md");
    for number in [1, 2] {
        std::fs::write(beside(&format!(".rescued-{number}")), "a copy").unwrap();
    }
    fails("is missing but its write-ahead log is there", "registry.db.rescued-2 holds what a daemon rescued");
    for gone in ["-wal", ".lock"] {
        std::fs::remove_file(beside(gone)).unwrap();
    }
    fails("makes an empty one", "registry.db.rescued-2 holds");
    for number in [1, 2] {
        std::fs::remove_file(beside(&format!(".rescued-{number}"))).unwrap();
    }
    let [outcome, message, _] = of_registry(&config);
    assert!(outcome == "skipped" && message.contains("is made at the first start"), "{outcome}: {message}");
}

#[test]
fn a_registry_with_damaged_pages_fails_and_one_with_a_log_is_not_said_to_be_sound() {
    use std::os::unix::fs::FileExt;
    let dir = tempfile::tempdir().unwrap();
    let (config, registry) = (dir.path().join("presignd.toml"), registry::made(&dir));
    std::fs::write(&config, format!("[registry]\npath = \"{}\"\n", registry.display())).unwrap();
    let log = dir.path().join("registry.db-wal");
    std::fs::write(&log, "what a daemon that was killed had not put into the file yet").unwrap();
    let [outcome, message, next] = of_registry(&config);
    assert!(outcome == "skipped" && message.contains("not looked into"), "{outcome}: {message}");
    assert!(next.contains("registry verify"), "{next}");
    std::fs::remove_file(&log).unwrap();

    // The head, which tells which registry it is, stays as it was.
    let file = std::fs::File::options().write(true).open(&registry).unwrap();
    file.write_all_at(&[0xa5; 4 * 4096], 4 * 4096).unwrap();
    let [outcome, message, next] = of_registry(&config);
    assert_eq!(outcome, "failed", "{message}");
    assert!(message.contains("cannot be used as it is") && next.contains("registry verify"), "{message}: {next}");
}

#[test]
fn an_address_of_metrics_that_another_has_fails_where_no_daemon_runs() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("presignd.toml");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let text = |address: &str| {
        format!("[registry]\npath = \"{}/registry.db\"\n[http]\nlisten = \"{address}\"\n", dir.path().display())
    };
    for (address, wanted) in [(address.to_string().as_str(), "failed"), ("127.0.0.1:0", "passed")] {
        std::fs::write(&config, text(address)).unwrap();
        let arguments = ["doctor", "--config", config.to_str().unwrap(), "--output", "json"];
        let (_, out, _) = run(Path::new("/nonexistent/presignd.sock"), &arguments);
        assert!(found(&out).contains(&("metrics address".to_owned(), wanted.to_owned())), "{out}");
    }
    drop(taken);
}
