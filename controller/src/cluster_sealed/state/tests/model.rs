//! Whatever happens, in whatever order it is told, and whatever fails: in the end each namespace has what it shall have.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const NAMESPACES: [&str; 4] = ["a", "b", "c", "kseal-system"];

/// A Secret of the name.
#[derive(Clone, Debug)]
struct Secret {
    uid: String,
    version: u64,
    /// Whether it is the object's by its ownerReference.
    is_own: bool,
    is_labelled: bool,
    /// None: not what anybody sealed.
    content: Option<Digest>,
}

enum Told {
    Namespace(Vec<u8>),
    NoNamespace(Vec<u8>),
    Object(Vec<u8>),
    Secret(String, ClusterMark),
    NoSecret(String, ClusterMark),
}

/// What the server did of a job's request; the answer may be on its way for long, and may be lost.
enum Answer {
    Opened,
    Written(Result<Written, Trouble>),
    Looked(Result<(), Trouble>),
    Removed(bool),
    Told(u64),
}

/// The API server, and what its watches have yet to tell.
struct Server {
    version: u64,
    /// With the label, or without.
    namespaces: BTreeMap<String, bool>,
    secrets: BTreeMap<String, Secret>,
    spec: Value,
    status: Value,
    object_version: u64,
    told: [VecDeque<Told>; 3],
}

impl Server {
    fn new() -> Self {
        let spec = json!({"namespaceSelector": {"matchLabels": {"team": "a"}}});
        let told = [VecDeque::new(), VecDeque::new(), VecDeque::new()];
        let (namespaces, secrets) = (BTreeMap::new(), BTreeMap::new());
        Self { version: 100, namespaces, secrets, spec, status: Value::Null, object_version: 100, told }
    }

    fn tick(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn namespace(&self, name: &str, version: u64) -> Vec<u8> {
        let labels = if self.namespaces[name] { json!({"team": "a"}) } else { json!({}) };
        let metadata = json!({"name": name, "labels": labels, "resourceVersion": version.to_string()});
        json!({"metadata": metadata}).to_string().into_bytes()
    }

    fn label(&mut self, name: &str, is_selected: bool) {
        self.namespaces.insert(name.to_owned(), is_selected);
        let version = self.tick();
        self.told[0].push_back(Told::Namespace(self.namespace(name, version)));
    }

    fn delete_namespace(&mut self, name: &str) {
        if self.namespaces.contains_key(name) {
            self.delete(name);
            let version = self.tick();
            let gone = self.namespace(name, version);
            self.namespaces.remove(name);
            self.told[0].push_back(Told::NoNamespace(gone));
        }
    }

    fn object(&self) -> Vec<u8> {
        let metadata = json!({"name": "regcred", "uid": "u1", "resourceVersion": self.object_version.to_string(),
            "generation": 1});
        json!({"metadata": metadata, "spec": self.spec, "status": self.status}).to_string().into_bytes()
    }

    fn object_changed(&mut self) -> u64 {
        self.object_version = self.tick();
        self.told[1].push_back(Told::Object(self.object()));
        self.object_version
    }

    fn mark(secret: &Secret) -> ClusterMark {
        let owner = secret.is_own.then(|| "u1".to_owned());
        ClusterMark { uid: secret.uid.clone(), resource_version: secret.version, deleting: false, owner }
    }

    /// Only what has the label is told of, and that it has it no more.
    fn put(&mut self, namespace: &str, mut secret: Secret) -> Secret {
        secret.version = self.tick();
        let before = self.secrets.insert(namespace.to_owned(), secret.clone());
        let namespace = namespace.to_owned();
        if secret.is_labelled {
            self.told[2].push_back(Told::Secret(namespace, Self::mark(&secret)));
        } else if before.is_some_and(|before| before.is_labelled) {
            self.told[2].push_back(Told::NoSecret(namespace, Self::mark(&secret)));
        }
        secret
    }

    fn delete(&mut self, namespace: &str) {
        let Some(mut secret) = self.secrets.remove(namespace) else { return };
        secret.version = self.tick();
        if secret.is_labelled {
            self.told[2].push_back(Told::NoSecret(namespace.to_owned(), Self::mark(&secret)));
        }
    }

    /// Writes as the writer of Secrets does: looks, and changes only what is the object's.
    fn write(&mut self, namespace: &str, content: Digest) -> Result<Written, Trouble> {
        if !self.namespaces.contains_key(namespace) {
            return Err(Trouble::Api { category: "not-found", text: "no".into(), retry: Retry::Backoff });
        }
        let (uid, before) = match self.secrets.get(namespace) {
            Some(secret) if !secret.is_own => return Err(Trouble::NotOwned),
            Some(secret) => (secret.uid.clone(), Some(secret.clone())),
            None => (format!("s{}", self.version), None),
        };
        let wanted = Secret { uid, version: 0, is_own: true, is_labelled: true, content: Some(content) };
        // What changes nothing is no write.
        let is_same = before.as_ref().is_some_and(|it| it.content == wanted.content && it.is_labelled);
        let secret = before.filter(|_| is_same).unwrap_or_else(|| self.put(namespace, wanted));
        Ok(Written { uid: secret.uid, resource_version: secret.version, changed: !is_same, before: None })
    }
}

/// The server, and a controller beside it.
struct Model {
    server: Server,
    world: World,
    in_flight: Vec<(Job, Option<Answer>)>,
}

impl Model {
    fn new() -> Self {
        let mut model = Self { server: Server::new(), world: World::new(), in_flight: Vec::new() };
        model.server.object_changed();
        model.restart();
        model
    }

