//! serde on the read tree: errors say where, and never what.

mod access;
mod failure;

use crate::error::{DecodeError, ReadError};
use crate::manifest::Manifest;
use crate::node::{Content, Node, Scalar};
use crate::scalar::Value;
use access::{Entries, Items, Variant};
use failure::Failure;
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use zeroize::Zeroizing;

/// Reads a text that holds exactly one document with content, JSON or YAML.
///
/// # Errors
///
/// If the text cannot be read, holds another number of documents, or is not what the type wants.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    let manifest = Manifest::parse(Zeroizing::new(text.to_owned()))?;
    let mut filled = manifest.documents().iter().filter(|document| !document.is_empty());
    match (filled.next(), filled.count()) {
        (Some(document), 0) => Ok(document.root().deserialize()?),
        (None, _) => Err(ReadError::Documents { count: 0 }),
        (Some(_), others) => Err(ReadError::Documents { count: others + 1 }),
    }
}

impl Node {
    /// Reads the node as a value of a type, aliases and merge keys resolved.
    ///
    /// # Errors
    ///
    /// If it is not what the type wants. The error says where, and names keys, kinds and what was
    /// expected, but no value.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        T::deserialize(NodeDeserializer(self)).map_err(|failure| failure.into_error(self))
    }
}

/// A node as a source of serde's data model.
#[derive(Clone, Copy)]
pub(crate) struct NodeDeserializer<'n>(&'n Node);

impl<'n> NodeDeserializer<'n> {
    fn scalar(self) -> Option<&'n Scalar> {
        self.0.scalar()
    }

    /// Adds the place to a failure that has none yet, and takes the value out of its words.
    fn located<T>(self, result: Result<T, Failure>) -> Result<T, Failure> {
        result.map_err(|failure| failure.at(self.0))
    }

    fn any<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.0.target().content {
            Content::Mapping(_) => visitor.visit_map(Entries::new(self.0.entries())),
            Content::Sequence(_) => visitor.visit_seq(Items::new(self.0.items())),
            Content::Scalar(scalar) => match scalar.value {
                Value::Null => visitor.visit_unit(),
                Value::Bool(value) => visitor.visit_bool(value),
                Value::Int(value) => visitor.visit_i64(value),
                Value::Uint(value) => visitor.visit_u64(value),
                Value::Float(value) => visitor.visit_f64(value),
                Value::Str => visitor.visit_str(&scalar.text),
            },
            Content::Shared(_) => visitor.visit_unit(),
        }
    }

    /// Where an integer is wanted a whole float will do, as for Go's JSON (`1.0` becomes `1`).
    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let whole = match self.scalar().map(|scalar| scalar.value) {
            Some(Value::Float(value)) => Value::whole(value),
            _ => None,
        };
        let result = match whole {
            Some(whole) => visitor.visit_i64(whole),
            None => self.any(visitor),
        };
        self.located(result)
    }
}

macro_rules! integers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.integer(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let result = self.any(visitor);
        self.located(result)
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let result = if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) };
        self.located(result)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        let result = visitor.visit_newtype_struct(self);
        self.located(result)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let result = match Variant::of(self.0) {
            Some(variant) => visitor.visit_enum(variant),
            None => self.any(visitor),
        };
        self.located(result)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct identifier
    }
}
