use kseal_core::LabelSelector;
use kseal_core::reconcile::{Asks, Retry};
use serde_json::{Value, json};
use std::time::Duration;

use super::claims::Asked;
use super::*;

const PASSED: u64 = 1_000;

/// The accounts as the API server would have them, and what the engine knows of them.
struct World {
    accounts: Accounts,
    objects: BTreeMap<String, Value>,
    version: u64,
    now: Instant,
}

fn id(name: &str) -> Id {
    Id { group: Group::Native, namespace: "prod".into(), name: name.into() }
}

fn all() -> Asks {
    Asks { pull: Some(Ok(Selection::All)), token_of: None }
}

impl World {
    fn new() -> Self {
        let mut accounts = Accounts::default();
        accounts.started(&None);
        accounts.synced(&None, Instant::now());
        Self { accounts, objects: BTreeMap::new(), version: PASSED, now: Instant::now() }
    }

    /// With everything known.
    fn whole() -> Self {
        let mut world = Self::new();
        world.accounts.objects_are_known(true, world.now);
        world
    }

    /// Somebody writes an account: these entries, and this record.
    fn put(&mut self, name: &str, entries: &[&str], record: &str) {
        self.version += 1;
        let entries: Vec<Value> = entries.iter().map(|entry| json!({"name": entry})).collect();
        let metadata = json!({"name": name, "namespace": "prod", "uid": name, "resourceVersion": self.version.to_string(),
            "annotations": {"kseal.dev/image-pull-secrets": record}, "managedFields": [{"manager": "kubectl", "time": "1"}]});
        self.objects.insert(name.into(), json!({"metadata": metadata, "imagePullSecrets": entries}));
        self.pass(name);
    }

    /// It passes by.
    fn pass(&mut self, name: &str) -> Vec<Id> {
        let account = self.read(name);
        self.accounts.saw(&None, &account, self.now)
    }

    fn known(&self, name: &str) -> &Account {
        self.accounts.account(&("prod".into(), name.into())).unwrap()
    }

    fn read(&self, name: &str) -> reconcile::Account {
        reconcile::Account::read(self.objects[name].to_string().as_bytes()).unwrap()
    }

    fn ask(&mut self, secret: &str, uid: &str, attached: bool) {
        let asked = Asked { uid: Uid::of(uid), asks: &all(), attached, paused: false, seen_under: None, created: None };
        self.accounts.asked(&id(secret), &asked, self.now);
    }

    fn ask_and_honour(&mut self, secret: &str) {
        self.ask(secret, secret, false);
        assert!(self.accounts.activate(&id(secret), Uid::of(secret), &Selection::All, self.now));
    }

    /// Does every job that there is, as the worker would; answers which accounts were written.
    fn work(&mut self) -> Vec<String> {
        let mut written = Vec::new();
        while let Some(job) = self.accounts.next(self.now) {
            let name = job.name.1.to_string();
            let mut account = self.read(&name);
            let add: BTreeSet<&str> = job.add.iter().map(AsRef::as_ref).collect();
            let keep = |secret: &str| job.keep.as_ref().is_none_or(|keep| keep.contains(secret));
            let change = account.change(&add, keep);
            let is_written = change.is_some();
            if let Some(change) = change {
                written.push(name.clone());
                self.version += 1;
                let object = self.objects.get_mut(&name).unwrap();
                object["imagePullSecrets"] = change.present.iter().map(|name| json!({"name": name})).collect();
                let record = change.recorded.iter().cloned().collect::<Vec<_>>().join(",");
                object["metadata"]["annotations"]["kseal.dev/image-pull-secrets"] = json!(record);
                object["metadata"]["resourceVersion"] = json!(self.version.to_string());
                account = self.read(&name);
            }
            self.accounts.done(&job, AccountDone::Right { account, written: is_written }, 0.0, self.now);
        }
        written
    }

    fn entries(&self, name: &str) -> Vec<String> {
        self.read(name).present
    }

