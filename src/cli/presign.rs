//! `presignd presign`: one URL on stdout, everything else on stderr.

use std::io::IsTerminal;

use serde_json::Value;

use super::connect::Globals;
use super::exit::{Failure, warn};
use super::flags::{self, Place, Signing};
use super::out::{self, Format, Sheet};
use super::{batch, json, say};
use crate::config::Surroundings;
use crate::grpc::proto::{LimitedBy, PresignRequest, PresignResponse, S3Request};

/// Sign one request and print its URL, or many from stdin.
#[derive(Debug, Clone, clap::Args)]
pub struct Presign {
    /// s3://BUCKET/KEY; "-" or nothing reads requests from stdin, one JSON object or s3:// URI to a line
    #[arg(value_name = "S3URI", value_parser = uri)]
    pub target: Option<Target>,
    /// The HTTP method, for a request that --operation does not name
    #[arg(long, value_name = "METHOD", conflicts_with = "operation")]
    pub method: Option<String>,
    /// The S3 operation, such as GetObject or put-object [default: GetObject]
    #[arg(long, value_name = "NAME", value_parser = operation)]
    pub operation: Option<i32>,
    /// A header to sign, which the bearer must send as it is; may be repeated
    #[arg(long = "header", value_name = "NAME:VALUE", value_parser = flags::header)]
    pub headers: Vec<(String, String)>,
    /// A query parameter to sign; may be repeated (not the --query of the AWS CLI, which filters output)
    #[arg(long = "query", value_name = "NAME=VALUE", value_parser = flags::pair)]
    pub query: Vec<(String, String)>,
    /// The version of the object
    #[arg(long, value_name = "ID")]
    pub version_id: Option<String>,
    /// Sign x-presignd-id into the URL, so that S3's access log names the record
    #[arg(long)]
    pub tag: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub signing: Signing,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub place: Place,
}

/// What the positional argument says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Requests come on stdin.
    Stdin,
    /// One bucket and key.
    Object(String, String),
}

impl Presign {
    /// The request that the flags describe; a batch fills in bucket and key line by line.
    pub fn request(&self) -> Result<PresignRequest, Failure> {
        self.place.check()?;
        let mut query = flags::map("--query", &self.query)?;
        if let Some(version) = &self.version_id
            && query.insert("versionId".to_owned(), version.clone()).is_some()
        {
            return Err(Failure::usage("--version-id and --query versionId say the same; give one of them"));
        }
        let (bucket, key) = match &self.target {
            Some(Target::Object(bucket, key)) => (bucket.clone(), key.clone()),
            Some(Target::Stdin) | None => Default::default(),
        };
        let request = S3Request {
            // A method alone leaves the operation to be read from method and query.
            operation: self.operation.unwrap_or(if self.method.is_some() { 0 } else { GET_OBJECT }),
            method: self.method.clone().unwrap_or_default(),
            bucket,
            key,
            query,
            headers: flags::map("--header", &self.headers)?,
            addressing: self.place.addressing(),
            region: self.place.region.clone(),
        };
        Ok(PresignRequest {
            identity: self.signing.identity.clone(),
            request: Some(request),
            expires_in: self.signing.expires_in.map(|length| length.wire()),
            at_least: self.signing.at_least.map(|length| length.wire()),
            on_behalf_of: self.signing.on_behalf_of.clone(),
            labels: flags::map("--label", &self.signing.labels)?,
            request_id: self.signing.request_id.clone(),
            tag_url: self.tag,
        })
    }

    /// Signs and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let request = self.request()?;
        // Whoever forgot the argument must not stare at a program that waits for a line.
        if self.target.is_none() && std::io::stdin().is_terminal() {
            return Err(Failure::usage("name s3://BUCKET/KEY, or give requests on stdin"));
        }
        if !matches!(self.target, Some(Target::Object(..))) {
            return batch::run(request, globals, around).await;
        }
        let asked = request.expires_in.map_or(DEFAULT_SECONDS, |length| length.seconds);
        let daemon = globals.connect(around).await?;
        let signed = daemon.signer().presign(daemon.ask(request)).await?.into_inner();
        match globals.output.unwrap_or(Format::Text) {
            Format::Text => out::line(&signed.url)?,
            Format::Table => card(&signed).print(Format::Table)?,
            Format::Json => out::json(json::presigned(&signed))?,
        }
        cautions(&signed, asked).iter().for_each(|line| warn(line));
        Ok(())
    }
}

