//! What would become of each object and its Secret, as kseal's controller decides it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use kseal_api::names;
use kseal_core::reconcile::{Group, LiveSecret, Own, Request, Trouble, Uid, forbidden, ownership};
use kseal_crypto::Failures;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::cluster::{Part, SealedMetadata, SealedStatus};

/// Namespace and name.
type Name = (String, String);

/// The objects of a cluster.
#[derive(Default)]
pub(crate) struct Objects {
    upstream: BTreeMap<Name, Object>,
    native: BTreeMap<Name, Uid>,
}

/// One object of sealed-secrets' kind.
struct Object {
    /// Without its values, which are not needed any more.
    request: Request,
    standing: Standing,
    /// Why it would not be worked on.
    trouble: Option<Trouble>,
    /// Its template has what kseal does not copy.
    has_finalizers: bool,
    /// `None` while there is no Secret of its name.
    fate: Option<Fate>,
}

/// What the controller says of an object now.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Synced,
    Failing(String),
    /// No controller has looked at it as it is.
    Unseen,
}

/// What becomes of a Secret.
enum Fate {
    /// It belongs to its object.
    Owned,
    /// It consents to be written.
    Consents,
    /// It belongs to the native object already.
    HandedOver,
    Refused(Trouble),
}

/// Something that would not work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub namespace: String,
    pub name: String,
    pub reason: String,
    pub message: String,
}

/// How many there are of each sort.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub objects: usize,
    pub namespaces: usize,
    pub native: usize,
    pub synced: usize,
    pub failing: usize,
    pub unseen: usize,
    pub deleting: usize,
    pub paused: usize,
    pub owned: usize,
    pub consenting: usize,
    pub handed_over: usize,
    /// They consent to being handed over, and no native object has taken their Secret.
    pub waiting: usize,
    pub missing: usize,
    pub foreign: usize,
    pub finalizers: usize,
}

impl Objects {
    /// Takes an object of sealed-secrets' kind, whatever it holds. One without a name, which no API server sends, is none.
    pub(super) fn add(&mut self, object: &RawValue, own: &Own) {
        let Some(whole) = Request::read(Group::Upstream, object.get().as_bytes()) else { return };
        let Ok(parts) = serde_json::from_str::<Parts<'_>>(object.get()) else { return };
        let contents = || Failures::from_vec(whole.sealed.failures()).map(|failures| Trouble::contents(failures, None));
        let trouble = forbidden(&whole, own).or_else(|| whole.problem().cloned()).or_else(contents);
        let (standing, has_finalizers) = (parts.standing(), parts.has_finalizers());
        let Some(request) = parts.without_values() else { return };
        let name = (request.namespace.clone(), request.name.clone());
        self.upstream.insert(name, Object { request, standing, trouble, has_finalizers, fate: None });
    }

    /// Takes a native object.
    pub(super) fn add_native(&mut self, object: &RawValue) {
        let Ok(Native { metadata }) = serde_json::from_str::<Native>(object.get()) else { return };
        let SealedMetadata { namespace, name, uid, .. } = metadata.or_default();
        if let (Part::Read(namespace), Part::Read(name), Part::Read(uid)) = (namespace, name, uid) {
            self.native.insert((namespace, name), Uid::of(&uid));
        }
    }

    /// Takes the metadata of a Secret, which concerns an object or not.
    pub(super) fn add_secret(&mut self, namespace: &str, name: &str, live: &LiveSecret) {
        let name = (namespace.to_owned(), name.to_owned());
        let Some(object) = self.upstream.get_mut(&name) else { return };
        let owner = live.claim.owner;
        object.fate = Some(match ownership(&object.request, live, None) {
            _ if owner.is_some() && owner == self.native.get(&name).copied() => Fate::HandedOver,
            Ok(_) if owner == Some(object.request.short_uid()) => Fate::Owned,
            Ok(_) => Fate::Consents,
            Err(trouble) => Fate::Refused(trouble),
        });
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts { native: self.native.len(), ..Counts::default() };
        let namespaces: BTreeSet<&str> = self.upstream.keys().map(|(namespace, _)| namespace.as_str()).collect();
        counts.namespaces = namespaces.len();
        for object in self.upstream.values() {
            counts.objects += 1;
            *match object.standing {
                Standing::Synced => &mut counts.synced,
                Standing::Failing(_) => &mut counts.failing,
                Standing::Unseen => &mut counts.unseen,
            } += 1;
            *match object.fate {
                None => &mut counts.missing,
                Some(Fate::Owned) => &mut counts.owned,
                Some(Fate::Consents) => &mut counts.consenting,
                Some(Fate::HandedOver) => &mut counts.handed_over,
                Some(Fate::Refused(_)) => &mut counts.foreign,
            } += 1;
            let is_handed_over = matches!(object.fate, Some(Fate::HandedOver));
            counts.waiting += usize::from(object.request.hands_over && !is_handed_over);
            counts.deleting += usize::from(object.request.deleting);
            counts.paused += usize::from(object.request.paused);
            counts.finalizers += usize::from(object.has_finalizers);
        }
        counts
    }

