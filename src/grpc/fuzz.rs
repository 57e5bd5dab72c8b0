//! What anybody may send, for a fuzzer: bytes are read as the wire's messages, and what is made of them is held to what
//! must hold of it. Compiled for tests and fuzzing alone.
//!
//! Each function panics where something does not hold; that a message is refused is well.

use prost::Message;

use super::{convert, proto};
use crate::explain::{self, lines};
use crate::issuer::Ask;
use crate::s3::form::Signable;
use crate::s3::{Addressing, Region};
use crate::session::Credentials;
use crate::signer::endpoint::Endpoint;
use crate::signer::{Signer, Target};
use crate::time::Timestamp;

/// A `PresignRequest`. What is signed says of itself what was asked for.
pub fn presign(bytes: &[u8]) {
    let Ok(wire) = proto::PresignRequest::decode(bytes) else { return };
    let Ok(ask) = convert::url_ask(wire) else { return };
    is_bounded(&ask);
    let Signable::Request(request) = &ask.what else { unreachable!("it is a URL") };
    for target in targets(&ask) {
        let at = Timestamp::from_unix(1_800_000_000);
        let tag = ask.tag.then_some("abcdefgh-1");
        let Ok(signed) = signer().presign(request, &target, at, ask.asked, tag) else { continue };
        assert!(signed.url.bytes().all(|byte| byte.is_ascii_graphic()), "a URL is of plain letters: {}", *signed.url);
        let whole = |text: &str| !text.chars().any(|letter| matches!(letter, '\r' | '\n' | '\0'));
        assert!(signed.headers.iter().all(|(name, value)| whole(name) && whole(value)), "a header within a header");
        assert!(
            signed.url.len() > explain::MAX_TEXT || found_again(&signed.url, &signed.fingerprint()),
            "{}",
            *signed.url
        );
        if signed.url.len() > explain::MAX_TEXT {
            continue;
        }
        let told = explain::explain(&signed.url, at).unwrap_or_else(|refused| panic!("{refused}: {}", *signed.url));
        assert_eq!((told.access_key_id.as_str(), told.expires_in), ("ASIAEXAMPLE", Some(ask.asked.seconds().into())));
        // A path before the bucket is a store's own affair, which no reader of its URLs can know.
        assert!(told.key.ends_with(request.key().map_or("", |key| key.as_str())), "{}", *signed.url);
    }
}

/// A `PresignPostRequest`. The policy is JSON, whatever the fields hold.
pub fn form(bytes: &[u8]) {
    let Ok(wire) = proto::PresignPostRequest::decode(bytes) else { return };
    let Ok(ask) = convert::form_ask(wire) else { return };
    is_bounded(&ask);
    let Signable::Form(form) = &ask.what else { unreachable!("it is a form") };
    for target in targets(&ask) {
        let Ok(signed) = signer().presign_form(form, &target, Timestamp::from_unix(1_800_000_000), ask.asked) else {
            continue;
        };
        let policy = signed.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("policy"));
        let (_, policy) = policy.expect("a form has a policy");
        use base64::Engine;
        let policy = base64::engine::general_purpose::STANDARD.decode(policy.as_bytes()).expect("it is base64");
        let policy: serde_json::Value = serde_json::from_slice(&policy).expect("it is JSON");
        let conditions = policy["conditions"].as_array().expect("it has conditions");
        assert!(conditions.len() > form.fields.len(), "every field is bound: {policy}");
    }
}

