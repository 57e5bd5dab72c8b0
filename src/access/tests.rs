//! Grants by table and by property: what they let out, what they never let out, and what a denial says.

use proptest::prelude::*;

use super::*;
use crate::s3::form::{Form, Target};
use crate::s3::operation::{Method, Operation};
use crate::s3::request::{Headers, Request};
use crate::s3::{Addressing, Bucket, KeyPrefix, ObjectKey};

const APP: u32 = 1000;
const DAEMON: u32 = 999;

fn caller(uid: u32, gid: u32) -> Caller {
    Caller { uid, gid, pid: None, executable: None }
}

fn web() -> IdentityName {
    IdentityName::parse("web").unwrap()
}

fn ttl(seconds: u64) -> Ttl {
    Ttl::new(seconds).unwrap()
}

/// For `APP`, identity `web`, bucket `photos`, every operation, keys under `pub/`, an hour.
fn grant() -> Grant {
    Grant {
        name: None,
        who: Who::Uid(APP),
        identities: Identities::These(vec![web()]),
        buckets: vec![BucketPattern::parse("photos").unwrap()],
        prefixes: vec![KeyPrefix::parse("pub/").unwrap()],
        operations: Operations::All,
        max_expires_in: ttl(3600),
        rate: None,
    }
}

fn unlimited() -> Grant {
    Grant { prefixes: vec![KeyPrefix::default()], ..grant() }
}

fn strings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn request(method: Method, bucket: &str, key: &str, query: &[(&str, &str)], headers: &[(&str, &str)]) -> Signable {
    let bucket = Bucket::parse(bucket).unwrap();
    let key = (!key.is_empty()).then(|| ObjectKey::parse(key).unwrap());
    let headers = Headers::new(strings(headers)).unwrap();
    Signable::Request(Request::new(method, bucket, key, strings(query), headers, Addressing::default()).unwrap())
}

fn get(bucket: &str, key: &str) -> Signable {
    request(Method::Get, bucket, key, &[], &[])
}

fn copy(from: &str) -> Signable {
    request(Method::Put, "photos", "pub/copy", &[], &[("x-amz-copy-source", from)])
}

fn form(target: Target) -> Signable {
    let bucket = Bucket::parse("photos").unwrap();
    Signable::Form(Form::new(bucket, target, Vec::new(), Vec::new(), None, Addressing::default()).unwrap())
}

fn form_key(key: &str) -> Signable {
    form(Target::Key(ObjectKey::parse(key).unwrap()))
}

fn form_prefix(prefix: &str) -> Signable {
    form(Target::StartsWith(KeyPrefix::parse(prefix).unwrap()))
}

/// `None` when the one grant allows it.
fn missing(grant: &Grant, what: &Signable) -> Option<Dimension> {
    let grants = Grants::new(DAEMON, vec![grant.clone()]);
    grants.decide(&caller(APP, APP), &web(), what).err().map(|denied| denied.dimension)
}

#[test]
fn without_grants_only_root_and_the_daemons_user_sign() {
    let grants = Grants::new(DAEMON, Vec::new());
    for (uid, allowed) in [(0, true), (DAEMON, true), (APP, false)] {
        let caller = caller(uid, 0);
        assert_eq!(grants.decide(&caller, &web(), &get("any-bucket", "k")).is_ok(), allowed, "uid {uid}");
        assert_eq!(grants.may_use(&caller, &web()), allowed, "uid {uid}");
    }
}

#[test]
fn with_grants_root_and_the_daemons_user_need_one_too() {
    let grants = Grants::new(DAEMON, vec![grant()]);
    for uid in [0, DAEMON] {
        let denied = grants.decide(&caller(uid, 0), &web(), &get("photos", "pub/a")).unwrap_err();
        assert_eq!(denied.dimension, Dimension::Caller);
        assert!(!grants.may_use(&caller(uid, 0), &web()));
        assert_eq!(grants.longest(&caller(uid, 0), &web()), None);
    }
}

#[test]
fn a_user_that_the_kernel_cannot_name_matches_no_uid_and_no_gid() {
    let unmapped = caller(OVERFLOW_ID, OVERFLOW_ID);
    for (who, meant) in [(Who::Uid(OVERFLOW_ID), false), (Who::Gid(OVERFLOW_ID), false), (Who::Any, true)] {
        assert_eq!(who.is(&unmapped), meant, "{who:?}");
    }
    assert!(Who::Gid(44).is(&caller(OVERFLOW_ID, 44)));
    let own = Grants::new(OVERFLOW_ID, Vec::new());
    assert!(own.decide(&unmapped, &web(), &get("photos", "a")).is_err());
}

