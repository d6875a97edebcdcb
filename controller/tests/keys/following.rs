//! What every replica holds.

use kseal_api::names;
use kseal_controller::keys::UpstreamKeys;
use kseal_core::keys::Malformed;
use kseal_crypto::sealed_secrets::{Certificate, RsaPrivateKey, RsaSize, Validity};
use kseal_crypto::{PrivateKey, Suite, encode_base64};
use serde_json::{Value, json};

use crate::fake::FakeApi;
use crate::replica::{FIRST, Replica, SECRETS, cluster, events, listed, published, relabel, rng};

fn native(name: &str, state: &str, seed: u8) -> Value {
    json!({
        "metadata": {"name": name, "labels": {names::KEY_STATE: state}},
        "type": "kseal.dev/sealing-key",
        "data": {
            "suite": encode_base64(b"X25519"),
            "seed": encode_base64(&[seed; 32]),
            "createdAt": encode_base64(b"2026-11-01T00:00:00Z"),
        },
    })
}

fn name(seed: u8) -> kseal_crypto::Fingerprint {
    PrivateKey::from_seed(Suite::X25519, &[seed; 32]).unwrap().fingerprint()
}

struct Rsa {
    key: RsaPrivateKey,
    certificate: Certificate,
}

fn rsa(not_before: u64) -> Rsa {
    let key = RsaPrivateKey::generate(RsaSize::Bits2048).unwrap();
    let validity = Validity { not_before, not_after: 2_000_000_000 };
    let certificate = Certificate::self_signed(&key, validity, &mut rng()).unwrap();
    Rsa { key, certificate }
}

fn upstream(name: &str, label: Option<&str>, rsa: &Rsa) -> Value {
    let labels = label.map_or(json!({}), |label| json!({names::UPSTREAM_KEY: label}));
    let (key, certificate) = (rsa.key.to_pkcs1_pem(), rsa.certificate.to_pem());
    json!({
        "metadata": {"name": name, "labels": labels},
        "type": "kubernetes.io/tls",
        "data": {"tls.key": encode_base64(key.as_bytes()), "tls.crt": encode_base64(certificate.as_bytes())},
    })
}

async fn started(fake: &FakeApi, upstream: UpstreamKeys) -> Replica {
    let mut replica = Replica::start(fake, upstream);
    replica.held.wait_for(|held| held.synced && held.reachable).await.unwrap();
    replica
}

