//! Identities that sign nothing that works, or works for long, after an event, in words: who, from when on, why, and what mends it.
//!
//! Those that fare alike share a sentence.

use super::told::wrapped;
use crate::cli::say;
use crate::grpc::proto::Outage;
use crate::grpc::proto::outage::{Loss, Recovery};

/// A paragraph for each way to fare, and under it the commands that mend it, each as it is, to be pasted.
pub(in crate::cli) fn page(outages: &[Outage], indent: usize) -> String {
    let mut page = String::new();
    for (sentence, commands) in told(outages) {
        page += &wrapped(&sentence, indent);
        page += &commands.iter().map(|one| format!("{:indent$}  {one}\n", "")).collect::<String>();
    }
    page
}

/// A sentence or two for each way to fare, and the commands that mend it.
fn told(outages: &[Outage]) -> Vec<(String, Vec<String>)> {
    let mut alike: Vec<(Vec<&Outage>, Outage)> = Vec::new();
    for outage in outages {
        let nameless =
            Outage { identity: String::new(), partition: String::new(), renew: Vec::new(), ..outage.clone() };
        match alike.iter_mut().find(|(_, known)| *known == nameless) {
            Some((members, _)) => members.push(outage),
            None => alike.push((vec![outage], nameless)),
        }
    }
    alike.iter().map(|(members, one)| (sentence(members, one), commands(members))).collect()
}

