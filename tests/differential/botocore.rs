//! Asks botocore: one line of JSON for each case, one line back.

use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

pub type Answer = Value;

/// The answers, in the order of the questions.
pub fn ask(cases: impl Iterator<Item = Value>) -> Vec<Answer> {
    #[expect(clippy::disallowed_methods, reason = "a test may ask for the tools it needs")]
    let python = std::env::var("PRESIGND_TEST_PYTHON").expect("PRESIGND_TEST_PYTHON names a Python with botocore");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential/botocore_presign.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("PRESIGND_TEST_PYTHON starts");
    let lines: Vec<String> = cases.map(|case| format!("{case}\n")).collect();
    let count = lines.len();
    let mut stdin = child.stdin.take().expect("it is piped");
    // From another thread: both ends could wait for each other once the pipes are full.
    let writer = std::thread::spawn(move || stdin.write_all(lines.concat().as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "botocore_presign.py failed");
    writer.join().unwrap().unwrap();
    let answers: Vec<Answer> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(answers.len(), count, "one answer for each case");
    answers
}

/// A policy out of its base64.
pub fn policy(base64: &str) -> Value {
    serde_json::from_slice(&STANDARD.decode(base64).unwrap()).unwrap()
}
