//! `Identities`: what there is to sign with.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::Services;
use crate::access::Caller;
use crate::config::identity::PartitionBy;
use crate::error::Error;
use crate::grpc::call::Call;
use crate::grpc::convert;
use crate::grpc::proto::identities_server::Identities;
use crate::grpc::proto::{
    GetIdentityRequest, GetIdentityResponse, Identity as WireIdentity, ListIdentitiesRequest, ListIdentitiesResponse,
    RenewIdentityRequest, RenewIdentityResponse,
};
use crate::identity::{Identity, RenewError};
use crate::s3::Refused;
use crate::session::IdentityName;
use crate::time::Ttl;

#[tonic::async_trait]
impl Identities for Services {
    async fn list_identities(
        &self,
        request: Request<ListIdentitiesRequest>,
    ) -> Result<Response<ListIdentitiesResponse>, Status> {
        let call = Call::of(&request)?;
        let rules = self.issuer.rules();
        let names: Vec<IdentityName> = rules.identities.names().cloned().collect();
        let mut identities = Vec::new();
        for identity in names.iter().filter_map(|name| self.identity(&call, name)) {
            identities.push(self.described(&call, &identity).await.map_err(|error| call.failed(error))?);
        }
        Ok(Response::new(ListIdentitiesResponse { identities }))
    }

    async fn get_identity(
        &self,
        request: Request<GetIdentityRequest>,
    ) -> Result<Response<GetIdentityResponse>, Status> {
        let call = Call::of(&request)?;
        let answer = async {
            let identity = self.named(&call, &request.get_ref().name)?;
            self.described(&call, &identity).await
        };
        let identity = answer.await.map_err(|error| call.failed(error))?;
        Ok(Response::new(GetIdentityResponse { identity: Some(identity) }))
    }

    async fn renew_identity(
        &self,
        request: Request<RenewIdentityRequest>,
    ) -> Result<Response<RenewIdentityResponse>, Status> {
        let call = Call::of(&request)?;
        let answer = async {
            call.must_be_admin("sessions are renewed by hand on the admin socket only")?;
            let identity = self.named(&call, &request.get_ref().name)?;
            let renewed = identity.replace_all().await;
            let renewed = renewed.map_err(|cause| not_renewed(&identity, cause))?;
            Ok((self.described(&call, &identity).await?, renewed))
        };
        let (identity, renewed) = answer.await.map_err(|error: Error| call.failed(error))?;
        let renewed = renewed.iter().map(convert::renewed).collect();
        Ok(Response::new(RenewIdentityResponse { identity: Some(identity), renewed }))
    }
}

/// A refresh failure takes nothing away.
fn not_renewed(own: &Identity, cause: Arc<RenewError>) -> Error {
    let identity = own.name().clone();
    let ends = own.signing().into_iter().map(|live| live.session.facts.expires_at);
    match ends.min_by_key(|end| (end.is_none(), *end)) {
        Some(until) => Error::NotRenewed { identity, cause, until },
        None => Error::NoSession { identity, cause: Some(cause), short: None },
    }
}

impl Services {
    fn named(&self, call: &Call, text: &str) -> Result<Arc<Identity>, Error> {
        let name =
            convert::identity("name", text)?.ok_or_else(|| Refused::new("name", "is empty: name an identity"))?;
        self.identity(call, &name).ok_or(Error::UnknownIdentity(text.to_owned()))
    }

    pub(super) async fn described(&self, call: &Call, identity: &Identity) -> Result<WireIdentity, Error> {
        let sessions = || self.issuer.registry().sessions(call.caller.uid, Some(identity.name()));
        let mut rows = sessions().await.map_err(Error::registry)?;
        // What came to sign while the rows were read is told with its row, which it has had since before it signed.
        if identity.current().is_some_and(|live| rows.iter().all(|row| row.session.id != live.session.id)) {
            rows = sessions().await.map_err(Error::registry)?;
        }
        rows.retain(|row| call.sees_all() || is_for(&call.caller, identity, &row.session.facts.partition_of));
        // The admin socket tells of the identity, the other of what its caller can have.
        let granted = match call.sees_all() {
            true => None,
            false => self.issuer.rules().grants.longest(&call.caller, identity.name()),
        };
        Ok(convert::described(identity, &rows, self.issuer.clock().now(), granted.unwrap_or(Ttl::MAX)))
    }
}

/// Whether a session may sign for a caller: no caller sees those of other tenants, nor of tenants that it may only name.
fn is_for(caller: &Caller, identity: &Identity, tenant: &str) -> bool {
    let is_tenant = || identity.partition_by() == Some(&PartitionBy::Caller) && tenant == caller.uid.to_string();
    tenant.is_empty() || is_tenant()
}
