//! Who is there when a run begins: users, roles, buckets, and the identities of one daemon.

use fastrand::Rng;

use crate::acts::DAY;
use crate::model::metadata::Machine;
use crate::model::principal::{Kind, Whose};
use crate::model::{Aws, Bucket, HOME, Millis, OTHER};

/// Names of buckets.
pub(crate) const BUCKETS: [&str; 4] = ["photos", "ledgers", "partners", "vault"];
/// Keys of objects; the same in every bucket.
pub(crate) const KEYS: [&str; 6] = ["cat.jpg", "dog.jpg", "in/a.csv", "in/b.csv", "out/a.pdf", "out/deep/b.pdf"];
/// The only KMS keys.
pub(crate) const KMS_KEYS: [&str; 2] =
    ["arn:aws:kms:eu-central-1:111122223333:key/one", "arn:aws:kms:eu-central-1:111122223333:key/two"];
/// The only OIDC provider.
pub(crate) const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.example.com";

/// A version or an upload of an object: of today, or of yesterday. Nobody asks for one for long.
pub(crate) fn recent(rng: &mut Rng, what: &str, now: Millis) -> String {
    format!("{what}-{}", now / DAY - i64::from(rng.bool()))
}

/// The access point of a bucket.
pub(crate) fn point_of(bucket: &str) -> String {
    format!("arn:aws:s3:eu-central-1:{HOME}:accesspoint/{bucket}-point")
}

/// Where an identity's sessions come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A long-term key that somebody else puts into a file.
    File { whose: Whose, key: String },
    /// GetSessionToken, GetFederationToken or AssumeRole with the session of another identity.
    Minted { kind: Kind, base: usize, role_arn: String, seconds: i64 },
    /// AssumeRoleWithWebIdentity.
    Web { role_arn: String, seconds: i64 },
    /// Handed out by metadata, an environment, or a profile.
    Read(Machine),
}

/// AWS with its principals and buckets, and the sources of identities, of every kind. A base stands before what it mints.
pub(crate) fn any(rng: &mut Rng) -> (Aws, Vec<Source>) {
    of_kinds(rng, &[Kind::Ec2, Kind::Ec2, Kind::Ecs, Kind::Pod, Kind::Lambda, Kind::Sso])
}

/// A few of them, as the file of one daemon can say it, seldom with a metadata service, which is asked every five minutes.
/// Nobody shares a base, a key or a token's role: tokio wakes those who wait for the same thing in an order of its own,
/// and a seed must replay.
pub(crate) fn of_a_daemon(rng: &mut Rng) -> (Aws, Vec<Source>) {
    let (mut aws, drawn) = of_kinds(rng, &[Kind::Ec2, Kind::Ecs]);
    let mut sources = Vec::new();
    let mut reads = rng.u8(..4) != 0;
    for source in &drawn[rng.usize(..3)..] {
        if !matches!(source, Source::Read(_)) || !std::mem::replace(&mut reads, true) {
            with_base(&mut aws, &drawn, source, &mut sources);
        }
        if sources.len() >= MOST_OF_A_DAEMON {
            break;
        }
    }
    if sources.is_empty() {
        with_base(&mut aws, &drawn, &drawn[0], &mut sources);
    }
    (aws, sources)
}

/// Puts a source there, after a base of its own, and says where.
fn with_base(aws: &mut Aws, drawn: &[Source], source: &Source, sources: &mut Vec<Source>) -> usize {
    let mut own = source.clone();
    match &mut own {
        Source::Read(machine) => machine.number = sources.len(),
        Source::Minted { base, seconds, .. } => {
            let of = match &drawn[*base] {
                // Refused by the file's own check, or the second metadata service.
                Source::Minted { kind: Kind::Federated, .. } | Source::Read(_) => &drawn[0],
                of => of,
            };
            if !matches!(of, Source::File { .. }) {
                *seconds = 3600.min(*seconds);
            }
            *base = with_base(aws, drawn, of, sources);
        }
        Source::File { whose, key } => *key = aws.add_key(whose.clone()),
        Source::Web { role_arn, .. } => {
            let of = aws.role_of(role_arn).map(|role| aws.roles[role].clone()).expect("it was made with its source");
            *role_arn = role(aws, of.path, &format!("{}-{}", of.name, sources.len()), of.maximum);
        }
    }
    sources.push(own);
    sources.len() - 1
}

