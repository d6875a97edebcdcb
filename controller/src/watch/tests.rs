use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::testing::{Answer, Seen, client};

/// Follows a collection of that server until its list was whole `lists` times, and returns their resourceVersions.
async fn synced(lists: usize, answer: impl FnMut(Seen) -> Answer + Send + 'static) -> Vec<u64> {
    let source =
        Source { path: "/api/v1/secrets".into(), label_selector: None, field_selector: None, accept: Accept::Full };
    let (versions, mut seen) = unbounded_channel();
    let sink = move |event: Event<'_>| {
        if let Event::Synced { resource_version } = event {
            versions.send(resource_version).unwrap();
        }
    };
    let following = follow(client(answer), source, sink);
    let counting = async {
        let mut all = Vec::new();
        while all.len() < lists {
            all.push(seen.recv().await.unwrap());
        }
        all
    };
    tokio::select! {
        all = counting => all,
        never = following => match never {},
    }
}

fn list(resource_version: u32) -> Answer {
    Answer::Json(200, json!({"metadata": {"resourceVersion": resource_version.to_string()}, "items": []}))
}

#[tokio::test(start_paused = true)]
async fn a_store_that_went_back_is_listed_again_after_a_failure() {
    let mut now = 10;
    let answer = move |seen: Seen| {
        if !seen.query.contains("watch=true") {
            return list(now);
        }
        if seen.query.contains("sendInitialEvents") {
            return Answer::Json(400, Value::Null);
        }
        // While it was away its store was restored. A watch from what it does not know yet would be answered with nothing.
        now = 5;
        Answer::Json(500, Value::Null)
    };
    assert_eq!(synced(2, answer).await, [10, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_alone_is_no_reason_to_list_again() {
    let answer = |seen: Seen| match (seen.query.contains("watch=true"), seen.query.contains("sendInitialEvents")) {
        (true, true) => Answer::Json(400, Value::Null),
        (true, false) => Answer::Json(500, Value::Null),
        (false, _) => list(if seen.query.ends_with("limit=1") { 11 } else { 10 }),
    };
    let again = timeout(Duration::from_mins(5), synced(2, answer)).await;
    assert!(again.is_err(), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_every_watch_at_once_is_asked_ever_more_slowly() {
    let mut watches = 0;
    let answer = move |seen: Seen| match (seen.query.contains("watch=true"), seen.query.contains("sendInitialEvents")) {
        (true, true) => Answer::Json(400, Value::Null),
        (true, false) => {
            watches += 1;
            assert!(watches < 100);
            Answer::Json(200, Value::Null)
        }
        (false, _) => list(10),
    };
    let again = timeout(Duration::from_mins(5), synced(2, answer)).await;
    assert!(again.is_err(), "{again:?}");
}

/// Where much changes, every stream would break off.
#[tokio::test(start_paused = true)]
async fn a_list_whose_stream_broke_off_comes_in_pages_and_the_next_is_streamed_again() {
    let streams = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&streams);
    let answer = move |seen: Seen| match (seen.query.contains("watch=true"), seen.query.contains("sendInitialEvents")) {
        (true, true) => {
            counted.fetch_add(1, Ordering::Relaxed);
            Answer::Json(200, Value::Null)
        }
        (true, false) => Answer::Json(410, Value::Null),
        (false, _) => list(10),
    };
    assert_eq!(synced(3, answer).await, [10; 3]);
    assert_eq!(streams.load(Ordering::Relaxed), 3);
}
