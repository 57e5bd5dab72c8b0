//! What was reported or seen, in the answers about what would happen next.

use futures_util::StreamExt;
use presignd::assess::{Assessment, EarlyEnd, GapReason, Question};
use presignd::impact::ending::Verdict;
use presignd::impact::event::{Event, Policy, SETTLES_WITHIN, Statement, What};
use presignd::impact::reason::Reason;
use presignd::issued::{Filter, IssuedUrl};
use presignd::registry::{EventKind, NewEvent, TallyFilter};
use presignd::s3::operation::Operation;
use presignd::session::RecordId;
use serde_json::json;

use crate::made::{self, BUCKET, USER_KEY, at};
use crate::place::{ASKER, Place, Random};

/// Seconds before now: all that the event does has been done.
const LONG_AGO: i64 = 400;

fn event(place: &Place, what: What, ago: i64) -> Event {
    Event { at: at(place.clock.now().unix() - ago), settles_within: SETTLES_WITHIN, endpoint: None, what }
}

async fn stands(place: &Place, event: &Event) -> String {
    let row = NewEvent::new(EventKind::EventHappened, json!({ "event": event }));
    let row = place.registry.note(row).await.unwrap();
    format!("{}-{}", place.registry.instance(), row.number)
}

async fn asked(place: &Place, what: What) -> Assessment {
    place.desk.assess(&about(event(place, what, 0))).await.unwrap()
}

fn about(event: Event) -> Question {
    Question { uid: ASKER, event, filter: Filter::default(), by_on_behalf_of: false }
}

fn gap(answer: &Assessment, reason: GapReason) -> Option<&str> {
    answer.gaps.iter().find(|gap| gap.reason == reason).map(|gap| gap.message.as_str())
}

/// A filled place, and three events that have happened there long ago.
async fn where_three_stand(seed: u64) -> (Place, Random, Vec<Event>) {
    let mut random = Random::of(seed);
    let place = Place::filled(&mut random).await;
    let mut stood = Vec::new();
    for _ in 0..3 {
        let what = place.question(&mut random).event.what;
        stood.push(event(&place, what, LONG_AGO));
        stands(&place, &stood[stood.len() - 1]).await;
    }
    (place, random, stood)
}

async fn of_three() -> (Place, Random) {
    let (mut random, place) = (Random::of(50), Place::empty(700).await);
    for end in [1000, 4000, 5000] {
        place.add(&mut random, end).await;
    }
    (place, random)
}

fn bucket() -> What {
    What::BucketDeleted { bucket: BUCKET.into() }
}

fn renewed() -> What {
    What::IdentityRenewed(made::identity("web"))
}

fn key() -> What {
    What::KeyDeleted { access_key_id: USER_KEY.into() }
}

#[tokio::test(start_paused = true)]
async fn what_an_event_that_stands_has_surely_ended_is_neither_alive_nor_ended_again() {
    let (place, _) = of_three().await;
    assert_eq!(asked(&place, renewed()).await.report.totals().lives, 3);
    let id = stands(&place, &event(&place, bucket(), LONG_AGO)).await;
    for what in [renewed(), key()] {
        let answer = asked(&place, what).await;
        assert_eq!(answer.report.totals().sum(), 0);
        assert!(answer.report.curve().iter().all(|point| point.alive == 0), "{:?}", answer.report.curve());
        assert_eq!(answer.report.breaks_nothing_from(), None);
        let told = gap(&answer, GapReason::EndedByEvent).unwrap();
        assert!(told.starts_with("3 more") && told.contains(&id), "{told}");
        assert_eq!(gap(&answer, GapReason::NotSeen).filter(|_| answer.report.totals().sum() > 0), None);
    }
    // Asked about itself it answers what it did.
    let answer = asked(&place, bucket()).await;
    assert_eq!((answer.report.totals().ends, gap(&answer, GapReason::EndedByEvent)), (3, None));
    assert!(gap(&answer, GapReason::EventStands).is_some_and(|told| told.contains(&id)));
}

