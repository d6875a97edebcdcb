use std::sync::Mutex;

use http::Method;
use jiff::Timestamp;
use kseal_api::{KeyState, names};
use kseal_core::bundle::BundleKey;
use kseal_core::keys::Publication;
use kseal_crypto::identity::IdentityKey;
use kseal_crypto::sealed_secrets::RsaSize;
use kseal_crypto::{PrivateKey, Suite, encode_base64};
use serde_json::{Value, json};

use super::*;
use crate::settings;
use crate::testing::{Answer, Seen, client};

const SEED: [u8; 32] = [7; 32];
const UID: &str = "6f0c1a2b-77aa-4bcd-8eee-000000000001";

fn keeper(
    answer: impl FnMut(Seen) -> Answer + Send + 'static,
    published: watch::Receiver<Option<Arc<Published>>>,
) -> Keeper {
    let settings = KeySettings {
        namespace: "kseal-system".into(),
        cluster_name: "prod".into(),
        suite: Suite::X25519,
        upstream: UpstreamKeys::Off,
        upstream_prefix: String::new(),
        period: None,
        upstream_period: None,
        upstream_size: RsaSize::Bits2048,
    };
    let (_held, held) = watch::channel(Arc::new(HeldKeys { synced: true, ..HeldKeys::default() }));
    let clock = || Timestamp::from_second(1_795_323_600).unwrap();
    Keeper { api: Api::new(client(answer)), settings, held, published, clock, metrics: Metrics::new() }
}

/// The ConfigMap, in which the cluster's identity published these keys.
fn config_map(keys: Vec<BundleKey>, serial: u64) -> Value {
    let publication = Publication { name: "prod".into(), cluster_uid: UID.into(), keys, certificate: None };
    let identity = IdentityKey::from_seed(&SEED).unwrap();
    let text = serde_json::to_string(&publication.sign(&identity, serial, "2026-11-01T00:00:00Z")).unwrap();
    let metadata =
        json!({"uid": "u1", "resourceVersion": serial.to_string(), "creationTimestamp": "2026-11-01T00:00:00Z"});
    json!({"metadata": metadata, "data": {names::PUBLIC_KEYS_ITEM: text}})
}

/// What is published while a turn goes on was not there when it read what it decides from.
#[tokio::test]
async fn who_makes_a_key_while_another_leader_does_so_meets_it_by_its_name() {
    let other = BundleKey {
        public: PrivateKey::from_seed(Suite::X25519, &[9; 32]).unwrap().public().clone(),
        epoch: 1,
        created_at: "2026-11-01T00:00:00Z".into(),
        state: KeyState::Active,
    };
    let (publications, published) = watch::channel(None);
    let read = |config_map: &Value| Published::read(config_map.to_string().as_bytes(), None).map(Arc::new);
    publications.send_replace(read(&config_map(vec![], 1)));
    let made = Arc::new(Mutex::new(Vec::new()));
    let names = Arc::clone(&made);
    let answer = move |request: Seen| match (&request.method, request.path.rsplit('/').next().unwrap()) {
        (&Method::POST, "secrets") => {
            names.lock().unwrap().push(request.body["metadata"]["name"].as_str().unwrap().to_owned());
            Answer::Json(409, json!({"reason": "AlreadyExists"}))
        }
        (_, "kube-system") => Answer::Json(200, json!({"metadata": {"uid": UID}})),
        (_, names::PUBLIC_KEYS) => Answer::Json(200, config_map(vec![], 1)),
        (_, "secrets") => Answer::Json(200, json!({"metadata": {}, "items": []})),
        (_, names::IDENTITY) => {
            publications.send_replace(read(&config_map(vec![other.clone()], 2)));
            let data = json!({"seed": encode_base64(&SEED), "createdAt": encode_base64(b"2026-11-01T00:00:00Z")});
            let metadata = json!({"name": names::IDENTITY, "uid": "i1", "resourceVersion": "3"});
            Answer::Json(200, json!({"metadata": metadata, "type": names::IDENTITY_KEY_TYPE, "data": data}))
        }
        _ => Answer::Json(404, json!(null)),
    };
    let mut keeping = Keeping::new(keeper(answer, published), settings::rng());
    assert_eq!(keeping.turn().await.unwrap(), Next::Again);
    assert_eq!(*made.lock().unwrap(), ["kseal-1-6f0c1a2b"], "both choose the same name, and one of them is refused");
}
