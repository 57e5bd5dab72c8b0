//! Everything that could end a URL, from what can be undone and reaches least to what cannot and reaches far; of it, what
//! happens to the bucket and the object.

use std::time::Duration;

use serde_json::{Value, json};

use super::cli::Command;
use super::policies::Home;
use super::{Step, Store};
use crate::impact::actions::main_action;
use crate::impact::event::{Object, Policy, Statement, What};
use crate::impact::place::Keys;
use crate::impact::principal::{Arn, Nature, nature};
use crate::impact::{Lineage, Subject};
use crate::issued::IssuedUrl;
use crate::s3::Bucket;
use crate::session::Facts;
use crate::signer::endpoint::partition_of;
use crate::time::Timestamp;

/// An event to propose; the rules decide whether it is of use.
pub(super) struct Way {
    pub what: What,
    pub steps: Vec<Step>,
}

/// In the order of preference.
pub(super) fn of(
    url: &IssuedUrl,
    by: Lineage<'_>,
    store: Option<&Store>,
    role_arn: Option<&str>,
    now: Timestamp,
) -> Vec<Way> {
    let target = Target::of(url, by, store, role_arn);
    let mut ways = Vec::new();
    ways.extend(target.upload_ended());
    ways.extend(target.denied_on_object());
    ways.extend(target.denied_session());
    ways.extend(target.denied_userid());
    ways.extend(target.denied_userid_everywhere());
    ways.extend(target.object_deleted());
    ways.extend(target.signature_age(now));
    ways.extend(target.sessions_revoked());
    ways.extend(target.key_deactivated());
    ways.extend(target.principal_denied());
    ways.extend(target.denied_on_bucket());
    ways.extend(target.key_deleted());
    ways.extend(target.access_point_deleted());
    ways.extend(target.principal_deleted());
    ways
}

pub(super) struct Target<'a> {
    pub url: &'a IssuedUrl,
    pub by: Lineage<'a>,
    pub facts: &'a Facts,
    pub partition: &'a str,
    home: Option<Home<'a>>,
    /// Unless AWS answers.
    pub store: Option<&'a Store>,
    /// The user to whom the session belongs, or the role. `None` for a store, whose users IAM does not know.
    pub owner: Option<Arn<'a>>,
    /// The role by its whole ARN, where the configuration has it: that of a session omits the path.
    pub role_arn: Option<&'a str>,
}

impl<'a> Target<'a> {
    fn of(url: &'a IssuedUrl, by: Lineage<'a>, store: Option<&'a Store>, role_arn: Option<&'a str>) -> Self {
        let facts = &by.session.facts;
        let arn = match nature(facts) {
            Nature::Federated => by.parent.map_or("", |parent| &parent.facts.principal_arn),
            Nature::RootKey | Nature::RootToken => "",
            Nature::UserKey | Nature::UserToken | Nature::Role | Nature::Unknown => &facts.principal_arn,
        };
        let named = facts.partition.as_str();
        let partition = if named.is_empty() { partition_of(&url.region) } else { named };
        let owner = Arn::parse(arn).filter(|arn| arn.resource.starts_with("user/") || nature(facts) == Nature::Role);
        let owner = owner.filter(|_| store.is_none());
        let is_own = |arn: &Arn<'_>, own: Arn<'_>| (arn.account, arn.name()) == (own.account, own.name());
        let role_arn = role_arn.filter(|role| Arn::parse(role).zip(owner).is_some_and(|(arn, own)| is_own(&arn, own)));
        Self { url, by, facts, partition, home: Home::of(url.what.bucket()), store, owner, role_arn }
    }

