//! Virtual time that does not run ahead of files and the registry, which work in real time. For tests only.
//!
//! Tokio's paused clock leaps to the next timer whenever every task waits, be it for a disk: on a busy machine a URL ends
//! while it is written down. Never asserts anything.

use std::sync::mpsc;
use std::time::Duration;

use tokio::time::advance;

/// Time that is paused passes no more by itself while this lives: as long as a blocking task runs, tokio does not leap.
pub struct Still(#[expect(dead_code, reason = "dropped, it ends the task")] mpsc::Sender<()>);

impl Still {
    /// Begins now.
    pub fn hold() -> Self {
        let (end, ended) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || ended.recv());
        Self(end)
    }

    /// Time passes in steps, in each of which what works in real time answers. Until the runtime ends.
    pub async fn tick<Answer: Future<Output = ()>>(self, every: Duration, answers: impl Fn() -> Answer) {
        loop {
            step(every, &answers).await;
        }
    }
}

/// Lets that much time pass, and then what works in real time answer.
pub async fn step<Answer: Future<Output = ()>>(time: Duration, answers: impl Fn() -> Answer) {
    advance(time).await;
    for _ in 0..3 {
        tokio::task::spawn_blocking(std::thread::yield_now).await.unwrap();
        answers().await;
    }
}
