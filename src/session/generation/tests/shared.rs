//! What is advised of a key that others have, too, and of one whose URLs have all ended early.

use super::*;

#[test]
fn what_has_ended_early_altogether_is_broken_by_a_deactivation_only_if_it_comes_back() {
    let key = session(CredentialKind::LongTermKey, None);
    let (event, until) = ("event k3yd2a7q-5 stands", "2026-11-22T14:10:00Z (2 h 10 min)");
    let say = |count, retired_at, holders: &[Holder]| {
        let rests = generation(&key, Secret::Rests);
        let last = Some(at(7800));
        Generation {
            outstanding: count,
            ended_early: count,
            ended_by: event,
            last_url_ends_at: last,
            retired_at,
            holders,
            ..rests
        }
        .advice(at(0))
    };
    assert_eq!(
        say(1, None, &[]),
        format!(
            "wait until {until}: 1 URL ends by then; it has ended early, as long as {event}: only once that is undone does \
             deactivating AKIAEXAMPLE earlier break it"
        )
    );
    assert_eq!(
        say(2, None, &[]),
        format!(
            "wait until {until}: 2 URLs end by then; all of them have ended early, as long as {event}: only once that is \
             undone does deactivating AKIAEXAMPLE earlier break them"
        )
    );
    assert_eq!(
        say(2, Some(at(-3)), &[]),
        format!(
            "2 URLs outstanding, the last ends {until}; all of them have ended early, as long as {event}: only once that is \
             undone does deactivating AKIAEXAMPLE break them"
        )
    );
    let told = say(2, None, &[holder("p2", Hold::Rests, 1, 60)]);
    let end = format!("earlier breaks them; all of its own have ended early, as long as {event}");
    assert!(told.ends_with(&end), "those of the other are not known to have ended: {told}");
}

