//! A ServiceAccount, and the JSON patch (RFC 6902) that changes whose images it can pull. `imagePullSecrets` is an atomic list
//! without a merge key, so only a change of just the list that was read is safe: the patch fails if the account changed
//! since, and names only our own entries.

use std::collections::{BTreeMap, BTreeSet};

use kseal_api::names;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Digest;

/// What is looked at of a ServiceAccount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The names in `imagePullSecrets`, in their order.
    pub present: Vec<String>,
    /// Those that were put there by us, as its annotation says.
    pub recorded: BTreeSet<String>,
    /// What it lets tokens be kept for: [`names::ALLOW_TOKEN_FOR`].
    pub allows: Option<String>,
    /// Who wrote last, apart from us.
    pub last_foreign_manager: Option<String>,
    has_list: bool,
    has_annotations: bool,
}

/// A change of an account, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// The JSON patch.
    pub patch: String,
    /// The names in `imagePullSecrets` then.
    pub present: Vec<String>,
    /// Those that were put there by us then.
    pub recorded: BTreeSet<String>,
}

impl Account {
    /// Reads one; none where it has no name, which no API server sends.
    #[must_use]
    pub fn read(object: &[u8]) -> Option<Self> {
        let Whole { metadata, image_pull_secrets } = serde_json::from_slice(object).ok()?;
        let annotations = metadata.annotations.as_ref();
        let annotation = |name: &str| annotations.and_then(|all| all.get(name));
        let managers = metadata.managed_fields.into_iter().flatten().filter(|entry| entry.manager != names::CONTROLLER);
        Some(Self {
            deleting: metadata.deletion_timestamp.is_some(),
            recorded: annotation(names::IMAGE_PULL_SECRETS).map(|text| listed(text)).unwrap_or_default(),
            allows: annotation(names::ALLOW_TOKEN_FOR).cloned(),
            has_annotations: annotations.is_some(),
            last_foreign_manager: managers.max_by(|one, other| one.time.cmp(&other.time)).map(|entry| entry.manager),
            has_list: image_pull_secrets.is_some(),
            present: image_pull_secrets.into_iter().flatten().map(|entry| entry.name).collect(),
            labels: metadata.labels.unwrap_or_default(),
            namespace: metadata.namespace,
            name: metadata.name,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
        })
    }

    /// Whether it lets a token be kept for this: the name of a ServiceAccountToken, or `sealedsecrets/` and that of a
    /// SealedSecret.
    #[must_use]
    pub fn allows(&self, entry: &str) -> bool {
        self.allows.as_deref().is_some_and(|text| listed(text).contains(entry))
    }

    /// Stands for all that tokens depend on: which account it is, whether it is going, and what it consents to.
    #[must_use]
    pub fn consent(&self) -> Digest {
        let going = if self.deleting { "going" } else { "" };
        Digest::of([&*self.uid, going, self.allows.as_deref().unwrap_or_default()])
    }

    /// The change after which every one of `add` is in the list, and of what was put there by us only what is to be kept.
    /// None where that is so.
    #[must_use]
    pub fn change(&self, add: &BTreeSet<&str>, keep: impl Fn(&str) -> bool) -> Option<AccountChange> {
        let missing: Vec<&str> = add.iter().copied().filter(|name| !self.present.iter().any(|it| it == name)).collect();
        let taken_back = |name: &str| self.recorded.contains(name) && !keep(name);
        let kept = self.recorded.iter().map(String::as_str).filter(|name| keep(name));
        let record: BTreeSet<&str> = kept.chain(missing.iter().copied()).collect();
        let gone: Vec<usize> =
            (0..self.present.len()).rev().filter(|index| taken_back(&self.present[*index])).collect();
        let is_recorded = record.iter().copied().eq(self.recorded.iter().map(String::as_str));
        if missing.is_empty() && gone.is_empty() && is_recorded {
            return None;
        }
        let mut steps = vec![
            json!({"op": "test", "path": "/metadata/uid", "value": self.uid}),
            json!({"op": "replace", "path": "/metadata/resourceVersion", "value": self.resource_version}),
        ];
        // From the end, so that no index moves before its turn.
        steps.extend(
            gone.into_iter().map(|index| json!({"op": "remove", "path": format!("/imagePullSecrets/{index}")})),
        );
        if !self.has_list && !missing.is_empty() {
            steps.push(json!({"op": "add", "path": "/imagePullSecrets", "value": []}));
        }
        let entry = |name: &str| json!({"op": "add", "path": "/imagePullSecrets/-", "value": {"name": name}});
        steps.extend(missing.iter().map(|name| entry(name)));
        steps.extend(self.note(&record, is_recorded));
        let left = self.present.iter().map(String::as_str).filter(|name| !taken_back(name));
        Some(AccountChange {
            patch: Value::Array(steps).to_string(),
            present: left.chain(missing.iter().copied()).map(ToOwned::to_owned).collect(),
            recorded: record.into_iter().map(ToOwned::to_owned).collect(),
        })
    }

