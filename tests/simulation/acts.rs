//! What is done next to AWS: any row of the matrix, aimed at something that is in use, and what comes after it.

use fastrand::Rng;

use crate::cast::{BUCKETS, KEYS, KMS_KEYS, PROVIDER, point_of, recent};
use crate::model::act::{Act, Block, Kms};
use crate::model::principal::{Credential, Kind, Whose};
use crate::model::statement::{Place, Statement, Who};
use crate::model::used::Use;
use crate::model::{Aws, HOME, Millis, OTHER};

/// An act with what follows.
pub(crate) struct Plan {
    pub act: Act,
    /// The longest that it takes to be in force everywhere.
    pub settles: Millis,
    /// When it is undone, if that can be.
    pub undone_after: Option<Millis>,
    /// When somebody sees to it that presignd has credentials again.
    pub healed_after: Millis,
}

/// Something that is in use: a request that was signed, the credential behind it, and the identity of the daemon.
pub(crate) struct Target<'a> {
    pub used: &'a Use,
    pub credential: &'a Credential,
    pub identity: usize,
}

pub(crate) const MINUTE: Millis = 60_000;
pub(crate) const HOUR: Millis = 60 * MINUTE;
pub(crate) const DAY: Millis = 24 * HOUR;

/// Any act that can be done to the target.
pub(crate) fn any(rng: &mut Rng, aws: &Aws, now: Millis, target: &Target<'_>) -> Plan {
    let act = loop {
        if let Some(act) = one(rng, aws, now / 1000, target) {
            break act;
        }
    };
    let settles = [0, 3000, MINUTE, 5 * MINUTE][rng.usize(..4)];
    let undone_after = act.can_be_undone().then(|| [rng.i64(0..2 * MINUTE), rng.i64(0..DAY), rng.i64(0..4 * DAY)]);
    let undone_after = undone_after.map(|some| some[rng.usize(..3)] / 1000 * 1000);
    Plan { act, settles, undone_after, healed_after: [1000, HOUR, 12 * HOUR][rng.usize(..3)] }
}

/// `None`: cannot happen to this kind of credential.
fn one(rng: &mut Rng, aws: &Aws, now: i64, target: &Target<'_>) -> Option<Act> {
    let Target { used, credential, identity } = target;
    let bucket = BUCKETS.into_iter().find(|bucket| *bucket == used.bucket)?;
    let key = if used.key.is_empty() { KEYS[rng.usize(..KEYS.len())].to_owned() } else { used.key.clone() };
    let of_key = matches!(credential.kind, Kind::LongTerm | Kind::Root);
    let of_machine = matches!(credential.kind, Kind::Pod | Kind::Ecs | Kind::Ec2 | Kind::Lambda);
    let editable = |role: &usize| !aws.roles[*role].of_sso;
    // T of a revocation: the click, the console's half minute ahead of it, or the issue of the session itself (1.3 g).
    let before = match rng.u8(..5) {
        0 => now,
        1 => now + 30,
        2 => now - rng.i64(0..7200),
        _ => credential.issued_at.unwrap_or(now) + rng.i64(-2..=2),
    };
    Some(match rng.u8(..34) {
        0 | 1 if of_key => Act::KeyOff(credential.access_key_id.clone()),
        2 if of_key => Act::KeyGone(credential.access_key_id.clone()),
        3 if of_key => Act::KeyMade(credential.access_key_id.clone()),
        // Of the key that minted: what it minted lives.
        4 | 5 => Act::KeyOff(key_of(aws, credential.user()?)?),
        6 => Act::UserGone(credential.user()?),
        7 | 8 => Act::RoleRevoked { role: credential.role().filter(editable)?, before },
        9 => Act::UserRevoked { user: credential.user()?, before },
        10 => Act::RoleGone(credential.role().filter(editable)?),
        11 => Act::RoleRemade { role: credential.role().filter(editable)? },
        12 => Act::TrustEdited(credential.role()?),
        13 if credential.kind == Kind::Web => Act::ProviderGone(PROVIDER),
        14 if of_machine => Act::MachineGone(*identity),
        15 if of_machine => Act::ProfileSwapped(*identity),
        16 if credential.kind == Kind::Sso => Act::SsoUserOff(*identity),
        17 => Act::AllowGone(statement(rng, aws, now, target, bucket)?),
        18..=23 => Act::Denied(statement(rng, aws, now, target, bucket)?),
        24 => {
            let all = [Block::All, Block::Acls, Block::IgnoreAcls, Block::Policy, Block::Restrict];
            Act::PublicBlocked { bucket, setting: all[rng.usize(..all.len())] }
        }
        25 => {
            let (key_arn, prefix) = (KMS_KEYS[rng.usize(..2)], ["", "in/", "out/"][rng.usize(..3)]);
            let how = [Kms::Disabled, Kms::PendingDeletion, Kms::Forbidden][rng.usize(..3)];
            Act::KmsOff { key_arn, bucket, prefix, how }
        }
        26 | 27 => {
            let version = (aws.buckets[bucket].versioned && rng.bool()).then(|| recent(rng, "version", now * 1000));
            Act::ObjectGone { bucket, key, version }
        }
        28 => Act::ObjectOverwritten { bucket, key },
        29 => Act::Archived { bucket, key },
        30 if rng.u8(..3) == 0 => Act::BucketGone(bucket),
        31 => Act::PointGone(point_of(bucket)),
        32 => Act::RequesterPays(bucket),
        33 if rng.u8(..3) == 0 => Act::AccountShut(if rng.bool() { HOME } else { OTHER }),
        33 => Act::UploadOver { bucket, key, upload: recent(rng, "upload", now * 1000) },
        _ => return None,
    })
}

