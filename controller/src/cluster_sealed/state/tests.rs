use std::time::Duration;

use kseal_core::policy::{InForce, Policy};
use kseal_core::reconcile::Selection;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::jobs::Written;
use super::*;
use crate::pull_claims::Claim;

mod model;
mod rules;
mod telling;
mod writing;

/// A cluster that does what is asked.
struct World {
    state: State,
    now: Instant,
    version: u64,
    in_force: watch::Sender<InForce>,
    spec: Value,
    status: Value,
    annotations: Value,
    /// The reasons of all events.
    events: Vec<&'static str>,
}

/// What a job was, for comparisons.
fn describe(job: &Job) -> String {
    match &job.task {
        Task::Open => "open".to_owned(),
        Task::Write { namespace, is_there: false, .. } => format!("create {namespace}"),
        Task::Write { namespace, .. } => format!("change {namespace}"),
        Task::Look { namespace } => format!("look {namespace}"),
        Task::Remove { namespace, uid, .. } => format!("remove {namespace} {uid}"),
        Task::Tell(_) => "tell".to_owned(),
    }
}

impl World {
    fn new() -> Self {
        Self::with(&["regcred"], true)
    }

    fn with(allowed: &[&str], policies_elsewhere: bool) -> Self {
        let (in_force, guarded) = watch::channel(InForce::default());
        let rules = Rules {
            own: Own {
                namespace: "kseal-system".into(),
                upstream_key_prefix: "sealed-secrets-key".into(),
                makes_tokens: true,
            },
            allowed: allowed.iter().map(|name| (*name).to_owned()).collect(),
            pulls: true,
            guard: Guard::new(guarded, policies_elsewhere, crate::settings::now),
        };
        let (spec, status) = (json!({"namespaceSelector": {}}), Value::Null);
        let now = Instant::now();
        let (annotations, events) = (json!({}), Vec::new());
        Self { state: State::new(rules), now, version: 100, in_force, spec, status, annotations, events }
    }

    fn lists(&mut self) {
        for collection in [Collection::Objects, Collection::Namespaces, Collection::Secrets] {
            self.state.synced(collection, self.version, self.now);
        }
    }

    fn namespace(&mut self, name: &str, labels: &Value) {
        self.version += 1;
        let metadata = json!({"name": name, "labels": labels, "resourceVersion": self.version.to_string()});
        self.state.saw_namespace(json!({"metadata": metadata}).to_string().as_bytes(), self.now);
    }

    fn request(&mut self, uid: &str) -> ClusterRequest {
        self.version += 1;
        let metadata = json!({"name": "regcred", "uid": uid, "resourceVersion": self.version.to_string(),
            "generation": 1, "creationTimestamp": "2026-11-27T00:00:00Z", "annotations": self.annotations});
        let object = json!({"metadata": metadata, "spec": self.spec, "status": self.status});
        ClusterRequest::read(object.to_string().as_bytes()).unwrap()
    }

    fn object(&mut self) {
        let request = self.request("u1");
        self.state.saw_object(request, self.now);
    }

    /// The Secret of a namespace, as the watch tells it.
    fn secret(&mut self, namespace: &str, uid: &str, version: u64, owner: Option<&str>) {
        let owner = owner.map(ToOwned::to_owned);
        let mark = ClusterMark { uid: uid.into(), resource_version: version, deleting: false, owner };
        self.state.saw_secret(namespace, "regcred", mark, self.now);
    }

    fn lost_secret(&mut self, namespace: &str, uid: &str) {
        self.version += 1;
        let mark = ClusterMark { uid: uid.into(), resource_version: self.version, deleting: false, owner: None };
        self.state.lost_secret(namespace, "regcred", &mark, self.now);
    }

    /// The engine has taken in what is asked, and in these namespaces this is in the way, or it is not done yet.
    fn hinders(&mut self, hindered: &[(&str, Option<Trouble>)]) {
        let of_name = hindered.iter().map(|(namespace, trouble)| (Arc::from(*namespace), trouble.clone())).collect();
        let by_name =
            if hindered.is_empty() { BTreeMap::new() } else { BTreeMap::from([(Arc::from("regcred"), of_name)]) };
        self.state.hindered(Arc::new(Hindrances { of: self.state.claims(), by_name }), self.now);
    }

    fn next(&mut self) -> Option<Job> {
        // The engine takes in at once what is asked.
        let by_name = self.state.hindrances.by_name.clone();
        self.state.hindered(Arc::new(Hindrances { of: self.state.claims(), by_name }), self.now);
        self.state.next(self.now, || "2026-11-27T00:00:00Z".to_owned())
    }

    /// Does a job with success.
    fn does(&mut self, job: &Job) {
        self.version += 1;
        match &job.task {
            Task::Open => {
                self.state.opened(job, Ok((Arc::default(), vec!["k1".to_owned()])), self.now);
            }
            Task::Write { namespace, .. } => {
                let version = self.version;
                let written = written(namespace, version);
                self.state.written(job, namespace, written, self.now);
                self.secret(namespace, &format!("s-{namespace}"), version, Some("u1"));
            }
            Task::Look { namespace } => self.state.cleared(job, namespace, self.now),
            Task::Remove { namespace, uid, .. } => {
                self.state.removed(job, namespace, true, 0.5, self.now);
                let (namespace, uid) = (Arc::clone(namespace), uid.clone());
                self.lost_secret(&namespace, &uid);
            }
            Task::Tell(told) => {
                self.status = serde_json::from_str::<Value>(&told.body).unwrap()["status"].clone();
                self.events.extend(told.event.as_ref().map(|event| event.reason));
                self.state.told(job, Some(self.version), 0.5, self.now);
                let request = self.request("u1");
                self.state.saw_object(request, self.now);
            }
        }
    }

    /// Everything that is to be done, one after the other.
    fn all(&mut self) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(job) = self.next() {
            done.push(describe(&job));
            self.does(&job);
            assert!(done.len() < 100, "no end: {done:?}");
        }
        done
    }

    fn later(&mut self, pause: Duration) {
        self.now += pause;
    }

    fn settled(allowed: &[&str], namespaces: &[&str]) -> Self {
        let mut world = Self::with(allowed, true);
        for namespace in namespaces {
            world.namespace(namespace, &json!({}));
        }
        world.lists();
        world.object();
        world.all();
        world.later(Duration::from_secs(5));
        assert_eq!(world.all(), [""; 0]);
        world
    }

    fn ready(&self) -> (String, String) {
        let ready = &self.status["conditions"][0];
        let text = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"))
    }
}

fn written(namespace: &str, version: u64) -> Written {
    let uid = format!("s-{namespace}");
    Written { uid, resource_version: version, changed: true, before: Some("kubectl-edit".into()) }
}

fn not_owned() -> (Trouble, Option<Duration>) {
    (Trouble::NotOwned, None)
}
