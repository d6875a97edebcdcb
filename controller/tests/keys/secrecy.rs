//! No private key leaves but in the Secret that is made for it.

use std::io;
use std::sync::{Arc, Mutex};

use http::Method;
use kseal_api::names;
use kseal_controller::keys::UpstreamKeys;
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};
use tracing_subscriber::fmt::MakeWriter;

use crate::replica::{CONFIG_MAPS, FIRST, Replica, SECRETS, cluster, published};

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn private_keys_are_in_no_log_no_event_and_nothing_that_is_published() {
    let log = Log::default();
    // For all tests of this program: where each has a subscriber of its own, some lines reach none.
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(log.clone()).init();
    let fake = cluster();
    let replica = Replica::start(&fake, UpstreamKeys::Generate);
    replica.lead();
    fake.until(|fake| published(fake).is_some_and(|bundle| bundle.certificate.is_some())).await;
    // What goes wrong is told, too: a malformed copy of each key, and an identity that is none.
    for (name, item) in [(FIRST, "suite"), ("sealed-secrets-key-1-6f0c1a2b", "tls.crt")] {
        let mut broken = fake.get(SECRETS, name).unwrap();
        broken["metadata"] = json!({"name": format!("{name}-broken"), "labels": broken["metadata"]["labels"]});
        broken["data"][item] = json!("AAAA");
        fake.put(SECRETS, broken);
    }
    sleep(Duration::from_mins(1)).await;
    let seed_of = |name: &str| fake.get(SECRETS, name).unwrap()["data"]["seed"].as_str().unwrap().to_owned();
    let tls = fake.get(SECRETS, "sealed-secrets-key-1-6f0c1a2b").unwrap();
    let tls = tls["data"]["tls.key"].as_str().unwrap().to_owned();
    let secrets = [seed_of(FIRST), seed_of(names::IDENTITY), tls];
    fake.change(SECRETS, names::IDENTITY, |secret| secret["type"] = json!("Opaque"));
    fake.delete(CONFIG_MAPS, names::PUBLIC_KEYS);
    sleep(Duration::from_mins(1)).await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("made a key") && log.contains("is passed over") && log.contains("of no use"));
    let others: Vec<Value> = fake
        .writes()
        .into_iter()
        .filter(|seen| !(seen.method == Method::POST && seen.path == SECRETS))
        .map(|seen| seen.body)
        .collect();
    assert!(others.len() > 5, "events and publications");
    let said = format!("{log}{}", Value::from(others));
    for secret in secrets {
        let decoded = kseal_crypto::decode_base64(&secret).unwrap();
        assert!(!said.contains(&secret[..30]));
        assert!(!said.contains(&format!("{:?}", &decoded[..8]).replace(['[', ']'], "")));
        if let Ok(text) = String::from_utf8(decoded) {
            let line = text.lines().nth(1).unwrap();
            assert!(!said.contains(line));
        }
    }
}
