//! What is done next, and what became of it.

use std::collections::btree_map;
use std::sync::Arc;
use std::time::Duration;

use kseal_core::reconcile::cluster::status::Told;
use kseal_core::reconcile::{ClusterMark, ClusterRequest, Retry, Trouble};
use tokio::time::Instant;

use super::super::space::{GRUDGE, Place, Right, Standing, growing};
use super::{Object, Opening, State, Values, Verdict, passing::Collection};

/// The values of so many objects are in memory at once.
const OPEN: usize = 4;

/// Something to do about one object.
pub(in super::super) struct Job {
    pub(in super::super) request: Arc<ClusterRequest>,
    pub(in super::super) task: Task,
    /// What had come to pass when it began.
    ticket: u64,
    keys_arrived: u64,
}

/// What is to be done.
pub(in super::super) enum Task {
    /// Open the values.
    Open,
    /// Write them into a namespace. `is_there`: so is a Secret, as far as is known.
    Write { namespace: Arc<str>, values: Values, is_there: bool },
    /// See whether what somebody else has there is still there.
    Look { namespace: Arc<str> },
    /// Take the Secret away.
    Remove { namespace: Arc<str>, uid: String, resource_version: u64 },
    /// Write the status.
    Tell(Box<Told>),
}

/// A Secret that was written or found right.
pub(in super::super) struct Written {
    pub(in super::super) uid: String,
    pub(in super::super) resource_version: u64,
    /// Whether it had to be written.
    pub(in super::super) changed: bool,
    /// Who wrote it before us.
    pub(in super::super) before: Option<String>,
}

impl State {
    /// The next job, if there is one: of each object one in turn. `time`: the present, for people.
    pub(in super::super) fn next(&mut self, now: Instant, time: impl Fn() -> String) -> Option<Job> {
        if !self.is_whole() {
            return None;
        }
        self.wake(now);
        let after = |name: &&Arc<str>| self.last.as_ref().is_none_or(|last| *name > last);
        let (mut later, earlier): (Vec<Arc<str>>, Vec<Arc<str>>) =
            self.objects.keys().cloned().partition(|it| after(&it));
        later.extend(earlier);
        let mut open = self.objects.values().filter(|object| object.holds_values()).count();
        for name in later {
            if let Some(job) = self.job_of(&name, &mut open, now, &time) {
                self.last = Some(name);
                return Some(job);
            }
        }
        None
    }

    fn job_of(&mut self, name: &Arc<str>, open: &mut usize, now: Instant, time: &impl Fn() -> String) -> Option<Job> {
        let object = self.objects.get(name)?;
        if self.to_tell_at(name, object).is_some_and(|due| due <= now) {
            let told = self.to_tell(object, &time());
            let object = self.objects.get_mut(name)?;
            match told {
                Some(told) => {
                    object.telling.begin();
                    return Some(self.job(name, Task::Tell(Box::new(told)))?.0);
                }
                None => object.telling.is_told(),
            }
        }
        let object = self.objects.get_mut(name)?;
        if !matches!(object.verdict, Verdict::Honoured) {
            return None;
        }
        if let Some(task) = object.removal(self.secrets.get(name), now) {
            return Some(self.job(name, task)?.0);
        }
        if let Some(namespace) = object.take_look() {
            let (job, ticket) = self.job(name, Task::Look { namespace: Arc::clone(&namespace) })?;
            self.runs(name, &namespace, ticket);
            return Some(job);
        }
        if let Some((values, namespace)) = object.take_write() {
            let is_there = self.secrets.get(name).is_some_and(|all| all.contains_key(&namespace));
            let (job, ticket) = self.job(name, Task::Write { namespace: Arc::clone(&namespace), values, is_there })?;
            self.runs(name, &namespace, ticket);
            return Some(job);
        }
        if object.wants_opening() && *open < OPEN {
            *open += 1;
            let (job, ticket) = self.job(name, Task::Open)?;
            self.objects.get_mut(name)?.opening = Opening::Running(ticket);
            return Some(job);
        }
        None
    }

    fn job(&mut self, name: &Arc<str>, task: Task) -> Option<(Job, u64)> {
        self.tickets += 1;
        let request = Arc::clone(&self.objects.get(name)?.request);
        let job = Job { request, task, ticket: self.tickets, keys_arrived: self.keys_arrived };
        Some((job, self.tickets))
    }

    fn runs(&mut self, name: &Arc<str>, namespace: &Arc<str>, ticket: u64) {
        let Some(object) = self.objects.get_mut(name) else { return };
        object.running += 1;
        if let Some(space) = object.spaces.get_mut(namespace) {
            space.place = Place::Running(ticket);
        }
    }

