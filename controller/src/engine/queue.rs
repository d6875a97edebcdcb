//! Whose turn it is: fresh changes before a resync's backlog, and namespaces in turn, by what their objects cost.
//!
//! Start-time fair queueing: each namespace has a virtual time that grows by the cost of its work, and the one that is
//! furthest behind is next. A namespace that was idle starts at the present, so nobody saves up for a flood.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::table::Id;

/// Which queue an object waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Something just changed.
    Live,
    /// Found while a list was read.
    Backlog,
}

/// Of so many turns one is the backlog's, whatever arrives.
const BACKLOG_SHARE: u32 = 8;

/// What waits for a worker.
#[derive(Default)]
pub(super) struct Queue {
    live: Lanes,
    backlog: Lanes,
    turn: u32,
}

impl Queue {
    pub(super) fn push(&mut self, id: Id, class: Class) {
        self.lanes(class).push(id);
    }

    /// The next object of a namespace that `admits` one more of its class; the backlog is left alone unless `is_open`.
    pub(super) fn pop(&mut self, is_open: bool, admits: impl Fn(&Arc<str>, Class) -> bool) -> Option<Id> {
        self.turn = self.turn.wrapping_add(1);
        let order = if self.turn.is_multiple_of(BACKLOG_SHARE) {
            [Class::Backlog, Class::Live]
        } else {
            [Class::Live, Class::Backlog]
        };
        let order = order.into_iter().filter(|class| is_open || *class == Class::Live);
        order.into_iter().find_map(|class| self.lanes(class).pop(|namespace| admits(namespace, class)))
    }

    /// Takes one object out of the backlog, because it became urgent.
    pub(super) fn promote(&mut self, id: &Id) {
        if self.backlog.remove(id) {
            self.live.push(id.clone());
        }
    }

    /// Notes what an object of `namespace` cost beyond its turn.
    pub(super) fn charge(&mut self, namespace: &Arc<str>, cost: u64) {
        self.live.charge(namespace, cost);
        self.backlog.charge(namespace, cost);
    }

    pub(super) fn len(&self, class: Class) -> usize {
        match class {
            Class::Live => self.live.len,
            Class::Backlog => self.backlog.len,
        }
    }

    fn lanes(&mut self, class: Class) -> &mut Lanes {
        match class {
            Class::Live => &mut self.live,
            Class::Backlog => &mut self.backlog,
        }
    }
}

/// One lane for each namespace.
#[derive(Default)]
struct Lanes {
    by_namespace: HashMap<Arc<str>, Lane>,
    /// The lanes that hold something, by virtual time.
    order: BTreeSet<(u64, Arc<str>)>,
    /// The virtual time of what was taken last.
    clock: u64,
    len: usize,
}

#[derive(Default)]
struct Lane {
    time: u64,
    ids: VecDeque<Id>,
}

impl Lanes {
    fn push(&mut self, id: Id) {
        let namespace = Arc::clone(&id.namespace);
        let lane = self.by_namespace.entry(Arc::clone(&namespace)).or_default();
        if lane.ids.is_empty() {
            lane.time = lane.time.max(self.clock);
            self.order.insert((lane.time, namespace));
        }
        lane.ids.push_back(id);
        self.len += 1;
    }

    fn pop(&mut self, admits: impl Fn(&Arc<str>) -> bool) -> Option<Id> {
        let (time, namespace) = self.order.iter().find(|(_, namespace)| admits(namespace))?.clone();
        self.order.remove(&(time, Arc::clone(&namespace)));
        let lane = self.by_namespace.get_mut(&namespace)?;
        let id = lane.ids.pop_front()?;
        self.len -= 1;
        self.clock = self.clock.max(time);
        lane.time = time + 1;
        if lane.ids.is_empty() {
            self.forget_idle();
        } else {
            self.order.insert((lane.time, namespace));
        }
        Some(id)
    }

