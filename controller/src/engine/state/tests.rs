mod lists;
mod usage;

use kseal_core::reconcile::{Claim, Sighting};
use kseal_crypto::{PrivateKey, Suite};
use rand_core::UnwrapErr;
use serde_json::json;

use super::{jobs::MAX_BACKOFF, *};

const NATIVE: Source = (Kind::Sealed(Group::Native), None);
const UPSTREAM: Source = (Kind::Sealed(Group::Upstream), None);
const SECRETS: Source = (Kind::Secrets, None);

/// A state with a clock, and an API server that is played by hand.
struct World {
    state: State,
    now: Instant,
    /// Which keys open what is worked on.
    opened_by: BTreeSet<String>,
}

/// An object as it is sent.
#[derive(Clone)]
struct Object {
    group: Group,
    name: &'static str,
    uid: &'static str,
    version: u64,
    spec: u32,
    annotations: serde_json::Value,
    status: serde_json::Value,
}

fn object(name: &'static str) -> Object {
    Object { group: Group::Native, name, uid: name, version: 10, spec: 1, annotations: json!({}), status: json!(null) }
}

impl Object {
    fn body(&self) -> Vec<u8> {
        let metadata = json!({"name": self.name, "namespace": "prod", "uid": self.uid, "resourceVersion": self.version.to_string(),
            "annotations": self.annotations});
        json!({"metadata": metadata, "spec": {"n": self.spec}, "status": self.status}).to_string().into_bytes()
    }

    fn sighting(&self) -> Sighting {
        Sighting::read(self.group, &self.body()).unwrap()
    }

    /// With the status that says: the Secret of that version is right.
    fn recorded(mut self, version: u64) -> Self {
        let hash = self.sighting().digest.to_string();
        self.status = json!({"observed": {"uid": self.uid, "secretUID": "s", "secretResourceVersion": version.to_string(),
            "hash": hash, "version": kseal_core::reconcile::LOGIC_VERSION}});
        self
    }
}

fn mark(uid: &str, version: u64, owner: Option<&str>) -> Mark {
    Mark {
        uid: Uid::of(uid),
        resource_version: version,
        claim: Claim { owner: owner.map(Uid::of), ..Claim::default() },
    }
}

impl World {
    /// Nothing was listed.
    fn unlisted() -> Self {
        let opened_by = BTreeSet::from(["k1".to_owned()]);
        Self { state: State::new(8, Instant::now()), now: Instant::now(), opened_by }
    }

    /// Everything was listed and is empty.
    fn empty() -> Self {
        let mut world = Self::unlisted();
        for source in [NATIVE, UPSTREAM, SECRETS] {
            world.list(&source, 1, |_| ());
        }
        world
    }

    fn list(&mut self, source: &Source, version: u64, items: impl FnOnce(&mut Self)) {
        self.state.started(source, self.now);
        items(self);
        self.state.synced(source, version, self.now);
    }

    fn see(&mut self, object: &Object, initial: bool) {
        let source = (Kind::Sealed(object.group), None);
        self.state.saw_object(&source, &object.sighting(), &object.body(), initial, self.now);
    }

    fn see_secret(&mut self, name: &str, mark: Mark) {
        self.state.saw_secret(&SECRETS, "prod", name, mark, self.now);
    }

    fn lose_secret(&mut self, name: &str, mark: Mark) {
        self.state.lost_secret(&SECRETS, "prod", name, mark, self.now);
    }

    fn next(&mut self) -> Option<Job> {
        self.state.next(self.now)
    }