    /// The object that a job is about, if it is still that one.
    fn object_of(&mut self, job: &Job) -> Option<(Arc<str>, &mut Object)> {
        let (name, _) = self.objects.get_key_value(&*job.request.name)?;
        let name = Arc::clone(name);
        let object = self.objects.get_mut(&name).filter(|object| object.request.uid == job.request.uid)?;
        Some((name, object))
    }

    /// Values were opened, or not. `keys`: those that did it.
    pub(in super::super) fn opened(&mut self, job: &Job, opened: Result<(Values, Vec<String>), Trouble>, now: Instant) {
        let keys_arrived = self.keys_arrived;
        let Some((_, object)) = self.object_of(job) else { return };
        if !matches!(object.opening, Opening::Running(ticket) if ticket == job.ticket) {
            return;
        }
        object.telling.stir(now);
        object.opening = match opened {
            Ok((values, keys)) => {
                object.opened_by = Some(keys);
                if object.queue.is_empty() { Opening::Closed } else { Opening::Open(values) }
            }
            // It may have been tried with what was held before.
            Err(trouble) if trouble.retry() == Retry::OnKey && keys_arrived != job.keys_arrived => Opening::Closed,
            Err(trouble) => Opening::Failed(trouble),
        };
    }

    /// A Secret is right.
    pub(in super::super) fn written(&mut self, job: &Job, namespace: &Arc<str>, written: Written, now: Instant) {
        self.note_own(job, namespace, &written);
        let Some((name, object)) = self.object_of(job) else { return };
        object.ran(now);
        let is_current = job.request.content == object.request.content;
        if let Some(space) = object.spaces.get_mut(namespace).filter(|it| it.place == Place::Running(job.ticket)) {
            (space.place, space.attempts) = (Place::Rest, 0);
            if std::mem::take(&mut space.is_answer) {
                if space.is_fought(now) && written.changed {
                    space.contested = Some(written.before.unwrap_or_else(|| "someone".to_owned()).into());
                }
                space.answered = Some(now);
            }
            let right = Right {
                uid: written.uid.into(),
                resource_version: written.resource_version,
                content: job.request.content,
            };
            space.standing = if is_current { Standing::Right(right) } else { Standing::Unknown };
            if space.contested.is_some() {
                // When the fight is long over, its condition goes.
                object.schedule(namespace, now + GRUDGE);
            }
        }
        self.compare(&name, namespace, now);
        self.choose(&name, namespace, true, now);
        self.close(&name);
    }

    /// A Secret is not right, and for how long the server asks us to wait. `jitter`: from 0 to 1.
    pub(in super::super) fn failed(
        &mut self,
        job: &Job,
        namespace: &Arc<str>,
        (trouble, after): (Trouble, Option<Duration>),
        jitter: f64,
        now: Instant,
    ) {
        let Some((name, object)) = self.object_of(job) else { return };
        object.ran(now);
        if let Some(space) = object.spaces.get_mut(namespace).filter(|it| it.place == Place::Running(job.ticket)) {
            let due = space.retry_at(&trouble, after, jitter, now);
            (space.place, space.attempts) = (Place::Rest, space.attempts + 1);
            space.standing = Standing::Wrong(trouble);
            object.schedule(namespace, due);
        }
        self.choose(&name, namespace, true, now);
        self.close(&name);
    }

    fn close(&mut self, name: &Arc<str>) {
        if let Some(object) = self.objects.get_mut(name) {
            object.close();
        }
    }

    /// Of the same Secret the newer is true. Of another one, or of none, what the watch told, if it came so far.
    fn note_own(&mut self, job: &Job, namespace: &Arc<str>, written: &Written) {
        let has_passed = self.lists.has_passed(Collection::Secrets, written.resource_version);
        let marks = self.secrets.entry(job.request.name.as_str().into()).or_default();
        let is_news = match marks.get(namespace) {
            Some((known, _)) if known.uid == written.uid => known.resource_version < written.resource_version,
            _ => !has_passed,
        };
        if is_news {
            let mark = ClusterMark {
                uid: written.uid.clone(),
                resource_version: written.resource_version,
                deleting: false,
                owner: Some(job.request.uid.clone()),
            };
            marks.insert(Arc::clone(namespace), (mark, None));
        }
    }

    /// What somebody else had in a namespace is in the way no more.
    pub(in super::super) fn cleared(&mut self, job: &Job, namespace: &Arc<str>, now: Instant) {
        let Some((_, object)) = self.object_of(job) else { return };
        object.ran(now);
        if let Some(space) = object.spaces.get_mut(namespace).filter(|it| it.place == Place::Running(job.ticket)) {
            (space.place, space.standing) = (Place::Rest, Standing::Unknown);
            object.enqueue(namespace, true, now);
        }
    }