    fn hindered(&self, secret: &str) -> Option<&'static str> {
        match self.accounts.standing(&id(secret)) {
            Standing::Hindered(trouble) => Some(trouble.reason()),
            Standing::Pending => Some("Pending"),
            Standing::Attached => None,
        }
    }

    fn fail(&mut self, category: &'static str, passing: bool) {
        let job = self.accounts.next(self.now).unwrap();
        let trouble = Trouble::Api { category, text: "x".into(), retry: Retry::Backoff };
        self.accounts.done(&job, AccountDone::Failed { trouble, passing, after: None }, 0.0, self.now);
    }
}

#[test]
fn accounts_get_what_is_honoured_whenever_they_come() {
    let mut world = World::new();
    world.put("before", &["other"], "");
    world.ask("registry", "u", false);
    assert!(world.work().is_empty(), "not honoured yet");
    assert!(!world.accounts.activate(&id("registry"), Uid::of("other"), &Selection::All, world.now));
    let others = Selection::Names(BTreeSet::from(["x".to_owned()]));
    assert!(!world.accounts.activate(&id("registry"), Uid::of("u"), &others, world.now), "it is not what it was");
    assert!(world.work().is_empty());
    assert!(world.accounts.activate(&id("registry"), Uid::of("u"), &Selection::All, world.now));
    assert_eq!(world.work(), ["before"]);
    world.put("after", &[], "");
    assert_eq!(world.work(), ["after"]);
    assert_eq!(
        (world.entries("before"), world.entries("after")),
        (vec!["other".into(), "registry".into()], vec!["registry".into()])
    );
    assert_eq!(world.hindered("registry"), None);
    world.pass("after");
    assert!(world.work().is_empty());
}

#[test]
fn what_nobody_asks_for_goes_once_every_object_is_known() {
    let mut world = World::new();
    world.put("default", &["old", "other"], "old");
    assert!(world.work().is_empty(), "the object may still come");
    world.accounts.objects_are_known(true, world.now);
    assert_eq!(world.work(), ["default"]);
    assert_eq!(world.entries("default"), ["other"]);
    world.ask_and_honour("registry");
    world.work();
    world.accounts.forgot(&id("registry"), world.now);
    assert_eq!(world.work(), ["default"]);
    assert_eq!(world.entries("default"), ["other"]);
    let late = world.accounts.activate(&id("registry"), Uid::of("registry"), &Selection::All, world.now);
    assert!(!late && world.work().is_empty(), "a worker that had it asks for nobody");
}

#[test]
fn what_is_there_stays_while_its_object_waits_to_be_honoured() {
    let mut world = World::whole();
    world.ask("registry", "u", false);
    world.put("default", &["registry"], "registry");
    assert!(world.work().is_empty());
}

#[test]
fn an_object_that_was_honoured_is_so_after_a_restart() {
    let mut world = World::whole();
    world.put("default", &[], "");
    world.ask("registry", "u", true);
    assert_eq!(world.work(), ["default"]);
}

#[test]
fn an_object_in_the_place_of_another_inherits_nothing() {
    let mut world = World::whole();
    world.ask_and_honour("registry");
    world.put("default", &[], "");
    world.work();
    world.ask("registry", "another", false);
    world.put("new", &[], "");
    assert!(world.work().is_empty());
    assert_eq!(world.entries("default"), ["registry"], "as long as it asks, nothing is taken out");
}

#[test]
fn a_fight_is_answered_once_in_thirty_seconds_and_told() {
    let mut world = World::whole();
    world.ask_and_honour("registry");
    world.put("default", &[], "");
    assert_eq!(world.work().len(), 1);
    world.pass("default");
    world.put("default", &["theirs"], "");
    assert_eq!(world.work().len(), 1, "the first time at once");
    assert_eq!(world.hindered("registry"), None);
    world.put("default", &["theirs"], "");
    assert!(world.work().is_empty());
    world.now += ANSWER;
    assert_eq!(world.accounts.deadline(), Some(world.now));
    assert_eq!(world.work().len(), 1);
    assert_eq!(world.hindered("registry"), Some("Contested"));
    assert_eq!(world.entries("default"), ["theirs", "registry"]);
    world.now += GRUDGE;
    world.accounts.wake(world.now);
    assert_eq!(world.hindered("registry"), None);
}