    /// The step that notes what is ours.
    fn note(&self, record: &BTreeSet<&str>, is_recorded: bool) -> Option<Value> {
        if is_recorded {
            return None;
        }
        let path = format!("/metadata/annotations/{}", names::IMAGE_PULL_SECRETS.replace('/', "~1"));
        let text = record.iter().copied().collect::<Vec<_>>().join(",");
        Some(if record.is_empty() {
            json!({"op": "remove", "path": path})
        } else if self.has_annotations {
            json!({"op": "add", "path": path, "value": text})
        } else {
            json!({"op": "add", "path": "/metadata/annotations", "value": {names::IMAGE_PULL_SECRETS: text}})
        })
    }
}

/// Names with commas between them.
pub(super) fn listed(text: &str) -> BTreeSet<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whole {
    metadata: Metadata,
    #[serde(default)]
    image_pull_secrets: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: String,
    uid: String,
    resource_version: String,
    #[serde(default)]
    deletion_timestamp: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    managed_fields: Option<Vec<Manager>>,
}

#[derive(Deserialize)]
struct Manager {
    #[serde(default)]
    manager: String,
    #[serde(default)]
    time: String,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    name: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(list: &Value, annotations: &Value) -> Value {
        json!({"metadata": {"name": "default", "namespace": "prod", "uid": "u1", "resourceVersion": "7",
            "annotations": annotations}, "imagePullSecrets": list})
    }

    fn read(object: &Value) -> Account {
        Account::read(object.to_string().as_bytes()).unwrap()
    }

    /// The account after the patch; none where there is nothing to change.
    fn changed(object: &Value, add: &[&str], keep: &[&str]) -> Option<Value> {
        let keep: BTreeSet<&str> = keep.iter().chain(add).copied().collect();
        let change = read(object).change(&add.iter().copied().collect(), |name| keep.contains(name))?;
        let mut object = object.clone();
        json_patch::patch(&mut object, &serde_json::from_str::<json_patch::Patch>(&change.patch).unwrap()).unwrap();
        let now = read(&object);
        assert_eq!((now.present, now.recorded), (change.present, change.recorded), "it comes to what was said");
        Some(object)
    }

    fn entries(object: &Value) -> Vec<&str> {
        object["imagePullSecrets"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| entry["name"].as_str().unwrap())
            .collect()
    }

    const RECORD: &str = "kseal.dev/image-pull-secrets";

    #[test]
    fn an_entry_is_appended_and_noted_wherever_there_was_nothing() {
        for (list, annotations) in
            [(json!(null), json!(null)), (json!([]), json!({"a": "b"})), (json!([{"name": "x"}]), json!({}))]
        {
            let mut object = account(&list, &annotations);
            if list.is_null() {
                object.as_object_mut().unwrap().remove("imagePullSecrets");
                object["metadata"].as_object_mut().unwrap().remove("annotations");
            }
            let after = changed(&object, &["registry"], &[]).unwrap();
            assert_eq!(entries(&after).last(), Some(&"registry"));
            assert_eq!(after["metadata"]["annotations"][RECORD], "registry");
            assert_eq!(changed(&after, &["registry"], &[]), None);
        }
    }