    /// Another controller, which lists all there is.
    fn restart(&mut self) {
        let now = self.world.now;
        self.world = World::new();
        self.world.now = now;
        self.in_flight.clear();
        self.server.told.iter_mut().for_each(VecDeque::clear);
        let (state, server) = (&mut self.world.state, &self.server);
        for collection in [Collection::Objects, Collection::Namespaces, Collection::Secrets] {
            state.started(collection);
            match collection {
                Collection::Objects => state.saw_object(ClusterRequest::read(&server.object()).unwrap(), now),
                Collection::Namespaces => {
                    for name in server.namespaces.keys() {
                        state.saw_namespace(&server.namespace(name, server.version), now);
                    }
                }
                Collection::Secrets => {
                    for (namespace, secret) in server.secrets.iter().filter(|(_, secret)| secret.is_labelled) {
                        state.saw_secret(namespace, "regcred", Server::mark(secret), now);
                    }
                }
            }
            state.synced(collection, server.version, now);
        }
    }

    fn deliver(&mut self, watch: usize) -> bool {
        let Some(told) = self.server.told[watch].pop_front() else { return false };
        let (state, now) = (&mut self.world.state, self.world.now);
        match told {
            Told::Namespace(object) => state.saw_namespace(&object, now),
            Told::NoNamespace(object) => state.lost_namespace(&object, now),
            Told::Object(object) => state.saw_object(ClusterRequest::read(&object).unwrap(), now),
            Told::Secret(namespace, mark) => state.saw_secret(&namespace, "regcred", mark, now),
            Told::NoSecret(namespace, mark) => state.lost_secret(&namespace, "regcred", &mark, now),
        }
        true
    }

    fn begin(&mut self) -> bool {
        let job = self.world.next();
        let is_any = job.is_some();
        self.in_flight.extend(job.map(|job| (job, None)));
        is_any
    }

    /// A request comes to the server.
    fn arrive(&mut self, index: usize) {
        let index = index % self.in_flight.len().max(1);
        let Some((job, answer)) = self.in_flight.get_mut(index).filter(|(_, answer)| answer.is_none()) else { return };
        let server = &mut self.server;
        *answer = Some(match &job.task {
            Task::Open => Answer::Opened,
            Task::Write { namespace, .. } => {
                assert_ne!(&**namespace, "kseal-system");
                Answer::Written(server.write(namespace, job.request.content))
            }
            Task::Look { namespace } => {
                let is_foreign = server.secrets.get(&**namespace).is_some_and(|secret| !secret.is_own);
                Answer::Looked(if is_foreign { Err(Trouble::NotOwned) } else { Ok(()) })
            }
            Task::Remove { namespace, uid, resource_version } => {
                assert_ne!(&**namespace, "kseal-system");
                let found = server.secrets.get(&**namespace);
                let is_gone = found.is_none();
                let fits = found.is_some_and(|it| it.uid == *uid && it.version == *resource_version);
                if fits {
                    server.delete(namespace);
                }
                Answer::Removed(fits || is_gone)
            }
            Task::Tell(told) => {
                server.status = serde_json::from_str::<Value>(&told.body).unwrap()["status"].clone();
                Answer::Told(server.object_changed())
            }
        });
    }

