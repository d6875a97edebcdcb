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
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(rename = "continue")]
    next: Option<String>,
}

impl Cluster {
    /// Hands out every object of a collection.
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
    let path = format!("{path}?limit={PAGE}");
    let mut next = String::new();
    loop {
        let page = get(&format!("{path}{next}"))?;
        page.items.into_iter().for_each(&mut on);
        match page.metadata.next.filter(|token| !token.is_empty()) {
            Some(token) => next = format!("&continue={}", query(&token)),
            None => return Ok(()),
        }
    }
}
