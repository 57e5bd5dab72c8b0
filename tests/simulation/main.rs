//! Months in the life of a daemon, in virtual time, against a model of AWS that is written from SEMANTICS.md alone.
//!
//! `months` runs the planner and the rules, `days` the renewal tasks, the clients of STS and metadata, the issuer and
//! the registry as well. A run is decided by its seed: one that fails says how to replay it, alone, with
//! `PRESIGND_SIMULATION_SEED`. `PRESIGND_SIMULATION_SEEDS` runs that many instead of the usual number.

mod acts;
mod asks;
mod bearer;
mod cast;
mod days;
mod facts;
mod heal;
mod keep;
mod ledger;
mod model;
mod months;
mod outages;
mod reported;
mod seeds;
mod stand_still;
mod tally;
mod told;
mod vacuity;
mod wire;
mod wrist;

use seeds::over_seeds;

#[test]
fn for_months_every_url_ends_within_what_was_promised_and_predicted() {
    let seen = over_seeds("for_months", MONTHS, |seed| months::run(seed, 60));
    println!("{}", seen.tally);
    if seen.seeds >= MONTHS {
        vacuity::of_months(&seen.tally);
    }
}

#[test]
fn for_days_the_real_desk_keeps_its_promises() {
    let seen = over_seeds("for_days", DAYS, |seed| days::run(seed, 1));
    println!("{}", seen.tally);
    if seen.seeds >= DAYS {
        vacuity::of_days(&seen.tally);
    }
}

#[test]
fn a_seed_replays() {
    let seed = seeds::the_one().unwrap_or(7);
    assert_eq!(months::run(seed, 30), months::run(seed, 30));
    assert_eq!(days::run(seed, 1), days::run(seed, 1));
}

#[test]
fn the_model_knows_nothing_of_presignd() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulation/model");
    let files = std::fs::read_dir(&folder).expect("a folder").map(|file| file.expect("a file").path());
    let files: Vec<_> = files.chain([folder.with_extension("rs")]).collect();
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a text");
        let told = text.lines().find(|line| line.contains("presignd::") || line.contains("crate::"));
        assert_eq!(told.filter(|line| !line.contains("crate::model")), None, "{}", file.display());
    }
}

/// Seeds of each, if nobody wants others: together a minute of one processor.
const MONTHS: u64 = 1000;
const DAYS: u64 = 30;
