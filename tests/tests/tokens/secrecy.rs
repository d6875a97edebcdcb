//! Tokens are looked for everywhere but where they belong: in Secrets.

use std::{collections::HashSet, fs, sync::Mutex};

use anyhow::{Context as _, Result, ensure};
use http::Method;
use kseal_tests::cluster::{Cluster, ControllerOptions, Options, Treatment, run};
use serde_json::json;

use crate::place::{Place, Token, options, site};

#[path = "../../../cli/tests/canary/needles.rs"]
mod needles;

use needles::Needles;

/// What nobody can guess of a token.
fn signature(token: &Token) -> Result<&str> {
    let (_, signature) = token.text.rsplit_once('.').context("no JWT")?;
    Ok(signature)
}

#[test]
fn a_token_is_in_its_secrets_and_nowhere_else() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        // The first patch in each namespace is refused, in words that repeat what was sent.
        let known: Mutex<HashSet<String>> = Mutex::default();
        let proxy = cluster
            .proxy(move |asked| {
                let is_published = asked.method == Method::PATCH && asked.path.ends_with("/secrets/ci-token");
                if !is_published || !known.lock().is_ok_and(|mut known| known.insert(asked.path.clone())) {
                    return Treatment::Pass;
                }
                let message = format!("admission webhook denied the request: {}", asked.body);
                let body = json!({"kind": "Status", "code": 422, "reason": "Invalid", "message": message});
                Treatment::Answer { code: 422, body, retry_after: None }
            })
            .await?;
        let server = format!("--kubeconfig-server={}", cluster.address());
        let options = ControllerOptions { server: Some(proxy.address()), ..options(&[&server]) };
        let controller = site.start(options).await?;
        let mut needles = Needles::default();
        let mut count = 0;
        for mode in [
            json!({"mode": "Bound", "expirationSeconds": 600, "kubeconfig": {}}),
            json!({"mode": "Secret", "kubeconfig": {}, "rotation": {"periodSeconds": 1_000, "overlapSeconds": 10}}),
        ] {
            let place = Place::new(&site).await?;
            place.ask(mode).await?;
            let first = place.holds().await?;
            place.age(1_001).await?;
            let second = place.follows(&first).await?;
            for token in [first, second] {
                count += 1;
                needles.add(&format!("token {count}"), signature(&token)?.as_bytes());
            }
        }
        let found = |octets: &[u8], place: &str| -> Result<()> {
            let found = needles.found_in(octets);
            ensure!(found.is_empty(), "{found:?} in {place}");
            Ok(())
        };
        found(controller.logs()?.as_bytes(), "the log")?;
        found(controller.metrics().await?.as_bytes(), "the metrics")?;
        found(&fs::read(cluster.folder().join("audit.log"))?, "the audit log")?;
        let mut secrets = 0;
        for (key, value) in cluster.etcd_dump().await? {
            if key.starts_with("/registry/secrets/") {
                secrets += usize::from(!needles.found_in(&value).is_empty());
            } else {
                found(&value, &key)?;
            }
        }
        ensure!(secrets >= 3, "they are in {secrets} Secrets");
        controller.stop().await
    });
}
