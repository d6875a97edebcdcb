//! Whether an existing Secret may be written, and how. Without a right to it nothing of it is compared, which would be an
//! oracle for guesses.

use super::{Group, LiveSecret, Policy, Request, Trouble, Uid};

/// How an existing Secret is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Take {
    /// Only our own items are written; the others stay.
    pub merge: bool,
    /// How the Secret shall say whose it is.
    pub by: ClaimedBy,
}

/// How a Secret says whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimedBy {
    /// A controller ownerReference.
    Reference,
    /// The annotation `kseal.dev/owner-uid`.
    Annotation,
    /// Its own consent alone, as upstream has it for merging.
    Consent,
}

impl Policy {
    /// How a Secret of that policy says whose it is.
    #[must_use]
    pub const fn claimed_by(self) -> ClaimedBy {
        match self {
            Self::Owner => ClaimedBy::Reference,
            Self::Orphan | Self::Merge => ClaimedBy::Annotation,
        }
    }
}

/// Decides. `predecessor` is upstream's object of the same name, if it hands its Secret over.
///
/// # Errors
/// Why the Secret may not be written.
pub fn ownership(request: &Request, live: &LiveSecret, predecessor: Option<Uid>) -> Result<Take, Trouble> {
    if live.is_key {
        return Err(Trouble::KeySecret);
    }
    if live.deleting {
        return Err(Trouble::SecretDeleting);
    }
    let own = live.claim.owner == Some(request.short_uid());
    // Its own consent, which upstream's kind goes by, is still there when another one has taken it.
    if request.hands_over && !own && live.claim.owner.is_some() {
        return Err(Trouble::HandedOver);
    }
    let take = match request.group {
        Group::Native => native(request.policy, live, own, predecessor),
        Group::Upstream => upstream(request.policy, live, own),
    };
    // A token Secret has items of Kubernetes' beside ours.
    take.map(|take| Take { merge: take.merge || request.is_token(), ..take })
}

fn native(policy: Policy, live: &LiveSecret, own: bool, predecessor: Option<Uid>) -> Result<Take, Trouble> {
    let by = policy.claimed_by();
    if policy == Policy::Merge {
        return match live.claim.owner {
            _ if own => Ok(Take { merge: true, by }),
            _ if !live.claim.managed => Err(Trouble::NotConsenting),
            Some(_) => Err(Trouble::MergedByAnother),
            None => Ok(Take { merge: true, by }),
        };
    }
    let handed_over = predecessor.is_some() && live.claim.owner == predecessor;
    if own || live.claim.managed || handed_over { Ok(Take { merge: false, by }) } else { Err(Trouble::NotOwned) }
}

