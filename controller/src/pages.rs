//! Collections that are read page by page, where they are not followed.

use form_urlencoded::Serializer;
use serde::Deserialize;

/// A page of a list.
#[derive(Deserialize)]
pub(crate) struct Page<T> {
    metadata: PageMetadata,
    /// `null` where there is none.
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    next: String,
}

impl<T> Page<T> {
    /// What is on it, and the token of the next one; an empty one where this is the last.
    pub(crate) fn turn(self) -> (impl Iterator<Item = T>, String) {
        (self.items.into_iter().flatten(), self.metadata.next)
    }
}

/// The path of one page of so many objects, with a parameter that selects them. `token`: that of the page before, or empty.
pub(crate) fn page(collection: &str, limit: u16, selector: Option<(&str, &str)>, token: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("limit", &limit.to_string());
    if let Some((parameter, selector)) = selector {
        query.append_pair(parameter, selector);
    }
    if !token.is_empty() {
        query.append_pair("continue", token);
    }
    format!("{collection}?{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_items_is_a_page() {
        let page: Page<u8> = serde_json::from_str(r#"{"metadata":{"resourceVersion":"7"},"items":null}"#).unwrap();
        let (items, next) = page.turn();
        assert!(items.count() == 0 && next.is_empty());
    }

    #[test]
    fn a_page_is_asked_for_by_what_came_before() {
        assert_eq!(page("/secrets", 5, None, ""), "/secrets?limit=5");
        assert_eq!(
            page("/secrets", 5, Some(("labelSelector", "a/b")), "c="),
            "/secrets?limit=5&labelSelector=a%2Fb&continue=c%3D"
        );
    }
}
