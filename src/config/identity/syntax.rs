//! What single values must look like: lengths, ARNs, names, policies, by the limits of STS (SEMANTICS.md 2.1).

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{
    MAX_POLICY, MAX_ROLE_DURATION, MAX_TAGS, MAX_TOKEN_DURATION, MIN_DURATION, PLACEHOLDER, Partitions, Scope, Source,
};
use crate::config::Error;
use crate::signer::endpoint::Endpoint;

/// Checks the values of one source.
pub(super) fn source(
    source: &Source,
    partitions: Option<&Partitions>,
    at: impl Fn(&str) -> String,
) -> Result<(), Error> {
    match source {
        Source::Default | Source::Environment | Source::Container => Ok(()),
        Source::Profile(profile) => {
            for (key, path) in [("config_file", &profile.config_file), ("credentials_file", &profile.credentials_file)]
            {
                path.as_deref().map_or(Ok(()), |path| absolute(&at(key), path))?;
            }
            Ok(())
        }
        Source::Instance(instance) => endpoint(&at("endpoint_url"), instance.endpoint_url.clone()).map(drop),
        Source::KeyFile(file) => {
            length(&at("poll"), file.poll, Duration::from_secs(1)..=Duration::from_secs(3600))?;
            absolute(&at("path"), &file.path)
        }
        Source::AssumeRole(role) => {
            length(&at("duration"), role.duration, MIN_DURATION..=MAX_ROLE_DURATION)?;
            role_arn(&at("role_arn"), &role.role_arn)?;
            if let Some(id) = &role.external_id {
                word(&at("external_id"), id, 2..=1224, "=,.@:/-_+")?;
            }
            if let Some(source) = &role.source_identity {
                word(&at("source_identity"), source, 2..=64, "=,.@-_+")?;
            }
            word(&at("session_name_prefix"), &role.session_name_prefix, 1..=32, "=,.@-_+")?;
            scope(&role.scope, &at)?;
            let own = partitions.and_then(|partitions| partitions.tag.as_ref());
            let is_tag = |key: &String| own == Some(key) || role.scope.tags.iter().any(|(tag, _)| tag == key);
            let key = role.transitive_tag_keys.iter().find(|key| !is_tag(key));
            key.map_or(Ok(()), |key| {
                let problem = format!("names {key:?}, which is no key of tags; add the tag or remove the key");
                Err(Error::new(at("transitive_tag_keys"), problem))
            })
        }
        Source::WebIdentity(web) => {
            length(&at("duration"), web.duration, MIN_DURATION..=MAX_ROLE_DURATION)?;
            web.role_arn.as_deref().map_or(Ok(()), |arn| role_arn(&at("role_arn"), arn))?;
            web.token_file.as_deref().map_or(Ok(()), |path| absolute(&at("token_file"), path))?;
            word(&at("session_name_prefix"), &web.session_name_prefix, 1..=32, "=,.@-_+")?;
            scope(&web.scope, &at)
        }
        Source::SessionToken(token) => length(&at("duration"), token.duration, MIN_DURATION..=MAX_TOKEN_DURATION),
        Source::FederationToken(token) => {
            length(&at("duration"), token.duration, MIN_DURATION..=MAX_TOKEN_DURATION)?;
            // A federated user's name has 32 characters at most, and the boot and the number need half of them.
            word(&at("session_name_prefix"), &token.session_name_prefix, 1..=16, "=,.@-_+")?;
            scope(&token.scope, &at)
        }
    }
}

/// A length within its range.
pub(super) fn length(key: &str, given: Duration, range: RangeInclusive<Duration>) -> Result<(), Error> {
    if range.contains(&given) {
        return Ok(());
    }
    let say = humantime::format_duration;
    let (least, most) = (say(*range.start()), say(*range.end()));
    Err(Error::new(key, format!("is {}, but must lie between {least} and {most}", say(given))))
}

/// An `endpoint_url`: scheme, host, perhaps a port and a path.
pub(super) fn endpoint(key: &str, given: Option<String>) -> Result<Option<String>, Error> {
    let Some(url) = given else { return Ok(None) };
    if url.len() > 2048 || Endpoint::parse(&url).is_err() {
        let problem = "must be http:// or https://, a host, and perhaps a port and a path: no query, no user";
        return Err(Error::new(key, problem));
    }
    Ok(Some(url))
}

fn absolute(key: &str, path: &std::path::Path) -> Result<(), Error> {
    if path.is_absolute() { Ok(()) } else { Err(Error::new(key, "must be an absolute path")) }
}

fn role_arn(key: &str, arn: &str) -> Result<(), Error> {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (head, partition, service, region, account, role) = (next(), next(), next(), next(), next(), next());
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let named = role.strip_prefix("role/").is_some_and(|name| !name.is_empty() && !name.ends_with('/'));
    let fits = head == "arn" && partition.starts_with("aws") && service == "iam" && region.is_empty();
    if fits && digits && named && arn.len() <= 2048 && arn.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::new(key, "must be the ARN of a role, such as arn:aws:iam::123456789012:role/uploads"))
}

fn word(key: &str, given: &str, range: RangeInclusive<usize>, marks: &str) -> Result<(), Error> {
    let legal = given.chars().all(|char| char.is_ascii_alphanumeric() || marks.contains(char));
    if range.contains(&given.len()) && legal {
        return Ok(());
    }
    let (least, most) = (range.start(), range.end());
    Err(Error::new(key, format!("must have {least} to {most} characters of a-z, A-Z, 0-9 and {marks}")))
}

fn scope(scope: &Scope, at: &impl Fn(&str) -> String) -> Result<(), Error> {
    if let Some(policy) = &scope.policy {
        // What stands for a tenant has the length of the tenant, which is one at least.
        let length = policy.replace(PLACEHOLDER, "x").len();
        if length > MAX_POLICY {
            let problem = format!("has {length} characters; STS takes {MAX_POLICY} at most");
            return Err(Error::new(at("session_policy"), problem));
        }
        let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(policy);
        if !object.is_ok_and(|policy| policy.contains_key("Statement")) {
            return Err(Error::new(at("session_policy"), "must be a policy in JSON, an object with a Statement"));
        }
    }
    if scope.policy_arns.len() > MAX_POLICY_ARNS {
        return Err(Error::new(at("policy_arns"), format!("holds more than {MAX_POLICY_ARNS}, the limit of STS")));
    }
    if !scope.policy_arns.iter().all(|arn| arn.starts_with("arn:") && arn.contains(":policy/")) {
        let problem = "must hold ARNs of managed policies, such as arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
        return Err(Error::new(at("policy_arns"), problem));
    }
    let fits = |(key, value): &(String, String)| (1..=128).contains(&key.len()) && value.len() <= 256;
    if scope.tags.len() > MAX_TAGS || !scope.tags.iter().all(fits) {
        let problem = format!("must be at most {MAX_TAGS} tags, keys of 1 to 128 and values of up to 256 characters");
        return Err(Error::new(at("tags"), problem));
    }
    let reserved = |key: &str| key.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("aws:"));
    if let Some((key, _)) = scope.tags.iter().find(|(key, _)| reserved(key)) {
        let problem = format!("holds {key:?}; STS keeps keys that begin with aws: for AWS, so name the tag otherwise");
        return Err(Error::new(at("tags"), problem));
    }
    Ok(())
}

/// Managed session policies that STS takes.
const MAX_POLICY_ARNS: usize = 10;
