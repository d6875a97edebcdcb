//! What is known of ClusterSealedSecrets, namespaces and Secrets, and what is done next, without a client: every event goes in,
//! and jobs come out.

mod jobs;
mod passing;
mod telling;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use kseal_core::reconcile::cluster::status::Seen;
use kseal_core::reconcile::{ClusterMark, ClusterRequest, Digest, Own, Retry, Trouble, secrets_digest};
use kseal_crypto::Plaintext;
use tokio::time::Instant;

use super::space::{Place, Right, Space, Standing};
use crate::guard::Guard;
use crate::pull_claims::Hindrances;

pub(super) use jobs::{Job, Task, Written};
pub(super) use passing::Collection;

/// What is done by whose leave.
pub(super) struct Rules {
    /// The controller's own place.
    pub(super) own: Own,
    /// Names of objects, `*` for all.
    pub(super) allowed: Vec<String>,
    /// Whether `imagePullSecrets` are looked after.
    pub(super) pulls: bool,
    /// Whether somebody looked at who asks.
    pub(super) guard: Guard,
}

/// The values of one object.
pub(super) type Values = Arc<BTreeMap<String, Plaintext>>;

/// Secrets of one name, by namespace, each with the round of the list that it was last seen in; none where only the answer to
/// our own write told it.
type Marks = BTreeMap<Arc<str>, (ClusterMark, Option<u32>)>;

/// Everything that is known.
pub(super) struct State {
    rules: Rules,
    namespaces: BTreeMap<Arc<str>, Namespace>,
    objects: BTreeMap<Arc<str>, Object>,
    /// Secrets with our label, by name.
    secrets: BTreeMap<Arc<str>, Marks>,
    lists: passing::Lists,
    hindrances: Arc<Hindrances>,
    compromised: BTreeSet<String>,
    /// How often keys arrived.
    keys_arrived: u64,
    tickets: u64,
    /// Whose turn it was.
    last: Option<Arc<str>>,
}

struct Namespace {
    labels: BTreeMap<Box<str>, Box<str>>,
    deleting: bool,
    round: u32,
}

/// One object.
struct Object {
    request: Arc<ClusterRequest>,
    /// Its status, as it was seen or written last.
    status: Seen,
    /// The object's resourceVersion when we wrote that.
    told_at: u64,
    round: u32,
    verdict: Verdict,
    /// What of it was honoured: policies are asked only once.
    honoured: Option<Digest>,
    /// Whether its record was believed, or not.
    is_judged: bool,
    opening: Opening,
    /// The keys that opened it as it is.
    opened_by: Option<Vec<String>>,
    /// Namespaces that shall have its Secret.
    spaces: BTreeMap<Arc<str>, Space>,
    /// Those of them that wait for a worker, in their order.
    queue: VecDeque<Arc<str>>,
    /// Those that have something of others, at which it is looked first.
    looks: VecDeque<Arc<str>>,
    /// Namespaces that have its Secret and shall not.
    surplus: BTreeMap<Arc<str>, Removal>,
    timers: BTreeSet<(Instant, Arc<str>)>,
    /// How many namespaces are with a worker.
    running: usize,
    telling: telling::Telling,
}

/// Whether anything is done about an object.
enum Verdict {
    /// Yes.
    Honoured,
    /// No, and nothing is told.
    Left,
    /// No, and why.
    Refused(Trouble),
}

/// Values are in memory only while there is somewhere to write them.
enum Opening {
    Closed,
    /// With a worker.
    Running(u64),
    Open(Values),
    /// They do not open.
    Failed(Trouble),
}

/// A Secret that is to go.
#[derive(Default)]
struct Removal {
    is_running: bool,
    attempts: u32,
    due: Option<Instant>,
}

