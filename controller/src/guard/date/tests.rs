use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Answer, Seen, client};

const POLICY: Policy = Policy::ImagePullSecrets;
const MADE: i64 = 1_795_324_800;
/// By the server's clock.
const NOW: &str = "Fri, 27 Nov 2026 04:14:21 GMT";
const NOW_SECONDS: i64 = 1_795_752_861;
const LATER: &str = "Fri, 27 Nov 2026 05:14:21 GMT";

/// The ConfigMap as it stands, if it does, what time it is, and which code is the answer to a write.
struct Server {
    data: Option<Value>,
    date: &'static str,
    writes: u16,
    asked: Vec<(Method, String)>,
}

impl Server {
    fn answer(&mut self, request: Seen) -> Answer {
        self.asked.push((request.method.clone(), request.path.clone()));
        if request.path == "/version" {
            return Answer::Date(self.date);
        }
        let metadata = json!({"uid": "c1", "resourceVersion": "7"});
        match (request.method, &mut self.data) {
            (Method::GET, Some(data)) => Answer::Json(200, json!({"metadata": metadata, "data": data})),
            (Method::GET, None) => Answer::Json(404, Value::Null),
            _ if self.writes != 200 => Answer::Json(self.writes, Value::Null),
            (Method::PATCH, Some(data)) => {
                assert_eq!(request.body["metadata"], metadata, "only as it was read");
                data.as_object_mut().unwrap().extend(request.body["data"].as_object().unwrap().clone());
                Answer::Json(200, Value::Null)
            }
            (Method::POST, data @ None) => {
                *data = Some(request.body["data"].clone());
                Answer::Json(201, Value::Null)
            }
            (method, _) => panic!("{method} {}", request.path),
        }
    }
}

/// A server without a record, and the way to it.
fn server() -> (Arc<Mutex<Server>>, Api) {
    let server = Arc::new(Mutex::new(Server { data: None, date: NOW, writes: 200, asked: Vec::new() }));
    let other = Arc::clone(&server);
    (server, Api::new(client(move |request| other.lock().unwrap().answer(request))))
}

fn edition(generations: [i64; 2]) -> Edition {
    Edition::of([("p", generations[0]), ("b", generations[1])], MADE)
}

fn only(edition: Edition) -> Editions {
    Editions::from([(POLICY, edition)])
}

async fn since(known: &mut Known, api: &Api, edition: Edition) -> Option<i64> {
    let editions = only(edition);
    let _ = known.learn(&editions, api, "kseal-system").await;
    editions.iter().find_map(|(policy, edition)| known.since(*policy, edition))
}

#[tokio::test]
async fn what_never_changed_is_as_old_as_it_is_and_nothing_is_kept_of_it() {
    let (server, api) = server();
    assert_eq!(since(&mut Known::default(), &api, edition([1, 1])).await, Some(MADE));
    assert!(server.lock().unwrap().asked.is_empty());
}

#[tokio::test]
async fn what_changed_is_as_old_as_it_was_seen_first_by_whoever_leads() {
    let (server, api) = server();
    let mut known = Known::default();
    assert_eq!(since(&mut known, &api, edition([1, 3])).await, Some(NOW_SECONDS));
    server.lock().unwrap().date = LATER;
    let asked = server.lock().unwrap().asked.len();
    assert_eq!(since(&mut known, &api, edition([1, 3])).await, Some(NOW_SECONDS));
    assert_eq!(server.lock().unwrap().asked.len(), asked, "it is known");
    let mut next = Known::default();
    assert_eq!(since(&mut next, &api, edition([1, 3])).await, Some(NOW_SECONDS), "it is kept");
    // It was something else meanwhile, or is another one.
    let others = [edition([1, 5]), edition([3, 5]), Edition::of([("p", 3), ("b2", 5)], MADE)];
    for (number, other) in others.into_iter().enumerate() {
        assert_eq!(known.since(POLICY, &other), None, "{number}");
        assert_eq!(since(&mut known, &api, other.clone()).await, Some(NOW_SECONDS + 3_600), "{number}");
        assert_eq!(since(&mut Known::default(), &api, other).await, Some(NOW_SECONDS + 3_600), "{number}");
    }
}

#[tokio::test]
async fn what_is_kept_of_other_policies_stays() {
    let (server, api) = server();
    server.lock().unwrap().data = Some(json!({"other": "x", POLICY.name(): "no record"}));
    assert_eq!(since(&mut Known::default(), &api, edition([2, 1])).await, Some(NOW_SECONDS));
    let data = server.lock().unwrap().data.clone().unwrap();
    assert_eq!(data["other"], "x");
    let record: Value = serde_json::from_str(data[POLICY.name()].as_str().unwrap()).unwrap();
    assert_eq!((&record["since"], &record["policy"]["generation"]), (&json!("2026-11-27T04:14:21Z"), &json!(2)));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_is_not_in_force_until_it_can() {
    let (server, api) = server();
    server.lock().unwrap().writes = 403;
    let (policies, seen) = watch::channel(only(edition([1, 1])));
    let (in_force, mut judged_by) = watch::channel(InForce::default());
    let (term, dated) = (CancellationToken::new(), CancellationToken::new());
    let namespace = "kseal-system".to_owned();
    let dating = date(Dating { api, namespace, seen, in_force }, term.clone(), &dated);
    let test = async {
        dated.cancelled().await;
        assert!(judged_by.borrow_and_update().has(POLICY));
        policies.send_replace(only(edition([3, 1])));
        judged_by.changed().await.unwrap();
        assert!(!judged_by.borrow_and_update().has(POLICY), "it changed");
        server.lock().unwrap().writes = 200;
        judged_by.changed().await.unwrap();
        assert_eq!(*judged_by.borrow_and_update(), InForce::default().with(POLICY, NOW_SECONDS));
        policies.send_replace(Editions::new());
        judged_by.changed().await.unwrap();
        assert!(!judged_by.borrow().has(POLICY), "it is gone");
        term.cancel();
    };
    tokio::join!(dating, test);
}
