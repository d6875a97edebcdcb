//! Collections, page by page.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use ureq::http::Method;
use zeroize::Zeroizing;

use super::{Cluster, Failure, query};

/// As many as kubectl asks for at a time.
const PAGE: usize = 500;

/// By how much less is asked for where that is too much in one piece.
const LESS: usize = 8;

/// A page of a collection, whose objects are as they were sent: one that cannot be read does not hide the others.
#[derive(Deserialize)]
struct Page<'j> {
    #[serde(default)]
    metadata: PageMetadata,
    /// `null` is how an API server sends an empty list of metadata.
    #[serde(borrow, default)]
    items: Option<Vec<&'j RawValue>>,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(rename = "continue")]
    next: Option<String>,
}

impl Cluster {
    /// Hands out every object of a collection, whose path may have a query, as it was sent.
    ///
    /// # Errors
    /// If they may not be listed, or not all of them were.
    pub(crate) fn each_raw(&self, path: &str, mut on: impl FnMut(&RawValue)) -> Result<(), Failure> {
        let get = |path: &str| self.get_octets(path);
        self.pages(path, get, |_, item| {
            on(item);
            Ok(())
        })
    }

    /// Hands out every object of a collection.
    ///
    /// # Errors
    /// As for [`Self::each_raw`], and if one is not of this shape.
    pub(crate) fn each<T: DeserializeOwned>(&self, path: &str, on: impl FnMut(T)) -> Result<(), Failure> {
        self.pages(path, |path| self.get_octets(path), self.typed(on))
    }

    /// The same of the objects' metadata: what they hold does not leave the server.
    ///
    /// # Errors
    /// As for [`Self::each`].
    pub(crate) fn each_metadata<T: DeserializeOwned>(&self, path: &str, on: impl FnMut(T)) -> Result<(), Failure> {
        self.pages(path, |path| self.list_metadata_octets(path), self.typed(on))
    }

    fn typed<T: DeserializeOwned>(&self, mut on: impl FnMut(T)) -> impl FnMut(&str, &RawValue) -> Result<(), Failure> {
        move |path, item| {
            let item = serde_json::from_str(item.get()).map_err(|error| self.strange(&Method::GET, path, &error))?;
            on(item);
            Ok(())
        }
    }

    fn pages(
        &self,
        path: &str,
        get: impl Fn(&str) -> Result<Zeroizing<Vec<u8>>, Failure>,
        mut on: impl FnMut(&str, &RawValue) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        pages(path, get, |path, body| {
            let page: Page<'_> =
                serde_json::from_slice(body).map_err(|error| self.strange(&Method::GET, path, &error))?;
            page.items.into_iter().flatten().try_for_each(|item| on(path, item))?;
            Ok(page.metadata.next)
        })
    }
}

/// Gets page after page, each of as much as is taken in one piece; `read` tells where the next one begins.
fn pages<B>(
    path: &str,
    get: impl Fn(&str) -> Result<B, Failure>,
    mut read: impl FnMut(&str, &B) -> Result<Option<String>, Failure>,
) -> Result<(), Failure> {
    let path = format!("{path}{}limit=", if path.contains('?') { '&' } else { '?' });
    let (mut limit, mut next) = (PAGE, String::new());
    loop {
        let asked = format!("{path}{limit}{next}");
        let body = match get(&asked) {
            Err(Failure::TooLarge(_)) if limit > 1 => {
                limit = (limit / LESS).max(1);
                continue;
            }
            answer => answer?,
        };
        match read(&asked, &body)?.filter(|token| !token.is_empty()) {
            Some(token) => next = format!("&continue={}", query(&token)),
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::error::Error;

    fn read(found: &mut Vec<String>, text: &str) -> Option<String> {
        let page: Page<'_> = serde_json::from_str(text).unwrap();
        found.extend(page.items.into_iter().flatten().map(|item| item.get().to_owned()));
        page.metadata.next
    }

    #[test]
    fn a_collection_is_read_page_by_page_and_an_empty_one_is_one() {
        let asked = RefCell::new(Vec::new());
        let get = |path: &str| -> Result<&str, Failure> {
            asked.borrow_mut().push(path.to_owned());
            Ok(match asked.borrow().len() {
                1 => r#"{"metadata":{"continue":"a b"},"items":[1,2]}"#,
                2 => r#"{"metadata":{"continue":""},"items":null}"#,
                _ => "{}",
            })
        };
        let mut found = Vec::new();
        assert!(pages("/secrets?labelSelector=x", get, |_, text| Ok(read(&mut found, text))).is_ok());
        assert_eq!(found, ["1", "2"]);
        let first = "/secrets?labelSelector=x&limit=500".to_owned();
        assert_eq!(*asked.borrow(), [first.clone(), format!("{first}&continue=a+b")]);
    }

    #[test]
    fn what_is_too_much_in_one_piece_is_asked_for_in_smaller_ones() {
        let (asked, most) = (RefCell::new(Vec::new()), RefCell::new(10));
        let get = |path: &str| -> Result<&str, Failure> {
            let limit: usize = path.split(['=', '&']).nth(1).unwrap().parse().unwrap();
            asked.borrow_mut().push(limit);
            if limit > *most.borrow() {
                return Err(Failure::TooLarge(Box::new(Error::cluster("too large"))));
            }
            Ok(if path.contains("continue") { "{}" } else { r#"{"metadata":{"continue":"x"},"items":[1]}"# })
        };
        assert!(pages("/objects", get, |_, text| Ok(read(&mut Vec::new(), text))).is_ok());
        assert_eq!(*asked.borrow(), [500, 62, 7, 7]);
        most.replace(0);
        asked.borrow_mut().clear();
        let failed = pages("/objects", get, |_, text| Ok(read(&mut Vec::new(), text)));
        assert!(matches!(failed, Err(Failure::TooLarge(_))));
        assert_eq!(*asked.borrow(), [500, 62, 7, 1]);
    }
}
