//! Mappings, sequences and enum variants for serde.

use super::NodeDeserializer;
use super::failure::Failure;
use crate::node::{Entry, Node};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

/// The entries of a mapping.
pub(super) struct Entries<'n, I> {
    entries: I,
    current: Option<&'n Entry>,
}

impl<'n, I: Iterator<Item = &'n Entry>> Entries<'n, I> {
    pub(super) fn new(entries: I) -> Self {
        Self { entries, current: None }
    }
}

impl<'de, 'n, I: ExactSizeIterator<Item = &'n Entry>> MapAccess<'de> for Entries<'n, I> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        self.current = self.entries.next();
        let Some(entry) = self.current else { return Ok(None) };
        let key: StrDeserializer<'_, Failure> = entry.key().into_deserializer();
        let key = seed.deserialize(key);
        key.map(Some).map_err(|failure| failure.at_location(entry.key_location()))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let Some(entry) = self.current.take() else {
            return Err(Failure::custom("a value was asked for before its key"));
        };
        seed.deserialize(NodeDeserializer(entry.value())).map_err(|f| f.at(entry.value()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// The items of a sequence.
pub(super) struct Items<I>(I);

impl<I> Items<I> {
    pub(super) fn new(items: I) -> Self {
        Self(items)
    }
}

impl<'de, 'n, I: ExactSizeIterator<Item = &'n Node>> SeqAccess<'de> for Items<I> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let Some(item) = self.0.next() else { return Ok(None) };
        seed.deserialize(NodeDeserializer(item)).map(Some).map_err(|failure| failure.at(item))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// An enum variant: a string, or a mapping with one entry.
pub(super) struct Variant<'n> {
    name: &'n str,
    name_node: &'n Node,
    content: Option<&'n Node>,
}

impl<'n> Variant<'n> {
    pub(super) fn of(node: &'n Node) -> Option<Self> {
        if let Some(name) = node.as_str() {
            return Some(Self { name, name_node: node, content: None });
        }
        let mut entries = node.entries();
        let entry = entries.next()?;
        let single = entries.next().is_none();
        single.then_some(Self { name: entry.key(), name_node: node, content: Some(entry.value()) })
    }

    fn content(self) -> Result<NodeDeserializer<'n>, Failure> {
        let missing = || Failure::invalid_type(Unexpected::UnitVariant, &"a variant with content");
        self.content.map(NodeDeserializer).ok_or_else(missing)
    }
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        let name: StrDeserializer<'_, Failure> = self.name.into_deserializer();
        let value = seed.deserialize(name).map_err(|failure| failure.at(self.name_node))?;
        Ok((value, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match self.content {
            Some(node) if !node.is_null() => {
                Err(Failure::invalid_type(Unexpected::Map, &"a variant without content").at(node))
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.content()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Failure> {
        self.content()?.deserialize_any(visitor)
    }
}
