//! Machines, pods, tasks and sandboxes: sessions that are handed out rather than minted (2.1, 2.3).

use super::act::Act;
use super::principal::{Kind, Whose};
use super::{Aws, Millis};

/// Something with a role.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub number: usize,
    pub kind: Kind,
    pub role: usize,
    /// Its instance id, pod or task: the name of its sessions.
    pub name: String,
    /// How long a session lasts, in seconds.
    pub life: i64,
    /// How old a session is when a new one comes; never later than five minutes before its end (2.3).
    pub turn: i64,
    /// Key of the session that it hands out.
    pub shows: Option<String>,
}

impl Machine {
    /// What it hands out; `None`: nothing answers. A source that AWS does not reach goes on with what it has, even past
    /// its end (2.3, 2.4), and a revoked session is handed out until its own turn (1.3 g).
    pub(crate) fn read(&mut self, aws: &mut Aws, now: Millis, reached: bool) -> Option<String> {
        let away = |act: &Act| matches!(act, Act::MachineGone(gone) | Act::SsoUserOff(gone) if *gone == self.number);
        if aws.standing(now, away).is_some() {
            return None;
        }
        let due = match self.shows.as_ref().and_then(|key| aws.credentials.get(key)) {
            Some(shown) => {
                let (issued, ends) = (shown.issued_at.unwrap_or(0), shown.ends_at.unwrap_or(0));
                // A sandbox keeps its environment for life (1.3 g); then there is another.
                let turn = if self.kind == Kind::Lambda { ends } else { (issued + self.turn).min(ends - 300) };
                now >= turn * 1000
            }
            None => true,
        };
        // AWS mints it by the role's trust policy, as everybody does (1.3 i).
        let shut = |act: &Act| matches!(act, Act::RoleGone(role) | Act::TrustEdited(role) if *role == self.role);
        let gone = aws.standing(now, shut).is_some();
        if due && reached && !gone {
            let whose = Whose::Role { role: self.role, session: self.name.clone() };
            let session = aws.add_session(self.kind, whose, now, self.life);
            self.shows = Some(session.access_key_id);
        }
        self.shows.clone().filter(|key| aws.credentials.contains_key(key))
    }
}
