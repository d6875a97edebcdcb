use super::*;

fn of_pulling() -> World {
    let mut world = World::new();
    world.spec["template"] = json!({"type": "kubernetes.io/dockerconfigjson"});
    world.spec["imagePullSecret"] = json!({"serviceAccounts": {"names": ["default"]}});
    for namespace in ["a", "b"] {
        world.namespace(namespace, &json!({}));
    }
    world.lists();
    world.object();
    world
}

fn names(all: &BTreeSet<Arc<str>>) -> Vec<&str> {
    all.iter().map(AsRef::as_ref).collect()
}

#[test]
fn while_there_is_work_the_status_waits() {
    let mut world = World::new();
    for number in 0..20 {
        world.namespace(&format!("n{number:02}"), &json!({}));
    }
    world.lists();
    world.object();
    let open = world.next().unwrap();
    world.does(&open);
    for _ in 0..10 {
        let job = world.next().unwrap();
        world.does(&job);
    }
    world.later(Duration::from_secs(5));
    let job = world.next().unwrap();
    assert_eq!(describe(&job), "tell");
    world.does(&job);
    assert_eq!(world.ready(), ("False".into(), "Opening".into()));
    assert_eq!(world.status["namespaces"], json!({"selected": 20, "ready": 10, "failing": 0}));
    let rest = world.all();
    assert_eq!(rest.len(), 10, "not again within a second: {rest:?}");
    world.later(Duration::from_secs(1));
    assert_eq!(world.all(), ["tell"]);
    assert_eq!(world.ready().0, "True");
}

#[test]
fn a_status_that_was_not_written_is_tried_again() {
    let mut world = World::new();
    world.lists();
    world.object();
    let open = world.next().unwrap();
    world.does(&open);
    let tell = world.next().unwrap();
    world.state.told(&tell, None, 1.0, world.now);
    assert_eq!(world.all(), [""; 0]);
    assert_eq!(world.state.deadline(), Some(world.now + Duration::from_secs(1)));
    world.later(Duration::from_secs(1));
    assert_eq!(world.all(), ["tell"]);
}

#[test]
fn a_status_that_is_older_than_what_was_told_is_passed_over() {
    let mut world = World::settled(&["regcred"], &["a"]);
    let told = world.status.clone();
    world.status = json!({"observedGeneration": 1});
    world.version -= 3;
    let request = world.request("u1");
    world.state.saw_object(request, world.now);
    assert_eq!(world.all(), [""; 0]);
    world.version += 10;
    world.object();
    assert_eq!(world.all(), ["tell"], "somebody changed it since");
    assert_eq!(world.status, told);
}

#[test]
fn claims_name_where_the_secret_is_and_where_it_shall_be() {
    let mut world = of_pulling();
    let open = world.next().unwrap();
    world.does(&open);
    let write = world.next().unwrap();
    world.does(&write);
    let claims = world.state.claims().unwrap();
    let Claim { selection, namespaces, wanted } = &claims["regcred"];
    assert_eq!(*selection, Selection::Names(BTreeSet::from(["default".to_owned()])));
    assert_eq!((names(namespaces), names(wanted)), (vec!["a"], vec!["a", "b"]));
    world.all();
    world.later(Duration::from_secs(5));
    world.spec.as_object_mut().unwrap().remove("imagePullSecret");
    world.object();
    assert!(world.state.claims().unwrap().is_empty(), "it asks no more");
}

#[test]
fn of_what_is_not_honoured_what_is_there_stays() {
    let mut world = of_pulling();
    world.all();
    world.later(Duration::from_secs(5));
    world.spec["template"] = json!({"type": "kubernetes.io/service-account-token"});
    world.object();
    let claims = world.state.claims().unwrap();
    let Claim { selection, namespaces, wanted } = &claims["regcred"];
    assert_eq!((selection, names(namespaces), names(wanted)), (&Selection::All, vec![], vec!["a", "b"]));
    assert_eq!(world.all(), ["tell"]);
    assert_eq!(world.ready().1, "ForbiddenType");
    assert_eq!(world.events, [""; 0], "an event would be in another namespace");
}

#[test]
fn an_object_is_ready_when_nothing_hinders_its_pulling() {
    let mut world = of_pulling();
    world.all();
    world.later(Duration::from_secs(5));
    let trouble = Trouble::AccountMissing("default".into());
    world.hinders(&[("b", Some(trouble))]);
    assert_eq!(world.all(), ["tell"]);
    assert_eq!(world.ready(), ("False".into(), "ServiceAccountMissing".into()));
    assert_eq!(world.status["namespaces"], json!({"selected": 2, "ready": 1, "failing": 1}));
    assert_eq!(world.status["failures"][0]["namespace"], "b");
    assert!(world.status["observed"].is_object(), "the Secrets are right");
    world.later(Duration::from_secs(5));
    world.hinders(&[]);
    assert_eq!(world.all(), ["tell"]);
    assert_eq!(world.ready().0, "True");
}

