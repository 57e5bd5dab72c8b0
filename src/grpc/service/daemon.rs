//! `Daemon`: how the daemon itself is, from memory.

use std::path::Path;

use tonic::{Request, Response, Status};

use super::Services;
use crate::grpc::call::Call;
use crate::grpc::convert::{latest_call, wire_instant};
use crate::grpc::proto::daemon_server::Daemon;
use crate::grpc::proto::{CanaryStatus, GetStatusRequest, GetStatusResponse};

#[tonic::async_trait]
impl Daemon for Services {
    async fn get_status(&self, request: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        let call = Call::of(&request)?;
        let admin = call.must_be_admin("how the daemon is, it tells on the admin socket only");
        admin.map_err(|error| call.failed(error))?;
        let (clock, latest) = (self.issuer.clock(), &self.metrics.latest);
        let offset = clock.learnt_offset_seconds().map(|_| clock.offset_seconds());
        Ok(Response::new(GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: Some(wire_instant(self.about.started_at)),
            now: Some(wire_instant(clock.now())),
            clock_offset: offset.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
            config_file: self.about.config_file.as_deref().map(text).unwrap_or_default(),
            registry_file: text(&self.about.registry_file),
            registry_writable: self.issuer.registry().is_writable(),
            sts: latest.of_sts().map(latest_call),
            region_lookup: latest.of_region().map(latest_call),
            probing: self.about.watched.borrow().probe.enabled,
            canaries: self.canaries(),
        }))
    }
}

impl Services {
    fn canaries(&self) -> Vec<CanaryStatus> {
        let identities = &self.issuer.rules().identities;
        let all = identities.names().filter_map(|name| identities.identity(name));
        let of_one = all.flat_map(|identity| {
            let (name, canaries) = (identity.name().clone(), identity.canaries().to_vec());
            canaries.into_iter().map(move |canary| (name.clone(), canary.text()))
        });
        let told = of_one.map(|(identity, object)| {
            let latest = self.metrics.latest.of_canary(&identity, &object).map(latest_call);
            CanaryStatus { identity: identity.to_string(), object, latest }
        });
        told.collect()
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
