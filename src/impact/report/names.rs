//! Totals by name, of a bounded number of names.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::{By, Group, LARGEST, MOST_NAMES, Totals};
use crate::impact::ending::Verdict;

#[derive(Debug, Default)]
pub(super) struct Names {
    held: HashMap<String, Totals>,
    /// Of names that were dropped.
    dropped: Totals,
}

impl Names {
    pub(super) fn add(&mut self, name: &str, verdict: Verdict, urls: u64) {
        if let Some(totals) = self.held.get_mut(name) {
            totals.add(verdict, urls);
            return;
        }
        if self.held.len() >= MOST_NAMES {
            self.drop_smaller_half();
        }
        self.held.entry(name.to_owned()).or_default().add(verdict, urls);
    }

    /// Half at once, so that a name costs little whether it stays or not.
    fn drop_smaller_half(&mut self) {
        let mut sizes: Vec<_> = self.held.values().map(|totals| totals.size()).collect();
        let middle = sizes.len() / 2;
        let (_, bar, _) = sizes.select_nth_unstable(middle);
        let bar = *bar;
        // Among equals any may go; but half must.
        let mut spare = self.held.values().filter(|totals| totals.size() < bar).count();
        let dropped = &mut self.dropped;
        self.held.retain(|_, totals| {
            let drop = totals.size() < bar || (totals.size() == bar && spare < middle);
            if drop {
                spare += usize::from(totals.size() == bar);
                *dropped = sum(*dropped, *totals);
            }
            !drop
        });
    }

    pub(super) fn are_exact(&self) -> bool {
        self.dropped == Totals::default()
    }

    pub(super) fn largest(&self, by: By) -> Vec<Group> {
        let mut held: Vec<(&String, &Totals)> = self.held.iter().collect();
        held.sort_by_key(|(name, totals)| (Reverse(totals.size()), *name));
        let (shown, rest) = held.split_at(held.len().min(LARGEST));
        let rest = rest.iter().fold(self.dropped, |all, (_, totals)| sum(all, **totals));
        let shown = shown.iter().map(|(name, totals)| (Some((*name).clone()), **totals));
        let rest = (rest != Totals::default()).then_some((None, rest));
        shown.chain(rest).map(|(name, totals)| Group { by, name, totals }).collect()
    }
}

fn sum(one: Totals, other: Totals) -> Totals {
    Totals { ends: one.ends + other.ends, may_end: one.may_end + other.may_end, lives: one.lives + other.lives }
}
