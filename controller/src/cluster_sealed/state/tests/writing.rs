use super::*;

#[test]
fn nothing_is_done_before_everything_is_known() {
    let mut world = World::new();
    world.namespace("a", &json!({}));
    world.object();
    assert!(world.next().is_none() && world.state.deadline().is_none());
    assert!(world.state.claims().is_none() && world.state.needs().is_none());
    world.lists();
    assert_eq!(world.all(), ["open", "create a", "tell"]);
}

#[test]
fn an_object_is_opened_once_and_written_everywhere() {
    let mut world = World::new();
    for name in ["a", "b", "kseal-system"] {
        world.namespace(name, &json!({}));
    }
    world.lists();
    world.object();
    assert_eq!(world.all(), ["open", "create a", "create b", "tell"]);
    assert_eq!(world.ready(), ("True".into(), "Opened".into()));
    assert_eq!(world.status["namespaces"], json!({"selected": 2, "ready": 2, "failing": 0}));
    assert!(matches!(world.state.objects["regcred"].opening, Opening::Closed), "values are gone");
}

#[test]
fn after_a_restart_equality_is_all_that_is_compared() {
    let before = World::settled(&["regcred"], &["a", "b"]);
    let marks = before.state.secrets["regcred"].clone();
    let restarted = |change: &dyn Fn(&mut World)| {
        let mut world = World::new();
        world.version = 1_000;
        for namespace in ["a", "b"] {
            world.namespace(namespace, &json!({}));
        }
        world.status = before.status.clone();
        let request = world.request("u1");
        world.state.saw_object(request, world.now);
        for (namespace, (mark, _)) in &marks {
            world.state.saw_secret(namespace, "regcred", mark.clone(), world.now);
        }
        change(&mut world);
        world.lists();
        world.all()
    };
    assert_eq!(restarted(&|_| ()), [""; 0]);
    let changed = restarted(&|world| world.secret("a", "s-a", 900, Some("u1")));
    assert_eq!(changed, ["open", "change a", "change b", "tell"], "which of them changed is not known");
    let new = restarted(&|world| world.namespace("c", &json!({})));
    assert_eq!(new, ["open", "create c", "tell"]);
}

#[test]
fn a_namespace_that_appears_gets_the_secret_and_one_that_goes_is_left() {
    let mut world = World::settled(&["regcred"], &["a"]);
    world.namespace("b", &json!({}));
    assert_eq!(world.all(), ["open", "create b", "tell"]);
    world.later(Duration::from_secs(5));
    world.version += 1;
    let going = json!({"metadata": {"name": "b", "resourceVersion": world.version.to_string(),
        "deletionTimestamp": "2026-11-27T00:00:00Z"}});
    world.state.saw_namespace(going.to_string().as_bytes(), world.now);
    assert_eq!(world.all(), ["tell"], "its Secret goes with it");
    world.state.lost_namespace(going.to_string().as_bytes(), world.now);
    assert_eq!(world.all(), [""; 0]);
}

#[test]
fn a_namespace_that_is_selected_no_more_loses_the_secret() {
    let mut world = World::new();
    world.spec = json!({"namespaceSelector": {"matchLabels": {"team": "a"}}});
    world.namespace("a", &json!({"team": "a"}));
    world.namespace("b", &json!({"team": "b"}));
    world.lists();
    world.object();
    assert_eq!(world.all(), ["open", "create a", "tell"]);
    world.later(Duration::from_secs(5));
    world.namespace("a", &json!({"team": "b"}));
    assert_eq!(world.all(), ["remove a s-a", "tell"]);
    assert_eq!(world.ready().1, "NoNamespace");
    world.later(Duration::from_secs(5));
    world.namespace("b", &json!({"team": "a"}));
    assert_eq!(world.all(), ["open", "create b", "tell"]);
    world.later(Duration::from_secs(5));
    world.spec["excludedNamespaces"] = json!(["b"]);
    world.object();
    assert_eq!(world.all(), ["remove b s-b", "tell"], "the values are not opened for that");
}

