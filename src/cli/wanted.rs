//! The flags that say which records are meant, and the filter that they become.

use super::exit::Failure;
use super::flags;
use super::urls::wire;
use crate::grpc::proto::UrlFilter;
use crate::time::Timestamp;

/// Records that match every flag that is given.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Wanted {
    /// Signed by this identity
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub identity: String,
    /// Signed by this session
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub session: String,
    /// Signed with this access key
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub access_key_id: String,
    /// For this bucket
    #[arg(long, value_name = "BUCKET", default_value = "", hide_default_value = true)]
    pub bucket: String,
    /// For keys that begin so
    #[arg(long, value_name = "PREFIX", default_value = "", hide_default_value = true)]
    pub key_prefix: String,
    /// For this operation; may be repeated, any of them matches
    #[arg(long = "operation", value_name = "NAME", value_parser = super::presign::operation)]
    pub operations: Vec<i32>,
    /// Asked for by this user id
    #[arg(long, value_name = "UID")]
    pub uid: Option<u32>,
    /// Asked for on behalf of exactly this text; '' is on behalf of nobody
    #[arg(long, value_name = "TEXT")]
    pub on_behalf_of: Option<String>,
    /// With this label; may be repeated, all of them must match
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = flags::label)]
    pub labels: Vec<(String, String)>,
    /// Signed at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub signed_from: Option<prost_types::Timestamp>,
    /// Signed before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub signed_before: Option<prost_types::Timestamp>,
}

impl Wanted {
    /// As the wire has it.
    pub fn filter(&self) -> Result<UrlFilter, Failure> {
        Ok(UrlFilter {
            identity: self.identity.clone(),
            session_id: self.session.clone(),
            access_key_id: self.access_key_id.clone(),
            bucket: self.bucket.clone(),
            key_prefix: self.key_prefix.clone(),
            operations: self.operations.clone(),
            uid: self.uid,
            on_behalf_of: self.on_behalf_of.clone(),
            labels: flags::map("--label", &self.labels)?,
            signed_from: self.signed_from,
            signed_before: self.signed_before,
            usable_after: None,
        })
    }
}

/// RFC 3339.
pub(super) fn time(text: &str) -> Result<prost_types::Timestamp, String> {
    let at = Timestamp::parse_rfc3339(text).map_err(|_| "must be a time such as 2026-11-22T23:59:59Z".to_owned())?;
    Ok(wire(at))
}
