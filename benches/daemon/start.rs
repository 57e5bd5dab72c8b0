//! How long it takes from the start of the program to the first URL, after an orderly end and after kill -9 under load.

use std::path::Path;
use std::time::Duration;

use presignd::clock::Clock;
use presignd::grpc::proto::signer_client::SignerClient;

use crate::load::{Shape, ask};
use crate::process::{Daemon, World, connect, get, presign};
use crate::server::{configure, spawn};
use crate::yardstick::figures::tell;

/// Starts and ends it a few times.
pub(crate) async fn measure(program: &Path, registry: Option<&Path>, clock: &Clock, name: &str) {
    let world = World::new().await;
    configure(&world, registry, "30d");
    let (mut orderly, mut killed) = (Vec::new(), Vec::new());
    let (_, mut daemon) = first_url(&world, program, clock).await;
    for _ in 0..ROUNDS {
        daemon.stop().await;
        let took;
        (took, daemon) = first_url(&world, program, clock).await;
        orderly.push(took);
        let channel = connect(&daemon.sign_socket()).await.unwrap();
        ask(Shape::Batch, &channel, clock, Duration::from_millis(500)).await;
        daemon.kill().await;
        let took;
        (took, daemon) = first_url(&world, program, clock).await;
        killed.push(took);
    }
    daemon.stop().await;
    tell(&format!("start/{name}/orderly"), "ms", &orderly);
    tell(&format!("start/{name}/after kill -9"), "ms", &killed);
}

/// In milliseconds; an STS beside it answers at once.
async fn first_url(world: &World, program: &Path, clock: &Clock) -> (f64, Daemon) {
    let began = clock.monotonic();
    let daemon = spawn(world, program);
    let socket = daemon.sign_socket();
    while clock.monotonic() - began < Duration::from_secs(60) {
        if let Ok(channel) = connect(&socket).await
            && presign(&mut SignerClient::new(channel), get("first")).await.is_ok()
        {
            return ((clock.monotonic() - began).as_secs_f64() * 1e3, daemon);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("no URL within a minute:\n{}", daemon.log());
}

const ROUNDS: usize = 5;
