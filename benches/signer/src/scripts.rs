//! Signers that are not in Rust: a script signs one URL for comparison, then tells its own rates.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{ACCESS_KEY_ID, AT, BUCKET, EXPIRES_IN, PROBE, REGION, ROUND_SECONDS, SECRET, Work};

/// Those whose interpreter is named in the environment: by name, the URL of the probe's key and the rates.
pub fn all(work: &Work, rounds: usize) -> Vec<(&'static str, String, Vec<f64>)> {
    let scripts = [
        ("boto3", "PRESIGND_TEST_PYTHON", "boto3_signer.py"),
        ("s3-request-presigner", "PRESIGND_TEST_NODE", "presigner.js"),
    ];
    let mut answers = Vec::new();
    for (name, variable, script) in scripts {
        match std::env::var_os(variable) {
            Some(interpreter) => answers.push(run(name, interpreter.into(), script, work, rounds)),
            None => println!("{name} is left out: {variable} names no interpreter"),
        }
    }
    answers
}

fn run(
    name: &'static str,
    interpreter: PathBuf,
    script: &str,
    work: &Work,
    rounds: usize,
) -> (&'static str, String, Vec<f64>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts").join(script);
    let mut child =
        Command::new(interpreter).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let told = json!({
        "access_key_id": ACCESS_KEY_ID, "secret": SECRET, "token": work.token, "bucket": BUCKET, "region": REGION,
        "keys": work.keys, "at": AT, "expires_in": EXPIRES_IN, "probe": PROBE, "rounds": rounds, "seconds": ROUND_SECONDS,
    });
    child.stdin.take().expect("a pipe").write_all(told.to_string().as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{name}: {}", output.status);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("it answers in JSON");
    let rates = answer["rates"].as_array().expect("rates").iter().filter_map(Value::as_f64).collect();
    (name, answer["url"].as_str().expect("a URL").to_owned(), rates)
}
