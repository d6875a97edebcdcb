use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kseal_core::policy::InForce;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::*;
use crate::guard::Guard;
use crate::testing::{Answer, Seen, client};

const POLICY: Policy = Policy::RewrapRequests;
const SYNCED: Event<'_> = Event::Synced { resource_version: 1 };

/// The policy of this release is in deploy/policies; a few words will do where it is another one's that is expected.
fn object(spec: &Value) -> Vec<u8> {
    let metadata = json!({"uid": "u", "generation": 1, "creationTimestamp": "2026-11-22T05:20:00Z"});
    json!({"metadata": metadata, "spec": spec}).to_string().into_bytes()
}

fn present(object: &[u8]) -> Event<'_> {
    Event::Present { object, initial: true }
}

/// A policy that is there, with its binding, and is not what it should be.
fn seen() -> Followed<'static> {
    let mut followed = Followed::new(&[POLICY], "kseal-system");
    assert_eq!(followed.news(POLICY), None);
    for part in Part::ALL {
        followed.take_in(POLICY, part, &Event::Started);
        followed.take_in(POLICY, part, &Event::Answered);
        followed.take_in(POLICY, part, &present(&object(&json!({}))));
        assert_eq!(followed.news(POLICY), None, "a list that is not whole says nothing");
        followed.take_in(POLICY, part, &SYNCED);
    }
    assert_eq!(followed.news(POLICY), Some(State::Other));
    followed
}

#[test]
fn what_is_told_once_is_not_told_again() {
    let mut followed = seen();
    assert_eq!(followed.news(POLICY), None);
    assert!(followed.is_whole() && followed.seen().is_empty());
}

#[test]
fn each_part_must_be_there() {
    for part in Part::ALL {
        let mut followed = seen();
        followed.take_in(POLICY, part, &Event::Gone { object: b"{}" });
        assert_eq!(followed.news(POLICY), Some(State::Missing(part)));
        followed.take_in(POLICY, part, &present(b"not an object"));
        assert_eq!(followed.news(POLICY), Some(State::Other));
        // A later list that does not name it.
        followed.take_in(POLICY, part, &Event::Started);
        followed.take_in(POLICY, part, &Event::Answered);
        assert_eq!(followed.news(POLICY), None, "a list that begins forgets nothing");
        followed.take_in(POLICY, part, &SYNCED);
        assert_eq!(followed.news(POLICY), Some(State::Missing(part)));
    }
}

#[test]
fn what_cannot_be_seen_is_not_in_force_until_it_is_seen_again() {
    let mut followed = seen();
    followed.take_in(POLICY, Part::Binding, &Event::Lost { category: "forbidden" });
    assert_eq!(followed.news(POLICY), Some(State::Unseen("forbidden")));
    // The watch goes on where it was.
    followed.take_in(POLICY, Part::Binding, &Event::Answered);
    assert_eq!(followed.news(POLICY), Some(State::Other));
    // It begins anew.
    followed.take_in(POLICY, Part::Policy, &Event::Lost { category: "server" });
    assert_eq!(followed.news(POLICY), Some(State::Unseen("server")));
    followed.take_in(POLICY, Part::Policy, &Event::Started);
    followed.take_in(POLICY, Part::Policy, &Event::Answered);
    assert_eq!(followed.news(POLICY), None);
    followed.take_in(POLICY, Part::Policy, &SYNCED);
    assert_eq!(followed.news(POLICY), Some(State::Missing(Part::Policy)));
}

#[test]
fn it_is_known_how_it_stands_when_each_was_looked_at() {
    let mut followed = Followed::new(&[POLICY], "kseal-system");
    followed.take_in(POLICY, Part::Policy, &SYNCED);
    assert!(!followed.is_whole());
    followed.take_in(POLICY, Part::Binding, &Event::Lost { category: "forbidden" });
    assert!(followed.is_whole());
}

#[test]
fn only_what_is_in_force_is_handed_on() {
    let mut followed = seen();
    let edition = Edition::of([("p", 1), ("b", 1)], 1_795_324_800);
    followed.states.insert(POLICY, State::InForce(edition.clone()));
    followed.states.insert(Policy::ImagePullSecrets, State::Other);
    assert_eq!(followed.seen(), Editions::from([(POLICY, edition)]));
}

/// An API server that has nothing, and refuses one of the two kinds.
#[tokio::test(start_paused = true)]
async fn each_object_is_asked_for_by_its_name_alone() {
    let asked = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&asked);
    let answer = move |request: Seen| {
        seen.lock()
            .unwrap()
            .insert((request.path.clone(), request.query.contains("metadata.name%3Dkseal-rewrap-requests")));
        if request.path.ends_with("bindings") {
            return Answer::Json(403, Value::Null);
        }
        if request.query.contains("sendInitialEvents") {
            return Answer::Json(400, Value::Null);
        }
        if request.query.contains("watch=true") {
            return Answer::Silence;
        }
        Answer::Json(200, json!({"metadata": {"resourceVersion": "1"}, "items": []}))
    };
    let (policies, seen) = watch::channel(Editions::default());
    let (metrics, looked) = (Metrics::new(), CancellationToken::new());
    let following = follow(client(answer), &[POLICY], "kseal-system", &metrics, &policies, &looked);
    tokio::select! {
        () = looked.cancelled() => {}
        never = following => match never {},
    }
    let root = "/apis/admissionregistration.k8s.io/v1";
    let expected = Part::ALL.map(|part| (format!("{root}/{}", part.collection()), true));
    assert_eq!(*asked.lock().unwrap(), BTreeSet::from(expected));
    assert!(metrics.encode().contains("kseal_policy_in_force{policy=\"kseal-rewrap-requests\"} 0\n"));
    assert!(seen.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_nothing_relies_on_a_policy_nothing_is_asked() {
    let (policies, _seen) = watch::channel(Editions::default());
    let (metrics, looked) = (Metrics::new(), CancellationToken::new());
    let following = follow(client(|_| panic!("asked")), &[], "kseal-system", &metrics, &policies, &looked);
    assert!(timeout(Duration::from_mins(5), following).await.is_err());
    assert!(looked.is_cancelled());
    let (_in_force, judged_by) = watch::channel(InForce::default());
    let mut guard = Guard::new(judged_by, true, crate::settings::now);
    guard.until_in_force(POLICY).await;
    assert!(guard.check(&[POLICY], "never", None).is_ok(), "something else decides who may ask");
}
