//! Request ids: a call that is made again gets what it got before.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::time::Duration;

use presignd::registry::{Append, Appended, Error, MAX_REQUEST_IDS, Remembered, RequestId};

use super::made::{NOW, append, request, under, url};
use super::place::{Place, numbers};

/// The numbers of the records that held the ids already.
fn holders(outcomes: &[Appended]) -> Vec<Option<u64>> {
    let holder = |outcome: &Appended| match outcome {
        Appended::Recorded => None,
        Appended::Already(remembered) => Some(remembered.record.url.id.number),
    };
    outcomes.iter().map(holder).collect()
}

pub(crate) async fn a_repeated_request_id_leads_to_the_first_record(place: Place) {
    let (registry, session) = place.with_session().await;
    let make = |key: &str| url(&registry, &session, request(key));
    let (one, two, three) = (make("one"), make("two"), make("three"));
    registry.append(vec![under(&one, "id", 1)]).await.unwrap();
    let outcomes = registry.append(vec![append(&three), under(&two, "id", 2)]).await.unwrap();
    assert_eq!(holders(&outcomes), [None, Some(one.id.number)]);
    let Appended::Already(first) = &outcomes[1] else { panic!("recorded twice") };
    assert_eq!(first.asked_sha256, [1; 32]);
    assert_eq!(registry.remembered(1000, "id").await.unwrap().as_ref(), Some(first.as_ref()));
    assert_eq!(numbers(&registry, Default::default()).await, [three.id.number, one.id.number]);

    // The id is its caller's own.
    assert_eq!(registry.remembered(1001, "id").await.unwrap(), None);
    let mut of_another = make("four");
    of_another.caller.uid = 1001;
    assert_eq!(holders(&registry.append(vec![under(&of_another, "id", 3)]).await.unwrap()), [None]);

    // Within one call the first item has it, and after a restart it is still remembered.
    let (five, six) = (make("five"), make("six"));
    let outcomes = registry.append(vec![under(&five, "same", 5), under(&six, "same", 5)]).await.unwrap();
    assert_eq!(holders(&outcomes), [None, Some(five.id.number)]);
    registry.close().await;
    let again = place.open().await;
    let remembered = again.remembered(1000, "same").await.unwrap().map(|remembered| remembered.record.url);
    assert_eq!(remembered, Some(five));
}

pub(crate) async fn a_request_id_passes_to_the_record_that_supersedes_its_holder(place: Place) {
    let (registry, session) = place.with_session().await;
    let make = || url(&registry, &session, request("k"));
    let (one, two, three) = (make(), make(), make());
    let instead = |url, of| {
        let request = RequestId { id: "id".to_owned(), asked_sha256: [1; 32], supersedes: Some(of) };
        Append { request: Some(request), ..append(url) }
    };
    registry.append(vec![under(&one, "id", 1)]).await.unwrap();
    assert_eq!(holders(&registry.append(vec![instead(&two, one.id)]).await.unwrap()), [None]);
    // Another retry that read the first holder comes too late.
    assert_eq!(holders(&registry.append(vec![instead(&three, one.id)]).await.unwrap()), [Some(two.id.number)]);
    let holder = registry.remembered(1000, "id").await.unwrap().map(|remembered| remembered.record.url.id);
    assert_eq!(holder, Some(two.id));
}

pub(crate) async fn a_request_id_lasts_ten_minutes(place: Place) {
    let (registry, session) = place.with_session().await;
    let (one, two) = (url(&registry, &session, request("k")), url(&registry, &session, request("k")));
    registry.append(vec![under(&one, "id", 1)]).await.unwrap();
    tokio::time::advance(Duration::from_secs(599)).await;
    let held: Option<Remembered> = registry.remembered(1000, "id").await.unwrap();
    assert!(held.is_some());
    assert_eq!(holders(&registry.append(vec![under(&two, "id", 1)]).await.unwrap()), [Some(one.id.number)]);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(registry.remembered(1000, "id").await.unwrap(), None);
    assert_eq!(holders(&registry.append(vec![under(&two, "id", 1)]).await.unwrap()), [None]);
}

#[tokio::test(start_paused = true)]
async fn request_ids_of_a_uid_are_bounded_and_make_room_with_time() {
    let place = Place::new();
    let (registry, session) = place.with_session().await;
    let one = url(&registry, &session, request("k"));
    registry.append(vec![under(&one, "0", 1)]).await.unwrap();
    registry.close().await;
    let file = rusqlite::Connection::open(place.path()).unwrap();
    // The second half comes five minutes later.
    let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1) \
                INSERT INTO requests SELECT 1000, i, zeroblob(32), 1, ?2 + 300 * (i >= 50000) FROM n";
    file.execute(fill, (MAX_REQUEST_IDS.cast_signed(), NOW)).unwrap();
    drop(file);

    let registry = place.open().await;
    let make = || url(&registry, &session, request("k"));
    let mut of_another = make();
    of_another.caller.uid = 1001;
    registry.append(vec![under(&of_another, "new", 1)]).await.unwrap();
    let outcome = registry.append(vec![append(&make()), under(&make(), "new", 1)]).await;
    assert!(matches!(outcome, Err(Error::TooManyRequestIds)));
    assert_eq!(numbers(&registry, Default::default()).await.len(), 2, "nothing of the refused call is written");
    let known = registry.append(vec![under(&make(), "0", 1)]).await.unwrap();
    assert_eq!(holders(&known), [Some(1)], "an id that is held is not refused");
    registry.append(vec![append(&make())]).await.unwrap();
    tokio::time::advance(Duration::from_secs(600)).await;
    assert_eq!(holders(&registry.append(vec![under(&make(), "new", 1)]).await.unwrap()), [None]);
}
