//! What the watches tell.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use kseal_core::reconcile::{ClusterMark, ClusterRequest};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::super::space::{Place, Standing};
use super::{Namespace, Object, Opening, State, Verdict};

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Collection {
    /// The objects.
    Objects,
    /// Namespaces' metadata.
    Namespaces,
    /// The metadata of Secrets with our label.
    Secrets,
}

/// How far each watch has come.
#[derive(Default)]
pub(super) struct Lists([List; 3]);

#[derive(Default)]
struct List {
    round: u32,
    /// Whether it was whole at some time.
    was_whole: bool,
    /// The newest resourceVersion that passed by.
    newest: u64,
}

impl Lists {
    pub(super) fn were_whole(&self) -> bool {
        self.0.iter().all(|list| list.was_whole)
    }

    fn pass(&mut self, collection: Collection, resource_version: u64) -> u32 {
        let list = &mut self.0[collection as usize];
        list.newest = list.newest.max(resource_version);
        list.round
    }

    /// Whether everything was told of a collection up to a resourceVersion.
    pub(super) fn has_passed(&self, collection: Collection, resource_version: u64) -> bool {
        resource_version <= self.0[collection as usize].newest
    }
}

impl State {
    /// A list begins.
    pub(in super::super) fn started(&mut self, collection: Collection) {
        let list = &mut self.lists.0[collection as usize];
        list.round = list.round.wrapping_add(1);
    }

    /// There is no such collection: there is nothing in it.
    pub(in super::super) fn is_absent(&mut self, collection: Collection, now: Instant) {
        let was_whole = self.is_whole();
        self.lists.0[collection as usize].was_whole = true;
        if !was_whole && self.is_whole() {
            self.judge_all(now);
        }
    }

    /// A list is whole: what it did not name is gone.
    pub(in super::super) fn synced(&mut self, collection: Collection, resource_version: u64, now: Instant) {
        let was_whole = self.is_whole();
        let list = &mut self.lists.0[collection as usize];
        // A store that was restored counts on from an earlier number, and may have used it for something else.
        let went_back = resource_version != 0 && resource_version < list.newest;
        let round = list.round;
        list.was_whole = true;
        list.newest = resource_version;
        match collection {
            Collection::Objects => self.objects.retain(|_, object| object.round == round),
            Collection::Namespaces => {
                let gone = self.namespaces.iter().filter(|(_, namespace)| namespace.round != round);
                for name in gone.map(|(name, _)| Arc::clone(name)).collect::<Vec<_>>() {
                    self.forget_namespace(&name, now);
                }
            }
            Collection::Secrets => {
                // What we wrote since the list was taken is not in it.
                let stays = |(mark, seen): &(ClusterMark, Option<u32>)| {
                    let is_later = seen.is_none() && mark.resource_version > resource_version;
                    *seen == Some(round) || (!went_back && is_later)
                };
                for marks in self.secrets.values_mut() {
                    marks.retain(|_, mark| stays(mark));
                }
                self.secrets.retain(|_, marks| !marks.is_empty());
            }
        }
        if went_back {
            self.distrust();
        }
        if !was_whole {
            self.judge_all(now);
        } else if collection == Collection::Secrets || went_back {
            self.compare_all(now);
        }
    }

    /// Nothing that was known of Secrets and statuses holds.
    fn distrust(&mut self) {
        for object in self.objects.values_mut() {
            object.told_at = 0;
            object.status = object.request.status.clone();
            object.telling.saw(&object.status);
            for space in object.spaces.values_mut() {
                space.standing = Standing::Unknown;
            }
        }
    }

    fn judge_all(&mut self, now: Instant) {
        for name in self.objects.keys().cloned().collect::<Vec<_>>() {
            self.judge(&name, now);
        }
    }

    /// Compares what there is with what there was after each of our writes.
    fn compare_all(&mut self, now: Instant) {
        for name in self.objects.keys().cloned().collect::<Vec<_>>() {
            let Some(object) = self.objects.get(&name) else { continue };
            let marked = self.secrets.get(&name).into_iter().flatten().map(|(namespace, _)| namespace);
            for namespace in
                object.spaces.keys().chain(object.surplus.keys()).chain(marked).cloned().collect::<Vec<_>>()
            {
                self.compare(&name, &namespace, now);
                self.choose(&name, &namespace, false, now);
            }
        }
    }

    /// An object passes by.
    pub(in super::super) fn saw_object(&mut self, request: ClusterRequest, now: Instant) {
        let round = self.lists.pass(Collection::Objects, request.resource_version);
        let name: Arc<str> = request.name.as_str().into();
        match self.objects.entry(Arc::clone(&name)) {
            Entry::Occupied(known) if known.get().request.uid == request.uid => {
                let object = known.into_mut();
                object.round = round;
                // What we told since is newer.
                if request.resource_version >= object.told_at && object.status != request.status {
                    object.status = request.status.clone();
                    object.telling.saw(&object.status);
                    object.telling.stir(now);
                }
                let before = &object.request;
                let is_same = before.digest == request.digest
                    && (before.deleting, before.paused) == (request.deleting, request.paused)
                    && before.generation == request.generation;
                if before.content != request.content {
                    object.opening = Opening::Closed;
                    object.opened_by = None;
                }
                object.request = Arc::new(request);
                if is_same {
                    return;
                }
            }
            // What a worker has of the one before, it tells of another ticket.
            Entry::Occupied(mut other) => drop(other.insert(Object::new(request, round, now))),
            Entry::Vacant(place) => drop(place.insert(Object::new(request, round, now))),
        }
        self.judge(&name, now);
    }

