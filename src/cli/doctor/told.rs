//! What follows from the daemon's own words. Pure.

use prost_types::Timestamp;
use tonic::Status;

use super::finding::Finding;
use super::{Answers, Word};
use crate::cli::{online, say};
use crate::clock::TOLERATED_OFFSET_SECONDS;
use crate::grpc::proto::{
    CallOutcome, CanaryStatus, GenerationState, GetStatusResponse, Identity, IdentityState, LatestCall,
};

/// Whether it runs, as which version, and can sign and record.
pub(super) fn daemon(answers: &Answers) -> Finding {
    let name = "daemon";
    let older = "it is of another version: restart it, so that it runs the program that is installed";
    let told = match &answers.word {
        Word::Status(told) => told,
        Word::Refused(status) if status.code() == tonic::Code::Unimplemented => {
            return Finding::failed(name, "it is older than this command line, and cannot say how it is").next(older);
        }
        Word::Refused(status) => return Finding::failed(name, no_answer(status)).next(SEE_LOG),
        word => return Finding::skipped(name, word.why()),
    };
    let since = say::time(told.started_at.as_ref());
    let version = format!("version {}, running since {since}", told.version);
    if told.version != OWN {
        return Finding::failed(name, format!("{version}; this command line is {OWN}")).next(older);
    }
    match &answers.ready {
        Some(Ok(true)) => Finding::passed(name, format!("{version}: can sign and record")),
        Some(Ok(false)) => Finding::failed(name, format!("{version}: cannot sign and record for now"))
            .next("mend what failed beside it: the registry, or the identities; it goes on by itself"),
        Some(Err(status)) => Finding::failed(name, no_answer(status)).next(SEE_LOG),
        None => Finding::skipped(name, answers.word.why()),
    }
}

/// One for each that may be seen.
pub(super) fn identities(answers: &Answers) -> Vec<Finding> {
    let one = |found: Finding| vec![found];
    match &answers.identities {
        None => one(Finding::skipped("identities", answers.word.why())),
        Some(Err(status)) => one(Finding::failed("identities", no_answer(status)).next(SEE_LOG)),
        Some(Ok(all)) if all.is_empty() => one(Finding::skipped("identities", "no grant lets your user sign with any")
            .next("`presignd check --config FILE --identity NAME --as-uid UID --can s3://BUCKET/KEY` says what a grant lacks")),
        Some(Ok(all)) => all.iter().map(identity).collect(),
    }
}

fn identity(one: &Identity) -> Finding {
    let name = format!("identity {}", one.name);
    let signing = one.sessions.iter().find(|session| session.state() == GenerationState::Active);
    let signs = signing.and_then(|session| session.reference.as_ref()).map(|session| match &session.expires_at {
        None => format!("generation {} signs, without an end", session.generation),
        end => format!("generation {} signs until {}", session.generation, say::time(end.as_ref())),
    });
    let signs = signs.unwrap_or_else(|| "each tenant has a session of its own".to_owned());
    let failure = match (one.last_failure_reason.as_str(), one.last_failure.as_str()) {
        ("", words) => words.to_owned(),
        (reason, words) => format!("{reason}: {words}"),
    };
    let again =
        format!("docs/errors.md says more of the reason; `presignd identities renew {}` tries it again", one.name);
    match one.state() {
        IdentityState::Ready if !failure.is_empty() => {
            Finding::failed(name, format!("{signs}, but its URLs may be dead: {failure}")).next(again)
        }
        IdentityState::Ready => Finding::passed(name, format!("{}: {signs}", one.source)),
        IdentityState::RenewalFailing => {
            let times = one.failures;
            Finding::failed(name, format!("{signs}, but {times} renewals in a row failed: {failure}")).next(again)
        }
        IdentityState::Unavailable => Finding::failed(name, format!("has no session: {failure}")).next(again),
        IdentityState::SessionDead => {
            Finding::failed(name, format!("its session was seen dead, so it signs nothing: {failure}")).next(again)
        }
        IdentityState::Paused => Finding::skipped(name, "an operator paused it")
            .next(format!("`presignd resume {}` lets it sign again", one.name)),
        IdentityState::Starting | IdentityState::Unspecified => {
            Finding::skipped(name, "its first session is on its way").next("ask again in a moment")
        }
    }
}

