//! S3's operations by their API names, and the table that reads one from a method and a query (SEMANTICS.md 6.4).

/// HTTP methods that S3 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of HTTP say it")]
pub enum Method {
    Get,
    Head,
    Put,
    Post,
    Delete,
}

impl Method {
    /// As it stands in a request line and in the canonical request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }

    /// In any case; `None` for a method that S3 does not know.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Get, Self::Head, Self::Put, Self::Post, Self::Delete]
            .into_iter()
            .find(|method| method.as_str().eq_ignore_ascii_case(text))
    }
}

macro_rules! operations {
    ($($name:ident $method:ident $on:ident $query:expr;)*) => {
        /// What S3 is asked to do. Read from method, query and headers, so it never disagrees with what is signed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names are those of the S3 API reference")]
        pub enum Operation {
            $($name,)*
            /// A form upload; its form is its authentication.
            PostObject,
            /// A sub-resource of an object without a row in the table.
            OtherObject,
            /// A sub-resource of a bucket without a row in the table.
            OtherBucket,
        }

        /// Operation, method, whether it acts on an object, and the query that tells it from others. First match wins.
        const TABLE: &[(Operation, Method, On, &[(&str, Option<&str>)])] =
            &[$((Operation::$name, Method::$method, On::$on, $query),)*];

        impl Operation {
            /// Every operation, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name,)* Self::PostObject, Self::OtherObject, Self::OtherBucket];

            /// The name in the S3 API reference: `GetObject`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    Self::PostObject => "PostObject",
                    Self::OtherObject => "OtherObject",
                    Self::OtherBucket => "OtherBucket",
                }
            }
        }
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Object,
    Bucket,
    /// On an object, and `x-amz-copy-source` names another.
    Copy,
}

operations! {
    GetObjectAttributes Get Object &[("attributes", None)];
    GetObjectAcl Get Object &[("acl", None)];
    GetObjectTagging Get Object &[("tagging", None)];
    GetObjectRetention Get Object &[("retention", None)];
    GetObjectLegalHold Get Object &[("legal-hold", None)];
    ListParts Get Object &[("uploadId", None)];
    PutObjectAcl Put Object &[("acl", None)];
    PutObjectTagging Put Object &[("tagging", None)];
    PutObjectRetention Put Object &[("retention", None)];
    PutObjectLegalHold Put Object &[("legal-hold", None)];
    UploadPartCopy Put Copy &[("partNumber", None), ("uploadId", None)];
    UploadPart Put Object &[("partNumber", None), ("uploadId", None)];
    CreateMultipartUpload Post Object &[("uploads", None)];
    CompleteMultipartUpload Post Object &[("uploadId", None)];
    RestoreObject Post Object &[("restore", None)];
    AbortMultipartUpload Delete Object &[("uploadId", None)];
    DeleteObjectTagging Delete Object &[("tagging", None)];
    CopyObject Put Copy &[];
    GetObject Get Object &[];
    HeadObject Head Object &[];
    PutObject Put Object &[];
    DeleteObject Delete Object &[];
    ListObjectsV2 Get Bucket &[("list-type", Some("2"))];
    ListObjectVersions Get Bucket &[("versions", None)];
    ListMultipartUploads Get Bucket &[("uploads", None)];
    ListObjects Get Bucket &[];
    HeadBucket Head Bucket &[];
    DeleteObjects Post Bucket &[("delete", None)];
}

impl Operation {
    /// By API name, exactly; `None` when unknown.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.as_str() == name)
    }

    /// The method, where the operation has one of its own.
    pub fn method(self) -> Option<Method> {
        TABLE.iter().find(|row| row.0 == self).map(|row| row.1)
    }

    /// Parameters that name the operation and carry no choice: `list-type=2`, `uploads=`.
    pub fn fixed_query(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let row = TABLE.iter().find(|row| row.0 == self);
        let query = row.map_or(&[][..], |row| row.3);
        query.iter().filter(|(name, _)| !CHOSEN.contains(name)).map(|(name, value)| (*name, value.unwrap_or("")))
    }

    /// Parameters that the operation cannot do without and whose value the caller chooses: `uploadId`, `partNumber`.
    pub fn required_query(self) -> impl Iterator<Item = &'static str> {
        let row = TABLE.iter().find(|row| row.0 == self);
        row.map_or(&[][..], |row| row.3).iter().map(|(name, _)| *name).filter(|name| CHOSEN.contains(name))
    }

    /// Whether it acts on one object rather than on a bucket.
    pub fn is_on_object(self) -> bool {
        match self {
            Self::PostObject | Self::OtherObject => true,
            Self::OtherBucket => false,
            _ => TABLE.iter().any(|row| row.0 == self && row.2 != On::Bucket),
        }
    }

    /// Reads the operation from a request. A parameter that is neither plain nor in its row makes it an
    /// `Other…`.
    pub fn of(method: Method, on_object: bool, copies: bool, query: &[(String, String)]) -> Self {
        let has = |name: &str, value: Option<&str>| {
            query.iter().any(|(n, v)| n == name && value.is_none_or(|value| v == value))
        };
        let fits = |on: On| match on {
            On::Object => on_object && !copies,
            On::Bucket => !on_object,
            On::Copy => on_object && copies,
        };
        let sub_resources = query.iter().filter(|(name, _)| is_sub_resource(name)).count();
        let row = TABLE.iter().find(|(_, m, on, wanted)| {
            let known = wanted.iter().filter(|(name, _)| is_sub_resource(name)).count();
            *m == method && fits(*on) && known == sub_resources && wanted.iter().all(|(n, v)| has(n, *v))
        });
        match row {
            Some(row) => row.0,
            None if on_object => Self::OtherObject,
            None => Self::OtherBucket,
        }
    }
}

/// Parameters that belong to an operation but whose value is the caller's.
const CHOSEN: &[&str] = &["uploadId", "partNumber"];

/// Parameters that leave the operation as it is. Any other that no row of the table names may be a sub-resource that S3
/// knows and this table does not, so it makes the request an `Other…`: a grant for `GetObject` must not reach further
/// than that.
const PLAIN: &[&str] = &[
    "allow-unordered",
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "key-marker",
    "list-type",
    "marker",
    "max-keys",
    "max-parts",
    "max-uploads",
    "part-number-marker",
    "partNumber",
    "prefix",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "start-after",
    "upload-id-marker",
    "version-id-marker",
    "versionId",
    "x-id",
];

/// Whether a parameter can change what S3 does. Headers that stand in the query (`x-amz-acl`) do not.
fn is_sub_resource(name: &str) -> bool {
    !PLAIN.contains(&name) && !name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_nobody_knows_is_no_plain_get_or_list() {
        let query = |name: &str| vec![(name.to_owned(), String::new()), ("prefix".to_owned(), "public/".to_owned())];
        assert_eq!(Operation::of(Method::Get, false, false, &query("abac")), Operation::OtherBucket);
        assert_eq!(Operation::of(Method::Get, true, false, &query("torrent")), Operation::OtherObject);
        assert_eq!(Operation::of(Method::Get, false, false, &query("marker")), Operation::ListObjects);
        assert_eq!(Operation::of(Method::Get, true, false, &query("X-Amz-Request-Payer")), Operation::GetObject);
    }
}
