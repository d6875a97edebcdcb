use kseal_api::names;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::model::{End, Failure, Look, PUBLISHED, START, World};

fn bound() -> Value {
    json!({"serviceAccountName": "bot", "mode": "Bound", "expirationSeconds": 1_000})
}

fn lasting() -> Value {
    json!({"serviceAccountName": "bot", "mode": "Secret"})
}

fn rotating() -> Value {
    json!({"serviceAccountName": "bot", "mode": "Secret", "rotation": {"periodSeconds": 1_000, "overlapSeconds": 300}})
}

fn settled(spec: Value) -> (World, String) {
    let mut world = World::new(spec);
    assert!(matches!(world.settle(), End::Rests(_)));
    let token = world.published().unwrap();
    assert!(world.is_good(&token));
    (world, token)
}

#[test]
fn nothing_is_done_a_second_time() {
    for spec in [bound(), lasting(), rotating()] {
        let (mut world, token) = settled(spec);
        let (writes, requests) = (world.writes, world.requests);
        for _ in 0..100 {
            assert!(matches!(world.settle(), End::Rests(_)));
        }
        assert_eq!((world.writes, world.requests), (writes, requests));
        assert_eq!(world.published(), Some(token));
    }
}

#[test]
fn a_bound_token_is_renewed_in_time() {
    let (mut world, first) = settled(bound());
    assert_eq!(world.settle(), End::Rests(Some(START + 775)));
    world.time += 774;
    world.settle();
    assert_eq!(world.published().as_ref(), Some(&first));
    world.time += 1;
    world.settle();
    let second = world.published().unwrap();
    assert!(second != first && world.is_good(&first) && world.is_good(&second));
}

#[test]
fn what_the_server_gives_is_what_counts() {
    let mut world = World::new(bound());
    world.cap = 600;
    assert_eq!(world.settle(), End::Rests(Some(START + 465)));
}

#[test]
fn a_rotated_token_is_published_before_the_old_one_goes() {
    let (mut world, first) = settled(rotating());
    assert_eq!(world.settle(), End::Rests(Some(START + 975)));
    world.time += 975;
    assert_eq!(world.settle(), End::Rests(Some(START + 975 + 300)));
    let second = world.published().unwrap();
    assert!(second != first && world.is_good(&first) && world.is_good(&second));
    world.time += 299;
    world.settle();
    assert!(world.is_good(&first));
    world.time += 1;
    assert_eq!(world.settle(), End::Rests(Some(START + 2 * 975)));
    assert!(!world.is_good(&first) && world.is_good(&second) && world.secrets.len() == 2);
}

#[test]
fn what_others_destroy_comes_back_with_the_same_token_where_that_is_good() {
    type Change = fn(&mut Value);
    let changes: [Change; 5] = [
        |secret| secret["data"]["namespace"] = json!("eA=="),
        |secret| secret["data"]["more"] = json!("eA=="),
        |secret| drop(secret["data"].as_object_mut().unwrap().remove("namespace")),
        |secret| drop(secret["metadata"].as_object_mut().unwrap().remove("labels")),
        |secret| secret["metadata"]["annotations"]["other"] = json!("x"),
    ];
    for spec in [bound(), lasting(), rotating()] {
        for change in changes {
            let (mut world, token) = settled(spec.clone());
            world.change(PUBLISHED, change);
            world.settle();
            assert_eq!(world.published().unwrap(), token);
            let secret = &world.secrets[PUBLISHED];
            assert_eq!(secret["metadata"]["labels"][names::TOKEN_OF], "object");
            assert!(secret["data"]["namespace"] == "cHJvZA==" && secret["data"].get("more").is_none());
        }
        let destroyed: [Change; 3] = [
            |secret| secret["data"]["token"] = json!("eA=="),
            |secret| secret["data"] = json!(null),
            |secret| drop(secret["metadata"].as_object_mut().unwrap().remove("annotations")),
        ];
        for change in destroyed {
            let (mut world, token) = settled(spec.clone());
            world.change(PUBLISHED, change);
            world.settle();
            let now = world.published().unwrap();
            assert!(world.is_good(&now) && (now == token) == (spec["mode"] == "Secret"), "{now} after {token}");
        }
    }
}

#[test]
fn a_deleted_secret_comes_back() {
    let (mut world, token) = settled(bound());
    world.secrets.remove(PUBLISHED);
    assert!(!world.is_good(&token), "it died with its Secret");
    world.settle();
    assert!(world.is_good(&world.published().unwrap()));

    let (mut world, token) = settled(lasting());
    world.secrets.remove(PUBLISHED);
    world.settle();
    assert_eq!(world.published().unwrap(), token);
    // The token Secret is where the token lives.
    let name = world.secrets.keys().find(|name| *name != PUBLISHED).unwrap().clone();
    world.secrets.remove(&name);
    world.settle();
    let now = world.published().unwrap();
    assert!(now != token && world.is_good(&now) && !world.secrets.contains_key(&name));
}

