//! AWS as SEMANTICS.md describes it, and as nobody else does: what is done to it, and whether a request is answered.
//!
//! The oracle of the simulation. Knows nothing of presignd: no rule, no type and no word of it is used here. What
//! SEMANTICS.md leaves open is drawn by chance, or said to be [`Hit::Untold`]. Numbers in comments are its sections.

pub(crate) mod act;
pub(crate) mod metadata;
pub(crate) mod principal;
pub(crate) mod statement;
pub(crate) mod sts;
pub(crate) mod used;

use std::collections::BTreeMap;

use act::{Act, Change};
use principal::{Credential, Role, User};
use used::Use;

/// Milliseconds since the epoch, by AWS's clock.
pub(crate) type Millis = i64;

/// Whose principals all are.
pub(crate) const HOME: &str = "111122223333";
/// Who owns some of the buckets.
pub(crate) const OTHER: &str = "444455556666";

/// An answer that is not the one the bearer hoped for (1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub code: &'static str,
    pub status: u16,
}

/// What a change does to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hit {
    No,
    /// Refused while the change is in force, and not before `from`. `sees` is empty where SEMANTICS.md names no code.
    Yes {
        from: Millis,
        late: Millis,
        sees: Option<Answer>,
    },
    /// Refused from then on, whatever is undone.
    ForGood(Answer),
    /// SEMANTICS.md does not say.
    Untold,
}

/// Refuses without a word on when and how.
pub(crate) const DENIED: Hit = Hit::Yes { from: Millis::MIN, late: 0, sees: Some(ACCESS_DENIED) };
pub(crate) const ACCESS_DENIED: Answer = Answer { code: "AccessDenied", status: 403 };

/// Why a request is refused for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Because {
    /// `X-Amz-Date` lies ahead, or `X-Amz-Expires` has passed (gate 2).
    Clock,
    /// The session's token has expired (gate 3).
    Token,
    /// Somebody did something; its number.
    Change(usize),
}

/// From when to when a request is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub because: Because,
    pub from: Millis,
    pub until: Millis,
    pub sees: Option<Answer>,
    /// SEMANTICS.md does not say whether it is.
    pub untold: bool,
}

impl Window {
    pub(crate) fn holds(&self, at: Millis) -> bool {
        self.from <= at && at < self.until
    }
}

/// A bucket, with what presignd cannot see of it.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    pub owner: &'static str,
    pub versioned: bool,
    /// Its policy counts as public (1.3 l).
    pub public_policy: bool,
    /// A public ACL is the only right that signers have (1.3 l).
    pub only_public_acl: bool,
    /// Keys that begin so are encrypted under a KMS key.
    pub encrypted: Option<&'static str>,
    /// S3 keeps the KMS key for a while (1.3 m).
    pub bucket_keys: bool,
    /// Signers may list: a missing object is 404 to them, not 403 (1.3 n).
    pub listable: bool,
}

/// The whole of it.
pub(crate) struct Aws {
    /// Of what nobody decides: how long each change takes to reach each place, and what presignd cannot see.
    pub chance: u64,
    /// SCPs and RCPs do not bind the management account (1.3 o).
    pub home_is_management: bool,
    pub users: Vec<User>,
    pub roles: Vec<Role>,
    pub credentials: BTreeMap<String, Credential>,
    pub buckets: BTreeMap<&'static str, Bucket>,
    /// What has been done, oldest first; what can touch nothing any more is gone.
    pub changes: Vec<Change>,
    made: usize,
    given: u64,
}

impl Aws {
    pub(crate) fn new(chance: u64) -> Self {
        Self {
            chance,
            home_is_management: chance.is_multiple_of(4),
            users: Vec::new(),
            roles: Vec::new(),
            credentials: BTreeMap::new(),
            buckets: BTreeMap::new(),
            changes: Vec::new(),
            made: 0,
            given: 0,
        }
    }

