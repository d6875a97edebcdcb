//! Any call may fail before, after or in doubt, without a different end.

use http::Method;
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use crate::fake::{Failure, FakeApi};
use crate::place::{EVENTS, LIFE, SECRETS, cluster, is_right, published, start, token_secrets};

const FAILURES: [Failure; 7] = [
    Failure::Refused(500),
    Failure::Refused(403),
    Failure::Refused(404),
    Failure::Refused(409),
    Failure::Refused(429),
    Failure::LostRequest,
    Failure::LostAnswer,
];

fn modes() -> [Value; 2] {
    [
        json!({"serviceAccountName": "bot", "mode": "Bound", "expirationSeconds": LIFE}),
        json!({"serviceAccountName": "bot", "mode": "Secret", "rotation": {"periodSeconds": 1_000, "overlapSeconds": 300}}),
    ]
}

/// Makes the `index`th of the requests fail, and lets the rest be.
fn fail_once(fake: &FakeApi, index: usize, failure: Failure) {
    let mut count = 0;
    fake.fail(move |_| {
        count += 1;
        (count == index + 1).then_some(failure)
    });
}

/// A life with a renewal, and with a Secret that somebody deletes.
async fn life(fake: &FakeApi, mode: &Value) {
    let is_lasting = mode["mode"] == "Secret";
    let running = start(fake);
    fake.until(is_right).await;
    let first = published(fake);
    // It is due before that.
    sleep(Duration::from_mins(8)).await;
    fake.until(|fake| published(fake) != first && is_right(fake)).await;
    let second = published(fake);
    // What was published before goes after the overlap, and a try that failed is made up for within a minute.
    sleep(Duration::from_secs(if is_lasting { 370 } else { 10 })).await;
    assert_eq!(published(fake), second);
    assert_eq!(token_secrets(fake), usize::from(is_lasting));
    fake.delete(SECRETS, "ci");
    fake.until(|fake| published(fake).is_some() && is_right(fake)).await;
    sleep(Duration::from_mins(1)).await;
    assert!(is_right(fake) && fake.list(SECRETS).len() == 1 + usize::from(is_lasting));
    assert_eq!(published(fake) == second, is_lasting);
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn one_failure_anywhere_does_not_change_the_end() {
    for mode in modes() {
        let calls = {
            let fake = cluster(&mode);
            life(&fake, &mode).await;
            fake.seen().len()
        };
        assert!(calls > 20, "{calls}");
        for index in 0..calls {
            for failure in FAILURES {
                let fake = cluster(&mode);
                fail_once(&fake, index, failure);
                life(&fake, &mode).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn writes_that_are_always_in_doubt_do_not_change_the_end() {
    for mode in modes() {
        let fake = cluster(&mode);
        // A token that nobody hears of is no token.
        fake.fail(|seen| (seen.method != Method::GET && !seen.path.ends_with("/token")).then_some(Failure::LostAnswer));
        life(&fake, &mode).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_at_any_moment_does_not_change_the_end() {
    for mode in modes() {
        for index in 0..30 {
            let fake = cluster(&mode);
            fake.fail(move |_| None);
            let running = start(&fake);
            fake.until(|fake| fake.seen().len() > index || is_right(fake)).await;
            drop(running);
            life(&fake, &mode).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_outage_is_told_and_ends_well() {
    for mode in modes() {
        for failure in [Failure::Refused(503), Failure::LostRequest] {
            let fake = cluster(&mode);
            fake.fail(move |seen| seen.path.starts_with(SECRETS).then_some(failure));
            let running = start(&fake);
            sleep(Duration::from_hours(1)).await;
            let tries = fake.seen().iter().filter(|seen| seen.path.ends_with("/serviceaccounttokens/ci")).count();
            // A try within a minute, and no more than one in half of that once it lasts.
            assert!((60..=140).contains(&tries), "{tries}");
            let events = fake.list(EVENTS);
            assert!(events.len() == 1 && events[0]["reason"] == "ApiError", "{events:?}");
            fake.heal();
            drop(running);
            life(&fake, &mode).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_while_nothing_changes() {
    for mode in modes() {
        let fake = cluster(&mode);
        let running = start(&fake);
        fake.until(is_right).await;
        sleep(Duration::from_mins(1)).await;
        let writes = fake.writes().len();
        drop(running);
        for _ in 0..5 {
            let running = start(&fake);
            sleep(Duration::from_mins(1)).await;
            drop(running);
        }
        assert_eq!(fake.writes().len(), writes);
    }
}
