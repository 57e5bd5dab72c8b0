//! The desk against a search that reads everything: random registries, events and filters, at instants within slots and
//! where two meet. Counting by tallies must answer as reading each URL does.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod ended;
mod lists;
#[expect(dead_code, reason = "this crate takes the part that it needs")]
#[path = "../impact_matrix/made.rs"]
mod made;
mod place;
mod places;
mod standing;
#[path = "../impact_matrix/world.rs"]
mod world;

use futures_util::StreamExt;
use presignd::access::Caller;
use presignd::assess::{GapReason, MOST_OPEN, Question};
use presignd::impact::ending::{Ending, Verdict};
use presignd::impact::event::{Event, Policy, SETTLES_WITHIN, What};
use presignd::impact::report::{By, Effect, Report};
use presignd::issued::{Filter, IssuedUrl, Record};
use presignd::registry::TALLY_PAGE;
use presignd::s3::operation::Operation;
use presignd::time::Ttl;

use made::{BUCKET, USER_KEY, at, deny, statement};
use place::{ASKER, Place, Random};

/// What reading each URL says.
fn read(place: &Place, question: &Question, records: &[Record]) -> Report {
    let report = Report::new(&question.event, place.clock.now());
    let mut report = if question.by_on_behalf_of { report.by_on_behalf_of() } else { report };
    for record in records {
        let record = &as_known(record);
        report.add_url(&record.session, &record.url, &place.ending(&question.event, record));
    }
    report
}

/// As if it had been signed for no longer than its session turned out to last.
fn as_known(record: &Record) -> Record {
    let left = record.url.signed_at.until(record.usable_until()).unwrap();
    let url = IssuedUrl { ttl: Ttl::new(left.as_secs()).unwrap(), ..record.url.clone() };
    Record { url, ..record.clone() }
}

/// Without intervals, of which groups know only the event's; and without reasons to live, of which there may be several.
fn broken(effects: Vec<Effect>) -> Vec<(Ending, u64)> {
    let broken = effects.into_iter().filter(|effect| effect.ending.verdict != Verdict::Lives);
    let timeless = |ending: Ending| Ending { not_before: at(0), not_after: at(0), ..ending };
    let mut broken: Vec<_> = broken.map(|effect| (timeless(effect.ending), effect.urls)).collect();
    broken.sort_by_key(|(ending, _)| format!("{ending:?}"));
    broken
}

async fn holds(place: &Place, question: &Question) {
    let records = place.outstanding(&question.filter).await;
    let expected = read(place, question, &records);
    let answer = place.desk.assess(question).await.unwrap();
    let told = format!("at {} {question:?}", place.clock.now());
    assert_eq!(answer.report.totals(), expected.totals(), "{told}");
    assert_eq!(answer.report.totals().sum(), records.len() as u64, "{told}");
    assert_eq!(broken(answer.report.effects()), broken(expected.effects()), "{told}");
    assert_eq!(answer.report.groups(), expected.groups(), "{told}");
    assert_eq!(answer.report.curve(), expected.curve(), "{told}");
    assert_eq!(answer.report.breaks_nothing_from(), expected.breaks_nothing_from(), "{told}");
}

#[tokio::test(start_paused = true)]
async fn counting_answers_as_reading_every_url_does() {
    let mut asked = [0_usize; 3];
    for seed in 0..SEEDS {
        let mut random = Random::of(seed);
        let place = Place::filled(&mut random).await;
        for _ in 0..QUESTIONS {
            let question = place.question(&mut random);
            holds(&place, &question).await;
            let totals = place.desk.totals(ASKER, &question.event, &question.filter).await.unwrap();
            for (count, urls) in asked.iter_mut().zip([totals.ends, totals.may_end, totals.lives]) {
                *count += usize::from(urls > 0);
            }
        }
    }
    // The world is not so small that one of the three is hardly met.
    assert!(asked.iter().all(|count| *count > 50), "{asked:?}");
}

/// Rows and tallies hold the ends that were signed.
#[tokio::test(start_paused = true)]
async fn urls_of_a_session_that_ends_sooner_than_it_was_told_are_counted_and_listed_until_then() {
    let mut over = 0;
    for seed in 200..210 {
        let mut random = Random::of(seed);
        let place = Place::filled(&mut random).await;
        let all = place.outstanding(&Filter::default()).await.len();
        place.shorten(&mut random).await;
        let now = place.clock.now();
        let outstanding = place.outstanding(&Filter::default()).await;
        over += all - outstanding.len();
        for _ in 0..QUESTIONS {
            let question = place.question(&mut random);
            holds(&place, &question).await;
            let list = place.desk.list(question.clone(), true).await.unwrap();
            let mut listed: Vec<_> = list.map(|one| one.unwrap()).map(|one| (one.record, one.ending)).collect().await;
            let mut wanted: Vec<_> = place.outstanding(&question.filter).await;
            wanted.sort_by_key(|record| record.url.id.number);
            listed.sort_by_key(|(record, _)| record.url.id.number);
            for ((listed, ending), wanted) in listed.iter().zip(&wanted) {
                assert_eq!((listed, ending), (wanted, &place.ending(&question.event, &as_known(wanted))));
            }
            assert_eq!(listed.len(), wanted.len());
        }
        let left = Filter { usable_after: Some(now), ..Filter::default() };
        assert_eq!(place.registry.count(ASKER, &left).await.unwrap(), outstanding.len() as u64);
        for row in place.registry.sessions(ASKER, None).await.unwrap() {
            let own = outstanding.iter().filter(|record| record.session.id == row.session.id);
            let last = own.clone().map(Record::usable_until).max();
            assert_eq!((row.outstanding, row.last_url_ends_at.filter(|end| *end > now)), (own.count() as u64, last));
        }
    }
    assert!(over > 50, "{over}");
}

