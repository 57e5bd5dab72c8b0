//! Brings the clock what AWS's answers say of the time, and tells the SDK the time that follows.

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
}

impl LearnsSkew {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock }
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
            self.clock.observe(*sent, date, self.clock.local_now());
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
