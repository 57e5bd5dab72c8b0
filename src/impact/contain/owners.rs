//! Ways to end a URL by what happens to its key, its user or its role.

use std::time::Duration;

use serde_json::json;

use super::candidates::{Target, Way, denied};
use super::cli::Command;
use super::policies::{Inline, inline};
use crate::impact::contain::Step;
use crate::impact::event::{Policy, Principal, Statement, What};
use crate::impact::principal::{Arn, Nature, nature};
use crate::session::CredentialKind;

impl<'a> Target<'a> {
    /// In the role's own policies: wherever the bucket is.
    pub(super) fn denied_userid_everywhere(&self) -> Option<Way> {
        let (role, userid) = (self.role()?, self.userid()?);
        let json = json!({ "Sid": "PresigndDenyUserId", "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": { "StringEquals": { "aws:userid": userid } } });
        let statement = Statement { userid, ..self.of_owner(Policy::Identity) };
        let steps = vec![inline(Inline::Role(role), json)];
        Some(Way { what: denied(statement, None, None), steps })
    }

    /// AWS's own remedy, with a T that surely lies after the issue of this session and spares all later ones. Not under
    /// AWS's name for it: there an earlier T would replace a later one, and let sessions live again.
    pub(super) fn sessions_revoked(&self) -> Option<Way> {
        let owner = self.owner?;
        let issued_before = self.facts.issued.not_after + Duration::from_secs(1);
        let json = json!({ "Sid": "PresigndRevokeOlderSessions", "Effect": "Deny", "Action": ["*"], "Resource": ["*"],
            "Condition": { "DateLessThan": { "aws:TokenIssueTime": issued_before.to_string() } } });
        let (of, title) = self.inline_of(owner)?;
        let mut step = inline(of, json);
        step.title = title.to_owned();
        let what = What::SessionsRevoked { principal: self.principal(owner), issued_before };
        Some(Way { what, steps: vec![step] })
    }

    pub(super) fn key_deactivated(&self) -> Option<Way> {
        let title = "Make the access key inactive. Its sessions, if it minted any, live on.";
        let access_key_id = self.facts.access_key_id.clone();
        let steps = self.key_steps("iam update-access-key", Some(("status", "Inactive")), title)?;
        Some(Way { what: What::KeyDeactivated { access_key_id }, steps })
    }

    pub(super) fn key_deleted(&self) -> Option<Way> {
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
        if let Some(store) = self.store {
            let known = matches!(nature(self.facts), Nature::UserKey | Nature::RootKey);
            let title = format!(
                "{} is not AWS: no command of IAM reaches its keys. Do this to {id} with the store's own tools. {title}",
                store.host
            );
            return known.then(|| vec![Step { title, text: String::new() }]);
        }
        let mut options = vec![("access-key-id", id)];
        match (nature(self.facts), self.owner) {
            (Nature::UserKey, Some(owner)) => options.push(("user-name", owner.name())),
            (Nature::UserKey, None) => options.push(("user-name", "USER")),
            (Nature::RootKey, _) => {}
            _ => return None,
        }
        options.extend(more);
        let command = Command { words, options, region: None, endpoint: None };
        let as_root = nature(self.facts) == Nature::RootKey;
        let mut steps = Vec::new();
        if nature(self.facts) == Nature::UserKey && self.owner.is_none() {
            let options = vec![("access-key-id", id)];
            let find = Command { words: "iam get-access-key-last-used", options, region: None, endpoint: None };
            steps.push(find.step("Find the user to whom the key belongs; put its name for USER below."));
        }
        steps.push(command.step(if as_root { format!("As the root user: {title}") } else { title.to_owned() }));
        Some(steps)
    }

    pub(super) fn principal_denied(&self) -> Option<Way> {
        let owner = self.owner?;
        let (of, title) = self.inline_of(owner)?;
        let json = json!({ "Sid": "PresigndDenyAll", "Effect": "Deny", "Action": "*", "Resource": "*" });
        let mut step = inline(of, json);
        step.title = title.to_owned();
        Some(Way { what: denied(self.of_owner(Policy::Identity), None, None), steps: vec![step] })
    }

    pub(super) fn principal_deleted(&self) -> Option<Way> {
        let owner = self.owner?;
        let (of, _) = self.inline_of(owner)?;
        let command = |words: &'static str, option: &'static str, name: &str, title: &str| {
            Command { words, options: vec![(option, name)], region: None, endpoint: None }.step(title)
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

    fn of_owner(&self, policy: Policy) -> Statement {
        let principal_arn = self.owner.map(|owner| self.principal(owner).arn).unwrap_or_default();
        Statement { policy, principal_arn, bucket: String::new(), actions: Vec::new(), ..self.in_bucket(&[]) }
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
            let pathless = || format!("arn:{}:iam::{}:role/{}", self.partition, owner.account, owner.name());
            let arn = self.role_arn.map_or_else(pathless, str::to_owned);
            return Principal { arn, unique_id: self.facts.principal_unique_id.clone() };
        }
        let user = if nature(self.facts) == Nature::Federated { self.by.parent } else { Some(self.by.session) };
        let arn = format!("arn:{}:iam::{}:{}", self.partition, owner.account, owner.resource);
        Principal { arn, unique_id: user.map(|user| user.facts.principal_unique_id.clone()).unwrap_or_default() }
    }
}