    fn names(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).map(|job| job.id.name.to_string()).collect()
    }

    fn done(&mut self, job: &Job, object: &Object, done: Done) {
        let sighting = object.sighting();
        self.state.done(job, Some((sighting.uid, sighting.digest)), done, &self.opened_by, 0.0, self.now);
    }

    fn right(&mut self, job: &Job, object: &Object, version: u64) {
        let secret = mark("s", version, Some(object.uid));
        let tells_of_compromised = self.opened_by.iter().any(|key| self.state.compromised.contains(key));
        self.done(job, object, Done::Right { secret, written: true, tells_of_compromised });
    }

    fn wrong(&mut self, job: &Job, object: &Object, retry: Retry) {
        self.done(job, object, Done::Wrong { retry, after: None, keys: BTreeSet::new(), is_closed: false });
    }

    /// An object whose Secret was made, with version 20.
    fn settled(object: &Object) -> Self {
        let mut world = Self::empty();
        world.see(object, false);
        let job = world.next().unwrap();
        world.right(&job, object, 20);
        assert!(world.next().is_none());
        world
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }
}

#[test]
fn our_own_writes_are_no_change() {
    let db = object("db");
    let mut world = World::settled(&db);
    world.see(&Object { version: 21, ..db.clone() }.recorded(20), false);
    world.see_secret("db", mark("s", 20, Some("db")));
    assert!(world.next().is_none());
    // Nor if they pass by before the answer came.
    let mut world = World::empty();
    world.see(&db, false);
    let job = world.next().unwrap();
    world.see_secret("db", mark("s", 20, Some("db")));
    world.right(&job, &db, 20);
    assert!(world.next().is_none());
}

#[test]
fn a_changed_spec_is_work_also_while_the_object_is_worked_on() {
    let db = object("db");
    let mut world = World::settled(&db);
    let changed = Object { spec: 2, version: 30, ..db.clone() };
    world.see(&changed, false);
    let job = world.next().unwrap();
    assert_eq!(job.body.as_deref(), Some(&*changed.body()));
    let once_more = Object { spec: 3, version: 31, ..db };
    world.see(&once_more, false);
    assert!(world.next().is_none(), "one worker at a time");
    world.right(&job, &changed, 22);
    assert!(world.next().is_some());
}

#[test]
fn a_changed_or_deleted_secret_is_answered_at_once_and_then_every_30_seconds() {
    let db = object("db");
    let mut world = World::settled(&db);
    world.see_secret("db", mark("s", 25, Some("db")));
    let job = world.next().unwrap();
    assert!(job.drifted && !job.contested);
    world.right(&job, &db, 26);
    for version in 27..30 {
        world.pass(1);
        world.see_secret("db", mark("s", version, Some("db")));
        assert!(world.next().is_none());
    }
    assert_eq!(world.state.timers.len(), 1, "one deadline, however often the other writes");
    world.pass(27);
    let job = world.next().unwrap();
    assert!(job.contested);
    world.right(&job, &db, 30);
    world.lose_secret("db", mark("s", 31, Some("db")));
    assert!(world.next().is_none());
    world.pass(30);
    let job = world.next().unwrap();
    world.right(&job, &db, 32);
    // When it is long over, the condition is taken back.
    world.pass(600);
    let job = world.next().unwrap();
    assert!(!job.contested);
}

#[test]
fn an_answer_that_succeeds_late_is_one() {
    let db = object("db");
    let mut world = World::settled(&db);
    world.see_secret("db", mark("s", 25, Some("db")));
    let job = world.next().unwrap();
    let failed = Done::Wrong { retry: Retry::Backoff, after: None, keys: BTreeSet::new(), is_closed: false };
    world.done(&job, &db, failed);
    world.pass(1);
    let job = world.next().unwrap();
    assert!(job.drifted && job.attempts == 1);
    world.right(&job, &db, 26);
    world.pass(1);
    world.see_secret("db", mark("s", 27, Some("db")));
    assert!(world.next().is_none(), "not within half a minute");
    world.pass(30);
    assert!(world.next().unwrap().contested);
}

#[test]
fn a_deletion_of_the_one_before_is_no_deletion() {
    let db = object("db");
    let mut world = World::settled(&db);
    world.lose_secret("db", mark("before", 15, None));
    assert!(world.next().is_none());
}

