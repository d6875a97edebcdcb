//! Keys that follow each other, as time goes by and when it is asked for.

use std::time::Duration;

use kseal_api::names;
use kseal_controller::keys::UpstreamKeys;
use kseal_crypto::encode_base64;
use kseal_crypto::sealed_secrets::{RsaPrivateKey, RsaSize};
use serde_json::json;
use tokio::time::sleep;

use crate::fake::{Failure, FakeApi};
use crate::replica::{
    CONFIG_MAPS, FIRST, Replica, SECRETS, cluster, epochs_and_states, events, labelled, published, set_clock,
};

const HOUR: i64 = 3_600;
const YEARS: i64 = 10 * 365 * 24 * HOUR;
const PERIOD: Duration = Duration::from_hours(3);
const SECOND: &str = "kseal-2-6f0c1a2b";
/// A turn comes at least so often.
const TURN: Duration = Duration::from_mins(11);

/// Whatever follows from a change has happened by then.
const SETTLED: Duration = Duration::from_mins(1);

/// A cluster whose leader renews keys, after its first turn.
async fn renewing(upstream: UpstreamKeys) -> (FakeApi, Replica) {
    let fake = cluster();
    let replica = Replica::renewing(&fake, upstream, PERIOD);
    replica.lead();
    let rsa = upstream == UpstreamKeys::Generate;
    fake.until(|fake| published(fake).is_some_and(|bundle| bundle.certificate.is_some() == rsa)).await;
    (fake, replica)
}

/// How many keys there are a turn after the clock was put.
async fn keys_at(fake: &FakeApi, ahead: i64) -> usize {
    set_clock(ahead);
    sleep(TURN).await;
    labelled(fake, names::KEY_STATE).len()
}

/// Fingerprint of the key that seals.
fn current(fake: &FakeApi) -> String {
    published(fake).unwrap().sealing_key().unwrap().public.fingerprint().to_string()
}

