//! Where a value may be opened: the scope, and of namespace and name what the scope binds.

use crate::lp;

/// The place that every wrap and every value is bound to.
///
/// ```text
/// place = scope byte ‖ lp(namespace) if bound ‖ lp(name) if bound
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// One object: namespace and name are bound. Scope byte 1.
    Strict {
        /// The object's namespace.
        namespace: String,
        /// The object's name.
        name: String,
    },
    /// Any name in one namespace. Scope byte 2.
    NamespaceWide {
        /// The object's namespace.
        namespace: String,
    },
    /// Anywhere in the cluster. Scope byte 3.
    ClusterWide,
    /// One cluster-scoped object: the name is bound, there is no namespace. Scope byte 4.
    ClusterSealedSecret {
        /// The object's name.
        name: String,
    },
}

impl Place {
    /// The bytes that are authenticated with every wrap and every value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        match self {
            Self::Strict { namespace, name } => {
                out.push(1);
                lp::push(&mut out, namespace.as_bytes());
                lp::push(&mut out, name.as_bytes());
            }
            Self::NamespaceWide { namespace } => {
                out.push(2);
                lp::push(&mut out, namespace.as_bytes());
            }
            Self::ClusterWide => out.push(3),
            Self::ClusterSealedSecret { name } => {
                out.push(4);
                lp::push(&mut out, name.as_bytes());
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_place_cannot_be_shifted_into_each_other() {
        let strict =
            |namespace: &str, name: &str| Place::Strict { namespace: namespace.into(), name: name.into() }.to_bytes();
        assert_eq!(strict("a", "bc"), b"\x01\0\0\0\x01a\0\0\0\x02bc");
        assert_ne!(strict("ab", "c"), strict("a", "bc"));
    }

    #[test]
    fn each_scope_has_a_byte_of_its_own() {
        let namespace = || "x".to_owned();
        assert_eq!(Place::NamespaceWide { namespace: namespace() }.to_bytes(), b"\x02\0\0\0\x01x");
        assert_eq!(Place::ClusterWide.to_bytes(), b"\x03");
        assert_eq!(Place::ClusterSealedSecret { name: namespace() }.to_bytes(), b"\x04\0\0\0\x01x");
    }
}
