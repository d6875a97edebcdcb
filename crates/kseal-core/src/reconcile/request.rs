//! The one type into which sealed objects of both groups are read.

use std::collections::{BTreeMap, BTreeSet};

use kseal_api::{CreationPolicy, SealedSecretSpec, Template, TemplateMetadata, UpstreamSpec, names};
use kseal_crypto::Fingerprint;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    Asks, ClusterRequest, Digest, Group, Observed, Trouble, Uid,
    annotations::Annotations,
    sighting::{self, Object},
    status::Seen,
};
use crate::{ObjectRef, SealedObject, policy, policy::SeenUnder};

/// The type of a Secret whose template names none.
const OPAQUE: &str = "Opaque";

/// What one object asks for.
pub struct Request {
    /// Where it came from.
    pub group: Group,
    /// `kind`, as ownerReferences name it.
    pub kind: &'static str,
    /// `metadata.namespace`, the Secret's too.
    pub namespace: String,
    /// `metadata.name`, the Secret's too.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`.
    pub created: String,
    /// As in [`super::Sighting`].
    pub digest: Digest,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether it is to be left alone.
    pub paused: bool,
    /// Whether its Secret passes to the native object of the same name.
    pub hands_over: bool,
    /// The sealed values.
    pub sealed: SealedObject,
    /// What else the Secret shall be.
    pub desired: Desired,
    /// Whose the Secret is.
    pub policy: Policy,
    /// What it asks of ServiceAccounts.
    pub asks: Asks,
    /// What was settled of the policies that look at that before it was read from the server: nothing is known of one that was
    /// kept in mind, since it may have changed meanwhile.
    pub(super) settled: Option<i64>,
    /// What its status says now.
    pub status: Seen,
    problem: Option<Trouble>,
}

/// What the Secret shall be besides its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// Its type.
    pub type_: String,
    /// Whether it is to be immutable.
    pub immutable: bool,
    /// Labels to set.
    pub labels: BTreeMap<String, String>,
    /// Annotations to set.
    pub annotations: BTreeMap<String, String>,
}

/// Whose the Secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The object's, by ownerReference.
    Owner,
    /// The object's, by annotation: it outlives the object.
    Orphan,
    /// Someone else's, who consents.
    Merge,
}

impl Request {
    /// Reads one object; none where it has no name, which no API server sends.
    #[must_use]
    pub fn read(group: Group, object: &[u8]) -> Option<Self> {
        let Object { metadata, spec, status } = serde_json::from_slice(object).ok()?;
        let place =
            ObjectRef { namespace: Some(metadata.namespace.to_string()), name: Some(metadata.name.to_string()) };
        let text = spec.map_or("null", RawValue::get);
        let read = match group {
            Group::Native => Spec::native(place, text),
            Group::Upstream => Spec::upstream(place, &metadata.annotations, text),
        };
        Some(Self {
            group,
            kind: names::SEALED_SECRET,
            digest: sighting::digest(group, &metadata.annotations, spec),
            deleting: metadata.deletion_timestamp.is_some(),
            paused: metadata.annotations.is_true(names::PAUSED),
            hands_over: sighting::hands_over(group, &metadata.annotations),
            namespace: metadata.namespace.into_owned(),
            name: metadata.name.into_owned(),
            uid: metadata.uid.into_owned(),
            resource_version: metadata.resource_version.into_owned(),
            generation: metadata.generation,
            created: metadata.creation_timestamp.into_owned(),
            asks: Asks::read(group, spec),
            settled: None,
            sealed: read.sealed,
            desired: read.desired,
            policy: read.policy,
            status: status.map(|status| Seen::read(group, status)).unwrap_or_default(),
            problem: read.problem,
        })
    }

