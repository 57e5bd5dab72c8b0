//! What a search can go by: the facets of a record, and those that a filter names. Whatever they find is looked at with
//! the whole filter afterwards, so they may find too much and never too little.

use super::super::columns::{self, Problem};
use crate::issued::Filter;

/// For whom a URL was issued. Nobody is no facet: most registries are full of it.
pub(super) fn on_behalf_of(text: &[u8]) -> Option<Vec<u8>> {
    (!text.is_empty()).then(|| facet(b'o', text))
}

pub(super) fn uid(uid: u32) -> Vec<u8> {
    facet(b'u', &uid.to_be_bytes())
}

pub(super) fn operation(name: &[u8]) -> Vec<u8> {
    facet(b'p', name)
}

/// Of each label in a row's column.
pub(super) fn labels(column: &str) -> Result<Vec<Vec<u8>>, Problem> {
    if column == "[]" {
        return Ok(Vec::new());
    }
    let pairs = columns::read_pairs(column)?;
    Ok(pairs.iter().map(|(name, value)| label(name, value)).collect())
}

fn label(name: &str, value: &str) -> Vec<u8> {
    facet(b'l', columns::pair(name, value).as_bytes())
}

fn facet(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut facet = Vec::with_capacity(1 + value.len());
    facet.push(kind);
    facet.extend_from_slice(value);
    facet
}

/// What a filter asks for, in words of the search file.
pub(super) struct Asked {
    /// Of each of these any one.
    pub(super) lists: Vec<Vec<Vec<u8>>>,
    /// Whether a bucket or the beginning of keys is named.
    pub(super) keys: bool,
}

impl Asked {
    /// `None`: a filter that names nothing that the search file knows.
    pub(super) fn of(filter: &Filter) -> Option<Self> {
        let mut lists = Vec::new();
        lists
            .extend(filter.on_behalf_of.as_deref().and_then(|text| on_behalf_of(text.as_bytes())).map(|one| vec![one]));
        lists.extend(filter.uid.map(|one| vec![uid(one)]));
        lists.extend(filter.labels.iter().map(|(name, value)| vec![label(name, value)]));
        if !filter.operations.is_empty() {
            let mut any: Vec<_> = filter.operations.iter().map(|one| operation(one.as_str().as_bytes())).collect();
            any.sort_unstable();
            any.dedup();
            lists.push(any);
        }
        let keys = filter.bucket.is_some() || filter.key_prefix.as_deref().is_some_and(|prefix| !prefix.is_empty());
        (keys || !lists.is_empty()).then_some(Self { lists, keys })
    }
}
