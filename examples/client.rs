//! Asks the daemon for a URL, and says how long it lives. usage: client BUCKET KEY SECONDS
//!
//! In a program of your own: `presignd = { version = "0.1", default-features = false, features = ["client"] }`.

use std::process::ExitCode;
use std::time::Duration;

use presignd::client::{Client, Error, Presign};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bucket, key, seconds] = &arguments[..] else {
        eprintln!("usage: client BUCKET KEY SECONDS");
        return ExitCode::from(252);
    };
    match sign(bucket, key, seconds.parse().unwrap_or_default()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn sign(bucket: &str, key: &str, seconds: u64) -> Result<(), Error> {
    let socket = std::env::var_os("PRESIGND_SOCKET").and_then(|socket| socket.into_string().ok());
    let client = Client::connect(socket.as_deref().unwrap_or("/run/presignd/sign/presignd.sock")).await?;
    let link = Presign::get(bucket, key).expires_in(Duration::from_secs(seconds)).on_behalf_of("ann");
    let signed = client.presign(link).await?;
    println!("{}", signed.url);
    eprintln!("usable for {:?}, {:?}", signed.life.length(), signed.life.limited_by);
    Ok(())
}
