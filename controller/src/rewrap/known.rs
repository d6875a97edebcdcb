//! Which requests there are, whose turn it is, and which have been there for too long.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kseal_api::RewrapRequestStatus;
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::watch::Event;

/// Who asked has his answer long before.
const LIFE: Duration = Duration::from_mins(5);
/// How many requests of one namespace are kept in mind. More are taken away unanswered: who has so many under way does not
/// wait for the answers.
const MANY: usize = 64;
/// How many of those are kept in mind to be taken away.
const EXCESS: usize = 4_096;

/// Namespace and name.
pub(super) type Name = (String, String);

/// The requests that there are.
#[derive(Default)]
pub(super) struct Requests {
    known: Mutex<Known>,
    pub(super) more: Notify,
}

#[derive(Default)]
pub(super) struct Known {
    /// UID, and since when it is known.
    since: BTreeMap<Name, (String, Instant)>,
    /// What is to be answered, from when on, and how often it was tried.
    waiting: BTreeMap<Name, (Instant, u32)>,
    /// UIDs of those that are too many.
    excess: BTreeMap<Name, String>,
    /// Whether there are more than that.
    overflows: bool,
    /// The namespace whose turn it was.
    last: String,
}

/// A request whose turn it is, and how often it was tried.
pub(super) type Turn = (Name, u32);

impl Known {
    /// The next one: of each namespace one in turn, so that a flood in one is not in the way of the others.
    pub(super) fn next(&mut self, now: Instant) -> Option<Turn> {
        // No name comes between a namespace and this one.
        let after = (format!("{}\0", self.last), String::new());
        let is_due = |(_, (due, _)): &(&Name, &(Instant, u32))| *due <= now;
        let next = self.waiting.range(after..).find(is_due).or_else(|| self.waiting.iter().find(is_due));
        let (name, tries) = next.map(|(name, (_, tries))| (name.clone(), *tries))?;
        self.waiting.remove(&name);
        self.last.clone_from(&name.0);
        Some((name, tries))
    }

    /// When the next one is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.values().map(|(due, _)| *due).min()
    }

    fn note(&mut self, head: &Head, now: Instant) -> bool {
        let (name, uid) = (head.name(), &head.metadata.uid);
        let is_known = self.since.get(&name).is_some_and(|(known, _)| known == uid);
        if !is_known {
            let beginning = (name.0.clone(), String::new());
            let of_same = self.waiting.range(beginning..).take_while(|((of, _), _)| *of == name.0);
            if !head.is_answered() && of_same.count() >= MANY {
                self.overflows |= self.excess.len() >= EXCESS;
                if self.excess.len() < EXCESS {
                    self.excess.insert(name, uid.clone());
                }
                return false;
            }
            self.since.insert(name.clone(), (uid.clone(), now));
        }
        // One that is known waits already, for its time, or is being answered.
        if head.is_answered() || (is_known && self.waiting.contains_key(&name)) {
            return false;
        }
        self.waiting.insert(name, (now, 0));
        true
    }

    /// It could not be answered, and gets another turn then.
    pub(super) fn again(&mut self, (name, tries): Turn, due: Instant) {
        self.waiting.insert(name, (due, tries + 1));
    }

    /// Whether there are more than are kept in mind, which is to be found out by another list.
    pub(super) fn take_overflow(&mut self) -> bool {
        std::mem::take(&mut self.overflows)
    }

    fn forget(&mut self, name: &Name) {
        self.since.remove(name);
        self.waiting.remove(name);
        self.excess.remove(name);
    }

    /// What is to be taken away at this time, with the UID of each.
    pub(super) fn old(&self, now: Instant) -> Vec<(Name, String)> {
        let old = self.since.iter().filter(|(_, (_, since))| now.duration_since(*since) >= LIFE);
        let old = old.map(|(name, (uid, _))| (name.clone(), uid.clone()));
        old.chain(self.excess.iter().map(|(name, uid)| (name.clone(), uid.clone()))).collect()
    }
}

/// A request, as far as it means something.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) metadata: Metadata,
    #[serde(default)]
    status: Option<RewrapRequestStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    namespace: String,
    name: String,
    pub(super) uid: String,
    pub(super) resource_version: String,
    #[serde(default)]
    pub(super) generation: i64,
    #[serde(default)]
    pub(super) creation_timestamp: String,
    #[serde(default)]
    pub(super) deletion_timestamp: Option<String>,
}

impl Head {
    pub(super) fn is_answered(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.observed_generation == self.metadata.generation)
    }

    fn name(&self) -> Name {
        (self.metadata.namespace.clone(), self.metadata.name.clone())
    }
}

