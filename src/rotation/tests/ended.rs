//! A key whose URLs an event has ended, and which is waited for all the same: an event may be undone.

use super::*;

#[tokio::test]
async fn what_an_event_that_stands_has_ended_is_told_beside_what_is_outstanding_and_is_waited_for() {
    let house = House::new().await;
    let ends_at = house.sign(6000, None).await.unwrap().record.usable_until();
    house.sign(600, None).await.unwrap();
    house.put(2);
    // Once it is written down since when it drains, that does not change.
    house.until_told(&[(GenerationDraining, 1)]).await;
    house.sign(600, None).await.unwrap();
    let what = What::KeyDeactivated { access_key_id: key(1) };
    let event = |ago: u64| Event {
        at: house.clock.now() - Duration::from_secs(ago),
        settles_within: SETTLES_WITHIN,
        endpoint: None,
        what: what.clone(),
    };
    let noted = async |event: Event| {
        let body = serde_json::json!({ "event": event });
        house.registry.note(NewEvent::new(EventKind::EventHappened, body)).await.unwrap().number
    };
    noted(event(10)).await;
    assert_eq!(house.status(1).await.ended_early_urls, 0, "for all that is known it is just ending them");
    let id = RecordId { instance: house.registry.instance(), number: noted(event(400)).await };
    for _ in 0..2 {
        let status = house.status(1).await;
        assert_eq!((status.outstanding_urls, status.ended_early_urls, &*status.ended_by), (2, 2, &[id][..]));
        assert_eq!((status.state, status.safe_from), (State::Draining, Some(ends_at)), "it may be undone");
        let early =
            format!("; all of them have ended early, as long as event {id} stands: only once that is undone does");
        assert!(status.advice.starts_with("wait until ") && status.advice.contains(&early), "{}", status.advice);
        let other = house.status(2).await;
        assert_eq!((other.outstanding_urls, other.ended_early_urls, other.ended_by), (1, 0, vec![]));
        // What is decided is told with it.
        assert_eq!(house.desk.drain(UID, web(), Some(1)).await.unwrap(), status);
    }
    let early = || house.metrics.ended_early_urls.with_label_values(&["web"]).get();
    house.until("the gauge says so", async || early() == 2).await;
    let retired = house.desk.retire(UID, web(), 1, true).await.unwrap();
    assert_eq!((retired.breaks_urls, retired.status.ended_early_urls), (2, 2));
    let rows = house.registry.events(DAEMON, 0, MAX_PAGE).await.unwrap();
    let Some(Told::GenerationRetired(told)) = Told::of(rows.last().unwrap()) else { panic!("{rows:?}") };
    assert_eq!((told.ended_early_urls, told.ended_by), (2, vec![id]));
    let lifted = NewEvent::new(EventKind::EventLifted, serde_json::json!({}));
    house.registry.lift(id.number, house.clock.now(), lifted).await.unwrap();
    assert_eq!(house.status(1).await.ended_early_urls, 0);
    house.until("the gauge says that, too", async || early() == 0).await;
}
