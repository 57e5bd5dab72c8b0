//! What presignd signs is sent, byte for byte, to an S3 that verifies it: all of it is let in, and nothing of it once its
//! meaning has been altered.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what cannot be unwrapped has failed")]

mod support;

use std::ops::Range;

use presignd::s3::operation::Method;
use presignd::s3::request::{Headers, Request};
use presignd::s3::{Addressing, Bucket, ObjectKey, Region, Style};
use presignd::session::Credentials;
use presignd::signer::endpoint::Endpoint;
use presignd::signer::{Presigned, Signer, Target};
use presignd::time::{Timestamp, Ttl};
use support::http::Answer;
use support::keys::{Key, Keys};
use support::s3::{HOME, S3};

/// A request, and what a bearer needs to use its URL.
struct Signed {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
}

impl Signed {
    fn new(key: &Key, request: &Request, endpoint: Endpoint) -> Self {
        let signer = Signer::new(Credentials {
            access_key_id: key.access_key_id.clone(),
            secret_access_key: key.secret.clone().into(),
            session_token: key.token.clone().map(Into::into),
        });
        let target = Target { region: Region::parse(HOME).unwrap(), endpoint, addressing: Addressing::default() };
        let at = Timestamp::from_unix(support::now());
        let Presigned { url, headers, .. } =
            signer.presign(request, &target, at, Ttl::DEFAULT, Some("abcdefgh-1")).unwrap();
        let headers = headers.into_iter().map(|(name, value)| (name, value.to_string())).collect();
        Self { method: request.method(), url: url.to_string(), headers }
    }

    async fn send(&self, s3: &S3) -> Answer {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // `content-length` is signed for five bytes.
        let body = if self.method == Method::Put || self.method == Method::Post { "hello" } else { "" };
        s3.fetch(self.method.as_str(), &self.url, headers, body).await
    }

    /// The same with a part of the URL replaced.
    fn with(&self, part: Range<usize>, text: &str) -> Self {
        let mut url = self.url.clone();
        url.replace_range(part, text);
        Self { method: self.method, url, headers: self.headers.clone() }
    }

    /// Where the value of a parameter stands.
    fn value(&self, name: &str) -> Range<usize> {
        let at = self.url.find(&format!("{name}=")).unwrap() + name.len() + 1;
        at..self.url[at..].find('&').map_or(self.url.len(), |length| at + length)
    }
}