/// What the user may trip over. The URL alone does not show it.
fn cautions(signed: &PresignResponse, asked: i64) -> Vec<String> {
    let mut lines = Vec::new();
    let life = signed.expires_in.as_ref();
    if signed.limited_by != i32::from(LimitedBy::Request) && life.is_some_and(|life| life.seconds < asked) {
        let until = say::time(signed.usable_until.as_ref());
        let by = say::limited_by(signed.limited_by);
        lines.push(format!("the URL lives {} only, until {until}: limited by {by}", say::length(life)));
    }
    let mut headers: Vec<_> = signed.headers.iter().collect();
    headers.sort();
    // What is printed ends in logs, so a customer's key is named and not shown.
    lines.extend(headers.iter().map(|(name, value)| match name.ends_with("-server-side-encryption-customer-key") {
        true => format!("the bearer must send {name} with the key that was given"),
        false => format!("the bearer must send {name}: {value}"),
    }));
    lines.extend(say::cautions("URL", &signed.cautions, signed.ends_early.as_ref()));
    if !signed.replaces.is_empty() {
        lines.push(format!(
            "this request id could no longer be answered with the URL of {}; this is a new one",
            signed.replaces
        ));
    }
    lines
}

fn card(signed: &PresignResponse) -> Sheet {
    let mut pairs = vec![
        ("url".to_owned(), signed.url.clone()),
        ("method".to_owned(), signed.method.clone()),
        ("usable until".to_owned(), say::time(signed.usable_until.as_ref())),
        ("expires in".to_owned(), say::length(signed.expires_in.as_ref())),
        ("limited by".to_owned(), say::limited_by(signed.limited_by)),
        ("id".to_owned(), signed.id.clone()),
    ];
    if let Some(session) = &signed.session {
        pairs.push(("identity".to_owned(), session.identity.clone()));
        pairs.push(("generation".to_owned(), session.generation.to_string()));
    }
    let headers = json::sorted(&signed.headers);
    if let Value::Object(headers) = headers {
        pairs.extend(
            headers
                .into_iter()
                .map(|(name, value)| (format!("header {name}"), value.as_str().unwrap_or("").to_owned())),
        );
    }
    Sheet::card(pairs)
}

fn uri(text: &str) -> Result<Target, String> {
    match text {
        "-" => Ok(Target::Stdin),
        _ => flags::s3_uri(text).map(|(bucket, key)| Target::Object(bucket, key)),
    }
}

/// An operation's number on the wire.
pub fn operation(text: &str) -> Result<i32, String> {
    let found = say::parse_operation(text).map(i32::from);
    found.ok_or_else(|| {
        "is no S3 operation that can be presigned; see `presignd presign --help`, or use --method".into()
    })
}

const GET_OBJECT: i32 = crate::grpc::proto::Operation::GetObject as i32;
/// What the service signs for when nothing is said.
const DEFAULT_SECONDS: i64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::proto;

    #[test]
    fn a_life_that_was_cut_is_told_with_its_limit() {
        let mut signed = PresignResponse {
            expires_in: Some(prost_types::Duration { seconds: 1800, nanos: 0 }),
            limited_by: LimitedBy::Session.into(),
            ..Default::default()
        };
        assert_eq!(cautions(&signed, 3600), ["the URL lives 30m only, until : limited by session"]);
        assert!(cautions(&signed, 1800).is_empty(), "it lives as long as was asked");
        signed.cautions = vec![proto::Caution::EndsEarly.into()];
        signed.ends_early = Some(proto::StandingEvent {
            id: "k3yd2a7q-5".into(),
            ending: Some(proto::Ending {
                verdict: proto::ending::Verdict::Ends.into(),
                reason: "BUCKET_DELETED".into(),
                message: "the bucket is gone".into(),
                not_before: Some(prost_types::Timestamp { seconds: 60, nanos: 0 }),
                not_after: Some(prost_types::Timestamp { seconds: 60, nanos: 0 }),
                ..Default::default()
            }),
        });
        let early =
            "the URL ends early at 1970-01-01T00:01:00Z: the bucket is gone [BUCKET_DELETED]; event k3yd2a7q-5 stands";
        assert_eq!(cautions(&signed, 1800), [early]);
        (signed.cautions, signed.ends_early) = (Vec::new(), None);
        signed.headers.insert("content-type".into(), "text/plain".into());
        assert_eq!(cautions(&signed, 1800), ["the bearer must send content-type: text/plain"]);
    }
}
