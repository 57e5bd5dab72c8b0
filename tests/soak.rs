//! The real daemon under load for as long as it is told: nothing grows. `PRESIGND_SOAK_SECONDS` says how long, and
//! `scripts/test --soak` makes it an hour; left out it is a few seconds, which show that what callers opened is closed again.
//!
//! Never asserts how fast anything is.

#[path = "support/daemon.rs"]
mod process;
mod support;

#[path = "soak/gauges.rs"]
mod gauges;
#[path = "soak/load.rs"]
mod load;

use std::time::Duration;

use gauges::{Gauges, bounded};
use load::Load;
use process::World;
use support::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_grows_while_the_daemon_signs_and_what_callers_opened_is_closed() {
    let length = Duration::from_secs(seconds());
    let world = World::new().await;
    // Renewed as often as may be, looked at as often as may be: an hour sees many sessions come and go.
    let web = world.web("duration = \"15m\"\nmin_pause = \"1s\"\n");
    let daemon = world.daemon(&web).await;
    // What the first calls make for good: connections to S3, statements, the readers' connections.
    let warm = Load::start(&daemon).await;
    warm.until(200).await;
    warm.stop().await;
    let idle = Gauges::of(&daemon, &world).await;
    let load = Load::start(&daemon).await;
    let mut samples = Vec::new();
    let every = (length / SAMPLES).max(Duration::from_secs(1));
    while every * u32::try_from(samples.len()).expect("they are few") < length {
        tokio::time::sleep(every).await;
        samples.push(Gauges::of(&daemon, &world).await);
    }
    let signed = load.stop().await;
    println!("{signed} calls in {length:?}\nidle: {idle}");
    samples.iter().step_by(samples.len().div_ceil(20)).for_each(|sample| println!("{sample}"));
    bounded(&samples, length);
    // With its callers gone, all that was opened for them is closed.
    eventually("what callers opened is closed", async || {
        let now = Gauges::of(&daemon, &world).await;
        (now.descriptors <= idle.descriptors + SLACK && now.tasks <= idle.tasks + SLACK).then_some(())
    })
    .await;
    assert!(daemon.stop().await.success());
    assert_eq!(presignd::registry::verify(&world.registry()).expect("it can be read").problems, [""; 0]);
}

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment how long it runs")]
fn seconds() -> u64 {
    std::env::var("PRESIGND_SOAK_SECONDS").ok().map_or(8, |text| text.parse().expect("a number of seconds"))
}

/// In a run.
const SAMPLES: u32 = 360;
/// Connections that the daemon itself may have open at one moment and not at another: to STS, and of whoever measures.
const SLACK: u64 = 4;
