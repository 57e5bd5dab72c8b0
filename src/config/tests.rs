//! What a file may say, what it may not and how it is told, and that docs and examples say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;
use crate::access::rate::Rate;
use crate::access::{BucketPattern, Identities, Operations, Who};
use crate::s3::operation::Operation;
use crate::time::Ttl;

const DOC: &str = include_str!("../../docs/configuration.md");
const EXAMPLE: &str = include_str!("../../examples/presignd.toml");

fn at_home() -> Surroundings {
    Surroundings { home: Some("/home/ann".into()), uid: 1000, ..Surroundings::default() }
}

fn parse(text: &str) -> Config {
    Config::parse(text, &at_home()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn problem(text: &str) -> String {
    Config::parse(text, &at_home()).expect_err(text).to_string()
}

#[test]
fn without_a_file_everything_has_a_place_and_only_the_own_user_signs() {
    let config = Config::without_file(&at_home()).unwrap();
    assert_eq!(config.sockets.sign, Path::new("/run/presignd/sign/presignd.sock"));
    assert_eq!((config.sockets.sign_mode, config.sockets.admin_mode), (0o600, 0o600));
    assert_eq!(config.registry.path, Path::new("/home/ann/.local/state/presignd/registry.db"));
    assert_eq!(config.http.listen, None);
    assert_eq!(config.grants, Grants::new(1000, Vec::new()));
}

#[test]
fn places_follow_systemd_then_xdg_then_the_system() {
    let full = |name: &str| {
        Some(match name {
            "RUNTIME_DIRECTORY" => "/run/one:/run/two".to_owned(),
            "STATE_DIRECTORY" => "/var/lib/one".to_owned(),
            "XDG_RUNTIME_DIR" => "/run/user/1000".to_owned(),
            "XDG_STATE_HOME" => "/home/ann/state".to_owned(),
            _ => "/home/ann".to_owned(),
        })
    };
    let places = |surroundings: &Surroundings| {
        let registry = surroundings.registry().unwrap();
        (surroundings.admin_socket().display().to_string(), registry.display().to_string())
    };
    let systemd = Surroundings::read(1000, full);
    assert_eq!(places(&systemd), ("/run/one/admin/admin.sock".into(), "/var/lib/one/registry.db".into()));
    let xdg = Surroundings::read(0, |name| full(name).filter(|_| !name.ends_with("_DIRECTORY")));
    assert_eq!(
        places(&xdg),
        ("/run/user/1000/presignd/admin/admin.sock".into(), "/home/ann/state/presignd/registry.db".into())
    );
    let root = Surroundings::read(0, |name| full(name).filter(|_| name == "HOME"));
    assert_eq!(places(&root), ("/run/presignd/admin/admin.sock".into(), "/var/lib/presignd/registry.db".into()));
}

#[test]
fn empty_and_relative_variables_count_as_unset() {
    for text in ["", "run", "./run", ":/run"] {
        assert_eq!(
            Surroundings::read(7, |_| Some(text.to_owned())),
            Surroundings { uid: 7, ..Surroundings::default() }
        );
    }
}

#[test]
fn a_process_without_a_home_is_told_to_name_the_registry() {
    let nowhere = Surroundings { uid: 1000, ..Surroundings::default() };
    let error = Config::without_file(&nowhere).unwrap_err();
    assert_eq!(error.key, "registry.path");
    let config = Config::parse("[registry]\npath = \"/srv/registry.db\"", &nowhere).unwrap();
    assert_eq!(config.registry.path, Path::new("/srv/registry.db"));
}

#[test]
fn an_unknown_key_is_an_error_with_its_line() {
    for (text, begins) in [
        ("\nsocket = 1", "line 2: socket: unknown field `socket`"),
        ("[http]\nlisten = \"127.0.0.1:1\"\n\nlissen = 1", "line 4: lissen: unknown field `lissen`"),
        ("[sockets]\nsing = \"/x\"", "line 2: sing: unknown field `sing`"),
        ("[registry]\ndays = 3", "line 2: days: unknown field `days`"),
        ("[log]\nlevel = \"info\"", "line 2: level: unknown field `level`"),
        ("[limits]\nbatch = 3", "line 2: batch: unknown field `batch`"),
        ("[[grant]]\nusers = [1]", "line 2: users: unknown field `users`"),
    ] {
        assert!(problem(text).starts_with(begins), "{}", problem(text));
    }
}

#[test]
fn an_error_shows_no_value_of_an_unknown_key() {
    let text = "[log]\nsecret_access_key = \"wJalrXUtnFEMI\"";
    assert!(!problem(text).contains("wJalr"), "{}", problem(text));
    assert!(!problem("aws_secret = wJalrXUtnFEMI").contains("wJalr"));
}

#[test]
fn what_is_out_of_bounds_is_named_with_what_would_be_right() {
    let grant = "[[grant]]\nany = true\nidentities = [\"*\"]\nbuckets = [\"photos\"]\noperations = [\"read\"]\n";
    let with = |line: &str| format!("{grant}{line}");
    let without = |key: &str| grant.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n");
    let long = format!("[sockets]\nsign = \"/{}\"", "x".repeat(103));
    for (text, says) in [
        ("[http]\nlisten = \"0.0.0.0:9464\"".to_owned(), "http.listen: is reachable from other machines"),
        ("[http]\nlisten = \"localhost\"".to_owned(), "line 2: listen: invalid socket address"),
        ("[registry]\nretention = \"59m\"".to_owned(), "registry.retention: is 59m, but must lie between 1h and"),
        (
            "[registry]\nretention = \"3653d\"".to_owned(),
            "registry.retention: is 10years 12h, but must lie between 1h and 10years",
        ),
        ("[registry]\nretention = \"soon\"".to_owned(), "line 2: retention: is not a length of time"),
        ("[registry]\nretention = \"90.5s\"".to_owned(), "line 2: retention: is not a length of time"),
        ("[registry]\nqueue_calls = 0".to_owned(), "registry.queue_calls: is 0, but must lie between 1 and 1000000"),
        ("[registry]\npath = \"r.db\"".to_owned(), "registry.path: must be an absolute path"),
        ("[limits]\ncall = \"6m\"".to_owned(), "limits.call: is 6m, but must lie between 1s and 5m"),
        ("[sockets]\nsign_mode = \"0888\"".to_owned(), "line 2: sign_mode: is not a mode"),
        ("[sockets]\nsign_mode = \"4777\"".to_owned(), "line 2: sign_mode: is not a mode"),
        ("[sockets]\nsign = \"/a\"\nadmin = \"/a\"".to_owned(), "sockets.admin: is the signing socket"),
        ("[sockets]\nsign = \"/a\"\n[registry]\npath = \"/a\"".to_owned(), "sockets.sign: is the registry's own path"),
        (
            "[sockets]\nadmin = \"/a\"\n[registry]\npath = \"/a\"".to_owned(),
            "sockets.admin: is the registry's own path",
        ),
        ("[sockets]\nadmin_uids = [65534]".to_owned(), "sockets.admin_uids: holds 65534"),
        (long, "sockets.sign: is longer than 103 bytes"),
        (format!("[sockets]\nsign_abstract = \"{}\"", "a".repeat(108)), "sockets.sign_abstract: is no name"),
        ("[sockets]\nsign_abstract = \"\"".to_owned(), "sockets.sign_abstract: is no name"),
        ("[sockets]\nsign_abstract = \"unix-abstract:a\"".to_owned(), "sockets.sign_abstract: is no name"),
        ("[log]\nformat = \"xml\"".to_owned(), "line 2: format: unknown variant `xml`, expected `text` or `json`"),
        (without("any"), "grant[1].uid: is missing; name uid, gid, or any = true"),
        (without("buckets"), "line 1: missing field `buckets`"),
        (without("operations"), "line 1: missing field `operations`"),
        (with("uid = 1"), "grant[1].uid: stands beside gid or any"),
        (format!("{}\nuid = 65534", without("any")), "grant[1].uid: 65534 is what the kernel shows"),
        (format!("{}\ngid = 65534", without("any")), "grant[1].gid: 65534 is what the kernel shows"),
        (with("max_expires_in = \"8d\""), "grant[1].max_expires_in: must lie between 1 and 604800 seconds"),
        (with("prefixes = []"), "grant[1].prefixes: must hold 1 to 1000 entries"),
        (
            with("prefixes = [\"public/*\"]"),
            "grant[1].prefixes: \"public/*\" has a *, which is a plain character in a prefix; write \"public/\" for every key \
             that begins so",
        ),
        (
            with("prefixes = [\"a\", \"*\"]"),
            "grant[1].prefixes: \"*\" has a *, which is a plain character in a prefix; write \"\"",
        ),
        (with("rate = { per_second = 0 }"), "grant[1].rate: has a number outside 1 to 1000000"),
        (with("name = \"1\""), "grant[1].name: must be 1 to 64 characters"),
        (format!("{0}name = \"a\"\n{0}name = \"a\"", grant), "grant[2].name: is the name of an earlier grant"),
        (grant.replace("\"photos\"", "\"p*s\""), "grant[1].buckets: \"p*s\" has a * that does not stand at its end"),
        (grant.replace("\"read\"", "\"getobject\""), "grant[1].operations: \"getobject\" is no operation of S3"),
        (grant.replace("\"read\"", "\"read\", \"*\""), "grant[1].operations: \"*\" is no operation of S3"),
        (
            grant.replace("= [\"*\"]", "= [\"web\"]"),
            "grant[1].identities: names web, which is not configured; there are: default",
        ),
        ("[probe]\ninterval = \"0s\"".to_owned(), "probe.interval: is 0s, but must lie between 1s and 1day"),
        ("[probe]\ncalls_per_minute = 0".to_owned(), "probe.calls_per_minute: is 0, but must lie between 1 and 6000"),
        (
            "[identity.a]\nsource = \"default\"\ncanary = [{ bucket = \"photos\", key = \"\" }]".to_owned(),
            "identity.a.canary.key: ",
        ),
        (
            format!(
                "[identity.a]\nsource = \"default\"\n{}",
                "[[identity.a.canary]]\nbucket = \"b\"\nkey = \"k\"\n".repeat(9)
            ),
            "identity.a.canary: has 9 tables; at most 8 are taken",
        ),
        (
            format!(
                "[identity.a]\nsource = \"default\"\n{}",
                "[[identity.a.canary]]\nbucket = \"b-b\"\nkey = \"k\"\n".repeat(2)
            ),
            "identity.a.canary: names s3://b-b/k twice",
        ),
        ("default_identity = \"web\"".to_owned(), "default_identity: names web, which is not configured"),
        (grant.replace("= [\"*\"]", "= [\"a b\"]"), "grant[1].identities: \"a b\": an identity's name is"),
    ] {
        assert!(problem(&text).starts_with(says), "{}\nrather than\n{says}", problem(&text));
    }
}

#[test]
fn a_record_may_be_kept_for_ten_years_in_any_words_for_them() {
    for words in ["10y", "10years", "3652d 12h"] {
        let config = parse(&format!("[registry]\nretention = \"{words}\""));
        assert_eq!(config.registry.retention, super::MAX_RETENTION, "{words}");
    }
}

#[test]
fn loopback_may_be_left_in_so_many_words() {
    let config = parse("[http]\nlisten = \"0.0.0.0:9464\"\nbeyond_loopback = true");
    assert_eq!(config.http.listen, Some("0.0.0.0:9464".parse().unwrap()));
    assert!(parse("[http]\nlisten = \"[::1]:9464\"").http.listen.is_some());
}

#[test]
fn a_grant_is_read_as_it_is_written() {
    let config = parse(EXAMPLE);
    let [web, backup] = &config.grants.iter().collect::<Vec<_>>()[..] else { panic!("two grants") };
    assert_eq!((web.who, backup.who), (Who::Uid(33), Who::Gid(34)));
    assert_eq!(web.identities, Identities::These(vec![IdentityName::parse("uploads").unwrap()]));
    assert_eq!(backup.identities, Identities::All);
    assert_eq!(backup.buckets, [BucketPattern::StartsWith("archive-".into())]);
    assert_eq!((web.prefixes.len(), backup.prefixes[0].as_str()), (2, ""));
    assert!(web.operations.contain(Operation::PostObject) && !web.operations.contain(Operation::DeleteObject));
    assert!(matches!(backup.operations, Operations::These(_)));
    assert_eq!((web.max_expires_in, backup.max_expires_in), (Ttl::new(12 * 3600).unwrap(), Ttl::MAX));
    assert_eq!((web.rate, backup.rate), (Some(Rate { per_second: 100, burst: 500 }), None));
}

#[test]
fn grants_open_the_signing_socket_and_admins_the_other() {
    let open = parse("[[grant]]\nany = true\nidentities = [\"*\"]\nbuckets = [\"*\"]\noperations = [\"*\"]");
    assert_eq!((open.sockets.sign_mode, open.sockets.admin_mode), (0o666, 0o600));
    let admins = parse("[sockets]\nadmin_gids = [27]");
    assert_eq!((admins.sockets.sign_mode, admins.sockets.admin_mode), (0o600, 0o666));
    let said = parse(&format!(
        "{EXAMPLE}\n[[grant]]\nany = true\nidentities = [\"*\"]\nbuckets = [\"*\"]\noperations = [\"*\"]"
    ));
    assert_eq!((said.sockets.sign_mode, said.sockets.admin_mode), (0o666, 0o660));
}

#[test]
fn a_pause_that_no_call_can_wait_out_is_refused() {
    let text = "[limits]\ncall = \"6s\"\n[identity.web]\nsource = \"environment\"\nmin_pause = \"6s\"\n";
    let refused = Config::parse(text, &Surroundings::default()).unwrap_err();
    assert!(refused.to_string().contains("identity.web.min_pause"), "{refused}");
    assert!(Config::parse(&text.replace("pause = \"6s\"", "pause = \"5s\""), &Surroundings::default()).is_ok());
}

/// What docs/configuration.md says in the column `reload`, by key.
fn reloads() -> BTreeMap<&'static str, &'static str> {
    let row = |line: &'static str| {
        let [_, key, _, reload, _, _] = line.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("not key, default, reload and meaning: {line}")
        };
        (key.trim_matches('`'), reload)
    };
    DOC.lines().filter(|line| line.starts_with("| `")).map(row).collect()
}

