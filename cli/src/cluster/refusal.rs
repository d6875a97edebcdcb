//! What is said when the API server says no.

use std::fmt;

use serde::Deserialize;

use crate::error::Error;

/// Longer words are not the API server's.
const MAX_WORDS: usize = 500;

/// Why there is no answer to work with.
pub(crate) enum Failure {
    /// The server said no.
    Refused(Refusal),
    /// It did not answer, or not so that it is understood.
    Other(Box<Error>),
    /// There is more of the answer than is taken in one piece.
    TooLarge(Box<Error>),
    /// The same as [`Self::Other`] of a write, which may have happened.
    InDoubt(Box<Error>),
}

/// The server's no.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The HTTP status code.
    pub code: u16,
    /// The cluster's name in messages.
    cluster: String,
    /// The server's own words. What is no `Status`, as the page of a proxy, is not repeated.
    words: Option<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(Box::new(error))
    }
}

impl Failure {
    pub(super) fn read(cluster: &str, code: u16, body: &[u8]) -> Self {
        let status = serde_json::from_slice::<Status>(body).ok().filter(|status| status.kind == "Status");
        let words = status.map(|status| status.message.chars().take(MAX_WORDS).collect::<String>());
        Self::Refused(Refusal { code, cluster: cluster.to_owned(), words: words.filter(|words| !words.is_empty()) })
    }

    /// As an error of a command that wanted `what`; the hint is for what the server may not give.
    pub(crate) fn wanting(self, what: &str, hint: &str) -> Error {
        let refusal = match self {
            Self::Other(error) | Self::TooLarge(error) | Self::InDoubt(error) => return *error,
            Self::Refused(refusal) => refusal,
        };
        let place = &refusal.cluster;
        match refusal.code {
            401 => refusal.unknown(),
            403 => Error::cluster(format!("{place} does not let you read {what}")).because(&refusal).hint(hint),
            404 => Error::cluster(format!("{place} has no {what}")).because(&refusal).hint(hint),
            _ => Error::cluster(format!("{place} does not give {what}"))
                .because(&refusal)
                .hint("try it again; if that does not help, `kubectl get --raw /readyz?verbose` may tell more"),
        }
    }

    /// Whether a write has to be decided anew from what is there: something else was written meanwhile, or it may have
    /// happened.
    pub(crate) const fn is_open(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code == 409 || refusal.code >= 500,
            Self::InDoubt(_) => true,
            Self::Other(_) | Self::TooLarge(_) => false,
        }
    }

    /// As an error of a command that wanted to do something, as `change ConfigMap a/b`; the hint is for who may not.
    pub(crate) fn doing(self, what: &str, hint: &str) -> Error {
        let refusal = match self {
            Self::Other(error) | Self::TooLarge(error) | Self::InDoubt(error) => return *error,
            Self::Refused(refusal) => refusal,
        };
        let place = &refusal.cluster;
        match refusal.code {
            401 => refusal.unknown(),
            403 => Error::cluster(format!("{place} does not let you {what}")).because(&refusal).hint(hint),
            409 => Error::cluster(format!("{place} did not {what}: it was changed meanwhile"))
                .because(&refusal)
                .hint("run it again"),
            500.. => Error::cluster(format!("{place} failed to {what}, and may have done it all the same"))
                .because(&refusal)
                .hint("run it again: what is done already is not done twice"),
            _ => Error::cluster(format!("{place} did not {what}")).because(&refusal).hint(hint),
        }
    }
}

impl Refusal {
    /// The server asks who it is.
    fn unknown(&self) -> Error {
        Error::cluster(format!("{} does not know who you are", self.cluster))
            .because(self)
            .hint("log in anew; `kubectl auth whoami` shows whether it worked")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.words {
            Some(words) => write!(f, "{words}"),
            None => write!(f, "the answer was HTTP {}", self.code),
        }
    }
}

impl std::error::Error for Refusal {}

/// The part of `meta.k8s.io/v1` `Status` that is for people.
#[derive(Deserialize)]
struct Status {
    kind: String,
    #[serde(default)]
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: u16, body: &str) -> Error {
        Failure::read("context prod", code, body.as_bytes()).wanting("ConfigMap a/b", "look there")
    }

    #[test]
    fn the_servers_words_are_passed_on_and_a_stranger_s_are_not() {
        let error = said(403, r#"{"kind":"Status","message":"configmaps \"b\" is forbidden"}"#);
        assert_eq!(error.message(), "context prod does not let you read ConfigMap a/b");
        assert_eq!(
            (error.causes(), error.advice()),
            (&["configmaps \"b\" is forbidden".to_owned()][..], Some("look there"))
        );
        for body in ["<html>Bearer hunter2</html>", r#"{"message":"hunter2"}"#, r#"{"kind":"Status"}"#] {
            assert_eq!(said(502, body).causes(), ["the answer was HTTP 502"]);
        }
        assert_eq!(said(502, "").code(), 8);
    }

    #[test]
    fn a_write_that_failed_may_have_happened_and_one_that_was_refused_did_not() {
        let said = |code| Failure::read("context prod", code, b"").doing("change ConfigMap a/b", "ask for it");
        let message = |code| said(code).message().to_owned();
        assert_eq!(message(403), "context prod does not let you change ConfigMap a/b");
        assert_eq!(message(409), "context prod did not change ConfigMap a/b: it was changed meanwhile");
        assert_eq!(message(422), "context prod did not change ConfigMap a/b");
        assert_eq!(message(504), "context prod failed to change ConfigMap a/b, and may have done it all the same");
        assert_eq!((said(403).advice(), said(401).code()), (Some("ask for it"), 8));
    }
}