    /// What a ClusterSealedSecret asks for in one namespace. Its values are not in it.
    pub(super) fn in_namespace(object: &ClusterRequest, namespace: &str) -> Self {
        Self {
            group: Group::Native,
            kind: names::CLUSTER_SEALED_SECRET,
            namespace: namespace.to_owned(),
            name: object.name.clone(),
            uid: object.uid.clone(),
            resource_version: String::new(),
            generation: object.generation,
            created: object.created.clone(),
            asks: Asks::default(),
            settled: None,
            digest: object.digest,
            deleting: object.deleting,
            paused: object.paused,
            hands_over: false,
            sealed: SealedObject::cluster(Some(object.name.clone()), &SealedSecretSpec::default(), 0),
            desired: object.desired.clone(),
            policy: Policy::Owner,
            status: Seen::default(),
            problem: None,
        }
    }

    /// The same, read after this was settled of the policies that look at what it asks.
    #[must_use]
    pub fn read_under(self, settled: Option<i64>) -> Self {
        Self { settled, ..self }
    }

    /// What stands in the way, known without a key and without the Secret.
    #[must_use]
    pub fn problem(&self) -> Option<&Trouble> {
        self.problem.as_ref()
    }

    /// The keys that could open a part of it, held or not.
    #[must_use]
    pub fn recipients(&self) -> BTreeSet<Fingerprint> {
        let data_keys = self.sealed.envelope().into_iter().flat_map(|envelope| envelope.data_keys().values());
        data_keys.flat_map(|data_key| data_key.recipients.keys().copied()).collect()
    }

    /// Whether its status says that its Secret was right for just what it is now: what was honoured once goes on.
    #[must_use]
    pub fn was_right(&self) -> Option<&Observed> {
        self.status.observed.as_ref().filter(|observed| observed.holds_for(self.short_uid(), self.digest))
    }

    /// The policies that look at what it asks.
    #[must_use]
    pub fn policies(&self) -> &'static [policy::Policy] {
        match &self.asks {
            Asks { token_of: Some(_), .. } => &[policy::Policy::ServiceAccountTokens],
            Asks { pull: Some(Ok(_)), .. } => &[policy::Policy::ImagePullSecrets],
            Asks { .. } => &[],
        }
    }

    /// What was settled of them when it was seen last, as it was then.
    #[must_use]
    pub fn seen_under(&self) -> Option<&SeenUnder> {
        self.status.seen_under.as_ref().filter(|seen| seen.uid == self.uid)
    }

    /// The same, if it was another object then by its spec or what is honoured of its metadata: what it is now was looked at.
    #[must_use]
    pub fn changed_under(&self) -> Option<i64> {
        self.seen_under()?.changed(&self.uid, &self.digest.to_string())
    }

    /// Whether its Secret is one that Kubernetes fills with a token.
    #[must_use]
    pub fn is_token(&self) -> bool {
        self.desired.type_ == names::SERVICE_ACCOUNT_TOKEN_TYPE
    }

    /// The shortened UID.
    #[must_use]
    pub fn short_uid(&self) -> Uid {
        Uid::of(&self.uid)
    }
}

/// What a spec, and the annotations that belong to it, come to.
struct Spec {
    sealed: SealedObject,
    desired: Desired,
    policy: Policy,
    problem: Option<Trouble>,
}

impl Spec {
    fn native(place: ObjectRef, text: &str) -> Self {
        let spec = serde_json::from_str::<SealedSecretSpec>(text);
        let problem = spec.is_err().then_some(Trouble::Shape);
        let spec = spec.unwrap_or_default();
        let policy = match spec.target.unwrap_or_default().creation_policy {
            CreationPolicy::Owner => Policy::Owner,
            CreationPolicy::Merge => Policy::Merge,
            CreationPolicy::Orphan => Policy::Orphan,
        };
        let sealed = SealedObject::native(place, &spec, text.len());
        Self { sealed, desired: Desired::of(spec.template.unwrap_or_default()), policy, problem }
    }