#[test]
fn only_what_says_that_it_is_the_objects_is_taken_away() {
    let mut world = World::settled(&["regcred"], &[]);
    world.spec = json!({"namespaceSelector": {"matchLabels": {"team": "a"}}});
    world.object();
    for namespace in ["a", "b", "kseal-system"] {
        world.namespace(namespace, &json!({}));
    }
    world.all();
    world.later(Duration::from_secs(5));
    world.secret("a", "x", 500, None);
    world.secret("b", "y", 501, Some("u2"));
    world.secret("kseal-system", "z", 502, Some("u1"));
    world.secret("unknown", "w", 503, Some("u1"));
    assert_eq!(world.all(), [""; 0]);
    world.secret("a", "x", 504, Some("u1"));
    let job = world.next().unwrap();
    assert_eq!(describe(&job), "remove a x");
    // What changes meanwhile is looked at once more.
    let Task::Remove { namespace, .. } = &job.task else { unreachable!() };
    world.state.removed(&job, namespace, false, 0.5, world.now);
    world.secret("a", "x", 505, None);
    assert_eq!(world.all(), [""; 0]);
}

#[test]
fn a_change_by_somebody_else_is_answered_at_once_and_then_every_half_minute() {
    let mut world = World::settled(&["regcred"], &["a", "b"]);
    world.version += 1;
    world.secret("a", "s-a", world.version, Some("u1"));
    assert_eq!(world.all(), ["open", "change a", "tell"]);
    assert_eq!(world.ready().1, "Opened");
    world.later(Duration::from_secs(5));
    world.lost_secret("a", "s-a");
    assert_eq!(world.all(), [""; 0], "not within half a minute");
    world.later(Duration::from_secs(20));
    assert_eq!(world.all(), [""; 0]);
    world.later(Duration::from_secs(6));
    assert_eq!(world.all(), ["open", "create a", "tell"]);
    assert_eq!(world.ready(), ("True".into(), "Contested".into()));
    world.later(Duration::from_mins(1));
    assert_eq!(world.all(), [""; 0]);
    world.later(Duration::from_mins(10));
    assert_eq!(world.all(), ["tell"]);
    assert_eq!(world.ready().1, "Opened");
}

#[test]
fn an_answer_that_succeeds_late_is_one() {
    let mut world = World::settled(&["regcred"], &["a"]);
    world.version += 1;
    world.secret("a", "s-a", world.version, Some("u1"));
    let open = world.next().unwrap();
    world.does(&open);
    let write = world.next().unwrap();
    assert_eq!(describe(&write), "change a");
    let conflict = Trouble::Api { category: "conflict", text: String::new(), retry: Retry::Backoff };
    world.state.failed(&write, &"a".into(), (conflict, None), 0.5, world.now);
    world.later(Duration::from_secs(2));
    assert_eq!(world.all(), ["open", "change a", "tell"]);
    world.later(Duration::from_secs(5));
    world.version += 1;
    world.secret("a", "s-a", world.version, Some("u1"));
    assert_eq!(world.all(), [""; 0], "not within half a minute");
    world.later(Duration::from_secs(26));
    assert_eq!(world.all(), ["open", "change a", "tell"]);
    assert_eq!(world.ready(), ("True".into(), "Contested".into()));
}

#[test]
fn a_change_while_it_is_written_is_found() {
    let mut world = World::settled(&["regcred"], &["a"]);
    world.namespace("b", &json!({}));
    let open = world.next().unwrap();
    world.does(&open);
    let write = world.next().unwrap();
    let Task::Write { namespace, .. } = &write.task else { unreachable!() };
    // Somebody deleted it before the answer came: the watch has passed both.
    world.secret("b", "s-b", 700, Some("u1"));
    world.version = 701;
    world.lost_secret("b", "s-b");
    world.state.written(&write, namespace, written("b", 700), world.now);
    assert_eq!(world.all(), ["create b", "tell"]);
}

#[test]
fn what_we_wrote_is_no_change_by_somebody_else() {
    let mut world = World::settled(&["regcred"], &[]);
    world.namespace("b", &json!({}));
    let open = world.next().unwrap();
    world.does(&open);
    let write = world.next().unwrap();
    let Task::Write { namespace, .. } = &write.task else { unreachable!() };
    world.state.written(&write, namespace, written("b", 700), world.now);
    // An earlier version passes by late, then ours.
    world.secret("b", "s-b", 699, Some("u1"));
    world.secret("b", "s-b", 700, Some("u1"));
    assert_eq!(world.all(), ["tell"]);
}

