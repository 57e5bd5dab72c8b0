//! The other client: signs without a pause while somebody does harm, and counts.

use std::path::Path;

use crate::load::Load;
use crate::process::{Daemon, World};
use crate::support::eventually;

/// A daemon with the identity `web`, and somebody who signs on it all the time.
pub(crate) struct Street {
    pub(crate) world: World,
    pub(crate) daemon: Daemon,
    neighbour: Load,
    memory: u64,
}

impl Street {
    /// `tables` go into the configuration before the identity.
    pub(crate) async fn new(tables: &str) -> Self {
        Self::with_queue(1024, tables).await
    }

    /// The same, where so many calls may wait for the disk.
    pub(crate) async fn with_queue(calls: usize, tables: &str) -> Self {
        let world = World::new().await;
        let places = world.places().replace("[registry]", &format!("[registry]\nqueue_calls = {calls}"));
        let config = places + tables + &world.web("duration = \"1h\"");
        std::fs::write(world.config(), config).expect("the folder can be written");
        let program = env!("CARGO_BIN_EXE_presignd");
        let mut daemon = world.run(program, |command| command.arg("serve").arg("--config").arg(world.config()));
        daemon.listening().await;
        let neighbour = Load::start(&daemon, "own", 60).await;
        let memory = resident(daemon.pid(), "VmRSS:");
        Self { world, daemon, neighbour, memory }
    }

    /// Until the neighbour has signed so many more.
    pub(crate) async fn while_signing(&self, urls: usize) {
        let from = self.neighbour.signed();
        let on = async || (self.neighbour.signed() >= from + urls || self.neighbour.failed()).then_some(());
        eventually("the neighbour goes on", on).await;
    }

    /// Nothing failed, and the daemon has not grown by more than `mebibytes`.
    pub(crate) async fn nobody_noticed(self, mebibytes: u64) {
        self.while_signing(50).await;
        // What was needed for a moment counts, too.
        let grown = resident(self.daemon.pid(), "VmHWM:").saturating_sub(self.memory) >> 20;
        let signed = self.neighbour.stop().await.expect("no call of the neighbour fails");
        println!("{} URLs meanwhile, {grown} MiB more in memory", signed.len());
        assert!(grown <= mebibytes, "the daemon has grown by {grown} MiB");
        assert!(self.daemon.stop().await.success());
    }
}

/// Bytes of memory that the process holds, or has held.
fn resident(pid: i32, what: &str) -> u64 {
    let status = Path::new("/proc").join(pid.to_string()).join("status");
    let status = std::fs::read_to_string(status).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("every process has it");
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kilobytes << 10
}
