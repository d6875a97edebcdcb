//! An API server in memory: objects, selectors, watches, preconditions, and failures where a test wants them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body as AnswerBody;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::service_fn;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is refused with this code and has no effect.
    Refused(u16),
    /// It never arrives.
    LostRequest,
    /// It has its effect, and the answer never arrives.
    LostAnswer,
}

/// A request that is no watch, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Value,
}

#[derive(Clone)]
pub(crate) struct FakeApi(Arc<Mutex<State>>);

/// An object before and after.
type Change = (Option<Value>, Option<Value>);
type Failing = Box<dyn FnMut(&Seen) -> Option<Failure> + Send>;
type Objects = BTreeMap<(String, String), Value>;
/// What a POST to a subresource is answered with.
type Answering = Box<dyn FnMut(&Seen, &Objects) -> Option<(u16, Value)> + Send>;
/// What the server, or one of its controllers, makes of a new object.
type Completing = Box<dyn FnMut(&mut Value) + Send>;

struct State {
    /// By collection and name.
    objects: Objects,
    /// What happened: resourceVersion, collection, object before and after.
    history: Vec<(u64, String, Option<Value>, Option<Value>)>,
    watchers: Vec<Watcher>,
    seen: Vec<Seen>,
    failing: Option<Failing>,
    answering: Option<Answering>,
    completing: Option<Completing>,
    /// A collection whose watches show nothing, and what they did not show.
    held_back: Option<(String, Vec<Change>)>,
    version: u64,
}

struct Watcher {
    collection: String,
    selector: Selector,
    lines: mpsc::UnboundedSender<Bytes>,
}

#[derive(Clone)]
enum Selector {
    All,
    /// A label that exists, with this value if one is said.
    Label(String, Option<String>),
    Name(String),
}

impl FakeApi {
    pub(crate) fn new() -> Self {
        let state = State {
            objects: BTreeMap::new(),
            history: Vec::new(),
            watchers: Vec::new(),
            seen: Vec::new(),
            failing: None,
            answering: None,
            completing: None,
            held_back: None,
            version: 100,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// A client of its own. Must be called within tokio's runtime.
    pub(crate) fn client(&self) -> Client {
        let state = Arc::clone(&self.0);
        let service = service_fn(move |request: Request<Body>| {
            let state = Arc::clone(&state);
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                let accept = parts.headers.get(http::header::ACCEPT).map(|it| it.to_str().unwrap().to_owned());
                let is_partial = accept.is_some_and(|accept| accept.contains("as=PartialObjectMetadata"));
                let query: BTreeMap<String, String> =
                    form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
                let seen = Seen {
                    method: parts.method,
                    path: parts.uri.path().to_owned(),
                    body: serde_json::from_slice(&body).unwrap_or_default(),
                };
                state.lock().unwrap().answer(&seen, &query, is_partial)
            }
        });
        Client::new(service, "default")
    }

    /// From now on `failing` says what becomes of each request that is no watch.
    pub(crate) fn fail(&self, failing: impl FnMut(&Seen) -> Option<Failure> + Send + 'static) {
        self.0.lock().unwrap().failing = Some(Box::new(failing));
    }

    /// From now on `answering` may answer a POST in the place of making an object.
    pub(crate) fn answer(&self, answering: impl FnMut(&Seen, &Objects) -> Option<(u16, Value)> + Send + 'static) {
        self.0.lock().unwrap().answering = Some(Box::new(answering));
    }

    /// From now on `completing` has its say on every object that is made.
    pub(crate) fn complete(&self, completing: impl FnMut(&mut Value) + Send + 'static) {
        self.0.lock().unwrap().completing = Some(Box::new(completing));
    }

    pub(crate) fn heal(&self) {
        self.0.lock().unwrap().failing = None;
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().seen.clone()
    }

    pub(crate) fn writes(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.method != Method::GET).collect()
    }

    /// From now on watches of `collection` show nothing.
    pub(crate) fn hold_back(&self, collection: &str) {
        self.0.lock().unwrap().held_back = Some((collection.to_owned(), Vec::new()));
    }

    /// The watches show what was held back.
    pub(crate) fn let_go(&self) {
        let mut state = self.0.lock().unwrap();
        let Some((collection, changes)) = state.held_back.take() else { return };
        for (before, after) in changes {
            state.show(&collection, before.as_ref(), after.as_ref());
        }
    }

    /// All objects of a collection.
    pub(crate) fn list(&self, collection: &str) -> Vec<Value> {
        let state = self.0.lock().unwrap();
        state.objects.iter().filter(|((of, _), _)| of == collection).map(|(_, object)| object.clone()).collect()
    }

    pub(crate) fn get(&self, collection: &str, name: &str) -> Option<Value> {
        self.0.lock().unwrap().objects.get(&(collection.to_owned(), name.to_owned())).cloned()
    }

    /// Creates or replaces an object, as somebody else would.
    pub(crate) fn put(&self, collection: &str, object: Value) {
        self.0.lock().unwrap().put(collection, object);
    }

