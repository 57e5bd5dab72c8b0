//! One suite for every backend of the registry: what a daemon relies on, whatever the store. Beside it, what only a
//! file can do wrong.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod registry {
    pub(crate) mod disk;
    pub(crate) mod events;
    pub(crate) mod file;
    pub(crate) mod filters;
    pub(crate) mod generations;
    pub(crate) mod log;
    pub(crate) mod made;
    pub(crate) mod offline;
    pub(crate) mod older;
    pub(crate) mod place;
    pub(crate) mod requests;
    pub(crate) mod retention;
    pub(crate) mod search;
    pub(crate) mod sums;
    pub(crate) mod sync;
    pub(crate) mod tallies;
}

use std::time::Duration;

use futures_util::future::join_all;
use presignd::issued::{Filter, Fingerprint, IssuedUrl, Record};
use presignd::registry::{Append, Appended, Error, MAX_PAGE, MAX_ROWS};
use presignd::session::{CredentialKind, Facts, IssueInterval, RecordId};
use presignd::time::{Timestamp, Ttl};

use registry::events::{
    an_event_reads_back_as_it_was_noted, an_event_stands_until_it_is_lifted,
    events_are_kept_for_a_week_and_those_that_stand_for_two, watchers_hear_of_an_event_when_it_can_be_read,
    what_is_withdrawn_says_so_in_its_row_and_stands_no_more,
    what_stands_is_at_hand_when_its_note_is_answered_until_its_lift_is,
};
use registry::filters::a_filter_finds_what_a_plain_search_finds;
use registry::generations::{
    a_decision_about_an_unknown_session_leaves_no_trace, a_drain_that_an_operator_wants_outlasts_what_the_source_gives,
    a_pause_lasts_until_it_is_taken_back, a_session_that_came_to_sign_after_it_did_not_keeps_since_when,
    each_session_counts_its_own_outstanding_urls_to_the_second,
    generations_are_listed_newest_first_with_those_that_are_over, sessions_are_listed_however_many_there_are,
    what_is_seen_of_a_session_tells_when_it_changed, what_was_decided_of_a_session_is_there_after_a_restart,
    when_it_was_seen_alive_outlasts_whatever_is_seen_later_and_a_restart,
};
use registry::made::{ASKER, NOW, append, asks, facts, name, request, url};
use registry::place::{Place, numbers};
use registry::requests::{
    a_repeated_request_id_leads_to_the_first_record, a_request_id_lasts_ten_minutes,
    a_request_id_passes_to_the_record_that_supersedes_its_holder,
};
use registry::retention::{
    another_retention_counts_from_the_next_step, forgets_only_what_ended_longer_ago_than_the_retention,
    keeps_forgetting_until_told_to_stop, no_number_or_generation_is_given_again,
};
use registry::tallies::{
    a_scan_finds_each_match_once_in_the_order_of_ends, a_scan_goes_on_after_what_is_written_meanwhile,
    rows_are_counted_by_what_tallies_do_not_tell, tallies_come_in_pages_without_gap_or_repetition,
    tallies_of_slots_that_have_passed_are_dropped, tells_where_urls_of_a_bucket_lead_as_long_as_any_may_live,
    whole_slots_and_the_rows_of_the_one_under_way_are_what_is_outstanding,
};

/// Stamps the suite out for each backend.
macro_rules! on_every_backend {
    ($($sentence:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(start_paused = true)]
                async fn $sentence() {
                    super::$sentence(super::Place::new()).await;
                }
            )*
        }
    };
}