#[tokio::test(start_paused = true)]
async fn what_an_event_may_have_ended_or_is_just_ending_is_counted_and_told() {
    let object = What::ObjectDeleted(made::object("", Some(false)));
    for (what, ago) in [(bucket(), 10), (object, LONG_AGO)] {
        let (place, _) = of_three().await;
        let id = stands(&place, &event(&place, what, ago)).await;
        let answer = asked(&place, renewed()).await;
        assert_eq!(answer.report.totals().lives, 3);
        let told = gap(&answer, GapReason::EventStands).unwrap();
        assert!(told.starts_with("Up to 3 ") && told.contains(&id), "{told}");
        assert_eq!(gap(&answer, GapReason::EndedByEvent), None);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_undone_says_that_it_keeps_from_coming_back_what_another_has_ended() {
    let (place, _) = of_three().await;
    let deactivated = What::KeyDeactivated { access_key_id: USER_KEY.into() };
    stands(&place, &event(&place, deactivated, LONG_AGO)).await;
    for (what, is_said) in [(key(), true), (renewed(), false), (made::deny(made::statement(Policy::Rcp)), false)] {
        let answer = asked(&place, what).await;
        let told = gap(&answer, GapReason::EndedByEvent).unwrap();
        assert_eq!(told.contains("never come back"), is_said, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_touches_nothing_that_is_counted_is_not_named() {
    let (mut random, place) = (Random::of(50), Place::empty(700).await);
    let get = |random: &mut Random, key| {
        let what = made::ask(Operation::GetObject).key(key).url().what;
        IssuedUrl { what, ..place.url(random, 4000) }
    };
    place.append(vec![get(&mut random, "a/1"), get(&mut random, "a/2"), get(&mut random, "b/1")]).await;
    let keys = |key_prefix: &str| {
        let denied =
            Statement { bucket: BUCKET.into(), key_prefix: key_prefix.into(), ..made::statement(Policy::Bucket) };
        made::deny(denied)
    };
    let told = async |what: What| {
        let id = stands(&place, &event(&place, what, LONG_AGO)).await;
        let answer = asked(&place, renewed()).await;
        let told = gap(&answer, GapReason::EventStands).map(ToOwned::to_owned);
        let named = told.as_ref().is_some_and(|told| told.contains(&id));
        (told.map(|told| told.split(" touched ").next().unwrap_or_default().to_owned()), named)
    };
    assert_eq!(told(keys("nothing/begins/so")).await, (None, false));
    assert_eq!(told(keys("b/")).await, (Some("Up to 1 of the counted URLs is".to_owned()), true));
    assert_eq!(told(keys("nothing/else")).await, (Some("Up to 1 of the counted URLs is".to_owned()), false));
}

#[tokio::test(start_paused = true)]
async fn a_list_tells_of_each_url_the_exact_end_that_it_has_had() {
    let (place, _) = of_three().await;
    let stood = event(&place, bucket(), LONG_AGO);
    let id = stands(&place, &stood).await;
    for (what, with_living) in [(renewed(), true), (key(), false)] {
        let list = place.desk.list(about(event(&place, what, 0)), with_living).await.unwrap();
        let listed: Vec<_> = list.map(Result::unwrap).collect().await;
        assert_eq!(listed.len(), 3);
        for one in listed {
            let (by, ended) = one.ended_by.unwrap();
            assert_eq!((by.to_string(), ended.reason), (id.clone(), Reason::BucketDeleted));
            assert_eq!(ended, place.ending(&stood, &one.record));
            assert_eq!((one.standing, one.is_counted), (vec![EarlyEnd { event: by, ending: ended }], false));
            assert_ne!(one.ending.reason, Reason::BucketDeleted, "it tells of the event that was asked about");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_not_taken_along_by_a_containment() {
    let (place, mut random) = of_three().await;
    let mut other = place.url(&mut random, 6000);
    other.what = made::ask(presignd::s3::operation::Operation::GetObject).bucket("attic").key("x").url().what;
    place.append(vec![other.clone()]).await;
    let records = place.outstanding(&Filter::default()).await;
    stands(&place, &event(&place, bucket(), LONG_AGO)).await;
    // Of one that has ended it is told what is taken along once that is undone.
    for (is_other, along) in [(true, 0), (false, 3)] {
        let record = records.iter().find(|record| (record.url.id == other.id) == is_other).unwrap();
        let answer = place.desk.contain(ASKER, record, 0, None).await.unwrap();
        let of_key =
            |one: &&presignd::assess::Costed| matches!(one.containment.event.what, What::KeyDeactivated { .. });
        assert_eq!(answer.containments.iter().find(of_key).unwrap().takes_along, along);
        let leaves_out = answer.gaps.iter().any(|gap| gap.reason == GapReason::EndedByEvent);
        assert_eq!(leaves_out, is_other, "{:?}", answer.gaps);
    }
}

/// Both ended it, and either is asked about.
#[tokio::test(start_paused = true)]
async fn what_an_event_that_stands_has_ended_is_its_answer_also_where_another_ended_it_as_well() {
    let (place, _) = of_three().await;
    let deactivated = || What::KeyDeactivated { access_key_id: USER_KEY.into() };
    for (what, ago) in [(bucket(), LONG_AGO), (deactivated(), LONG_AGO + 60)] {
        stands(&place, &event(&place, what, ago)).await;
    }
    for what in [bucket(), deactivated()] {
        let answer = asked(&place, what.clone()).await;
        assert_eq!((answer.report.totals().ends, gap(&answer, GapReason::EndedByEvent)), (3, None), "{what:?}");
        let question =
            Question { uid: ASKER, event: event(&place, what, 0), filter: Filter::default(), by_on_behalf_of: false };
        let list = place.desk.list(question, false).await.unwrap();
        let listed: Vec<_> = list.map(Result::unwrap).collect().await;
        assert!(
            listed.iter().all(|one| one.is_counted && one.ended_by.is_none() && one.standing.len() == 2),
            "{listed:?}"
        );
    }
    let answer = asked(&place, key()).await;
    assert_eq!(answer.report.totals().ends, 0, "what does not stand takes only what is left");
}

/// A key that is inactive may be activated again, and one that is deleted may not.
#[tokio::test(start_paused = true)]
async fn what_may_come_back_is_taken_along_by_what_ends_it_for_good() {
    let (place, _) = of_three().await;
    stands(&place, &event(&place, What::KeyDeactivated { access_key_id: USER_KEY.into() }, LONG_AGO)).await;
    let records = place.outstanding(&Filter::default()).await;
    let answer = place.desk.contain(ASKER, &records[0], 0, None).await.unwrap();
    let deleted = |one: &&presignd::assess::Costed| matches!(one.containment.event.what, What::KeyDeleted { .. });
    assert_eq!(answer.containments.iter().find(deleted).map(|one| one.takes_along), Some(2));
}

#[tokio::test(start_paused = true)]
async fn of_a_url_that_has_ended_containment_says_so_and_lists_nothing_that_cannot_matter() {
    let deactivated = || What::KeyDeactivated { access_key_id: USER_KEY.into() };
    let told = async |stood: &[(What, i64)]| {
        let (place, _) = of_three().await;
        let record = place.outstanding(&Filter::default()).await.pop().unwrap();
        let mut ids = Vec::new();
        for (what, ago) in stood {
            ids.push(stands(&place, &event(&place, what.clone(), *ago)).await);
        }
        let answer = place.desk.contain(ASKER, &record, 0, None).await.unwrap();
        let over = answer.gaps.iter().find(|gap| gap.reason == GapReason::AlreadyEnded).map(|gap| gap.message.clone());
        let ways: Vec<What> = answer.containments.into_iter().map(|one| one.containment.event.what).collect();
        (over, ways, ids, record.usable_until())
    };
    let (over, all, _, _) = told(&[]).await;
    assert_eq!(over, None);
    assert!(all.contains(&deactivated()) && all.contains(&key()), "{all:?}");
    // For good: nothing is left to do.
    let (over, ways, ids, _) = told(&[(key(), LONG_AGO)]).await;
    let over = over.unwrap();
    assert!(over.contains(&format!("event {} did that between", ids[0])) && over.contains("for good"), "{over}");
    assert!(ways.is_empty(), "{ways:?}");
    // It may come back, and what did it need not be done again.
    let (over, ways, ids, until) = told(&[(deactivated(), LONG_AGO)]).await;
    let over = over.unwrap();
    assert!(over.contains(&ids[0]) && over.contains(&format!("works again until {until}")), "{over}");
    assert!(!ways.contains(&deactivated()) && ways.len() == all.len() - 1, "{ways:?}");
    // Both: the surer of them decides.
    let (over, ways, ids, _) = told(&[(deactivated(), LONG_AGO), (key(), LONG_AGO + 10)]).await;
    let over = over.unwrap();
    assert!(ids.iter().all(|id| over.contains(id)) && over.contains("the first of them between"), "{over}");
    assert!(over.contains("for good") && ways.is_empty(), "{over}");
    // It is ending, and works until then perhaps.
    let (over, ways, ..) = told(&[(deactivated(), 10)]).await;
    assert!(over.is_none() && !ways.contains(&deactivated()) && ways.contains(&key()), "{over:?} {ways:?}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_nothing_has_is_doubted_also_where_another_event_has_ended_what_there_is() {
    let (place, _) = of_three().await;
    stands(&place, &event(&place, bucket(), LONG_AGO)).await;
    let below = |prefix: &str| {
        made::deny(Statement { bucket: BUCKET.into(), key_prefix: prefix.into(), ..made::statement(Policy::Bucket) })
    };
    for (what, is_unknown) in [
        (key(), false),
        (below(made::KEY), false),
        (below(&format!("{}*", made::KEY)), true),
        (What::BucketDeleted { bucket: "photso".into() }, true),
    ] {
        let answer = asked(&place, what.clone()).await;
        assert_eq!(gap(&answer, GapReason::NameUnknown).is_some(), is_unknown, "{what:?}: {:?}", answer.gaps);
    }
}

/// Whatever stands and whatever is asked: a URL that may work is never left out of a count.
#[tokio::test(start_paused = true)]
async fn nothing_is_left_out_that_may_be_alive() {
    let mut left_out = 0;
    for seed in 60..68 {
        let (place, mut random, stood) = where_three_stand(seed).await;
        for _ in 0..20 {
            let question = place.question(&mut random);
            let records = place.outstanding(&question.filter).await;
            let over = |record: &&presignd::issued::Record| {
                let others = stood.iter().filter(|stood| !stood.is_of_the_same(&question.event));
                others
                    .map(|stood| place.ending(stood, record))
                    .any(|ending| ending.verdict == Verdict::Ends && ending.not_after <= place.clock.now())
            };
            let over = records.iter().filter(over).count() as u64;
            let answer = place.desk.assess(&question).await.unwrap();
            let missing = records.len() as u64 - answer.report.totals().sum();
            assert!(missing <= over, "{missing} of {over} {stood:?} {question:?}");
            assert_eq!(gap(&answer, GapReason::EndedByEvent).is_some(), missing > 0);
            left_out += missing;
        }
    }
    assert!(left_out > 100, "{left_out}");
}

/// Whatever stands and whatever is asked: by verdict a list holds as many URLs that are counted as the totals count.
#[tokio::test(start_paused = true)]
async fn totals_and_list_agree_on_every_verdict_whatever_stands() {
    let (mut uncounted, mut told) = (0, 0);
    for seed in 70..78 {
        let mut random = Random::of(seed);
        let place = Place::filled(&mut random).await;
        for ago in [LONG_AGO, LONG_AGO, 10] {
            let what = place.question(&mut random).event.what;
            stands(&place, &event(&place, what, ago)).await;
        }
        for _ in 0..20 {
            let question = place.question(&mut random);
            let answer = place.desk.assess(&question).await.unwrap();
            let list = place.desk.list(question.clone(), true).await.unwrap();
            let listed: Vec<_> = list.map(Result::unwrap).collect().await;
            let of =
                |verdict| listed.iter().filter(|one| one.is_counted && one.ending.verdict == verdict).count() as u64;
            let totals = answer.report.totals();
            assert_eq!(
                (totals.ends, totals.may_end, totals.lives),
                (of(Verdict::Ends), of(Verdict::MayEnd), of(Verdict::Lives)),
                "{question:?}"
            );
            assert!(listed.iter().all(|one| one.is_counted || one.ended_by.is_some()), "{question:?}");
            uncounted += listed.iter().filter(|one| !one.is_counted).count();
            let over = listed.iter().any(|one| one.is_counted && one.ended_by.is_some());
            assert!(!over || gap(&answer, GapReason::EventStands).is_some(), "{question:?}");
            told += usize::from(over);
        }
    }
    assert!(uncounted > 100 && told > 5, "{uncounted} {told}");
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_hides_all_that_an_event_ends_is_told_and_does_not_reassure() {
    let (place, _) = of_three().await;
    let hides = async |what: What, bucket: Option<&str>| {
        let filter = Filter { bucket: bucket.map(str::to_owned), ..Filter::default() };
        let question = Question { filter, ..about(event(&place, what, 0)) };
        let answer = place.desk.assess(&question).await.unwrap();
        gap(&answer, GapReason::FilterHides).map(str::to_owned)
    };
    let told = hides(key(), Some("pho")).await.unwrap();
    assert!(told.contains(" 3 outstanding URLs"), "{told}");
    assert_eq!(hides(key(), Some(BUCKET)).await, None);
    assert_eq!(hides(key(), None).await, None);
    assert_eq!(hides(renewed(), Some("pho")).await, None);
    let (far, text) = (Some(at(place.clock.now().unix() + 10)), || Some("nosuch".to_owned()));
    let every = [
        Filter { identity: Some(made::identity("nosuch")), ..Filter::default() },
        Filter { session: Some(RecordId { number: 99, instance: place.registry.instance() }), ..Filter::default() },
        Filter { access_key_id: text(), ..Filter::default() },
        Filter { key_prefix: text(), ..Filter::default() },
        Filter { operations: vec![Operation::UploadPartCopy], ..Filter::default() },
        Filter { uid: Some(99), ..Filter::default() },
        Filter { on_behalf_of: text(), ..Filter::default() },
        Filter { labels: vec![("no".into(), "such".into())], ..Filter::default() },
        Filter { signed_from: far, ..Filter::default() },
        Filter { signed_before: Some(at(-10_000_000)), ..Filter::default() },
        Filter { usable_after: Some(at(9000)), ..Filter::default() },
    ];
    for filter in every {
        let question = Question { filter: filter.clone(), ..about(event(&place, key(), 0)) };
        let answer = place.desk.assess(&question).await.unwrap();
        let told = gap(&answer, GapReason::FilterHides).unwrap_or_default();
        assert!(told.contains(" 3 outstanding URLs"), "{filter:?} {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_of_a_session_is_what_has_ended_of_its_records_in_every_slot() {
    let (place, mut random) = of_three().await;
    // The slot that is under way has no tally yet.
    place.add(&mut random, 850).await;
    let mut other = place.url(&mut random, 6000);
    other.what = made::ask(presignd::s3::operation::Operation::GetObject).bucket("attic").key("x").url().what;
    place.append(vec![other.clone()]).await;
    let of = |session| TallyFilter { session, ..TallyFilter::default() };
    assert!(place.desk.ended(ASKER, &of(None)).await.unwrap().is_empty());
    stands(&place, &event(&place, What::AllowRemoved(made::statement(Policy::Bucket)), LONG_AGO)).await;
    stands(&place, &event(&place, What::BucketDeleted { bucket: "attic".into() }, 10)).await;
    assert!(place.desk.ended(ASKER, &of(None)).await.unwrap().is_empty(), "what is not sure is not counted");
    let id = stands(&place, &event(&place, What::ObjectDeleted(made::object("", Some(false))), LONG_AGO)).await;
    let ended = &place.desk.ended(ASKER, &of(None)).await.unwrap()[&other.session];
    assert_eq!((ended.urls, ended.by_what()), (4, format!("event {id} stands")), "of one key");
    let id = stands(&place, &event(&place, bucket(), LONG_AGO)).await;
    for which in [None, Some(other.session)] {
        let ended = place.desk.ended(ASKER, &of(which)).await.unwrap();
        assert_eq!(ended.len(), 1);
        let ended = &ended[&other.session];
        assert_eq!((ended.urls, ended.by_what()), (4, format!("event {id} stands")));
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_of_sessions_is_what_reading_every_url_says() {
    let mut over = 0;
    for seed in 90..98 {
        let (place, _, stood) = where_three_stand(seed).await;
        let has_ended = |record: &&presignd::issued::Record| {
            let endings = stood.iter().map(|stood| place.ending(stood, record));
            endings.into_iter().any(|one| one.verdict == Verdict::Ends && one.not_after <= place.clock.now())
        };
        let mut wanted = std::collections::BTreeMap::<u64, u64>::new();
        for record in place.outstanding(&Filter::default()).await.iter().filter(has_ended) {
            *wanted.entry(record.session.id.number).or_default() += 1;
        }
        let told = place.desk.ended(ASKER, &TallyFilter::default()).await.unwrap();
        let told: std::collections::BTreeMap<_, _> = told.iter().map(|(id, one)| (id.number, one.urls)).collect();
        assert_eq!(told, wanted, "{stood:?}");
        over += wanted.values().sum::<u64>();
    }
    assert!(over > 100, "{over}");
}
