//! Filters, against a search that reads everything.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use presignd::issued::{Filter, IssuedUrl};
use presignd::registry::Registry;
use presignd::s3::form::{Signable, Target};
use presignd::session::{RecordId, Session};
use presignd::time::{Timestamp, Ttl};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::made::{ASKER, NOW, append, asks, facts, in_bucket, name, url};
use super::place::Place;

/// Few values, so that filters meet records; with all that SQL could take for something else.
const KEYS: [&str; 9] = ["a", "a/b", "a%", "a_", "A/b", "ä", "a\u{0}b", "a\u{0}c", "'\"["];
const LABELS: [&str; 5] = ["x", "x[", "\"],[\"", "ü", "\u{0}"];

/// A record in the making: session, what, time, length, uid, for whom, labels.
pub(crate) type Draft = (usize, usize, i64, u64, u32, &'static str, Vec<(String, String)>);

pub(crate) fn draft() -> impl Strategy<Value = Draft> {
    let what = 0..KEYS.len() * 2 + asks().len();
    (0..3_usize, what, 0..5_i64, 1..5_u64, 0..2_u32, select(&["", "t", "T", "t%"][..]), labels(3))
}

fn labels(most: usize) -> impl Strategy<Value = Vec<(String, String)>> {
    let label = (select(&LABELS[..]), select(&LABELS[..]));
    let owned = |pairs: std::collections::BTreeMap<&str, &str>| {
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    prop::collection::btree_map(label.0, label.1, 0..=most).prop_map(owned)
}

pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    fn maybe<T: Strategy>(value: T) -> impl Strategy<Value = Option<T::Value>>
    where
        T::Value: Clone,
    {
        prop::option::weighted(0.25, value)
    }
    let at = || maybe((0..6_i64).prop_map(|second| Timestamp::from_unix(NOW + second)));
    let session = maybe(1..5_u64);
    let who = (maybe(select(&["web", "batch", "none"][..])), session, maybe(select(&["ASIA1", "ASIA2", "ASIA9"][..])));
    let what = (
        maybe(select(&["photos", "Photos", "data", "none"][..])),
        maybe(select(&["", "a", "a/", "a%", "a_", "a\u{0}", "a\u{0}b", "ä", "'"][..])),
        prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(select(presignd::s3::operation::Operation::ALL), 1..40)],
    );
    let told = (maybe(0..2_u32), maybe(select(&["", "t", "t%"][..])), labels(1));
    let build = |(who, what, told, times): ((_, Option<u64>, _), (_, _, Vec<_>), (_, _, _), (_, _, _))| {
        let (identity, session, key): (Option<&str>, _, Option<&str>) = who;
        let (bucket, prefix, operations): (Option<&str>, Option<&str>, _) = what;
        let (uid, on_behalf_of, labels): (_, Option<&str>, _) = told;
        let instance = presignd::session::InstanceId::parse("aaaaaaaa").unwrap();
        Filter {
            identity: identity.map(name),
            session: session.map(|number| RecordId { instance, number }),
            access_key_id: key.map(str::to_owned),
            bucket: bucket.map(str::to_owned),
            key_prefix: prefix.map(str::to_owned),
            operations,
            uid,
            on_behalf_of: on_behalf_of.map(str::to_owned),
            labels,
            signed_from: times.0,
            signed_before: times.1,
            usable_after: times.2,
        }
    };
    (who, what, told, (at(), at(), at())).prop_map(build)
}

/// What the words of [`Filter`] say.
pub(crate) fn matches(filter: &Filter, url: &IssuedUrl, session: &Session) -> bool {
    let key = match &url.what {
        Signable::Request(request) => request.key().map(|key| key.as_str()),
        Signable::Form(form) => Some(match &form.target {
            Target::Key(key) => key.as_str(),
            Target::StartsWith(prefix) => prefix.as_str(),
        }),
    };
    filter.identity.as_ref().is_none_or(|identity| *identity == session.identity)
        && filter.session.is_none_or(|id| id == session.id)
        && filter.access_key_id.as_ref().is_none_or(|id| *id == session.facts.access_key_id)
        && filter.bucket.as_ref().is_none_or(|bucket| bucket == url.what.bucket().as_str())
        && filter
            .key_prefix
            .as_deref()
            .is_none_or(|prefix| prefix.is_empty() || key.is_some_and(|key| key.starts_with(prefix)))
        && (filter.operations.is_empty() || filter.operations.contains(&url.what.operation()))
        && filter.uid.is_none_or(|uid| uid == url.caller.uid)
        && filter.on_behalf_of.as_ref().is_none_or(|whom| *whom == url.on_behalf_of)
        && filter.labels.iter().all(|label| url.labels.contains(label))
        && filter.signed_from.is_none_or(|from| url.signed_at >= from)
        && filter.signed_before.is_none_or(|before| url.signed_at < before)
        && filter.usable_after.is_none_or(|after| url.usable_until() > after)
}

pub(crate) fn finish(registry: &Registry, sessions: &[std::sync::Arc<Session>], draft: Draft) -> IssuedUrl {
    let (session, what, second, length, uid, on_behalf_of, labels) = draft;
    let bucket = if what % 2 == 0 { "photos" } else { "data" };
    let what = KEYS.get(what / 2).map_or_else(|| asks()[what - KEYS.len() * 2].clone(), |key| in_bucket(bucket, key));
    let mut url = url(registry, &sessions[session], what);
    url.signed_at = Timestamp::from_unix(NOW + second);
    url.ttl = Ttl::new(length).unwrap();
    url.caller.uid = uid;
    url.on_behalf_of = on_behalf_of.to_owned();
    url.labels = labels;
    url
}

pub(crate) async fn a_filter_finds_what_a_plain_search_finds(place: Place) {
    let registry = place.open().await;
    let mut sessions = Vec::new();
    for (identity, key) in [("web", "ASIA1"), ("web", "ASIA2"), ("batch", "ASIA1")] {
        sessions.push(registry.enrol(&name(identity), facts(key)).await.unwrap());
    }
    let mut runner = TestRunner::deterministic();
    let drafts = prop::collection::vec(draft(), 300).new_tree(&mut runner).unwrap().current();
    let urls: Vec<IssuedUrl> = drafts.into_iter().map(|draft| finish(&registry, &sessions, draft)).collect();
    registry.append(urls.iter().map(append).collect()).await.unwrap();
    let mut met = 0;
    for _ in 0..600 {
        let mut filter = filter().new_tree(&mut runner).unwrap().current();
        filter.session.iter_mut().for_each(|id| id.instance = registry.instance());
        let session = |url: &IssuedUrl| sessions.iter().find(|session| session.id == url.session).unwrap();
        let wanted: Vec<u64> =
            urls.iter().rev().filter(|url| matches(&filter, url, session(url))).map(|url| url.id.number).collect();
        let found = super::place::numbers(&registry, filter.clone()).await;
        assert_eq!(found, wanted, "{filter:?}");
        met += usize::from(!wanted.is_empty());
        if let [first, second, ..] = wanted[..] {
            let after = RecordId { instance: registry.instance(), number: first };
            let page = registry.list(ASKER, filter, 1, Some(after)).await.unwrap();
            assert_eq!(page.iter().map(|record| record.url.id.number).collect::<Vec<_>>(), [second]);
        }
    }
    assert!(met > 200, "only {met} of 600 filters met a record");
}
