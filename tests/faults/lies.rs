//! What nobody can know when it signs: an end that is a lie, and a clock that is wrong.

use presignd::grpc::proto::IdentityState;
use tonic_types::StatusExt;

use crate::caller::{Caller, is_clear, keeps_its_promise, key_of};
use crate::case::LIFE;
use crate::host::{Host, ready};
use crate::metadata::{Metadata, document};
use crate::support::now;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_lies_of_a_far_end_is_believed_until_its_session_is_seen_dead() {
    let mut host = Host::new().await;
    let metadata = Metadata::serve(&host.role_session(LIFE)).await;
    metadata.say(503, "not yet");
    host.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", metadata.url()));
    let probe = "[probe]\ninterval = \"1s\"\nconfirm_after = \"1s\"\ncalls_per_minute = 6000\n";
    let daemon = host.daemon(&format!("{probe}{}", host.identity("web", "source = \"container\""))).await;
    let (began, before, key) = (now(), metadata.count(), host.role_session(LIFE));
    metadata.say(200, &document(&key, "9999-12-31T23:59:59Z").to_string());
    ready(&daemon, "web").await;
    let caller = Caller::start(&daemon, host.world.s3.address()).await;
    caller.signs("what is told is believed").await;
    let seen = caller.sees("nothing signs with what was seen dead", |seen| seen.outcome.is_err()).await;
    let status = seen.outcome.err().expect("it was looked for");
    is_clear("a lie", &status);
    assert_eq!(status.get_details_error_info().expect("it has a reason").reason, "SESSION_DEAD", "{status}");
    assert_eq!(daemon.web().await.state(), IdentityState::SessionDead);
    let asked = metadata.count() - before;
    assert!(asked <= usize::try_from(now() - began).unwrap_or_default() + 3, "{asked}");
    let next = host.role_session(3600);
    metadata.put(&next);
    let url = caller.signs("another signs").await;
    assert_eq!(key_of(&url.url), next.access_key_id);
    for seen in caller.seen() {
        let Ok(used) = seen.outcome else { continue };
        if key_of(&used.url.url) == next.access_key_id {
            keeps_its_promise("the next", &used, &host.world.keys, 0);
        } else if used.answered_at < key.ends_at.expect("it ends") {
            assert_eq!(used.answer.status, 200, "alive: {}", used.answer.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_hours_wrong_makes_no_url_claim_more_than_its_session_lives() {
    for ahead in [-7200, 7200] {
        let mut host = Host::new().await;
        host.set_key(&host.world.user.clone());
        host.world.sts.ahead(ahead);
        host.world.sts.sessions_last(Some(std::time::Duration::from_secs(LIFE.unsigned_abs())));
        let role = "source = \"assume-role\"\nrole_arn = \"arn:aws:iam::123456789012:role/web\"\nduration = \"15m\"";
        let daemon = host.daemon(&host.identity("web", role)).await;
        ready(&daemon, "web").await;
        let caller = Caller::start(&daemon, host.world.s3.address()).await;
        let first = caller.signs("a wrong clock keeps nobody from signing").await;
        let other = |url: &str| key_of(url) != key_of(&first.url);
        caller.sees("renewed in time", |seen| seen.outcome.as_ref().is_ok_and(|used| other(&used.url.url))).await;
        for seen in caller.seen() {
            let used = seen.outcome.unwrap_or_else(|status| panic!("{ahead}: nobody notices, but for {status}"));
            keeps_its_promise("a wrong clock", &used, &host.world.keys, ahead);
            let by_aws = used.url.signed_at.expect("every URL has a date").seconds - ahead;
            assert!(
                (seen.at - 2..=used.answered_at + 2).contains(&by_aws),
                "{ahead}: dated {} s off",
                by_aws - seen.at
            );
        }
    }
}
