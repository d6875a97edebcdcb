//! Collections, page by page.

use serde::{Deserialize, de::DeserializeOwned};

use super::{Cluster, Failure, query};

/// As many as kubectl asks for at a time.
const PAGE: usize = 500;

/// A page of a collection.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMetadata,
    /// `null` is how an API server sends an empty list of metadata.
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(rename = "continue")]
    next: Option<String>,
}

impl Cluster {
    /// Hands out every object of a collection, whose path may have a query.
    ///
    /// # Errors
    /// If they may not be listed, or not all of them were.
    pub(crate) fn each<T: DeserializeOwned>(&self, path: &str, on: impl FnMut(T)) -> Result<(), Failure> {
        pages(path, on, |path| self.get(path))
    }

    /// The same of the objects' metadata: what they hold does not leave the server.
    ///
    /// # Errors
    /// As for [`Self::each`].
    pub(crate) fn each_metadata<T: DeserializeOwned>(&self, path: &str, on: impl FnMut(T)) -> Result<(), Failure> {
        pages(path, on, |path| self.list_metadata(path))
    }
}

fn pages<T>(path: &str, mut on: impl FnMut(T), get: impl Fn(&str) -> Result<Page<T>, Failure>) -> Result<(), Failure> {
    let path = format!("{path}{}limit={PAGE}", if path.contains('?') { '&' } else { '?' });
    let mut next = String::new();
    loop {
        let page = get(&format!("{path}{next}"))?;
        page.items.into_iter().flatten().for_each(&mut on);
        match page.metadata.next.filter(|token| !token.is_empty()) {
            Some(token) => next = format!("&continue={}", query(&token)),
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_is_read_page_by_page_and_an_empty_one_is_one() {
        let asked = std::cell::RefCell::new(Vec::new());
        let get = |path: &str| -> Result<Page<u32>, Failure> {
            asked.borrow_mut().push(path.to_owned());
            let text = match asked.borrow().len() {
                1 => r#"{"metadata":{"continue":"a b"},"items":[1,2]}"#,
                2 => r#"{"metadata":{"continue":""},"items":null}"#,
                _ => "{}",
            };
            Ok(serde_json::from_str(text).unwrap())
        };
        let mut found = Vec::new();
        assert!(pages("/secrets?labelSelector=x", |it| found.push(it), get).is_ok());
        assert_eq!(found, [1, 2]);
        let first = "/secrets?labelSelector=x&limit=500".to_owned();
        assert_eq!(*asked.borrow(), [first.clone(), format!("{first}&continue=a+b")]);
    }
}
