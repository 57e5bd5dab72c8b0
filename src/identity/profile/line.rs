//! What a profile says of where its credentials come from: the first, and the roles that are assumed with them one after
//! another. Read by the rules of AWS's SDKs (aws-config 1.13, `profile/credentials/repr.rs`). Decides only.

use std::path::PathBuf;
use std::time::Duration;

use aws_config::profile::{Profile, ProfileSet};
use zeroize::Zeroizing;

use crate::config::identity::DEFAULT_ROLE_DURATION;

/// A line of credentials.
pub(super) struct Line {
    pub first: First,
    pub hops: Vec<Hop>,
    /// Of the profile itself.
    pub region: Option<String>,
}

/// Credentials that need no others.
pub(super) enum First {
    Keys(Keys),
    /// `credential_source`.
    Environment,
    Instance,
    Container,
    Web(Web),
    Sso(Sso),
    /// `credential_process`; may hold a secret.
    Process(Zeroizing<String>),
}

/// Keys as they stand in the file.
pub(super) struct Keys {
    pub id: String,
    pub secret: Zeroizing<String>,
    pub token: Option<Zeroizing<String>>,
}

/// A role for an OIDC token.
pub(super) struct Web {
    pub role_arn: String,
    pub token_file: PathBuf,
    pub session_name: Option<String>,
    pub duration: Duration,
}

/// A role of IAM Identity Center.
pub(super) struct Sso {
    pub account: String,
    pub role: String,
    pub region: String,
    pub start_url: String,
    pub session: Option<String>,
}

/// A role to assume.
pub(super) struct Hop {
    pub role_arn: String,
    pub external_id: Option<String>,
    pub session_name: Option<String>,
    pub duration: Duration,
}

/// The line of the selected profile; `None` when there is no such profile, or it has no credentials.
pub(super) fn of(profiles: &ProfileSet) -> Result<Option<Line>, String> {
    let selected = profiles.selected_profile();
    let Some(first_profile) = profiles.get_profile(selected) else { return Ok(None) };
    let region = text(first_profile, "region");
    let mut profile = first_profile;
    let mut seen: Vec<&str> = Vec::new();
    let mut hops = Vec::new();
    let first = loop {
        if seen.contains(&profile.name()) {
            return Err(format!("source_profile leads in a circle: {} -> {}", seen.join(" -> "), profile.name()));
        }
        seen.push(profile.name());
        if profile.get("mfa_serial").is_some() {
            return Err(format!(
                "profile {:?} has an mfa_serial, which needs a person and presignd cannot use; name a profile without it",
                profile.name()
            ));
        }
        // Behind another profile, static keys come before everything else.
        if let Some(keys) = keys(profile)?.filter(|_| seen.len() > 1) {
            break Some(First::Keys(keys));
        }
        let Some(hop) = hop(profile)? else { break first(profiles, profile)? };
        hops.push(hop);
        match next(profile)? {
            Some(name) if name != profile.name() => {
                profile = profiles.get_profile(name).ok_or_else(|| {
                    format!("profile {:?} names source_profile {name:?}, which is not there", profile.name())
                })?;
            }
            _ => break first(profiles, profile)?,
        }
    };
    match first {
        Some(first) => {
            hops.reverse();
            Ok(Some(Line { first, hops, region }))
        }
        None if hops.is_empty() => Ok(None),
        None => Err(format!("profile {:?}, from which a role is assumed, has no credentials", profile.name())),
    }
}

/// `source_profile`; `None` for `credential_source`, which the profile itself has.
fn next(profile: &Profile) -> Result<Option<&str>, String> {
    match (profile.get("source_profile"), profile.get("credential_source")) {
        (Some(name), None) => Ok(Some(name)),
        (None, Some(_)) => Ok(None),
        (Some(_), Some(_)) => {
            Err(format!("profile {:?} has both source_profile and credential_source; remove one", profile.name()))
        }
        (None, None) => Err(format!(
            "profile {:?} has a role_arn, but neither source_profile nor credential_source",
            profile.name()
        )),
    }
}

fn hop(profile: &Profile) -> Result<Option<Hop>, String> {
    let Some(role_arn) = profile.get("role_arn").filter(|_| profile.get("web_identity_token_file").is_none()) else {
        return Ok(None);
    };
    Ok(Some(Hop {
        role_arn: role_arn.to_owned(),
        external_id: text(profile, "external_id"),
        session_name: text(profile, "role_session_name"),
        duration: duration(profile)?,
    }))
}

