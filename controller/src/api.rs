//! One request to the API server, and its answer.
//!
//! Bodies may carry plaintext, so they are wiped, answers are asked for without data (`PartialObjectMetadata`), and the
//! server's own words are never repeated: an admission plugin may quote what it was sent. What is passed on are the code,
//! the reason, the fields, and from the words only what is known to be one of the server's own phrases.

mod whole;

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, DATE};
use http::request::Builder;
use http::response::Parts;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// Metadata alone, also as the answer to a write.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// The same for a collection.
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
/// Longer than the API server's own limit for a request that is no watch.
const PATIENCE: Duration = Duration::from_secs(65);

/// Sends requests and reads answers.
#[derive(Clone)]
pub struct Api {
    client: Client,
}

/// The kinds of patch, by their content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
}

/// Why a request was not answered with success.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The server said no.
    #[error("{0}")]
    Refused(Refusal),
    /// No answer came; a write may have happened.
    #[error("the API server did not answer")]
    Unanswered,
    /// What came is no answer to what was asked; a write may have happened.
    #[error("the API server's answer cannot be read")]
    Unreadable,
}

/// What of the server's no is passed on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status code.
    pub code: u16,
    /// The server's reason, such as `AlreadyExists`.
    pub reason: String,
    /// The fields that it names, sorted.
    pub fields: Vec<String>,
    /// What its words tell beyond the reason.
    pub hint: Option<RefusalHint>,
    /// What `Retry-After` asks for.
    pub retry_after: Option<Duration>,
}

/// What the API server tells only by its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalHint {
    /// A JSON patch does not fit: a `test` failed, or a path is not there. Which of them is not told.
    PatchFailed,
    /// The namespace is being deleted.
    NamespaceTerminating,
    /// A ResourceQuota is used up.
    Quota,
    /// The Secret is immutable.
    Immutable,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the API server answered {}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, " {}", self.reason)?;
        }
        if !self.fields.is_empty() {
            write!(f, " ({})", self.fields.join(", "))?;
        }
        match self.hint {
            Some(RefusalHint::Quota) => f.write_str(": a ResourceQuota is used up"),
            Some(RefusalHint::NamespaceTerminating) => f.write_str(": the namespace is being deleted"),
            Some(RefusalHint::Immutable) => f.write_str(": it is immutable"),
            Some(RefusalHint::PatchFailed) => f.write_str(": the patch does not fit"),
            None => Ok(()),
        }
    }
}

impl ApiError {
    /// The code of the server's no; 0 where there is none.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.refusal().map_or(0, |refusal| refusal.code)
    }

    /// The server's no; none where it did not answer so.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Unanswered | Self::Unreadable => None,
        }
    }

    /// What the words of the server's no tell.
    #[must_use]
    pub fn hint(&self) -> Option<RefusalHint> {
        self.refusal()?.hint
    }

    /// A label for metrics.
    #[must_use]
    pub fn category(&self) -> &'static str {
        match self.code() {
            0 if matches!(self, Self::Unanswered) => "unreachable",
            401 => "unauthorized",
            403 => "forbidden",
            404 => "not-found",
            409 => "conflict",
            422 => "invalid",
            429 => "throttled",
            0 | 500.. => "server",
            _ => "refused",
        }
    }
}

