//! YAML and JSON text, the documents in it, and edits that leave all other bytes alone.
//!
//! [`Manifest::parse`] reads a text of one or many documents once. [`Manifest::objects`] finds the
//! Kubernetes objects in it, [`Node`] is the read tree with positions and a serde deserializer
//! ([`Node::deserialize`]), and [`Manifest::apply`] makes a new text from a list of [`Edit`]s:
//! comments, order, quoting, indentation, line ends and all other documents stay byte for byte.
//! An edited text is read again and compared with what was meant before it is returned.
//!
//! Scalars are typed as `sigs.k8s.io/yaml` types them (YAML 1.1: `yes` is a bool, `0o17` an
//! integer), because that is what `kubectl` reads. A JSON text is read as JSON.
//!
//! ```
//! use kseal_manifest::{Edit, Manifest, Path, Tree};
//!
//! let manifest = Manifest::parse("kind: Secret # mine\ndata:\n  a: 'eA=='\n")?;
//! let secret = &manifest.objects()[0];
//! let path = secret.path.clone().keys(["data", "a"]);
//! let text = manifest.apply(vec![Edit::Set { path, value: Tree::str("eQ==") }])?;
//! assert_eq!(*text, "kind: Secret # mine\ndata:\n  a: 'eQ=='\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate refuses to know Kubernetes beyond `kind`, `apiVersion` and `metadata`, and knows
//! nothing of clients, cryptography or files. Texts and values may be plaintext secrets: the types
//! that hold them have no `Debug`, `Clone` or `Serialize`, strings are wiped when dropped, and no
//! error message contains a value.

mod buffer;
mod decode;
mod edit;
mod error;
mod location;
mod manifest;
mod node;
mod object;
mod parse;
mod path;
mod render;
mod scalar;
mod text;
mod tree;

pub use crate::decode::from_str;
pub use crate::edit::{Edit, Position};
pub use crate::error::{DecodeError, EditError, ParseError, ReadError};
pub use crate::location::Location;
pub use crate::manifest::{Document, Manifest};
pub use crate::node::{Entry, Node, ValueKind};
pub use crate::object::Object;
pub use crate::path::{Path, Step};
pub use crate::render::{Style, render};
pub use crate::text::Text;
pub use crate::tree::{Comments, Tree, TreeEntry};
