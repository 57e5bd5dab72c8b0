//! Cases: what can be signed, drawn at random from what is nasty (SEMANTICS.md 3.2 to 3.6), by a seed.

use std::fmt;

use fastrand::Rng;
use presignd::s3::form::{Form, Target as Keys};
use presignd::s3::operation::{Method, Operation};
use presignd::s3::request::{Headers, Request};
use presignd::s3::{Addressing, Bucket, KeyPrefix, ObjectKey, Region, Style};
use presignd::session::Credentials;
use presignd::signer::endpoint::Endpoint;
use presignd::signer::{Presigned, PresignedForm, Signer, Target};
use presignd::time::{Timestamp, Ttl};
use serde_json::{Value, json};

/// One thing to sign.
pub struct Case {
    pub kind: Kind,
    pub target: Target,
    pub endpoint_url: Option<String>,
    pub at: Timestamp,
    pub ttl: Ttl,
    pub token: Option<String>,
}

pub enum Kind {
    Request(Request),
    Form(Form),
}

impl Case {
    fn signer(&self) -> Signer {
        Signer::new(Credentials {
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: SECRET.to_owned().into(),
            session_token: self.token.clone().map(Into::into),
        })
    }

    pub fn sign_request(&self, request: &Request) -> Presigned {
        let signed = self.signer().presign(request, &self.target, self.at, self.ttl, None);
        signed.unwrap_or_else(|refused| panic!("{refused}: {self}"))
    }

    pub fn sign_form(&self, form: &Form) -> PresignedForm {
        let signed = self.signer().presign_form(form, &self.target, self.at, self.ttl);
        signed.unwrap_or_else(|refused| panic!("{refused}: {self}"))
    }

