//! `presignd post`: a form for uploads from a browser, as its action and its fields.

use super::connect::Globals;
use super::exit::{Failure, warn};
use super::flags::{self, Place, Signing};
use super::out::{self, Format, Sheet};
use super::{json, say};
use crate::config::Surroundings;
use crate::grpc::proto::{ContentLengthRange, LimitedBy, PresignPostRequest, presign_post_request::Target};

/// Sign a POST policy and print the form's action and fields.
#[derive(Debug, Clone, clap::Args)]
pub struct Post {
    /// s3://BUCKET/KEY for one key ("${filename}" in it stands for the name of the user's file), or s3://BUCKET
    #[arg(value_name = "S3URI", value_parser = flags::s3_uri)]
    pub target: (String, String),
    /// Allow any key that begins so; an empty text allows every key
    #[arg(long, value_name = "PREFIX")]
    pub key_starts_with: Option<String>,
    /// A form field with its exact value; may be repeated
    #[arg(long = "field", value_name = "NAME=VALUE", value_parser = flags::pair)]
    pub fields: Vec<(String, String)>,
    /// A form field that the user may choose, with the beginning it must have; may be repeated
    #[arg(long = "field-starts-with", value_name = "NAME=PREFIX", value_parser = flags::pair)]
    pub fields_start_with: Vec<(String, String)>,
    /// Bounds of the upload in bytes
    #[arg(long, value_name = "MIN,MAX", value_parser = range)]
    pub content_length_range: Option<(u64, u64)>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub signing: Signing,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become help text")]
    pub place: Place,
}

impl Post {
    /// The request that the flags describe.
    pub fn request(&self) -> Result<PresignPostRequest, Failure> {
        self.place.check()?;
        let (bucket, key) = self.target.clone();
        let target = match (&self.key_starts_with, key.is_empty()) {
            (None, false) => Target::Key(key),
            (Some(prefix), true) => Target::KeyStartsWith(prefix.clone()),
            (Some(_), false) => return Err(Failure::usage("a key and --key-starts-with exclude each other")),
            (None, true) => {
                return Err(Failure::usage("name a key (s3://BUCKET/KEY), or say --key-starts-with PREFIX"));
            }
        };
        Ok(PresignPostRequest {
            identity: self.signing.identity.clone(),
            bucket,
            target: Some(target),
            expires_in: self.signing.expires_in.map(|length| length.wire()),
            at_least: self.signing.at_least.map(|length| length.wire()),
            fields: flags::map("--field", &self.fields)?,
            fields_start_with: flags::map("--field-starts-with", &self.fields_start_with)?,
            content_length_range: self
                .content_length_range
                .map(|(minimum, maximum)| ContentLengthRange { minimum, maximum }),
            addressing: self.place.addressing(),
            region: self.place.region.clone(),
            on_behalf_of: self.signing.on_behalf_of.clone(),
            labels: flags::map("--label", &self.signing.labels)?,
            request_id: self.signing.request_id.clone(),
        })
    }

    /// Signs and prints.
    pub async fn run(&self, globals: &Globals, around: &Surroundings) -> Result<(), Failure> {
        let request = self.request()?;
        let daemon = globals.connect(around).await?;
        let signed = daemon.signer().presign_post(daemon.ask(request)).await?.into_inner();
        match globals.output.unwrap_or(Format::Text) {
            Format::Json => out::json(json::form(&signed))?,
            format => {
                let mut sheet = Sheet::new(&["FIELD", "VALUE"]);
                sheet.row(vec!["url".into(), signed.url.clone()]);
                let mut fields: Vec<_> = signed.fields.iter().collect();
                fields.sort();
                fields.into_iter().for_each(|(name, value)| sheet.row(vec![name.clone(), value.clone()]));
                sheet.print(format)?;
            }
        }
        if signed.limited_by != i32::from(LimitedBy::Request) {
            let until = say::time(signed.usable_until.as_ref());
            warn(&format!("the form lives until {until}: limited by {}", say::limited_by(signed.limited_by)));
        }
        say::cautions("form", &signed.cautions, signed.ends_early.as_ref()).iter().for_each(|line| warn(line));
        Ok(())
    }
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let ends = text.split_once(',').and_then(|(min, max)| Some((min.trim().parse().ok()?, max.trim().parse().ok()?)));
    match ends {
        Some((min, max)) if min <= max => Ok((min, max)),
        Some(_) => Err("has a minimum above its maximum".to_owned()),
        None => Err("must be two numbers of bytes: MIN,MAX".to_owned()),
    }
}