#[test]
fn a_reload_names_what_differs_and_what_waits() {
    let old = parse(EXAMPLE);
    assert_eq!(old.changes(&parse(EXAMPLE)), Vec::<String>::new());
    let mut docs = reloads();
    for (from, to, key) in [
        ("sign/presignd.sock", "other/presignd.sock", "sockets.sign"),
        ("[sockets]\n", "[sockets]\nsign_abstract = \"presignd\"\n", "sockets.sign_abstract"),
        ("admin/admin.sock", "other/admin.sock", "sockets.admin"),
        ("\"0666\"", "\"0660\"", "sockets.sign_mode"),
        ("admin_mode = \"0660\"", "admin_mode = \"0600\"", "sockets.admin_mode"),
        ("[27]", "[28]", "sockets.admin_gids"),
        ("admin_gids = [27]", "admin_gids = [27]\nadmin_uids = [5]", "sockets.admin_uids"),
        ("9464", "9465", "http.listen"),
        ("registry.db", "other.db", "registry.path"),
        ("90d", "91d", "registry.retention"),
        ("queue_calls = 1024", "queue_calls = 9", "registry.queue_calls"),
        ("\"json\"", "\"text\"", "log.format"),
        ("filter = \"info\"", "filter = \"warn\"", "log.filter"),
        ("batch_items = 1000", "batch_items = 9", "limits.batch_items"),
        ("stream_items = 64", "stream_items = 9", "limits.stream_items"),
        ("calls_per_connection = 128", "calls_per_connection = 9", "limits.calls_per_connection"),
        ("connections = 1024", "connections = 9", "limits.connections"),
        ("call = \"30s\"", "call = \"20s\"", "limits.call"),
        ("drain = \"10s\"", "drain = \"9s\"", "limits.drain"),
        ("calls_per_minute = 60", "calls_per_minute = 59", "sts.calls_per_minute"),
        ("region = \"eu-central-1\"", "region = \"eu-west-1\"", "sts.region"),
        ("region = \"eu", "endpoint_url = \"https://sts.example\"\nregion = \"eu", "sts.endpoint_url"),
        ("region = \"eu", "fips = true\nregion = \"eu", "sts.fips"),
        ("region = \"eu", "dual_stack = true\nregion = \"eu", "sts.dual_stack"),
        ("[probe]\n", "[probe]\nenabled = false\n", "probe.enabled"),
        ("interval = \"1m\"", "interval = \"2m\"", "probe.interval"),
        ("confirm_after = \"10s\"", "confirm_after = \"9s\"", "probe.confirm_after"),
        ("calls_per_minute = 30", "calls_per_minute = 29", "probe.calls_per_minute"),
        ("default_identity = \"uploads\"", "default_identity = \"archive\"", "default_identity"),
    ] {
        let new = parse(&EXAMPLE.replacen(from, to, 1));
        assert_eq!(old.changes(&new), [key], "{from}");
        let waits = old.changes_for_restart(&new) == [key];
        assert_eq!(docs.remove(key) == Some("restart"), waits, "docs/configuration.md on {key}");
        // What waits goes on to differ at the next reload; what does not is in force.
        let taken = new.clone().without_restart(&old);
        assert_eq!((taken.changes(&new), old.changes(&taken).is_empty()), (old.changes_for_restart(&new), waits));
    }
    for (from, to, key) in [
        ("headroom = \"30m\"", "headroom = \"20m\"", "identity.uploads"),
        ("[identity.archive]", "[identity.archives]", "identity.archive"),
        ("max_expires_in = \"12h\"", "max_expires_in = \"13h\"", "grant"),
    ] {
        let new = parse(&EXAMPLE.replacen(from, to, 1));
        assert_eq!((&*old.changes(&new)[0], old.changes_for_restart(&new).len()), (key, 0), "{from}");
    }
    docs.retain(|key, _| !key.starts_with("identity.") && !key.starts_with("grant."));
    assert_eq!(docs.into_iter().collect::<Vec<_>>(), [("http.beyond_loopback", "restart")], "not looked at above");
}

