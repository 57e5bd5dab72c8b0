//! Clocks that are set while a keeper waits: nothing is put off by an hour, and nothing is done in a loop.

use super::*;

impl Kit {
    /// AWS's time, as this machine takes it, jumps.
    fn step(&self, seconds: i64) {
        let local = self.clock.local_now();
        let date = Timestamp::from_unix(self.clock.now().unix() + seconds);
        self.clock.observe(local, date, local);
        assert_eq!(self.clock.now(), date);
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_puts_off_no_retry() {
    let kit = Kit::new(&[Turn::Fails], None).await;
    let _ = kit.identity.renew().await;
    for _ in 0..3 {
        kit.step(-3600);
        let asked = kit.asked();
        kit.seconds(301 + 2).await;
        assert!(kit.asked() > asked, "five minutes are the longest wait");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_puts_off_no_renewal() {
    let kit = Kit::new(&[Turn::Fresh(3600)], None).await;
    kit.identity.renew().await.unwrap();
    kit.step(-3600);
    kit.seconds(1820).await;
    assert_eq!((kit.asked(), kit.identity.status().sessions.len()), (2, 2));
}

#[tokio::test]
async fn a_clock_that_is_set_forward_past_the_end_brings_one_renewal() {
    let kit = Kit::new(&[Turn::Fresh(3600)], None).await;
    kit.identity.renew().await.unwrap();
    kit.step(3600);
    assert_eq!(kit.generation(), None, "its end has come");
    // The wall is looked at once a minute.
    kit.seconds(62).await;
    assert_eq!((kit.asked(), kit.generation()), (2, Some(2)));
    kit.step(-3600);
    kit.seconds(1500).await;
    assert_eq!((kit.asked(), kit.generation()), (2, Some(2)));
}

#[tokio::test]
async fn a_clock_that_is_set_back_puts_off_no_look_at_the_source() {
    let kit = Kit::new(&[Turn::Fresh(3600)], None).await;
    kit.identity.renew().await.unwrap();
    kit.step(-3600);
    kit.news.store(true, Ordering::Relaxed);
    kit.seconds(12).await;
    assert_eq!((kit.asked(), kit.identity.status().sessions.len()), (2, 2));
}

#[tokio::test]
async fn a_source_that_repeats_itself_is_asked_now_and_then_however_the_clock_is_set() {
    let kit = Kit::new(&[Turn::Fresh(600), Turn::Same], Some(590)).await;
    kit.identity.renew().await.unwrap();
    for step in [-3600, 3600, -3600, 3600] {
        kit.step(step);
        let asked = kit.asked();
        kit.seconds(100).await;
        assert!((asked + 1..=asked + 8).contains(&kit.asked()), "asked {} times in 100 s", kit.asked() - asked);
    }
}

#[tokio::test]
async fn the_next_renewal_is_shown_by_the_clock_as_it_is() {
    let kit = Kit::new(&[Turn::Fails], None).await;
    let _ = kit.identity.renew().await;
    kit.step(-3600);
    let shown = kit.identity.status().next_renewal_at.unwrap();
    assert!(kit.clock.now() <= shown && shown <= kit.clock.now() + Duration::from_secs(300), "{shown}");
}