    pub(crate) fn delete(&self, collection: &str, name: &str) {
        self.0.lock().unwrap().delete(collection, name);
    }

    /// Changes an object, as somebody else would.
    pub(crate) fn change(&self, collection: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.get(collection, name).unwrap();
        change(&mut object);
        self.put(collection, object);
    }

    /// Waits in the tokio's paused time until `what` holds.
    pub(crate) async fn until(&self, what: impl Fn(&Self) -> bool) {
        for _ in 0..20_000 {
            if what(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let writes: Vec<_> = self.writes().into_iter().map(|seen| (seen.method, seen.path)).collect();
        panic!("it never holds; the writes: {writes:#?}");
    }
}

type Answer = Result<Response<AnswerBody>, tower::BoxError>;

impl State {
    fn answer(&mut self, seen: &Seen, query: &BTreeMap<String, String>, is_partial: bool) -> Answer {
        if query.get("watch").is_some_and(|watch| watch == "true") {
            return Ok(self.watch(&seen.path, query));
        }
        self.seen.push(seen.clone());
        let failure = self.failing.as_mut().and_then(|failing| failing(seen));
        match failure {
            Some(Failure::Refused(code)) => return Ok(refuse(code, "Refused")),
            Some(Failure::LostRequest) => return Err("the connection broke".into()),
            _ => {}
        }
        let answer = match seen.method {
            Method::GET => self.read(&seen.path, query, is_partial),
            Method::POST => self.create(seen),
            Method::PATCH => self.patch(seen),
            Method::DELETE => self.remove(seen),
            _ => refuse(405, "MethodNotAllowed"),
        };
        if failure == Some(Failure::LostAnswer) { Err("the connection broke".into()) } else { Ok(answer) }
    }

    fn read(&self, path: &str, query: &BTreeMap<String, String>, is_partial: bool) -> Response<AnswerBody> {
        let shown = |object: &Value| {
            if is_partial { json!({"metadata": object["metadata"]}) } else { object.clone() }
        };
        if query.contains_key("limit") {
            let selector = Selector::of(query);
            let items: Vec<Value> = self
                .objects
                .iter()
                .filter(|((collection, _), object)| collection == path && selector.takes(object))
                .map(|(_, object)| shown(object))
                .collect();
            return answer(200, &json!({"metadata": {"resourceVersion": self.version.to_string()}, "items": items}));
        }
        let (collection, name) = path.rsplit_once('/').unwrap();
        match self.objects.get(&(collection.to_owned(), name.to_owned())) {
            Some(object) => answer(200, &shown(object)),
            None => refuse(404, "NotFound"),
        }
    }

    fn create(&mut self, seen: &Seen) -> Response<AnswerBody> {
        if let Some((code, body)) = self.answering.as_mut().and_then(|answering| answering(seen, &self.objects)) {
            return answer(code, &body);
        }
        let mut object = seen.body.clone();
        let metadata = object["metadata"].as_object_mut().unwrap();
        if let Some(prefix) = metadata.get("generateName").and_then(Value::as_str) {
            let name = format!("{prefix}{}", self.version);
            metadata.insert("name".into(), json!(name));
        }
        let name = metadata["name"].as_str().unwrap().to_owned();
        if self.objects.contains_key(&(seen.path.clone(), name.clone())) {
            return refuse(409, "AlreadyExists");
        }
        self.put(&seen.path, object.clone());
        if let Some(completing) = &mut self.completing {
            let mut completed = self.objects[&(seen.path.clone(), name.clone())].clone();
            let before = completed.clone();
            completing(&mut completed);
            if completed != before {
                self.put(&seen.path, completed);
            }
        }
        answer(201, &self.objects[&(seen.path.clone(), name)])
    }

    fn patch(&mut self, seen: &Seen) -> Response<AnswerBody> {
        let (collection, name) = seen.path.trim_end_matches("/status").rsplit_once('/').unwrap();
        let Some(object) = self.objects.get(&(collection.to_owned(), name.to_owned())) else {
            return refuse(404, "NotFound");
        };
        let mut patched = object.clone();
        if seen.body.is_array() {
            let patch: json_patch::Patch = serde_json::from_value(seen.body.clone()).unwrap();
            if json_patch::patch(&mut patched, &patch).is_err() {
                return refuse(422, "Invalid");
            }
        } else {
            merge(&mut patched, &seen.body);
        }
        if ["resourceVersion", "uid"].iter().any(|field| patched["metadata"][field] != object["metadata"][field]) {
            return refuse(409, "Conflict");
        }
        self.put(collection, patched.clone());
        answer(200, &patched)
    }

    fn remove(&mut self, seen: &Seen) -> Response<AnswerBody> {
        let (collection, name) = seen.path.rsplit_once('/').unwrap();
        let Some(object) = self.objects.get(&(collection.to_owned(), name.to_owned())) else {
            return refuse(404, "NotFound");
        };
        let wanted = &seen.body["preconditions"];
        if ["resourceVersion", "uid"].iter().any(|field| wanted[field] != object["metadata"][field]) {
            return refuse(409, "Conflict");
        }
        self.delete(collection, name);
        answer(200, &json!({"kind": "Status"}))
    }

    fn put(&mut self, collection: &str, mut object: Value) {
        self.version += 1;
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let key = (collection.to_owned(), name);
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.insert("resourceVersion".into(), json!(self.version.to_string()));
        metadata.entry("uid").or_insert_with(|| json!(format!("uid-{}", self.version)));
        metadata.entry("creationTimestamp").or_insert_with(|| json!("2026-11-01T00:00:00Z"));
        let before = self.objects.insert(key, object.clone());
        self.tell(collection, before, Some(object));
    }

    fn delete(&mut self, collection: &str, name: &str) {
        self.version += 1;
        let mut before = self.objects.remove(&(collection.to_owned(), name.to_owned())).unwrap();
        before["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.tell(collection, Some(before), None);
    }

    fn tell(&mut self, collection: &str, before: Option<Value>, after: Option<Value>) {
        match &mut self.held_back {
            Some((held_back, changes)) if held_back == collection => changes.push((before.clone(), after.clone())),
            _ => self.show(collection, before.as_ref(), after.as_ref()),
        }
        self.history.push((self.version, collection.to_owned(), before, after));
    }

    fn show(&mut self, collection: &str, before: Option<&Value>, after: Option<&Value>) {
        self.watchers.retain(|watcher| {
            let line = (watcher.collection == collection).then(|| line(&watcher.selector, before, after));
            line.flatten().is_none_or(|line| watcher.lines.send(line).is_ok())
        });
    }

    fn watch(&mut self, collection: &str, query: &BTreeMap<String, String>) -> Response<AnswerBody> {
        let selector = Selector::of(query);
        let (lines, mut body) = mpsc::unbounded_channel();
        if query.contains_key("sendInitialEvents") {
            for ((of, _), object) in &self.objects {
                if of == collection && selector.takes(object) {
                    lines.send(event("ADDED", object)).unwrap();
                }
            }
            let end = json!({"metadata": {
                "resourceVersion": self.version.to_string(), "annotations": {"k8s.io/initial-events-end": "true"},
            }});
            lines.send(event("BOOKMARK", &end)).unwrap();
        } else {
            let from: u64 = query["resourceVersion"].parse().unwrap();
            for (_, _, before, after) in
                self.history.iter().filter(|(version, of, ..)| *version > from && of == collection)
            {
                if let Some(line) = line(&selector, before.as_ref(), after.as_ref()) {
                    lines.send(line).unwrap();
                }
            }
        }
        self.watchers.push(Watcher { collection: collection.to_owned(), selector, lines });
        let lines = futures::stream::poll_fn(move |context| body.poll_recv(context));
        Response::new(AnswerBody::from_stream(lines.map(Ok::<_, std::convert::Infallible>)))
    }
}

impl Selector {
    fn of(query: &BTreeMap<String, String>) -> Self {
        match (query.get("labelSelector"), query.get("fieldSelector")) {
            (Some(label), None) => match label.split_once('=') {
                Some((label, value)) => Self::Label(label.to_owned(), Some(value.to_owned())),
                None => Self::Label(label.clone(), None),
            },
            (None, Some(field)) => Self::Name(field.strip_prefix("metadata.name=").unwrap().to_owned()),
            (None, None) => Self::All,
            _ => panic!("two selectors"),
        }
    }

    fn takes(&self, object: &Value) -> bool {
        match self {
            Self::All => true,
            Self::Label(label, value) => {
                let found = object["metadata"]["labels"].get(label);
                found.is_some_and(|found| value.as_deref().is_none_or(|value| found == value))
            }
            Self::Name(name) => object["metadata"]["name"] == *name.as_str(),
        }
    }
}

/// What a watcher is told of one change.
fn line(selector: &Selector, before: Option<&Value>, after: Option<&Value>) -> Option<Bytes> {
    let before = before.filter(|object| selector.takes(object));
    match (before, after.filter(|object| selector.takes(object)), after) {
        (None, Some(object), _) => Some(event("ADDED", object)),
        (Some(_), Some(object), _) => Some(event("MODIFIED", object)),
        (Some(_), None, Some(object)) | (Some(object), None, None) => Some(event("DELETED", object)),
        (None, None, _) => None,
    }
}

fn event(kind: &str, object: &Value) -> Bytes {
    format!("{}\n", json!({"type": kind, "object": object})).into()
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else { return *target = patch.clone() };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

fn refuse(code: u16, reason: &str) -> Response<AnswerBody> {
    answer(code, &json!({"kind": "Status", "code": code, "reason": reason}))
}

fn answer(code: u16, body: &Value) -> Response<AnswerBody> {
    Response::builder().status(code).body(AnswerBody::from(body.to_string())).unwrap()
}
