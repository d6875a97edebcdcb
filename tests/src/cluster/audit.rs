//! The audit log of the API server: who asked for what.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Result;
use serde::Deserialize;

/// Metadata of every request, no bodies.
pub(super) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
";

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// For whom it was done: the impersonated user, if there is one.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; of requests for no resource, the
    /// HTTP method in lower case.
    pub verb: String,
    /// The API group, empty for the core group.
    pub group: String,
    /// The plural name, empty for requests for no resource.
    pub resource: String,
    /// As `status`, or empty.
    pub subresource: String,
    /// Empty if there is none.
    pub namespace: String,
    /// Empty for collections, and for objects whose name the API server made.
    pub name: String,
    /// The HTTP status.
    pub code: u16,
    /// Path and query.
    pub uri: String,
    /// As the client sent it.
    pub user_agent: String,
    /// RFC 3339, microseconds.
    pub received: String,
    /// False of a watch that still runs. Everything else is here once it is answered.
    pub is_complete: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(rename = "auditID")]
    audit_id: String,
    stage: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    user: User,
    impersonated_user: Option<User>,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: Status,
    request_received_timestamp: String,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

/// Every request in the order of arrival, each once.
pub(super) fn read(log: &Path) -> Result<Vec<AuditEvent>> {
    let text = fs::read_to_string(log)?;
    // The last line may still be written.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut events: BTreeMap<(String, String), AuditEvent> = BTreeMap::new();
    for line in whole.lines() {
        let line: Line = serde_json::from_str(line)?;
        let key = (line.request_received_timestamp.clone(), line.audit_id.clone());
        let event = event(line);
        // A watch has two lines: it began, it ended.
        if event.is_complete || !events.contains_key(&key) {
            events.insert(key, event);
        }
    }
    Ok(events.into_values().collect())
}

fn event(line: Line) -> AuditEvent {
    AuditEvent {
        user: line.impersonated_user.unwrap_or(line.user).username,
        verb: line.verb,
        group: line.object_ref.api_group,
        resource: line.object_ref.resource,
        subresource: line.object_ref.subresource,
        namespace: line.object_ref.namespace,
        name: line.object_ref.name,
        code: line.response_status.code,
        uri: line.request_uri,
        user_agent: line.user_agent,
        received: line.request_received_timestamp,
        is_complete: line.stage != "ResponseStarted",
    }
}
