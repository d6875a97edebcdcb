//! What is told of what is known: statuses, what is asked of ServiceAccounts, which keys are needed, and counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kseal_api::MAX_FIRST;
use kseal_core::keys::Need;
use kseal_core::policy::SeenUnder;
use kseal_core::reconcile::cluster::status::{Outcome, Seen, Told, tell};
use kseal_core::reconcile::{ClusterObserved, Selection, Trouble, secrets_digest};
use tokio::time::Instant;

use super::super::space::Standing;
use super::{Object, Opening, State, Verdict};
use crate::pull_claims::{Claim, Claims};

/// Statuses of one object are written at most so often.
const PAUSE: Duration = Duration::from_secs(1);
/// While there is work to do, it is told how far it has come every so often.
const PROGRESS: Duration = Duration::from_secs(5);

/// When an object's status is to be written.
#[derive(Default)]
pub(super) struct Telling {
    /// Since when it may say something else than what is so.
    since: Option<Instant>,
    /// Not before then.
    not_before: Option<Instant>,
    is_running: bool,
    attempts: u32,
    /// For which reason something was wrong when that was told last.
    failing: Option<String>,
}

impl Telling {
    /// Of an object that is seen first, with that status. What was wrong before, if it says that all is only not done yet, is
    /// forgotten: it may be told once more.
    pub(super) fn new(status: &Seen, now: Instant) -> Self {
        Self { since: Some(now), failing: status.failing(None), ..Self::default() }
    }

    /// It says this, whoever wrote it.
    pub(super) fn saw(&mut self, status: &Seen) {
        self.failing = status.failing(self.failing.as_deref());
    }

    /// It may say something else than what is so.
    pub(super) fn stir(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// When it is to be looked at; none where it says what is so.
    pub(super) fn due(&self, is_busy: bool) -> Option<Instant> {
        let since = self.since.filter(|_| !self.is_running)?;
        let begin = if is_busy { since + PROGRESS } else { since };
        Some(self.not_before.map_or(begin, |not_before| begin.max(not_before)))
    }

    pub(super) fn begin(&mut self) {
        self.is_running = true;
        self.since = None;
    }

    /// It says what is so.
    pub(super) fn is_told(&mut self) {
        self.since = None;
    }

    /// It was written.
    pub(super) fn done(&mut self, told: &Told, now: Instant) {
        self.failing.clone_from(&told.failing);
        self.is_running = false;
        self.attempts = 0;
        self.not_before = Some(now + PAUSE);
    }

    /// It was not.
    pub(super) fn failed(&mut self, pause: impl FnOnce(u32) -> Duration, now: Instant) {
        self.is_running = false;
        self.since = Some(now);
        self.not_before = Some(now + PAUSE.max(pause(self.attempts)));
        self.attempts += 1;
    }
}

/// What the gauges show.
#[derive(Default)]
pub(in super::super) struct Census {
    pub(in super::super) objects: BTreeMap<&'static str, usize>,
    pub(in super::super) namespaces: BTreeMap<&'static str, usize>,
}

impl State {
    /// The status that an object shall have, if it is another one. `time`: the present, for people.
    pub(super) fn to_tell(&self, object: &Object, time: &str) -> Option<Told> {
        let request = &object.request;
        let none = BTreeMap::new();
        let hindrances =
            self.hindrances.by_name.get(&*request.name).filter(|_| request.pulls.is_some()).unwrap_or(&none);
        let trouble = match (&object.verdict, &object.opening) {
            (Verdict::Left, _) => return None,
            (Verdict::Refused(trouble), _) => Some(trouble),
            (Verdict::Honoured, Opening::Failed(trouble)) if object.is_held_up() => Some(trouble),
            (Verdict::Honoured, _) => None,
        };
        let failures: Vec<(&str, &Trouble)> = object
            .spaces
            .iter()
            .filter(|(_, space)| !space.is_passing())
            .filter_map(|(namespace, space)| match &space.standing {
                Standing::Wrong(trouble) => Some((&**namespace, trouble)),
                Standing::Right(_) | Standing::Drifted => Some((&**namespace, hindrances.get(namespace)?.as_ref()?)),
                Standing::Unknown => None,
            })
            .collect();
        let is_ready = |namespace: &Arc<str>| !hindrances.contains_key(namespace);
        let ready = object.spaces.iter().filter(|(namespace, space)| space.is_right() && is_ready(namespace)).count();
        let contested =
            object.spaces.iter().find_map(|(namespace, space)| Some((&**namespace, space.contested.as_deref()?)));
        let observed = object.observed();
        let is_closed = trouble.is_some_and(|trouble| matches!(trouble, Trouble::Contents { .. }));
        let needed = if observed.is_some() || is_closed { Vec::new() } else { object.status.needed.clone() };
        let opened_by = object.opened_by.iter().flatten().map(String::as_str);
        let compromised = opened_by.filter(|key| self.compromised.contains(*key)).collect();
        let selected = object.spaces.len();
        let since = self.rules.guard.to_note_now(request.policies(), &request.created);
        let (before, hash) = (object.status.seen_under.as_ref(), request.digest.to_string());
        let seen_under = SeenUnder::next(before, since, &request.uid, request.generation, hash);
        let outcome = Outcome {
            failing: object.telling.failing.as_deref(),
            trouble,
            selected,
            ready,
            failures,
            contested,
            compromised,
            observed,
            seen_under,
            needed,
        };
        let told = tell(request, &object.status, &outcome, time)?;
        // Who writes what is refused reaches no other namespace, and no event is of the object's own.
        let event = told.event.filter(|_| matches!(object.verdict, Verdict::Honoured));
        Some(Told { event, ..told })
    }

