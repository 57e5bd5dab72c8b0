//! One name, several buckets: names are given anew in each partition of AWS and at each store.

use presignd::impact::ending::Verdict;
use presignd::impact::event::{Event, Object, Policy, PublicAccess, Statement, What};
use presignd::impact::outage::{Holder, Lends, Source, outages};
use presignd::impact::{Subject, contain, ending};
use presignd::issued::IssuedUrl;
use presignd::s3::Region;
use presignd::s3::operation::Operation;
use presignd::session::CredentialKind;
use presignd::signer::endpoint::Endpoint;
use presignd::signer::realm::Realm;

use crate::made::*;

fn place(text: &str) -> Realm {
    Realm::parse(text).expect("a place")
}

/// Where a URL leads: host and region.
type To = (&'static str, &'static str);

const AWS: To = ("photos.s3.eu-central-1.amazonaws.com", "eu-central-1");
const FIPS: To = ("s3-fips.us-east-1.amazonaws.com", "us-east-1");
const FAST: To = ("photos.s3-accelerate.dualstack.amazonaws.com", "us-west-2");
const CHINA: To = ("photos.s3.cn-north-1.amazonaws.com.cn", "cn-north-1");
const GOV: To = ("photos.s3.us-gov-west-1.amazonaws.com", "us-gov-west-1");
const PATH: To = ("store.example:9000", "us-east-1");
const VIRTUAL: To = ("photos.store.example:9000", "us-east-1");
const OTHER: To = ("store.example:9001", "us-east-1");
const ALL: [To; 8] = [AWS, FIPS, FAST, CHINA, GOV, PATH, VIRTUAL, OTHER];

fn led((host, region): To) -> IssuedUrl {
    IssuedUrl { host: host.to_owned(), region: Region::parse(region).expect("a region"), ..get() }
}

/// Each of them ends every URL of the bucket, or may.
fn of_the_bucket() -> Vec<What> {
    let object =
        || Object { bucket: BUCKET.into(), key: KEY.into(), version_id: String::new(), is_versioned: Some(false) };
    let about = Statement { bucket: BUCKET.into(), ..statement(Policy::Bucket) };
    let key_arn = "arn:aws:kms:eu-central-1:111122223333:key/k".to_owned();
    vec![
        deny(about.clone()),
        What::AllowRemoved(about),
        What::BucketDeleted { bucket: BUCKET.into() },
        What::RequesterPays { bucket: BUCKET.into() },
        What::PublicAccessBlocked { bucket: BUCKET.into(), setting: PublicAccess::All },
        What::ObjectDeleted(object()),
        What::ObjectArchived(object()),
        What::KmsKeyDisabled { key_arn, bucket: BUCKET.into(), key_prefix: String::new() },
    ]
}

#[test]
fn what_happens_to_a_bucket_concerns_those_urls_that_lead_to_its_place() {
    let user = signed(CredentialKind::LongTermKey);
    let table: [(Option<&str>, &[To]); 6] = [
        (None, &ALL),
        (Some("aws"), &[AWS, FIPS, FAST]),
        (Some("https://s3.cn-northwest-1.amazonaws.com.cn"), &[CHINA]),
        (Some("aws-us-gov"), &[GOV]),
        (Some("http://store.example:9000"), &[PATH, VIRTUAL]),
        (Some("https://elsewhere.example"), &[]),
    ];
    for what in of_the_bucket() {
        for (at, wanted) in table {
            let event = Event { endpoint: at.map(place), ..event(what.clone()) };
            assert_eq!(event.check(), Ok(()));
            let hit = |to: &&To| user.ending(&event, &led(**to)).verdict != Verdict::Lives;
            let hit: Vec<_> = ALL.iter().filter(hit).collect();
            assert_eq!(hit, wanted.iter().collect::<Vec<_>>(), "{what:?} at {at:?}");
        }
    }
}

