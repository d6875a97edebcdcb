//! What a list tells, when it is whole and when it is not.

use super::*;
use crate::engine::state::passing::BODIES_OF_BACKLOG;

#[test]
fn a_restart_with_everything_in_sync_finds_no_work() {
    for secrets_first in [true, false] {
        let mut world = World::unlisted();
        let objects = |world: &mut World| world.list(&NATIVE, 50, |world| world.see(&object("db").recorded(20), true));
        let secrets =
            |world: &mut World| world.list(&SECRETS, 50, |world| world.see_secret("db", mark("s", 20, Some("db"))));
        if secrets_first {
            secrets(&mut world);
            objects(&mut world);
        } else {
            objects(&mut world);
            secrets(&mut world);
        }
        assert!(world.names().is_empty());
    }
}

#[test]
fn a_secret_that_only_consents_is_known_when_its_object_comes() {
    let db = object("db").recorded(20);
    let mut world = World::unlisted();
    let claim = Claim { upstream_patch: true, ..Claim::default() };
    world.list(&SECRETS, 50, |world| {
        world.see_secret("db", Mark { claim, ..mark("s", 20, None) });
        world.see_secret("foreign", mark("x", 21, None));
    });
    assert!(world.state.table.get("prod", "foreign").is_none());
    world.list(&NATIVE, 50, |world| world.see(&db, true));
    assert!(world.next().is_none());
}

#[test]
fn a_status_is_believed_only_if_the_secret_is_the_very_same() {
    let others = [None, Some(mark("s", 21, Some("db"))), Some(mark("t", 20, Some("db")))];
    for secret in others {
        let mut world = World::unlisted();
        world.list(&NATIVE, 50, |world| world.see(&object("db").recorded(20), true));
        assert!(world.next().is_none(), "the Secrets are not known yet");
        world.list(&SECRETS, 50, |world| secret.into_iter().for_each(|mark| world.see_secret("db", mark)));
        assert_eq!(world.names(), ["db"]);
    }
}

#[test]
fn a_namespace_that_may_not_be_looked_at_holds_up_no_other() {
    let of = |kind, namespace: &str| (kind, Some(Arc::from(namespace)));
    let mut world = World::unlisted();
    // Nothing ever comes of the Secrets of `other`.
    world.state.started(&of(Kind::Secrets, "other"), world.now);
    let (sealed, secrets) = (of(Kind::Sealed(Group::Native), "prod"), of(Kind::Secrets, "prod"));
    let db = object("db").recorded(20);
    world.list(&sealed, 50, |world| {
        world.state.saw_object(&sealed, &db.sighting(), &db.body(), true, world.now);
    });
    assert!(world.next().is_none(), "its own Secrets are not known yet");
    world.list(&secrets, 50, |world| {
        world.state.saw_secret(&secrets, "prod", "db", mark("s", 21, Some("db")), world.now);
    });
    let job = world.next().unwrap();
    world.right(&job, &db, 22);
    world.pass(60);
    world.state.lost_secret(&secrets, "prod", "db", mark("s", 23, Some("db")), world.now);
    assert_eq!(world.names(), ["db"]);
}

#[test]
fn a_fresh_object_does_not_wait_for_the_secrets_but_a_resync_does() {
    let mut world = World::unlisted();
    let old = Object { status: json!({"observedGeneration": 1}), ..object("old") };
    world.list(&NATIVE, 40, |world| {
        world.see(&old, true);
        world.see(&object("new"), true);
    });
    assert_eq!(world.names(), ["new"]);
    world.list(&SECRETS, 50, |_| ());
    assert_eq!(world.names(), ["old"]);
}

#[test]
fn a_list_is_read_before_anything_is_begun() {
    let begun = |end: fn(&mut World)| {
        let mut world = World::empty();
        world.state.started(&NATIVE, world.now);
        world.see(&object("new"), true);
        // Of another collection.
        world.see(&Object { group: Group::Upstream, ..object("fresh") }, false);
        assert!(world.next().is_none());
        assert!(world.state.deadline().is_some());
        end(&mut world);
        assert_eq!(world.names().len(), 2);
        assert!(world.state.deadline().is_none());
    };
    begun(|world| drop(world.state.synced(&NATIVE, 40, world.now)));
    begun(|world| world.state.lost(&NATIVE, false));
    begun(|world| world.pass(30));
    // Secrets may be many and large, and what is fresh is not among them.
    let mut world = World::empty();
    world.see(&object("fresh"), false);
    world.state.started(&SECRETS, world.now);
    assert_eq!(world.names(), ["fresh"]);
}

