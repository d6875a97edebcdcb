//! What the leader makes and keeps right.

use std::time::Duration;

use kseal_api::names;
use kseal_controller::keys::UpstreamKeys;
use kseal_crypto::sealed_secrets::Certificate;
use kseal_crypto::{Suite, encode_base64};
use serde_json::json;
use tokio::time::sleep;

use crate::fake::FakeApi;
use crate::replica::{
    CONFIG_MAPS, FIRST, NOW, Replica, SECRETS, UID, cluster, epochs_and_states, events, labelled, listed, published,
    relabel,
};

/// A cluster in which one leader has made everything.
async fn settled(upstream: UpstreamKeys) -> (FakeApi, Replica) {
    let fake = cluster();
    let replica = Replica::start(&fake, upstream);
    replica.lead();
    fake.until(|fake| published(fake).is_some()).await;
    (fake, replica)
}

/// Long enough for everything that could still happen.
async fn later() {
    sleep(Duration::from_secs(100)).await;
}

#[tokio::test(start_paused = true)]
async fn a_fresh_cluster_gets_an_identity_a_key_and_its_publication() {
    let (fake, replica) = settled(UpstreamKeys::Existing).await;
    let secret = fake.get(SECRETS, FIRST).unwrap();
    assert_eq!(secret["type"], "kseal.dev/sealing-key");
    assert_eq!(secret["immutable"], true);
    assert_eq!(secret["metadata"]["labels"], json!({"kseal.dev/sealing-key": "active"}));
    assert_eq!(secret["data"]["suite"], encode_base64(b"X25519"));
    let identity = fake.get(SECRETS, names::IDENTITY).unwrap();
    assert_eq!((&identity["type"], &identity["immutable"]), (&json!("kseal.dev/identity-key"), &json!(true)));
    let bundle = published(&fake).unwrap();
    let key = bundle.sealing_key().unwrap();
    assert_eq!(secret["metadata"]["annotations"][names::FINGERPRINT], key.public.fingerprint().to_string());
    assert_eq!((key.epoch, key.created_at.as_str()), (1, "2026-11-22T05:00:00Z"));
    assert_eq!(key.public.suite(), Suite::X25519);
    let publisher = bundle.publisher.unwrap();
    assert_eq!((publisher.cluster_uid.as_str(), publisher.serial), (UID, NOW.cast_unsigned()));
    assert_eq!((bundle.name.as_str(), publisher.issued_at.as_str()), ("prod", "2026-11-22T05:00:00Z"));
    later().await;
    assert_eq!(replica.opens(), (1, 0));
    let mut told = events(&fake);
    told.sort();
    let expected = [("IdentityCreated", names::IDENTITY), ("KeyCreated", FIRST)];
    assert_eq!(told, expected.map(|(reason, name)| (reason.to_owned(), name.to_owned())));
    // Identity, key, publication, and the two events.
    assert_eq!(fake.writes().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_where_nothing_is_wanting() {
    let (fake, _replica) = settled(UpstreamKeys::Existing).await;
    later().await;
    let before = fake.writes().len();
    let second = Replica::start(&fake, UpstreamKeys::Existing);
    second.lead();
    later().await;
    sleep(Duration::from_hours(2)).await;
    assert_eq!(fake.writes().len(), before);
}

#[tokio::test(start_paused = true)]
async fn an_rsa_key_is_made_in_upstreams_form() {
    let (fake, replica) = settled(UpstreamKeys::Generate).await;
    fake.until(|fake| published(fake).unwrap().certificate.is_some()).await;
    let name = "sealed-secrets-key-1-6f0c1a2b";
    let secret = fake.get(SECRETS, name).unwrap();
    assert_eq!(secret["type"], "kubernetes.io/tls");
    assert_eq!(secret["metadata"]["labels"], json!({names::UPSTREAM_KEY: "active"}));
    assert_eq!(replica.opens(), (1, 1));
    let certificate: Certificate = published(&fake).unwrap().certificate.unwrap();
    assert_eq!(certificate.validity.not_before, NOW.cast_unsigned());
    assert_eq!(certificate.validity.not_after - certificate.validity.not_before, 87_600 * 3_600);
    later().await;
    assert_eq!(labelled(&fake, names::UPSTREAM_KEY), [name]);
    assert!(events(&fake).contains(&("KeyCreated".into(), name.into())));
}

#[tokio::test(start_paused = true)]
async fn two_leaders_make_one_key_of_each_kind() {
    let fake = cluster();
    let replicas = [(); 2].map(|()| Replica::start(&fake, UpstreamKeys::Generate));
    for replica in &replicas {
        replica.lead();
    }
    fake.until(|fake| published(fake).is_some_and(|bundle| bundle.certificate.is_some())).await;
    later().await;
    assert_eq!(labelled(&fake, names::KEY_STATE), [FIRST]);
    assert_eq!(labelled(&fake, names::UPSTREAM_KEY).len(), 1);
    assert_eq!(replicas.map(|replica| replica.opens()), [(1, 1); 2]);
    let made = events(&fake).into_iter().filter(|(reason, _)| reason == "KeyCreated").count();
    assert_eq!(made, 2, "each key is told of once");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_something_else_has_is_passed_over() {
    let fake = cluster();
    fake.put(SECRETS, json!({"metadata": {"name": FIRST}, "type": "Opaque"}));
    let replica = Replica::start(&fake, UpstreamKeys::Off);
    replica.lead();
    fake.until(|fake| published(fake).is_some()).await;
    assert_eq!(labelled(&fake, names::KEY_STATE), ["kseal-2-6f0c1a2b"]);
    assert_eq!(fake.get(SECRETS, FIRST).unwrap()["type"], "Opaque");
}

#[tokio::test(start_paused = true)]
async fn who_has_no_active_key_gets_the_next_one() {
    let (fake, replica) = settled(UpstreamKeys::Off).await;
    relabel(&fake, FIRST, names::KEY_STATE, "compromised");
    fake.until(|fake| epochs_and_states(fake) == [(1, "compromised".into()), (2, "active".into())]).await;
    relabel(&fake, FIRST, names::KEY_STATE, "retired");
    fake.until(|fake| epochs_and_states(fake) == [(1, "retired".into()), (2, "active".into())]).await;
    assert_eq!(replica.opens(), (1, 0));
    assert_eq!(labelled(&fake, names::KEY_STATE), [FIRST, "kseal-2-6f0c1a2b"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_key_stays_listed_and_is_told() {
    let (fake, replica) = settled(UpstreamKeys::Off).await;
    let lost = listed(&fake)[0].0.clone();
    let serial = published(&fake).unwrap().publisher.unwrap().serial;
    fake.delete(SECRETS, FIRST);
    fake.until(|fake| epochs_and_states(fake) == [(1, "retiring".into()), (2, "active".into())]).await;
    assert!(listed(&fake).contains(&(lost, 1, "retiring".into())));
    assert!(published(&fake).unwrap().publisher.unwrap().serial > serial);
    fake.until(|fake| events(fake).contains(&("KeyMissing".into(), names::PUBLIC_KEYS.into()))).await;
    later().await;
    let told = events(&fake).into_iter().filter(|(reason, _)| reason == "KeyMissing").count();
    assert_eq!(told, 1);
    assert!(replica.metrics.encode().contains("kseal_keys_missing 1\n"));
    // Who deletes the ConfigMap makes the key forgotten.
    fake.delete(CONFIG_MAPS, names::PUBLIC_KEYS);
    fake.until(|fake| epochs_and_states(fake) == [(2, "active".into())]).await;
    assert!(replica.metrics.encode().contains("kseal_keys_missing 0\n"));
}

#[tokio::test(start_paused = true)]
async fn what_was_published_is_remembered_by_who_did_not_lead() {
    let fake = cluster();
    let leader = Replica::start(&fake, UpstreamKeys::Off);
    let term = leader.lead();
    let standby = Replica::start(&fake, UpstreamKeys::Off);
    fake.until(|fake| published(fake).is_some()).await;
    let data = |fake: &FakeApi| fake.get(CONFIG_MAPS, names::PUBLIC_KEYS).unwrap()["data"].clone();
    let (snapshot, serial) = (data(&fake), || published(&fake).unwrap().publisher.unwrap().serial);
    relabel(&fake, FIRST, names::KEY_STATE, "compromised");
    let both = [(1, "compromised".into()), (2, "active".into())];
    fake.until(|fake| epochs_and_states(fake) == both).await;
    let latest = serial();
    later().await;
    term.cancel();

    // As a restore of etcd does, with something in between that is no bundle.
    fake.delete(SECRETS, "kseal-2-6f0c1a2b");
    relabel(&fake, FIRST, names::KEY_STATE, "active");
    for data in [json!({"bundle.json": "{}"}), snapshot] {
        fake.change(CONFIG_MAPS, names::PUBLIC_KEYS, |object| object["data"] = data);
        later().await;
    }
    let term = standby.lead();
    fake.until(|fake| epochs_and_states(fake) == [(1, "active".into()), (2, "retiring".into())]).await;
    assert!(serial() > latest);
    later().await;
    term.cancel();

    // Who deletes the ConfigMap makes the key forgotten, whoever leads next.
    fake.delete(CONFIG_MAPS, names::PUBLIC_KEYS);
    leader.lead();
    fake.until(|fake| fake.get(CONFIG_MAPS, names::PUBLIC_KEYS).is_some()).await;
    assert_eq!(epochs_and_states(&fake), [(1, "active".into())]);
}

#[tokio::test(start_paused = true)]
async fn the_publication_is_repaired() {
    let (fake, _replica) = settled(UpstreamKeys::Off).await;
    let whole = fake.get(CONFIG_MAPS, names::PUBLIC_KEYS).unwrap()["data"].clone();
    let serial = |fake: &FakeApi| published(fake).and_then(|bundle| bundle.publisher).map(|publisher| publisher.serial);
    let mut last = serial(&fake);
    for broken in [json!({}), json!({"bundle.json": "{}"}), json!(null), json!({"bundle.json": "x", "b": "c"}), whole] {
        fake.change(CONFIG_MAPS, names::PUBLIC_KEYS, |object| object["data"] = broken);
        // The last one is an older publication of our own: the serial must not go back.
        fake.until(|fake| serial(fake) > last).await;
        last = serial(&fake);
        assert_eq!(epochs_and_states(&fake), [(1, "active".into())]);
    }
    fake.delete(CONFIG_MAPS, names::PUBLIC_KEYS);
    fake.until(|fake| serial(fake) > last).await;
    later().await;
    assert_eq!(labelled(&fake, names::KEY_STATE), [FIRST]);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_signed_is_replaced_and_not_read() {
    let (fake, _replica) = settled(UpstreamKeys::Off).await;
    let other = {
        let (other, _replica) = settled(UpstreamKeys::Off).await;
        other.get(CONFIG_MAPS, names::PUBLIC_KEYS).unwrap()["data"].clone()
    };
    let before = listed(&fake);
    fake.change(CONFIG_MAPS, names::PUBLIC_KEYS, |object| object["data"] = other);
    fake.until(|fake| listed(fake) == before).await;
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_fights_gets_one_answer_in_thirty_seconds() {
    let (fake, _replica) = settled(UpstreamKeys::Off).await;
    let start = tokio::time::Instant::now();
    let before = fake.writes().len();
    while start.elapsed() < Duration::from_mins(2) {
        fake.change(CONFIG_MAPS, names::PUBLIC_KEYS, |object| object["data"] = json!({"bundle.json": "mine"}));
        sleep(Duration::from_millis(500)).await;
    }
    let answers = fake.writes().len() - before;
    assert!((3..=6).contains(&answers), "{answers}");
    fake.until(|fake| published(fake).is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn a_malformed_identity_is_never_replaced_and_holds_up_no_rsa_key() {
    let fake = cluster();
    let seed = json!({"seed": encode_base64(&[7; 31])});
    fake.put(SECRETS, json!({"metadata": {"name": names::IDENTITY}, "type": "kseal.dev/identity-key", "data": seed}));
    let replica = Replica::start(&fake, UpstreamKeys::Generate);
    replica.lead();
    fake.until(|fake| !labelled(fake, names::UPSTREAM_KEY).is_empty()).await;
    later().await;
    assert!(published(&fake).is_none());
    assert_eq!(fake.get(SECRETS, names::IDENTITY).unwrap()["data"], seed);
    fake.change(SECRETS, names::IDENTITY, |object| object["data"]["seed"] = json!(encode_base64(&[7; 32])));
    fake.until(|fake| published(fake).is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn an_identity_that_signed_what_is_published_is_not_replaced_by_a_new_one() {
    let (fake, replica) = settled(UpstreamKeys::Off).await;
    let data = fake.get(SECRETS, names::IDENTITY).unwrap()["data"].clone();
    // The leader that knows it writes it again.
    fake.delete(SECRETS, names::IDENTITY);
    relabel(&fake, FIRST, names::KEY_STATE, "retiring");
    fake.until(|fake| fake.get(SECRETS, names::IDENTITY).is_some()).await;
    assert_eq!(fake.get(SECRETS, names::IDENTITY).unwrap()["data"]["seed"], data["seed"]);
    drop(replica);
    // One that does not waits for it to be restored, or for the publication to be deleted.
    let (fake, _replica) = {
        let other = cluster();
        for object in [FIRST, "kseal-2-6f0c1a2b"].map(|name| fake.get(SECRETS, name)).into_iter().flatten() {
            other.put(SECRETS, object);
        }
        other.put(CONFIG_MAPS, fake.get(CONFIG_MAPS, names::PUBLIC_KEYS).unwrap());
        let replica = Replica::start(&other, UpstreamKeys::Off);
        replica.lead();
        (other, replica)
    };
    later().await;
    assert!(fake.writes().is_empty());
    fake.delete(CONFIG_MAPS, names::PUBLIC_KEYS);
    fake.until(|fake| published(fake).is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_lags_makes_no_key_look_lost() {
    let (fake, _replica) = settled(UpstreamKeys::Off).await;
    later().await;
    fake.hold_back(SECRETS);
    let mut second = fake.get(SECRETS, FIRST).unwrap();
    second["metadata"] = json!({"name": "kseal-2-6f0c1a2b", "labels": {names::KEY_STATE: "active"}});
    second["data"]["seed"] = json!(encode_base64(&[9; 32]));
    fake.put(SECRETS, second);
    let before = fake.writes().len();
    fake.change(CONFIG_MAPS, names::PUBLIC_KEYS, |object| object["data"] = json!({}));
    // Less than the silence after which a watch begins anew.
    sleep(Duration::from_secs(40)).await;
    assert_eq!(fake.writes().len(), before, "nothing is written from an old view");
    fake.let_go();
    fake.until(|fake| epochs_and_states(fake) == [(1, "active".into()), (2, "active".into())]).await;
}

#[tokio::test(start_paused = true)]
async fn when_the_term_ends_nothing_more_is_written() {
    let fake = cluster();
    let replica = Replica::start(&fake, UpstreamKeys::Off);
    let term = replica.lead();
    fake.until(|fake| published(fake).is_some()).await;
    term.cancel();
    let before = fake.writes().len();
    fake.delete(CONFIG_MAPS, names::PUBLIC_KEYS);
    later().await;
    assert_eq!(fake.writes().len(), before);
    replica.lead();
    fake.until(|fake| published(fake).is_some()).await;
}
