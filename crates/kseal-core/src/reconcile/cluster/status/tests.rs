use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-11-27T00:00:00Z";

fn object(status: &Value) -> ClusterRequest {
    let metadata = json!({"name": "regcred", "uid": "u1", "resourceVersion": "17", "generation": 3});
    let object = json!({"metadata": metadata, "spec": {"namespaceSelector": {}}, "status": status});
    ClusterRequest::read(object.to_string().as_bytes()).unwrap()
}

/// The status after a first look.
fn told(outcome: &Outcome<'_>) -> Value {
    let told = tell(&object(&json!(null)), &Seen::default(), outcome, NOW).unwrap();
    serde_json::from_str::<Value>(&told.body).unwrap()["status"].clone()
}

fn ready(status: &Value) -> (&str, &str, &str) {
    let ready = &status["conditions"][0];
    assert_eq!(ready["type"], "Ready");
    let text = |name: &str| ready[name].as_str().unwrap();
    (text("status"), text("reason"), text("message"))
}

#[test]
fn what_is_told_is_not_told_again() {
    let trouble = Trouble::NotOwned;
    let record = |object: &ClusterRequest| ClusterObserved::new(object, "d".into(), vec!["k1".into()]);
    let blank = object(&json!(null));
    let outcome = || Outcome {
        selected: 3,
        ready: 2,
        failures: vec![("shop", &trouble)],
        observed: Some(record(&blank)),
        ..Outcome::default()
    };
    let first = tell(&blank, &blank.status, &outcome(), NOW).unwrap();
    let body: Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!(body["metadata"], json!({"uid": "u1"}));
    let seen = object(&body["status"]);
    assert_eq!(seen.status, first.seen, "what was written is what is read");
    assert!(tell(&seen, &seen.status, &outcome(), "2027-01-01T00:00:00Z").is_none());
    assert_eq!(seen.observed().map(|it| it.secrets.as_str()), Some("d"));
    assert_eq!(seen.status.needed, ["k1"]);
    let later = tell(&seen, &seen.status, &Outcome { ready: 1, ..outcome() }, "2027-01-01T00:00:00Z").unwrap();
    let later: Value = serde_json::from_str(&later.body).unwrap();
    assert_eq!(later["status"]["conditions"][0]["lastTransitionTime"], NOW, "it was not ready before");
}

#[test]
fn an_event_tells_when_something_begins_to_be_wrong_and_when_it_ends() {
    let (owned, immutable) = (Trouble::NotOwned, Trouble::Immutable);
    let wrong = |trouble| Outcome { selected: 2, ready: 1, failures: vec![("shop", trouble)], ..Outcome::default() };
    let opening = || Outcome { selected: 2, ready: 1, ..Outcome::default() };
    let right = || Outcome { selected: 2, ready: 2, ..Outcome::default() };
    let (mut seen, mut failing) = (Seen::default(), None::<String>);
    let mut then = |outcome: Outcome<'_>| {
        let outcome = Outcome { failing: failing.as_deref(), ..outcome };
        let told = tell(&object(&json!(null)), &seen, &outcome, NOW).unwrap();
        (seen, failing) = (told.seen, told.failing);
        told.event.map(|event| (event.warning, event.reason, event.message))
    };
    assert_eq!(then(opening()), None);
    assert_eq!(then(right()), None);
    let (warning, reason, message) = then(wrong(&owned)).unwrap();
    assert!(warning && reason == "NotOwned" && message.starts_with("in 1 of 2 namespaces; shop: "), "{message}");
    assert_eq!(then(Outcome { selected: 3, ..wrong(&owned) }), None, "it is told");
    assert_eq!(then(opening()), None, "nobody looked yet");
    assert_eq!(then(wrong(&owned)), None, "it never ended");
    assert_eq!(then(wrong(&immutable)).map(|(warning, reason, _)| (warning, reason)), Some((true, "Immutable")));
    assert_eq!(then(opening()), None);
    assert_eq!(then(right()), Some((false, "Opened", "the Secrets are right".into())));

    let told = |outcome| tell(&object(&json!(null)), &Seen::default(), &outcome, NOW).unwrap().seen;
    let was = |outcome| told(outcome).failing(Some("Immutable"));
    assert_eq!(
        [was(opening()), was(right()), was(wrong(&owned))],
        [Some("Immutable".into()), None, Some("NotOwned".into())]
    );
    assert_eq!(Seen::default().failing(Some("Immutable")), None, "of that nothing is left");
    let event = tell(&object(&json!(null)), &Seen::default(), &wrong(&owned), NOW).unwrap().event.unwrap();
    let body: Value = serde_json::from_str(&event.body(NOW)).unwrap();
    assert_eq!(body["metadata"]["namespace"], "default", "of what has no namespace");
    let about = json!({
        "apiVersion": "kseal.dev/v1alpha1", "kind": "ClusterSealedSecret", "name": "regcred", "uid": "u1",
        "resourceVersion": "17",
    });
    assert_eq!(body["involvedObject"], about);
}

