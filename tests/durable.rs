//! Promise 3, the half that no kill can show: the record is on the disk before the reply is sent. strace watches the
//! system calls of the daemon while one URL is signed. As root only: the daemon shows others no file of its own.

#[path = "support/daemon.rs"]
mod process;
mod support;

use std::path::Path;

use process::{World, get, presign};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace"]
async fn needs_root_the_sync_of_the_record_comes_before_the_reply() {
    let trace = trace().await;
    let (record, reply) = (trace.record, trace.reply);
    let synced = trace.lines[record..reply].iter().any(|line| line.contains("fdatasync(") || line.contains("fsync("));
    let between = trace.lines[record..=reply].join("\n");
    assert!(synced, "no sync between the write of the record and the reply:\n{between}");
}

struct Trace {
    lines: Vec<String>,
    /// The last write to the WAL before the reply.
    record: usize,
    reply: usize,
}

/// Signs a few URLs under strace, and finds what belongs to the last: its write to the WAL, and its reply.
async fn trace() -> Trace {
    let world = World::new().await;
    world.write_config(&world.web("duration = \"1h\""));
    let calls = world.folder.path().join("calls");
    let mut daemon = world.run("strace", |strace| {
        let traced = "trace=fsync,fdatasync,sync_file_range,pwrite64,pwritev,write,writev,sendto,sendmsg";
        // -D: the daemon is our child, and strace its watcher, which ends with it.
        strace.args(["-D", "-f", "-yy", "-s", "8", "-e", traced, "-o"]).arg(&calls);
        strace.arg(env!("CARGO_BIN_EXE_presignd")).arg("serve").arg("--config").arg(world.config())
    });
    daemon.listening().await;
    let mut signer = daemon.signer().await;
    for key in ["a", "b", "c"] {
        presign(&mut signer, get(key)).await.expect("it signs");
    }
    daemon.kill().await;
    let lines = finished(&calls).await;
    // The reply goes out on the signing socket; nothing is written to the WAL after it but what belongs to the next.
    let record = lines.iter().rposition(|line| line.contains("registry.db-wal") && line.contains("pwrite"));
    let record = record.expect("a record was written to the WAL");
    let is_reply = |line: &String| {
        let sends = ["write(", "writev(", "sendto(", "sendmsg("].iter().any(|call| line.contains(call));
        sends && line.contains("presignd.sock")
    };
    let reply = lines.iter().skip(record).position(is_reply).map(|at| at + record);
    let reply = reply.unwrap_or_else(|| panic!("no reply after the record:\n{}", lines[record..].join("\n")));
    Trace { lines, record, reply }
}

/// The trace, once strace has seen the end of the daemon.
async fn finished(calls: &Path) -> Vec<String> {
    let text = support::eventually("strace is done", async || {
        let text = std::fs::read_to_string(calls).unwrap_or_default();
        text.lines().last().is_some_and(|line| line.contains("killed by SIGKILL")).then_some(text)
    });
    text.await.lines().map(str::to_owned).collect()
}
