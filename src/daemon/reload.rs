//! SIGHUP: reads the configuration again, says what changed, and puts in force what can be without a restart.

use std::path::Path;
use std::sync::Arc;

use tracing::{error, info, warn};

use super::running::admins;
use super::{Running, load};
use crate::config::Surroundings;
use crate::issuer::Rules;

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
        let later = self.config.changes_for_restart(&new);
        if changes.is_empty() {
            info!("reloaded: nothing changed");
            return;
        }
        if !later.is_empty() {
            warn!(keys = ?later, "these keys changed and take effect at the next start");
        }
        let now: Vec<_> = changes.iter().filter(|key| !later.contains(key)).collect();
        let identities = Arc::clone(&self.issuer.rules().identities);
        let default_identity = new.default_identity.clone();
        self.issuer.replace_rules(Rules { grants: new.grants.clone(), default_identity, identities });
        self.admins.send_replace(admins(&new));
        info!(keys = ?now, "reloaded: these keys changed and are in force");
        // What waits for a restart goes on being told as different at the next reload.
        self.config.grants = new.grants;
        self.config.default_identity = new.default_identity;
        self.config.sockets.admin_uids = new.sockets.admin_uids;
        self.config.sockets.admin_gids = new.sockets.admin_gids;
    }
}