    /// An answer comes, or none.
    fn answer(&mut self, index: usize, is_lost: bool) {
        if self.in_flight.is_empty() {
            return;
        }
        let (job, answer) = self.in_flight.swap_remove(index % self.in_flight.len());
        let (state, now) = (&mut self.world.state, self.world.now);
        let lost = || (Trouble::Api { category: "unreachable", text: "no".into(), retry: Retry::Backoff }, None);
        let answer = answer.filter(|_| !is_lost);
        match (&job.task, answer) {
            (Task::Open, _) => state.opened(&job, Ok((Arc::default(), vec!["k1".to_owned()])), now),
            (Task::Write { namespace, .. }, Some(Answer::Written(Ok(written)))) => {
                state.written(&job, namespace, written, now);
            }
            (Task::Look { namespace }, Some(Answer::Looked(Ok(())))) => state.cleared(&job, namespace, now),
            (
                Task::Write { namespace, .. } | Task::Look { namespace },
                Some(Answer::Written(Err(trouble)) | Answer::Looked(Err(trouble))),
            ) => state.failed(&job, namespace, (trouble, None), 0.5, now),
            (Task::Write { namespace, .. } | Task::Look { namespace }, _) => {
                state.failed(&job, namespace, lost(), 0.5, now);
            }
            (Task::Remove { namespace, .. }, answer) => {
                state.removed(&job, namespace, matches!(answer, Some(Answer::Removed(true))), 0.5, now);
            }
            (Task::Tell(_), Some(Answer::Told(at))) => state.told(&job, Some(at), 0.5, now),
            (Task::Tell(_), _) => state.told(&job, None, 0.5, now),
        }
    }

    fn happen(&mut self, (what, which, how): (u8, u8, u8)) {
        let name = NAMESPACES[usize::from(which) % NAMESPACES.len()];
        let server = &mut self.server;
        match what % 16 {
            0 | 1 => server.label(name, how % 3 > 0),
            2 => server.delete_namespace(name),
            3 => {
                server.spec["template"] = json!({"metadata": {"labels": {"x": how.to_string()}}});
                server.object_changed();
            }
            4 => {
                server.spec["excludedNamespaces"] = json!([name]);
                server.object_changed();
            }
            5 => {
                if let Some(secret) = server.secrets.get(name).cloned() {
                    server
                        .put(name, Secret { content: None, is_labelled: secret.is_labelled && how % 2 > 0, ..secret });
                }
            }
            6 => server.delete(name),
            7 if server.namespaces.contains_key(name) && !server.secrets.contains_key(name) => {
                let uid = format!("f{}", server.version);
                server.put(name, Secret { uid, version: 0, is_own: false, is_labelled: false, content: None });
            }
            7 | 8 => self.world.later(Duration::from_secs(u64::from(how))),
            9 if how % 8 == 0 => self.restart(),
            9..=11 => drop(self.deliver(usize::from(which) % 3)),
            12 | 13 => drop(self.begin()),
            14 => self.arrive(usize::from(which)),
            _ => self.answer(usize::from(which), how % 4 == 0),
        }
    }

    /// Until nothing is left to be done but to look, once in a while, whether what is somebody else's is still there.
    fn settle(&mut self) {
        for round in 0..30 {
            for watch in 0..3 {
                while self.deliver(watch) {}
            }
            while self.begin() {
                let last = self.in_flight.last().map(|(job, _)| describe(job)).unwrap_or_default();
                assert!(round < 25 || last.starts_with("look"), "it still does {last}");
                if self.in_flight.len() == 8 {
                    self.end();
                }
            }
            while !self.in_flight.is_empty() {
                self.end();
            }
            self.world.later(Duration::from_secs(61));
        }
    }

    fn end(&mut self) {
        self.arrive(0);
        self.answer(0, false);
    }

    fn check(&self) {
        let request = ClusterRequest::read(&self.server.object()).unwrap();
        let (mut selected, mut ready) = (0, 0);
        for (name, is_labelled) in &self.server.namespaces {
            let label = |key: &str| (key == "team" && *is_labelled).then_some("a");
            let is_selected = name != "kseal-system" && request.selects(name, label);
            let secret = self.server.secrets.get(name);
            if is_selected {
                selected += 1;
                let secret = secret.unwrap_or_else(|| panic!("{name} has none"));
                if secret.is_own {
                    ready += 1;
                    assert_eq!(secret.content, Some(request.content), "in {name}");
                    assert!(secret.is_labelled, "in {name}");
                } else {
                    assert_eq!(secret.content, None, "somebody else's in {name} was written");
                }
            } else if name != "kseal-system" {
                assert!(!secret.is_some_and(|it| it.is_own && it.is_labelled), "{name} still has one");
            }
        }
        let counts = json!({"selected": selected, "ready": ready, "failing": selected - ready});
        assert_eq!(self.server.status["namespaces"], counts, "{}", self.server.status);
        let status = if selected == ready { "True" } else { "False" };
        assert_eq!(self.server.status["conditions"][0]["status"], status);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn in_the_end_each_namespace_has_what_it_shall_have(happens in prop::collection::vec(any::<(u8, u8, u8)>(), 0..120)) {
        let mut model = Model::new();
        for it in happens {
            model.happen(it);
        }
        model.settle();
        model.check();
        let is_ready = model.server.status["conditions"][0]["status"] == "True";
        model.restart();
        let done = model.world.next().map(|job| describe(&job));
        prop_assert!(!is_ready || done.is_none(), "a restart does {done:?}");
    }
}