#[test]
fn a_denial_names_the_dimension_that_came_closest() {
    let inside = get("photos", "pub/cat.jpg");
    let other = IdentityName::parse("other").unwrap();
    let read = Operations::These(Operations::group("read").unwrap().to_vec());
    let cases = [
        (Grant { who: Who::Uid(1), ..grant() }, inside.clone(), Some(Dimension::Caller)),
        (Grant { who: Who::Gid(1), ..grant() }, inside.clone(), Some(Dimension::Caller)),
        (Grant { identities: Identities::These(vec![other]), ..grant() }, inside.clone(), Some(Dimension::Identity)),
        (grant(), get("photos2", "pub/cat.jpg"), Some(Dimension::Bucket)),
        (grant(), get("photos", "private/cat.jpg"), Some(Dimension::Prefix)),
        (grant(), get("photos", "pub"), Some(Dimension::Prefix)),
        (
            Grant { operations: read, ..grant() },
            request(Method::Put, "photos", "pub/a", &[], &[]),
            Some(Dimension::Operation),
        ),
        (grant(), inside, None),
    ];
    for (grant, what, dimension) in cases {
        assert_eq!(missing(&grant, &what), dimension, "{what:?}");
    }
    let grants = Grants::new(DAEMON, vec![Grant { who: Who::Uid(1), ..grant() }, grant()]);
    let denied = grants.decide(&caller(APP, APP), &web(), &get("photos", "x")).unwrap_err();
    assert_eq!(denied.dimension, Dimension::Prefix);
}

#[test]
fn a_denial_holds_nothing_of_the_request() {
    for dimension in Dimension::ALL {
        let text = Denied { dimension: *dimension }.to_string();
        assert!(!text.is_empty() && !text.contains("photos"), "{text}");
    }
}

#[test]
fn a_list_needs_its_prefix_inside_the_grant() {
    let list = |query: &[(&str, &str)]| request(Method::Get, "photos", "", query, &[]);
    for kind in [("list-type", "2"), ("versions", ""), ("uploads", ""), ("encoding-type", "url")] {
        assert_eq!(missing(&grant(), &list(&[kind, ("prefix", "pub/2026/")])), None, "{kind:?}");
        assert_eq!(missing(&grant(), &list(&[kind, ("prefix", "pub/")])), None, "{kind:?}");
        for outside in [&[kind][..], &[kind, ("prefix", "pub")], &[kind, ("prefix", "")], &[kind, ("Prefix", "pub/")]] {
            assert_eq!(missing(&grant(), &list(outside)), Some(Dimension::Prefix), "{outside:?}");
            assert_eq!(missing(&unlimited(), &list(outside)), None, "{outside:?}");
        }
    }
}

#[test]
fn what_is_about_the_bucket_or_names_keys_in_its_body_needs_every_key() {
    let cases = [
        request(Method::Head, "photos", "", &[], &[]),
        request(Method::Post, "photos", "", &[("delete", "")], &[]),
        request(Method::Post, "photos", "", &[("delete", ""), ("prefix", "pub/")], &[]),
        request(Method::Get, "photos", "", &[("policy", ""), ("prefix", "pub/")], &[]),
        request(Method::Put, "photos", "", &[("lifecycle", "")], &[]),
        request(Method::Put, "photos", "pub/new", &[("renameObject", "")], &[("x-amz-rename-source", "private/a")]),
    ];
    for what in cases {
        assert_eq!(missing(&grant(), &what), Some(Dimension::Prefix), "{what:?}");
        assert_eq!(missing(&unlimited(), &what), None, "{what:?}");
    }
}

#[test]
fn a_copy_is_allowed_only_from_what_may_be_read() {
    for from in ["photos/pub/a", "/photos/pub/a", "photos/pub%2Fa?versionId=3", "photos%2Fpub%2Fa", "photos/pub/a+b"] {
        assert_eq!(missing(&grant(), &copy(from)), None, "{from}");
    }
    for from in [
        "photos/private/a",
        "other/pub/a",
        "photos/%70rivate/a",
        "photos/?versionId=pub/",
        "photos",
        "",
        "/",
        "//photos/pub/a",
        "photos/pub%FF/a",
        "arn:aws:s3:eu-central-1:123456789012:accesspoint/photos/object/pub/a",
    ] {
        assert_eq!(missing(&grant(), &copy(from)), Some(Dimension::CopySource), "{from}");
    }
    let write_only = Grant { operations: Operations::These(vec![Operation::CopyObject]), ..grant() };
    assert_eq!(missing(&write_only, &copy("photos/pub/a")), Some(Dimension::CopySource));
}