#[test]
fn an_account_that_is_made_again_gets_a_fresh_token() {
    for spec in [bound(), rotating()] {
        let (mut world, token) = settled(spec);
        world.account = None;
        assert_eq!(world.settle(), End::Stuck("ServiceAccountMissing"));
        world.add_account();
        world.settle();
        let now = world.published().unwrap();
        assert!(now != token && !world.is_good(&token) && world.is_good(&now));
    }
}

#[test]
fn nothing_new_is_handed_out_without_consent() {
    for spec in [bound(), rotating()] {
        let mut world = World::new(spec.clone());
        world.account.as_mut().unwrap()["metadata"]["annotations"] = json!({names::ALLOW_TOKEN_FOR: "cd"});
        assert_eq!(world.settle(), End::Stuck("ServiceAccountRefuses"));
        assert!(world.secrets.is_empty() && world.requests == 0);

        let (mut world, token) = settled(spec);
        world.account.as_mut().unwrap()["metadata"]["annotations"] = json!(null);
        assert!(matches!(world.settle(), End::Rests(_)), "what was given stays");
        world.time += 990;
        assert_eq!(world.settle(), End::Stuck("ServiceAccountRefuses"));
        assert_eq!(world.published().unwrap(), token);
        world.secrets.remove(PUBLISHED);
        assert_eq!(world.settle(), End::Stuck("ServiceAccountRefuses"));
        assert!(!world.secrets.contains_key(PUBLISHED));
    }
}

#[test]
fn a_foreign_secret_is_left_alone() {
    for spec in [bound(), rotating()] {
        let mut world = World::new(spec);
        let foreign = json!({
            "metadata": {"name": PUBLISHED, "uid": "f", "resourceVersion": "1", "labels": {names::TOKEN_OF: "object"},
                "annotations": {"kseal.dev/managed": "true"}},
            "type": "Opaque", "data": {"token": "eA=="},
        });
        world.secrets.insert(PUBLISHED.to_owned(), foreign.clone());
        assert_eq!(world.settle(), End::Stuck("NotOwned"));
        assert!(world.secrets.len() == 1 && world.secrets[PUBLISHED] == foreign);
        let mut theirs = foreign;
        theirs["metadata"]["name"] = json!("db");
        let (mut world, _) = settled(world.spec);
        world.secrets.insert("db".to_owned(), theirs);
        world.time += 100_000;
        world.settle();
        assert!(world.secrets.contains_key("db"), "a label alone says nothing");
    }
}

#[test]
fn another_mode_takes_over_and_what_is_old_goes_in_its_time() {
    for (before, after, left) in [(bound(), lasting(), 2), (lasting(), bound(), 1)] {
        let (mut world, old) = settled(before);
        world.spec = after;
        world.settle();
        let new = world.published().unwrap();
        assert!(new != old && world.is_good(&old) && world.is_good(&new));
        world.time += 3_600;
        world.settle();
        assert_eq!(world.secrets.len(), left);
    }
}

#[test]
fn another_period_is_another_time_and_not_another_token() {
    let (mut world, token) = settled(lasting());
    world.spec = rotating();
    assert_eq!(world.settle(), End::Rests(Some(START + 975)));
    world.spec = lasting();
    assert_eq!(world.settle(), End::Rests(None));
    assert_eq!(world.published().unwrap(), token);
}

#[test]
fn a_record_that_was_made_up_does_no_harm() {
    for spec in [bound(), rotating()] {
        for (field, value) in [
            ("renew", json!(i64::MAX)),
            ("renew", json!(i64::MIN)),
            ("published", json!(i64::MAX)),
            ("issued", json!(i64::MAX)),
            ("issued", json!(i64::MIN)),
            ("expires", json!(i64::MIN)),
            ("from", json!("another")),
            ("retired", json!({"another": 1})),
            ("life", json!(i64::MAX)),
            ("life", json!(i64::MIN)),
            ("account", json!("another")),
            ("digest", json!("")),
        ] {
            let (mut world, _) = settled(spec.clone());
            world.change(PUBLISHED, |secret| {
                let text = secret["metadata"]["annotations"][names::TOKEN].as_str().unwrap();
                let mut record: Value = serde_json::from_str(text).unwrap();
                record[field] = value.clone();
                secret["metadata"]["annotations"][names::TOKEN] = json!(record.to_string());
            });
            assert!(matches!(world.settle(), End::Rests(_)), "{field} {value}");
            assert!(world.is_good(&world.published().unwrap()));
            world.time += 2_000;
            assert!(matches!(world.settle(), End::Rests(_)), "{field} {value}");
            assert!(world.is_good(&world.published().unwrap()));
        }
    }
}

#[derive(Clone, Debug)]
enum Action {
    /// A controller looks, something else may happen, and then it acts.
    Step(Failure, Failure, Option<Box<Action>>),
    Fill,
    Wait(i64),
    Jump(i64),
    Delete(usize),
    Spoil(usize),
    Strip(usize),
    RemoveAccount,
    AddAccount,
    Specify(Value),
}

fn failure() -> impl Strategy<Value = Failure> {
    prop_oneof![3 => Just(Failure::None), 1 => Just(Failure::Before), 1 => Just(Failure::InDoubt)]
}

