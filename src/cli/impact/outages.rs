//! Identities that sign nothing that works after an event, in words: who, from when on, why, and what mends it.
//!
//! Those that fare alike share a sentence.

use crate::cli::say;
use crate::grpc::proto::Outage;
use crate::grpc::proto::outage::{Loss, Recovery};

/// A sentence or two for each way to fare, without a full stop, for a command may stand last.
pub(in crate::cli) fn told(outages: &[Outage]) -> Vec<String> {
    let mut alike: Vec<(Vec<&Outage>, Outage)> = Vec::new();
    for outage in outages {
        let nameless =
            Outage { identity: String::new(), partition: String::new(), renew: Vec::new(), ..outage.clone() };
        match alike.iter_mut().find(|(_, known)| *known == nameless) {
            Some((members, _)) => members.push(outage),
            None => alike.push((vec![outage], nameless)),
        }
    }
    alike.iter().map(|(members, one)| sentence(members, one)).collect()
}

/// Who, as a column of names.
pub(in crate::cli) fn names<'a>(outages: impl Iterator<Item = &'a Outage>) -> String {
    or_dash(outages.map(named).collect::<Vec<_>>().join(","))
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

/// What a script may want of one: how, whose, under which condition, what mends it.
pub(super) fn cells(outage: &Outage) -> [String; 5] {
    [
        say::name(outage.loss().as_str_name(), "LOSS"),
        or_dash(outage.partition.clone()),
        or_dash(outage.condition.clone()),
        say::name(outage.recovery().as_str_name(), "RECOVERY"),
        or_dash(outage.renew.join(",")),
    ]
}

/// Whether `presignd identities renew` mends it.
pub(in crate::cli) fn is_mended_by_renewal(outage: &Outage) -> bool {
    outage.recovery() == Recovery::Renewal
}

fn sentence(members: &[&Outage], one: &Outage) -> String {
    let many = members.len() > 1;
    let at = say::time(one.at.as_ref());
    let (may, s) = match (one.condition.is_empty(), many) {
        (false, true) => ("may each ", ""),
        (false, false) => ("may ", ""),
        (true, true) => ("each ", ""),
        (true, false) => ("", "s"),
    };
    let what = match (one.loss(), &one.at) {
        (Loss::DeadLinks, _) => format!("{may}sign{s} dead links from {at} on{}", reach(one)),
        (_, Some(_)) => format!("{may}stop{s} signing at {at}"),
        (_, None) => format!("{may}stop{s} signing already"),
    };
    // The message speaks of one.
    let each = if many { "for each of them, " } else { "" };
    let mut text = format!("{} {what}: {each}{}", listed(members), one.message.trim_end_matches('.'));
    if !one.condition.is_empty() {
        text += &format!(". So it is if {}", one.condition);
    }
    if is_mended_by_renewal(one) {
        let later = one.renew_from.as_ref().filter(|from| one.at.as_ref().is_some_and(|at| from.seconds > at.seconds));
        let from = later.map(|from| format!(" from {} on", say::time(Some(from)))).unwrap_or_default();
        text += &format!(". Renewing mends it{from}: {}", commands(members));
    }
    text
}

/// Of which requests, where it is not all.
fn reach(one: &Outage) -> String {
    let mut text = String::new();
    if !one.bucket.is_empty() {
        text += &format!(" for {}", one.bucket);
    }
    if !one.key_prefix.is_empty() {
        text += &format!(", keys that begin with {}", one.key_prefix);
    }
    if !one.actions.is_empty() {
        text += &format!(" ({})", one.actions.join(", "));
    }
    text
}

/// Each once, what others are based on first.
fn commands(members: &[&Outage]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in members.iter().flat_map(|one| &one.renew) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let commands = names.iter().map(|name| format!("presignd identities renew {name}"));
    commands.collect::<Vec<_>>().join(" && ")
}

fn listed(members: &[&Outage]) -> String {
    let names: Vec<String> = members.iter().map(|one| named(one)).collect();
    match names.as_slice() {
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
        [] => String::new(),
    }
}

/// With the tenant, where only that one's session is meant.
fn named(one: &Outage) -> String {
    if one.partition.is_empty() { one.identity.clone() } else { format!("{} ({})", one.identity, one.partition) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Option<prost_types::Timestamp> {
        Some(prost_types::Timestamp { seconds: 1_795_356_120 + seconds, nanos: 0 })
    }

    fn revoked(identity: &str, from: i64) -> Outage {
        Outage {
            identity: identity.into(),
            at: at(0),
            message: "its session is revoked".into(),
            loss: Loss::DeadLinks.into(),
            recovery: Recovery::Renewal.into(),
            renew: vec![identity.into()],
            renew_from: at(from),
            ..Outage::default()
        }
    }

    #[test]
    fn a_command_is_given_where_one_mends_it_and_only_there() {
        let own = told(&[revoked("up", 0)]);
        assert_eq!(
            own,
            ["up signs dead links from 2026-11-22T14:02:00Z on: its session is revoked. Renewing mends it: presignd \
              identities renew up"]
        );
        let later = told(&[revoked("up", 30)]);
        assert!(later[0].contains(". Renewing mends it from 2026-11-22T14:02:30Z on: presignd"), "{later:?}");
        let lost = Outage { recovery: Recovery::None.into(), renew: Vec::new(), ..revoked("up", 0) };
        assert_eq!(told(&[lost]), ["up signs dead links from 2026-11-22T14:02:00Z on: its session is revoked"]);
        let out =
            Outage { loss: Loss::NoSession.into(), at: None, recovery: Recovery::None.into(), ..revoked("up", 0) };
        assert_eq!(told(&[out]), ["up stops signing already: its session is revoked"]);
    }

    #[test]
    fn those_that_fare_alike_share_a_sentence_and_what_is_based_on_another_comes_after_it() {
        let hop = Outage { renew: vec!["up".into(), "hop".into()], ..revoked("hop", 0) };
        let red = Outage { partition: "red".into(), ..revoked("web", 0) };
        let both = told(&[revoked("up", 0), hop, red]);
        assert_eq!(both.len(), 1, "{both:?}");
        assert!(both[0].starts_with("up, hop and web (red) each sign dead links from"), "{both:?}");
        assert!(both[0].contains(" on: for each of them, its session is revoked. "), "{both:?}");
        let command = "presignd identities renew up && presignd identities renew hop && presignd identities renew web";
        assert!(both[0].ends_with(command), "{both:?}");
        let other = Outage { message: "it is denied".into(), ..revoked("web", 0) };
        assert_eq!(told(&[revoked("up", 0), other]).len(), 2);
    }

    #[test]
    fn what_is_not_sure_or_not_all_says_so() {
        let some = Outage {
            bucket: "photos".into(),
            key_prefix: "cats/".into(),
            actions: vec!["s3:GetObject".into()],
            condition: "no other policy allows the request".into(),
            recovery: Recovery::None.into(),
            ..revoked("up", 0)
        };
        assert_eq!(
            told(&[some]),
            [
                "up may sign dead links from 2026-11-22T14:02:00Z on for photos, keys that begin with cats/ (s3:GetObject): \
              its session is revoked. So it is if no other policy allows the request"
            ]
        );
    }
}
