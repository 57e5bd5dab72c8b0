//! Everything that could end a URL, from what can be undone and reaches least to what cannot and reaches far.

use std::time::Duration;

use serde_json::{Value, json};

use super::Step;
use super::cli::Command;
use super::policies::{Home, Inline, inline};
use crate::impact::actions::main_action;
use crate::impact::event::{Object, Policy, Principal, Statement, What};
use crate::impact::place::Keys;
use crate::impact::principal::{Arn, Nature, nature};
use crate::impact::{Lineage, Subject};
use crate::issued::IssuedUrl;
use crate::s3::Bucket;
use crate::session::{CredentialKind, Facts};
use crate::signer::endpoint::partition_of;
use crate::time::Timestamp;

/// An event to propose; the rules decide whether it is of use.
pub(super) struct Way {
    pub what: What,
    pub steps: Vec<Step>,
}

/// In the order of preference.
pub(super) fn of(url: &IssuedUrl, by: Lineage<'_>, now: Timestamp) -> Vec<Way> {
    let target = Target::of(url, by);
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

struct Target<'a> {
    url: &'a IssuedUrl,
    by: Lineage<'a>,
    facts: &'a Facts,
    partition: &'a str,
    home: Option<Home<'a>>,
    /// The user to whom the session belongs, or the role.
    owner: Option<Arn<'a>>,
}

impl<'a> Target<'a> {
    fn of(url: &'a IssuedUrl, by: Lineage<'a>) -> Self {
        let facts = &by.session.facts;
        let arn = match nature(facts) {
            Nature::Federated => by.parent.map_or("", |parent| &parent.facts.principal_arn),
            Nature::RootKey | Nature::RootToken => "",
            Nature::UserKey | Nature::UserToken | Nature::Role | Nature::Unknown => &facts.principal_arn,
        };
        let named = facts.partition.as_str();
        let partition = if named.is_empty() { partition_of(&url.region) } else { named };
        let owner = Arn::parse(arn).filter(|arn| arn.resource.starts_with("user/") || nature(facts) == Nature::Role);
        Self { url, by, facts, partition, home: Home::of(url.what.bucket()), owner }
    }

