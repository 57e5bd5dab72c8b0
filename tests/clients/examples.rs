//! Every program of examples/ that asks the daemon does the same: with a bucket, a key and a length in seconds it prints a URL
//! that works and lives as long, and a life that cannot be had it refuses, by the daemon's word.

use std::path::Path;

use tokio::process::Command;

use crate::install::{self, Node, Python, done, run, source};
use crate::process::World;
use crate::support::http;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "set PRESIGND_TEST_PYTHON"]
async fn the_examples_in_python_sign_and_are_refused() {
    let package = Python::install().await;
    for script in ["presign.py", "presign_async.py", "presign_boto3.py"] {
        let program = || {
            let mut command = package.command();
            command.arg(source("examples/python").join(script));
            command
        };
        // C-core of gRPC takes an abstract socket, and has no authority to trip over there.
        signs_and_is_refused(program, Sockets::Both).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "set PRESIGND_TEST_NODE"]
async fn the_examples_in_javascript_and_typescript_sign_and_are_refused() {
    let package = Node::install().await;
    let compiled = compile(&package).await;
    for script in [source("examples/node/presign.js"), source("examples/node/get_signed_url.js"), compiled] {
        let program = || {
            let mut command = package.command();
            command.arg(&script);
            command
        };
        signs_and_is_refused(program, Sockets::Path).await;
    }
}

/// The example in TypeScript, held to the package's types. A project of the reader's has a `tsconfig.json` of its own.
async fn compile(package: &Node) -> std::path::PathBuf {
    let modules = Node::modules();
    let config = serde_json::json!({
        "compilerOptions": {
            "strict": true, "noEmitOnError": true, "target": "es2022", "module": "commonjs", "moduleResolution": "node10",
            "outDir": package.folder().join("out"), "types": ["node"],
            "rootDir": source("examples/node"),
            "typeRoots": [modules.join("@types")],
            "paths": {"presignd": [package.folder().join("node_modules/presignd")], "*": [modules.join("*")]},
        },
        "files": [source("examples/node/presign.ts")],
    });
    let file = package.folder().join("tsconfig.json");
    std::fs::write(&file, config.to_string()).expect("the folder can be written");
    // Types are looked for beside the package that names them.
    let linked = package.folder().join("node_modules/@grpc");
    std::os::unix::fs::symlink(modules.join("@grpc"), linked).expect("a link");
    let mut tsc = package.command();
    tsc.arg(modules.join("typescript/bin/tsc")).arg("--project").arg(file);
    done(tsc).await;
    package.folder().join("out/presign.js")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs buf beside PRESIGND_TEST_PYTHON"]
async fn the_example_without_a_program_signs_and_is_refused() {
    let python = install::python();
    let tools = Path::new(&python).parent().expect("PRESIGND_TEST_PYTHON is a path").display().to_string();
    let path = std::env::var_os("PATH").expect("there is a PATH");
    let program = || {
        let mut command = Command::new(source("examples/curl.sh"));
        command.env("PATH", format!("{tools}:{}", path.to_string_lossy()));
        command
    };
    signs_and_is_refused(program, Sockets::Path).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs `cargo build --example client`"]
async fn the_example_in_rust_signs_and_is_refused() {
    let built =
        Path::new(env!("CARGO_BIN_EXE_presignd")).parent().expect("it lies in a folder").join("examples/client");
    assert!(built.exists(), "run cargo build --example client first");
    signs_and_is_refused(|| Command::new(&built), Sockets::Both).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Debian's Go, its gRPC, and protoc with its plugins for Go"]
async fn the_example_in_go_signs_and_is_refused() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let stubs = folder.path().join("src");
    std::fs::create_dir(&stubs).expect("the folder can be written");
    let mut protoc = Command::new("protoc");
    protoc.arg("-I").arg(source("proto"));
    for kind in ["go", "go-grpc"] {
        protoc.arg(format!("--{kind}_out={}", stubs.display()));
    }
    for name in ["event", "impact", "presignd", "rotation"] {
        let file = format!("presignd/v1/{name}.proto");
        protoc.arg(format!("--go_opt=M{file}=presignd/v1")).arg(format!("--go-grpc_opt=M{file}=presignd/v1")).arg(file);
    }
    done(protoc).await;
    let built = folder.path().join("presign");
    let mut go = Command::new("go");
    go.arg("build").arg("-o").arg(&built).arg(source("examples/go/main.go"));
    // Debian's packages lie in a GOPATH. What is compiled of them is kept beside what cargo builds.
    go.env("GO111MODULE", "off").env("GOPATH", format!("{}:/usr/share/gocode", folder.path().display()));
    let target = Path::new(env!("CARGO_BIN_EXE_presignd")).ancestors().nth(2).expect("it lies in a target directory");
    go.env("GOCACHE", target.join("go-cache"));
    done(go).await;
    signs_and_is_refused(|| Command::new(&built), Sockets::Path).await;
}

/// Which sockets a client can connect to.
#[derive(PartialEq)]
pub(crate) enum Sockets {
    Path,
    Both,
}

pub(crate) async fn signs_and_is_refused(program: impl Fn() -> Command, sockets: Sockets) {
    let world = World::new().await;
    let (daemon, name) = world.daemon_beside_a_name(&world.web("duration = \"1h\"")).await;
    world.s3.store().put("photos", "cat.jpg", "meow\n");
    let path = daemon.sign_socket().display().to_string();
    for socket in [path, name].iter().take(if sockets == Sockets::Both { 2 } else { 1 }) {
        let ask = |seconds: &str| {
            let mut command = program();
            command.env("PRESIGND_SOCKET", socket).args(["photos", "cat.jpg", seconds]);
            run(command)
        };
        let (succeeded, printed, said) = ask("900").await;
        assert!(succeeded, "{printed}{said}\n--- the daemon's log\n{}", daemon.log());
        let url = printed.split(['"', '\n', ' ']).find(|word| word.starts_with(&world.s3.endpoint()));
        let url = url.unwrap_or_else(|| panic!("no URL: {printed}{said}"));
        assert!(url.contains("X-Amz-Expires=900"), "{url}");
        let got = http::get(url).await;
        assert_eq!((got.status, got.text().as_str()), (200, "meow\n"), "{url}");

        let (succeeded, printed, said) = ask("36000").await;
        assert!(!succeeded && !printed.contains("X-Amz-"), "{printed}{said}");
        assert!(said.contains("the longest life now is"), "{said}");
    }
}
