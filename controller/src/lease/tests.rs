//! The protocol against an API server of a test's own, on tokio's virtual time.

use super::*;

use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::{Value, json};

use crate::settings;
use crate::testing::{Answer, Seen, client};

const COLLECTION: &str = "/apis/coordination.k8s.io/v1/namespaces/system/leases";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/system/leases/kseal-controller";

const NAMES: [&str; 3] = ["a", "b", "c"];

/// An API server that knows one Lease.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lease: Option<Value>,
    version: u64,
    /// Identities whose requests get no answer.
    cut_off: Vec<&'static str>,
    /// When each write was done, and whose it was.
    written: Vec<(Instant, String)>,
}

impl Server {
    fn api(&self, of: &'static str) -> Api {
        let server = self.clone();
        Api::new(client(move |seen| server.answer(of, &seen)))
    }

    fn answer(&self, of: &'static str, seen: &Seen) -> Answer {
        let mut state = self.0.lock().unwrap();
        if state.cut_off.contains(&of) {
            return Answer::Silence;
        }
        match (&seen.method, seen.path.as_str()) {
            (&Method::GET, LEASE) => match &state.lease {
                Some(lease) => Answer::Json(200, lease.clone()),
                None => Answer::Json(404, json!({"reason": "NotFound"})),
            },
            (&Method::POST, COLLECTION) if state.lease.is_some() => {
                Answer::Json(409, json!({"reason": "AlreadyExists"}))
            }
            (&Method::POST, COLLECTION) => state.write(&seen.body),
            (&Method::PUT, LEASE) => match &state.lease {
                None => Answer::Json(404, json!({"reason": "NotFound"})),
                Some(lease) if lease["metadata"]["resourceVersion"] == seen.body["metadata"]["resourceVersion"] => {
                    state.write(&seen.body)
                }
                Some(_) => Answer::Json(409, json!({"reason": "Conflict"})),
            },
            other => panic!("no such request is needed: {other:?}"),
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn spec(&self) -> Value {
        self.with(|state| state.lease.as_ref().unwrap()["spec"].clone())
    }
}

impl State {
    fn write(&mut self, body: &Value) -> Answer {
        self.version += 1;
        let mut lease = body.clone();
        lease["metadata"]["resourceVersion"] = self.version.to_string().into();
        let metadata = json!({"kind": "PartialObjectMetadata", "metadata": lease["metadata"]});
        self.written.push((Instant::now(), lease["spec"]["holderIdentity"].as_str().unwrap().to_owned()));
        self.lease = Some(lease);
        Answer::Json(200, metadata)
    }
}

/// A replica, its terms as they begin and end, and how to stop it.
struct Replica {
    terms: Arc<Mutex<Vec<Term>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    metrics: Metrics,
}

#[derive(Clone)]
struct Term {
    from: Instant,
    /// When the token was cancelled.
    to: Option<Instant>,
    token: CancellationToken,
}

impl Replica {
    /// Its work takes `rest` to end.
    fn start(server: &Server, identity: &'static str, rest: Duration) -> Self {
        let seconds = Duration::from_secs;
        let (metrics, stop) = (Metrics::new(), CancellationToken::new());
        let election = Election {
            api: server.api(identity),
            namespace: "system".to_owned(),
            identity: identity.to_owned(),
            timing: Timing::new(seconds(15), seconds(10), seconds(2)).unwrap(),
            clock: settings::now,
            rng: settings::rng(),
            metrics: metrics.clone(),
        };
        let terms: Arc<Mutex<Vec<Term>>> = Arc::default();
        let list = terms.clone();
        let work = move |token: CancellationToken| {
            let list = list.clone();
            async move {
                let mine = {
                    let mut list = list.lock().unwrap();
                    list.push(Term { from: Instant::now(), to: None, token: token.clone() });
                    list.len() - 1
                };
                token.cancelled().await;
                list.lock().unwrap()[mine].to = Some(Instant::now());
                sleep(rest).await;
            }
        };
        let task = tokio::spawn(campaign(election, stop.clone(), work));
        Self { terms, stop, task, metrics }
    }

    fn terms(&self) -> Vec<Term> {
        self.terms.lock().unwrap().clone()
    }

    fn leads(&self) -> bool {
        self.terms().last().is_some_and(|term| !term.token.is_cancelled())
    }

    /// Lets time go on until it leads, or not.
    async fn until(&self, leads: bool) {
        while self.leads() != leads {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_renews_and_nothing_else() {
    let server = Server::default();
    let replica = Replica::start(&server, "a", Duration::ZERO);
    sleep(Duration::from_secs(61)).await;
    assert!(replica.leads());
    assert!(replica.metrics.encode().contains("kseal_leader 1\n"));
    let spec = server.spec();
    assert_eq!((&spec["holderIdentity"], &spec["leaseTransitions"]), (&json!("a"), &json!(0)));
    assert_eq!(spec["leaseDurationSeconds"], 15);
    let renewed = spec["renewTime"].as_str().unwrap();
    assert_eq!((renewed.len(), &renewed[19..20], &renewed[26..]), (27, ".", "Z"), "{renewed}");
    assert_eq!(server.with(|state| state.version), 31);
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_hands_over_when_its_work_has_ended() {
    let server = Server::default();
    let first = Replica::start(&server, "a", Duration::from_secs(4));
    first.until(true).await;
    let second = Replica::start(&server, "b", Duration::ZERO);
    sleep(Duration::from_mins(1)).await;
    assert!(first.leads() && second.terms().is_empty());
    let stopped = Instant::now();
    first.stop.cancel();
    first.task.await.unwrap();
    assert_eq!(stopped.elapsed().as_secs(), 4, "its work takes so long to end");
    let released = server.spec();
    assert_eq!((&released["holderIdentity"], &released["leaseDurationSeconds"]), (&json!(""), &json!(1)));
    second.until(true).await;
    assert!(stopped.elapsed() < Duration::from_millis(4_000 + 4_400 + 10), "one pause of the other at most");
    assert_eq!(server.spec()["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn who_stops_in_the_middle_of_a_renewal_looks_what_is_there_and_hands_over() {
    let server = Server::default();
    let replica = Replica::start(&server, "a", Duration::ZERO);
    replica.until(true).await;
    server.with(|state| state.cut_off.push("a"));
    sleep(Duration::from_secs(3)).await;
    server.with(|state| state.cut_off.clear());
    replica.stop.cancel();
    replica.task.await.unwrap();
    assert_eq!(server.spec()["holderIdentity"], "");
}

#[tokio::test(start_paused = true)]
async fn who_is_cut_off_stops_before_another_begins() {
    let server = Server::default();
    let first = Replica::start(&server, "a", Duration::ZERO);
    first.until(true).await;
    let second = Replica::start(&server, "b", Duration::ZERO);
    sleep(Duration::from_secs(33)).await;
    server.with(|state| state.cut_off.push("a"));
    let last = server.with(|state| state.written.last().unwrap().0);
    first.until(false).await;
    assert!(first.metrics.encode().contains("kseal_leader 0\n"));
    second.until(true).await;
    let end = first.terms()[0].to.unwrap();
    let begin = second.terms()[0].from;
    assert!(end - last <= Duration::from_millis(10_010) && end - last > Duration::from_secs(9));
    assert!(begin - last >= Duration::from_secs(15) && begin - last < Duration::from_secs(15 + 2 + 5));
    server.with(|state| state.cut_off.clear());
    sleep(Duration::from_mins(1)).await;
    assert!(second.leads() && !first.leads(), "who comes back waits");
}

#[tokio::test(start_paused = true)]
async fn a_short_silence_ends_no_term() {
    let server = Server::default();
    let replica = Replica::start(&server, "a", Duration::ZERO);
    replica.until(true).await;
    for _ in 0..5 {
        server.with(|state| state.cut_off.push("a"));
        sleep(Duration::from_secs(4)).await;
        server.with(|state| state.cut_off.clear());
        sleep(Duration::from_secs(12)).await;
    }
    assert!(replica.leads());
    assert_eq!(replica.terms().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_sees_another_in_its_place_stops_at_its_next_renewal_and_leaves_the_lease_alone() {
    let server = Server::default();
    let replica = Replica::start(&server, "a", Duration::ZERO);
    replica.until(true).await;
    server.with(|state| {
        let mut body = state.lease.clone().unwrap();
        body["spec"]["holderIdentity"] = "stranger".into();
        state.write(&body);
    });
    let since = Instant::now();
    replica.until(false).await;
    assert!(since.elapsed() <= Duration::from_millis(2_010));
    sleep(Duration::from_secs(10)).await;
    assert_eq!(server.spec()["holderIdentity"], "stranger");
    replica.until(true).await;
    assert_eq!(server.spec()["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_its_lease_by_an_administrator_ends_no_term_and_stays() {
    let server = Server::default();
    let replica = Replica::start(&server, "a", Duration::ZERO);
    replica.until(true).await;
    server.with(|state| {
        let mut body = state.lease.clone().unwrap();
        body["metadata"]["labels"] = json!({"team": "platform"});
        state.write(&body);
    });
    sleep(Duration::from_secs(30)).await;
    assert_eq!(replica.terms().len(), 1);
    assert!(replica.leads());
    assert_eq!(server.with(|state| state.lease.clone().unwrap())["metadata"]["labels"]["team"], "platform");
}

#[tokio::test(start_paused = true)]
async fn work_that_does_not_end_is_dropped_and_the_lease_held_until_then() {
    let server = Server::default();
    let replica = Replica::start(&server, "a", Duration::from_hours(1));
    replica.until(true).await;
    let stopped = Instant::now();
    replica.stop.cancel();
    sleep(Duration::from_millis(9_900)).await;
    assert_eq!(server.spec()["holderIdentity"], "a");
    assert!(server.with(|state| state.written.last().unwrap().0.elapsed()) < Duration::from_secs(3));
    replica.task.await.unwrap();
    assert_eq!(stopped.elapsed().as_secs(), 10);
    assert_eq!(server.spec()["holderIdentity"], "");
}

#[tokio::test(start_paused = true)]
async fn of_many_candidates_one_leads_at_any_time() {
    let server = Server::default();
    let replicas: Vec<_> =
        NAMES.into_iter().map(|name| Replica::start(&server, name, Duration::from_secs(1))).collect();
    for round in 0..30 {
        sleep(Duration::from_secs(7)).await;
        server.with(|state| {
            let holder = state.written.last().and_then(|(_, holder)| NAMES.into_iter().find(|name| name == holder));
            match round % 3 {
                0 => state.cut_off.extend(holder),
                1 => {}
                _ => state.cut_off.clear(),
            }
        });
    }
    let mut terms: Vec<_> = replicas.iter().flat_map(Replica::terms).collect();
    terms.sort_by_key(|term| term.from);
    assert!(terms.len() > 3, "the lease went around");
    for pair in terms.windows(2) {
        assert!(pair[0].to.unwrap() <= pair[1].from);
    }
}
