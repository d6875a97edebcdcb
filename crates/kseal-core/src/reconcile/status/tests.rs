use serde_json::{Value, json};

use super::*;
use crate::condition::MAX_MESSAGE;
use crate::reconcile::Retry;

const THEN: &str = "2026-11-01T00:00:00Z";
const NOW: &str = "2026-11-26T00:00:00Z";

fn request(group: Group, generation: i64, status: &Value) -> Request {
    let object = json!({
        "metadata": {"name": "db", "namespace": "prod", "uid": "u1", "resourceVersion": "17", "generation": generation},
        "spec": {}, "status": status,
    });
    Request::read(group, object.to_string().as_bytes()).unwrap()
}

fn observed(request: &Request) -> Observed {
    Observed::new(request, "s1".into(), "40".into(), vec!["k1".into()])
}

/// An object that is not right and did not open.
fn wrong(trouble: &Trouble) -> Outcome<'_> {
    static NONE: BTreeSet<String> = BTreeSet::new();
    Outcome::Wrong { trouble, opened_by: &NONE }
}

/// The status that a patch makes of the one before.
fn patched(request: &Request, outcome: &Outcome<'_>) -> Option<Value> {
    let patch: Value = serde_json::from_str(&patch(request, outcome, NOW)?).unwrap();
    assert_eq!(patch["metadata"], json!({"uid": "u1"}));
    Some(patch["status"].clone())
}

#[test]
fn a_status_is_written_once() {
    for group in Group::ALL {
        let fresh = request(group, 1, &Value::Null);
        let observed = observed(&fresh);
        let right = Outcome::Right { observed: &observed, contested_by: None, compromised: &[], pending: None };
        let status = patched(&fresh, &right).unwrap();
        let again = request(group, 1, &status);
        assert_eq!(again.status.observed.as_ref(), Some(&observed));
        assert!(patched(&again, &right).is_none());
        assert!(patched(&request(group, 2, &status), &right).is_some(), "a new generation is told");
        let trouble = Trouble::NotOwned;
        let failed = wrong(&trouble);
        let status = patched(&again, &failed).unwrap();
        let again = request(group, 1, &status);
        assert!(again.status.observed.is_none());
        assert!(patched(&again, &failed).is_none());
        assert_eq!(again.status.failure(group).unwrap().0, "NotOwned");
        let other = Trouble::TypeDiffers;
        assert!(patched(&again, &wrong(&other)).is_some(), "another message is told");
    }
}

#[test]
fn our_own_kind_speaks_kstatus() {
    let fresh = request(Group::Native, 1, &Value::Null);
    let types = |trouble: &Trouble| {
        let status = patched(&fresh, &wrong(trouble)).unwrap();
        let conditions = status["conditions"].as_array().unwrap().clone();
        conditions.iter().map(|it| format!("{}={}", it["type"], it["status"]).replace('"', "")).collect::<Vec<_>>()
    };
    assert_eq!(types(&Trouble::NotOwned), ["Ready=False", "Stalled=True"]);
    let server = Trouble::Api { category: "server", text: "x".into(), retry: Retry::Backoff };
    assert_eq!(types(&server), ["Ready=False", "Reconciling=True"]);
}

#[test]
fn what_upstream_wrote_is_kept_and_the_record_added() {
    let synced = json!({"type": "Synced", "status": "True", "lastUpdateTime": THEN, "lastTransitionTime": THEN});
    let taken_over = request(Group::Upstream, 1, &json!({"observedGeneration": 1, "conditions": [synced]}));
    let observed = observed(&taken_over);
    let status = patched(
        &taken_over,
        &Outcome::Right { observed: &observed, contested_by: None, compromised: &[], pending: None },
    )
    .unwrap();
    assert_eq!(status["conditions"][0], synced);
    assert_eq!(status["conditions"][1]["type"], RECORD);
    assert!(status.get("observed").is_none(), "upstream's schema has no such field");
}

#[test]
fn times_move_as_upstreams_do() {
    let fresh = request(Group::Upstream, 1, &Value::Null);
    let first = observed(&fresh);
    let mut status =
        patched(&fresh, &Outcome::Right { observed: &first, contested_by: None, compromised: &[], pending: None })
            .unwrap();
    assert_eq!(status["conditions"][0]["lastTransitionTime"], NOW);
    assert_eq!(status["conditions"][0]["lastUpdateTime"], NOW);
    status["conditions"][0]["lastTransitionTime"] = json!(THEN);
    status["conditions"][0]["lastUpdateTime"] = json!(THEN);
    let updated = request(Group::Upstream, 2, &status);
    let second = observed(&updated);
    let status =
        patched(&updated, &Outcome::Right { observed: &second, contested_by: None, compromised: &[], pending: None })
            .unwrap();
    assert_eq!(status["conditions"][0]["lastTransitionTime"], THEN);
    assert_eq!(status["conditions"][0]["lastUpdateTime"], NOW);
    assert_eq!(status["observedGeneration"], 2);
}