#[test]
fn a_plus_in_a_copy_source_must_be_covered_as_plus_and_as_blank() {
    let plus =
        Grant { prefixes: vec![KeyPrefix::parse("pub/a+").unwrap(), KeyPrefix::parse("pub/c").unwrap()], ..grant() };
    let copy = |from| request(Method::Put, "photos", "pub/copy", &[], &[("x-amz-copy-source", from)]);
    let to = Grant { prefixes: vec![KeyPrefix::parse("pub/").unwrap()], ..grant() };
    assert_eq!(missing(&to, &copy("photos/pub/a+b")), None);
    assert_eq!(missing(&plus, &copy("photos/pub/a+b")), Some(Dimension::CopySource));
    assert_eq!(missing(&plus, &copy("photos/pub/a%2Bb")), None);
}

/// S3 takes headers of its own from the query too: such a request is a PUT to our table, and a copy to S3.
#[test]
fn a_copy_source_in_the_query_counts_like_the_header() {
    for name in ["x-amz-copy-source", "X-Amz-Copy-Source"] {
        let copy = |from| request(Method::Put, "photos", "pub/copy", &[(name, from)], &[]);
        assert_eq!(missing(&grant(), &copy("photos/private/a")), Some(Dimension::CopySource));
        assert_eq!(missing(&grant(), &copy("photos/pub/a")), None);
    }
}

#[test]
fn a_copy_lives_no_longer_than_a_get_of_its_source_could() {
    let short = Grant {
        buckets: vec![BucketPattern::parse("archive").unwrap()],
        prefixes: vec![KeyPrefix::default()],
        operations: Operations::These(vec![Operation::GetObject]),
        max_expires_in: ttl(60),
        ..grant()
    };
    let grants = Grants::new(DAEMON, vec![grant(), short]);
    let permit = grants.decide(&caller(APP, APP), &web(), &copy("archive/a")).unwrap();
    assert_eq!(permit.granted, ttl(60));
}

#[test]
fn a_form_reaches_every_key_that_its_user_can_make() {
    for inside in [form_key("pub/a"), form_key("pub/${filename}"), form_prefix("pub/"), form_prefix("pub/user-")] {
        assert_eq!(missing(&grant(), &inside), None, "{inside:?}");
    }
    for outside in [
        form_key("a"),
        form_key("${filename}"),
        form_key("${filename}/pub/"),
        form_key("pu${filename}b/x"),
        form_prefix(""),
        form_prefix("pub"),
        form_prefix("pu${filename}"),
    ] {
        assert_eq!(missing(&grant(), &outside), Some(Dimension::Prefix), "{outside:?}");
        assert_eq!(missing(&unlimited(), &outside), None, "{outside:?}");
    }
    let literally = Grant { prefixes: vec![KeyPrefix::parse("${filename}").unwrap()], ..grant() };
    assert_eq!(missing(&literally, &form_key("${filename}")), Some(Dimension::Prefix));
    let put = Grant { operations: Operations::These(vec![Operation::PutObject]), ..grant() };
    assert_eq!(missing(&put, &form_key("pub/a")), Some(Dimension::Operation));
}