#[test]
fn urls_of_which_no_host_is_known_are_asked_one_by_one() {
    let user = signed(CredentialKind::LongTermKey);
    let of = |bucket, endpoint: Option<&str>| {
        let what = What::BucketDeleted { bucket: BUCKET.into() };
        let event = Event { endpoint: endpoint.map(place), ..event(what) };
        let group = Subject::Group { bucket, operation: Operation::GetObject };
        ending(&event, user.by(), group).map(|ending| ending.verdict)
    };
    assert_eq!(of(BUCKET, None), Some(Verdict::Ends));
    assert_eq!(of(BUCKET, Some("aws")), None);
    assert_eq!(of("attic", Some("aws")), Some(Verdict::Lives), "another name is another bucket anywhere");
}

#[test]
fn an_event_that_names_no_bucket_is_at_no_endpoint() {
    for what in [What::KeyDeleted { access_key_id: USER_KEY.into() }, deny(statement(Policy::Scp))] {
        let refused = Event { endpoint: Some(place("aws")), ..event(what) }.check().expect_err("it names none");
        assert_eq!(refused.field, "endpoint");
    }
}

#[test]
fn who_signs_for_another_place_is_not_stopped() {
    let (session, names) = (signed(CredentialKind::LongTermKey).session, ["cn", "home", "store"].map(identity));
    let places = ["aws-cn", "aws", "store.example:9000"].map(place);
    let holders: Vec<Holder<'_>> = names
        .iter()
        .zip(&places)
        .map(|(identity, signs_for)| Holder {
            renews_at: None,
            identity,
            source: Source::Read,
            signs_for,
            session: Some(&session),
            last: None,
            parent: None,
            lends: Lends::Whatever,
            dead: None,
            returns: None,
        })
        .collect();
    let stopped = |what: What, endpoint: Option<&str>| -> Vec<String> {
        let event = Event { endpoint: endpoint.map(place), ..event(what) };
        outages(&event, &holders, at(AT)).iter().map(|one| one.identity.to_string()).collect()
    };
    let closed = || deny(Statement { bucket: BUCKET.into(), ..statement(Policy::Bucket) });
    assert_eq!(stopped(closed(), None), ["cn", "home", "store"]);
    assert_eq!(stopped(closed(), Some("aws")), ["home"]);
    assert_eq!(stopped(closed(), Some("store.example:9000")), ["store"]);
    let bucket = || What::BucketDeleted { bucket: BUCKET.into() };
    assert_eq!(stopped(bucket(), Some("aws-cn")), ["cn"]);
    let point = "arn:aws-cn:s3:cn-north-1:111122223333:accesspoint/reports".to_owned();
    assert_eq!(stopped(What::AccessPointDeleted { access_point: point }, None), ["cn"], "its ARN tells where it is");
    let key = What::KeyDeleted { access_key_id: USER_KEY.into() };
    assert_eq!(stopped(key, None), ["cn", "home", "store"], "a key is dead wherever it signs");
}

#[test]
fn a_url_is_contained_where_it_leads() {
    let user = signed(CredentialKind::LongTermKey);
    let told = |to, configured: &str| {
        let configured =
            if configured.is_empty() { Endpoint::Aws } else { Endpoint::parse(configured).expect("a URL") };
        let ways = contain::containments(&led(to), user.by(), &configured, at(1000));
        let of_bucket = ways.iter().filter(|way| way.event.bucket().is_some());
        let mut places: Vec<String> =
            of_bucket.map(|way| way.event.endpoint.as_ref().map(Realm::to_string).unwrap_or_default()).collect();
        places.dedup();
        assert!(ways.iter().all(|way| way.event.check().is_ok()));
        places
    };
    assert_eq!(told(AWS, ""), ["aws"]);
    assert_eq!(told(CHINA, ""), ["aws-cn"]);
    assert_eq!(told(VIRTUAL, "https://store.example:9000"), ["store.example:9000"]);
    assert_eq!(told(PATH, ""), ["store.example:9000"], "the configuration has another endpoint now");
    let odd = ("photos.example", "us-east-1");
    assert_eq!(
        told(odd, "https://photos.example"),
        ["photos.example"],
        "path style, at a host that begins as the bucket"
    );
}