fn first(profiles: &ProfileSet, profile: &Profile) -> Result<Option<First>, String> {
    if let Some(source) = profile.get("credential_source") {
        return match source.to_ascii_lowercase().as_str() {
            "environment" => Ok(Some(First::Environment)),
            "ec2instancemetadata" => Ok(Some(First::Instance)),
            "ecscontainer" => Ok(Some(First::Container)),
            _ => Err(format!(
                "profile {:?} has credential_source {source:?}; there are Environment, Ec2InstanceMetadata and EcsContainer",
                profile.name()
            )),
        };
    }
    if let Some(token_file) = profile.get("web_identity_token_file") {
        let missing = || format!("profile {:?} has a web_identity_token_file, but no role_arn", profile.name());
        let (role_arn, session_name) =
            (text(profile, "role_arn").ok_or_else(missing)?, text(profile, "role_session_name"));
        let duration = duration(profile)?;
        return Ok(Some(First::Web(Web { role_arn, token_file: token_file.into(), session_name, duration })));
    }
    if let Some(sso) = sso(profiles, profile)? {
        return Ok(sso.map(First::Sso));
    }
    if profile.get("login_session").is_some() {
        return Err(format!(
            "profile {:?} has a login_session, which presignd cannot use; name a role",
            profile.name()
        ));
    }
    if let Some(command) = profile.get("credential_process") {
        return Ok(Some(First::Process(Zeroizing::new(command.to_owned()))));
    }
    Ok(keys(profile)?.map(First::Keys))
}

/// The outer `None`: nothing of SSO. The inner: a session for tokens alone, without an account.
fn sso(profiles: &ProfileSet, profile: &Profile) -> Result<Option<Option<Sso>>, String> {
    let own = |key: &str| text(profile, key);
    let keys = ["sso_account_id", "sso_role_name", "sso_region", "sso_start_url", "sso_session"];
    if !keys.iter().any(|key| profile.get(key).is_some()) {
        return Ok(None);
    }
    let name = profile.name();
    let session = own("sso_session");
    let (region, start_url) = match &session {
        Some(session) => {
            let table = profiles
                .sso_session(session)
                .ok_or_else(|| format!("profile {name:?} names [sso-session {session}], which is not there"))?;
            (table.get("sso_region").map(str::to_owned), table.get("sso_start_url").map(str::to_owned))
        }
        None => (own("sso_region"), own("sso_start_url")),
    };
    let (account, role) = match (own("sso_account_id"), own("sso_role_name")) {
        (Some(account), Some(role)) => (account, role),
        (None, None) => return Ok(Some(None)),
        _ => return Err(format!("profile {name:?} has one of sso_account_id and sso_role_name; it needs both")),
    };
    let (Some(region), Some(start_url)) = (region, start_url) else {
        return Err(format!("profile {name:?} lacks sso_region or sso_start_url"));
    };
    Ok(Some(Some(Sso { account, role, region, start_url, session })))
}

fn keys(profile: &Profile) -> Result<Option<Keys>, String> {
    let (id, secret) = (text(profile, "aws_access_key_id"), profile.get("aws_secret_access_key"));
    let token = profile.get("aws_session_token").map(|token| Zeroizing::new(token.to_owned()));
    match (id, secret) {
        (Some(id), Some(secret)) => Ok(Some(Keys { id, secret: Zeroizing::new(secret.to_owned()), token })),
        (None, None) if token.is_none() => Ok(None),
        _ => Err(format!(
            "profile {:?} has only some of aws_access_key_id, aws_secret_access_key and aws_session_token",
            profile.name()
        )),
    }
}

fn duration(profile: &Profile) -> Result<Duration, String> {
    let Some(text) = profile.get("duration_seconds") else { return Ok(DEFAULT_ROLE_DURATION) };
    let seconds =
        text.parse().map_err(|_| format!("profile {:?} has a duration_seconds of no number", profile.name()))?;
    Ok(Duration::from_secs(seconds))
}

fn text(profile: &Profile, key: &str) -> Option<String> {
    profile.get(key).filter(|value| !value.is_empty()).map(str::to_owned)
}
