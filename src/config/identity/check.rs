//! How identities fit together: bases that exist, durations that their base allows, headroom that leaves some life.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Identity, MAX_CHAINED_DURATION, MAX_IDENTITIES, Source, StsEndpoint};
use crate::config::Error;
use crate::session::IdentityName;
use crate::signer::endpoint::{home_of, partition_of};

/// Refuses what can never hold, so that it is learnt at start and not from STS hours later.
///
/// # Errors
/// Names the key, the limit, and what would be right.
pub fn check(identities: &BTreeMap<IdentityName, Identity>) -> Result<(), Error> {
    if identities.len() > MAX_IDENTITIES {
        return Err(Error::new("identity", format!("there are more than {MAX_IDENTITIES} of them")));
    }
    for (name, identity) in identities {
        let at = |key: &str| format!("identity.{name}.{key}");
        base(name, identity, identities)?;
        let Some(duration) = identity.source.duration() else { continue };
        let say = humantime::format_duration;
        if let Some(headroom) = identity.headroom.filter(|headroom| *headroom >= duration) {
            let problem = format!(
                "is {}, but a session lasts {}, so each would be renewed at once; make headroom shorter or duration longer",
                say(headroom),
                say(duration)
            );
            return Err(Error::new(at("headroom"), problem));
        }
        let rests = duration - identity.headroom.unwrap_or(duration / 2);
        if identity.min_pause > rests {
            let problem = format!(
                "is {}, but with this duration and headroom a session is renewed after {}; make min_pause shorter",
                say(identity.min_pause),
                say(rests)
            );
            return Err(Error::new(at("min_pause"), problem));
        }
    }
    Ok(())
}

/// Refuses an STS that there cannot be, and one in another partition than the role: it would not know the role, nor who
/// asks for it.
///
/// # Errors
/// Names the key, and what would be right.
pub fn check_sts(identities: &BTreeMap<IdentityName, Identity>, wider: &StsEndpoint) -> Result<(), Error> {
    for (name, identity) in identities {
        let at = |own: bool, key: &str| if own { format!("identity.{name}.sts.{key}") } else { format!("sts.{key}") };
        let (own, merged) = (&identity.sts, identity.sts.or(wider));
        if merged.endpoint_url.is_some() {
            for (key, on, is_own) in
                [("fips", merged.fips, own.fips.is_some()), ("dual_stack", merged.dual_stack, own.dual_stack.is_some())]
            {
                if on == Some(true) {
                    let problem = format!(
                        "chooses among AWS's endpoints, but the endpoint_url of identity {name} names another; remove one \
                         of the two, or set {key} = false in [identity.{name}.sts]"
                    );
                    return Err(Error::new(at(is_own, key), problem));
                }
            }
            continue;
        }
        let home = identity.source.partition().and_then(|partition| Some((partition, home_of(partition)?)));
        let (Some(region), Some((partition, home))) = (&merged.region, home) else { continue };
        let of_region = partition_of(region);
        if of_region != partition {
            let problem = format!(
                "is {region}, in partition {of_region}, but the role of identity {name} is in {partition}; name a region \
                 there, such as {home}, in [identity.{name}.sts]"
            );
            return Err(Error::new(at(own.region.is_some(), "region"), problem));
        }
    }
    Ok(())
}

/// Refuses a region of S3 that there cannot be, and one in another partition than the role.
///
/// # Errors
/// Names the key, and what would be right.
pub fn check_s3(identities: &BTreeMap<IdentityName, Identity>) -> Result<(), Error> {
    for (name, identity) in identities {
        let Some(region) = &identity.s3.region else { continue };
        let partition = identity.source.partition().unwrap_or_default();
        let fits = identity.s3.endpoint().check_region(region, partition);
        fits.map_err(|problem| Error::new(format!("identity.{name}.s3.region"), problem))?;
    }
    Ok(())
}

fn base(name: &IdentityName, identity: &Identity, identities: &BTreeMap<IdentityName, Identity>) -> Result<(), Error> {
    let at = |key: &str| format!("identity.{name}.{key}");
    let Some(base_name) = identity.source.base() else { return Ok(()) };
    let Some(base) = identities.get(base_name) else {
        let problem = format!("names {base_name}, which is not configured; add [identity.{base_name}] or remove base");
        return Err(Error::new(at("base"), problem));
    };
    let mut seen = vec![name];
    let mut next = Some(base_name);
    while let Some(link) = next {
        if seen.contains(&link) {
            let chain = seen.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" -> ");
            let problem = format!("leads in a circle: {chain} -> {link}; let one of them use the default chain");
            return Err(Error::new(at("base"), problem));
        }
        seen.push(link);
        next = identities.get(link).and_then(|identity| identity.source.base());
    }
    if base.partitions.is_some() {
        let problem = format!(
            "is {base_name}, which has a session for each tenant and none for itself; name an identity without partition_by"
        );
        return Err(Error::new(at("base"), problem));
    }
    let kind = base.source.name();
    match &identity.source {
        Source::AssumeRole(_) if matches!(base.source, Source::FederationToken(_)) => {
            let problem = format!(
                "is {base_name}, a federation token, which STS lets call nothing but GetCallerIdentity; \
                 use a long-term key or a role's session as base"
            );
            Err(Error::new(at("base"), problem))
        }
        Source::AssumeRole(role) if chains(&base.source) && role.duration > MAX_CHAINED_DURATION => {
            let problem = format!(
                "is {}, but base {base_name} ({kind}) is a session itself, and STS chains for at most 1h; \
                 set duration = \"1h\" or use a long-term key or a web identity",
                humantime::format_duration(Duration::from_secs(role.duration.as_secs()))
            );
            Err(Error::new(at("duration"), problem))
        }
        Source::SessionToken(_) | Source::FederationToken(_) if chains(&base.source) || is_token(&base.source) => {
            let problem = format!(
                "is {base_name} ({kind}), but {} takes a long-term key only; name a key-file, profile or environment \
                 identity that holds one",
                identity.source.name()
            );
            Err(Error::new(at("base"), problem))
        }
        _ => Ok(()),
    }
}

/// Whether a role assumed with this source's credentials is chained, as far as the file shows (SEMANTICS.md 2.2). What a
/// profile, a key file or the environment holds is not known here; STS tells.
fn chains(source: &Source) -> bool {
    match source {
        Source::AssumeRole(_) | Source::WebIdentity(_) | Source::SessionToken(_) => true,
        Source::Instance(_) | Source::Container => true,
        Source::Default | Source::Environment | Source::Profile(_) | Source::KeyFile(_) => false,
        Source::FederationToken(_) => false,
    }
}

fn is_token(source: &Source) -> bool {
    matches!(source, Source::FederationToken(_))
}
