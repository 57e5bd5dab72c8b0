//! What people do after something is gone for good: a new key in the file, a new user or role under the old name.

use crate::cast::Source;
use crate::model::Aws;
use crate::model::act::Act;
use crate::model::principal::Whose;

/// After the change of that number.
pub(crate) fn after(aws: &mut Aws, sources: &mut [Source], change: usize) {
    let Some(change) = aws.change(change).cloned() else { return };
    match change.what {
        // Made active again, it stays in the file.
        Act::KeyOff(_) if change.undone.is_some() => {}
        Act::KeyOff(key) | Act::KeyGone(key) | Act::KeyMade(key) => replace(aws, sources, |_, held| *held == key, None),
        Act::UserGone(user) => {
            let name = aws.users[user].name.clone();
            let next = Whose::User(aws.add_user(&name));
            replace(aws, sources, |whose, _| *whose == Whose::User(user), Some(next));
        }
        Act::RoleGone(role) | Act::RoleRemade { role } => {
            let old = aws.roles[role].clone();
            let next = aws.add_role(old.path, &old.name, old.maximum);
            for source in sources {
                match source {
                    Source::Read(machine) if machine.role == role => {
                        machine.role = next;
                        machine.shows = None;
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// Puts another key into the files that hold that one.
fn replace(aws: &mut Aws, sources: &mut [Source], is: impl Fn(&Whose, &String) -> bool, next: Option<Whose>) {
    for source in sources {
        if let Source::File { whose, key } = source
            && is(whose, key)
        {
            // Nobody makes a key for a user who is gone; he is replaced in his turn.
            let gone = aws.is_gone_before(&aws.credentials[key], usize::MAX);
            if gone && next.is_none() {
                continue;
            }
            whose.clone_from(&next.clone().unwrap_or(whose.clone()));
            *key = aws.add_key(whose.clone());
        }
    }
}
