//! The name of an object: `namespace/name`, as far as it is known.

use std::fmt;

use kseal_api::{Scope, SealedFor};

/// Namespace and name as a manifest states them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectRef {
    /// `metadata.namespace`, if it is there.
    pub namespace: Option<String>,
    /// `metadata.name`, if it is there.
    pub name: Option<String>,
}

impl ObjectRef {
    /// What a scope binds of it.
    #[must_use]
    pub fn bound_by(&self, scope: Scope) -> SealedFor {
        let namespace = || self.namespace.clone();
        match scope {
            Scope::Strict => SealedFor { namespace: namespace(), name: self.name.clone() },
            Scope::NamespaceWide => SealedFor { namespace: namespace(), name: None },
            Scope::ClusterWide => SealedFor::default(),
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("(no name)");
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{name}"),
            None => f.write_str(name),
        }
    }
}

/// An object that stands elsewhere than it was sealed for.
#[derive(Debug, PartialEq, Eq)]
pub struct Moved {
    /// What `sealedFor` says.
    pub sealed_for: SealedFor,
    /// Where it is.
    pub found_in: ObjectRef,
}

impl Moved {
    /// Whether an object stands elsewhere than it says, in what the scope binds.
    #[must_use]
    pub fn find(scope: Scope, sealed_for: &SealedFor, found_in: &ObjectRef) -> Option<Self> {
        let differs = |said: &Option<String>, is: &Option<String>| said.is_some() && said != is;
        let namespace = scope != Scope::ClusterWide && differs(&sealed_for.namespace, &found_in.namespace);
        let name = scope == Scope::Strict && differs(&sealed_for.name, &found_in.name);
        let moved = namespace || name;
        moved.then(|| Self { sealed_for: sealed_for.clone(), found_in: found_in.clone() })
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        let SealedFor { namespace, name } = &self.sealed_for;
        let sealed_for = match (namespace, name, &self.found_in.namespace) {
            // What is of no namespace is its name.
            (None, Some(name), None) => name.clone(),
            _ => format!("{}/{}", part(namespace), part(name)),
        };
        write!(f, "sealed for {sealed_for}, found in {}", self.found_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::object;

    #[test]
    fn a_scope_binds_both_one_or_nothing() {
        let bound = |scope| object("prod", "db").bound_by(scope);
        let (namespace, name) = (Some("prod".to_owned()), Some("db".to_owned()));
        assert_eq!(bound(Scope::Strict), SealedFor { namespace: namespace.clone(), name });
        assert_eq!(bound(Scope::NamespaceWide), SealedFor { namespace, name: None });
        assert_eq!(bound(Scope::ClusterWide), SealedFor { namespace: None, name: None });
    }

    #[test]
    fn a_name_is_told_as_far_as_it_is_known() {
        assert_eq!(object("prod", "db").to_string(), "prod/db");
        assert_eq!(object("", "db").to_string(), "db");
        assert_eq!(object("prod", "").to_string(), "prod/(no name)");
        assert_eq!(object("", "").to_string(), "(no name)");
    }

    #[test]
    fn only_what_the_scope_binds_can_be_moved() {
        let found = |scope, namespace, name| {
            Moved::find(scope, &object("prod", "db").bound_by(Scope::Strict), &object(namespace, name)).is_some()
        };
        for (scope, by_name, by_namespace) in
            [(Scope::Strict, true, true), (Scope::NamespaceWide, false, true), (Scope::ClusterWide, false, false)]
        {
            assert!(!found(scope, "prod", "db"), "{scope}");
            assert_eq!((found(scope, "prod", "web"), found(scope, "dev", "db")), (by_name, by_namespace), "{scope}");
        }
    }

    #[test]
    fn what_moved_is_told_with_both_places() {
        let moved = |scope| Moved { sealed_for: object("prod", "db").bound_by(scope), found_in: object("dev", "db") };
        assert_eq!(moved(Scope::Strict).to_string(), "sealed for prod/db, found in dev/db");
        assert_eq!(moved(Scope::NamespaceWide).to_string(), "sealed for prod/*, found in dev/db");
        assert_eq!(moved(Scope::ClusterWide).to_string(), "sealed for */*, found in dev/db");
        let of_none = Moved { sealed_for: object("", "db").bound_by(Scope::Strict), found_in: object("", "cache") };
        assert_eq!(of_none.to_string(), "sealed for db, found in cache");
    }
}
