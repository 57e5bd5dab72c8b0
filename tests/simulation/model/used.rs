//! A presigned request as its bearer makes it, and the actions that S3 asks of its signer (6.4).

/// What S3 is asked to do; the operations on which SEMANTICS.md says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Get,
    Head,
    Put,
    Part,
    /// A POST form; `key` is the one that the bearer chooses.
    Form,
    Copy,
    List,
    Tagging,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    pub access_key_id: String,
    pub op: Op,
    /// By its own name, also when the host names an access point.
    pub bucket: String,
    pub point: Option<String>,
    pub key: String,
    pub version: Option<String>,
    pub upload: Option<String>,
    /// Bucket and key that are copied.
    pub source: Option<(String, String)>,
    pub public_acl: bool,
    pub pays: bool,
    /// `X-Amz-Date` and `X-Amz-Expires`, in seconds.
    pub date: i64,
    pub expires: i64,
}

/// An action on an object, or on the bucket itself.
pub(crate) struct Asked<'a> {
    pub action: &'static str,
    pub bucket: &'a str,
    pub key: Option<&'a str>,
}

impl Use {
    /// What S3 asks the signer to be allowed (6.4).
    pub(crate) fn asked(&self) -> Vec<Asked<'_>> {
        let here = |action| Asked { action, bucket: &self.bucket, key: Some(&self.key) };
        let versioned = self.version.is_some();
        let mut asked = match self.op {
            Op::Get | Op::Head if versioned => vec![here("s3:GetObjectVersion")],
            Op::Get | Op::Head => vec![here("s3:GetObject")],
            Op::Tagging if versioned => vec![here("s3:GetObjectVersionTagging")],
            Op::Tagging => vec![here("s3:GetObjectTagging")],
            Op::Put | Op::Part | Op::Form | Op::Copy => vec![here("s3:PutObject")],
            Op::List => vec![Asked { action: "s3:ListBucket", bucket: &self.bucket, key: None }],
        };
        if self.public_acl {
            asked.push(here("s3:PutObjectAcl"));
        }
        if let Some((bucket, key)) = &self.source {
            asked.push(Asked { action: "s3:GetObject", bucket, key: Some(key) });
        }
        asked
    }

    /// Whether the object must be there to be answered.
    pub(crate) fn reads(&self) -> bool {
        matches!(self.op, Op::Get | Op::Head | Op::Tagging)
    }
}