on_every_backend! {
    a_record_reads_back_as_it_was_written,
    tells_where_urls_of_a_bucket_lead_as_long_as_any_may_live,
    everything_is_there_after_a_restart,
    appending_a_number_twice_keeps_the_first_record,
    a_call_is_written_whole_or_not_at_all,
    a_call_that_fails_spares_the_others_of_its_group,
    a_call_is_bounded,
    a_url_is_found_by_key_and_second,
    a_signature_is_found_among_thousands_of_its_second,
    pages_neither_repeat_nor_skip,
    a_long_session_is_listed_newest_first,
    a_filter_finds_what_a_plain_search_finds,
    the_same_access_key_of_an_identity_is_the_same_session,
    a_life_that_is_vouched_for_counts_from_the_first_sight_of_its_key,
    the_interval_of_issue_only_narrows_but_for_what_our_own_clock_said,
    sessions_are_listed_while_they_have_life_or_urls,
    a_repeated_request_id_leads_to_the_first_record,
    a_request_id_passes_to_the_record_that_supersedes_its_holder,
    a_request_id_lasts_ten_minutes,
    forgets_only_what_ended_longer_ago_than_the_retention,
    another_retention_counts_from_the_next_step,
    no_number_or_generation_is_given_again,
    keeps_forgetting_until_told_to_stop,
    whole_slots_and_the_rows_of_the_one_under_way_are_what_is_outstanding,
    rows_are_counted_by_what_tallies_do_not_tell,
    tallies_come_in_pages_without_gap_or_repetition,
    tallies_of_slots_that_have_passed_are_dropped,
    a_scan_finds_each_match_once_in_the_order_of_ends,
    a_scan_goes_on_after_what_is_written_meanwhile,
    what_was_decided_of_a_session_is_there_after_a_restart,
    a_drain_that_an_operator_wants_outlasts_what_the_source_gives,
    a_decision_about_an_unknown_session_leaves_no_trace,
    sessions_are_listed_however_many_there_are,
    generations_are_listed_newest_first_with_those_that_are_over,
    each_session_counts_its_own_outstanding_urls_to_the_second,
    a_pause_lasts_until_it_is_taken_back,
    a_session_that_came_to_sign_after_it_did_not_keeps_since_when,
    what_is_seen_of_a_session_tells_when_it_changed,
    when_it_was_seen_alive_outlasts_whatever_is_seen_later_and_a_restart,
    an_event_reads_back_as_it_was_noted,
    watchers_hear_of_an_event_when_it_can_be_read,
    an_event_stands_until_it_is_lifted,
    events_are_kept_for_a_week_and_those_that_stand_for_two,
    what_is_withdrawn_says_so_in_its_row_and_stands_no_more,
    what_stands_is_at_hand_when_its_note_is_answered_until_its_lift_is,
}

async fn a_record_reads_back_as_it_was_written(place: Place) {
    let (registry, session) = place.with_session().await;
    for what in asks() {
        let mut url = url(&registry, &session, what);
        url.replaces = Some(RecordId { number: 77, ..url.id });
        registry.append(vec![append(&url)]).await.unwrap();
        let found = registry.url(ASKER, url.id).await.unwrap();
        assert_eq!(found, Some(Record { url, session: session.clone() }));
    }
}

async fn everything_is_there_after_a_restart(place: Place) {
    let (registry, session) = place.with_session().await;
    let (one, two) = (url(&registry, &session, request("a")), url(&registry, &session, request("b")));
    registry.append(vec![append(&one), append(&two)]).await.unwrap();
    registry.close().await;
    assert!(matches!(registry.append(vec![append(&one)]).await, Err(Error::Closed)));
    assert!(!registry.is_writable());

    let again = place.open().await;
    assert_eq!(again.instance(), registry.instance());
    assert_eq!(again.enrol(&name("web"), facts("ASIAONE")).await.unwrap(), session);
    assert_eq!(again.enrol(&name("web"), facts("ASIATWO")).await.unwrap().generation, 2);
    assert_eq!(numbers(&again, Filter::default()).await, [two.id.number, one.id.number]);
    assert!(again.next_url_id().number > two.id.number);
    let three = url(&again, &session, request("c"));
    let outcome = again.append(vec![append(&three)]).await.unwrap();
    assert!(matches!(outcome[..], [Appended::Recorded]));
}

