//! How the fake is: as a test sets it.

use tonic::Request;

use super::*;

#[tonic::async_trait]
impl daemon_server::Daemon for Rote {
    async fn get_status(&self, _: Request<GetStatusRequest>) -> Answer<GetStatusResponse> {
        match self.0.lock().unwrap().status.clone() {
            Some(status) => Ok(Response::new(status)),
            None => Err(Status::unimplemented("an older daemon")),
        }
    }
}

/// Of a daemon that is well, of this version.
pub(crate) fn well(config: &str, registry: &str) -> GetStatusResponse {
    let call = |outcome: CallOutcome, message: &str| {
        Some(LatestCall { at: at(-12), outcome: outcome.into(), message: message.into() })
    };
    GetStatusResponse {
        version: env!("CARGO_PKG_VERSION").into(),
        started_at: at(-3600),
        now: at(0),
        clock_offset: length(1),
        config_file: config.into(),
        registry_file: registry.into(),
        registry_writable: true,
        sts: call(CallOutcome::Ok, "AssumeRole: ok"),
        region_lookup: call(CallOutcome::Refused, "no bucket is called flims"),
        probing: true,
        canaries: vec![],
    }
}