/// What is asked of records, and said of events. An event that is taken is written as it was read.
pub fn question(bytes: &[u8]) {
    let now = Timestamp::from_unix(1_800_000_000);
    if let Ok(wire) = proto::AssessRequest::decode(bytes) {
        let _ = convert::filter(wire.filter);
        if let Ok(event) = convert::event(wire.event, now) {
            let again = convert::event(Some(convert::wire_event(event.clone())), now);
            assert_eq!(again.as_ref().ok(), Some(&event), "{:?}", again.as_ref().err());
        }
    }
    if let Ok(wire) = proto::ListUrlsRequest::decode(bytes)
        && let Ok(filter) = convert::filter(wire.filter)
        && let Ok(size) = convert::page_size(wire.page_size)
    {
        assert!((1..=convert::MAX_ITEMS).contains(&size));
        let _ = convert::read_page_token(&filter, &wire.page_token, crate::session::InstanceId::from_random(1));
    }
    if let Ok(wire) = proto::ResignRequest::decode(bytes) {
        let _ = convert::resign_ids(&wire);
    }
    if let Ok(wire) = proto::WatchRequest::decode(bytes) {
        let _ = convert::watched_from(&wire);
    }
}

/// Text that somebody pasted: a URL, a mail, a line of a log. No signature and no token comes back.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let now = Timestamp::from_unix(1_800_000_000);
    // A parameter as it was written, and nowhere else; what a lost `&` has put into another value is a value.
    let query = text.split_once('?').map_or("", |(_, query)| query);
    let once = |name: &str, secret: &str| {
        query.split('&').any(|pair| pair.split_once('=') == Some((name, secret))) && text.matches(secret).count() == 1
    };
    let is_signature = once("X-Amz-Signature", SIGNATURE);
    if let Ok(told) = explain::explain(text, now) {
        let shown = format!("{told:?}");
        let is_token = told.has_session_token && once("X-Amz-Security-Token", TOKEN);
        let is_signature = told.signed_at.is_some() && is_signature;
        assert!(!is_token || !shown.contains(TOKEN), "the token comes back: {shown}");
        assert!(!is_signature || !shown.contains(SIGNATURE), "the signature comes back: {shown}");
    }
    if let Ok(located) = explain::locate(text) {
        let shown = format!("{located:?}");
        assert!(!is_signature || !shown.contains(SIGNATURE), "the signature comes back: {shown}");
    }
    assert!(lines(text).len() <= text.len() + 1);
}

fn is_bounded(ask: &Ask) {
    assert!(ask.at_least <= ask.asked && ask.asked.seconds() <= 604_800);
    assert!(ask.labels.len() <= 16 && ask.on_behalf_of.len() <= 256);
}

fn found_again(url: &str, fingerprint: &crate::issued::Fingerprint) -> bool {
    explain::locate(url).is_ok_and(|located| located.fingerprint.as_ref() == Some(fingerprint) && !located.is_damaged)
}

fn targets(ask: &Ask) -> impl Iterator<Item = Target> {
    let region = ask.region.clone().or_else(|| Region::parse("us-east-1").ok()).expect("a region of AWS");
    let store =
        Endpoint::parse("https://store.example.com:9000/s3").or_else(|_| Endpoint::parse("https://store.example.com"));
    [Endpoint::Aws, store.expect("a URL")].into_iter().map(move |endpoint| Target {
        region: region.clone(),
        endpoint,
        addressing: Addressing::default(),
    })
}

fn signer() -> Signer {
    let (secret, token) = ("secret".to_owned(), Some(TOKEN.to_owned().into()));
    let credentials =
        Credentials { access_key_id: "ASIAEXAMPLE".to_owned(), secret_access_key: secret.into(), session_token: token };
    Signer::new(credentials)
}

/// What seeds bear where a signature stands.
const SIGNATURE: &str = "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";
/// What they bear where a token stands.
const TOKEN: &str = "FwoGTheTokenOfNobody";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::fuzz::seeds;

    #[test]
    fn whatever_is_sent_is_signed_as_it_was_asked_for_or_refused() {
        seeds::grow("presign", presign);
    }

    #[test]
    fn whatever_form_is_asked_for_its_policy_is_whole() {
        seeds::grow("form", form);
    }

    #[test]
    fn whatever_is_asked_of_records_is_read_as_it_is_written() {
        seeds::grow("question", question);
    }

    #[test]
    fn whatever_is_pasted_no_signature_and_no_token_comes_back() {
        seeds::grow("text", text);
    }
}