    #[test]
    fn what_others_put_there_is_neither_noted_nor_removed() {
        let object = account(&json!([{"name": "registry"}, {"name": "other"}]), &json!(null));
        assert_eq!(changed(&object, &["registry"], &[]), None);
        assert_eq!(changed(&object, &[], &[]), None);
    }

    #[test]
    fn what_is_asked_for_no_more_goes_and_only_that() {
        let list = json!([{"name": "a"}, {"name": "other"}, {"name": "a"}, {"name": "b"}]);
        let object = account(&list, &json!({RECORD: "a,b"}));
        let after = changed(&object, &[], &["b"]).unwrap();
        assert_eq!(entries(&after), ["other", "b"]);
        assert_eq!(after["metadata"]["annotations"][RECORD], "b");
        let after = changed(&after, &[], &[]).unwrap();
        assert_eq!(entries(&after), ["other"]);
        assert_eq!(after["metadata"]["annotations"], json!({}));
    }

    #[test]
    fn what_another_writer_threw_out_comes_back() {
        let object = account(&json!([{"name": "other"}]), &json!({RECORD: "a"}));
        assert_eq!(entries(&changed(&object, &["a"], &[]).unwrap()), ["other", "a"]);
        // While the one who asks has not passed yet, nothing is added, and what is known of it stays.
        assert_eq!(changed(&object, &[], &["a"]), None);
    }

    #[test]
    fn consent_is_by_name() {
        let account = read(&account(&json!(null), &json!({"kseal.dev/allow-token-for": "ci, sealedsecrets/old,"})));
        assert!(account.allows("ci") && account.allows("sealedsecrets/old"));
        assert!(!account.allows("old") && !account.allows("c") && !account.allows(""));
        assert!(!Account::default().allows("ci"));
        for text in ["", ",", "cI", "ci2", "*", "sealedsecrets/ci", "c i"] {
            let account = Account { allows: Some(text.to_owned()), ..Account::default() };
            assert!(!account.allows("ci") && !account.allows(""), "{text}");
        }
    }

    #[test]
    fn what_tokens_depend_on_is_another_with_another_account_and_another_word_of_it() {
        let of = |uid: &str, deleting, allows: Option<&str>| {
            Account { uid: uid.into(), deleting, allows: allows.map(Into::into), ..Account::default() }.consent()
        };
        let first = of("a1", false, Some("ci"));
        assert_eq!(first, of("a1", false, Some("ci")));
        for other in [of("a2", false, Some("ci")), of("a1", true, Some("ci")), of("a1", false, None)] {
            assert_ne!(first, other);
        }
    }

    proptest! {
        #[test]
        fn foreign_entries_stay_in_their_order(
            list in proptest::collection::vec("[a-d]", 0..6),
            record in proptest::collection::btree_set("[a-d]", 0..3),
            add in proptest::collection::btree_set("[a-e]", 0..3),
            keep in proptest::collection::btree_set("[a-e]", 0..3),
        ) {
            let listed: Vec<Value> = list.iter().map(|name| json!({"name": name})).collect();
            let text = record.iter().cloned().collect::<Vec<_>>().join(",");
            let annotations = if record.is_empty() { json!({}) } else { json!({RECORD: text}) };
            let object = account(&Value::Array(listed), &annotations);
            let (add_names, keep_names): (Vec<&str>, Vec<&str>) =
                (add.iter().map(String::as_str).collect(), keep.iter().map(String::as_str).collect());
            let after = changed(&object, &add_names, &keep_names).unwrap_or_else(|| object.clone());
            let is_foreign = |name: &&str| !record.contains(*name);
            let before: Vec<&str> = list.iter().map(String::as_str).filter(is_foreign).collect();
            let now = entries(&after);
            let foreign: Vec<&str> = now.iter().copied().filter(is_foreign).take(before.len()).collect();
            prop_assert_eq!(foreign, before);
            prop_assert!(add.iter().all(|name| now.contains(&name.as_str())));
            let ours_gone = record.iter().all(|name| keep.contains(name) || add.contains(name) || !now.contains(&name.as_str()));
            prop_assert!(ours_gone);
            prop_assert_eq!(changed(&after, &add_names, &keep_names), None);
        }
    }
}
