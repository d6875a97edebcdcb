use kseal_api::names;
use kseal_core::reconcile::Account;
use serde_json::{Value, json};

use super::*;

struct World {
    state: State,
    now: Now,
}

fn object(namespace: &str, name: &str, more: &Value) -> TokenObject {
    let mut metadata = json!({
        "namespace": namespace, "name": name, "uid": format!("{namespace}-{name}"), "resourceVersion": "1", "generation": 1,
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let spec = json!({"serviceAccountName": "bot", "mode": "Bound"});
    TokenObject::read(json!({"metadata": metadata, "spec": spec}).to_string().as_bytes()).unwrap()
}

fn secret(of: &str, name: &str, uid: &str, version: u64) -> SecretMetadata {
    let metadata = json!({
        "namespace": "prod", "name": name, "uid": uid, "resourceVersion": version.to_string(), "labels": {names::TOKEN_OF: of},
    });
    SecretMetadata::read(json!({"metadata": metadata}).to_string().as_bytes()).unwrap()
}

fn account(uid: &str, allows: &str) -> Digest {
    let metadata =
        json!({"name": "bot", "uid": uid, "resourceVersion": "1", "annotations": {names::ALLOW_TOKEN_FOR: allows}});
    Account::read(json!({"metadata": metadata}).to_string().as_bytes()).unwrap().consent()
}

const RIGHT: Done = Done::Right { until: None, expires: None, fought: false };
const WRONG: Done = Done::Wrong { retry: Retry::Backoff, after: None, by_policy: false, for_filling: false };

impl World {
    fn new() -> Self {
        Self { state: State::new(2), now: Now { instant: Instant::now(), wall: 1_000 } }
    }

    /// With one object that is right, its Secret `ci` in version 5.
    fn at_rest() -> Self {
        let mut world = Self::new();
        world.see("prod", "ci", &json!({}));
        world.work(RIGHT);
        assert!(world.next().is_none());
        world
    }

    fn see(&mut self, namespace: &str, name: &str, more: &Value) {
        self.state.saw_object(None, &object(namespace, name, more), self.now);
    }

    fn see_secret(&mut self, name: &str, uid: &str, version: u64, gone: bool) {
        self.state.saw_secret(None, &secret("prod-ci", name, uid, version), gone, self.now);
    }

    fn see_account(&mut self, account: Option<Digest>) {
        self.state.saw_account(None, &("prod".into(), "bot".into()), account, self.now);
    }

    fn next(&mut self) -> Option<Job> {
        self.state.next(self.now)
    }

    fn end(&mut self, job: &Job, done: Done, written: bool) {
        let secrets = BTreeMap::from([("ci".to_owned(), ("s1".to_owned(), 5))]);
        let settled = Settled { secrets, account: Some(account("a1", "ci")) };
        self.state.done(job, Finished { done, settled: Some(settled), written }, 1.0, self.now);
    }

    /// The job that is there, done.
    fn work(&mut self, done: Done) -> Job {
        let job = self.next().unwrap();
        self.end(&job, done, true);
        job
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.wall += i64::try_from(time.as_secs()).unwrap();
    }
}

#[test]
fn our_own_writes_are_no_news() {
    let mut world = World::at_rest();
    world.see_secret("ci", "s1", 5, false);
    world.see_secret("ci", "s1", 4, false);
    world.see_secret("old", "s0", 3, true);
    world.see("prod", "ci", &json!({"resourceVersion": "9"}));
    world.see_account(Some(account("a1", "ci")));
    world.pass(Duration::from_hours(1));
    assert!(world.next().is_none() && world.state.deadline().is_none());
}

#[test]
fn what_passes_by_while_a_job_runs_is_judged_when_it_ends() {
    for (name, uid, version, gone, is_news) in [
        ("ci", "s1", 5, false, false),
        ("ci", "s1", 6, false, true),
        ("ci", "s1", 6, true, true),
        ("ci", "s0", 4, true, false),
        ("ci", "s2", 4, false, true),
        ("other", "s9", 4, false, true),
    ] {
        let mut world = World::new();
        world.see("prod", "ci", &json!({}));
        let job = world.next().unwrap();
        world.see_secret(name, uid, version, gone);
        world.end(&job, RIGHT, true);
        world.pass(CALM);
        assert_eq!(world.next().is_some(), is_news, "{name} {uid} {version} {gone}");
    }
}

#[test]
fn who_changes_a_secret_is_answered_at_once_and_then_every_30_seconds() {
    let mut world = World::at_rest();
    world.pass(CALM);
    world.see_secret("ci", "s1", 6, false);
    let first = world.work(RIGHT);
    assert!(first.drifted && !first.contested);
    let mut jobs = 0;
    for _ in 0..600 {
        world.pass(Duration::from_millis(100));
        world.see_secret("ci", "s2", 1, false);
        if let Some(job) = world.next() {
            assert!(job.drifted && job.contested);
            world.end(&job, RIGHT, true);
            jobs += 1;
        }
    }
    assert_eq!(jobs, 2);
    // What came last is answered, and when it is long over, it is looked at once more.
    world.see_secret("ci", "s2", 1, false);
    world.pass(ANSWER);
    let job = world.work(RIGHT);
    assert!(job.contested);
    world.pass(GRUDGE);
    let job = world.work(RIGHT);
    assert!(!job.drifted && !job.contested);
    assert!(world.state.deadline().is_none());
}

#[test]
fn who_brought_it_about_is_answered_though_it_takes_several_tries() {
    let mut world = World::at_rest();
    world.pass(CALM);
    world.see_secret("ci", "s1", 6, true);
    let job = world.next().unwrap();
    let filling = Done::Wrong { retry: Retry::Backoff, after: None, by_policy: false, for_filling: true };
    world.end(&job, filling, true);
    world.see_secret("ci-new", "s2", 7, false);
    let job = world.next().unwrap();
    assert!(job.drifted && job.written);
    world.end(&job, RIGHT, false);
    world.see_secret("ci-new", "s2", 8, true);
    world.see_secret("ci", "s1", 8, true);
    assert!(world.next().is_none(), "he waits for the next answer");
    world.pass(ANSWER);
    assert!(world.next().unwrap().contested);
}

#[test]
fn who_undoes_it_while_it_is_done_waits_too() {
    let mut world = World::new();
    world.see("prod", "ci", &json!({}));
    world.work(Done::Right { until: None, expires: None, fought: true });
    world.see_secret("ci", "s1", 9, false);
    world.pass(ANSWER / 2);
    assert!(world.next().is_none());
    world.pass(ANSWER / 2);
    let job = world.work(RIGHT);
    assert!(job.drifted && job.contested);
}

#[test]
fn what_fails_is_tried_again_for_ever_and_more_and_more_seldom() {
    let mut world = World::new();
    world.see("prod", "ci", &json!({}));
    let mut pauses = Vec::new();
    for attempt in 0..20 {
        let job = world.work(WRONG);
        assert_eq!(job.attempts, attempt);
        let due = world.state.deadline().unwrap();
        pauses.push(due - world.now.instant);
        world.pass(due - world.now.instant);
    }
    assert_eq!(pauses[..3], [200, 400, 800].map(Duration::from_millis));
    assert_eq!(pauses.last(), Some(&MAX_BACKOFF));
    // What the server asks for is given.
    let after = Some(Duration::from_mins(3));
    world.work(Done::Wrong { retry: Retry::Backoff, after, by_policy: false, for_filling: false });
    assert_eq!(world.state.deadline(), Some(world.now.instant + Duration::from_mins(3)));
    // A change of the object comes at once.
    world.see("prod", "ci", &json!({"generation": 2}));
    assert_eq!(world.next().unwrap().attempts, 0);
}

#[test]
fn what_waits_for_an_account_or_a_policy_goes_on_at_once() {
    let mut world = World::new();
    world.see("prod", "ci", &json!({}));
    let waits = |by_policy| Done::Wrong { retry: Retry::OnChange, after: None, by_policy, for_filling: false };
    world.work(waits(false));
    assert!(world.next().is_none());
    world.state.saw_account(None, &("prod".into(), "other".into()), Some(account("a9", "")), world.now);
    world.state.saw_account(None, &("dev".into(), "bot".into()), Some(account("a9", "")), world.now);
    world.state.policies_changed(world.now);
    assert!(world.next().is_none());
    for changed in [Some(account("a1", "ci,cd")), Some(account("a2", "ci")), None] {
        world.see_account(changed);
        world.work(waits(true));
    }
    world.state.policies_changed(world.now);
    assert!(world.next().is_some());
}

#[test]
fn a_time_is_one_of_the_wall_clock() {
    let mut world = World::new();
    world.see("prod", "ci", &json!({}));
    world.work(Done::Right { until: Some(1_500), expires: Some(1_600), fought: false });
    world.pass(Duration::from_secs(499));
    assert!(world.next().is_none());
    assert!(world.state.deadline().unwrap() <= world.now.instant + Duration::from_secs(1));
    world.pass(Duration::from_secs(1));
    assert!(world.next().is_some());

    let mut world = World::new();
    world.see("prod", "ci", &json!({}));
    world.work(Done::Right { until: Some(1_000_000), expires: None, fought: false });
    assert_eq!(world.state.deadline(), Some(world.now.instant + WALL));
    world.now.wall = 1_000_000;
    world.now.instant += WALL;
    assert!(world.next().is_some(), "the clock has jumped");
}

#[test]
fn what_a_list_does_not_name_is_gone() {
    let relist = |world: &mut World, kind, see: &dyn Fn(&mut World)| {
        world.state.started(kind, None);
        see(world);
        world.state.synced(kind, None, world.now);
        world.pass(CALM);
        world.next().is_some()
    };
    let of_secrets = |see: &dyn Fn(&mut World)| relist(&mut World::at_rest(), Kind::Secrets, see);
    assert!(!of_secrets(&|world| world.see_secret("ci", "s1", 5, false)));
    assert!(of_secrets(&|_| {}));
    let of_accounts = |see: &dyn Fn(&mut World)| relist(&mut World::at_rest(), Kind::Accounts, see);
    assert!(!of_accounts(&|world| world.see_account(Some(account("a1", "ci")))));
    assert!(of_accounts(&|_| {}));
    let mut world = World::at_rest();
    assert!(!relist(&mut world, Kind::Objects, &|_| {}));
    assert!(world.state.objects.is_empty() && world.state.uids.is_empty());
}

#[test]
fn an_object_of_the_same_name_is_another_one() {
    let mut world = World::at_rest();
    world.see("prod", "ci", &json!({"uid": "next"}));
    assert_eq!(world.next().unwrap().uid, "next");
    assert_eq!(world.state.uids.len(), 1);
    // What ran for the one before says nothing of this one.
    world.state.lost_object(&object("prod", "ci", &json!({})));
    assert_eq!(world.state.objects.len(), 1);
}

#[test]
fn what_is_paused_or_goes_is_left_alone() {
    for more in [json!({"annotations": {"kseal.dev/paused": "true"}}), json!({"deletionTimestamp": "x"})] {
        let mut world = World::at_rest();
        world.see("prod", "ci", &more);
        world.see_secret("ci", "s1", 9, false);
        world.pass(Duration::from_hours(1));
        assert!(world.next().is_none());
    }
    let mut world = World::new();
    world.see("prod", "ci", &json!({"annotations": {"kseal.dev/paused": "true"}}));
    assert!(world.next().is_none());
    assert_eq!(world.state.census().0, BTreeMap::from([(("Bound", "paused"), 1)]));
    world.see("prod", "ci", &json!({}));
    assert!(world.next().is_some());
}

#[test]
fn it_is_looked_again_on_demand() {
    let mut world = World::at_rest();
    world.see("prod", "ci", &json!({"annotations": {"kseal.dev/reconcile-at": "now"}}));
    assert!(!world.work(RIGHT).drifted);
    world.see("prod", "ci", &json!({"annotations": {"kseal.dev/reconcile-at": "now"}}));
    assert!(world.next().is_none());
}

#[test]
fn namespaces_take_turns_and_one_has_not_all_the_workers() {
    let mut world = World::new();
    for name in ["1", "2", "3"] {
        world.see("flood", name, &json!({}));
    }
    world.see("quiet", "1", &json!({}));
    let jobs: Vec<Job> = std::iter::from_fn(|| world.next()).collect();
    let names: Vec<String> = jobs.iter().map(|job| format!("{}/{}", job.name.0, job.name.1)).collect();
    assert_eq!(names, ["flood/1", "quiet/1", "flood/2"]);
    world.end(&jobs[0], RIGHT, false);
    assert_eq!(world.next().unwrap().name.1, "3");
}

#[test]
fn states_and_the_first_expiry_are_counted() {
    let mut world = World::new();
    for (name, done) in [
        ("1", Done::Right { until: None, expires: Some(5), fought: false }),
        ("2", Done::Right { until: None, expires: Some(3), fought: false }),
        ("3", WRONG),
    ] {
        world.see("prod", name, &json!({}));
        world.work(done);
    }
    world.see("prod", "4", &json!({}));
    let (counts, expiry) = world.state.census();
    assert_eq!(counts, BTreeMap::from([(("Bound", "ready"), 2), (("Bound", "failing"), 1), (("Bound", "pending"), 1)]));
    assert_eq!(expiry, Some(3));
}