impl Requests {
    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        // What was noted before a panic elsewhere still holds.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn observe(&self, namespace: Option<&str>, event: &Event<'_>, now: Instant) {
        let read = |object: &[u8]| serde_json::from_slice::<Head>(object).ok();
        let mut known = self.known();
        match event {
            // What is still there is told once more.
            Event::Started => {
                let is_elsewhere = |name: &Name| namespace.is_some_and(|namespace| namespace != name.0);
                known.since.retain(|name, _| is_elsewhere(name));
                known.waiting.retain(|name, _| is_elsewhere(name));
                known.excess.retain(|name, _| is_elsewhere(name));
            }
            Event::Present { object, .. } => {
                let Some(head) = read(object) else { return };
                if known.note(&head, now) {
                    self.more.notify_one();
                }
            }
            Event::Gone { object } => {
                let Some(head) = read(object) else { return };
                known.forget(&head.name());
            }
            Event::Synced { .. } | Event::Answered | Event::Lost { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(namespace: &str, name: &str, uid: &str, status: &Value) -> Vec<u8> {
        let metadata =
            json!({"namespace": namespace, "name": name, "uid": uid, "resourceVersion": "1", "generation": 1});
        json!({"metadata": metadata, "spec": {"objects": []}, "status": status}).to_string().into_bytes()
    }

    struct World {
        requests: Requests,
        now: Instant,
    }

    impl World {
        fn new() -> Self {
            Self { requests: Requests::default(), now: Instant::now() }
        }

        fn see(&self, namespace: &str, name: &str) {
            let object = request(namespace, name, name, &Value::Null);
            self.requests.observe(None, &Event::Present { object: &object, initial: false }, self.now);
        }

        fn turns(&self) -> Vec<String> {
            let next = || self.requests.known().next(self.now);
            std::iter::from_fn(next).map(|((namespace, name), _)| format!("{namespace}/{name}")).collect()
        }

        fn old(&self, later: Duration) -> Vec<String> {
            self.requests.known().old(self.now + later).into_iter().map(|((_, name), _)| name).collect()
        }
    }

    #[test]
    fn namespaces_take_turns() {
        let world = World::new();
        for name in ["1", "2", "3"] {
            world.see("flood", name);
        }
        world.see("quiet", "1");
        world.see("flood-2", "1");
        assert_eq!(world.turns(), ["flood/1", "flood-2/1", "quiet/1", "flood/2", "flood/3"]);
    }

    #[test]
    fn what_is_answered_waits_no_more_and_goes_after_its_time() {
        let world = World::new();
        let answered = request("prod", "a", "a", &json!({"observedGeneration": 1}));
        world.requests.observe(None, &Event::Present { object: &answered, initial: true }, world.now);
        world.see("prod", "b");
        assert_eq!(world.turns(), ["prod/b"]);
        assert!(world.old(LIFE / 2).is_empty());
        assert_eq!(world.old(LIFE), ["a", "b"]);
        world.requests.observe(None, &Event::Gone { object: &answered }, world.now);
        assert_eq!(world.old(LIFE), ["b"]);
    }

    #[test]
    fn too_many_of_one_namespace_are_taken_away_unanswered() {
        let world = World::new();
        for number in 0..=MANY {
            world.see("flood", &format!("{number:03}"));
        }
        world.see("quiet", "1");
        assert_eq!(world.old(Duration::ZERO), [format!("{MANY:03}")]);
        assert!(!world.requests.known().take_overflow());
        for number in 0..=EXCESS {
            world.see("flood", &format!("more-{number}"));
        }
        assert!(world.requests.known().take_overflow(), "it has to be looked again");
        assert!(!world.requests.known().take_overflow());
        assert_eq!(world.turns().len(), MANY + 1);
    }

    #[test]
    fn one_that_could_not_be_answered_waits_for_its_time_and_holds_up_no_other() {
        let mut world = World::new();
        world.see("prod", "a");
        let turn = world.requests.known().next(world.now).unwrap();
        world.requests.known().again(turn, world.now + Duration::from_secs(2));
        // What passes by meanwhile, our own failed answer among it, does not bring it sooner.
        world.see("prod", "a");
        world.see("prod", "b");
        assert_eq!(world.turns(), ["prod/b"]);
        assert_eq!(world.requests.known().due(), Some(world.now + Duration::from_secs(2)));
        world.now += Duration::from_secs(2);
        let (_, tries) = world.requests.known().next(world.now).unwrap();
        assert_eq!(tries, 1);
    }

    #[test]
    fn one_of_the_same_name_that_comes_later_is_another_one() {
        let mut world = World::new();
        world.see("prod", "a");
        assert_eq!(world.turns().len(), 1);
        let next = request("prod", "a", "next", &Value::Null);
        world.requests.observe(None, &Event::Present { object: &next, initial: false }, world.now + LIFE);
        world.now += LIFE;
        assert_eq!(world.turns(), ["prod/a"]);
        assert!(world.old(Duration::ZERO).is_empty());
    }

    #[test]
    fn a_list_that_begins_forgets_what_it_will_tell() {
        let world = World::new();
        world.see("prod", "a");
        world.see("dev", "b");
        world.requests.observe(Some("prod"), &Event::Started, world.now);
        assert_eq!(world.turns(), ["dev/b"]);
    }
}
