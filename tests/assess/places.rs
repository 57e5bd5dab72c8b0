//! One name, two buckets: at AWS and at another store.

use presignd::assess::{GapReason, Question};
use presignd::impact::event::{Event, SETTLES_WITHIN, What};
use presignd::issued::Filter;
use presignd::s3::Region;
use presignd::s3::operation::Operation;
use presignd::signer::realm::Realm;

use crate::made::{self, BUCKET};
use crate::place::{ASKER, Place, Random};

const STORE: &str = "store.example:9000";

async fn add(place: &Place, random: &mut Random, host: &str, urls: i64) {
    let mut batch = Vec::new();
    for number in 0..urls {
        let mut url = place.url(random, 5000 + number);
        url.what = made::get().what;
        url.region = Region::parse("eu-central-1").unwrap();
        url.host = host.to_owned();
        batch.push(url);
    }
    place.append(batch).await;
}

fn deleted(place: &Place, endpoint: Option<&str>) -> Question {
    let what = What::BucketDeleted { bucket: BUCKET.into() };
    let endpoint = endpoint.map(|text| Realm::parse(text).unwrap());
    let event = Event { at: place.clock.now(), settles_within: SETTLES_WITHIN, endpoint, what };
    Question { uid: ASKER, event, filter: Filter::default(), by_on_behalf_of: false }
}

/// Those that end, and what is said of several endpoints.
async fn told(place: &Place, endpoint: Option<&str>) -> (u64, Option<String>) {
    let answer = place.desk.assess(&deleted(place, endpoint)).await.unwrap();
    let gap = answer.gaps.into_iter().find(|gap| gap.reason == GapReason::SeveralEndpoints);
    (answer.report.totals().ends, gap.map(|gap| gap.message))
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_is_known_at_two_endpoints_is_said_to_be_and_each_can_be_meant() {
    let (place, mut random) = (Place::empty(700).await, Random::of(60));
    add(&place, &mut random, "photos.s3.eu-central-1.amazonaws.com", 3).await;
    add(&place, &mut random, "photos.s3.dualstack.eu-central-1.amazonaws.com", 2).await;
    assert_eq!(told(&place, None).await, (5, None), "hosts of AWS are one place");
    assert_eq!(told(&place, Some("aws")).await, (5, None));
    assert_eq!(told(&place, Some(STORE)).await, (0, None));
    add(&place, &mut random, STORE, 4).await;
    add(&place, &mut random, "photos.store.example:9000", 1).await;
    let (ends, gap) = told(&place, None).await;
    let gap = gap.unwrap();
    assert_eq!(ends, 10, "nobody said which");
    assert!(gap.starts_with("photos is known at 2 endpoints: aws, store.example:9000."), "{gap}");
    assert_eq!([told(&place, Some("aws")).await, told(&place, Some(STORE)).await], [(5, None), (5, None)]);
}

#[tokio::test(start_paused = true)]
async fn a_leak_at_one_store_takes_nothing_along_at_another() {
    let (place, mut random) = (Place::empty(700).await, Random::of(61));
    add(&place, &mut random, "photos.s3.eu-central-1.amazonaws.com", 3).await;
    add(&place, &mut random, STORE, 4).await;
    for record in place.outstanding(&Filter::default()).await {
        let answer = place.desk.contain(ASKER, &record, 0, None).await.unwrap();
        let own = if record.url.host == STORE { 3 } else { 2 };
        let of_bucket = answer.containments.iter().filter(|one| one.containment.event.bucket().is_some());
        let prices: Vec<u64> = of_bucket.map(|one| one.takes_along).collect();
        assert!(prices.len() > 3 && prices.iter().all(|along| *along == own), "{prices:?} of {}", record.url.host);
    }
}

#[tokio::test(start_paused = true)]
async fn a_leak_through_an_alias_says_which_ways_are_left_out_and_others_have_none_to_leave_out() {
    let (place, mut random) = (Place::empty(700).await, Random::of(62));
    add(&place, &mut random, "photos.s3.eu-central-1.amazonaws.com", 1).await;
    let mut url = place.url(&mut random, 5001);
    url.what = made::ask(Operation::GetObject).bucket("photos-abc-s3alias").url().what;
    place.append(vec![url]).await;
    let mut told = Vec::new();
    for record in place.outstanding(&Filter::default()).await {
        let answer = place.desk.contain(ASKER, &record, 0, None).await.unwrap();
        let gap = answer.gaps.iter().find(|gap| gap.reason == GapReason::AliasUnresolved);
        let named = gap.is_some_and(|gap| gap.message.starts_with("photos-abc-s3alias is an alias"));
        told.push((record.url.what.bucket().as_str().to_owned(), named));
    }
    told.sort();
    assert_eq!(told, [("photos".to_owned(), false), ("photos-abc-s3alias".to_owned(), true)]);
}