async fn appending_a_number_twice_keeps_the_first_record(place: Place) {
    let (registry, session) = place.with_session().await;
    let first = url(&registry, &session, request("first"));
    let mut second = url(&registry, &session, request("second"));
    second.id = first.id;
    registry.append(vec![append(&first)]).await.unwrap();
    assert!(matches!(registry.append(vec![append(&second)]).await, Err(Error::Store(_))));
    assert_eq!(registry.url(ASKER, first.id).await.unwrap().unwrap().url, first);
    assert!(registry.is_writable(), "the call was wrong, not the disk");
}

async fn a_call_is_written_whole_or_not_at_all(place: Place) {
    let (registry, session) = place.with_session().await;
    let good = url(&registry, &session, request("good"));
    let mut bad = url(&registry, &session, request("bad"));
    bad.session.number = 99;
    let outcome = registry.append(vec![append(&good), append(&bad), append(&good)]).await;
    assert!(matches!(outcome, Err(Error::Unknown(id)) if id == bad.session));
    assert_eq!(numbers(&registry, Filter::default()).await, [0_u64; 0]);
    assert_eq!(registry.sessions(ASKER, None).await.unwrap()[0].outstanding, 0);
    // What the failed call had learnt (the bucket's number) is not believed any more.
    registry.append(vec![append(&good)]).await.unwrap();
    assert_eq!(registry.url(ASKER, good.id).await.unwrap().unwrap().url, good);
}

async fn a_call_that_fails_spares_the_others_of_its_group(place: Place) {
    let (registry, session) = place.with_session().await;
    // So many that some come together, whatever the writer is at.
    let mut calls: Vec<_> = (0..60).map(|_| url(&registry, &session, request("k"))).collect();
    calls.iter_mut().skip(10).step_by(25).for_each(|bad| bad.session.number = 99);
    let outcomes = join_all(calls.iter().map(|url| registry.append(vec![append(url)]))).await;
    let is_good = |url: &&IssuedUrl| url.session == session.id;
    assert!(outcomes.iter().zip(&calls).all(|(outcome, url)| outcome.is_ok() == is_good(&url)));
    let mut good: Vec<_> = calls.iter().filter(is_good).map(|url| url.id.number).collect();
    good.sort_unstable_by_key(|number| std::cmp::Reverse(*number));
    assert_eq!((good.len(), numbers(&registry, Filter::default()).await), (58, good));
    assert_eq!(registry.sessions(ASKER, None).await.unwrap()[0].outstanding, 58);
}

async fn a_call_is_bounded(place: Place) {
    let (registry, session) = place.with_session().await;
    let many =
        |rows: usize| -> Vec<Append> { (0..rows).map(|_| append(&url(&registry, &session, request("k")))).collect() };
    assert!(matches!(registry.append(many(MAX_ROWS + 1)).await, Err(Error::TooLarge)));
    assert_eq!(registry.append(many(MAX_ROWS)).await.unwrap().len(), MAX_ROWS);
    assert!(registry.append(Vec::new()).await.unwrap().is_empty());
}

async fn a_url_is_found_by_key_and_second(place: Place) {
    let (registry, session) = place.with_session().await;
    let other = registry.enrol(&name("web"), facts("ASIATWO")).await.unwrap();
    let one = url(&registry, &session, request("one"));
    let of_another_key = url(&registry, &other, request("one"));
    let mut later = url(&registry, &session, request("one"));
    later.signed_at = Timestamp::from_unix(NOW + 1);
    registry.append(vec![append(&one), append(&of_another_key), append(&later)]).await.unwrap();
    let found = registry.find(ASKER, "ASIAONE", one.signed_at).await.unwrap();
    assert_eq!(found, [Record { url: one, session }]);
    assert_eq!(registry.find(ASKER, "ASIANONE", later.signed_at).await.unwrap(), []);
}