#[tokio::test(start_paused = true)]
async fn an_end_in_the_second_of_the_event_is_no_loss() {
    let mut random = Random::of(1);
    let place = Place::empty(700).await;
    for end in [899, 900, 901, 1000, 1001, 1799, 1800, 1801] {
        place.add(&mut random, end).await;
    }
    for happens in [700, 899, 900, 901, 999, 1000, 1001, 1800, 1801, 1802] {
        let what = deny(presignd::impact::event::Statement { bucket: String::new(), ..statement(Policy::Scp) });
        let event = Event { at: at(happens), settles_within: SETTLES_WITHIN, endpoint: None, what };
        holds(&place, &Question { uid: ASKER, event, filter: Filter::default(), by_on_behalf_of: false }).await;
    }
}

/// As many callers as URLs: no two of them are counted together.
#[tokio::test(start_paused = true)]
async fn more_groups_than_are_held_are_read_in_parts_and_none_is_lost() {
    let mut random = Random::of(2);
    let place = Place::empty(700).await;
    let count = MOST_OPEN + TALLY_PAGE + 1000;
    let template = place.url(&mut random, 4000);
    let urls = (0..count).map(|number| {
        let end = 1000 + i64::try_from(number % 3600).unwrap();
        IssuedUrl {
            id: place.registry.next_url_id(),
            signed_at: at(0),
            ttl: Ttl::new(end.unsigned_abs()).unwrap(),
            caller: Caller { uid: u32::try_from(number).unwrap(), ..template.caller.clone() },
            what: if number % 2 == 0 { made::get().what } else { made::ask(Operation::HeadObject).key("x").url().what },
            ..template.clone()
        }
    });
    place.append(urls.collect()).await;
    let event = Event {
        at: at(2000),
        settles_within: SETTLES_WITHIN,
        endpoint: None,
        what: What::ObjectDeleted(made::object("", Some(false))),
    };
    for filter in [Filter::default(), Filter { on_behalf_of: Some(template.on_behalf_of), ..Filter::default() }] {
        let question = Question { uid: ASKER, event: event.clone(), filter, by_on_behalf_of: false };
        let records = place.outstanding(&question.filter).await;
        assert_eq!(records.len(), count);
        let (expected, answer) = (read(&place, &question, &records), place.desk.assess(&question).await.unwrap());
        assert_eq!(answer.report.totals(), expected.totals());
        assert_eq!(answer.report.curve(), expected.curve());
        assert!(answer.gaps.iter().any(|gap| gap.reason == GapReason::GroupsBounded), "{:?}", answer.gaps);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_is_said() {
    let place = Place::empty(700).await;
    place.add(&mut Random::of(3), 4000).await;
    let reasons = async |happens: i64, what: What| {
        let event = Event { at: at(happens), settles_within: SETTLES_WITHIN, endpoint: None, what };
        let question = Question { uid: ASKER, event, filter: Filter::default(), by_on_behalf_of: false };
        let gaps = place.desk.assess(&question).await.unwrap().gaps;
        gaps.into_iter().map(|gap| gap.reason).collect::<Vec<_>>()
    };
    let always = [GapReason::SignedElsewhere, GapReason::RegistryStarted];
    let key = |id: &str| What::KeyDeleted { access_key_id: id.to_owned() };
    let bucket = |name: &str| What::BucketDeleted { bucket: name.to_owned() };
    assert_eq!(reasons(700, key(USER_KEY)).await, always);
    assert_eq!(
        reasons(700, key("AKIATYPO")).await,
        [&always[..], &[GapReason::NotSeen, GapReason::NameUnknown]].concat()
    );
    assert_eq!(reasons(700, bucket(BUCKET)).await, always);
    assert_eq!(reasons(800, bucket(BUCKET)).await, [&always[..], &[GapReason::NotYetSigned]].concat());
    assert_eq!(reasons(600, bucket(BUCKET)).await, [&always[..], &[GapReason::EndedSince]].concat());
    assert_eq!(
        reasons(800, bucket("photo")).await,
        [&always[..], &[GapReason::NotYetSigned, GapReason::NotSeen, GapReason::NameUnknown]].concat()
    );
    // It signs, and has nothing outstanding.
    tokio::time::advance(std::time::Duration::from_secs(4000)).await;
    let names = async |what: What| reasons(5000, what).await.contains(&GapReason::NameUnknown);
    let principal = |arn: &str| presignd::impact::event::Principal { arn: arn.into(), unique_id: String::new() };
    for (what, is_unknown) in [
        (key(USER_KEY), false),
        (What::KeyRotated { access_key_id: "AKIATYPO".into() }, true),
        (bucket(BUCKET), false),
        (bucket("photo"), true),
        (What::UserDeleted(principal(made::USER_ARN)), false),
        (What::UserDeleted(principal("arn:aws:iam::111122223333:user/typo")), true),
        (What::RoleDeleted(principal("arn:aws:iam::111122223333:role/typo")), true),
        (What::AccountClosed { account: "111122223333".into() }, false),
        (What::AccountClosed { account: "999999999999".into() }, true),
        (What::IdentityProviderRemoved { arn: "arn:aws:iam::111122223333:oidc-provider/x".into() }, false),
        (deny(statement(Policy::Bucket)), false),
        (deny(presignd::impact::event::Statement { bucket: "photo".into(), ..statement(Policy::Bucket) }), true),
    ] {
        assert_eq!(names(what.clone()).await, is_unknown, "{what:?}");
    }
}

/// Any user may have assumed a role, where nobody was told who did.
#[tokio::test(start_paused = true)]
async fn a_user_whom_nobody_has_met_is_asked_about_also_where_sessions_of_roles_outlive_every_user() {
    let (place, mut random) = (Place::empty(700).await, Random::of(7));
    let role = made::signed(presignd::session::CredentialKind::AssumeRole);
    place.enrol("role", made::Signed { parent: None, ..role }).await;
    for end in 4000..4008 {
        place.add(&mut random, end).await;
    }
    for (arn, is_unknown) in [(made::USER_ARN, false), ("arn:aws:iam::111122223333:user/typo", true)] {
        let whose = presignd::impact::event::Principal { arn: arn.into(), unique_id: String::new() };
        let event =
            Event { at: at(700), settles_within: SETTLES_WITHIN, endpoint: None, what: What::UserDeleted(whose) };
        let question = Question { uid: ASKER, event, filter: Filter::default(), by_on_behalf_of: false };
        let gaps = place.desk.assess(&question).await.unwrap().gaps;
        assert_eq!(gaps.iter().any(|gap| gap.reason == GapReason::NameUnknown), is_unknown, "{arn}: {gaps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_of_a_week_holds_all_that_it_issued_and_still_lives() {
    let place = Place::empty(700).await;
    tokio::time::advance(std::time::Duration::from_secs(604_800)).await;
    let event = Event {
        at: place.clock.now(),
        settles_within: SETTLES_WITHIN,
        endpoint: None,
        what: What::BucketDeleted { bucket: BUCKET.into() },
    };
    let question = Question { uid: ASKER, event, filter: Filter::default(), by_on_behalf_of: false };
    let gaps = place.desk.assess(&question).await.unwrap().gaps;
    assert!(gaps.iter().all(|gap| gap.reason != GapReason::RegistryStarted), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_there_is_an_error_and_a_key_that_is_not_is_a_gap() {
    let place = Place::empty(700).await;
    let ask = async |what: What| {
        let event = Event { at: at(700), settles_within: SETTLES_WITHIN, endpoint: None, what };
        let question = Question { uid: ASKER, event, filter: Filter::default(), by_on_behalf_of: false };
        place.desk.assess(&question).await.map(drop).map_err(|error| (error.verdict().1, error.to_string()))
    };
    let (reason, message) = ask(What::SessionExpired(made::id(7))).await.unwrap_err();
    assert!(reason == "SESSION_NOT_FOUND" && message.contains("is of registry"), "{reason} {message}");
    let own = presignd::session::RecordId { instance: place.registry.instance(), number: 77 };
    let (reason, message) = ask(What::SessionExpired(own)).await.unwrap_err();
    assert!(reason == "SESSION_NOT_FOUND" && message.contains("no session has the id"), "{reason} {message}");
    ask(What::KeyDeleted { access_key_id: "AKIATYPO".into() }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn tenants_are_counted_only_by_what_they_lose() {
    let mut random = Random::of(4);
    let place = Place::filled(&mut random).await;
    let event = Event {
        at: place.clock.now(),
        settles_within: SETTLES_WITHIN,
        endpoint: None,
        what: What::BucketDeleted { bucket: BUCKET.into() },
    };
    let question = Question { uid: ASKER, event, filter: Filter::default(), by_on_behalf_of: true };
    let groups = place.desk.assess(&question).await.unwrap().report.groups();
    let tenants: Vec<_> = groups.iter().filter(|group| group.by == By::OnBehalfOf).collect();
    assert!(tenants.len() > 1 && tenants.iter().all(|group| group.totals.lives == 0), "{tenants:?}");
}

#[test]
fn the_page_lists_every_gap() {
    let page = include_str!("../../docs/impact.md");
    let (_, section) = page.split_once("\n## What is not in an answer\n").expect("the page has that section");
    let listed = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let told: Vec<&str> = GapReason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(listed.collect::<Vec<_>>(), told);
}

const SEEDS: u64 = 6;
const QUESTIONS: usize = 60;