    fn bucket(&self) -> &'a str {
        self.url.what.bucket().as_str()
    }

    fn endpoint(&self) -> Option<&'a str> {
        self.store.map(|store| store.endpoint_url.as_str())
    }

    fn keys(&self) -> Keys<'a> {
        Subject::Url(self.url).keys()
    }

    fn upload_ended(&self) -> Option<Way> {
        let request = Subject::Url(self.url).request()?;
        let (bucket, key, upload_id) = (self.bucket(), request.key()?.as_str(), request.parameter("uploadId")?);
        let options = vec![("bucket", bucket), ("key", key), ("upload-id", upload_id)];
        let abort = Command {
            words: "s3api abort-multipart-upload",
            options,
            region: Some(&self.url.region),
            endpoint: self.endpoint(),
        };
        let title = "Abort the upload. Its parts are lost; a part that is under way may have to be aborted again.";
        let (bucket, key, upload_id) = (bucket.to_owned(), key.to_owned(), upload_id.to_owned());
        Some(Way { what: What::UploadEnded { bucket, key, upload_id }, steps: vec![abort.step(title)] })
    }

    fn denied_on_object(&self) -> Option<Way> {
        let (key, begins) = match self.keys() {
            Keys::One(key) => (key, false),
            Keys::StartingWith(start) => (start, true),
            Keys::None | Keys::InBody | Keys::AskUrl => return None,
        };
        let home = self.home.as_ref()?;
        let action = main_action(Subject::Url(self.url))?;
        let json = json!({ "Sid": "PresigndDenyObject", "Effect": "Deny", "Principal": "*", "Action": action,
            "Resource": home.objects(self.partition, key, begins) });
        let all = self.in_bucket(&[action]);
        let statement = if begins {
            Statement { key_prefix: key.to_owned(), ..all }
        } else {
            Statement { key: key.to_owned(), ..all }
        };
        let note = "This denies it to everybody, with a presigned URL or without.";
        Some(noted(note, self.bucket_policy(home, statement, None, json)))
    }

    fn denied_session(&self) -> Option<Way> {
        let session = matches!(nature(self.facts), Nature::Role | Nature::Federated);
        if !session || self.facts.principal_arn.is_empty() {
            return None;
        }
        let home = self.home.as_ref()?;
        let json = json!({ "Sid": "PresigndDenySession", "Effect": "Deny",
            "Principal": { "AWS": self.facts.principal_arn }, "Action": "s3:*", "Resource": self.all_of(home) });
        let statement = Statement { principal_arn: self.facts.principal_arn.clone(), ..self.in_bucket(&["s3:*"]) };
        Some(self.bucket_policy(home, statement, None, json))
    }

    fn denied_userid(&self) -> Option<Way> {
        let (home, userid) = (self.home.as_ref()?, self.userid()?);
        let json = json!({ "Sid": "PresigndDenyUserId", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": self.all_of(home), "Condition": { "StringEquals": { "aws:userid": userid } } });
        let statement = Statement { userid, ..self.in_bucket(&["s3:*"]) };
        Some(self.bucket_policy(home, statement, None, json))
    }

    fn object_deleted(&self) -> Option<Way> {
        let request = Subject::Url(self.url).request()?;
        let (bucket, key, version) = match (request.copy_source(), request.operation()) {
            (Some((bucket, key)), _) => (bucket, key, None),
            (None, _) => (self.bucket().to_owned(), request.key()?.as_str().to_owned(), request.parameter("versionId")),
        };
        let version_id = version.unwrap_or_default().to_owned();
        let mut options = vec![("bucket", bucket.as_str()), ("key", key.as_str())];
        let title = if version.is_some() {
            options.push(("version-id", &version_id));
            "Delete the version that the URL names. This cannot be undone."
        } else {
            "Delete the object. In a bucket that keeps versions this can be undone; in any other it cannot."
        };
        let copied = request.copy_source().is_some();
        let region = Some(&self.url.region).filter(|_| !copied);
        let steps =
            vec![Command { words: "s3api delete-object", options, region, endpoint: self.endpoint() }.step(title)];
        let object = Object { bucket, key, is_versioned: version.map(|_| true), version_id };
        Some(Way { what: What::ObjectDeleted(object), steps })
    }

    /// Every presigned URL of the bucket that is as old as this one.
    fn signature_age(&self, now: Timestamp) -> Option<Way> {
        let home = self.home.as_ref()?;
        let age = self.url.signed_at.until(now).unwrap_or(Duration::from_secs(1));
        let json = json!({ "Sid": "PresigndDenyOldSignatures", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": self.all_of(home),
            "Condition": { "NumericGreaterThan": { "s3:signatureAge": (age.as_millis()).to_string() } } });
        let note = "While this stands, every presigned URL of the bucket dies at that age, and new ones too: those who still need \
                    one must ask again and use it at once.";
        Some(noted(note, self.bucket_policy(home, self.in_bucket(&["s3:*"]), Some(age), json)))
    }

    fn denied_on_bucket(&self) -> Option<Way> {
        let home = self.home.as_ref()?;
        let action = main_action(Subject::Url(self.url))?;
        let resource = match self.keys() {
            Keys::None => home.itself(self.partition),
            Keys::One(_) | Keys::StartingWith(_) | Keys::InBody | Keys::AskUrl => {
                home.objects(self.partition, "", true)
            }
        };
        let json = json!({ "Sid": "PresigndDenyBucket", "Effect": "Deny", "Principal": "*", "Action": action,
            "Resource": resource });
        let note = "This closes the bucket to everybody for that action, with a presigned URL or without, and new URLs are dead \
                    on arrival.";
        Some(noted(note, self.bucket_policy(home, self.in_bucket(&[action]), None, json)))
    }

    fn access_point_deleted(&self) -> Option<Way> {
        let Bucket::AccessPoint(point) = self.url.what.bucket() else { return None };
        let options = vec![("account-id", point.account.as_str()), ("name", point.name.as_str())];
        let delete =
            Command { words: "s3control delete-access-point", options, region: Some(&point.region), endpoint: None };
        let title = "Delete the access point. This cannot be undone.";
        Some(Way {
            what: What::AccessPointDeleted { access_point: point.arn.clone() },
            steps: vec![delete.step(title)],
        })
    }

    fn bucket_policy(&self, home: &Home<'_>, statement: Statement, age: Option<Duration>, json: Value) -> Way {
        Way { what: denied(statement, None, age), steps: home.steps(&self.url.region, self.endpoint(), json) }
    }

    /// A statement in the policy of the bucket, or of the access point through which the URL goes.
    pub(super) fn in_bucket(&self, actions: &[&str]) -> Statement {
        Statement {
            policy: Policy::Bucket,
            principal_arn: String::new(),
            userid: String::new(),
            bucket: self.bucket().to_owned(),
            key_prefix: String::new(),
            key: String::new(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        }
    }

    fn all_of(&self, home: &Home<'_>) -> [String; 2] {
        [home.itself(self.partition), home.objects(self.partition, "", true)]
    }

    pub(super) fn userid(&self) -> Option<String> {
        let (id, name) = (&self.facts.principal_unique_id, &self.facts.session_name);
        match nature(self.facts) {
            _ if id.is_empty() => None,
            Nature::Role if name.is_empty() => None,
            Nature::Role => Some(format!("{id}:{name}")),
            Nature::UserKey | Nature::UserToken | Nature::Federated => Some(id.clone()),
            Nature::RootKey | Nature::RootToken | Nature::Unknown => None,
        }
    }
}

/// With what the count of URLs does not say, before the first step.
fn noted(note: &str, mut way: Way) -> Way {
    if let Some(first) = way.steps.first_mut() {
        first.title = format!("{note} {}", first.title);
    }
    way
}

pub(super) fn denied(statement: Statement, issued_before: Option<Timestamp>, signature_age: Option<Duration>) -> What {
    What::Denied { statement, issued_before, signature_age }
}
