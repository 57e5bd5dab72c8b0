//! What a report adds up: exact totals, bounded groups, the curve, and when nothing breaks.

use presignd::impact::ending::Verdict;
use presignd::impact::event::{Policy, Statement, What};
use presignd::impact::report::{By, LARGEST, MOST_NAMES, Report, Tally, Totals};
use presignd::impact::{Subject, ending};
use presignd::issued::IssuedUrl;
use presignd::s3::operation::Operation;
use presignd::session::CredentialKind;
use presignd::time::{Timestamp, Ttl};
use proptest::prelude::*;

use crate::made::*;

const SLOT: i64 = 900;

fn totals(ends: u64, may_end: u64, lives: u64) -> Totals {
    Totals { ends, may_end, lives }
}

fn key_gone() -> presignd::impact::event::Event {
    presignd::impact::event::Event { at: at(0), ..event(What::KeyDeleted { access_key_id: USER_KEY.to_owned() }) }
}

fn tally(signed: &Signed, bucket: &str, urls: u64, slot: i64, last_end: i64) -> Report {
    let mut report = Report::new(&key_gone(), at(0));
    add(&mut report, signed, bucket, urls, slot, last_end);
    report
}

fn add(report: &mut Report, signed: &Signed, bucket: &str, urls: u64, slot: i64, last_end: i64) {
    let operation = Operation::GetObject;
    let ending = ending(&key_gone(), signed.by(), Subject::Group { bucket, operation }).expect("keys need no URL");
    let slot = (at(slot * SLOT), at((slot + 1) * SLOT));
    let tally = Tally { session: &signed.session, bucket, operation, uid: 7, urls, slot, last_end: at(last_end) };
    report.add_tally(&tally, &ending);
}

#[test]
fn totals_and_effects_hold_each_url_once() {
    let (key, role) = (signed(CredentialKind::LongTermKey), signed(CredentialKind::AssumeRole));
    let mut report = tally(&key, "photos", 5, 3, 3000);
    add(&mut report, &role, "photos", 11, 2, 2000);
    report.add_url(&key.session, &get(), &key.ending(&key_gone(), &get()));
    assert_eq!(report.totals(), totals(6, 0, 11));
    let effects: Vec<_> = report.effects().iter().map(|effect| (effect.ending.reason.as_str(), effect.urls)).collect();
    assert_eq!(effects, [("KEY_DELETED", 6), ("MINTED_FROM_KEY_SURVIVES", 11)]);
    assert_eq!(report.breaks_nothing_from(), Some(at(3600)), "the hard end of the last one that ends");
}

#[test]
fn what_breaks_nothing_says_so() {
    let report = tally(&signed(CredentialKind::AssumeRole), "photos", 5, 3, 3000);
    assert_eq!(report.breaks_nothing_from(), None);
}

#[test]
fn urls_that_end_before_the_event_live() {
    let later = presignd::impact::event::Event { at: at(1800), ..key_gone() };
    let key = signed(CredentialKind::LongTermKey);
    let mut report = Report::new(&later, at(0));
    let subject = Subject::Group { bucket: "photos", operation: Operation::GetObject };
    let ending = ending(&later, key.by(), subject).expect("keys need no URL");
    for (slot, urls) in [(0, 1), (1, 2), (2, 4)] {
        let slot = (at(slot * SLOT), at((slot + 1) * SLOT));
        let operation = Operation::GetObject;
        let session = &key.session;
        report
            .add_tally(&Tally { session, bucket: "photos", operation, uid: 7, urls, slot, last_end: slot.1 }, &ending);
    }
    assert_eq!(report.totals(), totals(4, 0, 3));
    let curve: Vec<_> = report.curve().iter().map(|point| (point.at.unix(), point.alive, point.alive_after)).collect();
    assert_eq!(curve, [(0, 7, 7), (900, 6, 6), (1800, 4, 0), (2700, 0, 0)]);
}

#[test]
fn groups_show_the_largest_and_sum_the_rest() {
    let key = signed(CredentialKind::LongTermKey);
    let mut report = Report::new(&key_gone(), at(0));
    for number in 0..30u64 {
        add(&mut report, &key, &format!("bucket-{number}"), number + 1, 3, 3000);
    }
    let groups = report.groups();
    let buckets: Vec<_> = groups.iter().filter(|group| group.by == By::Bucket).collect();
    assert_eq!(buckets.len(), LARGEST + 1);
    assert_eq!((buckets[0].name.as_deref(), buckets[0].totals.ends), (Some("bucket-29"), 30));
    assert_eq!((buckets[LARGEST].name.as_deref(), buckets[LARGEST].totals.ends), (None, (1..=10).sum()));
    let of = |by| groups.iter().filter(|group| group.by == by).map(|group| group.name.clone()).collect::<Vec<_>>();
    assert_eq!(of(By::Caller), [Some("7".to_owned())]);
    assert_eq!(of(By::Identity), [Some("web".to_owned())]);
    assert_eq!(of(By::Session), [Some(key.session.id.to_string())]);
    assert_eq!(of(By::Operation), [Some("GetObject".to_owned())]);
    assert_eq!(of(By::OnBehalfOf), [], "nobody asked for it");
    assert!(report.groups_are_exact());
}