    fn remove(&mut self, id: &Id) -> bool {
        let Some(lane) = self.by_namespace.get_mut(&id.namespace) else { return false };
        let Some(at) = lane.ids.iter().position(|waiting| waiting == id) else { return false };
        lane.ids.remove(at);
        self.len -= 1;
        if lane.ids.is_empty() {
            self.order.remove(&(lane.time, Arc::clone(&id.namespace)));
        }
        true
    }

    fn charge(&mut self, namespace: &Arc<str>, cost: u64) {
        let lane = self.by_namespace.entry(Arc::clone(namespace)).or_default();
        let before = lane.time.max(self.clock);
        if self.order.remove(&(lane.time, Arc::clone(namespace))) {
            self.order.insert((before + cost, Arc::clone(namespace)));
        }
        lane.time = before + cost;
    }

    /// A lane that holds nothing and is not ahead of the others is as good as none.
    fn forget_idle(&mut self) {
        if self.by_namespace.len() > 2 * self.order.len() + 16 {
            let clock = self.clock;
            self.by_namespace.retain(|_, lane| !lane.ids.is_empty() || lane.time > clock);
        }
    }
}

#[cfg(test)]
mod tests {
    use kseal_core::reconcile::Group;

    use super::*;

    fn id(namespace: &str, name: &str) -> Id {
        Id { group: Group::Native, namespace: namespace.into(), name: name.into() }
    }

    fn order(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop(true, |_, _| true)).map(|id| format!("{}/{}", id.namespace, id.name)).collect()
    }

    #[test]
    fn a_flood_in_one_namespace_does_not_starve_another() {
        let mut queue = Queue::default();
        for number in 0..100 {
            queue.push(id("flood", &number.to_string()), Class::Live);
        }
        queue.pop(true, |_, _| true);
        queue.push(id("quiet", "one"), Class::Live);
        let place = order(&mut queue).iter().position(|id| id == "quiet/one").unwrap();
        assert!(place <= 1, "{place}");
    }

    #[test]
    fn fresh_changes_go_first_and_the_backlog_still_moves() {
        let mut queue = Queue::default();
        for number in 0..16 {
            queue.push(id("a", &format!("old{number}")), Class::Backlog);
            queue.push(id("a", &format!("new{number}")), Class::Live);
        }
        let order = order(&mut queue);
        assert_eq!(order[..15].iter().filter(|id| id.contains("old")).count(), 1);
        assert_eq!(order.len(), 32);
    }

    #[test]
    fn what_costs_more_waits_longer() {
        let mut queue = Queue::default();
        for number in 0..10 {
            queue.push(id("junk", &number.to_string()), Class::Live);
            queue.push(id("good", &number.to_string()), Class::Live);
        }
        let mut order = Vec::new();
        while let Some(id) = queue.pop(true, |_, _| true) {
            queue.charge(&id.namespace, if &*id.namespace == "junk" { 100 } else { 0 });
            order.push(id.namespace.to_string());
        }
        assert!(order[..11].iter().filter(|namespace| *namespace == "junk").count() <= 1, "{order:?}");
    }

    #[test]
    fn a_debt_outlives_an_empty_lane() {
        let mut queue = Queue::default();
        queue.push(id("junk", "0"), Class::Live);
        let junk = queue.pop(true, |_, _| true).unwrap().namespace;
        queue.charge(&junk, 100);
        queue.push(id("junk", "1"), Class::Live);
        for number in 0..5 {
            queue.push(id("good", &number.to_string()), Class::Live);
        }
        assert_eq!(order(&mut queue).last().unwrap(), "junk/1");
    }

    #[test]
    fn a_closed_backlog_and_a_full_namespace_are_passed_over() {
        let mut queue = Queue::default();
        queue.push(id("a", "old"), Class::Backlog);
        assert!(queue.pop(false, |_, _| true).is_none());
        queue.push(id("a", "new"), Class::Live);
        queue.push(id("b", "new"), Class::Live);
        assert_eq!(&*queue.pop(true, |namespace, _| &**namespace != "a").unwrap().namespace, "b");
        queue.promote(&id("a", "old"));
        assert_eq!((queue.len(Class::Live), queue.len(Class::Backlog)), (2, 0));
    }
}
