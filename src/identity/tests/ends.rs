//! The end of a session that its source tells twice, and headroom that no session reaches.

use std::io::Write;
use std::sync::PoisonError;

use super::*;

impl Kit {
    fn ends_in(&self) -> u64 {
        self.identity.current().and_then(|live| live.session.left(self.clock.now())).map_or(0, |left| left.as_secs())
    }
}

#[tokio::test]
async fn the_same_secret_lives_no_longer_than_was_told_before() {
    let kit = Kit::new(&[Turn::Fresh(3600), Turn::Again(1800, "secret"), Turn::Again(1800, "secret")], None).await;
    let first = kit.identity.renew().await.unwrap();
    for _ in 0..2 {
        let again = kit.identity.renew().await.unwrap();
        assert_eq!(again.session.facts.expires_at, first.session.facts.expires_at);
    }
    assert_eq!(kit.generation(), Some(1));
    kit.seconds(3600).await;
    assert_eq!(kit.generation(), None, "it ends when it was said to end");
    // It is asked again at the latest after a tenth of what was left, or a quarter of a minute.
    kit.seconds(60).await;
    assert_eq!(kit.identity.status().last_failure_reason, "ENDED");
}

#[tokio::test]
async fn a_shorter_end_that_is_told_later_counts() {
    let kit = Kit::new(&[Turn::Fresh(3600), Turn::Again(-1800, "secret")], None).await;
    kit.identity.renew().await.unwrap();
    let again = kit.identity.renew().await.unwrap();
    assert_eq!(again.session.generation, 1, "it is the same session");
    assert!((1700..1800).contains(&kit.ends_in()), "{}", kit.ends_in());
    let enrolled = kit.registry.sessions(0, None).await.unwrap();
    assert_eq!(enrolled[0].session.facts.expires_at, again.session.facts.expires_at, "the registry knows it");
}

#[tokio::test]
async fn another_secret_of_the_same_key_has_an_end_of_its_own() {
    let kit = Kit::new(&[Turn::Fresh(3600), Turn::Again(1800, "another"), Turn::Again(0, "another")], None).await;
    kit.identity.renew().await.unwrap();
    for _ in 0..2 {
        let again = kit.identity.renew().await.unwrap();
        assert_eq!(*again.signer.credentials().secret_access_key, *"another");
        assert!((5300..5400).contains(&kit.ends_in()), "{}", kit.ends_in());
    }
}

#[tokio::test]
async fn headroom_that_no_session_reaches_is_half_of_its_life_and_said_once() {
    let log = Log::default();
    let to = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || to.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    for (headroom, shown, said) in [(3599, 3599, 0), (3600, 1800, 1), (7200, 1800, 1)] {
        let kit = Kit::new(&[Turn::Fresh(3600)], Some(headroom)).await;
        for _ in 0..3 {
            kit.identity.renew().await.unwrap();
        }
        let status = kit.identity.status();
        let told = log.take();
        assert_eq!(told.matches("as long as the headroom").count(), said, "{headroom}: {told}");
        assert_eq!(status.headroom.as_secs(), shown, "{headroom}");
        drop(kit);
        tokio::time::resume();
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
