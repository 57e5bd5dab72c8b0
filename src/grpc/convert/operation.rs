//! S3's operations and methods, by number on the wire and by name in the house.

use crate::grpc::proto;
use crate::s3::Refused;
use crate::s3::operation::{Method, Operation};

macro_rules! same_names {
    ($($name:ident)*) => {
        /// The operation's number on the wire.
        pub(super) fn wire_operation(operation: Operation) -> i32 {
            match operation { $(Operation::$name => proto::Operation::$name,)* }.into()
        }

        /// `None` for the number 0.
        pub(super) fn operation(field: &str, number: i32) -> Result<Option<Operation>, Refused> {
            match proto::Operation::try_from(number) {
                Ok(proto::Operation::Unspecified) => Ok(None),
                $(Ok(proto::Operation::$name) => Ok(Some(Operation::$name)),)*
                Err(_) => Err(Refused::new(field, format!("is {number}, which names no operation here"))),
            }
        }
    };
}

same_names! {
    GetObject HeadObject PutObject CopyObject DeleteObject GetObjectAttributes GetObjectAcl PutObjectAcl
    GetObjectTagging PutObjectTagging DeleteObjectTagging GetObjectRetention PutObjectRetention GetObjectLegalHold
    PutObjectLegalHold RestoreObject CreateMultipartUpload UploadPart UploadPartCopy CompleteMultipartUpload
    AbortMultipartUpload ListParts ListMultipartUploads ListObjects ListObjectsV2 ListObjectVersions HeadBucket
    DeleteObjects PostObject OtherObject OtherBucket
}

/// `None` when left out.
pub(super) fn method(field: &str, text: &str) -> Result<Option<Method>, Refused> {
    match text {
        "" => Ok(None),
        text => {
            let known = Method::parse(text);
            known.map(Some).ok_or_else(|| Refused::new(field, "must be one of GET, HEAD, PUT, POST, DELETE"))
        }
    }
}
