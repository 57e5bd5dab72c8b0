//! URLs one by one, and what would end one of them.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use presignd::assess::{Affected, GapReason, LIST_PAGE, Question};
use presignd::impact::ending::Verdict;
use presignd::impact::event::{Event, SETTLES_WITHIN, What};
use presignd::issued::{Filter, IssuedUrl};
use presignd::session::{CredentialKind, RecordId};

use crate::made::{self, BUCKET, Signed, at, signed};
use crate::place::{ASKER, Place, Random};

async fn all(place: &Place, question: Question, with_living: bool) -> Vec<Affected> {
    let list = place.desk.list(question, with_living).await.unwrap();
    list.map(Result::unwrap).collect().await
}

fn ids<'a>(listed: impl IntoIterator<Item = &'a Affected>) -> BTreeSet<RecordId> {
    listed.into_iter().map(|one| one.record.url.id).collect()
}

#[tokio::test(start_paused = true)]
async fn a_list_has_every_url_that_is_touched_once_with_its_own_ending() {
    let mut touched = 0;
    for seed in 10..14 {
        let mut random = Random::of(seed);
        let place = Place::filled(&mut random).await;
        for _ in 0..40 {
            let question = place.question(&mut random);
            let records = place.outstanding(&question.filter).await;
            let expected =
                records.iter().filter(|record| place.ending(&question.event, record).verdict != Verdict::Lives);
            let expected: BTreeSet<RecordId> = expected.map(|record| record.url.id).collect();
            let listed = all(&place, question.clone(), false).await;
            assert_eq!((ids(&listed), listed.len()), (expected.clone(), expected.len()), "{question:?}");
            for one in &listed {
                assert_eq!(one.ending, place.ending(&question.event, &one.record), "{question:?}");
            }
            let everything = all(&place, question.clone(), true).await;
            assert_eq!(everything.len(), records.len(), "{question:?}");
            touched += expected.len();
        }
    }
    assert!(touched > 1000, "{touched}");
}

/// With it AWS has told whose that key is.
#[tokio::test(start_paused = true)]
async fn what_the_default_chain_mints_has_the_owner_of_a_key_with_which_another_identity_signs() {
    let place = Place::empty(700).await;
    for kind in [CredentialKind::AssumeRole, CredentialKind::FederationToken] {
        let chain = Signed { parent: None, ..signed(kind) };
        let session = place.enrol(kind.as_str(), chain).await;
        place.append(vec![IssuedUrl { id: place.registry.next_url_id(), session, ..made::get() }]).await;
    }
    let deleted = async |arn: &str| {
        let what = What::UserDeleted(made::principal(arn));
        let event = Event { at: place.clock.now(), settles_within: SETTLES_WITHIN, endpoint: None, what };
        let question = Question { uid: ASKER, event, filter: Filter::default(), by_on_behalf_of: false };
        let listed = all(&place, question, true).await;
        let told = listed.iter().map(|one| (one.record.session.facts.kind, one.ending.reason.as_str()));
        told.collect::<Vec<_>>()
    };
    use CredentialKind::{AssumeRole, FederationToken};
    let own = deleted(made::USER_ARN).await;
    assert_eq!(own, [(AssumeRole, "ROLE_SESSION_OUTLIVES_USER"), (FederationToken, "USER_DELETED")]);
    let other = deleted("arn:aws:iam::111122223333:user/nobody").await;
    assert_eq!(other, [(AssumeRole, "NOT_CONCERNED"), (FederationToken, "NOT_CONCERNED")]);
}

fn bucket_deleted(place: &Place) -> Question {
    let what = What::BucketDeleted { bucket: BUCKET.into() };
    let event = Event { at: place.clock.now(), settles_within: SETTLES_WITHIN, endpoint: None, what };
    Question { uid: ASKER, event, filter: Filter::default(), by_on_behalf_of: false }
}

/// What is written meanwhile is listed when it ends after the page that is being taken: so that page was all that had
/// been read.
#[tokio::test(start_paused = true)]
async fn nothing_is_read_ahead_of_the_page_that_is_taken() {
    let mut random = Random::of(20);
    let place = Place::empty(700).await;
    let page = i64::try_from(LIST_PAGE).unwrap();
    for second in 0..page * 3 / 2 {
        place.add(&mut random, 2000 + second).await;
    }
    let mut list = Box::pin(place.desk.list(bucket_deleted(&place), false).await.unwrap());
    let mut listed = vec![list.next().await.unwrap().unwrap()];
    // One that ends with the first page, which has been read, and one that ends with the second, which has not.
    place.add(&mut random, 2000 + page / 2).await;
    place.add(&mut random, 2000 + page + 5).await;
    for _ in 1..page {
        listed.push(list.next().await.unwrap().unwrap());
    }
    // And although the first has been taken to its end.
    place.add(&mut random, 2000 + page + 6).await;
    let rest: Vec<Affected> = list.map(Result::unwrap).collect().await;
    assert_eq!((listed.len(), rest.len()), (LIST_PAGE, LIST_PAGE / 2 + 2));
}

#[tokio::test(start_paused = true)]
async fn each_way_to_contain_a_url_costs_what_it_takes_along() {
    let mut ways = 0;
    for seed in 30..33 {
        let mut random = Random::of(seed);
        let place = Place::filled(&mut random).await;
        let records = place.outstanding(&Filter::default()).await;
        for record in records.iter().step_by(records.len() / 6) {
            let answer = place.desk.contain(ASKER, record, 0, None).await.unwrap();
            for one in &answer.containments {
                let event = &one.containment.event;
                let of = |verdict| {
                    let other = |other: &&presignd::issued::Record| other.url.id != record.url.id;
                    let hit = |other: &&presignd::issued::Record| place.ending(event, other).verdict == verdict;
                    records.iter().filter(other).filter(hit).count() as u64
                };
                assert_eq!(
                    (one.takes_along, one.may_take_along),
                    (of(Verdict::Ends), of(Verdict::MayEnd)),
                    "{event:?}"
                );
            }
            assert!(answer.containments.is_sorted_by_key(presignd::assess::Costed::price), "cheapest first");
            ways += answer.containments.len();
        }
    }
    assert!(ways > 50, "{ways}");
}

#[tokio::test(start_paused = true)]
async fn what_is_over_or_is_one_of_several_is_said() {
    let mut random = Random::of(40);
    let place = Place::empty(700).await;
    place.add(&mut random, 1000).await;
    let record = place.outstanding(&Filter::default()).await.remove(0);
    let reasons = async |others| {
        let answer = place.desk.contain(ASKER, &record, others, None).await.unwrap();
        (answer.containments.is_empty(), answer.gaps.iter().map(|gap| gap.reason).collect::<Vec<_>>())
    };
    let (empty, gaps) = reasons(2).await;
    assert!(!empty && gaps.contains(&GapReason::SeveralRecords), "{gaps:?}");
    tokio::time::advance(std::time::Duration::from_secs(301)).await;
    assert!(place.clock.now() >= at(1000));
    let (empty, gaps) = reasons(0).await;
    assert!(empty && gaps.contains(&GapReason::AlreadyEnded), "{gaps:?}");
}
