//! How many URLs a signer signs per second of one thread's CPU time, presignd beside its peers and the limit, with a
//! session token of 1,000 characters and without. `cargo run --release --manifest-path benches/signer/Cargo.toml`; behind
//! `--` `quick` for short rounds, or `profile` for presignd alone, ten seconds long, under a profiler.
//!
//! Signers take turns in short rounds, so that a machine that changes its pace changes it for all. Who signs the same
//! parameters must sign them alike, or nothing is told.

mod check;
#[allow(dead_code, reason = "each benchmark takes the part it needs")]
#[path = "../../yardstick/figures.rs"]
mod figures;
mod limit;
mod peers;
mod scripts;

use rustix::time::{ClockId, clock_gettime};

/// What everybody signs: `GET` of one of a thousand keys in one bucket, for an hour, in one scope.
pub struct Work {
    /// Of a session, or of a user's key.
    pub token: Option<String>,
    /// Keys of objects.
    pub keys: Vec<String>,
}

pub const ACCESS_KEY_ID: &str = "ASIAQWERTYUIOPASDFGH";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub const BUCKET: &str = "photos";
pub const REGION: &str = "eu-central-1";
/// 2026-11-22T12:00:00Z
pub const AT: i64 = 1_795_348_800;
pub const EXPIRES_IN: u32 = 3600;
/// The number of the key whose URLs are compared.
pub const PROBE: usize = 7;

/// Signs the URL of the key with that number.
pub type Sign = Box<dyn FnMut(usize) -> String>;

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "quick") { 5 } else { 25 };
    for token in [Some(token()), None] {
        let keys = (0..1000).map(|number| format!("2026/11/22/holiday-{number:04}.jpg")).collect();
        let work = Work { token, keys };
        if std::env::args().any(|argument| argument == "profile") {
            let mut signer = peers::presignd(&work);
            let rates: Vec<f64> = (0..100).map(|_| rate(&mut signer)).collect();
            return figures::tell("signer/token/presignd", "URLs/s of CPU", &rates);
        }
        let mut signers = vec![("limit", limit::signer(&work)), ("presignd", peers::presignd(&work))];
        signers.extend(peers::others(&work));
        let limit = signers[0].1(PROBE);
        for (name, sign) in &mut signers {
            agree(&limit, name, &sign(PROBE));
        }
        let mut rates = rates(&mut signers, rounds);
        for (name, url, own) in scripts::all(&work, rounds) {
            agree(&limit, name, &url);
            rates.push((name, own));
        }
        let with = if work.token.is_some() { "token" } else { "no token" };
        for (name, rates) in rates {
            figures::tell(&format!("signer/{with}/{name}"), "URLs/s of CPU", &rates);
        }
    }
}

/// As long as STS's are, and with what has to be encoded.
fn token() -> String {
    "IQoJb3JpZ2luX2VjEHEaCXVzLWVhc3QtMSJHMEUCIQ/+=".chars().cycle().take(1000).collect()
}

/// Whatever else a signer puts into its URL, what was asked for is in it, and its signature is that of all it says.
fn agree(limit: &str, name: &str, url: &str) {
    let (wanted, signed) = (check::parts(limit), check::parts(url));
    assert_eq!(wanted.address, signed.address, "{name} signs something else: {url}");
    let lacks = wanted.parameters.iter().find(|wanted| !signed.parameters.contains(wanted));
    assert_eq!(lacks, None, "{name} signs something else: {url}");
    assert_eq!(signed.signature, check::signature(&signed), "{name} signs otherwise: {url}");
    // With nothing of its own it has to be the very same.
    assert!(wanted.parameters != signed.parameters || wanted.signature == signed.signature, "{name}: {url}");
}

fn rates(signers: &mut [(&'static str, Sign)], rounds: usize) -> Vec<(&'static str, Vec<f64>)> {
    let mut rates: Vec<_> = signers.iter().map(|(name, _)| (*name, Vec::new())).collect();
    for round in 0..=rounds {
        for ((_, sign), (_, rates)) in signers.iter_mut().zip(&mut rates) {
            let rate = rate(sign);
            // The first warms up.
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    rates
}

/// URLs per second of this thread's CPU time.
fn rate(sign: &mut Sign) -> f64 {
    let began = cpu_seconds();
    let mut signed = 0_usize;
    loop {
        for _ in 0..100 {
            std::hint::black_box(sign(signed % 1000));
            signed += 1;
        }
        let took = cpu_seconds() - began;
        if took > ROUND_SECONDS {
            return signed as f64 / took;
        }
    }
}

fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

const ROUND_SECONDS: f64 = 0.1;