#[test]
fn a_key_that_others_have_is_free_when_all_of_them_are_done_with_it() {
    let key = session(CredentialKind::LongTermKey, None);
    let (rests, last) = (generation(&key, Secret::Rests), Some(at(60)));
    let (free, draining) = (rests, Generation { outstanding: 3, last_url_ends_at: last, ..rests });
    let retired = Generation { retired_at: Some(at(-3)), ..rests };
    let signs = Generation { outstanding: 3, last_url_ends_at: last, ..generation(&key, Secret::Signs) };
    let done = holder("done", Hold::Rests, 0, -60);
    let (waits, signing) = (holder("p2", Hold::Rests, 2, 7800), holder("p2", Hold::Signs, 2, 7800));
    let (prepared, mints) = (holder("p3", Hold::MaySign, 0, -60), holder("role", Hold::Mints, 0, -60));
    let (minute, later) = ("2026-11-22T12:01:00Z (1 min)", "2026-11-22T14:10:00Z (2 h 10 min)");
    let goes_on = format!("p2 still signs with it (2 URLs outstanding, the last ends {later}): drain that too");
    let renewal = "role still gets its sessions with it: without it its next renewal fails, what those signed lives on";
    let cut_off = Holder { stops_at: Some(at(60)), ..holder("cut", Hold::CutOff, 0, -60) };
    let bare = Holder { stops_at: None, ..cut_off.clone() };
    let (stops, none) = ("cut gets no next session, because its base does not sign: it", "has none to sign with");
    let (may, own) =
        ("p3 may sign with it again: drain that too", format!("3 URLs outstanding, the last ends {minute}"));
    let (now, two) = ("nothing that presignd signed with it is outstanding", [signing.clone(), prepared.clone()]);
    #[rustfmt::skip]
    let table = [
        // it, the others, from when on it is safe, what is said
        (free, vec![], None, format!("deactivate AKIAEXAMPLE now: {now}")),
        (free, vec![done.clone()], None, format!("deactivate AKIAEXAMPLE now: {now}")),
        (free, vec![waits.clone()], Some(7800), format!("wait until {later}: 2 URLs of p2 end by then; deactivating AKIAEXAMPLE earlier breaks them")),
        (free, vec![signing.clone()], Some(7800), format!("do not deactivate AKIAEXAMPLE yet: {goes_on}")),
        (free, vec![prepared], None, format!("do not deactivate AKIAEXAMPLE yet: {may}")),
        (free, vec![mints.clone()], None, format!("do not deactivate AKIAEXAMPLE yet: {renewal}")),
        (free, two.to_vec(), Some(7800), format!("do not deactivate AKIAEXAMPLE yet: {goes_on}; {may}")),
        (free, vec![cut_off.clone()], None, format!("deactivate AKIAEXAMPLE now: {now}; {stops} stops signing {minute}")),
        (free, vec![bare], None, format!("deactivate AKIAEXAMPLE now: {now}; {stops} {none}")),
        (free, vec![signing.clone(), cut_off.clone()], Some(7800), format!("do not deactivate AKIAEXAMPLE yet: {goes_on}; {stops} stops signing {minute}")),
        (draining, vec![waits.clone(), cut_off.clone()], Some(7800), format!("wait until {later}: 3 URLs and 2 URLs of p2 end by then; deactivating AKIAEXAMPLE earlier breaks them; {stops} stops signing {minute}")),
        (retired, vec![cut_off], None, format!("delete AKIAEXAMPLE: it is retired, and {now}; {stops} stops signing {minute}")),
        (draining, vec![done], Some(60), format!("wait until {minute}: 3 URLs end by then; deactivating AKIAEXAMPLE earlier breaks them")),
        (draining, vec![waits.clone()], Some(7800), format!("wait until {later}: 3 URLs and 2 URLs of p2 end by then; deactivating AKIAEXAMPLE earlier breaks them")),
        (draining, vec![mints.clone()], Some(60), format!("do not deactivate AKIAEXAMPLE yet: {renewal}; {own}")),
        (retired, vec![], None, format!("delete AKIAEXAMPLE: it is retired, and {now}")),
        (retired, vec![signing.clone()], Some(7800), format!("do not delete AKIAEXAMPLE yet: {goes_on}")),
        (retired, vec![waits], Some(7800), format!("2 URLs outstanding: deactivating AKIAEXAMPLE breaks them; the last ends {later}; p2 has 2 URLs outstanding, the last ends {later}")),
        (signs, vec![signing, mints], Some(7800), format!("put another key in its place, or drain it, before AKIAEXAMPLE is deactivated: it signs; then wait for its URLs: {own}; {goes_on}; {renewal}")),
    ];
    for (one, mut others, safe_from, words) in table {
        // Itself is among those that have it, and no other.
        others.insert(0, Holder { session: Some(key.id), ..holder("web", Hold::Signs, 9, 9000) });
        let one = Generation { holders: &others, ..one };
        assert_eq!((one.advice(at(0)), one.safe_from()), (words.clone(), safe_from.map(at)));
        assert_eq!(one.is_free(at(0)), words.starts_with("de"), "{words}");
    }
}

#[test]
fn a_key_is_broken_by_a_deactivation_only_if_an_event_is_undone_that_has_ended_those_of_others_too() {
    let key = session(CredentialKind::LongTermKey, None);
    let (own, all) = ("event k3yd2a7q-5 stands", "events k3yd2a7q-6 and k3yd2a7q-5 stand");
    let say = |urls: u64, ended: u64, of_other: u64| {
        let other = Holder { ended_early_urls: of_other, ..holder("p2", Hold::Rests, 2, 60) };
        let last_url_ends_at = (urls > 0).then(|| at(7800));
        let rests =
            Generation { outstanding: urls, ended_early: ended, last_url_ends_at, ..generation(&key, Secret::Rests) };
        Generation { ended_by: own, key_ended_by: all, holders: &[other], ..rests }.advice(at(0))
    };
    let undone = format!("all of them have ended early, as long as {all}: only once that is undone does deactivating");
    for (urls, ended) in [(3, 3), (0, 0)] {
        assert!(say(urls, ended, 2).contains(&undone), "{}", say(urls, ended, 2));
        assert!(
            say(urls, ended, 1).contains("deactivating AKIAEXAMPLE earlier breaks them"),
            "{}",
            say(urls, ended, 1)
        );
    }
    assert!(say(3, 2, 2).contains(&format!("2 of its own have ended early, as long as {own}")), "{}", say(3, 2, 2));
}