#[test]
fn an_object_that_came_back_waits_until_its_old_secret_is_gone() {
    let mut world = World::settled(&object("db"));
    world.state.lost_object(&NATIVE, &object("db").sighting());
    let again = Object { uid: "db2", version: 40, ..object("db") };
    world.see(&again, false);
    let job = world.next().unwrap();
    assert_eq!(job.secret.unwrap().claim.owner, Some(Uid::of("db")));
    world.wrong(&job, &again, Retry::OnChange);
    assert!(world.next().is_none());
    world.lose_secret("db", mark("s", 41, Some("db")));
    assert!(world.next().is_some());
}

#[test]
fn what_stood_in_the_way_may_go_while_a_worker_still_sees_it() {
    // The garbage collector deletes the Secret of the object before, between the worker's look and its last word.
    let mut world = World::settled(&object("db"));
    let again = Object { uid: "again", ..object("db") };
    world.see(&again, false);
    let job = world.next().unwrap();
    world.lose_secret("db", mark("s", 41, Some("db")));
    world.wrong(&job, &again, Retry::OnChange);
    let job = world.next().unwrap();
    // One that nobody knew of, since it was not a sealed object's.
    world.lose_secret("db", mark("foreign", 43, None));
    world.wrong(&job, &again, Retry::OnChange);
    let job = world.next().unwrap();
    // Or it went unseen.
    world.list(&SECRETS, 50, |_| ());
    world.wrong(&job, &again, Retry::OnChange);
    let job = world.next().unwrap();
    world.wrong(&job, &again, Retry::OnChange);
    assert!(world.next().is_none());
}

#[test]
fn a_secret_that_is_deleted_before_the_worker_is_done_is_missed() {
    let db = object("db");
    let mut world = World::empty();
    world.see(&db, false);
    let job = world.next().unwrap();
    world.see_secret("db", mark("s", 20, Some("db")));
    world.lose_secret("db", mark("s", 21, Some("db")));
    world.right(&job, &db, 20);
    assert!(world.next().is_some());
}

#[test]
fn an_object_that_comes_back_while_a_worker_has_the_one_before_is_not_taken_for_it() {
    let (first, second) = (object("db"), Object { uid: "second", ..object("db") });
    let mut world = World::empty();
    world.see(&first, false);
    let job = world.next().unwrap();
    world.state.lost_object(&NATIVE, &first.sighting());
    world.see(&second, false);
    world.right(&job, &first, 20);
    let job = world.next().unwrap();
    assert!(job.body.is_some());
    world.right(&job, &second, 30);
    assert!(world.next().is_none());

    // The same with both at work.
    let third = Object { uid: "third", ..object("db") };
    world.see(&third, false);
    let older = world.next().unwrap();
    world.state.lost_object(&NATIVE, &third.sighting());
    let fourth = Object { uid: "fourth", ..object("db") };
    world.see(&fourth, false);
    let newer = world.next().unwrap();
    world.wrong(&older, &third, Retry::OnChange);
    world.wrong(&newer, &fourth, Retry::Backoff);
    world.pass(3_600);
    assert!(world.next().is_some());
}

#[test]
fn what_failed_is_tried_again_for_ever_and_ever_more_slowly() {
    let db = object("db");
    let mut world = World::empty();
    world.see(&db, false);
    let mut pauses = Vec::new();
    for attempts in 0..20 {
        let job = world.next().unwrap();
        assert_eq!(job.attempts, attempts);
        world.wrong(&job, &db, Retry::Backoff);
        let due = world.state.deadline().unwrap();
        pauses.push(due - world.now);
        assert!(world.next().is_none());
        world.now = due;
    }
    assert!(pauses.is_sorted());
    assert_eq!(pauses.last(), Some(&(MAX_BACKOFF / 2)));
    let job = world.next().unwrap();
    world.right(&job, &db, 20);
    world.see_secret("db", mark("s", 21, Some("db")));
    assert_eq!(world.next().unwrap().attempts, 0);
}

