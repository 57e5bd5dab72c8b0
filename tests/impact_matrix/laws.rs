//! What holds for every event, every session and every URL, by property tests over that small world.

use presignd::impact::concern::Concern;
use presignd::impact::contain::containments;
use presignd::impact::ending::{Ending, Verdict};
use presignd::impact::event::{Event, Object, Policy, Statement, What};
use presignd::impact::{Subject, ending};
use presignd::issued::Filter;
use presignd::s3::operation::Operation;
use presignd::session::CredentialKind;
use proptest::prelude::*;
use proptest::sample::select;

use crate::made::*;
use crate::world::*;

#[test]
fn a_concern_follows_copies_to_their_source() {
    let (bucket, role) = (|| "attic".to_owned(), signed(CredentialKind::AssumeRole));
    let whats = [
        What::BucketDeleted { bucket: bucket() },
        What::KmsKeyDisabled { key_arn: "arn:k".to_owned(), bucket: bucket(), key_prefix: String::new() },
        What::ObjectDeleted(Object { bucket: bucket(), key: "old.jpg".to_owned(), ..object("", None) }),
        deny(Statement { bucket: bucket(), ..statement(Policy::Bucket) }),
    ];
    for what in whats {
        let event = event(what);
        assert_ne!(role.ending(&event, &ask(Operation::CopyObject).url()).verdict, Verdict::Lives, "{event:?}");
        assert!(Concern::of(&event).touches_place(BUCKET, Operation::CopyObject), "{event:?}");
        assert!(!Concern::of(&event).touches_place(BUCKET, Operation::PutObject), "{event:?}");
    }
}

/// Without its interval: that of a URL is held to its own life.
fn timeless(ending: &Ending) -> Ending {
    Ending { not_before: at(0), not_after: at(0), ..*ending }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, ..ProptestConfig::default() })]

    #[test]
    fn an_ending_lies_between_the_event_and_the_hard_end(event in events(), signed in sessions(), url in asks()) {
        let found = signed.ending(&event, &url);
        if url.usable_until() <= event.at {
            prop_assert_eq!((found.verdict, found.reason.as_str()), (Verdict::Lives, "ALREADY_ENDED"));
        }
        if found.verdict != Verdict::Lives {
            prop_assert!(event.at <= found.not_before && url.signed_at <= found.not_before);
            prop_assert!(found.not_before <= found.not_after && found.not_after <= url.usable_until());
        }
        prop_assert_eq!(found.verdict == Verdict::MayEnd, !found.conditions.is_empty());
        prop_assert!(found.verdict != Verdict::Lives || (!found.reversible && found.bearer_errors.is_empty()));
    }

    #[test]
    fn what_a_group_answers_each_of_its_urls_answers(event in events(), signed in sessions(), url in asks()) {
        let (bucket, operation) = (url.what.bucket().as_str(), url.what.operation());
        let found = signed.ending(&event, &url);
        let group = ending(&event, signed.by(), Subject::Group { bucket, operation });
        if let Some(group) = group && found.reason.as_str() != "ALREADY_ENDED" {
            if group.verdict == Verdict::Lives {
                prop_assert_eq!(found.verdict, Verdict::Lives);
                // Else a slip in a name would pass for a name that is known.
                prop_assert!(found.reason.as_str() != "NOT_CONCERNED" || group.reason == found.reason, "{:?}", group);
            } else {
                prop_assert_eq!(timeless(&found), timeless(&group));
                prop_assert!(group.not_before <= found.not_before && found.not_after <= group.not_after.max(url.signed_at));
            }
        }
    }

    #[test]
    fn what_is_gone_for_good_cannot_be_undone(event in events(), signed in sessions(), url in asks()) {
        let found = signed.ending(&event, &url);
        let for_good = match &event.what {
            What::KeyDeleted { .. } | What::UserDeleted(_) | What::RoleDeleted(_) | What::RoleRecreated(_)
            | What::UploadEnded { .. } | What::SessionExpired(_) => true,
            // An alias is made up anew.
            What::AccessPointDeleted { access_point } => access_point.ends_with("-s3alias"),
            What::ObjectDeleted(object) => !object.version_id.is_empty(),
            _ => false,
        };
        prop_assert!(!(for_good && found.reversible));
        prop_assert!(!(for_good && event.what.can_be_undone()));
        prop_assert!(event.what.can_be_undone() || !found.reversible, "what revives a URL can be lifted");
    }

    #[test]
    fn a_concern_leaves_out_only_what_lives(event in events(), signed in sessions(), url in asks()) {
        let found = signed.ending(&event, &url);
        let concern = Concern::of(&event);
        if found.verdict != Verdict::Lives {
            let (bucket, operation) = (url.what.bucket().as_str(), url.what.operation());
            prop_assert!(!concern.is_empty());
            prop_assert!(concern.touches_session(signed.by()));
            prop_assert!(concern.touches_place(bucket, operation));
            let narrowed = concern.narrow(&Filter::default()).expect("it touches something");
            let facts = &signed.session.facts;
            prop_assert!(narrowed.access_key_id.is_none_or(|key| key == facts.access_key_id));
            prop_assert!(narrowed.session.is_none_or(|session| session == signed.session.id));
            prop_assert!(narrowed.usable_after.is_none_or(|after| url.usable_until() > after));
            let open = matches!(operation, Operation::CopyObject | Operation::UploadPartCopy | Operation::PostObject | Operation::DeleteObjects);
            if let (presignd::s3::form::Signable::Request(request), Some(prefix), false) = (&url.what, concern.key_prefix(), open) {
                prop_assert!(request.key().is_none_or(|key| key.as_str().starts_with(prefix)));
            }
        }
    }

    #[test]
    fn what_is_proposed_to_contain_a_url_ends_it(signed in sessions(), url in asks(), now in select(vec![0i64, 500, 5000])) {
        let ways = containments(&url, signed.by(), &presignd::signer::endpoint::Endpoint::Aws, at(now));
        for way in &ways {
            let found = signed.ending(&way.event, &url);
            prop_assert_eq!(found, way.ending);
            prop_assert!(found.verdict != Verdict::Lives);
            prop_assert!(!way.steps.is_empty());
            prop_assert_eq!(way.event.check(), Ok(()));
        }
        prop_assert!(ways.windows(2).all(|pair| (pair[0].ending.verdict, pair[0].rank) < (pair[1].ending.verdict, pair[1].rank)));
        prop_assert_eq!(url.usable_until() <= at(now) && !ways.is_empty(), false);
    }

    #[test]
    fn an_event_is_read_back_as_it_was_written(event in events()) {
        let text = serde_json::to_string(&event).expect("an event is JSON");
        prop_assert_eq!(serde_json::from_str::<Event>(&text).expect("it was one"), event);
    }
}
