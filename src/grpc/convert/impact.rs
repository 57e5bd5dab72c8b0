//! What an event does, to the wire: assessments, endings and containments.

use super::{url_record, wire_event, wire_instant, wire_length};
use crate::assess::{Affected, Assessment, Contained, Costed, EarlyEnd, Gap};
use crate::grpc::proto;
use crate::grpc::proto::ending as wire;
use crate::impact::contain::Containment;
use crate::impact::ending::{BearerError, Ending, Grade, Verdict};
use crate::impact::event::Event;
use crate::impact::outage::{Loss, Outage, Reach, Recovery};
use crate::impact::report::{By, CurvePoint, Effect, Group, Totals};
use crate::issued::Record;

/// The answer to `Assess`.
pub(in crate::grpc) fn assessed(event: Event, answer: Assessment, outages: Vec<Outage>) -> proto::AssessResponse {
    let Assessment { report, at, stands_as, gaps } = answer;
    proto::AssessResponse {
        event: Some(wire_event(event)),
        totals: Some(wire_totals(report.totals())),
        effects: report.effects().into_iter().map(effect).collect(),
        groups: report.groups().into_iter().map(group).collect(),
        curve: report.curve().into_iter().map(point).collect(),
        breaks_nothing_from: report.breaks_nothing_from().map(wire_instant),
        gaps: gaps.into_iter().map(wire_gap).collect(),
        outages: outages.into_iter().map(outage).collect(),
        assessed_at: Some(wire_instant(at)),
        stands_as: stands_as.into_iter().map(|id| id.to_string()).collect(),
    }
}

/// One of `ListAffected`.
pub(in crate::grpc) fn affected(one: Affected) -> proto::ListAffectedResponse {
    let Affected { record, ending, standing, ended_by, is_counted } = one;
    let ended_by =
        ended_by.map(|(id, ending)| proto::StandingEvent { id: id.to_string(), ending: Some(wire_ending(&ending)) });
    let url = Some(url_record_with(record, &standing));
    proto::ListAffectedResponse { url, ending: Some(wire_ending(&ending)), ended_by, not_counted: !is_counted }
}

/// The answer to `Contain`.
pub(in crate::grpc) fn contained(url: proto::UrlRecord, answer: Contained) -> proto::ContainResponse {
    proto::ContainResponse {
        url: Some(url),
        containments: answer.containments.into_iter().map(containment).collect(),
        gaps: answer.gaps.into_iter().map(wire_gap).collect(),
    }
}

/// A record, and how it ends before its hard end.
pub(in crate::grpc) fn url_record_with(record: Record, endings: &[EarlyEnd]) -> proto::UrlRecord {
    let named = |one: &EarlyEnd| proto::Ending { event_id: one.event.to_string(), ..wire_ending(&one.ending) };
    proto::UrlRecord { endings: endings.iter().map(named).collect(), ..url_record(record) }
}

/// What becomes of a URL. Of one that lives, no interval has a meaning.
pub(in crate::grpc) fn wire_ending(ending: &Ending) -> proto::Ending {
    let verdict = match ending.verdict {
        Verdict::Ends => wire::Verdict::Ends,
        Verdict::MayEnd => wire::Verdict::MayEnd,
        Verdict::Lives => wire::Verdict::Lives,
    };
    let between = (ending.verdict != Verdict::Lives).then_some((ending.not_before, ending.not_after));
    proto::Ending {
        verdict: verdict.into(),
        not_before: between.map(|(from, _)| wire_instant(from)),
        not_after: between.map(|(_, to)| wire_instant(to)),
        reason: ending.reason.as_str().to_owned(),
        message: ending.reason.message().to_owned(),
        condition: ending.conditions.to_string(),
        reversible: ending.reversible,
        bearer_errors: ending.bearer_errors.iter().map(bearer_error).collect(),
        bearer_errors_grade: grade(ending.errors_grade),
        grade: grade(ending.grade),
        event_id: String::new(),
    }
}

fn bearer_error(error: &BearerError) -> proto::BearerError {
    proto::BearerError { code: error.code.to_owned(), http_status: i32::from(error.http_status) }
}

fn grade(grade: Grade) -> i32 {
    let grade = match grade {
        Grade::Documented => wire::Grade::Documented,
        Grade::Field => wire::Grade::Field,
        Grade::Inferred => wire::Grade::Inferred,
        Grade::Unconfirmed => wire::Grade::Unconfirmed,
    };
    grade.into()
}

pub(in crate::grpc) fn wire_totals(totals: Totals) -> proto::Totals {
    let Totals { ends, may_end, lives } = totals;
    proto::Totals { ends, may_end, lives }
}

fn effect(effect: Effect) -> proto::Effect {
    proto::Effect { ending: Some(wire_ending(&effect.ending)), urls: effect.urls }
}

fn group(group: Group) -> proto::Group {
    use proto::group::By as Wire;
    let by = match group.by {
        By::Bucket => Wire::Bucket,
        By::Identity => Wire::Identity,
        By::Session => Wire::Session,
        By::Caller => Wire::Caller,
        By::OnBehalfOf => Wire::OnBehalfOf,
        By::Operation => Wire::Operation,
    };
    proto::Group { by: by.into(), name: group.name.unwrap_or_default(), totals: Some(wire_totals(group.totals)) }
}

fn point(point: CurvePoint) -> proto::CurvePoint {
    let CurvePoint { at, alive, alive_after, maybe_after } = point;
    proto::CurvePoint { at: Some(wire_instant(at)), alive, alive_after, maybe_after }
}

/// What an answer cannot see.
pub(in crate::grpc) fn wire_gap(gap: Gap) -> proto::Gap {
    proto::Gap { reason: gap.reason.as_str().to_owned(), message: gap.message }
}

fn outage(outage: Outage) -> proto::Outage {
    use proto::outage::{Loss as WireLoss, Recovery as WireRecovery};
    let (loss, life) = match outage.loss {
        Loss::DeadLinks => (WireLoss::DeadLinks, None),
        Loss::NoSession => (WireLoss::NoSession, None),
        Loss::ShortLinks { life } => (WireLoss::ShortLinks, Some(wire_length(life))),
    };
    let (bucket, key_prefix, actions) = match outage.reach {
        Reach::Everything => Default::default(),
        Reach::Matching { bucket, key_prefix, actions } => (bucket, key_prefix, actions),
    };
    let (recovery, renew, renew_from) = match outage.recovery {
        Recovery::Renewal { of, from } => {
            (WireRecovery::Renewal, of.into_iter().map(String::from).collect(), Some(wire_instant(from)))
        }
        Recovery::Rotation => (WireRecovery::Rotation, Vec::new(), None),
        Recovery::None => (WireRecovery::None, Vec::new(), None),
    };
    proto::Outage {
        identity: outage.identity.into(),
        at: outage.at.map(wire_instant),
        message: outage.message.to_owned(),
        loss: loss.into(),
        partition: outage.tenant,
        bucket,
        key_prefix,
        actions,
        condition: outage.conditions.to_string(),
        recovery: recovery.into(),
        renew,
        renew_from,
        life,
        may_come_later: outage.may_come_later,
    }
}

fn containment(one: Costed) -> proto::Containment {
    let Containment { event, ending, steps, .. } = one.containment;
    let steps = steps.into_iter().map(|step| proto::Step { title: step.title, text: step.text });
    proto::Containment {
        event: Some(wire_event(event)),
        ending: Some(wire_ending(&ending)),
        takes_along: one.takes_along,
        may_take_along: one.may_take_along,
        steps: steps.collect(),
        outages: one.outages.into_iter().map(outage).collect(),
    }
}
