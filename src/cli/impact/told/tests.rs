//! Whole pages, as somebody reads them.

use super::super::verdict::when;
use super::*;
use crate::grpc::proto::ending::Grade;
use crate::grpc::proto::outage::Loss;
use crate::grpc::proto::{BearerError, CurvePoint, Event, Outage};

/// 2026-11-22T14:02:00Z.
const AT: i64 = 1_795_356_120;

fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: AT + seconds, nanos: 0 })
}

fn ends() -> Ending {
    Ending {
        verdict: Verdict::Ends.into(),
        not_before: at(0),
        not_after: at(300),
        reason: "KEY_INACTIVE".into(),
        message: "The access key that signed is inactive; made active again, its URLs work again.".into(),
        reversible: true,
        bearer_errors: vec![BearerError { code: "InvalidAccessKeyId".into(), http_status: 403 }],
        grade: Grade::Field.into(),
        ..Default::default()
    }
}

fn lives() -> Ending {
    Ending {
        verdict: Verdict::Lives.into(),
        reason: "NOT_CONCERNED".into(),
        message: "The event does not concern this URL.".into(),
        grade: Grade::Documented.into(),
        ..Default::default()
    }
}

fn answer(ends_: u64, may_end: u64, live: u64) -> AssessResponse {
    let group = |by: By, name: &str, ends, lives| Group {
        by: by.into(),
        name: name.into(),
        totals: Some(Totals { ends, may_end: 0, lives }),
    };
    let point = |seconds, alive, alive_after| CurvePoint { at: at(seconds), alive, alive_after, maybe_after: 0 };
    let effect = |ending, urls| Effect { ending: Some(ending), urls };
    AssessResponse {
        event: Some(Event {
            at: at(0),
            settles_within: Some(prost_types::Duration { seconds: 300, nanos: 0 }),
            what: None,
            endpoint: String::new(),
        }),
        totals: Some(Totals { ends: ends_, may_end, lives: live }),
        assessed_at: at(0),
        stands_as: Vec::new(),
        effects: vec![effect(lives(), live), effect(ends(), ends_)],
        groups: vec![group(By::Bucket, "photos", ends_, 1), group(By::Bucket, "films", 0, live.saturating_sub(1)), group(By::Caller, "33", ends_, live)],
        curve: vec![point(0, 1203, 1161), point(900, 600, 580), point(1830, 0, 0)],
        breaks_nothing_from: (ends_ + may_end > 0).then(|| at(1830)).flatten(),
        gaps: vec![Gap { reason: "SIGNED_ELSEWHERE".into(), message: "Only URLs of this registry (k3vq7mza) are counted: not those of other registries, and none that SDKs or scripts signed.".into() }],
        outages: vec![Outage { identity: "web".into(), at: at(600), message: "its base cannot mint any more".into(), ..Outage::default() }],
    }
}

#[test]
fn the_first_sentence_says_how_many_when_and_what_to_wait_for() {
    assert_eq!(
        verdict(&answer(42, 0, 1161)),
        "42 of 1,203 outstanding URLs end within 5m of 2026-11-22T14:02:00Z; the last of them would have lived until \
         2026-11-22T14:32:30Z (30m 30s later). Sign nothing new, wait until then, and no link dies."
    );
    assert!(
        verdict(&answer(42, 3, 1158)).starts_with("42 of 1,203 outstanding URLs end, and 3 more may, within 5m of")
    );
    assert!(verdict(&answer(2, 0, 0)).starts_with("Both outstanding URLs end within"));
    assert!(verdict(&answer(0, 1, 0)).starts_with("The one outstanding URL may end within"));
    assert_eq!(verdict(&answer(0, 0, 7)), "No link dies: all 7 outstanding URLs live.");
    let mut ended = answer(0, 0, 7);
    ended.gaps.push(Gap { reason: "ENDED_BY_EVENT".into(), message: String::new() });
    assert_eq!(verdict(&ended), "No link that is still alive dies: all 7 outstanding URLs live.");
    assert!(verdict(&answer(1, 0, 6)).contains("; it would have lived until"), "of one there is no last");
    let idle = AssessResponse { outages: answer(1, 0, 0).outages, ..AssessResponse::default() };
    assert_eq!(verdict(&idle), "No outstanding URL matches, so none dies.", "it does break something");
    assert_eq!(verdict(&AssessResponse::default()), "No outstanding URL matches: the event breaks nothing.");
}

#[test]
fn waiting_is_no_remedy_for_what_is_signed_under_a_limit_that_lasts() {
    let short = Outage { loss: Loss::ShortLinks.into(), ..answer(1, 0, 0).outages.remove(0) };
    let told = verdict(&AssessResponse { outages: vec![short], ..answer(42, 0, 0) });
    assert!(told.ends_with("wait until then, and no link that is out now dies."), "{told}");
}