#[test]
fn conditions_of_others_stay() {
    let foreign = json!({"type": "Audited", "status": "True"});
    let seen = request(Group::Native, 1, &json!({"conditions": [foreign]}));
    let status = patched(&seen, &wrong(&Trouble::Immutable)).unwrap();
    assert_eq!(status["conditions"][2], foreign);
}

#[test]
fn a_status_of_any_shape_is_read() {
    for status in [json!("x"), json!([]), json!({"conditions": 1, "observed": [], "observedGeneration": "x"})] {
        let seen = request(Group::Native, 1, &status).status;
        assert!(seen.observed.is_none() && seen.failure(Group::Native).is_none() && seen.observed_generation == 0);
    }
}

#[test]
fn long_messages_are_cut_between_characters() {
    let trouble = Trouble::Reserved("ä".repeat(2_000));
    let status = patched(&request(Group::Native, 1, &Value::Null), &wrong(&trouble)).unwrap();
    let message = status["conditions"][0]["message"].as_str().unwrap();
    assert!(message.len() <= MAX_MESSAGE && message.ends_with("..."));
}

#[test]
fn what_is_asked_for_beside_the_secret_belongs_to_being_ready() {
    for group in Group::ALL {
        let fresh = request(group, 1, &Value::Null);
        let observed = observed(&fresh);
        let pending = Trouble::PolicyMissing(crate::policy::Policy::ImagePullSecrets);
        let waits =
            Outcome::Right { observed: &observed, contested_by: None, compromised: &[], pending: Some(&pending) };
        let status = patched(&fresh, &waits).unwrap();
        assert_eq!(
            (&status["conditions"][0]["status"], &status["conditions"][0]["reason"]),
            (&json!("False"), &json!("PolicyMissing"))
        );
        let again = request(group, 1, &status);
        assert_eq!(again.status.observed.as_ref(), Some(&observed), "its Secret is right all the same");
        if group == Group::Native {
            assert_eq!(status["observed"]["attached"], false, "said, or a merge patch leaves what was said before");
        }
        assert!(patched(&again, &waits).is_none());
        let attached = Observed { attached: true, ..observed };
        let right = Outcome::Right { observed: &attached, contested_by: None, compromised: &[], pending: None };
        let status = patched(&again, &right).unwrap();
        assert_eq!(status["conditions"][0]["status"], "True");
        assert!(request(group, 1, &status).status.observed.unwrap().attached);
    }
}

#[test]
fn one_who_fights_is_named() {
    let fresh = request(Group::Native, 1, &Value::Null);
    let observed = observed(&fresh);
    let status = patched(
        &fresh,
        &Outcome::Right { observed: &observed, contested_by: Some("kubectl-edit"), compromised: &[], pending: None },
    )
    .unwrap();
    assert_eq!(status["conditions"][0]["reason"], "Contested");
    assert!(status["conditions"][0]["message"].as_str().unwrap().contains("kubectl-edit"));
}

#[test]
fn a_compromised_key_is_named_and_graver_than_a_fight() {
    for (group, contested_by) in [(Group::Native, None), (Group::Native, Some("kubectl-edit")), (Group::Upstream, None)]
    {
        let fresh = request(group, 1, &Value::Null);
        let observed = observed(&fresh);
        let told = Outcome::Right { observed: &observed, contested_by, compromised: &["k7"], pending: None };
        let status = patched(&fresh, &told).unwrap();
        let condition = &status["conditions"][0];
        assert_eq!((&condition["status"], &condition["reason"]), (&json!("True"), &json!("KeyCompromised")));
        let message = condition["message"].as_str().unwrap();
        assert!(message.contains("(k7)") && message.contains("kubectl-edit") == contested_by.is_some(), "{message}");
        let told_already = request(group, 1, &status);
        assert!(told_already.status.tells_of_compromised(group) && !fresh.status.tells_of_compromised(group));
        assert!(patch(&told_already, &told, NOW).is_none());
        let right = Outcome::Right { observed: &observed, contested_by: None, compromised: &[], pending: None };
        assert!(patch(&told_already, &right, NOW).is_some(), "it goes when the key is trusted again");
    }
}

