//! Policy statements in JSON, and the steps that put them where they belong.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Step;
use super::cli::{Command, quoted};
use crate::impact::place::is_alias;
use crate::s3::{AccessPoint, Bucket, Region};

/// Where a bucket's statements stand.
pub(super) enum Home<'a> {
    Bucket(&'a str),
    AccessPoint(&'a AccessPoint),
}

impl<'a> Home<'a> {
    /// `None` for an alias: its access point or bucket would have to be looked up.
    pub(super) fn of(bucket: &'a Bucket) -> Option<Self> {
        match bucket {
            Bucket::AccessPoint(point) => Some(Self::AccessPoint(point)),
            Bucket::Name(name) if is_alias(name.as_str()) => None,
            Bucket::Name(name) => Some(Self::Bucket(name.as_str())),
        }
    }

    /// The resource of objects whose key begins so, or is so.
    pub(super) fn objects(&self, partition: &str, key: &str, begins: bool) -> String {
        let key = format!("{}{}", literal(key), if begins { "*" } else { "" });
        match self {
            Self::Bucket(bucket) => format!("arn:{partition}:s3:::{bucket}/{key}"),
            Self::AccessPoint(point) => format!("{}/object/{key}", point.arn),
        }
    }

    /// The resource of the bucket itself.
    pub(super) fn itself(&self, partition: &str) -> String {
        match self {
            Self::Bucket(bucket) => format!("arn:{partition}:s3:::{bucket}"),
            Self::AccessPoint(point) => point.arn.clone(),
        }
    }

    /// Get, merge, put: a put replaces the whole policy.
    pub(super) fn steps(&self, region: &Region, endpoint: Option<&str>, statement: Value) -> Vec<Step> {
        let (get, put, options) = match self {
            Self::Bucket(bucket) => ("get-bucket-policy", "put-bucket-policy", format!("--bucket {}", quoted(bucket))),
            Self::AccessPoint(point) => (
                "get-access-point-policy",
                "put-access-point-policy",
                format!("--account-id {} --name {}", point.account, quoted(&point.name)),
            ),
        };
        let service = if matches!(self, Self::Bucket(_)) { "s3api" } else { "s3control" };
        let endpoint = endpoint.map(|url| format!("--endpoint-url {} ", quoted(url))).unwrap_or_default();
        let at = format!("{endpoint}--region {}", quoted(region.as_str()));
        vec![
            Step {
                title:
                    "Save the present policy. An error NoSuchBucketPolicy or NoSuchAccessPointPolicy means that there \
                        is none: begin with {\"Version\":\"2012-10-17\",\"Statement\":[]}."
                        .to_owned(),
                text: format!("aws {service} {get} {at} {options} --query Policy --output text > policy.json"),
            },
            Step {
                title:
                    "Merge this into what is there: add it to the list Statement in policy.json, and leave all that \
                        stands in it. If a statement of the same Sid is there, this is done already."
                        .to_owned(),
                text: pretty(&named(statement)),
            },
            Step {
                title: "Put the merged policy back, never that statement alone: this replaces the whole policy."
                    .to_owned(),
                text: format!("aws {service} {put} {at} {options} --policy file://policy.json"),
            },
        ]
    }
}

/// An inline policy of a role or a user, called as its only statement is. It replaces none but one that says the same.
pub(super) fn inline(of: Inline<'_>, statement: Value) -> Step {
    let statement = named(statement);
    let policy_name = statement["Sid"].as_str().expect("a statement has its Sid").to_owned();
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let (words, option, name, title) = match of {
        Inline::Role(name) => ("iam put-role-policy", "role-name", name, "Attach this inline policy to the role."),
        Inline::User(name) => ("iam put-user-policy", "user-name", name, "Attach this inline policy to the user."),
    };
    let options = vec![(option, name), ("policy-name", &policy_name), ("policy-document", &document)];
    Command { words, options, region: None, endpoint: None }.step(title)
}

/// With a Sid that tells what else the statement says: of two that differ neither replaces the other, nor do both claim
/// one Sid in a policy. Letters and digits are all that a Sid may have.
fn named(mut statement: Value) -> Value {
    let digest = Sha256::digest(statement.to_string());
    let sid = format!("{}{}", statement["Sid"].as_str().expect("a statement has its Sid"), hex::encode(&digest[..5]));
    statement["Sid"] = sid.into();
    statement
}

/// Whose inline policy.
#[derive(Clone, Copy)]
pub(super) enum Inline<'a> {
    Role(&'a str),
    User(&'a str),
}

fn pretty(statement: &Value) -> String {
    serde_json::to_string_pretty(statement).expect("a statement is plain JSON")
}

/// `*`, `?` and `$` mean themselves only so.
fn literal(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for sign in key.chars() {
        match sign {
            '*' | '?' | '$' => text.extend(["${", sign.encode_utf8(&mut [0; 4]), "}"]),
            sign => text.push(sign),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_wildcards_names_itself_alone() {
        let home = Home::Bucket("photos");
        assert_eq!(home.objects("aws", "a*?$b", false), "arn:aws:s3:::photos/a${*}${?}${$}b");
        assert_eq!(home.objects("aws-cn", "up/", true), "arn:aws-cn:s3:::photos/up/*");
    }

    #[test]
    fn an_access_point_has_a_policy_of_its_own() {
        let bucket = Bucket::parse("arn:aws:s3:eu-central-1:111122223333:accesspoint/reports").unwrap();
        let home = Home::of(&bucket).unwrap();
        assert_eq!(
            home.objects("aws", "a", false),
            "arn:aws:s3:eu-central-1:111122223333:accesspoint/reports/object/a"
        );
        let steps = home.steps(&Region::parse("eu-central-1").unwrap(), None, json!({ "Sid": "X" }));
        assert!(steps[2].text.starts_with("aws s3control put-access-point-policy --region eu-central-1 --account-id"));
        assert!(Home::of(&Bucket::parse("reports-abc-s3alias").unwrap()).is_none());
    }
}
