//! What an event does, by rote: totals, a list, and ways to end one URL, each with whom it stops from signing.

use presignd::grpc::proto::*;
use tonic::{Request, Response};

use super::{Answer, RECORDS, Rote, Stream, at, length, record};

pub(super) fn ends() -> Ending {
    Ending {
        verdict: ending::Verdict::Ends.into(),
        not_before: at(0),
        not_after: at(300),
        reason: "KEY_INACTIVE".into(),
        message: "The access key that signed is inactive.".into(),
        reversible: true,
        bearer_errors: vec![BearerError { code: "InvalidAccessKeyId".into(), http_status: 403 }],
        grade: ending::Grade::Field.into(),
        bearer_errors_grade: ending::Grade::Unconfirmed.into(),
        ..Default::default()
    }
}

pub(super) fn key_gone() -> Event {
    let what = event::What::KeyDeactivated(KeyEvent { access_key_id: "AKIAEXAMPLE".into() });
    Event { at: at(0), settles_within: length(300), what: Some(what), ..Event::default() }
}

fn gap() -> Gap {
    Gap { reason: "SIGNED_ELSEWHERE".into(), message: "Only URLs of this registry are counted.".into() }
}

fn unknown() -> Gap {
    Gap { reason: "NAME_UNKNOWN".into(), message: "Is that the right key?".into() }
}

fn names_nothing(event: Option<&Event>) -> bool {
    let what = event.and_then(|event| event.what.as_ref());
    matches!(what, Some(event::What::KeyDeactivated(key)) if key.access_key_id == "AKIATYPO")
}

#[tonic::async_trait]
impl impact_server::Impact for Rote {
    async fn assess(&self, request: Request<AssessRequest>) -> Answer<AssessResponse> {
        let is_typo = names_nothing(request.get_ref().event.as_ref());
        self.0.lock().unwrap().assessed.push(request.into_inner());
        let totals = Some(Totals { ends: 42, may_end: 0, lives: 1161 });
        let point = |seconds, alive, alive_after| CurvePoint { at: at(seconds), alive, alive_after, maybe_after: 0 };
        Ok(Response::new(AssessResponse {
            event: Some(key_gone()),
            totals,
            effects: vec![Effect { ending: Some(ends()), urls: 42 }],
            groups: vec![
                Group { by: group::By::Bucket.into(), name: "films".into(), totals },
                Group {
                    by: group::By::OnBehalfOf.into(),
                    name: "ann".into(),
                    totals: Some(Totals { ends: 42, may_end: 0, lives: 0 }),
                },
            ],
            curve: vec![point(0, 1203, 1161), point(1800, 0, 0)],
            breaks_nothing_from: at(1800),
            gaps: if is_typo { vec![gap(), unknown()] } else { vec![gap()] },
            outages: outages(),
            assessed_at: at(0),
            stands_as: Vec::new(),
        }))
    }

    type ListAffectedStream = Stream<ListAffectedResponse>;

    async fn list_affected(&self, request: Request<ListAffectedRequest>) -> Answer<Stream<ListAffectedResponse>> {
        let records = if names_nothing(request.get_ref().event.as_ref()) { 0 } else { RECORDS };
        self.0.lock().unwrap().listed.push(request.into_inner());
        let ended = StandingEvent { id: "aaaaaaaa-12".into(), ending: Some(ends()) };
        let one = |number| {
            let ended_by = (number == 1).then(|| ended.clone());
            let (url, ending) = (Some(record(number)), Some(ends()));
            Ok(ListAffectedResponse { url, ending, not_counted: ended_by.is_some(), ended_by })
        };
        Ok(Response::new(tokio_stream::iter((0..records).map(one).collect::<Vec<_>>())))
    }

    async fn contain(&self, request: Request<ContainRequest>) -> Answer<ContainResponse> {
        self.0.lock().unwrap().contained.push(request.into_inner());
        let step = Step { title: "Make the key inactive.".into(), text: "aws iam update-access-key".into() };
        let way = Containment {
            event: Some(key_gone()),
            ending: Some(ends()),
            takes_along: 41,
            may_take_along: 0,
            steps: vec![step],
            outages: outages(),
        };
        Ok(Response::new(ContainResponse { url: Some(record(1)), containments: vec![way], gaps: vec![gap()] }))
    }
}

/// One stops, another must be renewed, a third signs links that are cut short.
fn outages() -> Vec<Outage> {
    let (at, message) = (at(600), "its key is dead".to_owned());
    let none = outage::Recovery::None.into();
    let web = Outage { identity: "web".into(), at, message: message.clone(), recovery: none, ..Outage::default() };
    let (identity, renew) = ("up".to_owned(), vec!["up".to_owned()]);
    let recovery = outage::Recovery::Renewal.into();
    let short = Outage {
        identity: "cut".into(),
        at,
        message: "the policy denies older signatures".into(),
        loss: outage::Loss::ShortLinks.into(),
        recovery: none,
        life: length(42),
        ..Outage::default()
    };
    vec![web, Outage { identity, at, message, recovery, renew, ..Outage::default() }, short]
}