#[test]
fn what_is_made_while_secrets_are_listed_is_not_made_twice() {
    let db = object("db");
    let mut world = World::empty();
    world.see(&db, false);
    let job = world.next().unwrap();
    world.list(&SECRETS, 15, |_| ());
    world.right(&job, &db, 20);
    assert!(world.next().is_none(), "the list was taken before");
    world.list(&SECRETS, 19, |_| ());
    assert!(world.next().is_none(), "and so was this one");
    world.list(&SECRETS, 20, |_| ());
    assert!(world.next().is_some(), "now it is gone");
}

#[test]
fn a_list_forgets_what_it_does_not_name() {
    let mut world = World::settled(&object("db"));
    world.list(&NATIVE, 60, |world| world.see(&object("web"), true));
    assert_eq!(world.names(), ["web"]);
    assert!(
        world.state.table.get("prod", "db").is_some(),
        "its Secret is still there, until the garbage collector comes"
    );
    world.list(&SECRETS, 60, |_| ());
    assert!(world.state.table.get("prod", "db").is_none());
}

#[test]
fn a_list_that_broke_off_does_not_hide_what_is_gone() {
    let (db, web) = (object("db"), object("web"));
    let mut world = World::settled(&db);
    world.state.started(&NATIVE, world.now);
    world.see(&web, true);
    world.list(&NATIVE, 60, |_| ());
    assert!(world.state.table.id(Group::Native, "prod", "db").is_none(), "it was in the list before");
    assert!(world.state.table.id(Group::Native, "prod", "web").is_none(), "it was in the list that broke off");
}

#[test]
fn when_time_went_back_nothing_is_believed() {
    let mut world = World::settled(&object("db"));
    let recorded = object("db").recorded(20);
    let relist = |world: &mut World, version| {
        world.list(&SECRETS, version, |world| world.see_secret("db", mark("s", 20, Some("db"))));
        world.list(&NATIVE, version, |world| world.see(&recorded, true));
    };
    relist(&mut world, 70);
    assert!(world.next().is_none());
    relist(&mut world, 65);
    assert_eq!(world.names(), ["db"]);
}

#[test]
fn bodies_stay_within_their_budget_and_leave_room_for_the_fresh() {
    let mut world = World::empty();
    let large = |name| Object { annotations: json!({"x": "y".repeat(1 << 20)}), ..object(name) };
    let names: Vec<&'static str> = (0..20).map(|number| &*format!("o{number}").leak()).collect();
    world.list(&NATIVE, 40, |world| names.iter().for_each(|name| world.see(&large(name), true)));
    assert!(world.state.bodies <= BODIES_OF_BACKLOG);
    world.see(&large("fresh"), false);
    let jobs: Vec<Job> = std::iter::from_fn(|| {
        let job = world.next()?;
        world.state.running.clear();
        Some(job)
    })
    .collect();
    assert_eq!(jobs.len(), 21);
    assert!(jobs.iter().any(|job| &*job.id.name == "fresh" && job.body.is_some()));
    assert_eq!(jobs.iter().filter(|job| job.body.is_none()).count(), 9);
    assert_eq!(world.state.bodies, 0);
}

#[test]
fn what_was_handed_over_stays_so_in_whichever_order_it_is_read_again() {
    let upstream = Object {
        group: Group::Upstream,
        uid: "old",
        annotations: json!({"kseal.dev/hand-over": "native"}),
        status: json!({"conditions": [{"type": "Synced", "status": "True"}]}),
        ..object("db")
    };
    let native = Object { uid: "new", ..object("db") }.recorded(40);
    let mut world = World::unlisted();
    world.list(&UPSTREAM, 50, |world| world.see(&upstream, true));
    world.list(&SECRETS, 50, |world| world.see_secret("db", mark("s", 40, Some("new"))));
    assert!(world.next().is_none(), "the native one has not passed by yet");
    world.list(&NATIVE, 50, |world| world.see(&native, true));
    assert!(world.next().is_none());
    // Without its new owner the Secret goes, and upstream's object makes one again.
    world.state.lost_object(&NATIVE, &native.sighting());
    world.lose_secret("db", mark("s", 60, Some("new")));
    assert_eq!(world.next().unwrap().id.group, Group::Upstream);
}