impl State {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            namespaces: BTreeMap::new(),
            objects: BTreeMap::new(),
            secrets: BTreeMap::new(),
            lists: passing::Lists::default(),
            hindrances: Arc::default(),
            compromised: BTreeSet::new(),
            keys_arrived: 0,
            tickets: 0,
            last: None,
        }
    }

    /// Whether all is known that it takes to decide anything.
    pub(super) fn is_whole(&self) -> bool {
        self.lists.were_whole()
    }

    /// Other keys are held than before.
    pub(super) fn keys_changed(&mut self, compromised: BTreeSet<String>, now: Instant) {
        self.keys_arrived += 1;
        let is_other = self.compromised != compromised;
        self.compromised = compromised;
        for object in self.objects.values_mut() {
            if matches!(&object.opening, Opening::Failed(trouble) if trouble.retry() == Retry::OnKey) {
                object.opening = Opening::Closed;
            }
            if is_other {
                object.telling.stir(now);
            }
        }
    }

    /// Another policy is in force than before.
    pub(super) fn policies_changed(&mut self, now: Instant) {
        let waits = |object: &Object| {
            matches!(object.verdict, Verdict::Refused(Trouble::PolicyMissing(_) | Trouble::OlderThanPolicy(_)))
        };
        let waiting = self.objects.iter().filter(|(_, object)| waits(object));
        for name in waiting.map(|(name, _)| Arc::clone(name)).collect::<Vec<_>>() {
            self.judge(&name, now);
        }
    }

    /// Every API server knows other policies than before, which is to be noted.
    pub(super) fn policies_settled(&mut self, now: Instant) {
        self.objects.values_mut().for_each(|object| object.telling.stir(now));
    }

    /// What is in the way of ServiceAccounts is another thing than before.
    pub(super) fn hindered(&mut self, hindrances: Arc<Hindrances>, now: Instant) {
        let before = std::mem::replace(&mut self.hindrances, hindrances);
        for (name, object) in &mut self.objects {
            if before.by_name.get(name) != self.hindrances.by_name.get(name) {
                object.telling.stir(now);
            }
        }
    }

    /// Decides what is to be done about an object that changed, or that other rules hold for.
    fn judge(&mut self, name: &Arc<str>, now: Instant) {
        if !self.is_whole() {
            return;
        }
        let Some(object) = self.objects.get_mut(name) else { return };
        object.verdict = self.rules.verdict(object);
        object.telling.stir(now);
        if !matches!(object.verdict, Verdict::Honoured) {
            object.rest();
            return;
        }
        object.honoured = Some(object.request.digest);
        if !std::mem::replace(&mut object.is_judged, true) {
            self.believe(name);
        }
        let Some(object) = self.objects.get_mut(name) else { return };
        let content = object.request.content;
        for space in object.spaces.values_mut() {
            if !matches!(&space.standing, Standing::Right(right) if right.content == content) {
                space.standing = Standing::Unknown;
                (space.due, space.attempts, space.is_answer) = (None, 0, false);
            }
        }
        let marked = self.secrets.get(name).into_iter().flatten().map(|(namespace, _)| namespace);
        let concerned: BTreeSet<Arc<str>> = self
            .namespaces
            .keys()
            .chain(object.spaces.keys())
            .chain(object.surplus.keys())
            .chain(marked)
            .cloned()
            .collect();
        for namespace in concerned {
            self.choose(name, &namespace, false, now);
        }
    }

    /// Believes the record of an object that was seen for the first time, if it equals what there is.
    fn believe(&mut self, name: &Arc<str>) {
        let Some(object) = self.objects.get_mut(name) else { return };
        let Some(record) = object.request.observed() else { return };
        let request = &object.request;
        let marks = self.secrets.get(name).into_iter().flatten();
        let is_selected = |namespace: &Arc<str>| {
            self.namespaces.get(namespace).is_some_and(|it| self.rules.selects(request, namespace, it))
        };
        let is_own = |mark: &ClusterMark| mark.owner.as_deref() == Some(&*request.uid) && !mark.deleting;
        let own: Vec<(&Arc<str>, &ClusterMark)> = marks
            .filter(|(namespace, (mark, _))| is_own(mark) && is_selected(namespace))
            .map(|(namespace, (mark, _))| (namespace, mark))
            .collect();
        let digest = secrets_digest(own.iter().map(|(name, mark)| (&***name, &*mark.uid, mark.resource_version)));
        if digest != record.secrets {
            return;
        }
        let content = request.content;
        let right = |mark: &ClusterMark| Right {
            uid: mark.uid.as_str().into(),
            resource_version: mark.resource_version,
            content,
        };
        let spaces = own.into_iter().map(|(namespace, mark)| {
            let space = Space { standing: Standing::Right(right(mark)), ..Space::default() };
            (Arc::clone(namespace), space)
        });
        object.spaces = spaces.collect();
        object.opened_by = Some(record.keys.clone());
    }

    /// Decides for one namespace: it shall have the Secret, or not, or it is none of our business. `live`: it has just come.
    fn choose(&mut self, name: &Arc<str>, namespace: &Arc<str>, live: bool, now: Instant) {
        let Some(object) = self.objects.get_mut(name) else { return };
        if !matches!(object.verdict, Verdict::Honoured) {
            return;
        }
        let known = self.namespaces.get(namespace);
        let is_wanted = known.is_some_and(|it| self.rules.selects(&object.request, namespace, it));
        let mark = self.secrets.get(name).and_then(|all| all.get(namespace)).map(|(mark, _)| mark);
        let is_own = mark.is_some_and(|mark| mark.owner.as_deref() == Some(&*object.request.uid) && !mark.deleting);
        let is_ours_to_tidy = known.is_some_and(|it| !it.deleting) && **namespace != *self.rules.own.namespace;
        if is_own && !is_wanted && is_ours_to_tidy {
            object.surplus.entry(Arc::clone(namespace)).or_default();
        } else {
            object.surplus.remove(namespace);
        }
        if !is_wanted {
            if object.spaces.remove(namespace).is_some() {
                object.queue.retain(|it| it != namespace);
                object.looks.retain(|it| it != namespace);
                object.telling.stir(now);
            }
            return;
        }
        let space = object.spaces.entry(Arc::clone(namespace)).or_default();
        if matches!(space.standing, Standing::Unknown) {
            object.enqueue(namespace, live, now);
        }
    }
}

