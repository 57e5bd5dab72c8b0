//! Totals, groups and lists of the daemon, held to what the rules say of each record in its registry's file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use presignd::grpc::proto::event::What as Wire;
use presignd::grpc::proto::*;
use presignd::impact::ending::Verdict;
use presignd::impact::event::{self as domain, What};
use presignd::impact::report::{self, Report};
use presignd::time::Timestamp;

use super::process::{Daemon, World, length};
use super::support::{eventually, now};
use super::{Searched, at, identities, impact};

/// Signs URLs of every identity, for several buckets, operations, tenants and lives.
async fn sign(daemon: &Daemon) {
    let mut signer = daemon.signer().await;
    let operations = [Operation::GetObject, Operation::HeadObject, Operation::PutObject, Operation::DeleteObject];
    let requests = (0..1000_u64).map(|number| {
        let of = |count: u64| usize::try_from(number / 7 % count).unwrap();
        PresignRequest {
            identity: ["key", "web", "token", "federated"][usize::try_from(number % 4).unwrap()].to_owned(),
            request: Some(S3Request {
                operation: operations[of(4)].into(),
                bucket: ["photos", "films", "attic"][of(3)].to_owned(),
                key: format!("{}/{number}.jpg", ["cats", "dogs"][of(2)]),
                ..S3Request::default()
            }),
            expires_in: Some(length(if number % 50 == 0 { 1 } else { 600 + number * 37 })),
            at_least: Some(length(1)),
            on_behalf_of: format!("tenant-{}", number % 5),
            labels: HashMap::from([("colour".to_owned(), ["red", "blue"][of(2)].to_owned())]),
            ..PresignRequest::default()
        }
    });
    let batch = PresignBatchRequest { requests: requests.collect() };
    for result in signer.presign_batch(batch).await.unwrap().into_inner().results {
        assert!(matches!(result.result, Some(presign_result::Result::Response(_))), "{result:?}");
    }
}

/// The same event in both languages.
fn events(searched: &Searched) -> Vec<(What, Wire)> {
    let (key, web) = (searched.session("key").facts.clone(), searched.session("web").facts.clone());
    let role = "arn:aws:iam::123456789012:role/team/web";
    let principal = |arn: &str| domain::Principal { arn: arn.to_owned(), unique_id: String::new() };
    let wire_principal = |arn: &str| PrincipalEvent { arn: arn.to_owned(), unique_id: String::new() };
    let spoken = domain::Statement {
        policy: domain::Policy::Bucket,
        principal_arn: web.principal_arn.clone(),
        userid: String::new(),
        bucket: "photos".to_owned(),
        key_prefix: "cats/".to_owned(),
        key: String::new(),
        actions: vec!["s3:Get*".to_owned()],
    };
    let wire_spoken = Statement {
        policy: statement::Policy::Bucket.into(),
        principal_arn: web.principal_arn.clone(),
        userid: String::new(),
        bucket: "photos".to_owned(),
        key_prefix: "cats/".to_owned(),
        key: String::new(),
        actions: vec!["s3:Get*".to_owned()],
    };
    let object = |key: &str| domain::Object {
        bucket: "films".to_owned(),
        key: key.to_owned(),
        version_id: String::new(),
        is_versioned: Some(false),
    };
    let wire_object = |key: &str| ObjectEvent {
        bucket: "films".to_owned(),
        key: key.to_owned(),
        version_id: String::new(),
        versioning: object_event::Versioning::Off.into(),
    };
    let before = web.issued.not_after.unix() + 1;
    let id = key.access_key_id.clone();
    vec![
        (What::KeyDeleted { access_key_id: id.clone() }, Wire::KeyDeleted(KeyEvent { access_key_id: id })),
        (What::UserDeleted(principal(&key.principal_arn)), Wire::UserDeleted(wire_principal(&key.principal_arn))),
        (
            What::SessionsRevoked { principal: principal(role), issued_before: Timestamp::from_unix(before) },
            Wire::SessionsRevoked(SessionsRevoked { principal: Some(wire_principal(role)), issued_before: at(before) }),
        ),
        (What::BucketDeleted { bucket: "attic".into() }, Wire::BucketDeleted(BucketEvent { bucket: "attic".into() })),
        (What::ObjectDeleted(object("cats/36.jpg")), Wire::ObjectDeleted(wire_object("cats/36.jpg"))),
        (What::RequesterPays { bucket: "films".into() }, Wire::RequesterPays(BucketEvent { bucket: "films".into() })),
        (
            What::Denied { statement: spoken.clone(), issued_before: None, signature_age: None },
            Wire::Denied(Deny { statement: Some(wire_spoken.clone()), ..Deny::default() }),
        ),
        (
            What::Denied {
                statement: domain::Statement { principal_arn: String::new(), ..spoken.clone() },
                issued_before: None,
                signature_age: Some(Duration::from_secs(3600)),
            },
            Wire::Denied(Deny {
                statement: Some(Statement { principal_arn: String::new(), ..wire_spoken.clone() }),
                issued_before: None,
                signature_age: Some(length(3600)),
            }),
        ),
        (What::AllowRemoved(spoken), Wire::AllowRemoved(AllowRemoved { statement: Some(wire_spoken) })),
    ]
}