#[tokio::test(start_paused = true)]
async fn a_label_takes_effect_without_a_restart() {
    let fake = cluster();
    fake.put(SECRETS, native(FIRST, "active", 1));
    let mut replica = started(&fake, UpstreamKeys::Existing).await;
    assert!(replica.held.borrow().ring.get(name(1)).is_some());
    fake.put(SECRETS, native("kseal-2-6f0c1a2b", "active", 2));
    replica.held.wait_for(|held| held.ring.native().count() == 2).await.unwrap();
    relabel(&fake, FIRST, names::KEY_STATE, "retired");
    let held = replica.held.wait_for(|held| held.ring.get(name(1)).is_none()).await.unwrap().clone();
    assert_eq!((held.ledger.native.len(), held.ring.get(name(1)).is_none()), (2, true));
    relabel(&fake, FIRST, names::KEY_STATE, "compromised");
    replica.held.wait_for(|held| held.ring.get(name(1)).is_some()).await.unwrap();
    fake.delete(SECRETS, "kseal-2-6f0c1a2b");
    replica.held.wait_for(|held| held.ring.get(name(2)).is_none()).await.unwrap();
    // Without its label it is no key Secret any more.
    fake.change(SECRETS, FIRST, |secret| secret["metadata"]["labels"] = json!({}));
    replica.held.wait_for(|held| held.ring.is_empty() && held.ledger.names.is_empty()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_malformed_key_secret_does_not_disturb_the_others() {
    let fake = cluster();
    let mut broken = native("kseal-1-6f0c1a2b", "active", 1);
    broken["data"]["seed"] = json!("AAAA");
    let mut unreadable = native("kseal-2-6f0c1a2b", "active", 2);
    unreadable["data"] = json!("text");
    fake.put(SECRETS, broken);
    fake.put(SECRETS, unreadable);
    fake.put(SECRETS, native("kseal-3-6f0c1a2b", "aktiv", 3));
    fake.put(SECRETS, native("kseal-4-6f0c1a2b", "active", 4));
    let mut replica = started(&fake, UpstreamKeys::Existing).await;
    let held = replica.held.borrow_and_update().clone();
    assert_eq!(held.ring.native().map(PrivateKey::fingerprint).collect::<Vec<_>>(), [name(4)]);
    let told: Vec<String> =
        held.ledger.malformed.iter().map(|Malformed { secret, fault, .. }| format!("{secret}: {fault}")).collect();
    assert_eq!(
        told,
        [
            "kseal-1-6f0c1a2b: the item seed is not a private key: not a private key: 32 bytes were expected",
            "kseal-2-6f0c1a2b: the Secret cannot be read: an item is no base64 text",
            "kseal-3-6f0c1a2b: the label kseal.dev/sealing-key is none of active, retiring, retired and compromised",
        ]
    );
    let counted = replica.metrics.encode();
    assert!(counted.contains("kseal_keys_malformed 3\n"));
    assert!(counted.contains("kseal_keys{kind=\"native\",state=\"active\"} 1\n"));
    replica.lead();
    fake.until(|fake| published(fake).is_some()).await;
    assert_eq!(listed(&fake), [(name(4).to_string(), 4, "active".into())]);
    let told: Vec<_> = events(&fake).into_iter().filter(|(reason, _)| reason == "KeyMalformed").collect();
    assert_eq!(told.len(), 3);
    // Mended, it is loaded.
    fake.put(SECRETS, native("kseal-1-6f0c1a2b", "retiring", 1));
    replica.held.wait_for(|held| held.ring.get(name(1)).is_some()).await.unwrap();
    fake.until(|fake| listed(fake).len() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn sealed_secrets_keys_are_loaded_as_upstream_does() {
    let fake = cluster();
    let [legacy, old, new, inactive] = [100, 200, 300, 400].map(rsa);
    fake.put(SECRETS, upstream("sealed-secrets-key", None, &legacy));
    fake.put(SECRETS, upstream("sealed-secrets-keyaaaaa", Some("active"), &new));
    fake.put(SECRETS, upstream("sealed-secrets-keybbbbb", Some("active"), &old));
    fake.put(SECRETS, upstream("sealed-secrets-keyccccc", Some("compromised"), &inactive));
    let mut replica = started(&fake, UpstreamKeys::Existing).await;
    let order = |replica: &Replica| {
        let held = replica.held.borrow();
        held.ring.rsa().iter().map(|key| key.public().fingerprint().clone()).collect::<Vec<_>>()
    };
    let names = |keys: &[&Rsa]| keys.iter().map(|rsa| rsa.key.public().fingerprint().clone()).collect::<Vec<_>>();
    assert_eq!(order(&replica), names(&[&new, &old, &legacy]));
    assert_eq!(replica.held.borrow().ledger.certificate(), Some(new.certificate.to_pem()));
    relabel(&fake, "sealed-secrets-keyccccc", names::UPSTREAM_KEY, "active");
    replica.held.wait_for(|held| held.ring.rsa().len() == 4).await.unwrap();
    assert_eq!(replica.held.borrow().ledger.certificate(), Some(inactive.certificate.to_pem()));
    // The legacy Secret with the label stands in two collections and is one key.
    fake.put(SECRETS, upstream("sealed-secrets-key", Some("active"), &legacy));
    replica.lead();
    fake.until(|fake| published(fake).is_some()).await;
    assert_eq!(order(&replica), names(&[&inactive, &new, &old, &legacy]));
    assert_eq!(replica.held.borrow().ledger.rsa.len(), 4);
    let off = started(&fake, UpstreamKeys::Off).await;
    assert_eq!(off.opens(), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_published_is_followed() {
    let fake = cluster();
    let mut replica = started(&fake, UpstreamKeys::Off).await;
    assert!(replica.published.borrow().is_none());
    replica.lead();
    let text = |published: &Option<std::sync::Arc<kseal_controller::keys::Published>>| {
        published.as_ref().and_then(|published| published.text().map(str::to_owned))
    };
    replica.published.wait_for(|published| text(published).is_some()).await.unwrap();
    let held = text(&replica.published.borrow());
    let config_map = fake.get("/api/v1/namespaces/kseal-system/configmaps", names::PUBLIC_KEYS).unwrap();
    assert_eq!(held.as_deref(), config_map["data"]["bundle.json"].as_str());
}