    /// Upstream's schema admits anything as an item, and unknown fields in the template's metadata.
    fn upstream(place: ObjectRef, annotations: &Annotations<'_>, text: &str) -> Self {
        let spec = serde_json::from_str::<LooseSpec>(text);
        // Such as one of more depth than the parser has stack for.
        let mut problem = spec.is_err().then_some(Trouble::Shape);
        let spec = spec.unwrap_or_default();
        // An array would pass for a struct.
        let template = match spec.template {
            None | Some(Value::Null) => Some(LooseTemplate::default()),
            Some(object @ Value::Object(_)) => serde_json::from_value(object).ok(),
            Some(_) => None,
        };
        let (mut items, mut strange) = (BTreeMap::new(), Vec::new());
        match spec.encrypted_data {
            Value::Null => {}
            Value::Object(map) => {
                for (item, value) in map {
                    match value {
                        Value::String(text) => drop(items.insert(item, text)),
                        _ => strange.push(item),
                    }
                }
            }
            _ => problem = Some(Trouble::Shape),
        }
        if template.is_none() {
            problem = Some(Trouble::Shape);
        }
        let template = template.unwrap_or_default();
        if template.data.is_some_and(|data| !data.is_empty()) {
            problem = Some(Trouble::Unsupported("spec.template.data"));
        }
        let metadata = template.metadata.unwrap_or_default();
        let skips = metadata.annotations.as_ref().and_then(|all| all.get(names::UPSTREAM_SKIP_OWNER));
        let policy = if skips.is_some_and(|value| value == "true") { Policy::Orphan } else { Policy::Owner };
        let data = spec.data.filter(|data| !data.is_null()).map(|_| String::new());
        let read = UpstreamSpec { encrypted_data: items, data, template: None };
        let sealed = SealedObject::upstream(place, |name| annotations.get(name), &read).with_strange_items(strange);
        let desired =
            Desired::of(Template { type_: template.type_, immutable: template.immutable, metadata: Some(metadata) });
        Self { sealed, desired, policy, problem }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct LooseSpec {
    encrypted_data: Value,
    data: Option<Value>,
    template: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LooseTemplate {
    #[serde(rename = "type")]
    type_: Option<String>,
    immutable: Option<bool>,
    metadata: Option<TemplateMetadata>,
    data: Option<BTreeMap<String, Value>>,
}

impl Desired {
    pub(super) fn of(template: Template) -> Self {
        let metadata = template.metadata.unwrap_or_default();
        let mut annotations = metadata.annotations.unwrap_or_default();
        // A client's note to itself, which no template means to set.
        annotations.retain(|name, _| !names::LAST_APPLIED.contains(&name.as_str()));
        Self {
            type_: template.type_.filter(|type_| !type_.is_empty()).unwrap_or_else(|| OPAQUE.to_owned()),
            immutable: template.immutable.unwrap_or(false),
            labels: metadata.labels.unwrap_or_default(),
            annotations,
        }
    }
}

#[cfg(test)]
mod tests {
    use kseal_crypto::Suite;
    use serde_json::json;

    use super::*;
    use crate::testing;

    fn read(group: Group, annotations: &Value, spec: &Value) -> Request {
        let object = json!({
            "metadata": {"name": "db", "namespace": "prod", "uid": "u1", "resourceVersion": "17", "generation": 3,
                "annotations": annotations},
            "spec": spec, "status": {"observedGeneration": 2},
        });
        Request::read(group, object.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_native_object_is_read_whole() {
        let key = testing::key(Suite::X25519);
        let mut spec = serde_json::to_value(testing::spec(key.public())).unwrap();
        spec["template"] = json!({"type": "x/y", "immutable": true, "metadata": {"labels": {"a": "b"},
            "annotations": {"c": "d", "kubectl.kubernetes.io/last-applied-configuration": "{}"}}});
        spec["target"] = json!({"creationPolicy": "Orphan"});
        let request = read(Group::Native, &json!({}), &spec);
        assert!(request.problem().is_none());
        assert_eq!((request.generation, request.status.observed_generation, request.policy), (3, 2, Policy::Orphan));
        let pair = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let desired =
            Desired { type_: "x/y".into(), immutable: true, labels: pair("a", "b"), annotations: pair("c", "d") };
        assert_eq!(request.desired, desired);
        assert_eq!(request.recipients(), BTreeSet::from([key.fingerprint()]));
        assert_eq!(request.sealed.open(&testing::ring([key])).unwrap()["password"].as_slice(), b"hunter2");
    }

    #[test]
    fn what_is_not_of_the_shape_is_trouble_of_that_object_alone() {
        for spec in [json!(null), json!([]), json!({"encryptedData": {"a": {}}}), json!({"scope": "Wide"})] {
            let request = read(Group::Native, &json!({}), &spec);
            let malformed = request.sealed.failures().iter().any(|failure| failure.to_string().contains("scope"));
            assert!(malformed || matches!(request.problem(), Some(Trouble::Shape)), "{spec}");
        }
        for spec in
            [json!({"encryptedData": []}), json!({"template": []}), json!({"template": {"metadata": {"labels": 1}}})]
        {
            assert!(matches!(read(Group::Upstream, &json!({}), &spec).problem(), Some(Trouble::Shape)), "{spec}");
        }
        let strange = read(Group::Upstream, &json!({}), &json!({"encryptedData": {"a": {"b": "c"}, "d": "AQ=="}}));
        assert!(strange.problem().is_none());
        let failures: Vec<_> = strange.sealed.failures().iter().map(ToString::to_string).collect();
        assert_eq!(failures[0], "item a: not canonical base64");
    }

    #[test]
    fn what_this_version_does_not_do_is_said() {
        let templates = json!({"encryptedData": {}, "template": {"data": {"a": "{{ .b }}"}}});
        assert!(matches!(read(Group::Upstream, &json!({}), &templates).problem(), Some(Trouble::Unsupported(_))));
        let nothing = json!({"encryptedData": {}, "template": {"data": null, "metadata": null}});
        assert!(read(Group::Upstream, &json!({}), &nothing).problem().is_none());
    }

    #[test]
    fn what_was_right_is_so_for_just_this_object_as_it_is() {
        let spec = json!({"scope": "Strict"});
        let mut object =
            json!({"metadata": {"name": "db", "namespace": "prod", "uid": "u1", "resourceVersion": "1"}, "spec": spec});
        let read = |object: &Value| Request::read(Group::Native, object.to_string().as_bytes()).unwrap();
        assert!(read(&object).was_right().is_none());
        object["status"] = json!({"observed": Observed::new(&read(&object), "s1".into(), "2".into(), vec![])});
        assert!(read(&object).was_right().is_some());
        object["metadata"]["uid"] = json!("u2");
        assert!(read(&object).was_right().is_none(), "a status that was copied with its object");
        object["metadata"]["uid"] = json!("u1");
        object["spec"]["template"] = json!({"type": "x/y"});
        assert!(read(&object).was_right().is_none(), "a change that nobody has looked at");
    }

    /// An object without values would empty its Secret.
    #[test]
    fn a_spec_that_cannot_be_read_is_not_one_without_values() {
        let deep = (0..200).fold(json!("x"), |inner, _| json!({"a": inner}));
        for spec in [json!({"encryptedData": {"a": deep}}), json!({"template": {"metadata": deep}}), json!(null)] {
            let request = read(Group::Upstream, &json!({}), &spec);
            assert_eq!(request.problem().map(Trouble::reason), Some("Malformed"));
        }
        assert!(read(Group::Upstream, &json!({}), &json!({})).problem().is_none());
    }

    #[test]
    fn upstreams_annotations_say_scope_and_ownership() {
        let spec = json!({"encryptedData": {}, "template": {"metadata": {"finalizers": ["x"], "annotations":
            {"sealedsecrets.bitnami.com/skip-set-owner-references": "true"}}}});
        let annotations = json!({"sealedsecrets.bitnami.com/namespace-wide": "true"});
        let request = read(Group::Upstream, &annotations, &spec);
        assert_eq!((request.policy, request.sealed.scope), (Policy::Orphan, kseal_api::Scope::NamespaceWide));
        assert_eq!(request.desired.type_, "Opaque");
        assert_eq!(read(Group::Upstream, &json!({}), &json!({})).policy, Policy::Owner);
    }
}
