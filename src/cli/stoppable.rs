//! Work on a thread of its own. Whoever gives it up (Ctrl-C does) tells it to stop and waits for it, so that it can take
//! away what is not whole.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

/// Does `work`, which looks at its argument often; `None` when it broke.
pub async fn run<T: Send + 'static>(work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Option<T> {
    let stop = Arc::new(AtomicBool::new(false));
    let (answer, done) = oneshot::channel();
    let told = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        // Nobody listens to work that was given up.
        let _ = answer.send(work(&told));
    });
    let _given_up = StopOnDrop { stop, thread: Some(thread) };
    done.await.ok()
}

struct StopOnDrop {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its panic was told on stderr.
            let _ = thread.join();
        }
    }
}

/// Takes what is written until it is told to stop.
pub struct Until<'a, W> {
    /// Where it goes.
    pub out: W,
    /// Whether to stop.
    pub stop: &'a AtomicBool,
}

impl<W: Write> Write for Until<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("told to stop"));
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
