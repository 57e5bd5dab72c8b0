//! What a reload changes, and what of it waits for a restart.

use std::collections::BTreeSet;

use super::{Config, Log, Registry, Sockets};

impl Config {
    /// The keys whose values differ in `new`, in the order of docs/configuration.md; those that wait for a restart first.
    /// Grants are named as one, and so is each identity.
    pub fn changes(&self, new: &Self) -> Vec<String> {
        let mut keys = self.changes_for_restart(new);
        let mut add = |differs: bool, key: &str| keys.extend(differs.then(|| key.to_owned()));
        add(self.sockets.sign_mode != new.sockets.sign_mode, "sockets.sign_mode");
        add(self.sockets.admin_mode != new.sockets.admin_mode, "sockets.admin_mode");
        add(self.sockets.admin_uids != new.sockets.admin_uids, "sockets.admin_uids");
        add(self.sockets.admin_gids != new.sockets.admin_gids, "sockets.admin_gids");
        add(self.registry.retention != new.registry.retention, "registry.retention");
        add(self.log.filter != new.log.filter, "log.filter");
        let (ours, theirs) = (&self.limits, &new.limits);
        add(ours.batch_items != theirs.batch_items, "limits.batch_items");
        add(ours.stream_items != theirs.stream_items, "limits.stream_items");
        add(ours.calls_per_connection != theirs.calls_per_connection, "limits.calls_per_connection");
        add(ours.connections != theirs.connections, "limits.connections");
        add(ours.call != theirs.call, "limits.call");
        add(ours.drain != theirs.drain, "limits.drain");
        add(self.default_identity != new.default_identity, "default_identity");
        let names: BTreeSet<_> = self.identities.keys().chain(new.identities.keys()).collect();
        for name in names {
            add(self.identities.get(name) != new.identities.get(name), &format!("identity.{name}"));
        }
        add(self.sts.calls_per_minute != new.sts.calls_per_minute, "sts.calls_per_minute");
        let (ours, theirs) = (&self.sts.endpoint, &new.sts.endpoint);
        add(ours.region != theirs.region, "sts.region");
        add(ours.endpoint_url != theirs.endpoint_url, "sts.endpoint_url");
        add(ours.fips != theirs.fips, "sts.fips");
        add(ours.dual_stack != theirs.dual_stack, "sts.dual_stack");
        let (ours, theirs) = (&self.probe, &new.probe);
        add(ours.enabled != theirs.enabled, "probe.enabled");
        add(ours.interval != theirs.interval, "probe.interval");
        add(ours.confirm_after != theirs.confirm_after, "probe.confirm_after");
        add(ours.calls_per_minute != theirs.calls_per_minute, "probe.calls_per_minute");
        add(self.grants != new.grants, "grant");
        keys
    }

    /// Those of [`Config::changes`] that wait for a restart: what is opened once, at the start.
    pub fn changes_for_restart(&self, new: &Self) -> Vec<String> {
        let mut keys = Vec::new();
        let mut add = |differs: bool, key: &str| keys.extend(differs.then(|| key.to_owned()));
        add(self.sockets.sign != new.sockets.sign, "sockets.sign");
        add(self.sockets.sign_abstract != new.sockets.sign_abstract, "sockets.sign_abstract");
        add(self.sockets.admin != new.sockets.admin, "sockets.admin");
        add(self.http != new.http, "http.listen");
        add(self.registry.path != new.registry.path, "registry.path");
        add(self.registry.queue_calls != new.registry.queue_calls, "registry.queue_calls");
        add(self.log.format != new.log.format, "log.format");
        keys
    }

    /// This configuration as a daemon can take it that runs with `running`: what waits for a restart stays as it is there.
    pub fn without_restart(self, running: &Self) -> Self {
        let Sockets { sign, sign_abstract, admin, .. } = running.sockets.clone();
        let Registry { path, queue_calls, .. } = running.registry.clone();
        Self {
            sockets: Sockets { sign, sign_abstract, admin, ..self.sockets },
            http: running.http.clone(),
            registry: Registry { path, queue_calls, ..self.registry },
            log: Log { format: running.log.format, ..self.log },
            ..self
        }
    }
}
