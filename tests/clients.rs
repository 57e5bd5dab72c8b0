//! Clients that we did not write, on the real daemon: Python's grpcio and Node's grpc-js, with a plain `unix:` target.

#[path = "support/daemon.rs"]
mod process;
mod support;

use std::ffi::OsStr;
use std::process::Stdio;

use process::World;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "set PRESIGND_TEST_PYTHON"]
async fn pythons_grpcio_works_with_a_plain_unix_target() {
    let python = std::env::var_os("PRESIGND_TEST_PYTHON").expect("scripts/test sets PRESIGND_TEST_PYTHON");
    run(&python, "tests/clients/python/client.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "set PRESIGND_TEST_NODE"]
async fn nodes_grpc_js_works_with_a_plain_unix_target() {
    let node = std::env::var_os("PRESIGND_TEST_NODE").expect("scripts/test sets PRESIGND_TEST_NODE");
    run(&node, "tests/clients/node/client.js").await;
}

async fn run(interpreter: &OsStr, script: &str) {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    let source = env!("CARGO_MANIFEST_DIR");
    let output = Command::new(interpreter)
        .arg(format!("{source}/{script}"))
        .arg(format!("{source}/proto"))
        .args([daemon.sign_socket(), daemon.admin_socket()])
        .env_remove("http_proxy")
        .env_remove("HTTP_PROXY")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(support::DEADLINE, output).await.expect("it ends").expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "{said}\n--- the daemon's log\n{}", daemon.log());
}