#[test]
fn an_object_is_not_ready_before_the_accounts_are() {
    let mut world = of_pulling();
    world.hinders(&[("a", None), ("b", None)]);
    let jobs = world.all();
    assert!(!jobs.contains(&"tell".to_owned()), "{jobs:?}");
    world.later(Duration::from_secs(5));
    assert_eq!(world.all(), ["tell"]);
    assert_eq!(world.ready().0, "False");
    assert_eq!(world.status["namespaces"], json!({"selected": 2, "ready": 0, "failing": 0}));
    world.later(Duration::from_secs(1));
    world.hinders(&[]);
    assert_eq!(world.all(), ["tell"]);
    assert_eq!(world.ready().0, "True");
}

#[test]
fn nothing_is_said_before_the_accounts_are_known() {
    let mut world = of_pulling();
    while let Some(job) = world.state.next(world.now, String::new) {
        assert!(!matches!(job.task, Task::Tell(_)));
        world.does(&job);
    }
    world.later(Duration::from_mins(1));
    assert!(world.state.next(world.now, String::new).is_none());
}

#[test]
fn a_compromised_key_is_told_without_opening_anything() {
    let mut world = World::settled(&["regcred"], &["a"]);
    world.state.keys_changed(BTreeSet::from(["k1".to_owned()]), world.now);
    assert_eq!(world.all(), ["tell"]);
    assert_eq!(world.ready(), ("True".into(), "KeyCompromised".into()));
}

#[test]
fn a_key_is_needed_by_what_it_opened() {
    let mut world = World::settled(&["regcred"], &[]);
    let needs = world.state.needs().unwrap();
    assert_eq!((needs["k1"].objects, &*needs["k1"].first), (1, &["clustersealedsecrets/regcred".to_owned()][..]));
    assert_eq!(world.status["observed"]["keys"], json!(["k1"]), "also where no namespace is selected");
    // Another content, which is not opened yet, needs what the one before needed.
    world.spec["template"] = json!({"type": "x/y"});
    world.object();
    assert_eq!(world.state.needs().unwrap()["k1"].objects, 1);
}

#[test]
fn counts_tell_how_objects_and_namespaces_stand() {
    let world = World::settled(&["regcred"], &["a", "b"]);
    let census = world.state.census();
    assert_eq!((census.objects["ready"], census.objects["failing"]), (1, 0));
    assert_eq!((census.namespaces["ready"], census.namespaces["unknown"]), (2, 0));
}

#[test]
fn what_was_wrong_is_told_once_and_its_end_when_all_is_right() {
    let missing = || Some(Trouble::AccountMissing("default".into()));
    let mut world = of_pulling();
    world.all();
    let mut then = |hindered: &[(&str, Option<Trouble>)]| {
        world.later(Duration::from_mins(1));
        world.hinders(hindered);
        world.later(Duration::from_secs(5));
        assert_eq!(world.all(), ["tell"]);
        (world.ready().1, std::mem::take(&mut world.events))
    };
    assert_eq!(then(&[("b", missing())]), ("ServiceAccountMissing".into(), vec!["ServiceAccountMissing"]));
    assert_eq!(then(&[("b", None)]), ("Opening".into(), vec![]));
    assert_eq!(then(&[("b", missing())]), ("ServiceAccountMissing".into(), vec![]));
    assert_eq!(then(&[("b", None)]), ("Opening".into(), vec![]));
    assert_eq!(then(&[]), ("Opened".into(), vec!["Opened"]));

    // Who starts anew knows it from the status.
    world.later(Duration::from_mins(1));
    world.hinders(&[("b", missing())]);
    world.all();
    let mut next = of_pulling();
    next.status = world.status.clone();
    next.object();
    next.hinders(&[("b", missing())]);
    next.all();
    next.later(Duration::from_mins(1));
    next.hinders(&[]);
    next.all();
    assert_eq!(next.events, ["Opened"]);
}

#[test]
fn a_failure_is_told_after_an_end_whose_answer_was_lost() {
    let missing = || Some(Trouble::AccountMissing("default".into()));
    let mut world = of_pulling();
    world.all();
    world.later(Duration::from_mins(1));
    world.hinders(&[("b", missing())]);
    world.all();
    world.later(Duration::from_mins(1));
    world.hinders(&[]);
    let job = world.next().unwrap();
    let Task::Tell(told) = &job.task else { panic!("{}", describe(&job)) };
    world.status = serde_json::from_str::<Value>(&told.body).unwrap()["status"].clone();
    world.object();
    world.state.told(&job, None, 0.5, world.now);
    world.later(Duration::from_mins(1));
    assert_eq!(world.all(), [""; 0], "it is so");
    world.hinders(&[("b", missing())]);
    world.all();
    assert_eq!(world.events, ["ServiceAccountMissing", "ServiceAccountMissing"]);
}
