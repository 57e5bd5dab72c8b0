//! Which rows have to be read one by one. Where an event speaks of keys that begin so, other keys are left out by the
//! registry; not of requests whose key does not tell all that they touch.

use crate::impact::concern::Concern;
use crate::issued::Filter;
use crate::s3::operation::Operation;

/// Filters that together find every wanted record that the event may touch, and none twice.
pub(super) fn passes(concern: Concern<'_>, wanted: &Filter) -> Vec<Filter> {
    let Some(prefix) = concern.key_prefix() else { return vec![wanted.clone()] };
    let of = |is_wanted: fn(&Operation) -> bool| {
        let named = if wanted.operations.is_empty() { Operation::ALL } else { &wanted.operations };
        let operations: Vec<Operation> = named.iter().copied().filter(is_wanted).collect();
        (!operations.is_empty()).then(|| Filter { operations, ..wanted.clone() })
    };
    let by_key = of(|operation| !touches_other_keys(operation)).and_then(|filter| within(prefix, filter));
    by_key.into_iter().chain(of(touches_other_keys)).collect()
}

/// Copies read another key, forms may leave theirs open, and DeleteObjects has them in the body.
fn touches_other_keys(operation: &Operation) -> bool {
    use Operation::{CopyObject, DeleteObjects, PostObject, UploadPartCopy};
    matches!(operation, CopyObject | UploadPartCopy | PostObject | DeleteObjects)
}

/// Of the filter what begins so; `None`: nothing.
fn within(prefix: &str, filter: Filter) -> Option<Filter> {
    let wanted = filter.key_prefix.as_deref().unwrap_or_default();
    let longer = if wanted.starts_with(prefix) {
        wanted.to_owned()
    } else if prefix.starts_with(wanted) {
        prefix.to_owned()
    } else {
        return None;
    };
    Some(Filter { key_prefix: Some(longer), ..filter })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impact::event::{Event, Object, SETTLES_WITHIN, What};
    use crate::time::Timestamp;

    fn deleted(key: &str) -> Event {
        let object = Object { bucket: "photos".into(), key: key.into(), version_id: String::new(), is_versioned: None };
        Event {
            at: Timestamp::EPOCH,
            settles_within: SETTLES_WITHIN,
            endpoint: None,
            what: What::ObjectDeleted(object),
        }
    }

    fn read(wanted: &Filter) -> Vec<(Option<String>, usize)> {
        let event = deleted("a/b");
        let passes = passes(Concern::of(&event), wanted);
        passes.into_iter().map(|filter| (filter.key_prefix, filter.operations.len())).collect()
    }

    #[test]
    fn keys_are_left_out_where_the_key_tells_all_that_a_request_touches() {
        let all = Operation::ALL.len();
        assert_eq!(read(&Filter::default()), [(Some("a/b".into()), all - 4), (None, 4)]);
        let one = |prefix: &str, operations: &[Operation]| {
            read(&Filter { key_prefix: Some(prefix.into()), operations: operations.into(), ..Filter::default() })
        };
        assert_eq!(one("a/", &[Operation::GetObject]), [(Some("a/b".into()), 1)]);
        assert_eq!(one("a/b/c", &[Operation::GetObject]), [(Some("a/b/c".into()), 1)]);
        assert_eq!(one("z", &[Operation::GetObject, Operation::CopyObject]), [(Some("z".into()), 1)]);
    }
}