/// Totals by name, of every kind of group.
fn named(report: &Report) -> BTreeMap<(String, String), (u64, u64, u64)> {
    let groups = report.groups().into_iter().map(|group| {
        let by = format!("{:?}", group.by).to_lowercase().replace("onbehalfof", "on_behalf_of");
        let report::Totals { ends, may_end, lives } = group.totals;
        ((by, group.name.unwrap_or_default()), (ends, may_end, lives))
    });
    groups.collect()
}

fn named_on_the_wire(groups: Vec<Group>) -> BTreeMap<(String, String), (u64, u64, u64)> {
    let groups = groups.into_iter().map(|group| {
        let by = group.by().as_str_name().trim_start_matches("BY_").to_lowercase();
        let Totals { ends, may_end, lives } = group.totals.unwrap();
        ((by, group.name), (ends, may_end, lives))
    });
    groups.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_daemon_says_of_an_event_is_what_each_record_says() {
    let world = World::new().await;
    let daemon = world.daemon(&identities(&world)).await;
    for name in ["key", "web", "token", "federated"] {
        eventually("every identity has a session", async || {
            (!daemon.identity(name).await.sessions.is_empty()).then_some(())
        })
        .await;
    }
    sign(&daemon).await;
    let searched = Searched::of(&world);
    let first_ends = searched.records.iter().map(|record| record.url.usable_until().unix()).min().unwrap();
    eventually("what lives for a second has ended", async || (now() > first_ends + 2).then_some(())).await;
    let mut impact = impact(&daemon).await;
    let started = now();
    let boundary = started.div_euclid(900) * 900 + 900;
    let mut losses = 0;
    for (what, wire) in events(&searched) {
        for happens in [started, started + 137, boundary, boundary + 3600, started - 1000] {
            let event = domain::Event {
                at: Timestamp::from_unix(happens),
                settles_within: domain::SETTLES_WITHIN,
                endpoint: None,
                what: what.clone(),
            };
            let mut expected = Report::new(&event, Timestamp::from_unix(now())).by_on_behalf_of();
            let mut touched = BTreeSet::new();
            for record in searched.outstanding(started) {
                let ending = searched.ending(&event, record);
                expected.add_url(&record.session, &record.url, &ending);
                if ending.verdict != Verdict::Lives {
                    touched.insert((record.url.id.to_string(), ending.reason.as_str().to_owned()));
                }
            }
            let wire = Event { at: at(happens), settles_within: None, what: Some(wire.clone()), ..Event::default() };
            let ask = AssessRequest { event: Some(wire.clone()), filter: None, by_on_behalf_of: true };
            let answer = impact.assess(ask).await.unwrap().into_inner();
            let report::Totals { ends, may_end, lives } = expected.totals();
            assert_eq!(answer.totals, Some(Totals { ends, may_end, lives }), "{event:?}");
            let last = expected.breaks_nothing_from().map(Timestamp::unix);
            assert_eq!(answer.breaks_nothing_from.map(|at| at.seconds), last, "{event:?}");
            assert_eq!(named_on_the_wire(answer.groups), named(&expected), "{event:?}");
            assert_eq!(answer.event.unwrap().settles_within, Some(length(300)), "what was left out is filled in");
            losses += ends + may_end;
            let ask = ListAffectedRequest { event: Some(wire), filter: None, with_living: false };
            let mut list = impact.list_affected(ask).await.unwrap().into_inner();
            let mut listed = BTreeSet::new();
            while let Some(one) = list.message().await.unwrap() {
                assert!(listed.insert((one.url.unwrap().id, one.ending.unwrap().reason)), "listed twice");
            }
            assert_eq!(listed, touched, "{event:?}");
        }
    }
    assert!(losses > 1000, "{losses}");
}
