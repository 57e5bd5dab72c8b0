//! Reloading while callers sign, wait and repeat themselves.

use presignd::grpc::proto::PresignRequest;
use rustix::process::Signal;

use crate::load::Load;
use crate::process::{World, get, presign};
use crate::support::eventually;
use crate::support::sts::Turn;

/// Every kind of change, one after the other, while callers sign with `web` and never stop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_under_load_fails_no_call_that_both_configurations_allow() {
    let world = World::new().await;
    let web = |more: &str| world.web(&format!("min_pause = \"1s\"\n{more}"));
    let write = |text: &str| {
        let text = format!("default_identity = \"web\"\n{}{text}", world.places());
        std::fs::write(world.config(), text).expect("the folder can be written");
    };
    write(&web("duration = \"1h\""));
    let program = env!("CARGO_BIN_EXE_presignd");
    let mut daemon = world.run(program, |command| command.arg("serve").arg("--config").arg(world.config()));
    daemon.listening().await;
    let load = Load::start(&daemon, "cat.jpg", 60).await;
    let other = world.web("duration = \"1h\"").replace("identity.web", "identity.other");
    let generation = async || daemon.web().await.sessions[0].reference.clone().map_or(0, |session| session.generation);
    let (hour, two) = (web("duration = \"1h\""), web("duration = \"2h\""));
    for (at, (text, key, generations)) in [
        (web("duration = \"1h\"\nheadroom = \"10m\""), "identity.web", 1),
        (format!("{hour}{other}"), "identity.other", 1),
        (format!("{two}{other}"), "identity.web", 2),
        (two.replace("role/team/web", "role/team/next"), "identity.other", 3),
        (format!("{two}[limits]\nconnections = 9\ncalls_per_connection = 9\ncall = \"20s\"\n"), "limits.call", 4),
        (format!("{two}[sts]\ncalls_per_minute = 50\n"), "sts.calls_per_minute", 4),
        (hour, "identity.web", 5),
    ]
    .into_iter()
    .enumerate()
    {
        let signed = load.signed();
        write(&text);
        daemon.signal(Signal::HUP);
        eventually("it is in force", async || {
            let log = daemon.log();
            let mut taken = log.lines().filter(|line| line.contains("are in force"));
            taken.nth(at).map(|line| assert!(line.contains(key), "{key}: {line}"))
        })
        .await;
        eventually("signing goes on", async || (load.signed() > signed + 20).then_some(())).await;
        eventually(key, async || (generation().await == generations).then_some(())).await;
    }
    let urls = load.stop().await.expect("no call fails");
    assert!(urls.iter().all(|url| !url.url.is_empty()));
    let metrics = daemon.metrics().await;
    assert!(!metrics.contains("identity=\"other\"") && metrics.contains("identity=\"web\""), "{metrics}");
    let gone = presign(&mut daemon.signer().await, PresignRequest { identity: "other".into(), ..get("a") }).await;
    assert_eq!(gone.expect_err("there is none of that name any more").code(), tonic::Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_for_a_session_is_decided_anew_after_a_reload() {
    let world = World::new().await;
    let web = |role: &str| world.web("duration = \"1h\"\nmin_pause = \"1s\"").replace("role/team/web", role);
    let grant = "[[grant]]\nuid = 4242\nidentities = [\"*\"]\nbuckets = [\"*\"]\noperations = [\"*\"]\n";
    let daemon = world.daemon(&web("role/one")).await;
    for (next, allowed) in [(web("role/three"), true), (web("role/four") + grant, false)] {
        world.sts.stay(Turn::Hang);
        let asked = world.sts.count("AssumeRole");
        world.write_config(&web("role/two"));
        daemon.signal(Signal::HUP);
        eventually("the next role is asked for", async || (world.sts.count("AssumeRole") > asked).then_some(())).await;
        let mut signer = daemon.signer().await;
        let waits = tokio::spawn(async move { presign(&mut signer, get("cat.jpg")).await });
        world.sts.stay(Turn::Answer);
        world.write_config(&next);
        daemon.signal(Signal::HUP);
        let answer = waits.await.expect("it does not panic");
        let code = answer.map_or_else(|status| status.code(), |_| tonic::Code::Ok);
        assert_eq!(code, if allowed { tonic::Code::Ok } else { tonic::Code::PermissionDenied });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_is_answered_across_a_reload() {
    let world = World::new().await;
    let (hour, other) = (world.web("duration = \"1h\""), "[identity.spare]\nsource = \"environment\"\n");
    let daemon = world.daemon(&hour).await;
    let mut signer = daemon.signer().await;
    let once = PresignRequest { request_id: "order-7".into(), identity: "web".into(), ..get("cat.jpg") };
    let first = presign(&mut signer, once.clone()).await.expect("it signs");
    let reload = async |text: &str, key: &str| {
        let before = daemon.log().len();
        world.write_config(text);
        daemon.signal(Signal::HUP);
        let taken = |line: &str| line.contains("are in force") && line.contains(key);
        eventually(key, async || daemon.log()[before..].lines().any(taken).then_some(())).await;
    };
    reload(&world.web("duration = \"1h\"\nheadroom = \"10m\""), "identity.web").await;
    let same = presign(&mut signer, once.clone()).await.expect("the session is there");
    assert_eq!((&same.url, &same.id), (&first.url, &first.id));
    reload(&world.web("duration = \"2h\""), "identity.web").await;
    let anew = presign(&mut signer, once.clone()).await.expect("it signs anew");
    assert_eq!(anew.replaces, first.id);
    reload(other, "identity.spare").await;
    let gone = presign(&mut signer, once.clone()).await.expect_err("there is no such identity");
    assert_eq!(gone.code(), tonic::Code::NotFound, "{gone}");
    let asked = presignd::grpc::proto::GetUrlRequest { id: first.id };
    let kept = daemon.registry().await.get_url(asked).await.expect("records stay").into_inner();
    assert_eq!(kept.url.and_then(|url| url.usable_until), first.usable_until);
    reload(&hour, "identity.web").await;
    let back = presign(&mut signer, once).await.expect("it is back");
    assert_eq!(back.replaces, anew.id);
}
