//! No session signs again in whose place another came: with the real command line, whatever becomes of that other.

use presignd::grpc::proto::{GenerationState, IdentityState};
use serde_json::Value;

use super::{generations, says};
use crate::process::{Daemon, World};
use crate::support::eventually;
use crate::support::sts::Turn;

const TABLE: &str = "duration = \"1h\"\nmin_pause = \"1s\"\n";

/// Signs one URL: the generation that signed it, and what was said beside it.
async fn signed(daemon: &Daemon, line: &str) -> (u64, String) {
    let line = format!("presign s3://photos/cat.jpg --region us-east-1 --identity web --expires-in 10m{line}");
    let (code, url, err) = says(daemon, &line).await;
    assert_eq!(code, 0, "{err}");
    let (_, out, _) = says(daemon, "rotation web --output json").await;
    let all: Value = serde_json::from_str(&out).expect("it is JSON");
    let sessions = all["generations"].as_array().into_iter().flatten().map(|one| &one["session"]);
    let mut signed = sessions.filter(|one| url.contains(one["access_key_id"].as_str().unwrap_or("none")));
    let number = signed.next().and_then(|one| one["generation"].as_u64()).expect("one of them signed");
    (number, err)
}

/// Newest first.
async fn states(daemon: &Daemon) -> Vec<GenerationState> {
    generations(daemon, "web").await.iter().map(|one| one.state()).collect()
}

