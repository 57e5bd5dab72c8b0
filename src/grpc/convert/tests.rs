//! Every bound, and the field that each refusal names.

use std::collections::HashMap;

use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::issued::Filter;
use crate::s3::form::Signable;
use crate::s3::operation::{Method, Operation};

fn length(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

fn s3() -> proto::S3Request {
    proto::S3Request {
        operation: proto::Operation::GetObject.into(),
        bucket: "photos".into(),
        key: "cat.jpg".into(),
        ..Default::default()
    }
}

fn presign() -> proto::PresignRequest {
    proto::PresignRequest { request: Some(s3()), ..Default::default() }
}

fn post() -> proto::PresignPostRequest {
    let target = Some(proto::presign_post_request::Target::Key("cat.jpg".into()));
    proto::PresignPostRequest { bucket: "photos".into(), target, ..Default::default() }
}

fn pairs(count: usize) -> HashMap<String, String> {
    (0..count).map(|i| (format!("n{i}"), "v".to_owned())).collect()
}

fn one(name: impl Into<String>, value: impl Into<String>) -> HashMap<String, String> {
    HashMap::from([(name.into(), value.into())])
}

/// The field that is refused after `change`; empty when nothing is.
fn refused(change: impl FnOnce(&mut proto::PresignRequest)) -> String {
    let mut wire = presign();
    change(&mut wire);
    url_ask(wire).err().map(|refused| refused.field).unwrap_or_default()
}

fn refused_request(change: impl FnOnce(&mut proto::S3Request)) -> String {
    let mut wire = s3();
    change(&mut wire);
    refused(|ask| ask.request = Some(wire))
}

fn refused_form(change: impl FnOnce(&mut proto::PresignPostRequest)) -> String {
    let mut wire = post();
    change(&mut wire);
    form_ask(wire).err().map(|refused| refused.field).unwrap_or_default()
}

#[test]
fn a_length_is_whole_seconds_up_to_seven_days() {
    for seconds in [0, -1, 604_801, i64::MIN, i64::MAX] {
        assert_eq!(refused(|ask| ask.expires_in = length(seconds)), "expires_in", "{seconds}");
        assert_eq!(refused(|ask| ask.at_least = length(seconds)), "at_least", "{seconds}");
    }
    for nanos in [1, -1, i32::MAX] {
        assert_eq!(refused(|ask| ask.expires_in = Some(Duration { seconds: 5, nanos })), "expires_in");
    }
    for seconds in [1, 604_800] {
        assert_eq!(refused(|ask| ask.expires_in = length(seconds)), "");
    }
}

#[test]
fn left_out_lengths_are_one_hour_and_nine_tenths() {
    let ask = url_ask(presign()).unwrap();
    assert_eq!((ask.asked.seconds(), ask.at_least.seconds()), (3600, 3240));
}

#[test]
fn at_least_never_passes_expires_in() {
    assert_eq!(refused(|ask| (ask.expires_in, ask.at_least) = (length(60), length(61))), "at_least");
    assert_eq!(refused(|ask| (ask.expires_in, ask.at_least) = (length(60), length(60))), "");
    assert_eq!(refused(|ask| ask.at_least = length(3601)), "at_least");
}

#[test]
fn labels_have_bounds() {
    assert_eq!(refused(|ask| ask.labels = pairs(16)), "");
    assert_eq!(refused(|ask| ask.labels = pairs(17)), "labels");
    assert_eq!(refused(|ask| ask.labels = one("n".repeat(64), "v".repeat(256))), "");
    assert_eq!(refused(|ask| ask.labels = one("n".repeat(65), "")), "labels");
    assert_eq!(refused(|ask| ask.labels = one("", "v")), "labels");
    assert_eq!(refused(|ask| ask.labels = one("a\n", "v")), "labels");
    assert_eq!(refused(|ask| ask.labels = one("team", "v".repeat(257))), "labels.team");
    assert_eq!(refused(|ask| ask.labels = one("team", "\u{7f}")), "labels.team");
}

#[test]
fn texts_have_bounds_and_no_control_characters() {
    assert_eq!(refused(|ask| ask.on_behalf_of = "ü".repeat(128)), "");
    assert_eq!(refused(|ask| ask.on_behalf_of = "ü".repeat(129)), "on_behalf_of");
    assert_eq!(refused(|ask| ask.on_behalf_of = "a\u{1b}[0m".into()), "on_behalf_of");
    assert_eq!(refused(|ask| ask.request_id = "x".repeat(128)), "");
    assert_eq!(refused(|ask| ask.request_id = "x".repeat(129)), "request_id");
    assert_eq!(refused(|ask| ask.request_id = "a\0".into()), "request_id");
    assert_eq!(refused(|ask| ask.identity = "no such name".into()), "identity");
}

#[test]
fn a_bad_field_of_the_request_is_named_with_its_path() {
    assert_eq!(refused(|ask| ask.request = None), "request");
    assert_eq!(refused_request(|s3| s3.operation = 99), "request.operation");
    assert_eq!(refused_request(|s3| s3.operation = 0), "request.operation");
    assert_eq!(refused_request(|s3| s3.operation = proto::Operation::PostObject.into()), "request.operation");
    assert_eq!(refused_request(|s3| s3.method = "PATCH".into()), "request.method");
    assert_eq!(refused_request(|s3| s3.bucket = String::new()), "request.bucket");
    assert_eq!(refused_request(|s3| s3.key = "k".repeat(1025)), "request.key");
    assert_eq!(refused_request(|s3| s3.key = String::new()), "request.key");
    assert_eq!(refused_request(|s3| s3.region = "Mars!".into()), "request.region");
    assert_eq!(refused_request(|s3| s3.query = one("X-Amz-Date", "1")), "request.query.X-Amz-Date");
    assert_eq!(refused_request(|s3| s3.headers = one("Host", "evil")), "request.headers.host");
    let addressing = proto::Addressing { style: 7, ..Default::default() };
    assert_eq!(refused_request(|s3| s3.addressing = Some(addressing)), "request.addressing.style");
}

#[test]
fn operation_and_method_may_both_stand_but_not_differ() {
    assert_eq!(refused_request(|s3| s3.method = "get".into()), "");
    assert_eq!(refused_request(|s3| s3.method = "PUT".into()), "request.method");
    assert_eq!(refused_request(|s3| s3.query = one("acl", "")), "request.operation");
    let other = |query: &str| {
        refused_request(|s3| {
            (s3.operation, s3.method) = (proto::Operation::OtherObject.into(), "GET".into());
            s3.query = one(query, "");
        })
    };
    assert_eq!(other("torrent"), "");
    assert_eq!(other("acl"), "request.operation");
}

#[test]
fn a_method_alone_says_the_operation() {
    let mut wire = presign();
    let s3 = wire.request.as_mut().unwrap();
    (s3.operation, s3.method) = (0, "DELETE".into());
    let Signable::Request(request) = url_ask(wire).unwrap().what else { panic!("a form") };
    assert_eq!((request.method(), request.operation()), (Method::Delete, Operation::DeleteObject));
}

#[test]
fn a_bad_field_of_a_form_is_named() {
    assert_eq!(refused_form(|_| {}), "");
    assert_eq!(refused_form(|form| form.target = None), "key");
    assert_eq!(refused_form(|form| form.bucket = "x".into()), "bucket");
    let target = proto::presign_post_request::Target::KeyStartsWith("p".repeat(1025));
    assert_eq!(refused_form(|form| form.target = Some(target)), "key_starts_with");
    assert_eq!(refused_form(|form| form.fields = one("policy", "x")), "fields.policy");
    assert_eq!(refused_form(|form| form.fields_start_with = one("policy", "x")), "fields_start_with.policy");
    let range = proto::ContentLengthRange { minimum: 2, maximum: 1 };
    assert_eq!(refused_form(|form| form.content_length_range = Some(range)), "content_length_range");
    assert_eq!(refused_form(|form| form.expires_in = length(0)), "expires_in");
    assert_eq!(refused_form(|form| form.region = "-".into()), "region");
}

#[test]
fn every_operation_keeps_its_name_on_the_wire() {
    for number in 1..=31 {
        let operation = operation::operation("operation", number).unwrap().unwrap();
        let wire = proto::Operation::try_from(number).unwrap().as_str_name().replace('_', "");
        assert_eq!(wire, format!("OPERATION{}", operation.as_str().to_uppercase()));
        assert_eq!(operation::wire_operation(operation), number);
    }
    assert_eq!(Operation::ALL.len(), 31);
}

#[test]
fn pages_have_one_to_a_thousand_rows() {
    assert_eq!(page_size(0), Ok(100));
    assert_eq!(page_size(1000), Ok(1000));
    for wrong in [-1, 1001, i32::MIN] {
        assert_eq!(page_size(wrong).unwrap_err().field, "page_size");
    }
}

#[test]
fn a_page_token_belongs_to_its_filter_and_registry() {
    let id = RecordId::parse("aaaaaaaa-42").unwrap();
    let (mine, other) = (Filter { uid: Some(1), ..Filter::default() }, Filter { uid: Some(2), ..Filter::default() });
    let token = filter::page_token(&mine, id);
    let read = |filter: &Filter, token: &str| filter::read_page_token(filter, token, id.instance);
    assert_eq!(read(&mine, &token), Ok(Some(id)));
    assert_eq!(read(&mine, ""), Ok(None));
    let refusal = |filter: &Filter, token: &str| {
        let refused = read(filter, token).unwrap_err();
        assert_eq!(refused.field, "page_token", "{token}");
        refused.problem
    };
    for wrong in ["x", ".", "aaaaaaaa-42", "aaaaaaaa.42", "aaaaaaaa-0.0"] {
        assert!(refusal(&mine, wrong).contains("gave out"), "{wrong}");
    }
    assert!(refusal(&mine, "aaaaaaaa-42.").contains("another filter"));
    assert!(refusal(&other, &token).contains("another filter"));
    assert!(refusal(&mine, &token.replace("aaaaaaaa", "aaaaaaab")).contains("another registry"));
}

#[test]
fn a_filter_is_checked_field_by_field() {
    let refused = |change: fn(&mut proto::UrlFilter)| {
        let mut wire = proto::UrlFilter::default();
        change(&mut wire);
        filter(Some(wire)).err().map(|refused| refused.field).unwrap_or_default()
    };
    assert_eq!(filter(None), Ok(Filter::default()));
    assert_eq!(filter(Some(proto::UrlFilter::default())), Ok(Filter::default()));
    assert_eq!(refused(|wire| wire.session_id = "x".into()), "session_id");
    assert_eq!(refused(|wire| wire.operations = vec![1, 0]), "operations");
    assert_eq!(refused(|wire| wire.operations = vec![32]), "operations");
    assert_eq!(refused(|wire| wire.key_prefix = "p".repeat(1025)), "key_prefix");
    assert_eq!(refused(|wire| wire.identity = "?".into()), "identity");
    assert_eq!(refused(|wire| wire.labels = pairs(17)), "labels");
    let late = WireTimestamp { seconds: i64::MAX, nanos: 0 };
    assert!(instant("signed_from", Some(late)).is_err());
    assert_eq!(refused(|wire| wire.signed_from = Some(WireTimestamp { seconds: 0, nanos: -1 })), "signed_from");
}

#[test]
fn a_group_has_one_to_a_thousand_items() {
    assert_eq!(item_count("requests", 1000, 10_000), Ok(()));
    for (count, most) in [(0, 10), (11, 10), (1001, 10_000)] {
        assert_eq!(item_count("requests", count, most).unwrap_err().field, "requests");
    }
}

#[test]
fn pasted_text_is_bounded() {
    assert!(pasted("url", "x".repeat(16_384)).is_ok());
    assert!(pasted("url", "x".repeat(16_385)).is_err());
    assert!(pasted("url", String::new()).is_err());
}

proptest! {
    #[test]
    fn any_message_is_taken_or_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(wire) = proto::PresignRequest::decode(&bytes[..]) {
            let _ = url_ask(wire);
        }
        if let Ok(wire) = proto::PresignPostRequest::decode(&bytes[..]) {
            let _ = form_ask(wire);
        }
        if let Ok(wire) = proto::UrlFilter::decode(&bytes[..]) {
            let _ = filter(Some(wire));
        }
    }

    #[test]
    fn what_is_taken_lies_within_the_bounds(expires in -5_i64..700_000, least in prop::option::of(-5_i64..700_000)) {
        let wire = proto::PresignRequest { expires_in: length(expires), at_least: least.and_then(length), ..presign() };
        if let Ok(ask) = url_ask(wire) {
            prop_assert!(ask.at_least <= ask.asked && ask.asked <= Ttl::MAX);
            prop_assert_eq!(i64::from(ask.asked.seconds()), expires);
        }
    }
}
