//! The two files that profiles are written in, read together with what tells whether they have changed.
//!
//! Where they lie is as AWS's tools have it; what they say is for the SDK's parser and `line`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use aws_config::profile::ProfileSet;
use aws_types::os_shim_internal::{Env, Fs};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::aws::{Environment, chain};
use crate::config::identity::Profile;
use crate::identity::keyfile::read_bounded;

/// Both files.
pub(super) struct Files {
    config: Place,
    credentials: Place,
}

/// Where one of them is.
struct Place {
    path: Option<PathBuf>,
    /// A file that the configuration names must be there; one that is looked for may be missing, as in AWS's tools.
    must_be: bool,
}

/// What both files say at one time.
pub(super) struct Contents {
    config: Zeroizing<String>,
    credentials: Zeroizing<String>,
    /// The same for the same words.
    pub print: [u8; 32],
}

impl Files {
    pub(super) fn of(table: &Profile, environment: &Environment) -> Self {
        let place = |named: &Option<PathBuf>, variable: &str, usual: &str| match named {
            Some(path) => Place { path: Some(path.clone()), must_be: true },
            None => {
                let home = environment.get("HOME").map(Path::new);
                let told = environment.get(variable).map(|text| match (text.strip_prefix("~/"), home) {
                    (Some(below), Some(home)) => home.join(below),
                    _ => PathBuf::from(text),
                });
                Place { path: told.or_else(|| home.map(|home| home.join(usual))), must_be: false }
            }
        };
        Self {
            config: place(&table.config_file, "AWS_CONFIG_FILE", ".aws/config"),
            credentials: place(&table.credentials_file, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
        }
    }

    pub(super) async fn read(&self) -> Result<Contents, String> {
        let (config, credentials) = (self.config.read().await?, self.credentials.read().await?);
        let mut digest = Sha256::new();
        digest.update(config.len().to_be_bytes());
        digest.update(config.as_bytes());
        digest.update(credentials.as_bytes());
        Ok(Contents { config, credentials, print: digest.finalize().into() })
    }
}

impl Place {
    async fn read(&self) -> Result<Zeroizing<String>, String> {
        let Some(path) = &self.path else { return Ok(Zeroizing::default()) };
        if !self.must_be && !tokio::fs::try_exists(path).await.unwrap_or(true) {
            return Ok(Zeroizing::default());
        }
        let problem = |problem: &str| format!("the file {} {problem}; put it right, or name another", path.display());
        let bytes = read_bounded(path, MAX_BYTES).await.map_err(|error| problem(&error))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| problem("is not text"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

impl Contents {
    #[cfg(any(test, fuzzing))]
    pub(super) fn of(config: &str, credentials: &str) -> Self {
        let own = |text: &str| Zeroizing::new(text.to_owned());
        Self { config: own(config), credentials: own(credentials), print: [0; 32] }
    }

    /// All profiles; the one of that name is selected.
    #[expect(deprecated, reason = "the types that replace these live in a crate of the SDK's own interior")]
    pub(super) async fn parse(&self, name: &str) -> Result<ProfileSet, String> {
        use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
        let files = ProfileFiles::builder()
            .with_contents(ProfileFileKind::Config, self.config.as_str())
            .with_contents(ProfileFileKind::Credentials, self.credentials.as_str())
            .build();
        // What could be looked up has been: the parser is left without an environment.
        let nothing = Env::from(HashMap::new());
        let parsed = aws_config::profile::load(&Fs::real(), &nothing, &files, Some(name.to_owned().into())).await;
        parsed.map_err(|error| format!("a file of profiles cannot be read: {}", chain(&error)))
    }
}

/// Far more than anybody has profiles.
const MAX_BYTES: u64 = 1024 * 1024;