#[test]
fn our_own_write_is_no_reason_to_come_again_sooner_than_the_server_wants() {
    let db = object("db");
    let mut world = World::empty();
    world.see(&db, false);
    let job = world.next().unwrap();
    // The Secret was made, and the status refused.
    let after = Some(Duration::from_secs(5));
    world.done(&job, &db, Done::Wrong { retry: Retry::Backoff, after, keys: BTreeSet::new(), is_closed: false });
    world.see_secret("db", mark("s", 20, Some("db")));
    world.pass(4);
    assert!(world.next().is_none());
    world.pass(2);
    assert!(world.next().is_some());
}

#[test]
fn objects_go_on_when_their_key_arrives() {
    let key = || PrivateKey::generate(Suite::X25519, &mut UnwrapErr(getrandom::SysRng)).fingerprint();
    let (mine, other) = (key(), key());
    let mut world = World::empty();
    let (db, web) = (object("db"), Object { group: Group::Upstream, ..object("web") });
    world.see(&db, false);
    world.see(&web, false);
    let jobs: Vec<Job> = std::iter::from_fn(|| world.next()).collect();
    for job in &jobs {
        let (object, keys) =
            if &*job.id.name == "db" { (&db, BTreeSet::from([mine])) } else { (&web, BTreeSet::new()) };
        world.done(job, object, Done::Wrong { retry: Retry::OnKey, after: None, keys, is_closed: true });
    }
    world.state.keys_arrived(&[other], false, world.now);
    assert!(world.names().is_empty());
    world.state.keys_arrived(&[mine], false, world.now);
    assert_eq!(world.names(), ["db"]);
    world.state.keys_arrived(&[], true, world.now);
    assert_eq!(world.names(), ["web"]);
    assert!(world.state.waiting.by_key.is_empty() && world.state.waiting.keys.is_empty());
}

#[test]
fn a_key_that_arrives_while_an_object_is_opened_is_not_missed() {
    let mut world = World::empty();
    let db = object("db");
    world.see(&db, false);
    let job = world.next().unwrap();
    world.state.keys_arrived(&[], true, world.now);
    world.wrong(&job, &db, Retry::OnKey);
    assert_eq!(world.names(), ["db"]);
}

#[test]
fn what_was_fetched_may_be_newer_than_what_passed_by() {
    let mut world = World::empty();
    let (db, newer) = (object("db"), Object { spec: 2, ..object("db") });
    world.see(&db, false);
    let job = world.next().unwrap();
    world.right(&job, &newer, 20);
    assert!(world.next().is_none(), "it would be fetched again and again until the watch comes");
    world.see(&newer, false);
    assert!(world.next().is_none());
}

#[test]
fn what_stood_in_the_way_is_looked_at_when_it_changes_also_unseen() {
    let db = object("db");
    let blocked = || {
        let mut world = World::empty();
        world.see(&db, false);
        let job = world.next().unwrap();
        world.wrong(&job, &db, Retry::OnChange);
        world.see_secret("db", mark("foreign", 5, None));
        world.names();
        world
    };
    let mut world = blocked();
    let job_done = |world: &mut World| {
        let id = Id { group: Group::Native, namespace: "prod".into(), name: "db".into() };
        if let Some(record) = world.state.table.record_mut(&id) {
            record.standing = Standing::Wrong(Retry::OnChange);
            record.place = Place::Rest;
        }
    };
    job_done(&mut world);
    world.see_secret("db", mark("foreign", 6, None));
    assert!(world.next().is_none(), "the same Secret, no more ours than before");
    let consents = Mark { claim: Claim { managed: true, ..Claim::default() }, ..mark("foreign", 7, None) };
    world.see_secret("db", consents);
    assert!(world.next().is_some());
    let mut world = blocked();
    job_done(&mut world);
    world.list(&SECRETS, 60, |_| ());
    assert!(world.next().is_some(), "it went while nobody watched");
}

