//! Believes no answer of STS that stops in the middle: the SDK's reader takes what it has of an element that was never
//! closed, and half a session token signs URLs that are dead when they are born.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Fails a call that went well, where the root of its answer is not closed.
#[derive(Debug)]
pub struct TakesWholeAnswers;

#[dyn_dispatch_hint]
impl Intercept for TakesWholeAnswers {
    fn name(&self) -> &'static str {
        "TakesWholeAnswers"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let is_whole = context.response().body().bytes().is_some_and(is_closed);
        if context.output_or_error().is_ok() && !is_whole {
            return Err("the answer stops in the middle".into());
        }
        Ok(())
    }
}

/// Whether it ends with the end of such an element as `AssumeRoleResponse`.
fn is_closed(body: &[u8]) -> bool {
    let body = body.trim_ascii_end();
    let end = body.iter().rposition(|byte| *byte == b'<').map(|at| &body[at..]);
    end.is_some_and(|end| end.starts_with(b"</") && end.ends_with(b"Response>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_root_is_closed() {
        let whole = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
                     <SessionToken>t</SessionToken></Credentials></AssumeRoleResult></AssumeRoleResponse>";
        assert!(is_closed(whole.as_bytes()) && is_closed(format!("{whole}\n").as_bytes()));
        for end in 0..whole.len() {
            assert!(!is_closed(&whole.as_bytes()[..end]), "{}", &whole[..end]);
        }
    }
}
