//! That the seeds have seen everything there is to see: a simulation in which nothing dies proves nothing.

use presignd::impact::ending::Verdict;

use crate::tally::{Row, Tally};

/// Each kind of event was there, with every verdict that it can have and no other, and what was said did happen.
pub(crate) fn of_months(seen: &Tally) {
    for (name, verdicts) in EVENTS {
        let row = seen.rows.get(name).unwrap_or_else(|| panic!("no seed has seen: {name}"));
        for verdict in [Verdict::Ends, Verdict::MayEnd, Verdict::Lives] {
            let expected = verdicts.contains(&verdict);
            assert_eq!(said(row, verdict) > 0, expected, "{name} {verdict:?}: {row:?}");
        }
        assert_eq!(row.ended > 0, verdicts.contains(&Verdict::Ends), "{name} was said to end URLs: {row:?}");
        // SEMANTICS.md does not tell when an account's URLs end, nor what becomes of copies and access points of a
        // bucket that is gone.
        let untold = matches!(*name, "account shut" | "bucket gone");
        assert_eq!(row.did > 0, !untold && verdicts.contains(&Verdict::MayEnd), "{name} may end URLs: {row:?}");
    }
    let unknown: Vec<_> = seen.rows.keys().filter(|name| !EVENTS.iter().any(|(known, _)| known == *name)).collect();
    assert!(unknown.is_empty(), "the table of events lacks {unknown:?}");
    assert!(seen.dead_on_arrival > 0 && seen.mended > 0, "no forecast of dead links was tried: {seen}");
    assert!(seen.cut_short > 0, "no forecast of links that are cut short was tried: {seen}");
    of_looks(seen);
}

/// URLs of the real desk lived, died and were spared; sessions were renewed and refused.
pub(crate) fn of_days(seen: &Tally) {
    let rows = seen.rows.values();
    let sum = |of: fn(&Row) -> u64| rows.clone().map(of).sum::<u64>();
    assert!(sum(|row| row.ended) > 0 && sum(|row| row.did) > 0 && sum(|row| row.lives) > 0, "{seen}");
    assert!(seen.rows.len() > 20, "hardly any kind of event was there:\n{seen}");
    of_looks(seen);
}

/// URLs were looked at alive and dead, each at least every twentieth time.
fn of_looks(seen: &Tally) {
    let Tally { urls, looks, worked, refused, renewed, failed, .. } = *seen;
    assert!(urls > 0 && refused > 0 && renewed > 0 && failed > 0, "{seen}");
    assert!(worked * 20 > looks && (looks - worked) * 20 > looks, "{worked} of {looks} looks saw the URL work");
}

fn said(row: &Row, verdict: Verdict) -> u64 {
    match verdict {
        Verdict::Ends => row.ends,
        Verdict::MayEnd => row.may,
        Verdict::Lives => row.lives,
    }
}

const ALL: &[Verdict] = &[Verdict::Ends, Verdict::MayEnd, Verdict::Lives];
const SURE: &[Verdict] = &[Verdict::Ends, Verdict::Lives];
const DOUBTFUL: &[Verdict] = &[Verdict::MayEnd, Verdict::Lives];
const MAY_END: &[Verdict] = &[Verdict::MayEnd];
const LIVES: &[Verdict] = &[Verdict::Lives];

/// What can be said of each kind of event, by SEMANTICS.md 1.2 and its notes.
const EVENTS: &[(&str, &[Verdict])] = &[
    ("account shut", MAY_END),
    ("allow gone", DOUBTFUL),
    ("archived", ALL),
    ("bucket gone", ALL),
    ("denied by boundary", ALL),
    ("denied by bucket", ALL),
    ("denied by identity", ALL),
    ("denied by rcp", DOUBTFUL),
    ("denied by scp", DOUBTFUL),
    ("issued nobody knows when", ALL),
    ("key gone", SURE),
    ("key made", LIVES),
    ("key off", SURE),
    ("kms off", DOUBTFUL),
    ("machine gone", LIVES),
    ("object gone", ALL),
    ("of nobody knows whom", ALL),
    ("overwritten", LIVES),
    ("point gone", SURE),
    ("profile swapped", LIVES),
    ("provider gone", LIVES),
    ("public blocked", ALL),
    ("requester pays", DOUBTFUL),
    ("role gone", SURE),
    ("role remade", SURE),
    ("role revoked", ALL),
    ("signed later", ALL),
    ("sso user off", LIVES),
    ("trust edited", LIVES),
    ("upload over", ALL),
    ("user gone", ALL),
    ("user revoked", ALL),
    ("version gone", ALL),
];