/// Asks for another key in the place of this one.
fn ask(fake: &FakeApi, annotation: &str, key: &str) {
    fake.change(CONFIG_MAPS, names::PUBLIC_KEYS, |object| object["metadata"]["annotations"][annotation] = json!(key));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_followed_by_another_after_its_period_and_goes_on_opening() {
    let (fake, replica) = renewing(UpstreamKeys::Off).await;
    // The clock of the term goes on with that on the wall.
    sleep(PERIOD).await;
    assert_eq!(keys_at(&fake, 2 * HOUR).await, 1);
    assert_eq!(keys_at(&fake, 3 * HOUR).await, 2);
    assert_eq!(epochs_and_states(&fake), [(1, "active".into()), (2, "active".into())]);
    assert_eq!(published(&fake).unwrap().sealing_key().unwrap().epoch, 2);
    assert_eq!(published(&fake).unwrap().sealing_key().unwrap().created_at, "2026-11-22T08:00:00Z");
    assert_eq!(replica.opens(), (2, 0));
    assert!(events(&fake).contains(&("KeyCreated".into(), SECOND.into())));
    sleep(PERIOD).await;
    assert_eq!(keys_at(&fake, 5 * HOUR).await, 2);
    assert_eq!(keys_at(&fake, 6 * HOUR).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_turn_comes_when_a_key_is_due() {
    let fake = cluster();
    let replica = Replica::renewing(&fake, UpstreamKeys::Off, Duration::from_secs(30));
    replica.lead();
    fake.until(|fake| published(fake).is_some()).await;
    set_clock(30);
    sleep(Duration::from_secs(31)).await;
    assert_eq!(labelled(&fake, names::KEY_STATE), [FIRST, SECOND]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ten_years_makes_one_key_at_most() {
    let (fake, _replica) = renewing(UpstreamKeys::Off).await;
    sleep(PERIOD).await;
    let mut counts = Vec::new();
    for ahead in [YEARS, 0, YEARS, -YEARS, 2 * YEARS] {
        counts.push(keys_at(&fake, ahead).await);
    }
    assert_eq!(counts, [2; 5]);
}

#[tokio::test(start_paused = true)]
async fn leaders_with_different_clocks_make_one_key_a_term_at_most() {
    let fake = cluster();
    let replica = Replica::renewing(&fake, UpstreamKeys::Generate, PERIOD);
    for (term, ahead) in [0, 5, -5, YEARS, YEARS + 5, 0].into_iter().enumerate() {
        set_clock(ahead);
        let term_ends = replica.lead();
        sleep(TURN).await;
        term_ends.cancel();
        // A few seconds are no reason.
        let expected = [1, 1, 1, 2, 2, 3][term];
        assert_eq!(labelled(&fake, names::KEY_STATE).len(), expected, "term {term}");
        // One of each time is enough, whichever of them counts.
        assert_eq!(labelled(&fake, names::UPSTREAM_KEY).len(), expected.min(2), "term {term}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_asked_for_is_made_once() {
    let (fake, replica) = renewing(UpstreamKeys::Off).await;
    let first = current(&fake);
    ask(&fake, names::ROTATE, &first);
    fake.until(|fake| current(fake) != first).await;
    let asked = fake.get(CONFIG_MAPS, names::PUBLIC_KEYS).unwrap()["metadata"]["annotations"][names::ROTATE].clone();
    assert!(asked.is_null(), "what is done is not asked for any more: {asked}");
    ask(&fake, names::ROTATE, &first);
    ask(&fake, names::ROTATE, "no such key");
    sleep(TURN).await;
    assert_eq!(labelled(&fake, names::KEY_STATE), [FIRST, SECOND]);
    assert_eq!(replica.opens(), (2, 0));
    let second = current(&fake);
    ask(&fake, names::ROTATE, &second);
    fake.until(|fake| current(fake) != second).await;
    assert_eq!(published(&fake).unwrap().sealing_key().unwrap().epoch, 3);
}

#[tokio::test(start_paused = true)]
async fn an_rsa_key_is_followed_by_another() {
    let (fake, replica) = renewing(UpstreamKeys::Generate).await;
    let certificate = |fake: &FakeApi| published(fake).unwrap().certificate.unwrap().public.fingerprint().to_string();
    let first = certificate(&fake);
    ask(&fake, names::ROTATE_UPSTREAM, &first);
    // The clock stands, and the new one comes before the old one all the same.
    fake.until(|fake| certificate(fake) != first).await;
    sleep(TURN).await;
    assert_eq!(replica.opens(), (1, 2));
    let second = certificate(&fake);
    sleep(PERIOD).await;
    set_clock(4 * HOUR);
    fake.until(|fake| certificate(fake) != second).await;
    sleep(TURN).await;
    assert_eq!(labelled(&fake, names::UPSTREAM_KEY).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_rsa_key_without_a_certificate_is_not_what_is_asked_about() {
    let (fake, _replica) = renewing(UpstreamKeys::Generate).await;
    let certificate = |fake: &FakeApi| published(fake).unwrap().certificate.unwrap().public.fingerprint().to_string();
    let first = certificate(&fake);
    // Restored without its certificate, it counts from when its Secret was made: after the other.
    let mut bare = fake.get(SECRETS, &labelled(&fake, names::UPSTREAM_KEY)[0]).unwrap();
    let key = RsaPrivateKey::generate(RsaSize::Bits2048).unwrap();
    bare["metadata"] =
        json!({"name": "bare", "labels": {names::UPSTREAM_KEY: "active"}, "creationTimestamp": "2026-11-22T06:00:00Z"});
    bare["data"] = json!({"tls.key": encode_base64(key.to_pkcs1_pem().as_bytes())});
    fake.put(SECRETS, bare);
    sleep(SETTLED).await;
    assert_eq!(certificate(&fake), first);
    ask(&fake, names::ROTATE_UPSTREAM, &first);
    fake.until(|fake| certificate(fake) != first).await;
    sleep(TURN).await;
    assert_eq!(labelled(&fake, names::UPSTREAM_KEY).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn rsa_keys_are_not_renewed_where_none_are_to_be_made() {
    let (fake, replica) = renewing(UpstreamKeys::Generate).await;
    drop(replica);
    let fake_of_existing = cluster();
    for name in labelled(&fake, names::UPSTREAM_KEY) {
        fake_of_existing.put(SECRETS, fake.get(SECRETS, &name).unwrap());
    }
    let replica = Replica::renewing(&fake_of_existing, UpstreamKeys::Existing, PERIOD);
    replica.lead();
    sleep(PERIOD).await;
    keys_at(&fake_of_existing, 4 * HOUR).await;
    assert_eq!(labelled(&fake_of_existing, names::UPSTREAM_KEY).len(), 1);
    assert_eq!(labelled(&fake_of_existing, names::KEY_STATE).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn twenty_leaders_make_one_key() {
    let (fake, _replica) = renewing(UpstreamKeys::Generate).await;
    let replicas = [(); 20].map(|()| Replica::renewing(&fake, UpstreamKeys::Generate, PERIOD));
    for replica in &replicas {
        replica.lead();
    }
    sleep(PERIOD).await;
    assert_eq!(keys_at(&fake, 3 * HOUR).await, 2);
    assert_eq!(labelled(&fake, names::UPSTREAM_KEY).len(), 2);
    let second = current(&fake);
    ask(&fake, names::ROTATE, &second);
    sleep(TURN).await;
    assert_eq!(labelled(&fake, names::KEY_STATE), [FIRST, SECOND, "kseal-3-6f0c1a2b"]);
    assert_eq!(replicas.map(|replica| replica.opens()), [(3, 2); 20]);
    let made = events(&fake).into_iter().filter(|(reason, _)| reason == "KeyCreated").count();
    assert_eq!(made, 5, "each key is told of once");
}

#[tokio::test(start_paused = true)]
async fn any_call_of_a_rotation_may_fail_without_a_different_end() {
    let failures = [Failure::Refused(500), Failure::Refused(409), Failure::LostRequest, Failure::LostAnswer];
    let (mut index, mut calls) = (0, usize::MAX);
    while index < calls {
        for failure in failures {
            let (fake, replica) = renewing(UpstreamKeys::Off).await;
            sleep(SETTLED).await;
            let (before, mut count) = (fake.seen().len(), 0);
            fake.fail(move |_| {
                count += 1;
                (count == index + 1).then_some(failure)
            });
            let first = current(&fake);
            ask(&fake, names::ROTATE, &first);
            fake.until(|fake| current(fake) != first).await;
            sleep(SETTLED).await;
            assert_eq!(labelled(&fake, names::KEY_STATE), [FIRST, SECOND], "call {index} {failure:?}");
            assert_eq!(epochs_and_states(&fake), [(1, "active".into()), (2, "active".into())]);
            assert_eq!(replica.opens(), (2, 0));
            calls = calls.min(fake.seen().len() - before);
        }
        index += 1;
    }
    assert!(calls > 10, "{calls}");
}
