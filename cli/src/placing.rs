//! Where a Secret that is about to be sealed will be opened.

use kseal_api::{Scope, names};
use kseal_core::{ObjectRef, PlaceError, place, scope_of_upstream};
use kseal_crypto::Place;
use kseal_manifest::Object;

use crate::{
    error::{Error, Result},
    meaning,
};

/// What the command line and the rule say of the place.
#[derive(Clone, Default)]
pub(crate) struct Placing {
    /// `--scope`.
    pub scope: Option<Scope>,
    /// The rule's scope.
    pub rule_scope: Option<Scope>,
    /// `-n`.
    pub namespace: Option<String>,
    /// The rule's namespace.
    pub rule_namespace: Option<String>,
    /// `--name`.
    pub name: Option<String>,
}

/// The place of one object.
pub(crate) struct Placed {
    pub scope: Scope,
    pub object: ObjectRef,
    pub place: Place,
}

impl Placing {
    /// Decides for one Secret.
    ///
    /// # Errors
    /// If namespaces contradict each other, or something that the scope binds is missing.
    pub(crate) fn place(&self, object: &Object<'_>) -> Result<Placed> {
        let mut named = meaning::object_ref(object);
        let said = scope_of_upstream(|name| meaning::annotation(object, name));
        let annotated = (said != Scope::Strict).then_some(said);
        let scope = self.scope.or(annotated).or(self.rule_scope).unwrap_or_default();
        let generated = object.node.get("metadata").is_some_and(|metadata| metadata.get("generateName").is_some());
        if let Some(name) = &self.name {
            named.name = Some(name.clone());
        } else if scope == Scope::Strict && named.name.is_none() && generated {
            return Err(Error::refused(format!(
                "Secret at {} has generateName, and scope Strict binds the name",
                object.node.location()
            ))
            .hint("give --name, or --scope NamespaceWide"));
        }
        if scope != Scope::ClusterWide {
            named.namespace = self.namespace_of(&named)?;
        }
        let place = place(scope, &named).map_err(|error| missing(error, &meaning::describe(object)))?;
        Ok(Placed { scope, object: named, place })
    }

    /// The place of a value that is sealed without a manifest.
    ///
    /// # Errors
    /// If something that the scope binds is missing.
    pub(crate) fn bare(&self) -> Result<Placed> {
        let scope = self.scope.or(self.rule_scope).unwrap_or_default();
        let namespace = self.namespace.clone().or_else(|| self.rule_namespace.clone());
        let object =
            ObjectRef { namespace: namespace.filter(|_| scope != Scope::ClusterWide), name: self.name.clone() };
        let place = place(scope, &object).map_err(|error| missing(error, "the value"))?;
        Ok(Placed { scope, object, place })
    }

    fn namespace_of(&self, named: &ObjectRef) -> Result<Option<String>> {
        match (&named.namespace, &self.namespace) {
            (Some(stated), Some(wanted)) if stated != wanted => {
                Err(Error::usage(format!("namespace mismatch: {named} is in namespace {stated}, and -n says {wanted}"))
                    .hint("change metadata.namespace, or leave out -n"))
            }
            (Some(stated), _) => Ok(Some(stated.clone())),
            (None, wanted) => Ok(wanted.clone().or_else(|| self.rule_namespace.clone())),
        }
    }
}

fn missing(error: PlaceError, what: &str) -> Error {
    let hint = match error {
        PlaceError::NoName => "set metadata.name, give --name, or choose --scope NamespaceWide",
        _ => {
            "set metadata.namespace, give -n, write a rule with a namespace into .kseal.yaml, or choose --scope ClusterWide"
        }
    };
    Error::input(format!("{what}: {error}")).hint(hint)
}

/// Annotations of sealed-secrets that say the scope; they mean nothing on the Secret itself.
pub(crate) fn is_scope_annotation(name: &str) -> bool {
    [names::UPSTREAM_NAMESPACE_WIDE, names::UPSTREAM_CLUSTER_WIDE].contains(&name)
}