async fn a_signature_is_found_among_thousands_of_its_second(place: Place) {
    let (registry, session) = place.with_session().await;
    let urls: Vec<_> = (0..MAX_PAGE + 2).map(|_| url(&registry, &session, request("k"))).collect();
    registry.append(urls.iter().map(append).collect()).await.unwrap();
    let at = Timestamp::from_unix(NOW);
    assert_eq!(registry.find(ASKER, "ASIAONE", at).await.unwrap().len(), MAX_PAGE);
    let found = registry.find_signature(ASKER, "ASIAONE", at, urls[0].fingerprint).await.unwrap();
    assert_eq!(found.iter().map(|record| record.url.id).collect::<Vec<_>>(), [urls[0].id]);
    assert_eq!(registry.find_signature(ASKER, "ASIAONE", at, Fingerprint([0; 16])).await.unwrap(), []);
}

async fn pages_neither_repeat_nor_skip(place: Place) {
    let (registry, session) = place.with_session().await;
    let urls: Vec<_> = (0..25).map(|_| url(&registry, &session, request("k"))).collect();
    registry.append(urls.iter().map(append).collect()).await.unwrap();
    for filter in [Filter::default(), Filter { session: Some(session.id), ..Filter::default() }] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = registry.list(ASKER, filter.clone(), 10, after).await.unwrap();
            seen.extend(page.iter().map(|record| record.url.id));
            after = page.last().map(|record| record.url.id);
            if page.len() < 10 {
                break;
            }
            // What is written meanwhile is newer than the page, and so on none that follows.
            registry.append(vec![append(&url(&registry, &session, request("new")))]).await.unwrap();
        }
        let newest = seen[0].number;
        assert!(seen.windows(2).all(|pair| pair[0].number == pair[1].number + 1), "{seen:?}");
        assert_eq!((seen.len() as u64, seen.last().unwrap().number), (newest, 1));
    }
    assert_eq!(registry.list(ASKER, Filter::default(), 0, None).await.unwrap().len(), 1);
}

/// Long enough that a page is no longer gathered and sorted.
async fn a_long_session_is_listed_newest_first(place: Place) {
    let (registry, session) = place.with_session().await;
    let mut last = 0;
    for _ in 0..21 {
        let urls: Vec<_> = (0..1000).map(|_| append(&url(&registry, &session, request("k")))).collect();
        last = urls.last().unwrap().url.id.number;
        registry.append(urls).await.unwrap();
    }
    let filter = Filter { session: Some(session.id), ..Filter::default() };
    let after = RecordId { number: 11_000, ..session.id };
    let page = registry.list(ASKER, filter.clone(), 2, Some(after)).await.unwrap();
    assert_eq!(page.iter().map(|record| record.url.id.number).collect::<Vec<_>>(), [10_999, 10_998]);
    assert_eq!(registry.list(ASKER, filter, 1, None).await.unwrap()[0].url.id.number, last);
}

async fn the_same_access_key_of_an_identity_is_the_same_session(place: Place) {
    let registry = place.open().await;
    let vague = Facts {
        kind: CredentialKind::Temporary,
        account: String::new(),
        principal_arn: String::new(),
        tags: Vec::new(),
        expires_at: Some(Timestamp::from_unix(NOW + 60)),
        expiry_is_exact: false,
        ..facts("ASIAONE")
    };
    let first = registry.enrol(&name("web"), vague).await.unwrap();
    assert_eq!(first.generation, 1);
    let again = registry.enrol(&name("web"), facts("ASIAONE")).await.unwrap();
    assert_eq!((again.id, again.generation), (first.id, 1));
    assert_eq!(again.facts, facts("ASIAONE"), "what was not known is filled in");
    let other = Facts { account: "999999999999".to_owned(), ..facts("ASIAONE") };
    let third = registry.enrol(&name("web"), other).await.unwrap();
    assert_eq!(third.facts, facts("ASIAONE"), "what was known stays");
    let elsewhere = registry.enrol(&name("batch"), facts("ASIAONE")).await.unwrap();
    assert_ne!(elsewhere.id, first.id);
    assert_eq!(elsewhere.generation, 1, "each identity counts for itself");
    let child = Facts { parent: Some(first.id), ..facts("ASIACHILD") };
    assert_eq!(registry.enrol(&name("web"), child).await.unwrap().facts.parent, Some(first.id));
}

