//! Any call may fail before, after or in doubt, without a different end.

use std::collections::BTreeMap;

use http::Method;
use kseal_api::names;
use kseal_controller::keys::UpstreamKeys;
use tokio::time::{Duration, sleep};

use crate::fake::{Failure, FakeApi};
use crate::replica::{CONFIG_MAPS, FIRST, Replica, SECRETS, cluster, epochs_and_states, events, labelled, published};

/// Makes the `index`th of the requests fail, and lets the rest be.
fn fail_once(fake: &FakeApi, index: usize, failure: Failure) {
    let mut count = 0;
    fake.fail(move |_| {
        count += 1;
        (count == index + 1).then_some(failure)
    });
}

const FAILURES: [Failure; 6] = [
    Failure::Refused(500),
    Failure::Refused(403),
    Failure::Refused(409),
    Failure::Refused(429),
    Failure::LostRequest,
    Failure::LostAnswer,
];

/// What is watched without an end.
const WATCHED: [&str; 2] = [SECRETS, CONFIG_MAPS];

/// Leads until everything is there, and a while longer; nothing may be there twice.
async fn end(fake: &FakeApi, upstream: UpstreamKeys) {
    let replica = Replica::start(fake, upstream);
    let term = replica.lead();
    let rsa = usize::from(upstream == UpstreamKeys::Generate);
    let is_whole =
        |fake: &FakeApi| published(fake).is_some_and(|bundle| usize::from(bundle.certificate.is_some()) == rsa);
    fake.until(is_whole).await;
    sleep(Duration::from_mins(1)).await;
    assert_eq!(labelled(fake, names::KEY_STATE), [FIRST]);
    assert_eq!(labelled(fake, names::UPSTREAM_KEY), vec!["sealed-secrets-key-1-6f0c1a2b"; rsa]);
    assert_eq!(fake.list(SECRETS).len(), 2 + rsa);
    assert_eq!(epochs_and_states(fake), [(1, "active".into())]);
    assert!(is_whole(fake));
    assert_eq!(replica.opens(), (1, rsa));
    let held = replica.held.borrow().ledger.native[0].public.fingerprint();
    assert_eq!(published(fake).unwrap().sealing_key().unwrap().public.fingerprint(), held);
    term.cancel();
}

#[tokio::test(start_paused = true)]
async fn one_failure_anywhere_does_not_change_the_end() {
    let calls = {
        let fake = cluster();
        end(&fake, UpstreamKeys::Off).await;
        fake.seen().len()
    };
    assert!(calls > 10, "{calls}");
    for index in 0..calls {
        for failure in FAILURES {
            let fake = cluster();
            fail_once(&fake, index, failure);
            end(&fake, UpstreamKeys::Off).await;
            let is_event = fake.seen()[index].path.ends_with("/events");
            // A key is told of though the answer to its making was lost; an event itself is not repeated.
            let told = events(&fake).len();
            assert!(told == 2 || is_event, "call {index} {failure:?}: {:?}", events(&fake));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_while_an_rsa_key_is_made_does_not_change_the_end() {
    for index in 0..3 {
        for failure in FAILURES {
            let fake = cluster();
            end(&fake, UpstreamKeys::Off).await;
            let mut since = None;
            fake.fail(move |seen| {
                let is_rsa = seen.body["type"] == "kubernetes.io/tls";
                since = since.map(|since: usize| since + 1).or(is_rsa.then_some(0));
                (since == Some(index)).then_some(failure)
            });
            end(&fake, UpstreamKeys::Generate).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_outage_does_not_change_the_end() {
    for failure in [Failure::Refused(503), Failure::LostRequest, Failure::LostAnswer] {
        let fake = cluster();
        fake.fail(move |_| Some(failure));
        let replica = Replica::start(&fake, UpstreamKeys::Off);
        let term = replica.lead();
        sleep(Duration::from_hours(1)).await;
        let mut tries: BTreeMap<String, u32> = BTreeMap::new();
        fake.seen().into_iter().for_each(|seen| *tries.entry(seen.path).or_default() += 1);
        assert_eq!(tries.len(), 3, "{tries:?}");
        for (path, count) in &tries {
            // A watch comes again within 5 s, and a turn of the keeper within 30 s.
            let expected = if WATCHED.contains(&path.as_str()) { 600..=720 } else { 120..=240 };
            assert!(expected.contains(count), "it is tried again, and not too often: {tries:?}");
        }
        fake.heal();
        term.cancel();
        end(&fake, UpstreamKeys::Off).await;
    }
}

#[tokio::test(start_paused = true)]
async fn writes_that_are_always_in_doubt_do_not_change_the_end() {
    let fake = cluster();
    fake.fail(|seen| (seen.method != Method::GET).then_some(Failure::LostAnswer));
    end(&fake, UpstreamKeys::Generate).await;
    assert_eq!(events(&fake).len(), 3);
}
