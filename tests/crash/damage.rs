//! The file is damaged, or taken away: before the daemon starts, and while it runs. It says so, signs nothing that would have
//! no record, and never begins a new registry in the place of one that was there.

use presignd::grpc::proto::{ListUrlsRequest, PresignResponse};
use rustix::process::Signal;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::process::{Daemon, World, get, presign};
use crate::support::eventually;

async fn world_with_records() -> (World, String) {
    let world = World::new().await;
    let web = world.web("duration = \"1h\"\nmin_pause = \"1s\"");
    let daemon = world.daemon(&web).await;
    let mut signer = daemon.signer().await;
    for n in 0..50 {
        presign(&mut signer, get(&format!("{n}"))).await.expect("it signs");
    }
    assert!(daemon.stop().await.success());
    (world, web)
}

/// Starts, and does not stay: its exit code, and what it wrote.
async fn does_not_start(world: &World, web: &str) -> (Option<i32>, String) {
    let before = world.spawn(web);
    let (log, length) = (world.folder.path().join("log"), before.log().len());
    let code = before.end().await.code();
    let text = std::fs::read_to_string(log).expect("the log is UTF-8");
    (code, text[length..].to_owned())
}

fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

async fn sign(daemon: &Daemon) -> Result<PresignResponse, Status> {
    presign(&mut daemon.signer().await, get("one")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrupt_page_is_told_at_start_and_nothing_is_written_over_it() {
    let (world, web) = world_with_records().await;
    let mut content = std::fs::read(world.registry()).expect("a file");
    // Every page but the first in turn would do; the last is an index or a table's.
    let page = content.len() - 4096;
    content[page..].fill(0xA5);
    std::fs::write(world.registry(), &content).expect("it can be written");
    let (code, said) = does_not_start(&world, &web).await;
    assert_eq!(code, Some(253), "{said}");
    assert!(said.contains("registry.db") && said.contains("damaged") && said.contains("backup"), "{said}");
    assert_eq!(std::fs::read(world.registry()).expect("a file"), content, "it was left as it is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_damaged_while_the_daemon_runs_is_told_as_damage() {
    let (world, web) = world_with_records().await;
    let daemon = world.daemon(&web).await;
    let mut content = std::fs::read(world.registry()).expect("a file");
    content[4096..].fill(0xA5);
    std::fs::write(world.registry(), &content).expect("it can be written");
    let error = daemon.registry().await.list_urls(ListUrlsRequest::default()).await.expect_err("it cannot be read");
    assert_eq!((error.code(), reason(&error)), (Code::DataLoss, "REGISTRY_DAMAGED".to_owned()), "{error}");
    assert!(error.message().contains("registry verify") && error.message().contains("backup"), "{error}");
    daemon.kill().await;
    let (code, said) = does_not_start(&world, &web).await;
    assert!(code == Some(253) && said.contains("backup"), "{code:?}: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_taken_away_under_the_daemon_stops_it_from_signing_until_it_is_back() {
    let (world, web) = world_with_records().await;
    let daemon = world.daemon(&web).await;
    sign(&daemon).await.expect("it signs");
    let aside = world.folder.path().join("aside.db");
    std::fs::rename(world.registry(), &aside).expect("it can be moved");
    // At once, and not only when somebody looks.
    let error = sign(&daemon).await.expect_err("the record would be in a file that is not the registry");
    assert_eq!((error.code(), reason(&error)), (Code::Unavailable, "REGISTRY_GONE".to_owned()), "{error}");
    assert_eq!(daemon.probe("/readyz").await, 503);
    assert_eq!(daemon.probe("/livez").await, 200, "a restart would mend nothing, and lose what can be saved");
    let metrics = daemon.metrics().await;
    assert!(metrics.contains("presignd_refused_total{reason=\"REGISTRY_GONE\"} 1\n"), "{metrics}");
    assert!(daemon.log().contains("was moved, removed or replaced while presignd had it open"));
    std::fs::rename(&aside, world.registry()).expect("it can be put back");
    sign(&daemon).await.expect("it signs again");
    assert_eq!(daemon.probe("/readyz").await, 200);
    assert!(daemon.log().contains("the registry writes again"));
    assert!(daemon.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_is_removed_under_the_daemon_is_saved_when_it_ends_and_never_begun_anew() {
    let (world, web) = world_with_records().await;
    let daemon = world.daemon(&web).await;
    let last = sign(&daemon).await.expect("it signs");
    for end in ["db", "db-wal", "db-shm"] {
        std::fs::remove_file(world.registry().with_extension(end)).expect("it can be removed");
    }
    // Nobody calls: health notices by itself.
    let unready = async || (daemon.probe("/readyz").await == 503).then_some(());
    eventually("it is not ready", unready).await;
    daemon.signal(Signal::TERM);
    assert!(daemon.end().await.success());
    let (code, said) = does_not_start(&world, &web).await;
    assert!(code == Some(253) && said.contains("is not there any more"), "{code:?}: {said}");
    assert!(!world.registry().exists(), "no new one was begun");
    let saved = world.registry().with_extension("db.rescued-1");
    std::fs::rename(saved, world.registry()).expect("what it held was saved");
    let daemon = world.daemon(&web).await;
    let listed = daemon.registry().await.list_urls(ListUrlsRequest::default()).await.expect("a list").into_inner();
    assert_eq!((listed.urls.len(), &listed.urls[0].id), (51, &last.id));
    assert!(daemon.stop().await.success());
}