    /// What would not work after the takeover, sorted by name: of each object the first reason.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let finding = |((namespace, name), object): (&Name, &Object)| {
            let (reason, message) = object.objection()?;
            Some(Finding { namespace: namespace.clone(), name: name.clone(), reason, message })
        };
        self.upstream.iter().filter_map(finding).collect()
    }
}

impl Object {
    fn objection(&self) -> Option<(String, String)> {
        let idle = self.request.deleting || self.request.paused;
        if idle || matches!(self.fate, Some(Fate::HandedOver)) {
            return None;
        }
        let refused = match &self.fate {
            Some(Fate::Refused(trouble)) => Some(trouble),
            _ => None,
        };
        if let Some(trouble) = self.trouble.as_ref().or(refused) {
            return Some((trouble.reason().to_owned(), advice(trouble, &self.request)));
        }
        match &self.standing {
            Standing::Failing(message) => Some(("NotSynced".to_owned(), format!("its status says: {message}"))),
            Standing::Synced | Standing::Unseen => None,
        }
    }
}

/// What is wrong, and what to do before the takeover.
fn advice(trouble: &Trouble, request: &Request) -> String {
    let Request { namespace, name, .. } = request;
    match trouble {
        Trouble::NotOwned => format!(
            "the Secret is not this object's; let it consent, or it stays as it is: kubectl -n {namespace} annotate secret \
             {name} {}=true",
            names::UPSTREAM_MANAGED
        ),
        Trouble::Unsupported("spec.template.data") => {
            "spec.template.data has templates, which kseal does not render; seal the rendered values".to_owned()
        }
        Trouble::Contents { failures, .. }
            if failures.iter().any(|failure| failure.reason == kseal_crypto::Reason::DeprecatedData) =>
        {
            "spec.data is a whole Secret in one value, which kseal does not open; `kubeseal --re-encrypt` brings it to \
             encryptedData while sealed-secrets still runs"
                .to_owned()
        }
        trouble => trouble.message(Group::Upstream, name),
    }
}

/// An object of sealed-secrets' kind, in parts as they were sent.
#[derive(Deserialize, Serialize)]
struct Parts<'j> {
    #[serde(borrow)]
    metadata: &'j RawValue,
    #[serde(borrow, default)]
    spec: Option<&'j RawValue>,
    #[serde(borrow, default)]
    status: Option<&'j RawValue>,
}

#[derive(Deserialize)]
struct Native {
    #[serde(default)]
    metadata: Part<SealedMetadata>,
}

/// Where finalizers are asked for.
#[derive(Deserialize)]
struct Templated<T> {
    #[serde(default = "absent")]
    template: Part<T>,
}

#[derive(Deserialize)]
struct Described<T> {
    #[serde(default = "absent")]
    metadata: Part<T>,
}

#[derive(Deserialize)]
struct Finalized {
    #[serde(default)]
    finalizers: Part<Vec<IgnoredAny>>,
}

const fn absent<T>() -> Part<T> {
    Part::Absent
}

