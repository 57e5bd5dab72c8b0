//! Whoever holds the URL: knows nothing of presignd, and tries it until it is refused.

use std::net::SocketAddr;
use std::time::Duration;

use presignd::grpc::proto::PresignResponse;

use crate::Failure;
use crate::support::http::{Answer, send};
use crate::support::now;

/// A URL in the hands of its bearer.
pub(crate) struct Life {
    s3: SocketAddr,
    url: String,
    promised: i64,
}

/// How a URL ended, by the clock of S3.
pub(crate) struct End {
    pub(crate) last_good: i64,
    pub(crate) first_bad: i64,
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Life {
    pub(crate) fn watch(s3: SocketAddr, url: &PresignResponse) -> Self {
        let promised = url.usable_until.map_or(0, |at| at.seconds);
        Self { s3, url: url.url.clone(), promised }
    }

    pub(crate) async fn fetch(&self) -> Answer {
        send(self.s3, "GET", &self.url, [], "").await
    }

    /// Tries it over and over, ever more often, until S3 refuses.
    pub(crate) async fn until_it_dies(&self) -> Result<End, Failure> {
        let mut last_good = 0;
        loop {
            let (before, answer, after) = (now(), self.fetch().await, now());
            if answer.status == 200 {
                // What began in one second and ended in the next says nothing of either.
                last_good = before;
            } else {
                let (code, message) = (answer.code(), answer.message());
                return Ok(End { last_good, first_bad: after, status: answer.status, code, message });
            }
            if after > self.promised + 5 {
                return Err("not so: the URL ends when it was promised to".into());
            }
            let left = self.promised - after;
            tokio::time::sleep(Duration::from_millis(if left > 2 { 500 } else { 20 })).await;
        }
    }
}
