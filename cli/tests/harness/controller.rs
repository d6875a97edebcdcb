//! What a controller does with RewrapRequests, played by keys of the tests.

#![allow(clippy::panic, reason = "this is test code, outside of a function that says so")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use kseal_api::{DataKey, RewrapFailure, RewrapObject, RewrapRequestSpec, Scope};
use kseal_core::{ObjectRef, place};
use kseal_crypto::{Envelope, KeyRing, PrivateKey, Reason, Suite, encode_base64, envelope::DataKeyText};
use rand_core::UnwrapErr;
use serde_json::{Value, json};

use super::server::{Seen, Server, status};

/// What it holds, and what came to it.
#[derive(Default)]
pub(crate) struct Controller {
    /// Seeds of the keys that it opens with.
    pub(crate) held: Vec<u8>,
    /// Seed of the key that it wraps for.
    pub(crate) newest: u8,
    /// How often it says that it is not ready yet.
    pub(crate) slow: usize,
    /// Changes an answer before it is given.
    pub(crate) twist: Option<fn(&mut Value)>,
    /// Refuses: method and code.
    pub(crate) refuses: Option<(&'static str, u16)>,
    pub(crate) requests: BTreeMap<String, (RewrapRequestSpec, String)>,
    /// Every request that was made: its namespace, and what was asked.
    pub(crate) made: Vec<(String, RewrapRequestSpec)>,
    pub(crate) asked: usize,
}

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed(Suite::X25519, &[seed; 32]).expect("a seed")
}

/// The manifest of the private key of this seed, made on a day of that number.
pub(crate) fn manifest(seed: u8) -> String {
    let text = |text: &[u8]| encode_base64(text);
    format!(
        "apiVersion: v1\nkind: Secret\ntype: kseal.dev/sealing-key\nmetadata: {{name: key}}\ndata:\n  suite: {}\n  seed: \
         {}\n  createdAt: {}\n",
        text(b"X25519"),
        text(&[seed; 32]),
        text(format!("2026-11-{seed:02}T00:00:00Z").as_bytes())
    )
}

impl Controller {
    /// Lets a server answer to RewrapRequests.
    pub(crate) fn serve(self, server: &Server) -> Arc<Mutex<Self>> {
        let this = Arc::new(Mutex::new(self));
        let shared = Arc::clone(&this);
        server.decides(move |seen| shared.lock().expect("the controller").decide(seen));
        this
    }

    fn decide(&mut self, seen: &Seen) -> Option<(u16, String)> {
        let (method, path) = seen.line.split_once(' ')?;
        let rest = path.strip_prefix("/apis/kseal.dev/v1alpha1/namespaces/")?;
        let (namespace, rest) = rest.split_once("/rewraprequests")?;
        if let Some((_, code)) = self.refuses.filter(|(refused, _)| *refused == method) {
            return Some((code, status(code, "No", "no, not now").to_string()));
        }
        let name = rest.trim_start_matches('/').to_owned();
        Some(match method {
            "POST" => {
                let body: Value = serde_json::from_str(&seen.body).expect("JSON");
                assert_eq!(
                    (&body["kind"], &body["metadata"]),
                    (&json!("RewrapRequest"), &json!({"generateName": "reencrypt-"}))
                );
                let spec: RewrapRequestSpec = serde_json::from_value(body["spec"].clone()).expect("a spec");
                self.made.push((namespace.to_owned(), spec.clone()));
                let name = format!("reencrypt-{}", self.made.len());
                self.requests.insert(name.clone(), (spec, namespace.to_owned()));
                (201, json!({"metadata": {"name": name, "generation": 1}}).to_string())
            }
            "GET" => {
                let (spec, namespace) = self.requests.get(&name).expect("a request that was made");
                let metadata = json!({"name": name, "generation": 1});
                self.asked += 1;
                if self.asked <= self.slow {
                    return Some((200, json!({"metadata": metadata, "status": {}}).to_string()));
                }
                let objects: Vec<Value> = spec.objects.iter().map(|object| self.object(namespace, object)).collect();
                let mut answer = json!({
                    "observedGeneration": 1, "objects": objects,
                    "conditions": [{"type": "Complete", "status": "True"}],
                });
                self.twist.iter().for_each(|twist| twist(&mut answer));
                (200, json!({"metadata": metadata, "status": answer}).to_string())
            }
            "DELETE" => {
                self.requests.remove(&name);
                (200, json!({"kind": "Status"}).to_string())
            }
            other => panic!("{other} {path}"),
        })
    }

    fn object(&self, namespace: &str, object: &RewrapObject) -> Value {
        let (mut wraps, mut failures) = (BTreeMap::new(), BTreeMap::new());
        for (handle, data_key) in &object.data_keys {
            match self.wrap(namespace, object.scope, object.name.clone(), handle, data_key) {
                Ok((key, wrap)) => drop(wraps.insert(handle, BTreeMap::from([(key, wrap)]))),
                Err(failure) => drop(failures.insert(handle, failure)),
            }
        }
        json!({"dataKeys": wraps, "failures": failures})
    }

    fn wrap(
        &self,
        namespace: &str,
        scope: Scope,
        name: Option<String>,
        handle: &str,
        data_key: &DataKey,
    ) -> Result<(String, String), RewrapFailure> {
        let place = place(scope, &ObjectRef { namespace: Some(namespace.to_owned()), name }).expect("a place");
        let recipients = data_key.recipients.iter().map(|(key, wrap)| (key.as_str(), wrap.as_str())).collect();
        let text = DataKeyText { commitment: &data_key.commitment, recipients };
        let envelope = Envelope::read([(handle, text)], []);
        let mut ring = KeyRing::default();
        self.held.iter().for_each(|seed| ring.add(key(*seed)));
        let handle = handle.parse().map_err(|_| RewrapFailure::Malformed)?;
        let opened = envelope.open_data_key(handle, &ring, &place).map_err(|reason| match reason {
            Reason::NoKey => RewrapFailure::NoKey,
            _ => RewrapFailure::Open,
        })?;
        let newest = key(self.newest);
        let wrap = opened.wrap_for(newest.public(), &place, &mut UnwrapErr(getrandom::SysRng)).expect("a key");
        Ok((newest.fingerprint().to_string(), encode_base64(&wrap)))
    }
}
