//! Which objects need which keys.

use std::collections::BTreeMap;

use super::*;
use kseal_core::keys::Need;

fn counts(world: &mut World) -> BTreeMap<String, (usize, usize)> {
    let needs = world.state.usage(&known()).unwrap();
    needs.into_iter().map(|(key, Need { objects, claimed, .. })| (key, (objects, claimed))).collect()
}

/// The keys that are held or published.
fn known() -> BTreeSet<String> {
    BTreeSet::from(["k1".to_owned()])
}

fn one(key: &str, objects: usize, claimed: usize) -> BTreeMap<String, (usize, usize)> {
    BTreeMap::from([(key.to_owned(), (objects, claimed))])
}

#[test]
fn what_was_opened_needs_its_keys_until_it_is_gone() {
    let db = object("db");
    let mut world = World::settled(&db);
    assert_eq!(counts(&mut world), one("k1", 1, 0));
    // While it is looked at anew it still needs what opened it.
    world.see(&Object { spec: 2, version: 30, ..db.clone() }, false);
    assert_eq!(counts(&mut world), one("k1", 1, 0));
    let job = world.next().unwrap();
    world.opened_by = BTreeSet::from(["k2".to_owned()]);
    world.right(&job, &Object { spec: 2, version: 30, ..db.clone() }, 31);
    assert_eq!(counts(&mut world), one("k2", 1, 0));
    world.state.lost_object(&NATIVE, &db.sighting());
    assert_eq!(counts(&mut world), BTreeMap::new());
}

#[test]
fn after_a_restart_the_statuses_tell_it() {
    let mut world = World::unlisted();
    world.state.started(&NATIVE, world.now);
    assert!(world.state.usage(&known()).is_none(), "nothing is told of what is not known whole");
    let mut db = object("db").recorded(20);
    db.status["observed"]["keys"] = json!(["k7", "k8"]);
    world.list(&NATIVE, 50, |world| world.see(&db, true));
    assert!(world.state.usage(&known()).is_some(), "no other collection is followed yet");
    world.state.started(&UPSTREAM, world.now);
    assert!(world.state.usage(&known()).is_none());
    world.state.lost(&UPSTREAM, false);
    assert!(world.state.usage(&known()).is_none());
    // A kind that is not installed has no objects.
    world.state.lost(&UPSTREAM, true);
    assert_eq!(counts(&mut world), BTreeMap::from([("k7".into(), (1, 0)), ("k8".into(), (1, 0))]));
    // What opened another spec, or was done by another version of the logic, may be needed by this one.
    let mut stale = Object { spec: 9, ..db };
    stale.name = "stale";
    world.see(&stale, false);
    assert_eq!(counts(&mut world), BTreeMap::from([("k7".into(), (2, 0)), ("k8".into(), (2, 0))]));
}

fn closed(retry: Retry, keys: BTreeSet<Fingerprint>) -> Done {
    Done::Wrong { retry, after: None, keys, is_closed: true }
}

#[test]
fn what_does_not_open_claims() {
    let db = object("db");
    let mut world = World::empty();
    world.see(&db, false);
    let job = world.next().unwrap();
    world.done(&job, &db, closed(Retry::OnChange, BTreeSet::new()));
    assert_eq!(counts(&mut world), one("k1", 0, 1));
    // Keys that nobody knows are claimed in vain, however many they are.
    let key = PrivateKey::generate(Suite::X25519, &mut UnwrapErr(getrandom::SysRng)).fingerprint();
    world.see(&Object { spec: 2, version: 30, ..db.clone() }, false);
    world.opened_by = BTreeSet::new();
    let job = world.next().unwrap();
    world.done(&job, &db, closed(Retry::OnKey, BTreeSet::from([key])));
    assert_eq!(counts(&mut world), BTreeMap::new());
    let published = BTreeSet::from([key.to_string()]);
    assert_eq!(world.state.usage(&published).unwrap()[&key.to_string()].claimed, 1);
}

#[test]
fn whatever_else_is_wrong_what_was_needed_is_needed() {
    let db = object("db");
    for retry in [Retry::Backoff, Retry::OnChange] {
        let mut world = World::settled(&db);
        world.see(&Object { spec: 2, version: 30, ..db.clone() }, false);
        let job = world.next().unwrap();
        world.opened_by = BTreeSet::new();
        world.wrong(&job, &db, retry);
        assert_eq!(counts(&mut world), one("k1", 1, 0), "{retry:?}");
    }
    // Also after a restart in the meantime.
    let mut db = db;
    db.status = json!({"neededKeys": ["k1"]});
    let mut world = World::empty();
    world.see(&db, true);
    assert_eq!(counts(&mut world), one("k1", 1, 0));
    let job = world.next().unwrap();
    world.opened_by = BTreeSet::new();
    world.wrong(&job, &db, Retry::Backoff);
    assert_eq!(counts(&mut world), one("k1", 1, 0));
}

#[test]
fn the_first_ones_are_named_and_all_are_counted() {
    let mut world = World::empty();
    for number in 0..40_u8 {
        let name: &'static str = Box::leak(format!("o{number:02}").into_boxed_str());
        world.see(&object(name), false);
        let job = world.next().unwrap();
        world.right(&job, &object(name), 20);
    }
    let need = world.state.usage(&known()).unwrap().remove("k1").unwrap();
    assert_eq!(need.objects, 40);
    let names: Vec<String> = (0..16).map(|number| format!("prod/o{number:02}")).collect();
    assert_eq!((need.first, need.namespaces), (names, BTreeMap::from([("prod".to_owned(), 40)])));
}

#[test]
fn an_object_says_that_its_key_is_compromised_and_says_it_no_more() {
    let db = object("db");
    let mut world = World::settled(&db);
    let compromised = BTreeSet::from(["k1".to_owned()]);
    world.state.compromised(compromised.clone(), world.now);
    let job = world.next().unwrap();
    // The key may be trusted again before the object was told.
    world.state.compromised(BTreeSet::new(), world.now);
    world.done(
        &job,
        &db,
        Done::Right { secret: mark("s", 20, Some("db")), written: false, tells_of_compromised: true },
    );
    let job = world.next().unwrap();
    world.right(&job, &db, 20);
    assert!(world.next().is_none());
    // Of two keys the one is compromised, and then the other: what is said names another one.
    world.opened_by = BTreeSet::from(["k1".to_owned(), "k2".to_owned()]);
    world.state.compromised(compromised.clone(), world.now);
    let job = world.next().unwrap();
    world.right(&job, &db, 20);
    assert!(world.next().is_none());
    world.state.compromised(BTreeSet::from(["k2".to_owned()]), world.now);
    let job = world.next().unwrap();
    world.right(&job, &db, 20);
    assert!(world.next().is_none());
    // After a restart nothing is done for what says it already.
    let mut world = World::empty();
    world.state.compromised(compromised, world.now);
    let mut told = db.clone().recorded(20);
    told.status["observed"]["keys"] = json!(["k1"]);
    let untold = Object { name: "untold", uid: "untold", ..object("untold") };
    let mut untold = untold.recorded(20);
    untold.status["observed"]["keys"] = json!(["k1"]);
    told.status["conditions"] = json!([{"type": "Ready", "status": "True", "reason": "KeyCompromised"}]);
    world.see_secret("db", mark("s", 20, Some("db")));
    world.see_secret("untold", mark("s", 20, Some("untold")));
    world.see(&told, false);
    world.see(&untold, false);
    assert_eq!(world.names(), ["untold"]);
}