    /// Somebody does something. `settles` is how long it may take to reach every place (1.6).
    pub(crate) fn act(&mut self, at: Millis, settles: Millis, what: Act) -> usize {
        self.made += 1;
        // Its policies go first (1.3 f, h), and what named it as a principal names nobody any more (1.3 h).
        let gone = |change: &&mut Change| change.undone.is_none() && change.what.goes_with(&what);
        self.changes.iter_mut().filter(gone).for_each(|change| change.undone = Some(at));
        self.changes.push(Change { number: self.made, at, settles, undone: None, what });
        self.made
    }

    pub(crate) fn change(&self, number: usize) -> Option<&Change> {
        self.changes.iter().find(|change| change.number == number)
    }

    /// It is undone: the key made active again, the Deny removed, the object put back.
    pub(crate) fn undo(&mut self, number: usize, at: Millis) {
        if let Some(change) = self.changes.iter_mut().find(|change| change.number == number) {
            change.undone.get_or_insert(at);
        }
    }

    /// Forgets what can touch no request that is still asked about.
    pub(crate) fn forget_before(&mut self, at: Millis) {
        self.credentials.retain(|_, one| one.ends_at.is_none_or(|ends_at| ends_at * 1000 >= at));
        self.changes.retain(|change| {
            let stands = change.undone.is_none() && change.what.can_be_undone();
            stands || change.undone.unwrap_or(change.at) + change.settles + LATEST >= at
        });
    }

    /// When the request is refused, and why. Asked after the fact: what is done later is not in it.
    pub(crate) fn windows(&self, used: &Use) -> Vec<Window> {
        let credential = &self.credentials[&used.access_key_id];
        let clock =
            |from, until| Window { because: Because::Clock, from, until, sees: Some(ACCESS_DENIED), untold: false };
        // Gate 2: X-Amz-Date <= now < X-Amz-Date + X-Amz-Expires, by S3's clock (0, 1.3 a).
        let mut windows =
            vec![clock(Millis::MIN, used.date * 1000), clock((used.date + used.expires) * 1000, Millis::MAX)];
        // Gate 3: the issuing session's own expiry counts (1.3 b).
        if let Some(ends_at) = credential.ends_at {
            let sees = Some(Answer { code: "ExpiredToken", status: 400 });
            let from = ends_at * 1000;
            windows.push(Window { because: Because::Token, from, until: Millis::MAX, sees, untold: false });
        }
        windows.extend(self.changes.iter().filter_map(|change| self.window(change, used, credential)));
        windows
    }

    /// When a change refuses the request; `None`: never.
    pub(crate) fn window(&self, change: &Change, used: &Use, credential: &Credential) -> Option<Window> {
        let hit = change.what.hit(self, used, credential);
        let (earliest, late, sees) = match hit {
            Hit::No => return None,
            Hit::Untold => (Millis::MIN, 0, None),
            Hit::ForGood(answer) => (Millis::MIN, 0, Some(answer)),
            Hit::Yes { from, late, sees } => (from, late, sees),
        };
        let undone = change.undone.filter(|_| !matches!(hit, Hit::ForGood(_)));
        let place = (used.bucket.as_str(), credential.access_key_id.as_str());
        let reaches = change.at + self.delay(change, place, 0) + late;
        let until = undone.map_or(Millis::MAX, |undone| undone + self.delay(change, place, 1));
        let from = reaches.max(earliest);
        let because = Because::Change(change.number);
        (from < until).then_some(Window { because, from, until, sees, untold: hit == Hit::Untold })
    }

    /// How long a change takes to reach one place: anything up to what it takes at most, and often one of the two.
    fn delay(&self, change: &Change, place: (&str, &str), which: u64) -> Millis {
        let drawn = self.draw((change.number as u64) << 1 | which, place);
        match drawn % 5 {
            0 => 0,
            1 => change.settles,
            _ => i64::try_from(drawn >> 8).unwrap_or(0) % (change.settles + 1),
        }
    }

    /// A number that depends on all of this and on nothing else.
    pub(crate) fn draw(&self, about: u64, place: (&str, &str)) -> u64 {
        let mut state = self.chance ^ about.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in place.0.bytes().chain([0]).chain(place.1.bytes()) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        state ^= state >> 31;
        state = state.wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^ (state >> 29)
    }
}

/// S3 keeps a bucket key for a limited time that AWS does not name (1.3 m).
pub(crate) const LATEST: Millis = 3_600_000;
