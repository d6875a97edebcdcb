//! The sealed objects of a text, and the one among them that a command means.

use kseal_core::SealedObject;
use kseal_manifest::{Manifest, Object};

use crate::{
    error::{Error, Result},
    meaning::{self, Meaning},
};

/// A sealed object with where it stands.
pub(crate) type Found<'m> = (Object<'m>, SealedObject);

/// Reads a text; `name` is that of the file.
pub(crate) fn parse(name: &str, text: &str) -> Result<Manifest> {
    Manifest::parse(text.to_owned()).map_err(|error| Error::input(format!("{name}: {error}")))
}

/// Every sealed object of a text, in its order.
///
/// # Errors
/// If there is none.
pub(crate) fn sealed<'m>(name: &str, manifest: &'m Manifest) -> Result<Vec<Found<'m>>> {
    let mut found = Vec::new();
    let mut plain = None;
    for object in manifest.objects() {
        match meaning::of(&object).map_err(|error| error.at(name))? {
            Meaning::Sealed(sealed) => found.push((object, *sealed)),
            Meaning::Plain => plain = Some(meaning::describe(&object)),
            Meaning::Other => {}
        }
    }
    match (found.is_empty(), plain) {
        (false, _) => Ok(found),
        (true, Some(plain)) => Err(Error::input(format!("{name}: {plain} is not sealed"))
            .hint(format!("seal it with `kseal encrypt -i {name}`"))),
        (true, None) => Err(Error::input(format!("{name}: no sealed object"))),
    }
}

/// The one sealed object of a text, or the one of that name.
///
/// # Errors
/// If there is none, or if there are several.
pub(crate) fn only<'m>(name: &str, manifest: &'m Manifest, wanted: Option<&str>) -> Result<Found<'m>> {
    let mut found = sealed(name, manifest)?;
    let all = names(&found);
    if let Some(wanted) = wanted {
        found
            .retain(|(_, sealed)| sealed.object.name.as_deref() == Some(wanted) || sealed.object.to_string() == wanted);
    }
    let fit = names(&found);
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => {
            Err(Error::usage(format!("{name}: several objects fit")).hint(format!("choose one with --object: {fit}")))
        }
        (None, _) => Err(Error::input(format!("{name}: no sealed object {}", wanted.unwrap_or_default()))
            .hint(format!("it has {all}"))),
    }
}

fn names(found: &[Found<'_>]) -> String {
    found.iter().map(|(_, sealed)| sealed.object.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: &str = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nspec: {encryptedData: {}}\nmetadata: ";

    fn choose(text: &str, wanted: Option<&str>) -> Result<String> {
        only("a.yaml", &parse("a.yaml", text)?, wanted).map(|(_, sealed)| sealed.object.to_string())
    }

    #[test]
    fn one_object_needs_no_name_and_several_do() {
        let two = format!("{OF}{{namespace: x, name: a}}\n---\n{OF}{{name: b}}\n");
        assert_eq!(choose(&format!("{OF}{{name: b}}"), None).unwrap(), "b");
        assert_eq!(choose(&two, Some("a")).unwrap(), "x/a");
        assert_eq!(choose(&two, Some("x/a")).unwrap(), "x/a");
        let several = choose(&two, None).unwrap_err();
        assert_eq!(several.advice(), Some("choose one with --object: x/a, b"));
        assert_eq!(choose(&two, Some("c")).unwrap_err().advice(), Some("it has x/a, b"));
    }

    #[test]
    fn a_plaintext_secret_is_to_be_sealed_first() {
        let error = choose("apiVersion: v1\nkind: Secret\nmetadata: {name: db}\n", None).unwrap_err();
        assert_eq!(error.advice(), Some("seal it with `kseal encrypt -i a.yaml`"));
        assert_eq!(choose("a: 1\n", None).unwrap_err().message(), "a.yaml: no sealed object");
    }
}