    /// A Secret was taken away, or not.
    pub(in super::super) fn removed(
        &mut self,
        job: &Job,
        namespace: &Arc<str>,
        is_done: bool,
        jitter: f64,
        now: Instant,
    ) {
        let Some((_, object)) = self.object_of(job) else { return };
        object.telling.stir(now);
        let btree_map::Entry::Occupied(mut removal) = object.surplus.entry(Arc::clone(namespace)) else { return };
        if is_done {
            removal.remove();
            return;
        }
        let removal = removal.get_mut();
        removal.is_running = false;
        removal.due = Some(now + growing(Duration::from_millis(200), Duration::from_mins(1), removal.attempts, jitter));
        removal.attempts += 1;
    }

    /// The status was written, and is the object's since that resourceVersion; or it was not.
    pub(in super::super) fn told(&mut self, job: &Job, at: Option<u64>, jitter: f64, now: Instant) {
        let Some((_, object)) = self.object_of(job) else { return };
        if let (Some(at), Task::Tell(told)) = (at, &job.task) {
            object.status = told.seen.clone();
            object.told_at = at;
            object.telling.done(told, now);
        } else {
            let pause = |attempts| growing(Duration::from_millis(200), Duration::from_mins(1), attempts, jitter);
            object.telling.failed(pause, now);
        }
    }

    /// Takes note of what is due.
    fn wake(&mut self, now: Instant) {
        for object in self.objects.values_mut() {
            while object.timers.first().is_some_and(|(due, _)| *due <= now) {
                let Some((_, namespace)) = object.timers.pop_first() else { break };
                object.wake(&namespace, now);
            }
        }
    }

    /// When there may be a job again without anything happening.
    pub(in super::super) fn deadline(&self) -> Option<Instant> {
        if !self.is_whole() {
            return None;
        }
        let of = |(name, object): (&Arc<str>, &Object)| {
            let timer = object.timers.first().map(|(due, _)| *due);
            let removals = object.surplus.values().filter(|it| !it.is_running).filter_map(|it| it.due);
            removals.chain(timer).chain(self.to_tell_at(name, object)).min()
        };
        self.objects.iter().filter_map(of).min()
    }
}

impl Object {
    fn wake(&mut self, namespace: &Arc<str>, now: Instant) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        if !space.is_fought(now) && space.contested.take().is_some() {
            self.telling.stir(now);
        }
        if space.place != Place::Rest || space.due.is_none_or(|due| due > now) {
            return;
        }
        space.due = None;
        match &space.standing {
            Standing::Wrong(trouble) if trouble.retry() == Retry::OnChange => {
                space.place = Place::Queued;
                self.looks.push_back(Arc::clone(namespace));
            }
            Standing::Wrong(_) | Standing::Drifted => self.enqueue(namespace, true, now),
            Standing::Right(_) | Standing::Unknown => {}
        }
    }

    fn holds_values(&self) -> bool {
        matches!(self.opening, Opening::Running(_) | Opening::Open(_))
    }

    /// A namespace came back from a worker.
    fn ran(&mut self, now: Instant) {
        self.running = self.running.saturating_sub(1);
        self.telling.stir(now);
    }

    /// Values go as soon as there is nowhere left to write them.
    fn close(&mut self) {
        if matches!(self.opening, Opening::Open(_)) && self.queue.is_empty() && self.running == 0 {
            self.opening = Opening::Closed;
        }
    }

    /// The next namespace to be written, with what is to be written there.
    fn take_write(&mut self) -> Option<(Values, Arc<str>)> {
        let Opening::Open(values) = &self.opening else { return None };
        let values = Arc::clone(values);
        let is_queued = |name: &Arc<str>| self.spaces.get(name).is_some_and(|space| space.place == Place::Queued);
        let namespace = std::iter::from_fn(|| self.queue.pop_front()).find(is_queued);
        if namespace.is_none() {
            self.close();
        }
        Some((values, namespace?))
    }

    /// The next namespace to be looked at.
    fn take_look(&mut self) -> Option<Arc<str>> {
        let is_queued = |name: &Arc<str>| self.spaces.get(name).is_some_and(|space| space.place == Place::Queued);
        std::iter::from_fn(|| self.looks.pop_front()).find(is_queued)
    }

    /// The next Secret that is to go.
    fn removal(&mut self, marks: Option<&super::Marks>, now: Instant) -> Option<Task> {
        // What is gone already need not go.
        self.surplus.retain(|namespace, _| marks.is_some_and(|marks| marks.contains_key(namespace)));
        let is_due = |it: &super::Removal| !it.is_running && it.due.is_none_or(|due| due <= now);
        let (namespace, removal) = self.surplus.iter_mut().find(|(_, it)| is_due(it))?;
        let (mark, _) = marks?.get(namespace)?;
        removal.is_running = true;
        let (uid, resource_version) = (mark.uid.clone(), mark.resource_version);
        Some(Task::Remove { namespace: Arc::clone(namespace), uid, resource_version })
    }
}