#[test]
fn another_secret_need_not_wait_for_a_fight() {
    let mut world = World::whole();
    world.ask_and_honour("registry");
    world.put("default", &[], "");
    world.work();
    world.put("default", &[], "");
    world.work();
    world.ask_and_honour("second");
    assert_eq!(world.work(), ["default"]);
    assert_eq!(world.entries("default"), ["registry", "second"]);
}

#[test]
fn a_recreated_account_is_another_one() {
    let mut world = World::whole();
    world.ask_and_honour("registry");
    for _ in 0..3 {
        world.put("default", &[], "");
        world.objects.get_mut("default").unwrap()["metadata"]["uid"] = json!(world.version.to_string());
        world.pass("default");
        world.work();
        assert_eq!(world.entries("default"), ["registry"]);
    }
    assert_eq!(world.hindered("registry"), None, "nobody fights");
}

#[test]
fn what_cannot_be_done_is_told_and_tried_again() {
    let mut world = World::whole();
    world.ask_and_honour("registry");
    world.put("default", &[], "");
    world.fail("server", true);
    assert_eq!(world.hindered("registry"), None, "that passes");
    world.now = world.accounts.deadline().unwrap();
    world.fail("forbidden", false);
    assert_eq!(world.hindered("registry"), Some("ApiError"));
    world.now = world.accounts.deadline().unwrap();
    assert_eq!(world.work(), ["default"]);
    assert_eq!(world.hindered("registry"), None);
    world.accounts.told(&id("registry"), false);
    assert_eq!(world.accounts.untold(), [id("registry")]);
    world.accounts.told(&id("registry"), true);
    assert!(world.accounts.untold().is_empty());
}

#[test]
fn accounts_that_cannot_be_listed_keep_nobody_waiting() {
    let mut world = World::whole();
    world.accounts.started(&None);
    world.ask_and_honour("registry");
    assert_eq!(world.hindered("registry"), Some("Pending"));
    world.accounts.broke_off(&None);
    assert_eq!(world.hindered("registry"), Some("ApiError"));
    world.accounts.told(&id("registry"), false);
    world.accounts.started(&None);
    world.accounts.synced(&None, world.now);
    assert_eq!(world.accounts.untold(), [id("registry")]);
}

#[test]
fn conflicts_never_keep_it_waiting_for_long() {
    let mut world = World::whole();
    world.ask_and_honour("registry");
    world.put("default", &[], "");
    for _ in 0..20 {
        world.fail("conflict", true);
        let due = world.accounts.deadline().unwrap();
        assert!(due - world.now < Duration::from_secs(5));
        world.now = due;
    }
}

#[test]
fn namespaces_take_turns() {
    let mut world = World::whole();
    for namespace in ["flood", "quiet"] {
        let id = Id { group: Group::Native, namespace: namespace.into(), name: "registry".into() };
        world.accounts.asked(
            &id,
            &Asked {
                uid: Uid::default(),
                asks: &all(),
                attached: true,
                paused: false,
                seen_under: None,
                created: None,
            },
            world.now,
        );
        for number in 0..if namespace == "flood" { 5 } else { 1 } {
            let metadata =
                json!({"namespace": namespace, "name": number.to_string(), "uid": "", "resourceVersion": "1"});
            let seen = reconcile::Account::read(json!({"metadata": metadata}).to_string().as_bytes()).unwrap();
            world.accounts.saw(&None, &seen, world.now);
        }
    }
    let order: Vec<_> =
        std::iter::from_fn(|| world.accounts.next(world.now)).map(|job| job.name.0.to_string()).collect();
    assert_eq!(order.iter().position(|it| it == "quiet"), Some(1), "{order:?}");
}

