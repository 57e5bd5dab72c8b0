//! SIGHUP: reads the configuration again, says what changed, and puts in force what can be without a restart.

use std::path::Path;
use std::sync::Arc;

use tracing::{error, info, warn};

use super::running::admins;
use super::{Running, load};
use crate::aws::chain;
use crate::config::{Config, Surroundings};
use crate::issuer::Rules;
use crate::probe::Watched;

impl Running {
    /// Whether the new configuration holds; one that does not changes nothing.
    pub fn reload(&mut self, path: Option<&Path>, around: &Surroundings) -> bool {
        // What is read from elsewhere, a pipe for one, has no end that is sure to come, and all else would wait for it.
        if let Some(path) = path.filter(|path| std::fs::metadata(path).is_ok_and(|found| !found.is_file())) {
            error!(path = %path.display(), "the configuration is no regular file, so it is not read again; the old one stays in force");
            return false;
        }
        let new = match load(path, around) {
            Ok(new) => new,
            Err(error) => {
                error!(error = chain(&error), "the new configuration does not hold; the old one stays in force");
                return false;
            }
        };
        let later = self.config.changes_for_restart(&new);
        if !later.is_empty() {
            // What waits for a restart differs at the next reload too, and is told again.
            warn!(keys = ?later, "these keys changed and take effect at the next start");
        }
        let new = new.without_restart(&self.config);
        let now = self.config.changes(&new);
        if now.is_empty() {
            info!("reloaded: nothing changed that could be put in force");
            return true;
        }
        if let Err(error) = self.set_modes(&new) {
            let _ = self.set_modes(&self.config);
            error!(%error, "a socket cannot take its new mode; the old configuration stays in force");
            return false;
        }
        self.put_in_force(&new);
        info!(keys = ?now, "reloaded: these keys changed and are in force");
        self.config = new;
        true
    }

    /// In an order in which every call finds what its rules name.
    fn put_in_force(&self, new: &Config) {
        let former = Arc::clone(&self.issuer.rules().identities);
        let identities = Arc::new(former.next(new));
        let (grants, default_identity) = (new.grants.clone(), new.default_identity.clone());
        self.issuer.replace_rules(Rules { grants, default_identity, identities: Arc::clone(&identities) });
        former.give_way_to(&identities);
        self.watched.send_replace(Watched { identities, probe: new.probe.clone() });
        self.admins.send_replace(admins(new));
        self.limits.send_replace(new.limits.clone());
        if let Some(Err(error)) = self.log.as_ref().map(|log| log.replace(&new.log.filter)) {
            error!(%error, "the log goes on as it was");
        }
        self.issuer.registry().keep_for(new.registry.retention);
    }
}