impl Parts<'_> {
    fn standing(&self) -> Standing {
        let metadata = Part::<SealedMetadata>::read(self.metadata).or_default();
        let status = self.status.map(Part::<SealedStatus>::read).unwrap_or_default().or_default();
        if metadata.is_ahead_of(&status) {
            return Standing::Unseen;
        }
        match status.status("Synced") {
            Some("True") => Standing::Synced,
            Some("False") => {
                let message = status.message("Synced").unwrap_or("it is not synced");
                Standing::Failing(message.to_owned())
            }
            _ => Standing::Unseen,
        }
    }

    fn has_finalizers(&self) -> bool {
        let spec = self.spec.map(Part::<Templated<Described<Finalized>>>::read).unwrap_or_default();
        let metadata = spec.get().and_then(|spec| spec.template.get()).and_then(|template| template.metadata.get());
        metadata.and_then(|metadata| metadata.finalizers.get()).is_some_and(|all| !all.is_empty())
    }

    /// As the controller reads it, but for the values.
    fn without_values(&self) -> Option<Request> {
        let spec = self.spec.map(Part::<BTreeMap<Cow<'_, str>, &RawValue>>::read).unwrap_or_default();
        let spec = spec.get().map(|spec| {
            let kept = spec.iter().filter(|(field, _)| !["encryptedData", "data"].contains(&&***field));
            kept.collect::<BTreeMap<_, _>>()
        });
        let spec = spec.and_then(|spec| serde_json::value::to_raw_value(&spec).ok());
        let parts = Parts { spec: spec.as_deref().or(self.spec), ..*self };
        Request::read(Group::Upstream, &serde_json::to_vec(&parts).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;

    fn own() -> Own {
        Own {
            namespace: "kube-system".to_owned(),
            upstream_key_prefix: "sealed-secrets-key".to_owned(),
            makes_tokens: false,
        }
    }

    fn raw(object: &Value) -> Box<RawValue> {
        to_raw_value(object).unwrap()
    }

    fn object(name: &str, change: &Value) -> Value {
        let envelope = kseal_crypto::encode_base64(&[&[1, 0][..], &[7; 256 + 16]].concat());
        let uid = format!("uid-{name}");
        let mut object = json!({
            "metadata": {"name": name, "namespace": "prod", "uid": uid, "resourceVersion": "1", "generation": 1},
            "spec": {"encryptedData": {"password": envelope}},
            "status": {"observedGeneration": 1, "conditions": [{"type": "Synced", "status": "True"}]},
        });
        for (path, value) in change.as_object().unwrap() {
            *object.pointer_mut(path).unwrap() = value.clone();
        }
        object
    }

    fn secret(objects: &mut Objects, name: &str, owner: Option<&str>, annotation: Option<&str>) {
        let mut metadata =
            json!({"name": name, "namespace": "prod", "uid": "s", "resourceVersion": "2", "annotations": {}});
        if let Some(uid) = owner {
            metadata["ownerReferences"] = json!([{"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "uid": uid,
                "name": name, "controller": true}]);
        }
        if let Some(annotation) = annotation {
            metadata["annotations"][annotation] = json!("true");
        }
        let live = LiveSecret::read(json!({"metadata": metadata}).to_string().as_bytes()).unwrap();
        objects.add_secret("prod", name, &live);
    }

    /// The reason for one object, whose Secret is its own.
    fn reason(change: &Value) -> Option<String> {
        let mut objects = Objects::default();
        objects.add(&raw(&object("db", change)), &own());
        secret(&mut objects, "db", Some("uid-db"), None);
        objects.findings().pop().map(|finding| finding.reason)
    }

    #[test]
    fn what_does_not_work_with_kseal_is_found() {
        let failing = json!([{"type": "Synced", "status": "False", "message": "no key could decrypt secret (a)"}]);
        let envelope = object("db", &json!({}))["spec"]["encryptedData"]["password"].clone();
        let spec = |more: Value| {
            let mut spec = json!({"encryptedData": {"password": envelope}});
            spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({ "/spec": spec })
        };
        let cases = [
            (json!({}), None),
            (spec(json!({"template": {"data": {"a": "{{ .password }}"}}})), Some("Unsupported")),
            (spec(json!({"data": "AgA="})), Some("Unsupported")),
            (json!({"/spec/encryptedData": {"a": {"b": "c"}}}), Some("Malformed")),
            (json!({"/spec/encryptedData": {"a": "not base64"}}), Some("Malformed")),
            (spec(json!({"template": {"type": "kubernetes.io/service-account-token"}})), Some("ForbiddenType")),
            (spec(json!({"template": {"metadata": {"labels": {"kseal.dev/x": "y"}}}})), Some("ReservedName")),
            (
                json!({"/metadata/namespace": "kube-system", "/metadata/name": "sealed-secrets-key2"}),
                Some("OwnNamespace"),
            ),
            (json!({"/status/conditions": failing}), Some("NotSynced")),
            (json!({"/status": {}}), None),
        ];
        for (change, wanted) in cases {
            assert_eq!(reason(&change).as_deref(), wanted, "{change}");
        }
    }

    #[test]
    fn secrets_are_sorted_by_whose_they_are() {
        let mut objects = Objects::default();
        for name in ["owned", "managed", "patched", "foreign", "missing", "native"] {
            objects.add(&raw(&object(name, &json!({}))), &own());
        }
        objects.add_native(&raw(&json!({"metadata": {"namespace": "prod", "name": "native", "uid": "uid-new"}})));
        secret(&mut objects, "owned", Some("uid-owned"), None);
        secret(&mut objects, "managed", None, Some(names::UPSTREAM_MANAGED));
        secret(&mut objects, "patched", None, Some(names::UPSTREAM_PATCH));
        secret(&mut objects, "foreign", Some("uid-before"), None);
        secret(&mut objects, "native", Some("uid-new"), None);
        secret(&mut objects, "other", None, None);
        let counts = objects.counts();
        let wanted = Counts {
            objects: 6,
            namespaces: 1,
            native: 1,
            synced: 6,
            owned: 1,
            consenting: 2,
            foreign: 1,
            missing: 1,
            handed_over: 1,
            ..Counts::default()
        };
        assert_eq!(counts, wanted);
        let findings = objects.findings();
        assert_eq!(findings.len(), 1);
        assert!(
            findings[0]
                .message
                .contains("kubectl -n prod annotate secret foreign sealedsecrets.bitnami.com/managed=true")
        );
    }

    #[test]
    fn what_is_left_alone_is_no_finding() {
        let metadata = json!({"name": "db", "namespace": "prod", "uid": "u", "resourceVersion": "1"});
        let with = |field: &str, value: Value| {
            let mut metadata = metadata.clone();
            metadata[field] = value;
            json!({"/metadata": metadata, "/spec": {"data": "AgA="}})
        };
        let paused = json!({"kseal.dev/paused": "true"});
        for change in [with("deletionTimestamp", json!("2026-11-01T00:00:00Z")), with("annotations", paused)] {
            assert_eq!(reason(&change), None, "{change}");
        }
    }
}