async fn done(daemon: &Daemon, line: &str) -> String {
    let (code, out, err) = says(daemon, line).await;
    assert_eq!(code, 0, "{line}: {err}");
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_session_is_followed_by_a_new_one_and_not_by_the_one_before_it_which_is_denied() {
    for (table, tenant) in
        [(TABLE.to_owned(), ""), (format!("{TABLE}partition_by = \"on_behalf_of\"\n"), " --on-behalf-of red")]
    {
        let world = World::new().await;
        let daemon = world.spawn(&world.web(&table));
        eventually("it is ready", async || (daemon.probe("/readyz").await == 200).then_some(())).await;
        assert_eq!(signed(&daemon, tenant).await, (1, String::new()));
        let first = daemon.web().await.sessions.remove(0).principal_arn;
        done(&daemon, &format!("report deny --bucket photos --principal {first}")).await;
        done(&daemon, "identities renew web").await;
        assert_eq!(signed(&daemon, tenant).await, (2, String::new()), "the event spares it");

        done(&daemon, "drain web --generation 2").await;
        assert_eq!(signed(&daemon, tenant).await, (3, String::new()), "the first is denied, and rests");
        use GenerationState::{Active, Draining};
        assert_eq!(states(&daemon).await, [Active, Draining, Draining]);

        world.sts.stay(Turn::Fail(403, "AccessDenied"));
        done(&daemon, "drain web --generation 3").await;
        let line = format!("presign s3://photos/cat.jpg --region us-east-1 --identity web --expires-in 10m{tenant}");
        for _ in 0..2 {
            let (code, out, err) = says(&daemon, &line).await;
            assert!(code != 0 && out.is_empty() && err.contains("NO_SESSION") && err.contains("AccessDenied"), "{err}");
        }
        assert_eq!(states(&daemon).await, [Draining; 3]);
        assert_eq!(daemon.web().await.state(), IdentityState::Unavailable);
        world.sts.stay(Turn::Answer);
        eventually("it signs again", async || (says(&daemon, &line).await.0 == 0).then_some(())).await;
        assert_eq!(signed(&daemon, tenant).await.0, 4);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_may_let_the_former_session_sign_while_no_other_can_be_had() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web(TABLE)).await;
    signed(&daemon, "").await;
    done(&daemon, "identities renew web").await;
    let (code, _, err) = says(&daemon, "drain web --generation 1 --cancel").await;
    assert!(code != 0 && err.contains("ANOTHER_SIGNS"), "{err}");
    world.sts.stay(Turn::Fail(403, "AccessDenied"));
    done(&daemon, "drain web").await;
    let out = done(&daemon, "drain web --generation 1 --cancel").await;
    assert!(out.contains("active"), "{out}");
    assert_eq!(signed(&daemon, "").await.0, 1);
    world.sts.stay(Turn::Answer);
    done(&daemon, "identities renew web").await;
    assert_eq!(signed(&daemon, "").await.0, 3, "what comes takes its place");
    let (code, _, err) = says(&daemon, "drain web --generation 1 --cancel").await;
    assert!(code != 0 && err.contains("ANOTHER_SIGNS"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_shorter_than_the_one_that_signs_is_prepared_and_never_drains() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"2h\"\nmin_pause = \"1s\"\n")).await;
    signed(&daemon, "").await;
    world.sts.role_maximum(3600);
    let longer = "presign s3://photos/cat.jpg --region us-east-1 --identity web --expires-in 7195s --at-least 7195s";
    eventually("a caller needs more than is left", async || (says(&daemon, longer).await.0 == 3).then_some(())).await;
    assert_eq!(signed(&daemon, "").await.0, 1, "long URLs can still be had");
    use GenerationState::{Active, Draining, Prepared};
    assert_eq!(states(&daemon).await, [Prepared, Active]);
    let out = done(&daemon, "rotation web").await;
    assert!(out.contains("nothing to do"), "{out}");
    done(&daemon, "drain web").await;
    eventually("a new one signs", async || (signed(&daemon, "").await.0 == 3).then_some(())).await;
    assert_eq!(states(&daemon).await[2], Draining);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewing_mends_a_denied_session_also_where_the_role_allows_less_by_now_and_says_what_that_costs() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"2h\"\nmin_pause = \"1s\"\n")).await;
    signed(&daemon, "").await;
    let first = daemon.web().await.sessions.remove(0).principal_arn;
    let (_, out, _) = says(&daemon, &format!("impact deny --bucket photos --principal {first}")).await;
    assert!(out.contains("Renewing mends it") && out.contains("presignd identities renew web"), "{out}");
    done(&daemon, &format!("report deny --bucket photos --principal {first}")).await;
    world.sts.role_maximum(3600);
    let (code, out, err) = says(&daemon, "identities renew web").await;
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("active") && out.contains("draining"), "{out}");
    let told = "generation 2 of web ends at ";
    assert!(err.contains(told) && err.contains("`presignd drain web --generation 1 --cancel`"), "{err}");
    assert_eq!(signed(&daemon, "").await, (2, String::new()), "the event spares it");
    let (code, _, err) = says(&daemon, "identities renew web").await;
    assert_eq!((code, err.as_str()), (0, ""), "it costs nothing more");
    done(&daemon, "drain web --generation 1 --cancel").await;
    let (number, caution) = signed(&daemon, "").await;
    assert_eq!(number, 1, "who asks for it gets it");
    assert!(
        caution.contains("ENDS_EARLY") || caution.contains("ends early") || caution.contains("ends the URL early"),
        "{caution}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_that_is_asked_for_once_more_is_the_same_until_the_next_renewal() {
    let world = World::new().await;
    let daemon = world.daemon(&world.web(TABLE)).await;
    signed(&daemon, "").await;
    let drained = async || {
        let answer: Value = serde_json::from_str(&done(&daemon, "drain web --output json").await).expect("it is JSON");
        let one = &answer["generation"];
        (one["session"]["generation"].as_u64(), one["state"].clone(), one["since"].clone())
    };
    let first = drained().await;
    assert_eq!((first.0, first.1.as_str()), (Some(1), Some("draining")));
    eventually("another signs", async || (signed(&daemon, "").await.0 == 2).then_some(())).await;
    for _ in 0..2 {
        assert_eq!(drained().await, first);
    }
    assert_eq!((signed(&daemon, "").await.0, world.sts.count("AssumeRole")), (2, 2), "nothing is minted for it");
    let named = done(&daemon, "drain web --generation 2").await;
    assert!(named.contains("draining"), "{named}");
    eventually("a third signs", async || (signed(&daemon, "").await.0 == 3).then_some(())).await;
    done(&daemon, "drain web").await;
    assert_eq!(signed(&daemon, "").await.0, 3, "it is the drain of the second");
    done(&daemon, "identities renew web").await;
    let (of, _) = (signed(&daemon, "").await.0, done(&daemon, "drain web").await);
    eventually("a fifth signs", async || (signed(&daemon, "").await.0 == 5).then_some(())).await;
    assert_eq!(of, 4, "what was renewed since is drained as any other");
}
