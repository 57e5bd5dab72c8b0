//! Virtual time that does not run ahead of files and the registry, which work in real time. For tests only.
//!
//! Tokio's paused clock leaps to the next timer whenever every task waits. It knows of files and of the registry's readers,
//! which are blocking tasks, and does not leap while one of them runs. It does not know of the registry's writer, which is a
//! thread: on a busy machine a URL ends while it is written down. So time passes in steps here, and after each of them
//! everything is written that was to be: nothing passes while something is read, and however slow the machine, no more than
//! a step while something is written. Never asserts anything.

use std::sync::{Mutex, MutexGuard, mpsc};
use std::time::Duration;

use tokio::time::sleep;

/// Time that is paused passes no more by itself while this lives.
pub struct Still(Mutex<Option<Hold>>);

/// As long as a blocking task runs, tokio does not leap.
struct Hold(#[expect(dead_code, reason = "dropped, it ends the task")] mpsc::Sender<()>);

impl Still {
    /// Begins now.
    pub fn hold() -> Self {
        Self(Mutex::new(Some(Hold::new())))
    }

    /// Lets that much time pass, from timer to timer, and then everything be `written` that was to be.
    pub async fn step<Writing: Future>(&self, time: Duration, written: impl Fn() -> Writing) {
        let passing = Passing::begin(self);
        sleep(time).await;
        drop(passing);
        written().await;
    }

    /// Time passes in steps, until the runtime ends.
    pub async fn tick<Writing: Future>(self, every: Duration, written: impl Fn() -> Writing) {
        loop {
            self.step(every, &written).await;
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Hold>> {
        self.0.lock().unwrap()
    }
}

impl Hold {
    fn new() -> Self {
        let (end, ended) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || ended.recv());
        Self(end)
    }
}

/// While it lives, time passes. A step that nobody waits for any more ends too.
struct Passing<'a>(&'a Still);

impl<'a> Passing<'a> {
    fn begin(still: &'a Still) -> Self {
        *still.held() = None;
        Self(still)
    }
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        *self.0.held() = Some(Hold::new());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, poll};
    use tokio::sync::oneshot;
    use tokio::time::Instant;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// What tokio does not know of.
    async fn of_a_thread() {
        let (answer, answered) = oneshot::channel();
        let thread = std::thread::spawn(move || answer.send(()));
        answered.await.unwrap();
        thread.join().unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn time_passes_in_steps_alone_and_not_while_a_file_is_read() {
        let (still, began) = (Still::hold(), Instant::now());
        let awake = tokio::spawn(async {
            sleep(SECOND / 2).await;
            Instant::now()
        });
        for _ in 0..20 {
            of_a_thread().await;
        }
        assert!(began.elapsed().is_zero(), "{:?} passed by itself", began.elapsed());

        let (ends, end) = mpsc::channel::<()>();
        let reading = tokio::task::spawn_blocking(move || end.recv());
        let mut step = Box::pin(still.step(SECOND, of_a_thread));
        for _ in 0..20 {
            assert!(poll!(&mut step).is_pending());
            of_a_thread().await;
        }
        assert!(began.elapsed().is_zero(), "{:?} passed while something was read", began.elapsed());
        drop(ends);
        step.await;
        assert!((SECOND..2 * SECOND).contains(&began.elapsed()), "{:?} are no step", began.elapsed());
        assert!(awake.await.unwrap() - began < SECOND, "from timer to timer");
        assert!(reading.await.unwrap().is_err());

        assert!(still.step(SECOND, of_a_thread).now_or_never().is_none());
        let given_up = Instant::now();
        for _ in 0..20 {
            of_a_thread().await;
        }
        assert!(given_up.elapsed().is_zero(), "{:?} passed in a step that was given up", given_up.elapsed());
    }
}