#[test]
fn what_is_somebody_elses_is_looked_at_before_the_values_are_opened_again() {
    let mut world = World::new();
    world.namespace("a", &json!({}));
    world.lists();
    world.object();
    let open = world.next().unwrap();
    world.does(&open);
    let write = world.next().unwrap();
    let Task::Write { namespace, .. } = &write.task else { unreachable!() };
    let namespace = Arc::clone(namespace);
    world.state.failed(&write, &namespace, not_owned(), 1.0, world.now);
    assert_eq!(world.all(), ["tell"]);
    assert_eq!(world.ready(), ("False".into(), "NotOwned".into()));
    assert_eq!(world.status["failures"][0]["namespace"], "a");
    world.later(Duration::from_secs(2));
    let look = world.next().unwrap();
    assert_eq!(describe(&look), "look a");
    world.state.failed(&look, &namespace, not_owned(), 1.0, world.now);
    world.later(Duration::from_secs(3));
    assert_eq!(world.all(), [""; 0], "the pause grows");
    world.later(Duration::from_secs(1));
    assert_eq!(world.all(), ["look a", "open", "create a", "tell"]);
}

#[test]
fn what_passes_by_itself_is_tried_again_for_ever() {
    let mut world = World::new();
    world.namespace("a", &json!({}));
    world.lists();
    world.object();
    for attempt in 0..30 {
        let mut open = world.next().unwrap_or_else(|| panic!("gave up after {attempt}"));
        if describe(&open) == "tell" {
            world.does(&open);
            open = world.next().unwrap_or_else(|| panic!("gave up after {attempt}"));
        }
        assert_eq!(describe(&open), "open");
        world.does(&open);
        let write = world.next().unwrap();
        let Task::Write { namespace, .. } = &write.task else { unreachable!() };
        let trouble = Trouble::Api { category: "server", text: "no".into(), retry: Retry::Backoff };
        world.state.failed(&write, namespace, (trouble, None), 1.0, world.now);
        let waits = world.all();
        assert!(waits.is_empty() || waits == ["tell"], "{waits:?}");
        // What passes is told only where it does not.
        let is_told = world.ready().1 == "ApiError";
        assert!(is_told == (attempt > 2) || attempt > 2, "after {attempt} tries: {:?}", world.ready());
        world.later(Duration::from_mins(1));
    }
}

#[test]
fn a_change_of_the_object_writes_anew_and_one_of_its_selector_does_not() {
    let mut world = World::settled(&["regcred"], &["a", "b"]);
    world.spec["template"] = json!({"metadata": {"labels": {"x": "y"}}});
    world.object();
    let open = world.next().unwrap();
    world.does(&open);
    let write = world.next().unwrap();
    // While one is written, the object changes once more.
    world.spec["template"] = json!({"metadata": {"labels": {"x": "z"}}});
    world.object();
    world.does(&write);
    assert_eq!(world.all(), ["open", "change a", "change b", "tell"]);
    world.later(Duration::from_secs(5));
    world.spec["namespaceSelector"] = json!({"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]});
    world.object();
    assert_eq!(world.all(), ["tell"]);
}

#[test]
fn another_object_of_the_name_begins_anew() {
    let mut world = World::settled(&["regcred"], &["a"]);
    world.status = Value::Null;
    let request = world.request("u2");
    world.state.saw_object(request, world.now);
    let open = world.next().unwrap();
    assert_eq!(describe(&open), "open");
    world.does(&open);
    assert_eq!(describe(&world.next().unwrap()), "change a", "whether it may be written is told by a look");
}

#[test]
fn objects_take_turns() {
    let mut world = World::with(&["*"], true);
    for number in 0..10 {
        world.namespace(&format!("n{number}"), &json!({}));
    }
    world.lists();
    world.object();
    let other =
        json!({"metadata": {"name": "zz", "uid": "u9", "resourceVersion": "200"}, "spec": {"namespaceSelector": {}}});
    world.state.saw_object(ClusterRequest::read(other.to_string().as_bytes()).unwrap(), world.now);
    let names: Vec<String> = (0..8)
        .map(|_| {
            let job = world.next().unwrap();
            if matches!(job.task, Task::Open) {
                world.does(&job);
            }
            job.request.name.clone()
        })
        .collect();
    assert_eq!(names, ["regcred", "zz", "regcred", "zz", "regcred", "zz", "regcred", "zz"]);
}

#[test]
fn a_store_that_was_restored_is_not_believed() {
    let mut world = World::settled(&["regcred"], &["a"]);
    world.version = 50;
    world.secret("a", "s-a", 40, Some("u1"));
    world.state.started(Collection::Secrets);
    world.secret("a", "s-a", 40, Some("u1"));
    world.state.synced(Collection::Secrets, 50, world.now);
    assert_eq!(world.all()[..2], ["open", "change a"]);
}
