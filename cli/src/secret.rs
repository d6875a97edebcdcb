//! The items of a plaintext Secret, as octets, with where they stand.

use std::collections::BTreeMap;

use kseal_crypto::{Plaintext, decode_data};
use kseal_manifest::{Comments, Location, Node, Object};

use crate::error::{Error, Result};

/// In which field an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    /// Base64 of octets.
    Data,
    /// Text.
    StringData,
}

impl Field {
    pub(crate) const ALL: [Self; 2] = [Self::Data, Self::StringData];

    /// The field's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::StringData => "stringData",
        }
    }
}

/// One item: its octets, whichever field they stand in.
pub(crate) struct Item {
    pub key: String,
    pub field: Field,
    pub value: Plaintext,
    pub comments: Comments,
}

/// One item as it is written, before any decoding.
pub(crate) struct Written<'m> {
    pub key: &'m str,
    pub field: Field,
    /// `None` for null, which is an empty value.
    pub text: Option<&'m str>,
    pub comments: &'m Comments,
    pub location: Location,
}

/// The items of a Secret as they are written.
///
/// # Errors
/// If a field is no mapping, a value no string, or a key stands in both fields.
pub(crate) fn written<'m>(object: &Object<'m>) -> Result<Vec<Written<'m>>> {
    let mut items = Vec::new();
    let mut seen = BTreeMap::new();
    for field in Field::ALL {
        let Some(node) = object.node.get(field.name()).filter(|node| !node.is_null()) else { continue };
        if !node.is_mapping() {
            let message = format!("{} at {} is a {}, not a mapping", field.name(), node.location(), node.value_kind());
            return Err(Error::input(message));
        }
        for entry in node.entries() {
            let (key, location) = (entry.key(), entry.key_location());
            if let Some(first) = seen.insert(key, location) {
                let message = format!("{key} stands in data at {first} and in stringData at {location}");
                return Err(Error::input(message).hint("the API server lets stringData win; keep one of them"));
            }
            let text = text(key, entry.value())?;
            items.push(Written { key, field, text, comments: entry.comments(), location });
        }
    }
    Ok(items)
}

fn text<'m>(key: &str, node: &'m Node) -> Result<Option<&'m str>> {
    if node.is_null() {
        return Ok(None);
    }
    node.as_str().map(Some).ok_or_else(|| {
        Error::input(format!("the value of {key} at {} is a {}, not a string", node.location(), node.value_kind()))
            .hint("quote it: YAML reads it as something else than text, and the API server refuses it")
    })
}

impl Written<'_> {
    /// The octets.
    ///
    /// # Errors
    /// If the field is `data` and the text no base64.
    pub(crate) fn decode(&self) -> Result<Plaintext> {
        let text = self.text.unwrap_or_default();
        match self.field {
            Field::StringData => Ok(text.as_bytes().to_vec().into()),
            Field::Data => decode_data(text).ok_or_else(|| {
                Error::input(format!("the value of {} at {} is not base64", self.key, self.location))
                    .hint("text that is not encoded belongs into stringData")
            }),
        }
    }
}

/// The items of a plaintext Secret.
pub(crate) fn items(object: &Object<'_>) -> Result<Vec<Item>> {
    let items = written(object)?.into_iter().map(|item| {
        let value = item.decode()?;
        let Written { key, field, comments, .. } = item;
        Ok(Item { key: key.to_owned(), field, value, comments: comments.clone() })
    });
    items.collect()
}
