//! What people and AWS do, and which requests it refuses: the rows of the matrix (1.2) with their notes (1.3).

use super::principal::{Credential, Kind, Whose};
use super::statement::Statement;
use super::used::{Op, Use};
use super::{ACCESS_DENIED, Answer, Aws, Bucket, DENIED, HOME, Hit, LATEST, Millis};

/// Something that was done.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub number: usize,
    pub at: Millis,
    /// The longest that it takes to reach every place (1.6).
    pub settles: Millis,
    pub undone: Option<Millis>,
    pub what: Act,
}

/// What. The letters are the rows.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// c.
    KeyOff(String),
    /// d.
    KeyGone(String),
    /// e.
    KeyMade(String),
    /// f.
    UserGone(usize),
    /// g, g1: "Revoke active sessions", of a role or of a user.
    RoleRevoked {
        role: usize,
        before: i64,
    },
    UserRevoked {
        user: usize,
        before: i64,
    },
    /// h, h′.
    RoleGone(usize),
    RoleRemade {
        role: usize,
    },
    /// i.
    TrustEdited(usize),
    /// q.
    ProviderGone(&'static str),
    /// r, s: of the machine of that number.
    MachineGone(usize),
    ProfileSwapped(usize),
    /// t: of the portal of that number.
    SsoUserOff(usize),
    /// j.
    AllowGone(Statement),
    /// k, o.
    Denied(Statement),
    /// l.
    PublicBlocked {
        bucket: &'static str,
        setting: Block,
    },
    /// m.
    KmsOff {
        key_arn: &'static str,
        bucket: &'static str,
        prefix: &'static str,
        how: Kms,
    },
    /// n.
    ObjectGone {
        bucket: &'static str,
        key: String,
        version: Option<String>,
    },
    ObjectOverwritten {
        bucket: &'static str,
        key: String,
    },
    /// u.
    BucketGone(&'static str),
    /// v.
    PointGone(String),
    /// w.
    Archived {
        bucket: &'static str,
        key: String,
    },
    /// x.
    RequesterPays(&'static str),
    /// y.
    UploadOver {
        bucket: &'static str,
        key: String,
        upload: String,
    },
    /// z.
    AccountShut(&'static str),
}

/// Settings of Block Public Access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    All,
    Acls,
    IgnoreAcls,
    Policy,
    Restrict,
}

/// How a KMS key becomes of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kms {
    Disabled,
    PendingDeletion,
    Forbidden,
}

impl Act {
    /// What it does to the request, while it is in force.
    pub(crate) fn hit(&self, aws: &Aws, used: &Use, by: &Credential) -> Hit {
        match self {
            // Only signatures made with that very key; what was minted from it lives (1.3 c, d, p).
            Self::KeyOff(key) | Self::KeyGone(key) if *key == by.access_key_id => sees("InvalidAccessKeyId", 403),
            Self::KeyOff(_) | Self::KeyGone(_) => Hit::No,
            // His keys, and the sessions that speak for him; not the roles that he assumed (1.3 f). The code is open
            // (8.1).
            Self::UserGone(user) => when(by.user() == Some(*user), unnamed()),
            Self::RoleRevoked { role, before } => {
                // A role of Identity Center cannot be edited (1.3 g2).
                let can = !aws.roles[*role].of_sso;
                when(can && by.role() == Some(*role) && by.issued_at.is_some_and(|at| at < *before), DENIED)
            }
            Self::UserRevoked { user, before } => {
                when(by.user() == Some(*user) && by.issued_at.is_some_and(|at| at < *before), DENIED)
            }
            // By unique id: the role of the same name is another (1.3 h). The code is open (8.1).
            Self::RoleGone(role) | Self::RoleRemade { role } => when(by.role() == Some(*role), unnamed()),
            // A new key ends nothing; minting is not use; compute binds nothing (1.3 e, i, q, r; s, t).
            Self::KeyMade(_)
            | Self::TrustEdited(_)
            | Self::ProviderGone(_)
            | Self::MachineGone(_)
            | Self::ProfileSwapped(_)
            | Self::SsoUserOff(_)
            | Self::ObjectOverwritten { .. } => Hit::No,
            Self::AllowGone(statement) => {
                // Another policy may allow it still (1.3 j): drawn for each signer and bucket.
                let only = aws.draw(77, (&used.bucket, &by.access_key_id)).is_multiple_of(2);
                match statement.matches(aws, used, by) {
                    Some(from) if only && by.kind != Kind::Root => denied_from(from),
                    _ => Hit::No,
                }
            }
            Self::Denied(statement) => statement.matches(aws, used, by).map_or(Hit::No, denied_from),
            Self::PublicBlocked { bucket, setting } => when(used.bucket == **bucket, blocked(aws, used, *setting)),
            Self::KmsOff { bucket, prefix, key_arn, how } => {
                let here = used.bucket == **bucket && used.key.starts_with(prefix);
                let under = aws.buckets[bucket].encrypted == Some(*key_arn);
                when(here && under, kms(used, &aws.buckets[bucket], *how))
            }
            Self::ObjectGone { bucket, key, version } => match &used.source {
                // Of copies it is not said.
                Some((from, source)) if from == bucket && source == key => Hit::Untold,
                _ if used.bucket != **bucket || used.key != *key || !used.reads() => Hit::No,
                _ => gone(aws, used, &aws.buckets[bucket], version.as_deref()),
            },
            Self::BucketGone(bucket) => match (&used.source, &used.point) {
                (Some((source, _)), _) if source == bucket && used.bucket != **bucket => Hit::Untold,
                _ if used.bucket != **bucket => Hit::No,
                (_, Some(_)) => Hit::Untold,
                _ => sees("NoSuchBucket", 404),
            },
            Self::PointGone(arn) => when(used.point.as_deref() == Some(arn), sees("NoSuchAccessPoint", 404)),
            // GET is named, and nothing else (1.2 w). Which version is the current one is open.
            Self::Archived { bucket, key } => match (&used.source, used.op) {
                (Some((from, source)), _) if from == bucket && source == key => Hit::Untold,
                _ if used.bucket != **bucket || used.key != *key => Hit::No,
                (_, Op::Get) if used.version.is_none() => sees("InvalidObjectState", 403),
                (_, Op::Get | Op::Head | Op::Tagging) => Hit::Untold,
                _ => Hit::No,
            },
            // By a non-owner without `x-amz-request-payer`; 403, no code named (1.2 x).
            Self::RequesterPays(bucket) => {
                when(used.bucket == **bucket && aws.buckets[bucket].owner != HOME && !used.pays, unnamed())
            }
            Self::UploadOver { bucket, key, upload } => {
                let this = used.bucket == **bucket && used.key == *key && used.upload.as_deref() == Some(upload);
                when(this && used.op == Op::Part, sees("NoSuchUpload", 404))
            }
            // When it begins is open (1.2 z).
            Self::AccountShut(account) => {
                when(*account == HOME || aws.buckets[used.bucket.as_str()].owner == *account, Hit::Untold)
            }
        }
    }

    /// Whether the opposite can be done. A bucket or access point may be made again under its name, and another version
    /// written where one is gone.
    pub(crate) fn can_be_undone(&self) -> bool {
        !matches!(
            self,
            Self::KeyGone(_)
                | Self::UserGone(_)
                | Self::RoleGone(_)
                | Self::RoleRemade { .. }
                | Self::UploadOver { .. }
                | Self::KeyMade(_)
                | Self::ObjectOverwritten { .. }
        )
    }

    /// Whether it ends when the user or role is deleted of which it speaks.
    pub(crate) fn goes_with(&self, deletion: &Self) -> bool {
        let gone = |of: Option<usize>, role: Option<usize>| match deletion {
            Self::UserGone(user) => of == Some(*user),
            Self::RoleGone(deleted) | Self::RoleRemade { role: deleted } => role == Some(*deleted),
            _ => false,
        };
        match self {
            Self::Denied(statement) | Self::AllowGone(statement) => gone(statement.user(), statement.role()),
            Self::RoleRevoked { role, .. } | Self::TrustEdited(role) => gone(None, Some(*role)),
            Self::UserRevoked { user, .. } => gone(Some(*user), None),
            _ => false,
        }
    }

    /// Whether the opposite brings the request back (1.2 ↺, 0). `None`: SEMANTICS.md does not say; a name that is made
    /// again may be somebody else's (1.2 u).
    pub(crate) fn comes_back(&self, used: &Use) -> Option<bool> {
        match self {
            Self::BucketGone(_) | Self::PointGone(_) => None,
            Self::ObjectGone { version: Some(_), .. } => used.version.as_ref().map(|_| false),
            _ => Some(self.can_be_undone()),
        }
    }
}

impl Aws {
    /// Whether the credential itself is accepted at `at`; otherwise the number of the change (gate 3, for STS).
    pub(crate) fn refuses(&self, by: &Credential, at: Millis) -> Option<usize> {
        let change = self.changes.iter().find(|change| {
            let ends = match &change.what {
                Act::KeyOff(key) | Act::KeyGone(key) => *key == by.access_key_id,
                Act::UserGone(user) => by.user() == Some(*user),
                Act::RoleGone(role) | Act::RoleRemade { role } => by.role() == Some(*role),
                _ => false,
            };
            ends && change.at <= at && change.undone.is_none_or(|undone| at < undone)
        });
        change.map(|change| change.number)
    }

    /// Whether its user or role was deleted by an earlier change: nobody can do anything to that any more.
    pub(crate) fn is_gone_before(&self, of: &Credential, change: usize) -> bool {
        self.changes.iter().filter(|earlier| earlier.number < change).any(|earlier| match earlier.what {
            Act::UserGone(user) => of.user() == Some(user),
            Act::RoleGone(role) | Act::RoleRemade { role } => of.role() == Some(role),
            _ => false,
        })
    }

    /// Whether everything is denied to the credential at `at`, by the number of the change: then STS mints nothing.
    pub(crate) fn denies_everything(&self, by: &Credential, at: Millis) -> Option<usize> {
        let change = self.changes.iter().find(|change| {
            let denies = match &change.what {
                Act::RoleRevoked { role, before } => {
                    by.role() == Some(*role) && by.issued_at.is_some_and(|issued| issued < *before)
                }
                Act::UserRevoked { user, before } => {
                    by.user() == Some(*user) && by.issued_at.is_some_and(|issued| issued < *before)
                }
                Act::Denied(statement) => self.silences(statement, by),
                _ => false,
            };
            denies && change.at <= at && change.undone.is_none_or(|undone| at < undone)
        });
        change.map(|change| change.number)
    }

    fn silences(&self, statement: &Statement, by: &Credential) -> bool {
        use super::statement::Place;
        let bound = match statement.place {
            Place::User(user) | Place::UserBoundary(user) => by.whose == Whose::User(user),
            Place::Role(role) | Place::RoleBoundary(role) => by.role() == Some(role),
            Place::Scp => !self.home_is_management && statement.speaks_of(self, by),
            Place::Bucket | Place::Rcp => false,
        };
        let issued = statement.issued_before.is_none_or(|before| by.issued_at.is_some_and(|at| at < before));
        bound && issued && statement.is_total() && statement.older_than.is_none()
    }
}

fn when(holds: bool, hit: Hit) -> Hit {
    if holds { hit } else { Hit::No }
}

fn sees(code: &'static str, status: u16) -> Hit {
    Hit::Yes { from: Millis::MIN, late: 0, sees: Some(Answer { code, status }) }
}

fn unnamed() -> Hit {
    Hit::Yes { from: Millis::MIN, late: 0, sees: None }
}

fn denied_from(from: Millis) -> Hit {
    Hit::Yes { from, late: 0, sees: Some(ACCESS_DENIED) }
}

/// The three exceptions to "presigned requests are authenticated" (1.3 l).
fn blocked(aws: &Aws, used: &Use, setting: Block) -> Hit {
    let bucket = &aws.buckets[used.bucket.as_str()];
    let across = bucket.public_policy && bucket.owner != HOME;
    let (acls, ignores, restricts) = match setting {
        Block::All => (true, true, true),
        Block::Acls => (true, false, false),
        Block::IgnoreAcls => (false, true, false),
        Block::Policy => (false, false, false),
        Block::Restrict => (false, false, true),
    };
    let hit = acls && used.public_acl || ignores && bucket.only_public_acl && used.reads() || restricts && across;
    when(hit, unnamed())
}

/// GET decrypts, writes encrypt; HEAD is open (1.3 m, 8.9). Listing and tags touch no content.
fn kms(used: &Use, bucket: &Bucket, how: Kms) -> Hit {
    let late = if bucket.bucket_keys { LATEST } else { 0 };
    let answer = match how {
        Kms::Disabled => Answer { code: "KMS.DisabledException", status: 400 },
        Kms::PendingDeletion => Answer { code: "KMS.KMSInvalidStateException", status: 400 },
        Kms::Forbidden => ACCESS_DENIED,
    };
    match used.op {
        Op::Get | Op::Put | Op::Part | Op::Form | Op::Copy => Hit::Yes { from: Millis::MIN, late, sees: Some(answer) },
        Op::Head => Hit::Untold,
        Op::List | Op::Tagging => Hit::No,
    }
}

/// The table of 1.3 n. `version` is the one that goes for good; none: what a request without versionId sees.
fn gone(aws: &Aws, used: &Use, bucket: &Bucket, version: Option<&str>) -> Hit {
    // Without the right to list, a missing object looks like a revocation.
    let missing = if bucket.listable { Answer { code: "NoSuchKey", status: 404 } } else { ACCESS_DENIED };
    let missing = Hit::Yes { from: Millis::MIN, late: 0, sees: Some(missing) };
    match (version, used.version.as_deref()) {
        (None, None) => missing,
        (None, Some(_)) => Hit::No,
        (Some(gone), Some(named)) if bucket.versioned && gone == named => {
            Hit::ForGood(Answer { code: "NoSuchVersion", status: 404 })
        }
        (Some(_), Some(_)) => Hit::No,
        // The newest, and nothing older to show? Drawn.
        (Some(gone), None) => when(aws.draw(78, (gone, &used.key)).is_multiple_of(2), missing),
    }
}