/// Signatures are checked before anything else; what S3 says of the rest is no matter here.
fn let_in(answer: &Answer) -> bool {
    answer.status != 403
        && !matches!(answer.code().as_str(), "AccessDenied" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken")
        && !answer.code().starts_with("Authorization")
}

fn request(
    method: Method,
    key: Option<&str>,
    query: &[(&str, &str)],
    headers: &[(&str, &str)],
    style: Style,
) -> Request {
    let own =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
    let key = key.map(|key| ObjectKey::parse(key).unwrap());
    let addressing = Addressing { style, ..Addressing::default() };
    let (bucket, headers) = (Bucket::parse("photos").unwrap(), Headers::new(own(headers)).unwrap());
    Request::new(method, bucket, key, own(query), headers, addressing).unwrap()
}

fn endpoints(s3: &S3) -> [(Endpoint, Style); 4] {
    let custom = |url: &str| Endpoint::parse(url).unwrap();
    [
        (custom(&s3.endpoint()), Style::Path),
        (custom(&s3.named_endpoint()), Style::VirtualHost),
        (Endpoint::Aws, Style::Auto),
        (Endpoint::Aws, Style::Path),
    ]
}

fn identities(keys: &Keys) -> [Key; 2] {
    let role = "arn:aws:sts::123456789012:assumed-role/web/one".to_owned();
    [keys.user("web"), keys.session(role, "AROAEXAMPLE:one".to_owned(), support::now() + 3600)]
}

#[tokio::test]
async fn every_key_reaches_the_object_of_its_very_name() {
    let keys = Keys::default();
    let s3 = S3::start(keys.clone()).await;
    for identity in identities(&keys) {
        for (endpoint, style) in endpoints(&s3) {
            for name in KEYS {
                s3.store().put("photos", name, *name);
                let signed =
                    Signed::new(&identity, &request(Method::Get, Some(name), &[], &[], style), endpoint.clone());
                let answer = signed.send(&s3).await;
                assert_eq!((answer.status, answer.text().as_str()), (200, *name), "{}", signed.url);
            }
        }
    }
}

#[tokio::test]
async fn every_operation_header_and_parameter_is_let_in() {
    let keys = Keys::default();
    let s3 = S3::start(keys.clone()).await;
    for identity in identities(&keys) {
        for (endpoint, style) in endpoints(&s3) {
            for (method, key, query, headers) in REQUESTS {
                let signed = Signed::new(&identity, &request(*method, *key, query, headers, style), endpoint.clone());
                let answer = signed.send(&s3).await;
                assert!(let_in(&answer), "{} {}: {} {}", method.as_str(), signed.url, answer.status, answer.text());
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_let_in_once_it_means_something_else() {
    let keys = Keys::default();
    let s3 = S3::start(keys.clone()).await;
    s3.store().put("photos", "cat.jpg", "meow");
    s3.store().put("photos", "dog.jpg", "bark");
    for identity in identities(&keys) {
        for (endpoint, style) in endpoints(&s3) {
            let query = [("response-content-type", "text/plain"), ("versionId", "7")];
            let headers = [("x-amz-expected-bucket-owner", "123456789012"), ("range", "bytes=0-1")];
            let good = request(Method::Get, Some("cat.jpg"), &query, &headers, style);
            let good = Signed::new(&identity, &good, endpoint.clone());
            assert!(let_in(&good.send(&s3).await), "{}", good.url);
            for (what, bad) in altered(&good) {
                let answer = bad.send(&s3).await;
                let code = answer.code();
                let refused = matches!(code.as_str(), "SignatureDoesNotMatch" | "AccessDenied");
                // A HEAD is answered without a body, and so without a code.
                let refused = refused || bad.method == Method::Head;
                assert!(answer.status == 403 && refused, "{what}: {} {code}, {}", answer.status, bad.url);
            }
        }
    }
}

/// Every way to make the URL mean something else.
fn altered(good: &Signed) -> Vec<(String, Signed)> {
    let mut altered: Vec<(String, Signed)> = Vec::new();
    for method in [Method::Head, Method::Put, Method::Delete, Method::Post] {
        altered.push((method.as_str().to_owned(), Signed { method, ..good.with(0..0, "") }));
    }
    let key = good.url.find("cat.jpg").unwrap();
    altered.push(("key".to_owned(), good.with(key..key + 3, "dog")));
    altered.push(("a longer key".to_owned(), good.with(key..key, "x/")));
    for (name, value) in [
        ("response-content-type", "text%2Fhtml"),
        ("versionId", "8"),
        ("X-Amz-Expires", "3601"),
        ("X-Amz-SignedHeaders", "host"),
        ("x-presignd-id", "abcdefgh-2"),
    ] {
        altered.push((name.to_owned(), good.with(good.value(name), value)));
    }
    let date = good.value("X-Amz-Date");
    let last = if good.url[date.clone()].ends_with("0Z") { "1Z" } else { "0Z" };
    altered.push(("X-Amz-Date".to_owned(), good.with(date.end - 2..date.end, last)));
    let signature = good.value("X-Amz-Signature");
    let other = if good.url.ends_with('0') { "1" } else { "0" };
    altered.push(("X-Amz-Signature".to_owned(), good.with(signature.end - 1..signature.end, other)));
    let query = good.url.find('?').unwrap() + 1;
    altered.push(("one more parameter".to_owned(), good.with(query..query, "a=b&")));
    let tag = good.url.find("&x-presignd-id").unwrap();
    altered.push(("one parameter less".to_owned(), good.with(tag..tag + "&x-presignd-id=abcdefgh-1".len(), "")));
    for at in 0..good.headers.len() {
        let mut bad = good.with(0..0, "");
        bad.headers[at].1 = bad.headers[at].1.replace('1', "2");
        altered.push((format!("value of {}", bad.headers[at].0), bad));
    }
    altered
}

/// SEMANTICS.md 3.2.
const KEYS: &[&str] = &[
    "cat.jpg",
    "~",
    "a b",
    "a+b",
    "100%",
    "%20",
    "%2F",
    "a//b",
    "/a",
    "a/",
    "../a",
    "a/./b",
    "..",
    "ü",
    "u\u{308}",
    "漢字/🦀",
    "a=b:c@d,e!f*g'h(i)j&k$l;m",
    "a?b#c",
    "\"<>\\^`{|}[]",
    "?versionId=7",
    "-_.~",
];

type Pairs = &'static [(&'static str, &'static str)];

const REQUESTS: &[(Method, Option<&str>, Pairs, Pairs)] = &[
    (Method::Head, Some("k"), &[], &[("if-none-match", "*")]),
    (Method::Get, Some("k"), &[("response-content-disposition", "attachment; filename=\"ü +&=.txt\"")], &[]),
    (Method::Get, Some("k"), &[("versionId", "a+/=~"), ("é", "~ "), ("~", ""), ("A", "1"), ("X-Custom", "2")], &[]),
    (Method::Get, Some("k"), &[("tagging", "")], &[("x-amz-request-payer", "requester")]),
    (Method::Get, None, &[("list-type", "2"), ("prefix", "a/b c+"), ("delimiter", "/")], &[]),
    (Method::Get, None, &[("uploads", "")], &[]),
    (Method::Head, None, &[], &[("x-amz-expected-bucket-owner", "123456789012")]),
    (Method::Put, Some("k"), &[], &[("content-type", "text/plain; charset=utf-8"), ("content-length", "5")]),
    (
        Method::Put,
        Some("k"),
        &[],
        &[("x-amz-acl", "private"), ("x-amz-meta-a", "b, c"), ("x-amz-storage-class", "STANDARD")],
    ),
    (Method::Put, Some("k"), &[], &[("x-amz-copy-source", "/photos/a%20b"), ("x-amz-tagging", "a=b&c=d")]),
    (Method::Put, Some("k"), &[("partNumber", "1"), ("uploadId", "u+/=")], &[]),
    (Method::Put, Some("k"), &[("acl", "")], &[("x-amz-acl", "private")]),
    (Method::Post, Some("k"), &[("uploads", "")], &[("x-amz-server-side-encryption", "AES256")]),
    (Method::Delete, Some("k"), &[("versionId", "null")], &[]),
    (Method::Delete, Some("k"), &[("uploadId", "u")], &[]),
];