/// The newest long-term key of a user.
fn key_of(aws: &Aws, user: usize) -> Option<String> {
    let mut keys = aws.credentials.values().filter(|one| one.kind == Kind::LongTerm && one.whose == Whose::User(user));
    keys.next_back().map(|key| key.access_key_id.clone())
}

/// A statement in one of the forms of 1.4, more or less narrow.
fn statement(rng: &mut Rng, aws: &Aws, now: i64, target: &Target<'_>, bucket: &'static str) -> Option<Statement> {
    let credential = target.credential;
    let own = match &credential.whose {
        Whose::User(user) | Whose::Federated { user, .. } if rng.bool() => Some(Place::User(*user)),
        Whose::User(user) | Whose::Federated { user, .. } => Some(Place::UserBoundary(*user)),
        // The role of an instance may be named, but an Identity Center role cannot be edited (1.3 g2).
        Whose::Role { role, .. } if aws.roles[*role].of_sso => None,
        Whose::Role { role, .. } if rng.bool() => Some(Place::Role(*role)),
        Whose::Role { role, .. } => Some(Place::RoleBoundary(*role)),
        Whose::Root => None,
    };
    let place = match rng.u8(..8) {
        0..=2 => own?,
        3 => Place::Scp,
        4 => Place::Rcp,
        _ => Place::Bucket,
    };
    let of_resource = matches!(place, Place::Bucket | Place::Rcp);
    let who = match (&place, rng.u8(..7)) {
        (Place::User(_) | Place::Role(_) | Place::UserBoundary(_) | Place::RoleBoundary(_), _) => Who::Everybody,
        (_, 0) => Who::Account,
        (_, 1) => Who::Userid(aws.userid(credential)),
        (Place::Bucket, 2..=5) => match (&credential.whose, rng.bool()) {
            (Whose::User(user), _) | (Whose::Federated { user, .. }, true) => Who::User(*user),
            (Whose::Federated { name, .. }, _) => Who::Federated(name.clone()),
            (Whose::Role { role, .. }, true) => Who::Role(*role),
            (Whose::Role { role, session }, _) => Who::Session { role: *role, session: session.clone() },
            (Whose::Root, _) => Who::Account,
        },
        _ => Who::Everybody,
    };
    let prefix = ["", "", "in/", "out/", "out/deep", "cat"][rng.usize(..6)];
    let all: [&[&str]; 6] =
        [&[], &[], &["s3:GetObject"], &["s3:GetObject*"], &["s3:PutObject"], &["s3:List*", "s3:*Version"]];
    let age = [600, 3600, 86_400][rng.usize(..3)];
    Some(Statement {
        bucket: (of_resource || rng.u8(..4) == 0).then_some(bucket),
        prefix: if of_resource { prefix.to_owned() } else { String::new() },
        actions: all[rng.usize(..all.len())].to_vec(),
        issued_before: (rng.u8(..6) == 0).then(|| credential.issued_at.unwrap_or(now) + rng.i64(-3..=3)),
        older_than: (rng.u8(..6) == 0).then_some(age),
        place,
        who,
    })
}
