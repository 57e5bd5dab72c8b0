//! A bundle of runc's, made by umoci of an image, and the container that runs it. What the image says of user, program and
//! variables stays as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{DEADLINE, eventually};

/// What runc runs.
pub(crate) struct Bundle {
    path: PathBuf,
    config: Value,
}

impl Bundle {
    pub(crate) fn unpack(image: &str, folder: &Path) -> Self {
        let path = folder.join("bundle");
        let output = Command::new("umoci").args(["unpack", "--image", image]).arg(&path).output();
        let output = output.expect("umoci is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let config = serde_json::from_slice(&fs::read(path.join("config.json")).unwrap()).unwrap();
        Self { path, config }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.path.join("rootfs")
    }

    /// Labels, as the runtime's specification has them.
    pub(crate) fn annotations(&self) -> &Value {
        &self.config["annotations"]
    }

    /// No capability, no privilege to come, nothing to write to; the machine's network, where the stand-ins are.
    pub(crate) fn confine(&mut self) {
        let none: [&str; 0] = [];
        let sets = ["bounding", "effective", "inheritable", "permitted", "ambient"];
        let process = &mut self.config["process"];
        process["capabilities"] = sets.iter().map(|set| ((*set).to_owned(), json!(none))).collect();
        process["noNewPrivileges"] = json!(true);
        process["terminal"] = json!(false);
        self.config["root"]["readonly"] = json!(true);
        let namespaces = self.config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.retain(|each| each["type"] != "network");
        // Without a network of its own it may mount no /sys of its own, and needs none.
        self.config["mounts"]
            .as_array_mut()
            .unwrap()
            .retain(|mount| !mount["destination"].as_str().is_some_and(|place| place.starts_with("/sys")));
    }

    pub(crate) fn variables(&mut self, variables: &[(&str, &str)]) {
        let all = self.config["process"]["env"].as_array_mut().unwrap();
        all.extend(variables.iter().map(|(name, value)| json!(format!("{name}={value}"))));
    }

    pub(crate) fn mount(&mut self, here: &Path, there: &str, mode: &str) {
        let options = ["bind", mode, "nosuid", "nodev"];
        let mount = json!({"destination": there, "source": here, "type": "bind", "options": options});
        self.config["mounts"].as_array_mut().unwrap().push(mount);
    }
}

/// A container that runs; dropped, it is killed.
pub(crate) struct Running {
    runc: tokio::process::Child,
    state: PathBuf,
    log: PathBuf,
}

impl Running {
    pub(crate) fn start(bundle: &Bundle, folder: &Path) -> Self {
        fs::write(bundle.path.join("config.json"), bundle.config.to_string()).unwrap();
        let (state, log) = (folder.join("runc"), folder.join("log"));
        let file = fs::File::create(&log).unwrap();
        let mut runc = tokio::process::Command::new("runc");
        runc.arg("--root").arg(&state).args(["run", "--bundle"]).arg(&bundle.path).arg(NAME);
        runc.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { runc: runc.spawn().expect("runc is installed"), state, log }
    }

    /// What the daemon logged, and runc where it could not run it.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Runs a command inside; its exit code, and what it printed.
    pub(crate) fn exec(&self, command: &[&str]) -> (i32, String) {
        let output = self.runc(&["exec", NAME], command);
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap_or(-1), text)
    }

    /// Waits until a command inside has no objection.
    pub(crate) async fn until(&self, command: &[&str]) {
        let mut last = String::new();
        let wait = eventually("the container has no objection", async || {
            let (code, said) = self.exec(command);
            last = said;
            (code == 0).then_some(())
        });
        if tokio::time::timeout(DEADLINE / 5, wait).await.is_err() {
            panic!("{command:?}: {last}\n{}", self.log());
        }
    }

    /// The daemon's number on this machine.
    pub(crate) fn pid(&self) -> u64 {
        let state: Value = serde_json::from_slice(&self.runc(&["state", NAME], &[]).stdout).unwrap();
        state["pid"].as_u64().unwrap()
    }

    /// As an engine stops a container; the exit code of the daemon.
    pub(crate) async fn terminate(mut self) -> i32 {
        assert!(self.runc(&["kill", NAME, "TERM"], &[]).status.success());
        let ended = tokio::time::timeout(DEADLINE, self.runc.wait()).await.expect("it ends").unwrap();
        ended.code().unwrap_or(-1)
    }

    fn runc(&self, verb: &[&str], command: &[&str]) -> std::process::Output {
        Command::new("runc").arg("--root").arg(&self.state).args(verb).args(command).output().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.runc(&["delete", "--force", NAME], &[]));
    }
}

const NAME: &str = "presignd";
