//! The faults, and what callers are told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::case::{Beside, Case, Fault, Source};
use crate::support::sts::Turn;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_of_sts_makes_a_url_lie_or_ends_a_session_early_and_each_is_over_when_it_is_mended() {
    all(STS.into_iter().map(|(name, turn, causes)| Case {
        name,
        source: Source::Role,
        fault: Fault::Sts(turn()),
        causes,
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_of_what_is_beside_the_machine_or_on_the_way_does_so_either() {
    use Source::{Container, Instance, Role, WebIdentity};
    let beside = |name, source, beside| Case { name, source, fault: Fault::Beside(beside), causes: &["METADATA"] };
    // Once the document's own end has come, that is what is said of it.
    let empty =
        |name, field| Case { causes: &["UNREADABLE", "METADATA"], ..beside(name, Container, Beside::Empties(field)) };
    let rows = [
        Case { name: "nobody listens", source: Role, fault: Fault::Refused, causes: &["NETWORK"] },
        Case { name: "ended on arrival", source: Role, fault: Fault::Ended, causes: &["ENDED"] },
        Case {
            name: "an expired token file",
            source: WebIdentity,
            fault: Fault::TokenFile,
            causes: &["EXPIRED_TOKEN"],
        },
        beside("an instance that repeats itself", Instance, Beside::Repeats),
        Case {
            name: "an instance that gives its key another hour",
            source: Instance,
            fault: Fault::Beside(Beside::Stretches),
            causes: &["ENDED"],
        },
        beside("an instance without a role", Instance, Beside::Says(404, "")),
        beside("an instance that fails", Instance, Beside::Says(500, "")),
        beside("a container that gives what has ended", Container, Beside::Past(60)),
        beside("a container without an end", Container, Beside::Lacks("Expiration")),
        beside("a container without a token", Container, Beside::Lacks("Token")),
        empty("a container with an empty token", "Token"),
        empty("a container with an empty key", "AccessKeyId"),
        empty("a container with an empty secret", "SecretAccessKey"),
        beside("a container that sends elsewhere", Container, Beside::Says(307, "")),
        beside("a container that fails", Container, Beside::Says(503, "busy")),
        beside("a container of nonsense", Container, Beside::Says(200, "<html>hello</html>")),
    ];
    all(rows).await;
}

type Row = (&'static str, fn() -> Turn, &'static [&'static str]);

const STS: [Row; 15] = [
    ("slow", || Turn::Late(Duration::from_secs(1)), &[]),
    ("hangs", || Turn::Hang, &["TIMEOUT"]),
    ("cuts the connection", || Turn::Cut, &["NETWORK"]),
    ("an internal failure", || Turn::Fail(500, "InternalFailure"), &["UNAVAILABLE"]),
    ("not available", || Turn::Fail(503, "ServiceUnavailable"), &["UNAVAILABLE"]),
    ("a bare 502", || Turn::Bare(502), &["UNAVAILABLE"]),
    ("throttles", || Turn::Fail(400, "Throttling"), &["THROTTLED"]),
    ("denies", || Turn::Fail(403, "AccessDenied"), &["ACCESS_DENIED"]),
    ("the wrong region", || Turn::Fail(403, "RegionDisabledException"), &["REGION_DISABLED"]),
    ("sends elsewhere", || Turn::Redirect(307, "http://127.0.0.1:9/".to_owned()), &["UNREADABLE"]),
    ("nonsense", || Turn::Nonsense, &["UNREADABLE"]),
    ("half an answer", || Turn::Half, &["UNREADABLE"]),
    ("an answer that breaks off", || Turn::Torn, &["UNREADABLE", "NETWORK"]),
    ("no end", || Turn::Lacks("Expiration"), &["UNREADABLE", "ENDED"]),
    ("no token", || Turn::Lacks("SessionToken"), &["UNREADABLE"]),
];

/// Daemons that run side by side: most of it is waiting for sessions to end.
const AT_ONCE: usize = 8;

/// So many at once, in order.
async fn all(rows: impl IntoIterator<Item = Case>) {
    let mut running = tokio::task::JoinSet::new();
    let mut failed = 0;
    let beside = tokio::task::LocalSet::new();
    let places = Arc::new(Semaphore::new(AT_ONCE));
    for case in rows {
        let places = Arc::clone(&places);
        let run = async move {
            let _place = places.acquire().await.expect("it is never closed");
            case.run().await;
        };
        running.spawn_local_on(run, &beside);
    }
    let ended = async {
        while let Some(ended) = running.join_next().await {
            failed += usize::from(ended.is_err());
        }
    };
    beside.run_until(ended).await;
    assert_eq!(failed, 0, "rows failed; what each met stands above");
}