#[test]
fn a_hundred_thousand_buckets_are_held_as_few_and_summed_exactly() {
    let key = signed(CredentialKind::LongTermKey);
    let mut report = Report::new(&key_gone(), at(0));
    for number in 0..100_000u64 {
        let urls = if number % 5_000 == 0 { 1000 + number } else { 1 };
        add(&mut report, &key, &format!("bucket-{number}"), urls, 3, 3000);
    }
    assert!(!report.groups_are_exact());
    let groups = report.groups();
    let buckets: Vec<_> = groups.iter().filter(|group| group.by == By::Bucket).collect();
    assert_eq!(buckets.iter().map(|group| group.totals.ends).sum::<u64>(), report.totals().ends);
    let shown = buckets.iter().filter(|group| group.totals.ends >= 1000 && group.name.is_some()).count();
    assert_eq!(shown, 20, "the large ones are there, whenever they came");
    let held = format!("{report:?}").matches("bucket-").count();
    assert!(held <= MOST_NAMES, "{held} names are held");
}

#[test]
fn tenants_are_grouped_when_asked() {
    let key = signed(CredentialKind::LongTermKey);
    let mut report = Report::new(&key_gone(), at(0)).by_on_behalf_of();
    for tenant in ["ann", "ann", "ben", ""] {
        let url = IssuedUrl { on_behalf_of: tenant.to_owned(), ..get() };
        report.add_url(&key.session, &url, &key.ending(&key_gone(), &url));
    }
    let groups = report.groups();
    let tenants = groups.iter().filter(|group| group.by == By::OnBehalfOf);
    let tenants: Vec<_> = tenants.map(|group| (group.name.as_deref(), group.totals.ends)).collect();
    assert_eq!(tenants, [(Some("ann"), 2), (Some(""), 1), (Some("ben"), 1)]);
}

#[test]
fn endings_of_their_own_instants_are_one_effect() {
    let key = signed(CredentialKind::LongTermKey);
    let old = presignd::impact::event::Event {
        at: at(0),
        ..event(What::Denied {
            statement: Statement { bucket: BUCKET.to_owned(), ..statement(Policy::Bucket) },
            issued_before: None,
            signature_age: Some(seconds(1000)),
        })
    };
    let mut report = Report::new(&old, at(0));
    for signed_at in 0..50 {
        let url = IssuedUrl { signed_at: at(signed_at), ..get() };
        report.add_url(&key.session, &url, &key.ending(&old, &url));
    }
    let effects = report.effects();
    assert_eq!(effects.len(), 1);
    assert_eq!((effects[0].ending.not_before, effects[0].ending.not_after), (at(1000), at(1049)));
}

proptest! {
    /// Each point of the curve, recounted URL by URL.
    #[test]
    fn the_curve_is_exact_at_its_points(
        urls in proptest::collection::vec((0..3u8, 1u32..200_000, any::<bool>()), 1..60),
        happens in 0i64..100_000,
    ) {
        let now = at(0);
        let event = presignd::impact::event::Event {
            at: at(happens),
            ..event(What::UserDeleted(principal(USER_ARN)))
        };
        let sessions = [
            signed(CredentialKind::LongTermKey),
            Signed { parent: None, ..signed(CredentialKind::FederationToken) },
            signed(CredentialKind::Lambda),
        ];
        // Of any life: the rules look at none, and a session that ends takes its URLs along.
        let sessions = sessions.map(|mut signed| {
            signed.session.facts.expires_at = None;
            signed
        });
        let mut report = Report::new(&event, now);
        let mut told = Vec::new();
        for (which, ttl, counted) in urls {
            let signed = &sessions[which as usize];
            let url = IssuedUrl { ttl: Ttl::new(u64::from(ttl)).expect("within a week"), ..get() };
            let ending = signed.ending(&event, &url);
            let (bucket, operation) = (BUCKET, Operation::GetObject);
            let end = url.usable_until();
            let slot = (end.unix() - 1).div_euclid(SLOT);
            let slot = (at(slot * SLOT), at((slot + 1) * SLOT));
            let group = presignd::impact::ending(&event, signed.by(), Subject::Group { bucket, operation });
            let group = group.expect("users need no URL");
            if counted && !report.splits(slot, &group) {
                let tally = Tally { session: &signed.session, bucket, operation, uid: 7, urls: 1, slot, last_end: end };
                report.add_tally(&tally, &group);
            } else {
                report.add_url(&signed.session, &url, &ending);
            }
            told.push((end, ending));
        }
        let count = |keep: &dyn Fn(Timestamp, Verdict, Timestamp) -> bool| {
            told.iter().filter(|(end, ending)| keep(*end, ending.verdict, ending.not_before)).count() as u64
        };
        for point in report.curve() {
            let t = point.at;
            let alive = count(&|end, _, _| end > t);
            let spared = count(&|end, verdict, from| end > t && (verdict == Verdict::Lives || from > t));
            let doubted = count(&|end, verdict, from| end > t && verdict == Verdict::MayEnd && from <= t);
            prop_assert_eq!((point.alive, point.alive_after, point.maybe_after), (alive, spared, doubted), "at {}", t);
        }
        let last = told.iter().filter(|(_, ending)| ending.verdict != Verdict::Lives).map(|(end, _)| *end).max();
        prop_assert_eq!(report.breaks_nothing_from(), last);
        prop_assert_eq!(report.totals().sum(), told.len() as u64);
    }
}