impl Api {
    /// Requests go through `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// One whole object, as JSON.
    ///
    /// # Errors
    ///
    /// The server said no or nothing.
    pub async fn get(&self, path: &str) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        self.send(Request::get(path).header(ACCEPT, "application/json"), Bytes::new()).await
    }

    /// An object's metadata.
    ///
    /// # Errors
    ///
    /// The server said no or nothing.
    pub async fn get_metadata(&self, path: &str) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        self.send(Request::get(path).header(ACCEPT, METADATA), Bytes::new()).await
    }

    /// One page of a collection, of each object its metadata; `path` with its query.
    ///
    /// # Errors
    ///
    /// The server said no or nothing.
    pub async fn list_metadata(&self, path: &str) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        self.send(Request::get(path).header(ACCEPT, METADATA_LIST), Bytes::new()).await
    }

    /// Creates an object in the collection `path` and answers with its metadata.
    ///
    /// # Errors
    ///
    /// The server said no or nothing.
    pub async fn create(&self, path: &str, body: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        self.write(Method::POST, path, "application/json", body).await
    }

    /// Patches an object and answers with its metadata.
    ///
    /// # Errors
    ///
    /// The server said no or nothing.
    pub async fn patch(
        &self,
        path: &str,
        kind: PatchKind,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        let content_type = match kind {
            PatchKind::Json => "application/json-patch+json",
            PatchKind::Merge => "application/merge-patch+json",
        };
        self.write(Method::PATCH, path, content_type, body).await
    }

    /// Replaces an object by a whole one, whose resourceVersion is the precondition, and answers with its metadata.
    ///
    /// # Errors
    ///
    /// The server said no or nothing.
    pub async fn replace(&self, path: &str, body: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        self.write(Method::PUT, path, "application/json", body).await
    }

    /// Deletes an object, if it is still that one.
    ///
    /// # Errors
    ///
    /// The server said no or nothing. That it is not there is none.
    pub async fn delete(&self, path: &str, uid: &str) -> Result<(), ApiError> {
        self.delete_if(path, &serde_json::json!({"uid": uid})).await
    }

    /// Deletes an object, if it is still that one and did not change since.
    ///
    /// # Errors
    ///
    /// The server said no or nothing. That it is not there is none.
    pub async fn delete_unchanged(&self, path: &str, uid: &str, resource_version: &str) -> Result<(), ApiError> {
        self.delete_if(path, &serde_json::json!({"uid": uid, "resourceVersion": resource_version})).await
    }

    async fn delete_if(&self, path: &str, preconditions: &serde_json::Value) -> Result<(), ApiError> {
        let options = serde_json::json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions});
        let request = Request::delete(path).header(ACCEPT, METADATA).header(CONTENT_TYPE, "application/json");
        match self.send(request, options.to_string().into()).await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == 404 => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn write(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        // The manager that managedFields name; the patch carries no opinion of its own on it.
        let request = Request::builder().method(method).uri(format!("{path}?fieldManager={}", crate::MANAGER));
        let request = request.header(ACCEPT, METADATA).header(CONTENT_TYPE, content_type);
        self.send(request, Bytes::from_owner(body)).await
    }

    /// What time it is by the API server's clock, to the second: the `Date` of its answer (RFC 9110 §6.6.1), whatever it is.
    ///
    /// # Errors
    ///
    /// The server said nothing, or not when.
    pub async fn time(&self) -> Result<Timestamp, ApiError> {
        let (parts, _) = self.exchange(Request::get("/version"), Bytes::new()).await?;
        let date = parts.headers.get(DATE).and_then(|date| DateTimeParser::new().parse_timestamp(date.as_bytes()).ok());
        date.ok_or(ApiError::Unreadable)
    }

    async fn send(&self, request: Builder, body: Bytes) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        let (parts, body) = self.exchange(request, body).await?;
        if parts.status.is_success() {
            return Ok(body);
        }
        let mut refusal = Refusal::read(parts.status.as_u16(), &body);
        let wait = parts.headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        refusal.retry_after = wait.map(Duration::from_secs);
        Err(ApiError::Refused(refusal))
    }

    async fn exchange(&self, request: Builder, body: Bytes) -> Result<(Parts, Zeroizing<Vec<u8>>), ApiError> {
        let request = request.body(Body::from(body)).map_err(|_| ApiError::Unanswered)?;
        // On the heap, or every future that asks something were that much larger.
        let exchange = async {
            let answer = self.client.send(request).await?;
            let (parts, body) = answer.into_parts();
            Ok::<_, kube::Error>((parts, Zeroizing::new(Vec::from(body.collect().await?.to_bytes()))))
        };
        timeout(PATIENCE, Box::pin(exchange)).await.ok().and_then(Result::ok).ok_or(ApiError::Unanswered)
    }
}

impl Refusal {
    fn read(code: u16, body: &[u8]) -> Self {
        let status: Status = serde_json::from_slice(body).unwrap_or_default();
        let details = status.details.unwrap_or_default();
        let terminating = details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating");
        let hint = match code {
            403 if terminating => Some(RefusalHint::NamespaceTerminating),
            403 if status.message.contains("exceeded quota: ") => Some(RefusalHint::Quota),
            // All that the API server says of a patch that does not apply.
            422 if details.causes.is_empty() && status.message.contains("an error in our request") => {
                Some(RefusalHint::PatchFailed)
            }
            422 if status.message.contains("field is immutable when `immutable` is set") => {
                Some(RefusalHint::Immutable)
            }
            _ => None,
        };
        let mut fields: Vec<_> =
            details.causes.into_iter().map(|cause| cause.field).filter(|field| !field.is_empty()).collect();
        fields.sort();
        fields.dedup();
        Self { code, reason: status.reason, fields, hint, retry_after: None }
    }
}

/// The parts of `meta.k8s.io/v1` `Status` that are looked at.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    message: String,
    reason: String,
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    causes: Vec<Cause>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    field: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: u16, status: &serde_json::Value) -> Refusal {
        Refusal::read(code, status.to_string().as_bytes())
    }

    #[test]
    fn what_an_admission_plugin_says_is_not_repeated() {
        let status = serde_json::json!({
            "message": "admission webhook denied: data hunter2", "reason": "Invalid",
            "details": {"causes": [{"reason": "FieldValueInvalid", "message": "hunter2", "field": "data[a]"}]},
        });
        let refusal = read(422, &status);
        assert_eq!(refusal.to_string(), "the API server answered 422 Invalid (data[a])");
        assert!(!format!("{refusal:?}").contains("hunter2"));
    }

    #[test]
    fn the_servers_own_phrases_are_understood() {
        let terminating =
            serde_json::json!({"reason": "Forbidden", "details": {"causes": [{"reason": "NamespaceTerminating"}]}});
        assert_eq!(read(403, &terminating).hint, Some(RefusalHint::NamespaceTerminating));
        let quota = serde_json::json!({"reason": "Forbidden", "message": "secrets \"a\" is forbidden: exceeded quota: q, requested"});
        assert_eq!(read(403, &quota).hint, Some(RefusalHint::Quota));
        let patch = serde_json::json!({"reason": "Invalid", "details": {},
            "message": "the server rejected our request due to an error in our request"});
        assert_eq!(read(422, &patch).hint, Some(RefusalHint::PatchFailed));
        assert_eq!(read(500, &serde_json::Value::Null), Refusal { code: 500, ..Refusal::default() });
    }
}
