//! Where a Secret that is about to be sealed will be opened.

use kseal_api::{Scope, names};
use kseal_core::{ObjectRef, PlaceError, place, scope_of_upstream};
use kseal_crypto::Place;
use kseal_manifest::{Object, Tree};

use crate::{
    args::{PlaceArgs, ScopeName, SealFormat},
    error::{Error, Result},
    meaning, selector,
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
    /// The selector of namespaces, if it is to be an object for many of them.
    pub namespaces: Option<String>,
    /// `--image-pull-secret-for`.
    pub pulls: Option<String>,
}

/// The place of one object.
pub(crate) struct Placed {
    pub scope: Scope,
    pub object: ObjectRef,
    pub place: Place,
}

/// As they are typed.
const SELECTOR: &str = "--namespace-selector";
const PULLS: &str = "--image-pull-secret-for";

impl Placing {
    /// What was typed.
    ///
    /// # Errors
    /// If it does not go together, or a selector is none.
    pub(crate) fn new(args: PlaceArgs, namespace: Option<String>, name: Option<String>) -> Result<Self> {
        let PlaceArgs { scope: said, namespace_selector, image_pull_secret_for: pulls } = args;
        let scope = said.and_then(ScopeName::scope);
        if scope.is_some() && namespace_selector.is_some() {
            return Err(Error::usage(format!("{SELECTOR} is for ClusterSealedSecrets, which have no other scope"))
                .hint("leave out --scope"));
        }
        let namespaces = namespace_selector.or_else(|| (said.is_some() && scope.is_none()).then(String::new));
        if let (Some(_), Some(namespace)) = (&namespaces, &namespace) {
            return Err(Error::usage(format!("a ClusterSealedSecret is of no namespace, and -n says {namespace}"))
                .hint(format!("leave out -n; {SELECTOR} says which namespaces get the Secret")));
        }
        let placing = Self { scope, namespace, name, namespaces, pulls, ..Self::default() };
        placing.namespace_selector().transpose()?;
        placing.image_pull_secret().transpose()?;
        Ok(placing)
    }

    /// `spec.namespaceSelector`, of an object for many namespaces.
    pub(crate) fn namespace_selector(&self) -> Option<Result<Tree>> {
        Some(selector::parse(SELECTOR, self.namespaces.as_deref()?))
    }

    /// `spec.imagePullSecret`.
    pub(crate) fn image_pull_secret(&self) -> Option<Result<Tree>> {
        Some(selector::service_accounts(PULLS, self.pulls.as_deref()?))
    }

    /// Whether a format can say all that was asked for.
    ///
    /// # Errors
    /// If it cannot.
    pub(crate) fn check_format(&self, format: SealFormat) -> Result<()> {
        if format == SealFormat::Kseal {
            return Ok(());
        }
        if self.namespaces.is_some() {
            return Err(Error::usage("only the format kseal has ClusterSealedSecrets")
                .hint("choose --format kseal, or seal it for each namespace"));
        }
        if self.pulls.is_some() {
            let hint = match format {
                SealFormat::Bitnami => format!("annotate the Secret with {}: NAME,...", names::IMAGE_PULL_SECRET_FOR),
                _ => "choose --format kseal".to_owned(),
            };
            return Err(Error::usage(format!("{PULLS} is for the format kseal")).hint(hint));
        }
        Ok(())
    }

    /// The place of an object for many namespaces, which is its name.
    fn in_many(&self, object: Option<&Object<'_>>) -> Result<Placed> {
        let name = self.name.clone().or_else(|| object.and_then(|it| meaning::object_ref(it).name));
        let name = name.ok_or_else(|| {
            let what = object.map_or_else(|| "the value".to_owned(), meaning::describe);
            Error::input(format!("{what}: a ClusterSealedSecret binds its name, and there is none"))
                .hint("set metadata.name, or give --name")
        })?;
        let place = Place::ClusterSealedSecret { name: name.clone() };
        Ok(Placed { scope: Scope::Strict, object: ObjectRef { namespace: None, name: Some(name) }, place })
    }

    /// Decides for one Secret.
    ///
    /// # Errors
    /// If namespaces contradict each other, or something that the scope binds is missing.
    pub(crate) fn place(&self, object: &Object<'_>) -> Result<Placed> {
        if self.namespaces.is_some() {
            return self.in_many(Some(object));
        }
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
        if self.namespaces.is_some() {
            return self.in_many(None);
        }
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
