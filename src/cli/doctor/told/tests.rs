//! What the daemon says, and what the doctor makes of it.

use prost_types::Duration;
use tonic::Code;

use super::*;
use crate::cli::doctor::files::Way;
use crate::cli::doctor::finding::Outcome::{self, Failed, Passed, Skipped};
use crate::grpc::proto::{Session, SessionReference};

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

fn told() -> GetStatusResponse {
    GetStatusResponse { version: OWN.into(), now: at(1000), probing: true, ..Default::default() }
}

fn call(outcome: CallOutcome, message: &str) -> Option<LatestCall> {
    Some(LatestCall { at: at(940), outcome: outcome.into(), message: message.into() })
}

fn answers(word: Word, ready: Option<Result<bool, Status>>) -> Answers {
    Answers { word, identities: None, ready }
}

fn outcomes(findings: &[Finding]) -> Vec<Outcome> {
    findings.iter().map(|one| one.outcome).collect()
}

#[test]
fn what_nobody_told_is_skipped_and_never_passed() {
    let refused = Word::Refused(Status::new(Code::Internal, "broken"));
    for word in [Word::NotRunning, Word::KeptOut, Word::NoAdmin, Word::NotAdmitted, refused] {
        let why = word.why();
        let all = surroundings(&word);
        assert_eq!(outcomes(&all), [Skipped; 4]);
        assert!(all.iter().all(|one| one.message == why), "{all:?}");
        assert_eq!(outcomes(&identities(&answers(word, None))), [Skipped]);
    }
    assert_eq!(outcomes(&surroundings(&Word::Status(Box::new(told())))), [Skipped; 4], "nothing was asked of AWS yet");
}

#[test]
fn who_may_not_open_a_socket_is_not_told_that_nobody_is_behind_it() {
    use Way::{Closed, None, Open};
    for (signs, ways, wanted) in [
        (true, [Open, Closed], Word::NotAdmitted),
        (true, [Open, None], Word::NoAdmin),
        (false, [Closed, Closed], Word::KeptOut),
        (false, [None, Closed], Word::KeptOut),
        (false, [None, None], Word::NotRunning),
    ] {
        assert_eq!(Word::unasked(signs, ways).why(), wanted.why(), "{signs} {ways:?}");
    }
}

#[test]
fn a_daemon_of_another_version_fails_however_well_it_is() {
    let of = |version: &str, ready| {
        let told = GetStatusResponse { version: version.into(), ..told() };
        daemon(&answers(Word::Status(Box::new(told)), Some(ready))).outcome
    };
    assert_eq!((of(OWN, Ok(true)), of("0.0.1", Ok(true)), of(OWN, Ok(false))), (Passed, Failed, Failed));
    let old = daemon(&answers(Word::Refused(Status::unimplemented("no such method")), None));
    assert!(old.outcome == Failed && old.message.contains("older"), "{old:?}");
}

#[test]
fn sts_that_refuses_answers_and_sts_that_is_silent_does_not() {
    use CallOutcome::{Ok, Refused, Silent};
    for (outcome, of_sts, of_canary) in [(Ok, Passed, Passed), (Refused, Passed, Failed), (Silent, Failed, Failed)] {
        let latest = call(outcome, "it was so");
        let canary = CanaryStatus { identity: "web".into(), object: "s3://b/k".into(), latest: latest.clone() };
        let (sts, region_lookup, canaries) = (latest.clone(), latest, vec![canary]);
        let all = surroundings(&Word::Status(Box::new(GetStatusResponse { sts, region_lookup, canaries, ..told() })));
        assert_eq!(outcomes(&all), [of_sts, Skipped, of_sts, of_canary]);
        assert!(all[0].message.ends_with("1m ago: it was so"), "{:?}", all[0]);
        assert_eq!(all[3].check, "canary web s3://b/k");
    }
}

#[test]
fn a_clock_that_is_off_by_more_than_is_tolerated_fails() {
    let of = |seconds: i64| {
        let clock_offset = Some(Duration { seconds, nanos: 0 });
        clock(&GetStatusResponse { clock_offset, ..told() })
    };
    for (seconds, outcome) in [(0, Passed), (5, Passed), (-5, Passed), (6, Failed), (-6, Failed)] {
        assert_eq!(of(seconds).outcome, outcome, "{seconds}");
    }
    assert!(of(-90).message.contains("AWS is 1m 30s behind"), "{:?}", of(-90));
}

#[test]
fn a_canary_that_nobody_reads_is_not_said_to_be_well() {
    let canaries = vec![CanaryStatus { identity: "web".into(), object: "s3://b/k".into(), latest: None }];
    let of = |probing| {
        let told = GetStatusResponse { canaries: canaries.clone(), probing, ..told() };
        surroundings(&Word::Status(Box::new(told))).pop().unwrap()
    };
    assert_eq!((of(true).outcome, of(false).outcome), (Skipped, Skipped));
    assert!(of(false).message.contains("[probe]") && of(true).message.contains("not read yet"));
}

#[test]
fn an_identity_that_fails_says_why_and_what_to_do() {
    use IdentityState::{Paused, Ready, RenewalFailing, SessionDead, Starting, Unavailable};
    let reference = Some(SessionReference { generation: 7, expires_at: at(0), ..Default::default() });
    let session = Session { reference, state: GenerationState::Active.into(), ..Default::default() };
    let of = |state: IdentityState| {
        identity(&Identity {
            name: "web".into(),
            state: state.into(),
            sessions: vec![session.clone()],
            failures: 3,
            last_failure: "not authorized".into(),
            last_failure_reason: "ACCESS_DENIED".into(),
            ..Default::default()
        })
    };
    assert_eq!(identity(&Identity { state: Ready.into(), ..Default::default() }).outcome, Passed);
    let outcomes = [(Paused, Skipped), (Starting, Skipped)];
    for (state, outcome) in
        outcomes.into_iter().chain([Ready, RenewalFailing, Unavailable, SessionDead].map(|one| (one, Failed)))
    {
        let found = of(state);
        assert_eq!((found.check.as_str(), found.outcome), ("identity web", outcome), "{state:?}");
        assert_eq!(found.message.contains("ACCESS_DENIED: not authorized"), outcome == Failed, "{found:?}");
        assert_eq!(found.next.is_some(), outcome != Passed, "{found:?}");
    }
    assert!(of(RenewalFailing).message.contains("generation 7 signs until 1970-01-01T00:00:00Z, but 3"));
}
