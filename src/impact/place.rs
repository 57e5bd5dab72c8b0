//! Where a request goes, compared with the buckets, keys and access points of events and policies.

use super::Subject;
use super::ending::Grade;
use super::reason::Condition;
use super::truth::Truth;
use crate::s3::form::{Form, Signable, Target};
use crate::s3::operation::Operation;
use crate::s3::request::Request;

impl<'a> Subject<'a> {
    /// As the caller named it.
    pub(super) fn bucket(self) -> &'a str {
        match self {
            Self::Url(url) => url.what.bucket().as_str(),
            Self::Group { bucket, .. } => bucket,
        }
    }

    pub(super) fn operation(self) -> Operation {
        match self {
            Self::Url(url) => url.what.operation(),
            Self::Group { operation, .. } => operation,
        }
    }

    /// The request, unless it is a form or not known.
    pub(super) fn request(self) -> Option<&'a Request> {
        match self {
            Self::Url(url) => match &url.what {
                Signable::Request(request) => Some(request),
                Signable::Form(_) => None,
            },
            Self::Group { .. } => None,
        }
    }

    pub(super) fn keys(self) -> Keys<'a> {
        match self {
            _ if self.operation() == Operation::DeleteObjects => Keys::InBody,
            _ if !self.operation().is_on_object() => Keys::None,
            Self::Group { .. } => Keys::AskUrl,
            Self::Url(url) => match &url.what {
                Signable::Request(request) => request.key().map_or(Keys::None, |key| Keys::One(key.as_str())),
                Signable::Form(form) => of_form(form),
            },
        }
    }

    /// A signed header or, where a client hoisted it, a signed parameter; of a form the field.
    pub(super) fn told(self, name: &str) -> Told<'a> {
        match self {
            Self::Group { .. } => Told::AskUrl,
            Self::Url(url) => match &url.what {
                Signable::Request(request) => {
                    let hoisted = || request.query().iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
                    let value = request.headers().value(name).or_else(|| hoisted().map(|(_, value)| value.as_str()));
                    value.map_or(Told::Absent, Told::Value)
                }
                Signable::Form(form) => {
                    let named = |(given, _): &&(String, String)| given.eq_ignore_ascii_case(name);
                    match form.fields.iter().find(named) {
                        Some((_, value)) => Told::Value(value),
                        None if form.starts_with.iter().any(|pair| named(&pair)) => Told::Open,
                        None => Told::Absent,
                    }
                }
            },
        }
    }

    /// `versionId`: what the request names, or that it depends on the URL.
    pub(super) fn version(self) -> Told<'a> {
        match (self, self.request()) {
            // The bearer's body names them.
            _ if self.operation() == Operation::DeleteObjects => Told::Open,
            (Self::Group { .. }, _) => Told::AskUrl,
            (_, Some(request)) => request.parameter("versionId").map_or(Told::Absent, Told::Value),
            (_, None) => Told::Absent,
        }
    }
}

/// What a request says of one of its headers or parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told<'a> {
    Value(&'a str),
    Absent,
    /// The user of a form chooses it.
    Open,
    AskUrl,
}

/// The keys that a request can touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys<'a> {
    /// It acts on the bucket.
    None,
    One(&'a str),
    /// A form leaves the rest open.
    StartingWith(&'a str),
    /// The bearer's body lists them.
    InBody,
    AskUrl,
}

impl Keys<'_> {
    /// Whether they begin so; what acts on the bucket has no key that could.
    pub(super) fn begin_with(self, prefix: &str) -> Truth {
        match self {
            _ if prefix.is_empty() => Truth::YES,
            Keys::None => Truth::No,
            Keys::One(key) => Truth::of(key.starts_with(prefix)),
            Keys::StartingWith(start) if start.starts_with(prefix) => Truth::YES,
            Keys::StartingWith(start) if !prefix.starts_with(start) => Truth::No,
            Keys::StartingWith(_) | Keys::InBody => Truth::maybe(Condition::KeyIsChosen, Grade::Documented),
            Keys::AskUrl => Truth::AskUrl,
        }
    }

    /// Whether it is that key.
    pub(super) fn are(self, key: &str) -> Truth {
        match self {
            Keys::None => Truth::No,
            Keys::One(own) => Truth::of(own == key),
            Keys::StartingWith(start) if !key.starts_with(start) => Truth::No,
            Keys::StartingWith(_) | Keys::InBody => Truth::maybe(Condition::KeyIsChosen, Grade::Documented),
            Keys::AskUrl => Truth::AskUrl,
        }
    }
}

/// Whether a request to `own` reaches the bucket or access point that is meant; empty: any.
pub(super) fn reaches(meant: &str, own: &str) -> Truth {
    if meant.is_empty() || meant == own {
        return Truth::YES;
    }
    match (Name::of(meant), Name::of(own)) {
        // What is said of an access point alone concerns no request that goes to its bucket directly.
        (Name::Point(_) | Name::Alias(_), Name::Bucket) | (Name::Bucket, Name::Bucket) => Truth::No,
        (Name::Bucket, Name::Point(_) | Name::Alias(_)) => {
            Truth::maybe(Condition::AccessPointOfBucket, Grade::Inferred)
        }
        (Name::Point(_), Name::Point(_)) | (Name::Alias(_), Name::Alias(_)) => Truth::No,
        (Name::Point(point), Name::Alias(alias)) | (Name::Alias(alias), Name::Point(point)) => {
            let fits = alias.strip_prefix(point).is_some_and(|rest| rest.starts_with('-'));
            if fits { Truth::maybe(Condition::AliasOfAccessPoint, Grade::Inferred) } else { Truth::No }
        }
    }
}

/// Whether an access point that is made again is reached by the URLs of the one before: the host of an ARN is made of its name,
/// an alias is made up anew.
pub(super) fn keeps_its_host(access_point: &str) -> bool {
    matches!(Name::of(access_point), Name::Point(name) if !name.ends_with(".mrap"))
}

/// Whether it is an alias that S3 made up for an access point.
pub fn is_alias(bucket: &str) -> bool {
    matches!(Name::of(bucket), Name::Alias(_))
}

enum Name<'a> {
    Bucket,
    /// By the name in its ARN.
    Point(&'a str),
    Alias(&'a str),
}

impl<'a> Name<'a> {
    fn of(text: &'a str) -> Self {
        if text.starts_with("arn:") {
            Self::Point(text.rsplit(['/', ':']).next().unwrap_or_default())
        } else if text.ends_with("-s3alias") {
            Self::Alias(text)
        } else {
            Self::Bucket
        }
    }
}

fn of_form(form: &Form) -> Keys<'_> {
    match &form.target {
        Target::StartsWith(prefix) => Keys::StartingWith(prefix.as_str()),
        Target::Key(key) => match key.as_str().split_once("${filename}") {
            Some((start, _)) => Keys::StartingWith(start),
            None => Keys::One(key.as_str()),
        },
    }
}
