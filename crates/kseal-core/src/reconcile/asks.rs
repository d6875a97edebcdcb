//! What an object asks of ServiceAccounts, known from its spec alone, so that it is known after a restart, too.

use std::collections::BTreeMap;

use kseal_api::{ImagePullSecret, names};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::pull::MAX_SELECTION;
use super::{Group, Selection, Trouble};
use crate::name::is_name;

/// What an object asks of ServiceAccounts of its namespace.
#[derive(Debug, Default)]
pub struct Asks {
    /// Those who shall pull images with its Secret; or why nobody can.
    pub pull: Option<Result<Selection, Trouble>>,
    /// Whose token its Secret shall hold.
    pub token_of: Option<String>,
}

impl Asks {
    /// Whether it asks nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.pull.is_none() && self.token_of.is_none()
    }

    /// Reads a spec of that group; what has not its shape asks nothing.
    pub(super) fn read(group: Group, spec: Option<&RawValue>) -> Self {
        let text = spec.map_or("null", RawValue::get);
        let pulls = match group {
            Group::Native => "\"imagePullSecret\"",
            Group::Upstream => names::IMAGE_PULL_SECRET_FOR,
        };
        // Most objects ask nothing, and are passed by without being parsed.
        if ![pulls, names::SERVICE_ACCOUNT_TOKEN_TYPE].iter().any(|word| text.contains(word)) {
            return Self::default();
        }
        let Spec { image_pull_secret, template } = serde_json::from_str(text).unwrap_or_default();
        let template: Template = template.and_then(|it| serde_json::from_value(it).ok()).unwrap_or_default();
        let type_ = template.type_.unwrap_or_default();
        let annotations = template.metadata.and_then(|it| it.annotations).unwrap_or_default();
        let asked = match group {
            Group::Native => image_pull_secret.map(|asked| native(asked.get())),
            Group::Upstream => Selection::upstream(&annotations),
        };
        let pull = asked.map(|selection| {
            let is_registrys = names::DOCKER_TYPES.contains(&type_.as_str());
            if is_registrys { selection } else { Err(Trouble::NotForPulling(type_.clone())) }
        });
        let is_token = type_ == names::SERVICE_ACCOUNT_TOKEN_TYPE;
        let token_of = annotations.get(names::SERVICE_ACCOUNT_NAME).filter(|name| is_token && is_name(name)).cloned();
        Self { pull, token_of }
    }
}

fn native(asked: &str) -> Result<Selection, Trouble> {
    if asked.len() > MAX_SELECTION {
        return Err(Trouble::Selection);
    }
    let asked: ImagePullSecret = serde_json::from_str(asked).map_err(|_| Trouble::Selection)?;
    Selection::native(&asked)
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'s> {
    #[serde(borrow)]
    image_pull_secret: Option<&'s RawValue>,
    template: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Template {
    #[serde(rename = "type")]
    type_: Option<String>,
    metadata: Option<Metadata>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    annotations: Option<BTreeMap<String, String>>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DOCKER: &str = names::DOCKER_TYPES[0];

    fn read(group: Group, spec: &Value) -> Asks {
        Asks::read(group, Some(&serde_json::value::to_raw_value(spec).unwrap()))
    }

    fn pull(group: Group, spec: &Value) -> Option<Result<Selection, &'static str>> {
        read(group, spec).pull.map(|asked| asked.map_err(|trouble| trouble.reason()))
    }

    #[test]
    fn registry_secrets_are_for_pulling_and_no_others() {
        let all = json!({"serviceAccounts": {"all": true}});
        let of = |type_: &str| json!({"imagePullSecret": all, "template": {"type": type_}});
        for type_ in names::DOCKER_TYPES {
            assert_eq!(pull(Group::Native, &of(type_)), Some(Ok(Selection::All)));
        }
        assert_eq!(pull(Group::Native, &of("Opaque")), Some(Err("NotForPulling")));
        assert_eq!(pull(Group::Native, &json!({"imagePullSecret": all})), Some(Err("NotForPulling")));
        let wrong = json!({"imagePullSecret": {"serviceAccounts": []}, "template": {"type": DOCKER}});
        assert_eq!(pull(Group::Native, &wrong), Some(Err("Malformed")));
        assert_eq!(pull(Group::Native, &json!({"imagePullSecret": null})), None);
        assert_eq!(pull(Group::Native, &json!({"template": {"type": DOCKER}})), None);
    }

    #[test]
    fn each_group_asks_in_its_own_way() {
        let annotated = json!({"template": {"type": DOCKER, "metadata": {"annotations": {"kseal.dev/image-pull-secret-for": "*"}}}});
        assert_eq!(pull(Group::Upstream, &annotated), Some(Ok(Selection::All)));
        assert_eq!(pull(Group::Native, &annotated), None);
        let field = json!({"imagePullSecret": {"serviceAccounts": {"all": true}}, "template": {"type": DOCKER}});
        assert_eq!(pull(Group::Upstream, &field), None);
    }

    #[test]
    fn a_token_secret_names_its_account() {
        let of = |type_: &str| {
            let annotations = json!({"kubernetes.io/service-account.name": "ci"});
            read(Group::Native, &json!({"template": {"type": type_, "metadata": {"annotations": annotations}}}))
                .token_of
        };
        assert_eq!(of("kubernetes.io/service-account-token").as_deref(), Some("ci"));
        assert_eq!(of("Opaque"), None);
    }

    #[test]
    fn what_is_too_long_to_be_kept_in_mind_asks_in_vain() {
        let many: Vec<String> = (0..10_000).map(|number| format!("name-{number}")).collect();
        let template =
            |annotation: &str, value: &str| json!({"type": DOCKER, "metadata": {"annotations": {annotation: value}}});
        let upstream = json!({"template": template(names::IMAGE_PULL_SECRET_FOR, &many.join(","))});
        assert_eq!(pull(Group::Upstream, &upstream), Some(Err("Malformed")));
        let native = json!({"imagePullSecret": {"serviceAccounts": {"names": many}}, "template": {"type": DOCKER}});
        assert_eq!(pull(Group::Native, &native), Some(Err("Malformed")));
        let mut token = json!({"template": template(names::SERVICE_ACCOUNT_NAME, &many.join("-"))});
        token["template"]["type"] = json!(names::SERVICE_ACCOUNT_TOKEN_TYPE);
        assert_eq!(read(Group::Native, &token).token_of, None);
    }

    #[test]
    fn what_has_no_shape_asks_nothing() {
        for spec in [json!(null), json!([]), json!("\"imagePullSecret\""), json!({"template": ["imagePullSecret"]})] {
            assert!(pull(Group::Native, &spec).is_none(), "{spec}");
        }
    }
}