    /// When an object's status is to be looked at; none where it says what is so, or nothing can be said yet of what it asks of
    /// ServiceAccounts.
    pub(super) fn to_tell_at(&self, name: &str, object: &Object) -> Option<Instant> {
        if object.request.pulls.is_none() || !matches!(object.verdict, Verdict::Honoured) {
            return object.telling.due(object.is_busy());
        }
        let taken_in = self.hindrances.of.as_ref()?.get(name);
        let is_pending = || {
            let mut hindrances = self.hindrances.by_name.get(name).into_iter().flatten();
            taken_in != self.claim(object).as_ref() || hindrances.any(|(_, hindrance)| hindrance.is_none())
        };
        object.telling.due(object.is_busy() || is_pending())
    }

    /// All that is asked of ServiceAccounts; none before it is known.
    pub(in super::super) fn claims(&self) -> Claims {
        self.is_whole().then(|| {
            let claims = self.objects.iter().filter_map(|(name, object)| Some((Arc::clone(name), self.claim(object)?)));
            Arc::new(claims.collect())
        })
    }

    fn claim(&self, object: &Object) -> Option<Claim> {
        let request = &object.request;
        if request.deleting {
            return None;
        }
        if matches!(object.verdict, Verdict::Honoured) {
            let right = object.spaces.iter().filter(|(_, space)| space.is_right());
            return Some(Claim {
                selection: request.pulls.clone()?,
                namespaces: right.map(|(namespace, _)| Arc::clone(namespace)).collect(),
                wanted: object.spaces.keys().cloned().collect(),
            });
        }
        // Where nothing is done about an object, what was done of it before stays.
        let marks = self.secrets.get(&*request.name).into_iter().flatten();
        let own = marks.filter(|(_, (mark, _))| mark.owner.as_deref() == Some(&*request.uid));
        let wanted: BTreeSet<_> = own.map(|(namespace, _)| Arc::clone(namespace)).collect();
        Some(Claim { selection: Selection::All, namespaces: BTreeSet::new(), wanted })
    }

    /// What needs each key, by its name; none while it is not known whole.
    pub(in super::super) fn needs(&self) -> Option<BTreeMap<String, Need>> {
        if !self.is_whole() {
            return None;
        }
        let mut needs: BTreeMap<String, Need> = BTreeMap::new();
        for (name, object) in &self.objects {
            let (needed, claimed) = object.keys();
            for key in needed {
                let need = needs.entry(key).or_default();
                need.objects += 1;
                if need.first.len() < MAX_FIRST {
                    need.first.push(format!("clustersealedsecrets/{name}"));
                }
            }
            for key in claimed {
                needs.entry(key).or_default().claimed += 1;
            }
        }
        Some(needs)
    }

    /// How many objects and namespaces stand how.
    pub(in super::super) fn census(&self) -> Census {
        let mut census = Census::default();
        for state in ["ready", "waiting", "failing", "idle", "unknown"] {
            census.objects.insert(state, 0);
        }
        for state in ["ready", "failing", "unknown"] {
            census.namespaces.insert(state, 0);
        }
        for object in self.objects.values() {
            let mut counts = [0; 3];
            for space in object.spaces.values() {
                match space.standing {
                    Standing::Right(_) | Standing::Drifted => counts[0] += 1,
                    Standing::Wrong(_) => counts[1] += 1,
                    Standing::Unknown => counts[2] += 1,
                }
            }
            let state = match (&object.verdict, &object.opening) {
                (Verdict::Left, _) => "idle",
                (_, Opening::Failed(trouble)) if trouble.category() == "no-key" => "waiting",
                (Verdict::Refused(_), _) | (_, Opening::Failed(_)) => "failing",
                _ if counts[1] > 0 => "failing",
                _ if counts[2] > 0 || object.opened_by.is_none() => "unknown",
                _ => "ready",
            };
            *census.objects.entry(state).or_default() += 1;
            for (state, count) in ["ready", "failing", "unknown"].into_iter().zip(counts) {
                *census.namespaces.entry(state).or_default() += count;
            }
        }
        census
    }
}

impl Object {
    /// Whether anything waits for its values.
    fn is_held_up(&self) -> bool {
        !self.queue.is_empty() || self.opened_by.is_none()
    }

    /// The record of what is right, if it was honoured and opened as it is.
    fn observed(&self) -> Option<ClusterObserved> {
        let keys = self.opened_by.clone().filter(|_| self.honoured == Some(self.request.digest))?;
        let right = self.spaces.iter().filter_map(|(namespace, space)| match &space.standing {
            Standing::Right(right) => Some((&**namespace, &*right.uid, right.resource_version)),
            _ => None,
        });
        Some(ClusterObserved::new(&self.request, secrets_digest(right), keys))
    }

    /// The keys that it needs, and those that it only names.
    fn keys(&self) -> (Vec<String>, BTreeSet<String>) {
        match (&self.opened_by, &self.opening) {
            (Some(keys), _) => (keys.clone(), BTreeSet::new()),
            (None, Opening::Failed(_)) => (Vec::new(), self.request.recipients()),
            (None, _) => (self.status.needed.clone(), BTreeSet::new()),
        }
    }
}