    /// An object is gone. Its Secrets are the garbage collector's affair.
    pub(in super::super) fn lost_object(&mut self, request: &ClusterRequest) {
        self.lists.pass(Collection::Objects, request.resource_version);
        if self.objects.get(&*request.name).is_some_and(|object| object.request.uid == request.uid) {
            self.objects.remove(&*request.name);
        }
    }

    /// A namespace passes by.
    pub(in super::super) fn saw_namespace(&mut self, object: &[u8], now: Instant) {
        let Some(Partial { metadata }) = Partial::read(object) else { return };
        let round = self.lists.pass(Collection::Namespaces, metadata.resource_version.parse().unwrap_or(0));
        let name: Arc<str> = metadata.name.as_str().into();
        let now_is = Namespace {
            labels: metadata.labels.unwrap_or_default(),
            deleting: metadata.deletion_timestamp.is_some(),
            round,
        };
        let before = self.namespaces.insert(Arc::clone(&name), now_is);
        let is_same = before.is_some_and(|before| {
            let now_is = &self.namespaces[&name];
            before.labels == now_is.labels && before.deleting == now_is.deleting
        });
        if !is_same && self.is_whole() {
            for object in self.objects.keys().cloned().collect::<Vec<_>>() {
                self.choose(&object, &name, true, now);
            }
        }
    }

    /// A namespace is gone. That its Secrets are, too, is told by themselves: one of that name may be there again.
    pub(in super::super) fn lost_namespace(&mut self, object: &[u8], now: Instant) {
        let Some(Partial { metadata }) = Partial::read(object) else { return };
        self.lists.pass(Collection::Namespaces, metadata.resource_version.parse().unwrap_or(0));
        self.forget_namespace(&metadata.name, now);
    }

    fn forget_namespace(&mut self, name: &str, now: Instant) {
        let Some((name, _)) = self.namespaces.remove_entry(name) else { return };
        for object in self.objects.keys().cloned().collect::<Vec<_>>() {
            self.choose(&object, &name, true, now);
        }
    }

    /// A Secret with our label passes by.
    pub(in super::super) fn saw_secret(&mut self, namespace: &str, name: &str, mark: ClusterMark, now: Instant) {
        let round = self.lists.pass(Collection::Secrets, mark.resource_version);
        let (name, namespace): (Arc<str>, Arc<str>) = (name.into(), namespace.into());
        let marks = self.secrets.entry(Arc::clone(&name)).or_default();
        // What we wrote ourselves is known before it passes by, and what passes by before that is over.
        let is_over = marks
            .get(&namespace)
            .is_some_and(|(own, seen)| seen.is_none() && own.resource_version > mark.resource_version);
        if is_over {
            return;
        }
        marks.insert(Arc::clone(&namespace), (mark, Some(round)));
        self.secret_changed(&name, &namespace, now);
    }

    /// A Secret is gone, or has our label no more.
    pub(in super::super) fn lost_secret(&mut self, namespace: &str, name: &str, mark: &ClusterMark, now: Instant) {
        self.lists.pass(Collection::Secrets, mark.resource_version);
        let (name, namespace): (Arc<str>, Arc<str>) = (name.into(), namespace.into());
        let Some(marks) = self.secrets.get_mut(&name) else { return };
        // The deletion of one before it may be told after we made the next.
        if marks.get(&namespace).is_some_and(|(before, _)| before.uid != mark.uid) {
            return;
        }
        marks.remove(&namespace);
        if marks.is_empty() {
            self.secrets.remove(&name);
        }
        self.secret_changed(&name, &namespace, now);
    }

    fn secret_changed(&mut self, name: &Arc<str>, namespace: &Arc<str>, now: Instant) {
        if self.is_whole() {
            self.compare(name, namespace, now);
            self.choose(name, namespace, true, now);
        }
    }

    /// Whether a Secret is still the one that we left.
    pub(super) fn compare(&mut self, name: &Arc<str>, namespace: &Arc<str>, now: Instant) {
        let mark = self.secrets.get(name).and_then(|all| all.get(namespace)).map(|(mark, _)| mark);
        let Some(object) = self.objects.get_mut(name) else { return };
        let Some(space) = object.spaces.get_mut(namespace) else { return };
        match &space.standing {
            Standing::Right(right) if mark.is_none_or(|mark| !right.is(mark)) => object.drifted(namespace, now),
            // What was in the way is gone.
            Standing::Wrong(_) if mark.is_none() && space.place == Place::Rest => {
                space.standing = Standing::Unknown;
                if matches!(object.verdict, Verdict::Honoured) {
                    object.enqueue(namespace, true, now);
                }
            }
            _ => {}
        }
    }
}

#[derive(Deserialize)]
struct Partial {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    labels: Option<BTreeMap<Box<str>, Box<str>>>,
    #[serde(default)]
    deletion_timestamp: Option<IgnoredAny>,
}

impl Partial {
    fn read(object: &[u8]) -> Option<Self> {
        serde_json::from_slice(object).ok()
    }
}
