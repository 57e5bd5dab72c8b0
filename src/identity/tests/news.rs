//! What somebody changes where the source reads: it waits for no backoff and no pause, and nothing else is asked sooner.

use super::*;

/// A pause far longer than the ten seconds between two looks.
async fn kit(turns: &[Turn], tells_changes: bool) -> Kit {
    Kit::of(turns, Pace { headroom: None, min_pause: Duration::from_secs(600) }, tells_changes).await
}

impl Kit {
    fn mend(&self, turn: Turn) {
        *self.turns.lock().unwrap() = VecDeque::from([turn]);
        self.news.store(true, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn what_somebody_mends_waits_for_no_backoff() {
    let pace = Pace { headroom: None, min_pause: Duration::from_secs(1) };
    let kit = Kit::of(&[Turn::Fails], pace, true).await;
    let is_far = |kit: &Kit| {
        let next = kit.identity.status().next_renewal_at;
        next.and_then(|at| kit.clock.now().until(at)).is_some_and(|wait| wait > Duration::from_secs(60))
    };
    while !is_far(&kit) {
        kit.seconds(5).await;
    }
    let asked = kit.asked();
    kit.seconds(30).await;
    assert_eq!((kit.asked(), kit.generation()), (asked, None), "looks without news are no attempts");
    kit.mend(Turn::Fresh(360_000));
    kit.seconds(20).await;
    assert_eq!((kit.asked(), kit.generation()), (asked + 1, Some(1)));
}

#[tokio::test]
async fn what_somebody_changes_waits_for_no_pause() {
    let kit = kit(&[Turn::Fresh(360_000)], true).await;
    kit.identity.renew().await.unwrap();
    kit.mend(Turn::Fresh(360_000));
    kit.seconds(20).await;
    assert_eq!((kit.asked(), kit.generation()), (2, Some(2)));
}

#[tokio::test]
async fn a_caller_who_waits_for_the_pause_has_what_somebody_changes_meanwhile() {
    let kit = kit(&[Turn::Fresh(360_000)], true).await;
    kit.identity.renew().await.unwrap();
    let identity = Arc::clone(&kit.identity);
    let waits = tokio::spawn(async move { identity.renew().await.map(|live| live.session.generation) });
    kit.seconds(30).await;
    assert_eq!(kit.asked(), 1, "the pause");
    kit.mend(Turn::Fresh(360_000));
    kit.seconds(20).await;
    assert_eq!((kit.asked(), waits.await.unwrap().unwrap()), (2, 2));
}

#[tokio::test]
async fn a_source_that_has_to_be_asked_for_news_has_its_pause() {
    let kit = kit(&[Turn::Fresh(360_000)], false).await;
    kit.identity.renew().await.unwrap();
    kit.mend(Turn::Fresh(360_000));
    kit.seconds(500).await;
    assert_eq!(kit.asked(), 1);
    kit.seconds(200).await;
    assert_eq!((kit.asked(), kit.generation()), (2, Some(2)));
}
