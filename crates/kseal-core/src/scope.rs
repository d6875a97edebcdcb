//! From a scope and an object's name to the place that its values are bound to.

use kseal_api::{Scope, names};
use kseal_crypto::Place;

use crate::ObjectRef;

/// What a place lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Strict and NamespaceWide bind the namespace.
    #[error("scope {0} binds the namespace, and there is none")]
    NoNamespace(Scope),
    /// Strict and a ClusterSealedSecret bind the name.
    #[error("the name is bound, and there is none")]
    NoName,
}

/// The place of an object's values.
///
/// # Errors
/// If the scope binds what the object does not state.
pub fn place(scope: Scope, object: &ObjectRef) -> Result<Place, PlaceError> {
    let part = |part: &Option<String>| part.clone().filter(|text| !text.is_empty());
    let namespace = || part(&object.namespace).ok_or(PlaceError::NoNamespace(scope));
    Ok(match scope {
        Scope::Strict => Place::Strict { namespace: namespace()?, name: part(&object.name).ok_or(PlaceError::NoName)? },
        Scope::NamespaceWide => Place::NamespaceWide { namespace: namespace()? },
        Scope::ClusterWide => Place::ClusterWide,
    })
}

/// The scope that upstream's annotations give: exactly `"true"` counts, and cluster-wide wins.
pub fn scope_of_upstream<'a>(annotation: impl Fn(&str) -> Option<&'a str>) -> Scope {
    let set = |name| annotation(name) == Some("true");
    if set(names::UPSTREAM_CLUSTER_WIDE) {
        Scope::ClusterWide
    } else if set(names::UPSTREAM_NAMESPACE_WIDE) {
        Scope::NamespaceWide
    } else {
        Scope::Strict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(namespace: Option<&str>, name: Option<&str>) -> ObjectRef {
        ObjectRef { namespace: namespace.map(Into::into), name: name.map(Into::into) }
    }

    #[test]
    fn a_scope_wants_what_it_binds_and_no_more() {
        let strict = Place::Strict { namespace: "prod".into(), name: "testSecret".into() };
        assert_eq!(place(Scope::Strict, &object(Some("prod"), Some("testSecret"))), Ok(strict));
        assert_eq!(place(Scope::Strict, &object(Some("prod"), None)), Err(PlaceError::NoName));
        assert_eq!(place(Scope::Strict, &object(None, Some("db"))), Err(PlaceError::NoNamespace(Scope::Strict)));
        assert_eq!(place(Scope::Strict, &object(Some(""), Some("db"))), Err(PlaceError::NoNamespace(Scope::Strict)));
        let wide = Place::NamespaceWide { namespace: "prod".into() };
        assert_eq!(place(Scope::NamespaceWide, &object(Some("prod"), None)), Ok(wide));
        let error = PlaceError::NoNamespace(Scope::NamespaceWide);
        assert_eq!(place(Scope::NamespaceWide, &object(None, Some("db"))), Err(error));
        assert_eq!(place(Scope::ClusterWide, &object(None, None)), Ok(Place::ClusterWide));
    }

    #[test]
    fn what_is_missing_is_told_with_its_scope() {
        let text = "scope NamespaceWide binds the namespace, and there is none";
        assert_eq!(PlaceError::NoNamespace(Scope::NamespaceWide).to_string(), text);
        assert_eq!(PlaceError::NoName.to_string(), "the name is bound, and there is none");
    }

    #[test]
    fn upstreams_annotations_count_when_they_are_exactly_true() {
        let scope = |namespace_wide: &'static str, cluster_wide: &'static str| {
            scope_of_upstream(|name| {
                Some(if name == names::UPSTREAM_CLUSTER_WIDE { cluster_wide } else { namespace_wide })
            })
        };
        assert_eq!(scope("", ""), Scope::Strict);
        assert_eq!(scope("True", "yes"), Scope::Strict);
        assert_eq!(scope("true", ""), Scope::NamespaceWide);
        assert_eq!(scope("true", "true"), Scope::ClusterWide);
        assert_eq!(scope_of_upstream(|_| None), Scope::Strict);
    }
}