#[test]
fn what_opened_is_remembered_until_its_contents_are_wrong() {
    for group in Group::ALL {
        let fresh = request(group, 1, &Value::Null);
        let observed = observed(&fresh);
        let right = Outcome::Right { observed: &observed, contested_by: None, compromised: &[], pending: None };
        let opened = request(group, 1, &patched(&fresh, &right).unwrap());
        assert_eq!(opened.status.needed, ["k1"]);
        // Whatever the API server or somebody else does to it.
        let server = Trouble::Api { category: "server", text: "x".into(), retry: Retry::Backoff };
        let failing = request(group, 1, &patched(&opened, &wrong(&server)).unwrap());
        assert!(failing.status.observed.is_none(), "nothing is believed of the Secret");
        assert_eq!(failing.status.needed, ["k1"]);
        assert!(patched(&failing, &wrong(&server)).is_none(), "it is told once");
        let keys = BTreeSet::from(["k2".to_owned()]);
        let other = Outcome::Wrong { trouble: &Trouble::TypeDiffers, opened_by: &keys };
        let differs = request(group, 1, &patched(&failing, &other).unwrap());
        assert_eq!(differs.status.needed, ["k2"]);
        let right_again = request(group, 1, &patched(&differs, &right).unwrap());
        assert_eq!(right_again.status.needed, ["k1"]);
        assert!(patched(&right_again, &right).is_none());
        let failure =
            kseal_crypto::Failure { subject: kseal_crypto::Subject::Object, reason: kseal_crypto::Reason::Open };
        let failures = kseal_crypto::Failures::from_vec(vec![failure]).unwrap();
        let contents = Trouble::Contents { failures, moved: None };
        let closed = request(group, 1, &patched(&failing, &wrong(&contents)).unwrap());
        assert!(closed.status.needed.is_empty());
    }
}

#[test]
fn it_is_kept_under_which_policies_an_object_was_seen() {
    let asking = |annotations: &str, status: &Value| {
        let spec = json!({"template": {"type": "kubernetes.io/dockerconfigjson",
            "metadata": {"annotations": {"kseal.dev/image-pull-secret-for": annotations}}},
            "imagePullSecret": {"serviceAccounts": {"names": [annotations]}}});
        let metadata = json!({"name": "db", "namespace": "prod", "uid": "u1", "resourceVersion": "17", "generation": annotations.as_bytes()[0]});
        json!({"metadata": metadata, "spec": spec, "status": status})
    };
    for group in Group::ALL {
        let read = |object: &Value| Request::read(group, object.to_string().as_bytes()).unwrap();
        let told = |request: Request, outcome: &Outcome<'_>, settled| patched(&request.read_under(settled), outcome);
        let fresh = read(&asking("a", &Value::Null));
        let trouble = Trouble::NotOwned;
        let before = told(fresh, &wrong(&trouble), None).unwrap();
        assert_eq!(read(&asking("a", &before)).seen_under(), None);
        let status = told(read(&asking("a", &before)), &wrong(&trouble), Some(100)).unwrap();
        let again = read(&asking("a", &status));
        assert_eq!(again.seen_under().map(|seen| seen.since), Some(100));
        assert_eq!(again.changed_under(), None, "it is what it was");
        assert!(told(again, &wrong(&trouble), Some(100)).is_none());
        let again = read(&asking("a", &status));
        assert!(told(again, &wrong(&trouble), None).is_none(), "a policy that is missing makes nothing unseen");
        let changed = read(&asking("b", &status));
        assert_eq!(changed.changed_under(), Some(100));
        // Whatever comes of it, that is known until it is seen again.
        let observed = observed(&changed);
        let right = Outcome::Right { observed: &observed, contested_by: None, compromised: &[], pending: None };
        let same = told(read(&asking("b", &status)), &right, Some(100)).unwrap();
        assert_eq!(read(&asking("b", &same)).changed_under(), Some(100));
        let status = told(changed, &right, Some(200)).unwrap();
        assert_eq!(read(&asking("b", &status)).seen_under().map(|seen| seen.since), Some(200));
        assert_eq!(read(&asking("b", &status)).changed_under(), None);
        let mut copied = asking("c", &status);
        copied["metadata"]["uid"] = json!("u2");
        assert_eq!(read(&copied).changed_under(), None, "a status that was copied with its object");
    }
}
