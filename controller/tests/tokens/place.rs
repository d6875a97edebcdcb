//! A namespace with one object, and what Kubernetes does there.

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use kseal_api::names;
use kseal_controller::api::Api;
use kseal_controller::guard::Guard;
use kseal_controller::metrics::Metrics;
use kseal_controller::tokens::{TokenKeeper, TokenSettings, keep_tokens};
use kseal_core::tokens::{Surroundings, rfc3339};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::fake::FakeApi;

pub(crate) const SECRETS: &str = "/api/v1/namespaces/prod/secrets";
pub(crate) const EVENTS: &str = "/api/v1/namespaces/prod/events";
const ACCOUNTS: &str = "/api/v1/namespaces/prod/serviceaccounts";
const OBJECTS: &str = "/apis/kseal.dev/v1alpha1/namespaces/prod/serviceaccounttokens";
/// 2026-11-22T05:00:00Z.
const NOW: i64 = 1_795_323_600;
pub(crate) const LIFE: i64 = 600;

/// Ends what it stands for.
pub(crate) struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An API server that issues tokens, and fills token Secrets.
pub(crate) fn cluster(spec: &Value) -> FakeApi {
    let fake = FakeApi::new();
    let annotations = json!({names::ALLOW_TOKEN_FOR: "ci"});
    fake.put(
        ACCOUNTS,
        json!({"metadata": {"namespace": "prod", "name": "bot", "uid": "account", "annotations": annotations}}),
    );
    let metadata = json!({"namespace": "prod", "name": "ci", "uid": "object", "generation": 1});
    fake.put(OBJECTS, json!({"metadata": metadata, "spec": spec}));
    let (began, mut count) = (Instant::now(), 0);
    fake.answer(move |seen, objects| {
        if seen.path != format!("{ACCOUNTS}/bot/token") {
            return None;
        }
        let reference = &seen.body["spec"]["boundObjectRef"];
        let secret = objects.get(&(SECRETS.to_owned(), reference["name"].as_str()?.to_owned()));
        if secret.is_none_or(|secret| secret["metadata"]["uid"] != reference["uid"]) {
            return Some((409, json!({"kind": "Status", "code": 409, "reason": "Conflict"})));
        }
        count += 1;
        let now = NOW + i64::try_from(began.elapsed().as_secs()).ok()?;
        // It says where it is good.
        let token = format!("bound-{count}-to-{}-until-{}", reference["uid"].as_str()?, now + LIFE);
        Some((
            201,
            json!({
                "metadata": {"creationTimestamp": rfc3339(now)},
                "status": {"token": token, "expirationTimestamp": rfc3339(now + LIFE)},
            }),
        ))
    });
    fake.complete(|object| {
        if object["type"] == names::SERVICE_ACCOUNT_TOKEN_TYPE {
            let token = format!("of-{}", object["metadata"]["uid"].as_str().unwrap());
            object["data"] = json!({"token": kseal_crypto::encode_base64(token.as_bytes()), "ca.crt": "Q0E="});
            object["metadata"]["annotations"][names::SERVICE_ACCOUNT_UID] = json!("account");
        }
    });
    fake
}

/// A controller that keeps tokens.
pub(crate) fn start(fake: &FakeApi) -> Running {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (_, in_force) = watch::channel(kseal_core::policy::InForce::default());
    let keeper = TokenKeeper {
        client: fake.client(),
        api: Api::new(fake.client()),
        settings: TokenSettings {
            is_on: true,
            namespaces: vec!["prod".into()],
            surroundings: Surroundings { own_namespace: "kseal-system".into(), ..Surroundings::default() },
        },
        guard: Guard::new(in_force, true, kseal_controller::settings::now),
        clock: || Timestamp::from_second(NOW).unwrap(),
        jitter: || 0.5,
        suffix: || format!("{:08}", COUNT.fetch_add(1, Ordering::Relaxed)),
        metrics: Metrics::new(),
    };
    Running(tokio::spawn(keep_tokens(keeper, CancellationToken::new())).abort_handle())
}

pub(crate) fn published(fake: &FakeApi) -> Option<String> {
    let secret = fake.get(SECRETS, "ci")?;
    let text = kseal_crypto::decode_base64(secret["data"]["token"].as_str()?).unwrap();
    Some(String::from_utf8(text).unwrap()).filter(|token| !token.is_empty())
}

pub(crate) fn token_secrets(fake: &FakeApi) -> usize {
    fake.list(SECRETS).iter().filter(|secret| secret["type"] == names::SERVICE_ACCOUNT_TOKEN_TYPE).count()
}

/// Whether what is published is good by what is there, and the object says so.
pub(crate) fn is_right(fake: &FakeApi) -> bool {
    let Some(token) = published(fake) else { return false };
    let object = fake.get(OBJECTS, "ci").unwrap();
    let there = fake.list(SECRETS);
    let is_there = |uid: &str| there.iter().any(|secret| secret["metadata"]["uid"] == uid);
    let is_good = match token.strip_prefix("of-") {
        Some(uid) => is_there(uid),
        None => is_there(token.split("-to-").nth(1).unwrap().split("-until-").next().unwrap()),
    };
    is_good && object["status"]["conditions"][0]["status"] == "True"
}
