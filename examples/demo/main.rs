//! presignd in two stories, in under a minute, with nothing but the Rust toolchain: `cargo run --example demo`.
//!
//! In the first a URL lives on over a renewal and ends to the second. In the second, presignd says beforehand which of a
//! hundred URLs three events will end; then they happen, and every URL is fetched.
//!
//! An STS and a signature-verifying S3 stand in for AWS on loopback; everything between them is the real daemon. Exits with 1
//! when S3 and what the daemon said differ.

mod bearer;
mod forecast;
mod foresight;
mod house;
mod renewal;
#[path = "../../tests/support/mod.rs"]
mod support;
mod tell;

use std::process::ExitCode;

use tell::say;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    match stories().await {
        Ok(()) => {
            say("Every promise held, and every prediction.");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("\nThe demo failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn stories() -> Result<(), Failure> {
    renewal::story().await?;
    foresight::story().await
}

fn expect(held: bool, promise: &str) -> Result<(), Failure> {
    if held { Ok(()) } else { Err(format!("not so: {promise}").into()) }
}