    fn bucket(&self) -> &'a str {
        self.url.what.bucket().as_str()
    }

    fn keys(&self) -> Keys<'a> {
        Subject::Url(self.url).keys()
    }

    fn upload_ended(&self) -> Option<Way> {
        let request = Subject::Url(self.url).request()?;
        let (bucket, key, upload_id) = (self.bucket(), request.key()?.as_str(), request.parameter("uploadId")?);
        let options = vec![("bucket", bucket), ("key", key), ("upload-id", upload_id)];
        let abort = Command { words: "s3api abort-multipart-upload", options, region: Some(&self.url.region) };
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
        let statement = Statement { key_prefix: key.to_owned(), ..self.in_bucket(&[action]) };
        Some(self.bucket_policy(home, statement, None, &json))
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
        Some(self.bucket_policy(home, statement, None, &json))
    }

    fn denied_userid(&self) -> Option<Way> {
        let (home, userid) = (self.home.as_ref()?, self.userid()?);
        let json = json!({ "Sid": "PresigndDenyUserId", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": self.all_of(home), "Condition": { "StringEquals": { "aws:userid": userid } } });
        let statement = Statement { userid, ..self.in_bucket(&["s3:*"]) };
        Some(self.bucket_policy(home, statement, None, &json))
    }

    /// In the role's own policies: wherever the bucket is.
    fn denied_userid_everywhere(&self) -> Option<Way> {
        let (role, userid) = (self.role()?, self.userid()?);
        let json = json!({ "Sid": "PresigndDenyUserId", "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": { "StringEquals": { "aws:userid": userid } } });
        let statement = Statement { userid, ..self.of_owner(Policy::Identity) };
        let steps = vec![inline(Inline::Role(role), "PresigndDenySession", &json)];
        Some(Way { what: denied(statement, None, None), steps })
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
        let steps = vec![Command { words: "s3api delete-object", options, region }.step(title)];
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
        Some(self.bucket_policy(home, self.in_bucket(&["s3:*"]), Some(age), &json))
    }

    /// AWS's own remedy, with a T that surely lies after the issue of this session and spares all later ones.
    fn sessions_revoked(&self) -> Option<Way> {
        let owner = self.owner?;
        let issued_before = self.facts.issued.not_after + Duration::from_secs(1);
        let json = json!({ "Effect": "Deny", "Action": ["*"], "Resource": ["*"],
            "Condition": { "DateLessThan": { "aws:TokenIssueTime": issued_before.to_string() } } });
        let (of, title) = self.inline_of(owner)?;
        let mut step = inline(of, "AWSRevokeOlderSessions", &json);
        step.title = format!("{title} A policy of that name is replaced: its date must not be later than this one.");
        let what = What::SessionsRevoked { principal: self.principal(owner), issued_before };
        Some(Way { what, steps: vec![step] })
    }

    fn key_deactivated(&self) -> Option<Way> {
        let title = "Make the access key inactive. Its sessions, if it minted any, live on.";
        let access_key_id = self.facts.access_key_id.clone();
        let steps = self.key_steps("iam update-access-key", Some(("status", "Inactive")), title)?;
        Some(Way { what: What::KeyDeactivated { access_key_id }, steps })
    }

    fn key_deleted(&self) -> Option<Way> {
        let title = "Delete the access key. This cannot be undone; its sessions, if it minted any, live on.";
        let access_key_id = self.facts.access_key_id.clone();
        let steps = self.key_steps("iam delete-access-key", None, title)?;
        Some(Way { what: What::KeyDeleted { access_key_id }, steps })
    }

    fn key_steps(
        &self,
        words: &'static str,
        more: Option<(&'static str, &'static str)>,
        title: &str,
    ) -> Option<Vec<Step>> {
        let id = self.facts.access_key_id.as_str();
        let mut options = vec![("access-key-id", id)];
        match (nature(self.facts), self.owner) {
            (Nature::UserKey, Some(owner)) => options.push(("user-name", owner.name())),
            (Nature::UserKey, None) => options.push(("user-name", "USER")),
            (Nature::RootKey, _) => {}
            _ => return None,
        }
        options.extend(more);
        let command = Command { words, options, region: None };
        let as_root = nature(self.facts) == Nature::RootKey;
        let mut steps = Vec::new();
        if nature(self.facts) == Nature::UserKey && self.owner.is_none() {
            let options = vec![("access-key-id", id)];
            let find = Command { words: "iam get-access-key-last-used", options, region: None };
            steps.push(find.step("Find the user to whom the key belongs; put its name for USER below."));
        }
        steps.push(command.step(if as_root { format!("As the root user: {title}") } else { title.to_owned() }));
        Some(steps)
    }

    fn principal_denied(&self) -> Option<Way> {
        let owner = self.owner?;
        let (of, title) = self.inline_of(owner)?;
        let json = json!({ "Sid": "PresigndDenyAll", "Effect": "Deny", "Action": "*", "Resource": "*" });
        let mut step = inline(of, "PresigndDenyAll", &json);
        step.title = title.to_owned();
        Some(Way { what: denied(self.of_owner(Policy::Identity), None, None), steps: vec![step] })
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
        Some(self.bucket_policy(home, self.in_bucket(&[action]), None, &json))
    }

    fn access_point_deleted(&self) -> Option<Way> {
        let Bucket::AccessPoint(point) = self.url.what.bucket() else { return None };
        let options = vec![("account-id", point.account.as_str()), ("name", point.name.as_str())];
        let delete = Command { words: "s3control delete-access-point", options, region: Some(&point.region) };
        let title = "Delete the access point. This cannot be undone.";
        Some(Way {
            what: What::AccessPointDeleted { access_point: point.arn.clone() },
            steps: vec![delete.step(title)],
        })
    }

    fn principal_deleted(&self) -> Option<Way> {
        let owner = self.owner?;
        let (of, _) = self.inline_of(owner)?;
        let command = |words: &'static str, option: &'static str, name: &str, title: &str| {
            Command { words, options: vec![(option, name)], region: None }.step(title)
        };
        let meant = self.principal(owner);
        let (what, steps) = match of {
            Inline::Role(name) => {
                let of_role = |words, title| command(words, "role-name", name, title);
                let steps = vec![
                    of_role("iam list-role-policies", "Inline policies: delete each with iam delete-role-policy."),
                    of_role("iam list-attached-role-policies", "Managed policies: iam detach-role-policy for each."),
                    of_role(
                        "iam list-instance-profiles-for-role",
                        "Instance profiles: iam remove-role-from-instance-profile for each.",
                    ),
                    of_role("iam delete-role", "Delete the role. Made again under its name it is another role."),
                ];
                (What::RoleDeleted(meant), steps)
            }
            Inline::User(name) => {
                let of_user = |words, title| command(words, "user-name", name, title);
                let steps = vec![
                    of_user("iam list-access-keys", "Access keys: delete each with iam delete-access-key."),
                    of_user("iam list-user-policies", "Inline policies: delete each with iam delete-user-policy."),
                    of_user("iam list-attached-user-policies", "Managed policies: iam detach-user-policy for each."),
                    of_user("iam list-groups-for-user", "Groups: iam remove-user-from-group for each."),
                    of_user("iam delete-user", "Delete the user. This cannot be undone."),
                ];
                (What::UserDeleted(meant), steps)
            }
        };
        Some(Way { what, steps })
    }

    fn bucket_policy(&self, home: &Home<'_>, statement: Statement, age: Option<Duration>, json: &Value) -> Way {
        Way { what: denied(statement, None, age), steps: home.steps(&self.url.region, json) }
    }

    /// A statement in the policy of the bucket, or of the access point through which the URL goes.
    fn in_bucket(&self, actions: &[&str]) -> Statement {
        Statement {
            policy: Policy::Bucket,
            principal_arn: String::new(),
            userid: String::new(),
            bucket: self.bucket().to_owned(),
            key_prefix: String::new(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        }
    }

    fn of_owner(&self, policy: Policy) -> Statement {
        let principal_arn = self.owner.map(|owner| self.principal(owner).arn).unwrap_or_default();
        Statement { policy, principal_arn, bucket: String::new(), actions: Vec::new(), ..self.in_bucket(&[]) }
    }

    fn all_of(&self, home: &Home<'_>) -> [String; 2] {
        [home.itself(self.partition), home.objects(self.partition, "", true)]
    }

    /// The role, where IAM lets anybody edit it.
    fn role(&self) -> Option<&'a str> {
        let editable = nature(self.facts) == Nature::Role && self.facts.kind != CredentialKind::Sso;
        self.owner.filter(|_| editable).map(|owner| owner.name())
    }

    fn inline_of(&self, owner: Arn<'a>) -> Option<(Inline<'a>, &'static str)> {
        if nature(self.facts) == Nature::Role {
            let title = "Attach this inline policy to the role; it concerns every session of the role.";
            return self.role().map(|role| (Inline::Role(role), title));
        }
        let title = "Attach this inline policy to the user; roles that the user assumed are not concerned.";
        Some((Inline::User(owner.name()), title))
    }

    fn principal(&self, owner: Arn<'_>) -> Principal {
        if nature(self.facts) == Nature::Role {
            let arn = format!("arn:{}:iam::{}:role/{}", self.partition, owner.account, owner.name());
            return Principal { arn, unique_id: self.facts.principal_unique_id.clone() };
        }
        let user = if nature(self.facts) == Nature::Federated { self.by.parent } else { Some(self.by.session) };
        let arn = format!("arn:{}:iam::{}:{}", self.partition, owner.account, owner.resource);
        Principal { arn, unique_id: user.map(|user| user.facts.principal_unique_id.clone()).unwrap_or_default() }
    }

    fn userid(&self) -> Option<String> {
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

fn denied(statement: Statement, issued_before: Option<Timestamp>, signature_age: Option<Duration>) -> What {
    What::Denied { statement, issued_before, signature_age }
}