#[test]
fn of_what_has_happened_it_says_what_holds_now_and_advises_no_waiting() {
    let told = |ends, may_end, lives, seconds| {
        verdict(&AssessResponse { assessed_at: at(seconds), ..answer(ends, may_end, lives) })
    };
    assert_eq!(
        told(42, 0, 1161, 1800),
        "42 of 1,203 outstanding URLs ended within 5m of 2026-11-22T14:02:00Z; the last of them would have lived until \
         2026-11-22T14:32:30Z (30s from now). That happened 30m ago: waiting saves none of them."
    );
    assert!(
        told(42, 0, 1161, 299).ends_with(
            "That happened 4m 59s ago: waiting saves none of them, though some may work until 2026-11-22T14:07:00Z."
        ),
        "AWS may not enforce it everywhere yet: {}",
        told(42, 0, 1161, 299)
    );
    assert!(told(42, 0, 1161, 299).starts_with("42 of 1,203 outstanding URLs end within"), "not all have ended");
    assert!(told(42, 0, 1161, 300).starts_with("42 of 1,203 outstanding URLs ended within"));
    assert!(told(42, 3, 1158, 1800).starts_with("42 of 1,203 outstanding URLs ended, and 3 more may have, within"));
    assert!(told(0, 3, 1158, 1800).starts_with("3 of 1,161 outstanding URLs may have ended within"));
    assert!(told(1, 0, 6, 1800).ends_with("waiting does not save it."));
    assert_eq!(told(0, 0, 7, 1800), "No link that is out now has died of it: all 7 outstanding URLs live.");
    assert_eq!(told(0, 0, 0, 1800), "No outstanding URL matches, so none has died of it.");
    let stood = |ids: &[&str]| {
        let stands_as = ids.iter().map(|id| (*id).to_owned()).collect();
        verdict(&AssessResponse { assessed_at: at(1800), stands_as, ..answer(42, 0, 1161) })
    };
    assert!(stood(&["a-5"]).ends_with("That happened 30m ago (event a-5 stands): waiting saves none of them."));
    assert!(stood(&["a-5", "a-4"]).contains("ago (events a-5, a-4 stand): waiting"));
    let ahead = verdict(&AssessResponse { stands_as: vec!["a-5".into()], ..answer(42, 0, 1161) });
    assert!(ahead.ends_with("(30m 30s later). It has happened already: event a-5 stands."), "{ahead}");
}

#[test]
fn a_name_that_nobody_knows_is_doubted_before_anything_is_said_of_it() {
    let message = "Nothing has to do with AKIATYPO: is that the right key?".to_owned();
    let mistyped = Gap { reason: "NAME_UNKNOWN".into(), message };
    let told = |mut answer: AssessResponse| {
        answer.gaps.push(mistyped.clone());
        page(&answer)
    };
    let first = told(answer(0, 0, 7));
    assert!(
        first.starts_with(
            "Nothing has to do with AKIATYPO: is that the right key? If it is, no link dies:\nall 7 outstanding URLs live.\n"
        ),
        "{first}"
    );
    assert_eq!(first.matches("AKIATYPO").count(), 1, "said once: {first}");
    assert!(first.contains("- Only URLs of this registry"), "{first}");
    let idle = told(AssessResponse::default());
    assert!(idle.replace('\n', " ").contains("the right key? If it is, no outstanding URL matches"), "{idle}");
    assert!(!idle.contains("Not in this answer"), "{idle}");
}

#[test]
fn an_end_at_one_instant_and_an_interval_of_its_own_are_told_as_they_are() {
    let told = |from, to| {
        let ending = Ending { not_before: at(from), not_after: at(to), ..ends() };
        when(&AssessResponse { effects: vec![Effect { ending: Some(ending), urls: 1 }], ..answer(1, 0, 1) })
    };
    assert_eq!(told(60, 60), "at 2026-11-22T14:03:00Z");
    assert_eq!(told(0, 60), "within 5m of 2026-11-22T14:02:00Z");
    assert_eq!(told(60, 3600), "between 2026-11-22T14:03:00Z and 2026-11-22T15:02:00Z");
}

#[test]
fn where_nothing_matches_no_empty_lines_stand_for_it() {
    let gaps = answer(1, 0, 0).gaps;
    let page = page(&AssessResponse { gaps, ..AssessResponse::default() });
    assert!(
        page.starts_with("No outstanding URL matches: the event breaks nothing.\n\nNot in this answer:\n- "),
        "{page}"
    );
}

#[test]
fn a_page_fits_into_eighty_columns_and_tells_what_it_leaves_out() {
    let page = page(&answer(42, 0, 1161));
    for line in page.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for part in [
        "web stops signing at 2026-11-22T14:12:00Z: its base cannot mint any more",
        "       42 end: The access key that signed is inactive;",
        "URLs work again. The bearer sees 403 InvalidAccessKeyId. Undone, they",
        "work again. [KEY_INACTIVE, seen in the field]\n    1,161 live:",
        "    1,161 live: The event does not concern this URL. [NOT_CONCERNED, documented]",
        "ENDS  MAY END  LIVES  BUCKET\n42    0        1      photos\n",
        "Not in this answer:\n- Only URLs of this registry",
        "░ lost",
    ] {
        assert!(page.contains(part), "{part}\n---\n{page}");
    }
    assert!(!page.contains("films"), "a bucket that loses nothing is no news");
}

#[test]
fn nothing_lost_is_no_curve() {
    assert!(!page(&answer(0, 0, 7)).contains('█'));
}

#[test]
fn a_name_cannot_drive_the_terminal() {
    let mut hostile = answer(1, 0, 2);
    hostile.groups[0].name = "a\x1b[2Jb".into();
    hostile.gaps[0].message = "x\x1b[2J".into();
    assert!(!page(&hostile).contains('\x1b'));
}
