//! SIGHUP: reads the configuration again, says what changed, and puts in force what can be without a restart.

use std::path::Path;
use std::sync::Arc;

use tracing::{error, info, warn};

use super::running::admins;
use super::{Running, load};
use crate::config::Surroundings;
use crate::issuer::Rules;
use crate::session::IdentityName;

impl Running {
    /// A configuration that does not hold changes nothing.
    pub fn reload(&mut self, path: Option<&Path>, around: &Surroundings) {
        let new = match load(path, around) {
            Ok(new) => new,
            Err(error) => {
                error!(%error, "the new configuration does not hold; the old one stays in force");
                return;
            }
        };
        let changes = self.config.changes(&new);
        let mut later = self.config.changes_for_restart(&new);
        if changes.is_empty() {
            info!("reloaded: nothing changed");
            return;
        }
        let identities = Arc::clone(&self.issuer.rules().identities);
        let runs = |name: &IdentityName| identities.identity(name).is_some();
        let mut default_identity = new.default_identity.clone();
        if !default_identity.as_ref().is_none_or(runs) {
            // It begins at the next start; until then callers who name nobody keep the one that they had.
            later.push("default_identity".to_owned());
            default_identity.clone_from(&self.config.default_identity);
        }
        let now: Vec<_> = changes.iter().filter(|key| !later.contains(key)).collect();
        if !later.is_empty() {
            warn!(keys = ?later, "these keys changed and take effect at the next start");
        }
        let rules = Rules { grants: new.grants.clone(), default_identity: default_identity.clone(), identities };
        self.issuer.replace_rules(rules);
        self.admins.send_replace(admins(&new));
        info!(keys = ?now, "reloaded: these keys changed and are in force");
        // What waits for a restart goes on being told as different at the next reload.
        self.config.grants = new.grants;
        self.config.default_identity = default_identity;
        self.config.sockets.admin_uids = new.sockets.admin_uids;
        self.config.sockets.admin_gids = new.sockets.admin_gids;
    }
}