/// STS, the clock, the look-up of regions and the canaries.
pub(super) fn surroundings(word: &Word) -> Vec<Finding> {
    let Word::Status(told) = word else {
        let names = ["sts", "clock", "region look-up", "canaries"];
        return names.into_iter().map(|name| Finding::skipped(name, word.why())).collect();
    };
    let mut all = vec![sts(told), clock(told), region(told)];
    match (told.canaries.as_slice(), told.probing) {
        ([], _) => all.push(
            Finding::skipped("canaries", "none is configured")
                .next("an object under [[identity.NAME.canary]] shows when a policy takes the right to read away"),
        ),
        (_, false) => all.push(Finding::skipped("canaries", "[probe] enabled is false, so none is read")),
        (canaries, true) => all.extend(canaries.iter().map(|one| canary(one, told))),
    }
    all
}

fn sts(told: &GetStatusResponse) -> Finding {
    let Some(call) = &told.sts else {
        return Finding::skipped("sts", "no identity has needed it yet");
    };
    match call.outcome() {
        CallOutcome::Silent => Finding::failed("sts", format!("no answer {}", when(call, told)))
            .next("check the network, the proxy, and [sts] region and endpoint_url; the daemon tries again by itself"),
        // What it refused is the identity's trouble.
        _ => Finding::passed("sts", format!("answered {}", when(call, told))),
    }
}

fn clock(told: &GetStatusResponse) -> Finding {
    let Some(offset) = &told.clock_offset else {
        return Finding::skipped("clock", "AWS has not told its time yet");
    };
    let found = format!("offset: {}", online::told(Some(offset.seconds)));
    if offset.seconds.abs() <= TOLERATED_OFFSET_SECONDS {
        return Finding::passed("clock", found);
    }
    Finding::failed("clock", format!("{found}; URLs are dated by AWS's clock all the same"))
        .next("set this machine's clock, and keep it set (NTP)")
}

fn region(told: &GetStatusResponse) -> Finding {
    let name = "region look-up";
    let Some(call) = &told.region_lookup else {
        return Finding::skipped(name, "nobody has asked for a bucket whose region was not given or configured");
    };
    match call.outcome() {
        CallOutcome::Silent => Finding::failed(name, format!("no answer {}", when(call, told)))
            .next("check the network and the proxy; a request that names its region needs no look-up"),
        // There are buckets that do not exist; S3 said so.
        _ => Finding::passed(name, format!("answered {}", when(call, told))),
    }
}

fn canary(one: &CanaryStatus, told: &GetStatusResponse) -> Finding {
    let name = format!("canary {} {}", one.identity, one.object);
    let Some(call) = &one.latest else {
        return Finding::skipped(name, "not read yet: it is read while URLs of a session are outstanding");
    };
    match call.outcome() {
        CallOutcome::Ok => Finding::passed(name, format!("read {}", when(call, told))),
        _ => Finding::failed(name, format!("not read {}", when(call, told)))
            .next("an Allow may be gone, or the object: `presignd watch --admin` tells which URLs that ends"),
    }
}

/// `12s ago: AssumeRole: ok`.
fn when(call: &LatestCall, told: &GetStatusResponse) -> String {
    let seconds = |at: &Option<Timestamp>| at.as_ref().map_or(0, |at| at.seconds);
    let ago = seconds(&told.now).saturating_sub(seconds(&call.at));
    format!("{} ago: {}", say::seconds(u64::try_from(ago).unwrap_or(0)), call.message)
}

fn no_answer(status: &Status) -> String {
    format!("it did not answer as it should: {:?}: {}", status.code(), status.message())
}

const OWN: &str = env!("CARGO_PKG_VERSION");
const SEE_LOG: &str = "see the daemon's log";

#[cfg(test)]
mod tests;
