//! What callers ask for: the same request in presignd's words and in the bearer's.

use fastrand::Rng;
use presignd::s3::form::{Form, Signable, Target};
use presignd::s3::operation::Operation;
use presignd::s3::request::{Headers, Request};
use presignd::s3::{Addressing, Bucket, KeyPrefix, ObjectKey};

use crate::cast::{BUCKETS, KEYS, point_of, recent};
use crate::model::used::{Op, Use};
use crate::model::{Aws, Millis};

/// One of them. Key, date and length of the [`Use`] are known once it is signed.
pub(crate) fn any(rng: &mut Rng, aws: &Aws, now: Millis) -> (Signable, Use) {
    let bucket = BUCKETS[rng.usize(..BUCKETS.len())];
    let key = KEYS[rng.usize(..KEYS.len())];
    let op = [Op::Get, Op::Get, Op::Get, Op::Head, Op::Put, Op::Part, Op::Form, Op::Copy, Op::List, Op::Tagging];
    let op = op[rng.usize(..op.len())];
    let reads = matches!(op, Op::Get | Op::Head | Op::Tagging);
    let version = reads && aws.buckets[bucket].versioned && rng.bool();
    let mut used = Use {
        access_key_id: String::new(),
        op,
        bucket: bucket.to_owned(),
        point: (rng.u8(..10) == 0 && op != Op::Form).then(|| point_of(bucket)),
        key: if op == Op::List { String::new() } else { key.to_owned() },
        version: version.then(|| recent(rng, "version", now)),
        upload: (op == Op::Part).then(|| recent(rng, "upload", now)),
        source: None,
        public_acl: op == Op::Put && rng.u8(..6) == 0,
        pays: op != Op::Form && rng.u8(..8) == 0,
        date: 0,
        expires: 0,
    };
    if op == Op::Copy {
        used.source = Some((BUCKETS[rng.usize(..BUCKETS.len())].to_owned(), KEYS[rng.usize(..KEYS.len())].to_owned()));
    }
    let what = if op == Op::Form { form(rng, &mut used) } else { request(&used) };
    (what, used)
}

fn request(used: &Use) -> Signable {
    let operation = match used.op {
        Op::Get => Operation::GetObject,
        Op::Head => Operation::HeadObject,
        Op::Put => Operation::PutObject,
        Op::Part => Operation::UploadPart,
        Op::Copy => Operation::CopyObject,
        Op::List => Operation::ListObjectsV2,
        Op::Tagging => Operation::GetObjectTagging,
        Op::Form => unreachable!("a form is no request"),
    };
    let mut query = Vec::new();
    query.extend(used.version.iter().map(|version| ("versionId".to_owned(), version.clone())));
    query.extend(used.upload.iter().map(|upload| ("uploadId".to_owned(), upload.clone())));
    query.extend(used.upload.iter().map(|_| ("partNumber".to_owned(), "7".to_owned())));
    let mut headers = Vec::new();
    headers.extend(used.public_acl.then(|| ("x-amz-acl".to_owned(), "public-read".to_owned())));
    headers.extend(used.pays.then(|| ("x-amz-request-payer".to_owned(), "requester".to_owned())));
    headers.extend(used.source.iter().map(|(bucket, key)| ("x-amz-copy-source".to_owned(), format!("{bucket}/{key}"))));
    let bucket = Bucket::parse(used.point.as_deref().unwrap_or(&used.bucket)).expect("a bucket's name");
    let key = (used.op != Op::List).then(|| ObjectKey::parse(&used.key).expect("an object's key"));
    let headers = Headers::new(headers).expect("headers that can be signed");
    let request = Request::of_operation(operation, bucket, key, query, headers, Addressing::default());
    Signable::Request(request.expect("a request that can be signed"))
}

/// A form for one key, or for a prefix below which its bearer chooses one.
fn form(rng: &mut Rng, used: &mut Use) -> Signable {
    let bucket = Bucket::parse(&used.bucket).expect("a bucket's name");
    let target = match used.key.split_once('/').filter(|_| rng.bool()) {
        Some((folder, _)) => Target::StartsWith(KeyPrefix::parse(&format!("{folder}/")).expect("a prefix")),
        None => Target::Key(ObjectKey::parse(&used.key).expect("an object's key")),
    };
    let form = Form::new(bucket, target, Vec::new(), Vec::new(), None, Addressing::default());
    Signable::Form(form.expect("a form that can be signed"))
}
