//! What stands in etcd, asked past the API server.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use kseal_crypto::decode_base64;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

/// Keys that are asked for at once: Kubernetes lets an object be 1.5 MiB.
const PAGE: usize = 100;
/// No answer is larger: a page of the largest objects in Base64, twice.
const LARGEST: u64 = 512 << 20;

#[derive(Deserialize)]
struct Page {
    header: Header,
    #[serde(default)]
    kvs: Vec<Pair>,
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct Header {
    revision: String,
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    #[serde(default)]
    value: String,
}

/// Every key with its value, all of one revision.
pub(super) async fn dump(port: u16) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut from = vec![0];
    let mut revision = "0".to_owned();
    loop {
        let request = json!({
            "key": encode(&from), "range_end": encode(&[0]), "limit": PAGE, "revision": revision,
        });
        let page: Page = ask(port, "kv/range", &request).await?;
        revision = page.header.revision;
        for pair in page.kvs {
            from = decode_base64(&pair.key).context("no Base64")?;
            let name = String::from_utf8(from.clone())?;
            found.insert(name, decode_base64(&pair.value).context("no Base64")?);
            from.push(0);
        }
        if !page.more {
            return Ok(found);
        }
    }
}

/// Forgets every revision but the newest.
pub(super) async fn compact(port: u16) -> Result<()> {
    let page: Page = ask(port, "kv/range", &json!({"key": encode(&[0]), "limit": 1})).await?;
    let _: Value = ask(port, "kv/compaction", &json!({"revision": page.header.revision, "physical": true})).await?;
    Ok(())
}

fn encode(octets: &[u8]) -> String {
    data_encoding::BASE64.encode(octets)
}

async fn ask<T: DeserializeOwned>(port: u16, what: &str, request: &Value) -> Result<T> {
    let address = format!("http://127.0.0.1:{port}/v3/{what}");
    let answer = post(address, request.to_string()).await?;
    Ok(serde_json::from_str(&answer)?)
}

async fn post(address: String, body: String) -> Result<String> {
    spawn_blocking(move || {
        let mut response = ureq::post(&address).send(body).with_context(|| format!("POST {address}"))?;
        Ok(response.body_mut().with_config().limit(LARGEST).read_to_string()?)
    })
    .await?
}

/// The body of the answer to a GET.
pub(super) async fn get(address: String) -> Result<String> {
    spawn_blocking(move || {
        let mut response = ureq::get(&address).call().with_context(|| format!("GET {address}"))?;
        Ok(response.body_mut().read_to_string()?)
    })
    .await?
}
