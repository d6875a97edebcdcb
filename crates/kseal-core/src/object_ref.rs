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

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        let sealed_for = format!("{}/{}", part(&self.sealed_for.namespace), part(&self.sealed_for.name));
        write!(f, "sealed for {sealed_for}, found in {}", self.found_in)
    }
}