/// As upstream has it: `patch` merges, and makes no reference unless `managed` is there too.
fn upstream(policy: Policy, live: &LiveSecret, own: bool) -> Result<Take, Trouble> {
    let claim = &live.claim;
    let claimed_if = |it: bool| if it { policy.claimed_by() } else { ClaimedBy::Consent };
    if claim.upstream_patch {
        Ok(Take { merge: true, by: claimed_if(own || claim.upstream_managed) })
    } else if own {
        Ok(Take { merge: false, by: policy.claimed_by() })
    } else if claim.upstream_managed {
        Ok(Take { merge: false, by: claimed_if(policy == Policy::Owner) })
    } else {
        Err(Trouble::NotOwned)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(group: Group, spec: &Value) -> Request {
        let metadata = json!({"name": "db", "namespace": "prod", "uid": "u1", "resourceVersion": "1"});
        Request::read(group, json!({"metadata": metadata, "spec": spec}).to_string().as_bytes()).unwrap()
    }

    fn native(policy: &str) -> Request {
        request(Group::Native, &json!({"scope": "Strict", "target": {"creationPolicy": policy}}))
    }

    fn live(owner: Option<&str>, annotations: &Value) -> LiveSecret {
        let mut metadata = json!({"name": "db", "uid": "s1", "resourceVersion": "2", "annotations": annotations});
        if let Some(uid) = owner {
            let group = if uid == "old" { "bitnami.com/v1alpha1" } else { "kseal.dev/v1alpha1" };
            metadata["ownerReferences"] =
                json!([{"apiVersion": group, "kind": "SealedSecret", "name": "db", "uid": uid, "controller": true}]);
        }
        LiveSecret::read(json!({"metadata": metadata}).to_string().as_bytes()).unwrap()
    }

    fn decide(request: &Request, live: &LiveSecret) -> Result<Take, &'static str> {
        ownership(request, live, None).map_err(|trouble| trouble.reason())
    }

    #[test]
    fn an_owner_writes_its_own_and_what_consents() {
        let take = Ok(Take { merge: false, by: ClaimedBy::Reference });
        assert_eq!(decide(&native("Owner"), &live(Some("u1"), &json!({}))), take);
        assert_eq!(decide(&native("Owner"), &live(None, &json!({"kseal.dev/managed": "true"}))), take);
        assert_eq!(decide(&native("Owner"), &live(None, &json!({"kseal.dev/owner-uid": "u1"}))), take);
        for strange in
            [live(None, &json!({})), live(Some("u2"), &json!({})), live(None, &json!({"kseal.dev/managed": "True"}))]
        {
            assert_eq!(decide(&native("Owner"), &strange), Err("NotOwned"));
            assert_eq!(decide(&native("Orphan"), &strange), Err("NotOwned"));
        }
        let upstreams = live(None, &json!({"sealedsecrets.bitnami.com/managed": "true"}));
        assert_eq!(decide(&native("Owner"), &upstreams), Err("NotOwned"), "that consent is to upstream's kind");
        let orphan = Take { merge: false, by: ClaimedBy::Annotation };
        assert_eq!(decide(&native("Orphan"), &live(Some("u1"), &json!({}))), Ok(orphan));
    }

    #[test]
    fn a_token_secret_keeps_what_kubernetes_put_there() {
        let token = json!({"type": "kubernetes.io/service-account-token"});
        let native = request(Group::Native, &json!({"scope": "Strict", "template": token}));
        let upstreams = request(Group::Upstream, &json!({"template": token}));
        for object in [native, upstreams] {
            let take = Take { merge: true, by: ClaimedBy::Reference };
            assert_eq!(decide(&object, &live(Some("u1"), &json!({}))), Ok(take));
        }
    }

    #[test]
    fn merging_needs_consent_and_has_one_source() {
        let take = Ok(Take { merge: true, by: ClaimedBy::Annotation });
        assert_eq!(decide(&native("Merge"), &live(None, &json!({"kseal.dev/managed": "true"}))), take);
        assert_eq!(decide(&native("Merge"), &live(None, &json!({"kseal.dev/owner-uid": "u1"}))), take);
        assert_eq!(decide(&native("Merge"), &live(None, &json!({}))), Err("NotConsenting"));
        let others = live(None, &json!({"kseal.dev/managed": "true", "kseal.dev/owner-uid": "u2"}));
        assert_eq!(decide(&native("Merge"), &others), Err("MergedByAnother"));
    }

    #[test]
    fn upstreams_kind_follows_upstreams_annotations() {
        let owner = request(Group::Upstream, &json!({}));
        let managed = json!({"sealedsecrets.bitnami.com/managed": "true"});
        let patched = json!({"sealedsecrets.bitnami.com/patch": "true"});
        let both = json!({"sealedsecrets.bitnami.com/patch": "true", "sealedsecrets.bitnami.com/managed": "true"});
        let take = |merge, by| Ok(Take { merge, by });
        assert_eq!(decide(&owner, &live(Some("u1"), &json!({}))), take(false, ClaimedBy::Reference));
        assert_eq!(decide(&owner, &live(None, &managed)), take(false, ClaimedBy::Reference));
        assert_eq!(decide(&owner, &live(None, &patched)), take(true, ClaimedBy::Consent));
        assert_eq!(decide(&owner, &live(None, &both)), take(true, ClaimedBy::Reference));
        assert_eq!(decide(&owner, &live(None, &json!({"kseal.dev/managed": "true"}))), Err("NotOwned"));
        let skips = json!({"template": {"metadata": {"annotations":
            {"sealedsecrets.bitnami.com/skip-set-owner-references": "true"}}}});
        let skips = request(Group::Upstream, &skips);
        assert_eq!(decide(&skips, &live(None, &managed)), take(false, ClaimedBy::Consent));
        assert_eq!(decide(&skips, &live(None, &patched)), take(true, ClaimedBy::Consent));
        for consent in ["managed", "patch"] {
            let made = json!({format!("sealedsecrets.bitnami.com/{consent}"): "true", "kseal.dev/owner-uid": "u1"});
            assert_eq!(
                decide(&skips, &live(None, &made)),
                take(consent == "patch", ClaimedBy::Annotation),
                "what it made says so in the next version, too"
            );
        }
    }

    #[test]
    fn a_predecessor_hands_over_its_own_secret_only() {
        let handed = |live| ownership(&native("Owner"), &live, Some(Uid::of("old"))).is_ok();
        assert!(handed(live(Some("old"), &json!({}))));
        assert!(!handed(live(Some("u2"), &json!({}))));
        assert!(!handed(live(None, &json!({}))));
    }

    #[test]
    fn what_was_handed_over_is_left_to_who_took_it() {
        let object = |annotations: &Value| {
            let metadata = json!({"name": "db", "namespace": "prod", "uid": "old", "resourceVersion": "1", "annotations": annotations});
            Request::read(Group::Upstream, json!({"metadata": metadata, "spec": {}}).to_string().as_bytes()).unwrap()
        };
        let hands_over = object(&json!({"kseal.dev/hand-over": "native"}));
        for consent in ["managed", "patch"] {
            let annotations = json!({format!("sealedsecrets.bitnami.com/{consent}"): "true"});
            let taken = live(Some("new"), &annotations);
            assert_eq!(decide(&hands_over, &taken), Err("HandedOver"), "{consent}");
            assert!(decide(&object(&json!({})), &taken).is_ok(), "{consent}");
            assert!(decide(&hands_over, &live(None, &annotations)).is_ok(), "nobody has it yet");
            assert!(decide(&hands_over, &live(Some("old"), &annotations)).is_ok(), "it is still its own");
        }
    }

    #[test]
    fn keys_and_what_is_going_are_left_alone() {
        let secret = |metadata: Value| {
            let mut all = json!({"name": "db", "uid": "s1", "resourceVersion": "2", "annotations": {"kseal.dev/managed": "true"}});
            all.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
            LiveSecret::read(json!({"metadata": all}).to_string().as_bytes()).unwrap()
        };
        for label in ["kseal.dev/sealing-key", "sealedsecrets.bitnami.com/sealed-secrets-key"] {
            assert_eq!(decide(&native("Owner"), &secret(json!({"labels": {label: "retired"}}))), Err("KeySecret"));
        }
        let going = secret(json!({"deletionTimestamp": "2026-11-01T00:00:00Z"}));
        assert_eq!(decide(&native("Owner"), &going), Err("SecretDeleting"));
    }
}
