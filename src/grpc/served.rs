//! Which services are served, for reflection, health and metrics: read from the compiled proto, so that no list can
//! fall behind it.

use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::server::NamedService;

use super::proto;

/// presignd's own. Every socket routes to all of them; what is for admins alone, handlers refuse on the other.
pub(super) const SERVICES: [&str; 6] = [
    <proto::signer_server::SignerServer<()> as NamedService>::NAME,
    <proto::identities_server::IdentitiesServer<()> as NamedService>::NAME,
    <proto::registry_server::RegistryServer<()> as NamedService>::NAME,
    <proto::impact_server::ImpactServer<()> as NamedService>::NAME,
    <proto::rotation_server::RotationServer<()> as NamedService>::NAME,
    <proto::daemon_server::DaemonServer<()> as NamedService>::NAME,
];

/// A method that is served.
pub(super) struct Served {
    pub(super) service: String,
    pub(super) method: String,
    /// Whether its caller may go on asking,
    pub(super) asks_on: bool,
    /// and whether it goes on answering.
    pub(super) answers_on: bool,
}

/// Every method that is served.
pub(super) fn methods() -> impl Iterator<Item = Served> {
    use tonic_reflection::pb::{v1, v1alpha};
    let health = tonic_health::pb::FILE_DESCRIPTOR_SET;
    let sets = [proto::DESCRIPTORS, health, v1::FILE_DESCRIPTOR_SET, v1alpha::FILE_DESCRIPTOR_SET];
    let files = sets.into_iter().flat_map(|set| FileDescriptorSet::decode(set).map(|set| set.file).unwrap_or_default());
    files
        .flat_map(|file| {
            let package = file.package().to_owned();
            file.service.into_iter().flat_map(move |service| {
                let name = format!("{package}.{}", service.name());
                service.method.into_iter().map(move |method| Served {
                    service: name.clone(),
                    method: method.name().to_owned(),
                    asks_on: method.client_streaming(),
                    answers_on: method.server_streaming(),
                })
            })
        })
        .filter(|one| SERVICES.contains(&one.service.as_str()) || !one.service.starts_with("presignd."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_methods_are_those_of_the_served_services() {
        let all: Vec<String> = methods().map(|one| format!("{}/{}", one.service, one.method)).collect();
        for wanted in ["Signer/PresignStream", "Impact/Contain", "Rotation/Drain"] {
            assert!(all.contains(&format!("presignd.v1.{wanted}")), "{all:?}");
        }
        assert!(all.contains(&"grpc.health.v1.Health/Watch".to_owned()), "{all:?}");
    }
}