/// Who, as a column of names.
pub(in crate::cli) fn names<'a>(outages: impl Iterator<Item = &'a Outage>) -> String {
    or_dash(outages.map(named).collect::<Vec<_>>().join(","))
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

/// What a script may want of one: how, whose, under which condition, what mends it, how long its links live, and whether its
/// instant is only the earliest.
pub(super) fn cells(outage: &Outage) -> [String; 7] {
    [
        say::name(outage.loss().as_str_name(), "LOSS"),
        or_dash(outage.partition.clone()),
        or_dash(outage.condition.clone()),
        say::name(outage.recovery().as_str_name(), "RECOVERY"),
        or_dash(outage.renew.join(",")),
        or_dash(say::length(outage.life.as_ref())),
        or_dash(if outage.may_come_later { "not-before".to_owned() } else { String::new() }),
    ]
}

/// Whether it signs on, and its links die early.
pub(in crate::cli) fn is_cut_short(outage: &Outage) -> bool {
    outage.loss() == Loss::ShortLinks
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
    let from = if one.may_come_later { format!("not before {at}") } else { format!("from {at} on") };
    let what = match (one.loss(), &one.at) {
        (Loss::DeadLinks, _) => format!("{may}sign{s} dead links {from}{}", reach(one)),
        (Loss::ShortLinks, _) => {
            format!("{may}sign{s} links that live {} at most {from}{}", say::length(one.life.as_ref()), reach(one))
        }
        (_, Some(_)) if one.may_come_later => format!("{may}stop{s} signing not before {at}"),
        (_, Some(_)) => format!("{may}stop{s} signing at {at}"),
        (_, None) => format!("{may}stop{s} signing already{}", reach(one)),
    };
    // Where the message speaks of one, and not of what they share.
    let of_one = one.message.split([' ', ',', ';']).any(|word| matches!(word, "it" | "its"));
    let each = if many && of_one { "for each of them, " } else { "" };
    let mut text = format!("{} {what}: {each}{}", listed(members), one.message.trim_end_matches('.'));
    if !one.condition.is_empty() {
        text += &format!(". So it is if {}", one.condition);
    }
    if is_mended_by_renewal(one) {
        // Where it stops later, the command may be given before that, but no sooner.
        let is_later = |from: &&prost_types::Timestamp| {
            one.loss() == Loss::NoSession || one.at.as_ref().is_some_and(|at| from.seconds > at.seconds)
        };
        let later = one.renew_from.as_ref().filter(is_later);
        let from = later.map(|from| format!(" from {} on", say::time(Some(from)))).unwrap_or_default();
        return text + &format!(". Renewing mends it{from}:");
    }
    text + "."
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
fn commands(members: &[&Outage]) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for name in members.iter().flat_map(|one| &one.renew) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.iter().map(|name| format!("presignd identities renew {name}")).collect()
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
        let own = page(&[revoked("up", 0)], 3);
        assert_eq!(
            own,
            "   up signs dead links from 2026-11-22T14:02:00Z on: its session is revoked.\n   Renewing mends it:\n     \
             presignd identities renew up\n"
        );
        let later = told(&[revoked("up", 30)]);
        assert!(later[0].0.ends_with(". Renewing mends it from 2026-11-22T14:02:30Z on:"), "{later:?}");
        let lost = Outage { recovery: Recovery::None.into(), renew: Vec::new(), ..revoked("up", 0) };
        let dead = "up signs dead links from 2026-11-22T14:02:00Z on: its session is revoked.";
        assert_eq!(told(&[lost]), [(dead.to_owned(), Vec::new())]);
        let out = Outage {
            loss: Loss::NoSession.into(),
            at: None,
            recovery: Recovery::None.into(),
            renew: Vec::new(),
            ..revoked("up", 0)
        };
        assert_eq!(page(&[out], 0), "up stops signing already: its session is revoked.\n");
    }

    #[test]
    fn an_instant_that_is_only_the_earliest_is_told_as_that() {
        let stops = Outage {
            loss: Loss::NoSession.into(),
            recovery: Recovery::None.into(),
            renew: Vec::new(),
            message: "the key that mints its sessions is dead".into(),
            ..revoked("up", 0)
        };
        let (later, sure) = (Outage { may_come_later: true, ..stops.clone() }, stops);
        let told = |outage: &Outage| told(std::slice::from_ref(outage)).remove(0).0;
        let why = "2026-11-22T14:02:00Z: the key that mints its sessions is dead.";
        assert_eq!(told(&later), format!("up stops signing not before {why}"));
        assert_eq!(told(&sure), format!("up stops signing at {why}"));
        let dead = Outage { loss: Loss::DeadLinks.into(), ..later.clone() };
        assert_eq!(told(&dead), format!("up signs dead links not before {why}"));
        // A command that is given before its session runs out must not be given too soon.
        let kept = Outage { at: at(3600), recovery: Recovery::Renewal.into(), ..revoked("up", 12) };
        let kept = Outage { loss: Loss::NoSession.into(), ..kept };
        assert!(told(&kept).ends_with(". Renewing mends it from 2026-11-22T14:02:12Z on:"), "{}", told(&kept));
        assert_eq!([&later, &sure].map(|one| cells(one)[6].clone()), ["not-before", "-"]);
        assert_eq!(super::told(&[later, sure]).len(), 2, "they do not fare alike");
    }

    #[test]
    fn those_that_fare_alike_share_a_sentence_and_what_is_based_on_another_comes_after_it() {
        let hop = Outage { renew: vec!["up".into(), "hop".into()], ..revoked("hop", 0) };
        let red = Outage { partition: "red".into(), ..revoked("web", 0) };
        let both = told(&[revoked("up", 0), hop, red]);
        assert_eq!(both.len(), 1, "{both:?}");
        assert!(both[0].0.starts_with("up, hop and web (red) each sign dead links from"), "{both:?}");
        assert!(both[0].0.contains(" on: for each of them, its session is revoked. "), "{both:?}");
        assert_eq!(both[0].1, ["up", "hop", "web"].map(|name| format!("presignd identities renew {name}")));
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
            renew: Vec::new(),
            ..revoked("up", 0)
        };
        assert_eq!(
            told(&[some])[0].0,
            "up may sign dead links from 2026-11-22T14:02:00Z on for photos, keys that begin with cats/ (s3:GetObject): \
             its session is revoked. So it is if no other policy allows the request."
        );
    }

    #[test]
    fn links_that_are_cut_short_say_how_short() {
        let short = |name| Outage {
            loss: Loss::ShortLinks.into(),
            life: Some(prost_types::Duration { seconds: 90, nanos: 0 }),
            bucket: "photos".into(),
            recovery: Recovery::None.into(),
            renew: Vec::new(),
            message: "the policy denies signatures older than that".into(),
            ..revoked(name, 0)
        };
        assert_eq!(
            told(&[short("up"), short("web")])[0].0,
            "up and web each sign links that live 1m 30s at most from 2026-11-22T14:02:00Z on for photos: the policy \
             denies signatures older than that."
        );
        assert!(is_cut_short(&short("up")) && !is_cut_short(&revoked("up", 0)));
    }
}
