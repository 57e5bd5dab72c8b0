//! What a program wants signed. Every field that is left out is as docs/clients.md says: an hour, the default identity.

use std::time::Duration;

use crate::proto::presign_post_request::Target;
use crate::proto::{ContentLengthRange, Operation, PresignPostRequest, PresignRequest, S3Request};

/// A request of S3 that somebody else will send. What has no method here is set on the wire's message, by
/// [`Presign::with`].
#[derive(Clone)]
pub struct Presign(pub(super) PresignRequest);

/// A form that uploads to S3.
#[derive(Clone)]
pub struct Post(pub(super) PresignPostRequest);

impl Presign {
    /// An operation by its name in S3's API.
    pub fn operation(operation: Operation, bucket: &str, key: &str) -> Self {
        let request =
            S3Request { operation: operation.into(), bucket: bucket.into(), key: key.into(), ..S3Request::default() };
        Self(PresignRequest { request: Some(request), ..PresignRequest::default() })
    }

    /// `GetObject`.
    pub fn get(bucket: &str, key: &str) -> Self {
        Self::operation(Operation::GetObject, bucket, key)
    }

    /// `PutObject`.
    pub fn put(bucket: &str, key: &str) -> Self {
        Self::operation(Operation::PutObject, bucket, key)
    }

    /// How long the URL should live: up to seven days. Left out: an hour.
    #[must_use]
    pub fn expires_in(mut self, length: Duration) -> Self {
        self.0.expires_in = wire(length);
        self
    }

    /// The shortest life that is of any use. Left out: nine tenths of the life that is asked for.
    #[must_use]
    pub fn at_least(mut self, length: Duration) -> Self {
        self.0.at_least = wire(length);
        self
    }

    /// Who signs.
    #[must_use]
    pub fn identity(mut self, name: &str) -> Self {
        self.0.identity = name.to_owned();
        self
    }

    /// A header that the bearer must send, with this very value.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.request(|request| request.headers.insert(name.to_owned(), value.to_owned()))
    }

    /// A parameter of the query, such as `versionId` or `response-content-type`.
    #[must_use]
    pub fn query(self, name: &str, value: &str) -> Self {
        self.request(|request| request.query.insert(name.to_owned(), value.to_owned()))
    }

    /// For whom the program asks: an end user or a tenant. Recorded.
    #[must_use]
    pub fn on_behalf_of(mut self, whom: &str) -> Self {
        self.0.on_behalf_of = whom.to_owned();
        self
    }

    /// Recorded.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.0.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Makes a repeated call safe: the same id and request give the same URL for ten minutes.
    #[must_use]
    pub fn request_id(mut self, id: &str) -> Self {
        self.0.request_id = id.to_owned();
        self
    }

    /// Anything else that the wire's message can say.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut PresignRequest)) -> Self {
        change(&mut self.0);
        self
    }

    fn request<T>(mut self, change: impl FnOnce(&mut S3Request) -> T) -> Self {
        change(self.0.request.get_or_insert_default());
        self
    }
}

impl Post {
    /// A form for exactly this key; `${filename}` at its end stands for the name of the file that the user picks.
    pub fn key(bucket: &str, key: &str) -> Self {
        Self::to(bucket, Target::Key(key.to_owned()))
    }

    /// A form for any key that begins so.
    pub fn key_starts_with(bucket: &str, prefix: &str) -> Self {
        Self::to(bucket, Target::KeyStartsWith(prefix.to_owned()))
    }

    fn to(bucket: &str, target: Target) -> Self {
        Self(PresignPostRequest { bucket: bucket.to_owned(), target: Some(target), ..PresignPostRequest::default() })
    }

    /// As [`Presign::expires_in`].
    #[must_use]
    pub fn expires_in(mut self, length: Duration) -> Self {
        self.0.expires_in = wire(length);
        self
    }

    /// As [`Presign::at_least`].
    #[must_use]
    pub fn at_least(mut self, length: Duration) -> Self {
        self.0.at_least = wire(length);
        self
    }

    /// A field with its exact value, such as `Content-Type`.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.0.fields.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Least and greatest size of the upload in bytes.
    #[must_use]
    pub fn content_length_range(mut self, minimum: u64, maximum: u64) -> Self {
        self.0.content_length_range = Some(ContentLengthRange { minimum, maximum });
        self
    }

    /// Anything else that the wire's message can say.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut PresignPostRequest)) -> Self {
        change(&mut self.0);
        self
    }
}

/// What the wire cannot hold is longer than the daemon takes, and it says so.
fn wire(length: Duration) -> Option<prost_types::Duration> {
    let longest = prost_types::Duration { seconds: i64::MAX, nanos: 0 };
    Some(length.try_into().unwrap_or(longest))
}