#[test]
fn paused_objects_are_left_alone_until_they_go_on() {
    let paused = Object { annotations: json!({"kseal.dev/paused": "true"}), ..object("db") };
    let mut world = World::empty();
    world.see(&paused, false);
    assert!(world.next().is_none());
    world.see(&object("db"), false);
    assert_eq!(world.names(), ["db"]);
    let mut world = World::settled(&object("db"));
    world.see(&paused, false);
    world.see_secret("db", mark("s", 30, Some("db")));
    assert!(world.next().is_none());
    world.see(&object("db"), false);
    assert_eq!(world.names(), ["db"], "what changed meanwhile is put right");
}

#[test]
fn the_native_object_takes_over_what_upstreams_hands_over() {
    let upstream = Object { group: Group::Upstream, uid: "old", ..object("db") };
    let mut world = World::settled(&upstream);
    let native = Object { uid: "new", ..object("db") };
    world.see(&native, false);
    let job = world.next().unwrap();
    assert_eq!(job.predecessor, None);
    world.wrong(&job, &native, Retry::OnChange);
    let hands_over = Object { annotations: json!({"kseal.dev/hand-over": "native"}), version: 30, ..upstream };
    world.see(&hands_over, false);
    let job = world.next().unwrap();
    assert_eq!((job.id.group, job.predecessor), (Group::Native, Some(Uid::of("old"))));
    world.right(&job, &native, 40);
    assert!(world.next().is_none(), "upstream's object lets go");
}

#[test]
fn a_hand_over_that_passes_by_while_the_native_object_is_worked_on_is_not_missed() {
    let upstream = Object { group: Group::Upstream, uid: "old", ..object("db") };
    let mut world = World::settled(&upstream);
    let native = Object { uid: "new", ..object("db") };
    world.see(&native, false);
    let job = world.next().unwrap();
    world.see(&Object { annotations: json!({"kseal.dev/hand-over": "native"}), version: 30, ..upstream }, false);
    world.wrong(&job, &native, Retry::OnChange);
    let job = world.next().unwrap();
    assert_eq!((job.id.group, job.predecessor), (Group::Native, Some(Uid::of("old"))));
}

#[test]
fn no_order_of_events_leaves_an_object_unattended() {
    // Whatever happens, an object that is not at rest is queued, with a worker, or has a deadline; one that is at rest is
    // right, waits for a key, or waits for a change.
    use proptest::prelude::*;
    proptest!(|(steps in proptest::collection::vec((0_u8..8, 0_u8..4), 1..60))| {
        let mut world = World::empty();
        let (mut jobs, mut version, mut spec) = (Vec::new(), 100, 1);
        for (step, choice) in steps {
            version += 1;
            let db = Object { version, spec, ..object("db") };
            match step {
                0 => { spec += 1; world.see(&Object { version, spec, ..object("db") }, false); }
                1 => world.see_secret("db", mark("s", version, Some("db"))),
                2 => world.lose_secret("db", mark("s", version, Some("db"))),
                3 => drop(world.state.lost_object(&NATIVE, &db.sighting())),
                4 => jobs.extend(world.next()),
                5 => if let Some(job) = jobs.pop() { world.right(&job, &db, version); },
                6 => if let Some(job) = jobs.pop() {
                    let retry = [Retry::OnChange, Retry::OnKey, Retry::Backoff, Retry::Backoff][usize::from(choice)];
                    world.wrong(&job, &db, retry);
                },
                _ => world.pass(u64::from(choice) * 20),
            }
        }
        world.pass(3_600);
        let idle_queue = world.next().is_none();
        for group in Group::ALL {
            for id in world.state.table.ids(group, None, |_, _| true).collect::<Vec<_>>() {
                let entry = world.state.table.get("prod", "db").unwrap();
                let record = entry.get(group).unwrap();
                let attended = record.place != Place::Rest || !entry.has_work(group) || !idle_queue;
                prop_assert!(attended, "{id:?} is forgotten");
            }
        }
    });
}