/// What others do.
fn others() -> impl Strategy<Value = Action> {
    prop_oneof![
        (0_usize..4).prop_map(Action::Delete),
        (0_usize..4).prop_map(Action::Spoil),
        (0_usize..4).prop_map(Action::Strip),
        Just(Action::RemoveAccount),
        Just(Action::AddAccount),
        Just(Action::Fill),
    ]
}

fn passing() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => Just(Action::Fill),
        2 => (1_i64..600).prop_map(Action::Wait),
        1 => (-4_000_i64..4_000).prop_map(Action::Jump),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let step = (failure(), failure(), prop::option::weighted(0.3, others().prop_map(Box::new)));
    prop_oneof![
        8 => step.prop_map(|(one, other, between)| Action::Step(one, other, between)),
        4 => passing(),
        2 => others(),
        1 => prop_oneof![Just(bound()), Just(lasting()), Just(rotating())].prop_map(Action::Specify),
    ]
}

fn perform(world: &mut World, action: &Action) {
    let name = |world: &World, index: usize| world.secrets.keys().nth(index % world.secrets.len().max(1)).cloned();
    match action {
        Action::Step(one, other, between) => {
            let look = world.look();
            let disturbed = world.disturbed;
            if let Some(between) = between {
                perform(world, between);
                world.disturbed = true;
            }
            act(world, &look, *one, *other);
            world.disturbed = disturbed || matches!(between.as_deref(), Some(Action::Spoil(_)));
        }
        Action::Fill => world.fill(),
        Action::Wait(seconds) => world.time += seconds,
        Action::Jump(seconds) => world.jump(*seconds),
        Action::Delete(index) => {
            let Some(name) = name(world, *index) else { return };
            world.secrets.remove(&name);
        }
        Action::Spoil(index) => {
            let Some(name) = name(world, *index) else { return };
            world.change(&name, |secret| secret["data"] = json!({"token": "c3BvaWxlZA=="}));
            world.disturbed |= name != PUBLISHED;
        }
        Action::Strip(index) => {
            let Some(name) = name(world, *index) else { return };
            world.change(&name, |secret| {
                if let Some(annotations) = secret["metadata"]["annotations"].as_object_mut() {
                    annotations.remove(names::TOKEN);
                }
            });
        }
        Action::RemoveAccount => world.account = None,
        Action::AddAccount => world.add_account(),
        Action::Specify(spec) => {
            world.spec = spec.clone();
            world.generation += 1;
        }
    }
}

fn act(world: &mut World, look: &Look, one: Failure, other: Failure) {
    let mut failures = [one, other].into_iter();
    world.act(look, &mut || failures.next().unwrap_or(Failure::None));
}

/// All is right, and nothing is left over.
fn is_at_rest(world: &mut World, spoils: bool) {
    if world.account.is_none() {
        world.add_account();
    }
    // Clocks are right in the end.
    world.jump(-world.skew);
    if spoils {
        // A token Secret that others filled with what is no token, before it was ever published, is not told from others.
        world.secrets.clear();
    }
    assert!(matches!(world.settle(), End::Rests(_)));
    // A clock that was wrong for so long that a token expired, and is right again, may take a moment to be seen through.
    world.time += 200;
    assert!(matches!(world.settle(), End::Rests(_)));
    assert!(world.is_good(&world.published().unwrap()), "{} {:#?}", world.time, world.secrets);
    for _ in 0..10 {
        world.time += world.overlap();
        assert!(matches!(world.settle(), End::Rests(_)));
        assert!(world.is_good(&world.published().unwrap()));
    }
    // While one follows another there are three.
    let most = if world.spec["rotation"].is_object() { 3 } else { 2 };
    let wanted = if world.spec["mode"] == "Secret" { 2..=most } else { 1..=1 };
    assert!(wanted.contains(&world.secrets.len()), "{:#?}", world.secrets);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The model itself asserts, at each write, that no good token is taken away, and that the one before stays good for the
    /// overlap.
    #[test]
    fn whatever_happens_the_end_is_one_good_token(
        spec in prop_oneof![Just(bound()), Just(lasting()), Just(rotating())],
        actions in prop::collection::vec(action(), 0..60),
    ) {
        let mut world = World::new(spec);
        for action in &actions {
            perform(&mut world, action);
        }
        let is_spoil = |action: &Action| matches!(action, Action::Spoil(_));
        let spoils = actions.iter().any(|action| match action {
            Action::Step(.., Some(between)) => is_spoil(between),
            action => is_spoil(action),
        });
        is_at_rest(&mut world, spoils);
    }

    #[test]
    fn two_controllers_at_once_come_to_one_end(
        spec in prop_oneof![Just(bound()), Just(lasting()), Just(rotating())],
        turns in prop::collection::vec((any::<bool>(), failure(), passing()), 0..80),
    ) {
        let mut world = World::new(spec);
        let mut looks = [None, None];
        for (which, failure, passes) in turns {
            let which = usize::from(which);
            match looks[which].take() {
                None => looks[which] = Some(world.look()),
                Some(look) => act(&mut world, &look, failure, Failure::None),
            }
            perform(&mut world, &passes);
        }
        is_at_rest(&mut world, false);
    }
}
