//! A watcher over a real registry, whose readers are busy.

use std::sync::Arc;

use futures_util::FutureExt;

use super::*;
use crate::impact::event::{Event, What};
use crate::registry::{NewEvent, Options};
use crate::session::IdentityName;
use crate::telemetry::Metrics;

const UID: u32 = 7;

async fn told(watcher: &mut Watcher) -> (String, &'static str) {
    let heard = watcher.next().await.unwrap();
    let word = match heard.news {
        None => "place",
        Some(News::Told(Told::IdentityPaused(_))) => "paused",
        Some(News::Happened(_)) => "happened",
        Some(_) => "other",
    };
    (heard.cursor.to_string().split_once('-').unwrap().1.to_owned(), word)
}

#[tokio::test]
async fn a_registry_that_is_busy_is_waited_for_and_nothing_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { durable: false, ..Options::at(dir.path().join("r.db")) };
    let clock = Clock::system();
    let registry = Registry::open(options, clock.clone(), Arc::new(Metrics::new().unwrap())).await.unwrap();
    let paused = Told::IdentityPaused(IdentityName::parse("web").unwrap()).event();
    let what = What::KeyDeleted { access_key_id: "AKIAEXAMPLE".into() };
    let event = Event { at: clock.now(), settles_within: Duration::ZERO, endpoint: None, what };
    let body = serde_json::json!({"event": serde_json::to_value(event).unwrap(), "observed": false});
    for row in [paused.clone(), NewEvent::new(EventKind::EventHappened, body), paused] {
        registry.note(row).await.unwrap();
    }
    let mut watcher = Watcher::open(&registry, &clock, &Seats::default(), UID, None, From::Oldest).await.unwrap();
    assert_eq!(told(&mut watcher).await, ("0".into(), "place"));
    assert_eq!(told(&mut watcher).await, ("1".into(), "paused"));

    // Questions of the user, asked and not followed up, until the next is refused.
    let mut questions = Vec::new();
    loop {
        let mut question = registry.standing(UID).boxed();
        match (&mut question).now_or_never() {
            None => questions.push(question),
            // A reader may be so quick that it has answered already.
            Some(Ok(_)) => {}
            Some(Err(error)) => break assert!(matches!(error, registry::Error::TooManyQuestions), "{error}"),
        }
    }
    let mut next = told(&mut watcher).boxed();
    assert!((&mut next).now_or_never().is_none(), "it waits");
    drop(questions);
    assert_eq!(next.await, ("2.0".into(), "happened"), "what it was at when it had to wait");
    assert_eq!(told(&mut watcher).await, ("3".into(), "paused"));
}
