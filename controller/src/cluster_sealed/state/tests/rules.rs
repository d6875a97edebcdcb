use super::*;

#[test]
fn a_name_that_is_not_listed_is_told_how_it_would_be() {
    let mut world = World::with(&["other"], true);
    world.namespace("a", &json!({}));
    world.lists();
    world.object();
    assert_eq!(world.all(), ["tell"]);
    assert_eq!(world.ready(), ("False".into(), "SwitchedOff".into()));
    let message = world.status["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("--cluster-sealed-secrets"), "{message}");
}

#[test]
fn what_asks_for_pulling_waits_until_that_is_switched_on() {
    let mut world = World::new();
    world.state.rules.pulls = false;
    world.spec = json!({"namespaceSelector": {}, "template": {"type": "kubernetes.io/dockercfg"},
        "imagePullSecret": {"serviceAccounts": {"all": true}}});
    world.namespace("a", &json!({}));
    world.lists();
    world.object();
    assert_eq!(world.all(), ["tell"], "what was not honoured whole must not pass for honoured later");
    assert!(world.status["conditions"][0]["message"].as_str().unwrap().contains("--image-pull-secrets"));
}

#[test]
fn an_object_waits_for_its_policies_and_is_honoured_from_then_on() {
    let mut world = World::with(&["*"], false);
    world.spec["template"] = json!({"type": "kubernetes.io/dockercfg"});
    world.spec["imagePullSecret"] = json!({"serviceAccounts": {"all": true}});
    world.namespace("a", &json!({}));
    world.lists();
    world.object();
    assert_eq!(world.all(), ["tell"]);
    assert_eq!(world.ready().1, "PolicyMissing");
    world.later(Duration::from_secs(5));
    let created = "2026-11-27T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second();
    let one = InForce::default().with(Policy::ClusterSealedSecrets, created - 10);
    world.in_force.send_replace(one.clone());
    world.state.policies_changed(world.now);
    assert!(!world.all().contains(&"open".to_owned()), "pulling has a policy of its own");
    world.later(Duration::from_secs(5));
    world.in_force.send_replace(one.with(Policy::ImagePullSecrets, created - 10));
    world.state.policies_changed(world.now);
    assert_eq!(world.all(), ["open", "create a", "tell"]);
    // The policies go: what was honoured goes on, and what is new waits.
    world.later(Duration::from_secs(5));
    world.in_force.send_replace(InForce::default());
    world.state.policies_changed(world.now);
    world.namespace("b", &json!({}));
    assert_eq!(world.all(), ["open", "create b", "tell"]);
    world.later(Duration::from_secs(5));
    world.spec["excludedNamespaces"] = json!(["b"]);
    world.object();
    assert_eq!(world.all(), ["tell"]);
    assert_eq!(world.ready().1, "PolicyMissing");
}

#[test]
fn a_record_of_what_was_honoured_outlives_a_restart_and_a_record_of_something_else_does_not() {
    let before = World::settled(&["*"], &["a"]);
    let restarted = |change: &dyn Fn(&mut World)| {
        let mut world = World::with(&["*"], false);
        world.namespace("a", &json!({}));
        world.status = before.status.clone();
        change(&mut world);
        world.lists();
        world.object();
        world.all()
    };
    assert_eq!(restarted(&|_| ())[..2], ["open", "create a"]);
    assert_eq!(restarted(&|world| world.spec["excludedNamespaces"] = json!(["x"])), ["tell"]);
    assert_eq!(restarted(&|world| world.status["observed"]["uid"] = json!("u2")), ["tell"]);
}

#[test]
fn what_is_paused_or_being_deleted_is_left_alone() {
    let mut world = World::settled(&["regcred"], &["a"]);
    world.annotations = json!({"kseal.dev/paused": "true"});
    world.object();
    world.namespace("b", &json!({}));
    world.lost_secret("a", "s-a");
    assert_eq!(world.all(), [""; 0]);
    let claims = world.state.claims().unwrap();
    assert!(claims["regcred"].namespaces.is_empty());
    world.annotations = json!({});
    world.object();
    assert_eq!(world.all(), ["open", "create a", "create b", "tell"]);
}

#[test]
fn a_key_that_comes_later_opens_what_waits_for_it() {
    let mut world = World::new();
    world.namespace("a", &json!({}));
    world.lists();
    world.object();
    let open = world.next().unwrap();
    let failures = |reason| {
        let failure = kseal_crypto::Failure { subject: kseal_crypto::Subject::Object, reason };
        let failures = kseal_crypto::Failures::from_vec(vec![failure]).unwrap();
        Trouble::contents(failures, None)
    };
    world.state.opened(&open, Err(failures(kseal_crypto::Reason::NoKey)), world.now);
    assert_eq!(world.all(), ["tell"]);
    assert_eq!(world.ready().1, "NoKey");
    assert_eq!(world.state.census().objects["waiting"], 1);
    world.later(Duration::from_mins(1));
    assert_eq!(world.all(), [""; 0], "nothing but a key helps");
    world.state.keys_changed(BTreeSet::new(), world.now);
    let open = world.next().unwrap();
    // It comes while it was tried without it.
    world.state.keys_changed(BTreeSet::new(), world.now);
    world.state.opened(&open, Err(failures(kseal_crypto::Reason::NoKey)), world.now);
    assert_eq!(world.all(), ["open", "create a", "tell"]);
    assert_eq!(world.ready().1, "Opened");
}
