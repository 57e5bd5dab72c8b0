//! What a reload changes, and what of it waits for a restart.

use std::collections::BTreeSet;

use super::{Config, Sockets};

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
        add(self.default_identity != new.default_identity, "default_identity");
        let names: BTreeSet<_> = self.identities.keys().chain(new.identities.keys()).collect();
        for name in names {
            add(self.identities.get(name) != new.identities.get(name), &format!("identity.{name}"));
        }
        add(self.sts != new.sts, "sts");
        add(self.grants != new.grants, "grant");
        keys
    }

    /// Those of [`Config::changes`] that wait for a restart: what is opened once, at the start.
    pub fn changes_for_restart(&self, new: &Self) -> Vec<String> {
        let mut keys = Vec::new();
        let mut add = |differs: bool, key: &str| keys.extend(differs.then(|| key.to_owned()));
        add(self.sockets.sign != new.sockets.sign, "sockets.sign");
        add(self.sockets.admin != new.sockets.admin, "sockets.admin");
        add(self.http != new.http, "http.listen");
        add(self.registry.path != new.registry.path, "registry.path");
        add(self.registry.queue_calls != new.registry.queue_calls, "registry.queue_calls");
        add(self.registry.retention != new.registry.retention, "registry.retention");
        add(self.log != new.log, "log");
        add(self.limits != new.limits, "limits");
        keys
    }

    /// This configuration as a daemon can take it that runs with `running`: what waits for a restart stays as it is there.
    pub fn without_restart(self, running: &Self) -> Self {
        let Sockets { sign, admin, .. } = running.sockets.clone();
        Self {
            sockets: Sockets { sign, admin, ..self.sockets },
            http: running.http.clone(),
            registry: running.registry.clone(),
            log: running.log.clone(),
            limits: running.limits.clone(),
            ..self
        }
    }
}