#[test]
fn all_is_well_if_every_namespace_has_it() {
    let all = told(&Outcome { selected: 2, ready: 2, ..Outcome::default() });
    assert_eq!(ready(&all), ("True", "Opened", ""));
    assert_eq!(all["namespaces"], json!({"selected": 2, "ready": 2, "failing": 0}));
    assert_eq!(all["conditions"].as_array().unwrap().len(), 1);
    assert_eq!(ready(&told(&Outcome::default())), ("True", "NoNamespace", "no namespace is selected"));
    let concerns = Outcome {
        selected: 2,
        ready: 2,
        contested: Some(("shop", "helm")),
        compromised: vec!["k1"],
        ..Outcome::default()
    };
    let concerns = told(&concerns);
    let (status, reason, message) = ready(&concerns);
    assert_eq!((status, reason), ("True", "KeyCompromised"));
    assert!(
        message.contains("(k1)")
            && message.ends_with("helm keeps changing the Secret in shop; it is put right at most every 30 s")
    );
}

#[test]
fn the_first_namespaces_are_named_with_what_is_wrong_in_them() {
    let (owned, api) =
        (Trouble::NotOwned, Trouble::Api { category: "forbidden", text: "no".into(), retry: Retry::Backoff });
    let names: Vec<String> = (0..20).map(|number| format!("n{number:02}")).collect();
    let failing = |trouble| names.iter().map(|name| (name.as_str(), trouble)).collect::<Vec<_>>();
    let status = told(&Outcome { selected: 25, ready: 5, failures: failing(&owned), ..Outcome::default() });
    let (_, reason, message) = ready(&status);
    assert_eq!(reason, "NotOwned");
    assert!(message.starts_with("in 20 of 25 namespaces; n00: the Secret exists"), "{message}");
    assert_eq!(status["failures"].as_array().unwrap().len(), MAX_FAILURES);
    assert_eq!(status["failures"][1]["namespace"], "n01");
    assert_eq!(status["conditions"][1]["type"], "Stalled");
    let mut mixed = failing(&owned);
    mixed[3].1 = &api;
    let status = told(&Outcome { selected: 25, ready: 5, failures: mixed, ..Outcome::default() });
    assert_eq!((ready(&status).1, &status["conditions"][1]["type"]), ("Failing", &json!("Reconciling")));
}

#[test]
fn what_is_not_done_yet_is_told_from_what_is_wrong() {
    let status = told(&Outcome { selected: 10, ready: 4, ..Outcome::default() });
    assert_eq!(ready(&status), ("False", "Opening", "4 of 10 namespaces have the Secret"));
    assert_eq!(status["conditions"][1]["type"], "Reconciling");
    let trouble = Trouble::SwitchedOff("it", "--cluster-sealed-secrets");
    let status = told(&Outcome { trouble: Some(&trouble), selected: 10, ready: 4, ..Outcome::default() });
    assert_eq!(ready(&status).1, "SwitchedOff");
    assert_eq!((&status["conditions"][1]["type"], &status["namespaces"]["failing"]), (&json!("Stalled"), &json!(6)));
}

#[test]
fn a_record_is_of_one_object_as_it_is() {
    let record = |more: Value| {
        let blank = object(&json!(null));
        let mut observed = json!(ClusterObserved::new(&blank, "d".into(), vec![]));
        observed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object(&json!({"observed": observed})).observed().is_some()
    };
    assert!(record(json!({})));
    for other in
        [json!({"uid": "u2"}), json!({"hash": "x"}), json!({"version": LOGIC_VERSION + 1}), json!({"secrets": 7})]
    {
        assert!(!record(other.clone()), "{other}");
    }
    assert!(object(&json!("x")).status.is_empty());
    assert!(object(&json!({"conditions": 7, "neededKeys": "k"})).observed().is_none());
}

#[test]
fn a_digest_stands_for_every_secret_and_where_it_is() {
    let base = secrets_digest([("a", "s1", 1), ("b", "s2", 2)]);
    assert_eq!(base, secrets_digest([("a", "s1", 1), ("b", "s2", 2)]));
    for other in [vec![("a", "s1", 1)], vec![("a", "s1", 1), ("b", "s2", 3)], vec![("a", "s2", 1), ("b", "s1", 2)]] {
        assert_ne!(base, secrets_digest(other));
    }
    assert_ne!(base, secrets_digest([("a", "s1", 1), ("c", "s2", 2)]));
}