#[test]
fn buckets_are_matched_as_they_are_named() {
    let arn = "arn:aws:s3:eu-central-1:123456789012:accesspoint/photos";
    let cases = [
        ("photos", "photos", true),
        ("photos", arn, false),
        (arn, arn, true),
        (arn, "photos", false),
        ("photos-*", "photos-eu", true),
        ("photos-*", "photos", false),
        ("arn:aws:s3:eu-central-1:123456789012:*", arn, true),
        ("*", arn, true),
    ];
    for (pattern, bucket, covers) in cases {
        let grant = Grant { buckets: vec![BucketPattern::parse(pattern).unwrap()], ..grant() };
        assert_eq!(missing(&grant, &get(bucket, "pub/a")).is_none(), covers, "{pattern} {bucket}");
    }
    for wrong in ["ph*tos", "**", "a*b*", "no bucket", ""] {
        assert!(BucketPattern::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_longest_life_wins_and_then_the_higher_rate() {
    let slow = Some(Rate { per_second: 1, burst: 5 });
    let named =
        |name: &str, life, rate| Grant { name: Some(name.to_owned()), max_expires_in: ttl(life), rate, ..grant() };
    let all = vec![named("short", 60, None), named("slow", 7200, slow), named("free", 7200, None), grant()];
    let permit = Grants::new(DAEMON, all).decide(&caller(APP, APP), &web(), &get("photos", "pub/a")).unwrap();
    assert_eq!((permit.granted, permit.grant.to_string().as_str(), permit.rate), (ttl(7200), "free", None));
    let unnamed = Grants::new(DAEMON, vec![named("short", 60, None), grant()]);
    let permit = unnamed.decide(&caller(APP, APP), &web(), &get("photos", "pub/a")).unwrap();
    assert_eq!(permit.grant.to_string(), "2");
}

#[test]
fn every_operation_of_a_group_exists_once_and_changes_nobodys_rights() {
    let mut seen = std::collections::HashSet::new();
    for group in ["read", "write", "list", "delete"] {
        for operation in Operations::group(group).unwrap() {
            assert!(seen.insert(*operation), "{operation:?} stands in two groups");
        }
    }
    for named in
        [Operation::PutObjectAcl, Operation::PutObjectRetention, Operation::OtherBucket, Operation::OtherObject]
    {
        assert!(!seen.contains(&named), "{named:?} must be named");
    }
}

fn some_grant() -> impl Strategy<Value = Grant> {
    let who = prop_oneof![Just(Who::Any), (998u32..1002).prop_map(Who::Uid), (998u32..1002).prop_map(Who::Gid)];
    let buckets = prop::sample::subsequence(vec!["photos", "archive", "ph*", "*"], 1..3);
    let prefixes = prop::sample::subsequence(vec!["", "pub/", "pub/a", "private/"], 1..3);
    let operations = prop_oneof![
        Just(Operations::All),
        prop::sample::subsequence(Operation::ALL.to_vec(), 1..20).prop_map(Operations::These)
    ];
    let identities = prop_oneof![Just(Identities::All), Just(Identities::These(vec![web()]))];
    (who, buckets, prefixes, operations, identities, 1u64..604_801).prop_map(
        |(who, buckets, prefixes, operations, identities, life)| Grant {
            name: None,
            who,
            identities,
            buckets: buckets.into_iter().map(|text| BucketPattern::parse(text).unwrap()).collect(),
            prefixes: prefixes.into_iter().map(|text| KeyPrefix::parse(text).unwrap()).collect(),
            operations,
            max_expires_in: ttl(life),
            rate: None,
        },
    )
}

fn some_ask() -> impl Strategy<Value = Signable> {
    let key = prop::sample::select(vec!["pub/a", "pub/b", "private/a", "pub", "${filename}", "pub/${filename}"]);
    let bucket = prop::sample::select(vec!["photos", "archive", "other"]);
    (0..7, bucket, key).prop_map(|(kind, bucket, key)| match kind {
        0 => get(bucket, key),
        1 => request(Method::Put, bucket, key, &[], &[]),
        2 => request(Method::Get, bucket, "", &[("list-type", "2"), ("prefix", key)], &[]),
        3 => request(Method::Post, bucket, "", &[("delete", "")], &[]),
        4 => request(Method::Put, bucket, "pub/copy", &[], &[("x-amz-copy-source", &format!("photos/{key}"))]),
        5 => form_key(key),
        _ => form_prefix(key),
    })
}

proptest! {
    #[test]
    fn a_further_grant_takes_nothing_away(
        grants in prop::collection::vec(some_grant(), 1..5), further in some_grant(), at in 0usize..5, what in some_ask(),
        uid in 998u32..1002, gid in 998u32..1002,
    ) {
        let caller = caller(uid, gid);
        let before = Grants::new(DAEMON, grants.clone()).decide(&caller, &web(), &what);
        let mut more = grants;
        more.insert(at.min(more.len()), further);
        let after = Grants::new(DAEMON, more).decide(&caller, &web(), &what);
        match (before, after) {
            (Ok(before), after) => prop_assert!(after.is_ok_and(|after| after.granted >= before.granted)),
            (Err(before), Err(after)) => prop_assert!(after.dimension >= before.dimension),
            (Err(_), Ok(_)) => {}
        }
    }

    #[test]
    fn the_order_of_grants_changes_no_decision(
        grants in prop::collection::vec(some_grant(), 1..6), what in some_ask(), uid in 998u32..1002,
    ) {
        let decide = |grants| {
            Grants::new(DAEMON, grants).decide(&caller(uid, APP), &web(), &what).map(|permit| permit.granted)
        };
        let reversed: Vec<_> = grants.iter().rev().cloned().collect();
        prop_assert_eq!(decide(grants), decide(reversed));
    }

    /// No grant under a prefix lets out anything that is not under it.
    #[test]
    fn what_a_grant_with_a_prefix_allows_names_keys_under_it(grant in some_grant(), what in some_ask(), outside in some_ask()) {
        let limited = Grant { prefixes: vec![KeyPrefix::parse("pub/").unwrap()], who: Who::Any, ..grant };
        for what in [what, outside] {
            if missing(&limited, &what).is_none() {
                let text = match &what {
                    Signable::Request(request) => request.key().map(|key| key.as_str()).or(request.parameter("prefix")),
                    Signable::Form(form) => match &form.target {
                        Target::Key(key) => Some(key.as_str()),
                        Target::StartsWith(prefix) => Some(prefix.as_str()),
                    },
                };
                prop_assert!(text.is_some_and(|text| text.starts_with("pub/")), "{what:?}");
            }
        }
    }
}