fn of_kinds(rng: &mut Rng, kinds: &[Kind]) -> (Aws, Vec<Source>) {
    let mut aws = Aws::new(rng.u64(..));
    for name in BUCKETS {
        let owner = if rng.u8(..3) == 0 { OTHER } else { HOME };
        let bucket = Bucket {
            owner,
            versioned: rng.bool(),
            public_policy: rng.u8(..3) == 0,
            only_public_acl: rng.u8(..4) == 0,
            encrypted: rng.bool().then(|| KMS_KEYS[rng.usize(..KMS_KEYS.len())]),
            bucket_keys: rng.u8(..3) == 0,
            listable: rng.bool(),
        };
        aws.buckets.insert(name, bucket);
    }
    let maximum = |rng: &mut Rng| [3600, 7200, 28_800, 43_200][rng.usize(..4)];
    let mut sources = Vec::new();
    let users = rng.usize(1..=2);
    for number in 0..users {
        let whose = Whose::User(aws.add_user(&format!("signer-{number}")));
        let key = aws.add_key(whose.clone());
        sources.push(Source::File { whose, key });
    }
    if rng.u8(..5) == 0 {
        let key = aws.add_key(Whose::Root);
        sources.push(Source::File { whose: Whose::Root, key });
    }
    for number in 0..rng.usize(5..=8) {
        let name = format!("role-{number}");
        let path = ["/", "/service/", "/team/web/"][rng.usize(..3)];
        let longest = maximum(rng);
        // A quarter of an hour seldom: it takes the most renewals.
        let least = usize::from(rng.u8(..4) != 0);
        let seconds = [900, 3600, 7200, 14_400, 28_800, 43_200][rng.usize(least..6)];
        let user = rng.usize(..users);
        let source = match rng.u8(..10) {
            0 => minted(Kind::SessionToken, user, "", [3600, 43_200, 129_600][rng.usize(..3)]),
            1 => minted(Kind::Federated, user, "", [3600, 43_200, 129_600][rng.usize(..3)]),
            2 | 3 => minted(Kind::Assumed, user, &role(&mut aws, path, &name, longest), seconds),
            4 | 5 => {
                // From whatever there is: chained, or refused for good.
                let base = rng.usize(..sources.len());
                minted(Kind::Assumed, base, &role(&mut aws, path, &name, longest), seconds)
            }
            6 => Source::Web { role_arn: role(&mut aws, path, &name, longest), seconds },
            _ => {
                let kind = kinds[rng.usize(..kinds.len())];
                Source::Read(machine(rng, &mut aws, kind, sources.len(), path, &name))
            }
        };
        sources.push(source);
    }
    (aws, sources)
}

fn minted(kind: Kind, base: usize, role_arn: &str, seconds: i64) -> Source {
    Source::Minted { kind, base, role_arn: role_arn.to_owned(), seconds }
}

fn role(aws: &mut Aws, path: &'static str, name: &str, maximum: i64) -> String {
    let role = aws.add_role(path, name, maximum);
    aws.roles[role].arn()
}

/// How long sessions last and when the next is there: as far as anybody has told (2.1, 2.3).
fn machine(rng: &mut Rng, aws: &mut Aws, kind: Kind, number: usize, path: &'static str, name: &str) -> Machine {
    let hour = 3600;
    let (role, life, turn) = match kind {
        Kind::Sso => {
            let role = format!("AWSReservedSSO_{name}_0123456789abcdef");
            (aws.add_role("/aws-reserved/sso.amazonaws.com/", &role, 12 * hour), rng.i64(1..=12) * hour, hour / 2)
        }
        Kind::Lambda => (aws.add_role(path, name, hour), rng.i64(1..=48) * hour, 0),
        Kind::Pod => (aws.add_role(path, name, hour), 6 * hour, 3 * hour),
        Kind::Ec2 => (aws.add_role(path, name, hour), 6 * hour + rng.i64(0..2700), hour),
        _ => (aws.add_role(path, name, hour), 6 * hour, rng.i64(1..6) * hour),
    };
    let instance = format!("i-{:08x}", rng.u32(..));
    Machine { number, kind, role, name: instance, life, turn, shows: None }
}

/// No more than so many identities, but for the bases of the last.
const MOST_OF_A_DAEMON: usize = 4;