#[test]
fn the_docs_say_which_keys_of_an_identity_begin_it_anew() {
    let kept = ["identity.NAME.headroom", "identity.NAME.min_pause", "identity.NAME.max_partitions"];
    for (key, reload) in reloads().into_iter().filter(|(key, _)| key.starts_with("identity.")) {
        let beside = ["identity.NAME.s3.", "identity.NAME.canary."];
        let keeps = kept.contains(&key) || beside.iter().any(|table| key.starts_with(table));
        assert_eq!(reload, if keeps { "now" } else { "anew" }, "{key}");
    }
}

#[test]
fn every_block_of_the_docs_is_a_configuration() {
    let blocks: Vec<_> = DOC.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        parse(block);
    }
}

/// Serde names every key that it would have taken.
#[test]
fn the_docs_name_every_key_and_no_other() {
    let grant = "identities = [\"*\"]\nbuckets = [\"*\"]\noperations = [\"*\"]\n";
    let mut read = BTreeSet::new();
    for (table, text) in [
        ("", "zzz = 1".to_owned()),
        ("sockets.", "[sockets]\nzzz = 1".to_owned()),
        ("http.", "[http]\nzzz = 1".to_owned()),
        ("registry.", "[registry]\nzzz = 1".to_owned()),
        ("log.", "[log]\nzzz = 1".to_owned()),
        ("limits.", "[limits]\nzzz = 1".to_owned()),
        ("sts.", "[sts]\nzzz = 1".to_owned()),
        ("probe.", "[probe]\nzzz = 1".to_owned()),
        ("identity.NAME.canary.", "[[identity.a.canary]]\nzzz = 1\n[identity.a]\nsource = \"default\"".to_owned()),
        ("identity.NAME.", "[identity.a]\nsource = \"default\"\nzzz = 1".to_owned()),
        ("identity.NAME.sts.", "[identity.a]\nsource = \"default\"\nsts = { zzz = 1 }".to_owned()),
        ("identity.NAME.s3.", "[identity.a]\nsource = \"default\"\ns3 = { zzz = 1 }".to_owned()),
        ("grant.", format!("[[grant]]\n{grant}zzz = 1")),
        ("grant.rate.", format!("[[grant]]\n{grant}rate = {{ zzz = 1 }}")),
    ] {
        let message = problem(&text);
        let (_, expected) = message.split_once("expected ").expect("serde says what it expected");
        read.extend(expected.split('`').skip(1).step_by(2).map(|key| format!("{table}{key}")));
    }
    let tables = [
        "sockets",
        "http",
        "registry",
        "log",
        "limits",
        "grant",
        "sts",
        "probe",
        "identity",
        "identity.NAME.sts",
        "identity.NAME.s3",
        "identity.NAME.canary",
    ];
    read.retain(|key| !tables.contains(&key.as_str()));
    let rows = DOC.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let documented: BTreeSet<_> = rows.map(str::to_owned).collect();
    assert_eq!(read, documented);
}