impl Rules {
    fn verdict(&self, object: &Object) -> Verdict {
        let request = &object.request;
        if request.deleting || request.paused {
            return Verdict::Left;
        }
        let is_allowed = self.allowed.iter().any(|name| name == "*" || *name == request.name);
        let switched_off = |what, option| Verdict::Refused(Trouble::SwitchedOff(what, option));
        if !is_allowed {
            return switched_off("a ClusterSealedSecret of this name", "--cluster-sealed-secrets");
        }
        if let Some(problem) = request.problem(&self.own) {
            return Verdict::Refused(problem);
        }
        if request.pulls.is_some() && !self.pulls {
            return switched_off("spec.imagePullSecret", "--image-pull-secrets");
        }
        // What was honoured once goes on.
        if request.observed().is_some() || object.honoured == Some(request.digest) {
            return Verdict::Honoured;
        }
        let note = object.status.seen_under.as_ref();
        let changed = note.and_then(|note| note.changed(&request.uid, &request.digest.to_string()));
        let checked = self.guard.check(request.policies(), &request.created, changed);
        checked.map_or_else(Verdict::Refused, |()| Verdict::Honoured)
    }

    /// Never in the controller's own namespace.
    fn selects(&self, request: &ClusterRequest, name: &str, namespace: &Namespace) -> bool {
        let label = |key: &str| namespace.labels.get(key).map(|value| &**value);
        !namespace.deleting && name != self.own.namespace && request.selects(name, label)
    }
}

impl Object {
    fn new(request: ClusterRequest, round: u32, now: Instant) -> Self {
        Self {
            telling: telling::Telling::new(&request.status, now),
            status: request.status.clone(),
            request: Arc::new(request),
            told_at: 0,
            round,
            verdict: Verdict::Left,
            honoured: None,
            is_judged: false,
            opening: Opening::Closed,
            opened_by: None,
            spaces: BTreeMap::new(),
            queue: VecDeque::new(),
            looks: VecDeque::new(),
            surplus: BTreeMap::new(),
            timers: BTreeSet::new(),
            running: 0,
        }
    }

    /// Nothing is done any more; what there is stays.
    fn rest(&mut self) {
        self.queue.clear();
        self.looks.clear();
        self.surplus.clear();
        self.timers.clear();
        self.opening = Opening::Closed;
        for space in self.spaces.values_mut().filter(|space| space.place == Place::Queued) {
            space.place = Place::Rest;
        }
    }

    /// A namespace gets a turn, before all that wait if it is `live`.
    fn enqueue(&mut self, namespace: &Arc<str>, live: bool, now: Instant) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        if space.place != Place::Rest {
            return;
        }
        space.place = Place::Queued;
        space.due = None;
        self.telling.stir(now);
        if live {
            self.queue.push_front(Arc::clone(namespace));
        } else {
            self.queue.push_back(Arc::clone(namespace));
        }
    }

    /// A namespace gets a turn then.
    fn schedule(&mut self, namespace: &Arc<str>, due: Instant) {
        if let Some(space) = self.spaces.get_mut(namespace) {
            space.due = Some(due);
            self.timers.insert((due, Arc::clone(namespace)));
        }
    }

    /// Somebody changed a Secret that was right.
    fn drifted(&mut self, namespace: &Arc<str>, now: Instant) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        (space.standing, space.is_answer) = (Standing::Drifted, true);
        let due = space.answer_at(now);
        if due <= now {
            self.enqueue(namespace, true, now);
        } else {
            self.schedule(namespace, due);
        }
    }

    /// Whether something is under way, so that the status is about to be another one.
    fn is_busy(&self) -> bool {
        let removes = |removal: &Removal| removal.is_running || removal.due.is_none();
        matches!(self.opening, Opening::Running(_))
            || (!self.queue.is_empty() && !matches!(self.opening, Opening::Failed(_)))
            || self.wants_opening()
            || self.surplus.values().any(removes)
            || self.running > 0
            || self.timers.iter().any(|(_, namespace)| self.spaces.get(namespace).is_some_and(Space::is_passing))
    }

    /// Whether its values are to be opened: there is somewhere to write them, or it is not known whether they open at all.
    fn wants_opening(&self) -> bool {
        let is_due = !self.queue.is_empty() || self.opened_by.is_none();
        matches!((&self.opening, &self.verdict), (Opening::Closed, Verdict::Honoured)) && is_due
    }
}

#[cfg(test)]
mod tests;
