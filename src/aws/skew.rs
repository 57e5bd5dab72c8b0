//! Brings the clock what AWS's answers say of the time, and tells the SDK the time that follows.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::date_time::{DateTime, Format};

use crate::clock::Clock;
use crate::time::Timestamp;

/// Feeds [`Clock::observe`] from the `Date` header of each answer, good or bad.
pub struct LearnsSkew {
    clock: Clock,
    heard: Heard,
}

/// When AWS did what the last call asked of it, by its own clock: as far as that call's answer alone proves it, for what
/// is known from earlier ones may have drifted away.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Option<(Timestamp, Timestamp)>>>);

impl Heard {
    /// The first and the last second that are possible; `None` without an answer that was dated.
    pub fn between(&self) -> Option<(Timestamp, Timestamp)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LearnsSkew {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, heard: Heard::default() }
    }

    /// What it will have heard.
    pub fn heard(&self) -> Heard {
        self.heard.clone()
    }
}

impl std::fmt::Debug for LearnsSkew {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("LearnsSkew")
    }
}

#[derive(Debug, Clone, Copy)]
struct Sent(Timestamp);

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for LearnsSkew {
    fn name(&self) -> &'static str {
        "LearnsSkew"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state().store_put(Sent(self.clock.local_now()));
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").and_then(http_date);
        if let (Some(date), Some(Sent(sent))) = (date, bag.load::<Sent>()) {
            let received = self.clock.local_now();
            let between = self.clock.observe(*sent, date, received).map(|sample| sample.between(*sent, received));
            *self.heard.0.lock().unwrap_or_else(PoisonError::into_inner) = between;
        }
        Ok(())
    }
}

/// Reads a `Date` header.
fn http_date(text: &str) -> Option<Timestamp> {
    DateTime::from_str(text, Format::HttpDate).ok().map(|date| Timestamp::from_unix(date.secs()))
}

/// AWS's time for the SDK's signatures.
pub(super) struct Time(pub(super) Clock);

impl std::fmt::Debug for Time {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Time")
    }
}

impl TimeSource for Time {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(u64::try_from(self.0.now().unix()).unwrap_or(0))
    }
}