async fn a_life_that_is_vouched_for_counts_from_the_first_sight_of_its_key(place: Place) {
    let registry = place.open().await;
    let seen = |at: i64, life: i64| Facts {
        issued: IssueInterval { not_before: None, not_after: Timestamp::from_unix(NOW + at) },
        expires_at: Some(Timestamp::from_unix(NOW + at + life)),
        expiry_is_exact: false,
        ..facts("ASIAONE")
    };
    for (told, end) in [(seen(0, 900), 900), (seen(600, 900), 900), (seen(700, 600), 600), (seen(800, 1200), 1200)] {
        let session = registry.enrol(&name("web"), told).await.unwrap();
        assert_eq!(session.facts.expires_at, Some(Timestamp::from_unix(NOW + end)));
    }
    let session = registry.enrol(&name("web"), facts("ASIAONE")).await.unwrap();
    assert!(session.facts.expiry_is_exact && session.facts.expires_at == facts("ASIAONE").expires_at);
}

async fn the_interval_of_issue_only_narrows_but_for_what_our_own_clock_said(place: Place) {
    let registry = place.open().await;
    let at = |seconds: i64| Timestamp::from_unix(NOW + seconds);
    let within = |from: Option<i64>, to: i64| IssueInterval { not_before: from.map(at), not_after: at(to) };
    let told = async |key: &str, named: bool, from: Option<i64>, to: i64| {
        let arn = if named { facts(key).principal_arn } else { String::new() };
        let facts = Facts { principal_arn: arn, issued: within(from, to), ..facts(key) };
        registry.enrol(&name("web"), facts).await.unwrap().facts.issued
    };
    assert_eq!(told("ASIAONE", true, Some(-9), 5).await, within(Some(-9), 5));
    assert_eq!(told("ASIAONE", true, Some(-7), 8).await, within(Some(-7), 5));
    assert_eq!(told("ASIAONE", true, None, 2).await, within(Some(-7), 2));
    // Our clock was behind when the key was read and nobody told the time; AWS names it later, and says when.
    assert_eq!(told("ASIATWO", false, None, -3600).await, within(None, -3600));
    assert_eq!(told("ASIATWO", true, None, 60).await, within(None, 60));
    assert_eq!(told("ASIATWO", false, None, -3600).await, within(None, 60));
}

async fn sessions_are_listed_while_they_have_life_or_urls(place: Place) {
    let registry = place.open().await;
    let key = Facts { expires_at: None, ..facts("AKIAKEY") };
    let key = registry.enrol(&name("key"), key).await.unwrap();
    let until = |end: i64| Facts { expires_at: Some(Timestamp::from_unix(NOW + end)), ..facts("ASIASHORT") };
    let short = registry.enrol(&name("web"), until(7200)).await.unwrap();
    let mut one = url(&registry, &short, request("one"));
    one.ttl = Ttl::new(60).unwrap();
    let two = url(&registry, &short, request("two"));
    registry.append(vec![append(&one), append(&two)]).await.unwrap();
    let rows = async || {
        let rows = registry.sessions(ASKER, None).await.unwrap();
        rows.iter().map(|row| (row.session.id, row.outstanding)).collect::<Vec<_>>()
    };
    assert_eq!(rows().await, [(short.id, 2), (key.id, 0)]);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(rows().await, [(short.id, 1), (key.id, 0)], "a URL has ended when its end is reached");
    assert_eq!(
        registry.sessions(ASKER, Some(&name("web"))).await.unwrap()[0].last_url_ends_at,
        Some(two.usable_until())
    );
    registry.enrol(&name("web"), until(600)).await.unwrap();
    let row = registry.sessions(ASKER, Some(&name("web"))).await.unwrap().remove(0);
    let sooner = Some(Timestamp::from_unix(NOW + 600));
    assert_eq!((row.outstanding, row.last_url_ends_at), (1, sooner), "no URL outlives its session");
    tokio::time::advance(Duration::from_secs(540)).await;
    assert_eq!(rows().await, [(key.id, 0)]);
    assert_eq!(registry.sessions(ASKER, Some(&name("web"))).await.unwrap(), []);
}
