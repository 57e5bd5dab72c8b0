//! Clients that we did not write, on the real daemon with a plain `unix:` target; the packages of clients/, held against the
//! SDKs whose place they take; and every program of examples/.

#[path = "clients/examples.rs"]
mod examples;
#[path = "clients/install.rs"]
mod install;
#[path = "support/daemon.rs"]
mod process;
mod support;

use install::{Node, Python, run, source};
use process::World;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "set PRESIGND_TEST_PYTHON"]
async fn pythons_grpcio_works_with_a_plain_unix_target() {
    let program = Command::new(install::python());
    on_web(program, "tests/clients/python/client.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "set PRESIGND_TEST_NODE"]
async fn nodes_grpc_js_works_with_a_plain_unix_target() {
    let program = Command::new(install::node());
    on_web(program, "tests/clients/node/client.js").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "set PRESIGND_TEST_PYTHON"]
async fn boto3_with_the_daemon_behind_it_signs_what_boto3_signs() {
    let package = Python::install().await;
    on_key(package.command(), "tests/clients/python/boto.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "set PRESIGND_TEST_NODE"]
async fn the_javascript_sdk_with_the_daemon_behind_it_signs_what_it_signs() {
    let package = Node::install().await;
    on_key(package.command(), "tests/clients/node/sdk.js").await;
}

/// Runs a script with the proto and both sockets of a daemon whose identity `web` has sessions of an hour.
async fn on_web(mut program: Command, script: &str) {
    let world = World::new().await;
    let daemon = world.daemon(&world.web("duration = \"1h\"")).await;
    program.arg(source(script)).arg(source("proto")).args([daemon.sign_socket(), daemon.admin_socket()]);
    passes(program, &daemon).await;
}

/// Runs a script that has the key by which the daemon's identity `key` signs.
async fn on_key(mut program: Command, script: &str) {
    let world = World::new().await;
    let key =
        format!("default_identity = \"key\"\n[identity.key]\nsource = \"environment\"\n{}", world.services("key"));
    // A key of the top level stands before the first table.
    let (default, key) = key.split_once('\n').expect("two lines");
    world.write_config(&(key.to_owned() + &world.web("duration = \"1h\"")));
    let config = std::fs::read_to_string(world.config()).expect("it was written");
    std::fs::write(world.config(), format!("{default}\n{config}")).expect("the folder can be written");
    let config = world.config();
    let mut daemon =
        world.run(env!("CARGO_BIN_EXE_presignd"), |command| command.arg("serve").arg("--config").arg(config));
    daemon.listening().await;
    program.arg(source(script)).arg(daemon.sign_socket()).arg(world.s3.endpoint());
    program.env("AWS_ACCESS_KEY_ID", &world.user.access_key_id).env("AWS_SECRET_ACCESS_KEY", &world.user.secret);
    passes(program, &daemon).await;
}

async fn passes(program: Command, daemon: &process::Daemon) {
    let (succeeded, printed, said) = run(program).await;
    println!("{printed}{said}");
    assert!(succeeded, "{printed}{said}\n--- the daemon's log\n{}", daemon.log());
}