#[test]
fn who_waits_for_an_account_is_told_of_it_and_of_its_word() {
    let mut world = World::whole();
    let asks = Asks { pull: None, token_of: Some("ci".into()) };
    let asked =
        Asked { uid: Uid::default(), asks: &asks, attached: false, paused: false, seen_under: None, created: None };
    world.accounts.asked(&id("ci-token"), &asked, world.now);
    world.objects.insert(
        "ci".into(),
        json!({"metadata": {"name": "ci", "namespace": "prod", "uid": "1", "resourceVersion": "1"}}),
    );
    assert_eq!(world.pass("ci"), [id("ci-token")]);
    world.objects.get_mut("ci").unwrap()["metadata"]["resourceVersion"] = json!("2");
    assert!(world.pass("ci").is_empty());
    world.objects.get_mut("ci").unwrap()["metadata"]["resourceVersion"] = json!("3");
    world.objects.get_mut("ci").unwrap()["metadata"]["annotations"] = json!({"kseal.dev/allow-token-for": "x"});
    assert_eq!(world.pass("ci"), [id("ci-token")]);
}

#[test]
fn what_clusters_ask_for_comes_and_goes_with_its_namespaces() {
    let mut world = World::whole();
    world.put("default", &[], "");
    let claim = |namespaces: &[&str], wanted: &[&str]| {
        let set = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
        let claim = pull_claims::Claim { selection: Selection::All, namespaces: set(namespaces), wanted: set(wanted) };
        Arc::new(BTreeMap::from([(Arc::from("registry"), claim)]))
    };
    world.accounts.asked_by_cluster(claim(&[], &["prod"]), world.now);
    assert!(world.work().is_empty(), "its Secret is not right yet");
    world.accounts.asked_by_cluster(claim(&["prod"], &["prod"]), world.now);
    assert_eq!(world.work(), ["default"]);
    world.accounts.asked_by_cluster(claim(&[], &["prod"]), world.now);
    assert!(world.work().is_empty(), "what is there stays");
    world.accounts.asked_by_cluster(claim(&[], &[]), world.now);
    assert_eq!(world.work(), ["default"]);
    assert!(world.entries("default").is_empty());
}

#[test]
fn a_list_that_does_not_name_an_account_forgets_it() {
    let mut world = World::whole();
    world.ask_and_honour("registry");
    world.put("default", &[], "");
    world.accounts.started(&None);
    world.accounts.synced(&None, world.now);
    assert!(world.work().is_empty());
    assert_eq!(world.hindered("registry"), None, "nobody is busy any more");
}

#[test]
fn what_others_make_long_is_not_kept_in_mind() {
    let mut world = World::whole();
    let names: Vec<String> = (0..1_000).map(|number| format!("name-{number}")).collect();
    let entries: Vec<&str> = names.iter().map(String::as_str).chain(["registry"]).collect();
    world.put("default", &entries, &names.join(","));
    assert!(world.known("default").present.is_empty() && world.known("default").recorded.is_empty());
    world.put("default", &entries, "");
    assert!(world.known("default").present.is_empty());
    world.ask_and_honour("registry");
    assert_eq!(world.work(), [""; 0], "it is looked at, and has it");
    assert_eq!(*world.known("default").present, [Box::from("registry")]);
    assert!(world.accounts.next(world.now).is_none());
}

#[test]
fn labels_without_end_are_not_selected_by() {
    let mut seen = reconcile::Account::default();
    let selector = |text: &str| Selection::Labels(LabelSelector::read(&serde_json::from_str(text).unwrap()).unwrap());
    let (has, has_not) = (
        selector(r#"{"matchLabels": {"a": "1"}}"#),
        selector(r#"{"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}"#),
    );
    let names = Selection::Names(["default".to_owned()].into());
    let takes = |seen: &reconcile::Account| {
        let account = Account::new(seen, 0, None);
        [&has, &has_not, &names, &Selection::All].map(|selection| account.is_taken_by(selection, "default"))
    };
    seen.labels.insert("a".into(), "1".into());
    assert_eq!(takes(&seen), [true; 4]);
    seen.labels.extend((0..200).map(|number| (format!("label-of-some-length-{number}"), "true".into())));
    assert_eq!(takes(&seen), [false, false, true, true], "what is not known of them is not guessed");
}
