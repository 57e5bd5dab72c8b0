//! Asks a daemon for URLs, from another program. Feature `client` alone holds this room and the wire's types, and neither
//! the AWS SDK nor SQLite. Never signs, and never listens.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use presignd::client::{Client, Error, Presign};
//!
//! # async fn example() -> Result<(), Error> {
//! let client = Client::connect("/run/presignd/sign/presignd.sock").await?;
//! let link = Presign::get("photos", "cat.jpg").expires_in(Duration::from_secs(12 * 3600));
//! match client.presign(link).await {
//!     Ok(signed) => println!("{} works for {:?}", signed.url, signed.life.length()),
//!     Err(Error::Refused(refused)) => println!("{refused}; at most {:?}", refused.longest_fresh()),
//!     Err(error) => return Err(error),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What it has no words for, such as batches, streams and the registry, is asked by the stubs of [`crate::proto`] on
//! [`Client::channel`].

mod address;
mod answer;
mod ask;
mod error;

use std::time::Duration;

use tonic::transport::Channel;

pub use crate::proto::{Caution, LimitedBy};
pub use address::{ABSTRACT, Address, endpoint};
pub use answer::{Life, Presigned, PresignedForm};
pub use ask::{Post, Presign};
pub use error::{Error, Refused};

use crate::proto::signer_client::SignerClient;

/// A connection to a daemon's signing socket. Clones share it, and it is made again by itself when it is lost.
#[derive(Debug, Clone)]
pub struct Client {
    channel: Channel,
    timeout: Duration,
}

impl Client {
    /// Connects to a daemon at a path, or at what gRPC calls it: `unix:/run/…`, `unix-abstract:presignd`.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when nobody listens there, or this user may not open the socket.
    pub async fn connect(address: &str) -> Result<Self, Error> {
        let unreachable = |source| Error::Unreachable { address: address.to_owned(), source };
        let endpoint = endpoint(address).map_err(unreachable)?;
        Ok(Self::of(endpoint.connect_timeout(CONNECT).connect().await.map_err(unreachable)?))
    }

    /// On a connection that the program made itself.
    pub fn of(channel: Channel) -> Self {
        Self { channel, timeout: TIMEOUT }
    }

    /// Waits for an answer that long, and not 30 seconds. The daemon is told, and gives up as well.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The connection itself.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Signs a request.
    ///
    /// # Errors
    /// [`Error::Refused`] with a stable reason, such as `SESSION_TOO_SHORT`; and in every case of [`Error`].
    pub async fn presign(&self, ask: Presign) -> Result<Presigned, Error> {
        let answer = self.signer().presign(self.within(ask.0)).await?;
        Presigned::read(answer.into_inner())
    }

    /// Signs a form, for an upload from a page.
    ///
    /// # Errors
    /// As [`Self::presign`].
    pub async fn post(&self, ask: Post) -> Result<PresignedForm, Error> {
        let answer = self.signer().presign_post(self.within(ask.0)).await?;
        PresignedForm::read(answer.into_inner())
    }

    fn signer(&self) -> SignerClient<Channel> {
        SignerClient::new(self.channel())
    }

    fn within<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(self.timeout);
        request
    }
}

const CONNECT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);