    /// The settings of a client that has to come to the same host.
    pub fn addressing_for_botocore(&self, addressing: Addressing) -> Value {
        let style = match addressing.style {
            // To botocore's "auto" AWS has one host for all regions, and a store has none for its buckets.
            Style::Auto if self.endpoint_url.is_some() => "auto",
            Style::Auto | Style::VirtualHost => "virtual",
            Style::Path => "path",
        };
        json!({
            "region": self.target.region.as_str(),
            "endpoint_url": self.endpoint_url,
            "style": style,
            "dual_stack": addressing.dual_stack,
            "fips": addressing.fips,
            "accelerate": addressing.accelerate,
            "token": self.token,
            "at": self.at.amz_date(),
            "expires": self.ttl.seconds(),
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Request(request) => {
                write!(out, "{request:?} {:?}", request.headers().iter().collect::<Vec<_>>())?;
            }
            Kind::Form(form) => write!(out, "{form:?}")?,
        }
        write!(out, " {:?} at {} for {}", self.target, self.at, self.ttl)
    }
}

/// Requests of every method, with any key, query and headers, to AWS and to stores.
pub fn requests(count: usize, seed: u64) -> Vec<Case> {
    let mut random = Rng::with_seed(seed);
    (0..count).map(|_| request(&mut random)).collect()
}

fn request(random: &mut Rng) -> Case {
    let method = pick(random, &[Method::Get, Method::Head, Method::Put, Method::Post, Method::Delete]);
    let endpoint_url = random.bool().then(|| pick(random, ENDPOINTS).to_owned());
    let bucket = pick(random, BUCKETS);
    let style = if random.bool() { Style::Auto } else { Style::Path };
    let key = random.u8(..10) > 0;
    let key = key.then(|| ObjectKey::parse(&key_text(random)).unwrap());
    let query = query(random);
    let headers = headers(random);
    let addressing = Addressing { style, ..Addressing::default() };
    let made = Request::new(method, Bucket::parse(bucket).unwrap(), key, query, headers, addressing);
    let region = pick(random, REGIONS);
    match made {
        Ok(request) => case(random, Kind::Request(request), region, endpoint_url),
        // Such as a part without its upload.
        Err(_) => self::request(random),
    }
}

fn case(random: &mut Rng, kind: Kind, region: &str, endpoint_url: Option<String>) -> Case {
    let endpoint = endpoint_url.as_deref().map_or(Endpoint::Aws, |url| Endpoint::parse(url).unwrap());
    let seconds =
        if random.u8(..4) == 0 { 86_400 * random.i64(15_000..25_000) } else { random.i64(946_684_800..4_102_444_800) };
    let ttl = pick(random, &[1, 60, 3600, 86_400, 604_800]);
    let token = random.bool().then(|| text(random, 1..400, "ABCabc019/+="));
    let target = Target { region: Region::parse(region).unwrap(), endpoint, addressing: Addressing::default() };
    Case { kind, target, endpoint_url, at: Timestamp::from_unix(seconds), ttl: Ttl::new(ttl).unwrap(), token }
}

fn key_text(random: &mut Rng) -> String {
    match random.u8(..3) {
        0 => pick(random, NASTY_KEYS).to_owned(),
        1 => text(random, 1..40, "ab/ .%+~*'()&$;:=@,!?#\\\"<>{}|^`[]-_ÄéΩ漢🦀\u{301}\u{a0}\u{ffff}"),
        _ => {
            let segments = random.usize(1..6);
            let parts: Vec<&str> = (0..segments).map(|_| pick(random, SEGMENTS)).collect();
            let key = parts.join("/");
            if key.is_empty() { "/".to_owned() } else { key }
        }
    }
}

fn query(random: &mut Rng) -> Vec<(String, String)> {
    let mut query: Vec<(String, String)> = Vec::new();
    for _ in 0..random.usize(..4) {
        let name = pick(random, QUERY_NAMES);
        let value = match name {
            "partNumber" => random.u32(1..=10_000).to_string(),
            "versionId" | "uploadId" => text(random, 1..30, "abcABC019._-+/="),
            _ => text(random, 0..30, "ab /+%&=?~*'\"é漢#;,:@-_."),
        };
        if !query.iter().any(|(given, _)| given == name) {
            query.push((name.to_owned(), value));
        }
    }
    query
}

fn headers(random: &mut Rng) -> Headers {
    let mut headers: Vec<(String, String)> = Vec::new();
    for _ in 0..random.usize(..4) {
        let (name, value) = pick(random, HEADERS);
        if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    Headers::new(headers).unwrap()
}

/// Requests that a botocore client can make, to every form of host.
pub fn addresses(count: usize, seed: u64) -> Vec<Case> {
    let mut random = Rng::with_seed(seed);
    (0..count).map(|_| address(&mut random)).collect()
}

fn address(random: &mut Rng) -> Case {
    let (operation, query, headers) = pick(random, OPERATIONS);
    let (bucket, region, addressing, endpoint_url) = host_form(random);
    let mut key = operation.is_on_object().then(|| ObjectKey::parse(&key_text(random)).unwrap());
    // What only path style reaches is refused elsewhere, and not a matter of botocore's.
    let by_path_only = key.as_ref().is_some_and(|key| key.as_str() == "soap");
    if by_path_only && (addressing != Addressing::default() || bucket.as_str() != "photos") {
        key = key.map(|_| ObjectKey::parse("soap/x").unwrap());
    }
    let own =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
    let request =
        Request::of_operation(operation, bucket, key, own(query), Headers::new(own(headers)).unwrap(), addressing)
            .unwrap();
    case(random, Kind::Request(request), region, endpoint_url)
}

/// Bucket, region, addressing and endpoint that can go together.
fn host_form(random: &mut Rng) -> (Bucket, &'static str, Addressing, Option<String>) {
    let name = |random: &mut Rng| Bucket::parse(pick(random, BUCKETS)).unwrap();
    let style = pick(random, &[Style::Auto, Style::Path]);
    let (dual_stack, fips) = (random.bool(), random.bool());
    let plain = Addressing { style, ..Addressing::default() };
    match random.u8(..7) {
        0 => (name(random), pick(random, REGIONS), plain, None),
        1 => (name(random), pick(random, COMMERCIAL), Addressing { dual_stack, fips, ..plain }, None),
        2 => {
            let addressing = Addressing { accelerate: true, dual_stack, ..Addressing::default() };
            (Bucket::parse("photos").unwrap(), pick(random, COMMERCIAL), addressing, None)
        }
        3 => {
            let (region, partition) = pick(random, &[("eu-west-1", "aws"), ("us-gov-west-1", "aws-us-gov")]);
            let arn = format!("arn:{partition}:s3:{region}:123456789012:accesspoint/logs");
            let addressing = Addressing { dual_stack, fips, ..Addressing::default() };
            (Bucket::parse(&arn).unwrap(), region, addressing, None)
        }
        4 => (
            Bucket::parse(ALIAS).unwrap(),
            pick(random, COMMERCIAL),
            Addressing { fips, ..Addressing::default() },
            None,
        ),
        5 => (Bucket::parse("photos").unwrap(), "eu-west-1", Addressing { style: Style::VirtualHost, ..plain }, None),
        _ => {
            let named = ["https://minio.example:9000", "http://s3.localhost:80", "https://store.example"];
            let virtual_host = random.bool();
            let url = if virtual_host { pick(random, &named) } else { pick(random, ENDPOINTS) };
            let style = if virtual_host { Style::VirtualHost } else { style };
            let bucket = if virtual_host { Bucket::parse("photos").unwrap() } else { name(random) };
            (bucket, "us-east-1", Addressing { style, ..plain }, Some(url.to_owned()))
        }
    }
}

/// Forms with every kind of condition.
pub fn forms(count: usize, seed: u64) -> Vec<Case> {
    let mut random = Rng::with_seed(seed);
    (0..count).map(|_| form(&mut random)).collect()
}

fn form(random: &mut Rng) -> Case {
    let keys = match random.u8(..3) {
        0 => Keys::Key(ObjectKey::parse(&key_text(random)).unwrap()),
        1 => Keys::Key(ObjectKey::parse("up/${filename}").unwrap()),
        _ => Keys::StartsWith(KeyPrefix::parse(&text(random, 0..20, "ab/é+ ")).unwrap()),
    };
    let (mut fields, mut starts_with) = (Vec::new(), Vec::new());
    for (name, value) in [("Content-Type", "image/png"), ("acl", "private"), ("x-amz-meta-é", "ü \\ \" +")] {
        match random.u8(..3) {
            0 => fields.push((name.to_owned(), value.to_owned())),
            1 => starts_with.push((name.to_owned(), value[..2].to_owned())),
            _ => {}
        }
    }
    let range = random.bool().then(|| (random.u64(..10), random.u64(10..1 << 40)));
    let bucket = Bucket::parse(pick(random, BUCKETS)).unwrap();
    let form = Form::new(bucket, keys, fields, starts_with, range, Addressing::default()).unwrap();
    let region = pick(random, REGIONS);
    case(random, Kind::Form(form), region, None)
}

/// The key as botocore takes it: a prefix is a key that ends with the file's name.
pub fn form_key(form: &Form) -> String {
    match &form.target {
        Keys::Key(key) => key.as_str().to_owned(),
        Keys::StartsWith(prefix) => format!("{}${{filename}}", prefix.as_str()),
    }
}

fn pick<T: Copy>(random: &mut Rng, from: &[T]) -> T {
    from[random.usize(..from.len())]
}

fn text(random: &mut Rng, length: std::ops::Range<usize>, alphabet: &str) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    let length = random.usize(length);
    (0..length).map(|_| pick(random, &alphabet)).collect()
}

pub const ACCESS_KEY_ID: &str = "ASIAIOSFODNN7EXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

const NASTY_KEYS: &[&str] = &[
    "a",
    "~",
    "a b",
    "a+b",
    "100%",
    "%20",
    "%2F",
    "a%",
    "//",
    "/a",
    "a//b",
    "a/",
    "../a",
    "a/./b",
    "a/../../b",
    ".",
    "..",
    "soap",
    "soap/x",
    "a=b:c@d,e!f*g'h(i)j&k$l;m",
    "a?b#c",
    "ü",
    "u\u{308}",
    "漢字/🦀",
    "\u{7f}",
    "\t",
    "a\nb",
    "\\",
    "a|b^c`d",
    "[x]",
    "{y}",
    "\"",
    "<>",
    "%25",
    "+",
    "=",
    "&",
    "a=",
    "?versionId=7",
    "#",
    "file.tar.gz",
    "-_.~",
];
const SEGMENTS: &[&str] = &["", ".", "..", "a", "é", "x y", "%", "%2e%2e", "+", "~", "…"];
const BUCKETS: &[&str] = &["photos", "my.photos", "My_Photos", "a-b-c", "123"];
/// Has no path style, and so no key `soap`.
const ALIAS: &str = "logs-abc123-s3alias";
const COMMERCIAL: &[&str] = &["us-east-1", "us-west-2", "eu-central-1", "ap-southeast-5", "mx-central-1"];
const REGIONS: &[&str] = &[
    "us-east-1",
    "eu-central-1",
    "ap-southeast-5",
    "us-gov-west-1",
    "cn-north-1",
    "eusc-de-east-1",
    "us-iso-east-1",
    "us-isob-east-1",
    "eu-isoe-west-1",
    "us-isof-south-1",
];
const ENDPOINTS: &[&str] = &[
    "http://127.0.0.1:9000",
    "https://minio.example",
    "https://minio.example:9000",
    "http://store.example:80",
    "https://store.example:443",
    "https://store.example/base/path",
    "http://localhost:8080/",
];
const QUERY_NAMES: &[&str] = &[
    "versionId",
    "uploadId",
    "partNumber",
    "acl",
    "tagging",
    "uploads",
    "response-content-disposition",
    "response-expires",
    "prefix",
    "delimiter",
    "list-type",
    "x-id",
    "X-Custom",
    "A",
    "é",
    "~",
    "a b",
    "a-b",
    "a",
    "a.b",
    "x-amz-acl",
    "X-Amz-Meta-a",
    "Zulu",
    "0",
    "%",
];
const HEADERS: &[(&str, &str)] = &[
    ("Content-Type", "text/plain; charset=utf-8"),
    ("content-length", "5"),
    ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
    ("x-amz-acl", "public-read"),
    ("x-amz-meta-a", "b, c; d=\"e\""),
    ("X-Amz-Meta-Long-Name", "x"),
    ("x-amz-checksum-crc32", "AAAAAA=="),
    ("x-amz-server-side-encryption", "aws:kms"),
    ("if-none-match", "*"),
    ("x-amz-tagging", "a=b&c=d%20e"),
    ("range", "bytes=0-9"),
    ("x-amz-expected-bucket-owner", "123456789012"),
    ("accept", "*/*"),
    ("zz", ""),
    ("x-amz-copy-source", "/other/a%20b?versionId=7"),
    ("cache-control", "no-cache"),
];
type Pairs = &'static [(&'static str, &'static str)];

const OPERATIONS: &[(Operation, Pairs, Pairs)] = &[
    (Operation::GetObject, &[], &[]),
    (Operation::GetObject, &[("versionId", "a.b_c-D"), ("response-content-type", "text/plain; charset=utf-8")], &[]),
    (Operation::GetObject, &[("response-content-disposition", "attachment; filename=\"ü +.txt\"")], &[]),
    (Operation::HeadObject, &[], &[("x-amz-expected-bucket-owner", "123456789012")]),
    (Operation::PutObject, &[], &[]),
    (Operation::PutObject, &[], &[("content-type", "image/png"), ("x-amz-acl", "private"), ("if-none-match", "*")]),
    (Operation::DeleteObject, &[("versionId", "null")], &[]),
    (Operation::UploadPart, &[("partNumber", "7"), ("uploadId", "a+/=")], &[]),
    (Operation::CreateMultipartUpload, &[("uploads", "")], &[("x-amz-storage-class", "GLACIER_IR")]),
    (Operation::AbortMultipartUpload, &[("uploadId", "u")], &[]),
    (Operation::GetObjectTagging, &[("tagging", "")], &[]),
    (Operation::HeadBucket, &[], &[]),
    (Operation::ListObjectsV2, &[("encoding-type", "url"), ("list-type", "2"), ("prefix", "a/b +")], &[]),
];
