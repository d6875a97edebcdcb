//! The bare client of `cargo xtask bench controller`: for each new sealed object it writes a Secret and a status as the
//! controller does, of the same size and with the same owner, and knows nothing: no key, no record but of UIDs, no queue but one.
//!
//! The harness starts it in the controller's place, so it has the controller's ServiceAccount, arguments and environment. Of
//! the arguments it takes `--group`, `--workers`, `--items` and `--bytes`.

#![expect(clippy::disallowed_methods, reason = "this program is started like the controller and reads what that reads")]

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    convert::Infallible,
    env,
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, Result, ensure};
use kseal_api::names;
use kseal_tests::bare::{self, Part, Write};
use kube::Client;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;
use tokio::{
    sync::{
        Mutex,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    task::JoinSet,
};

/// The controller's, so that neither has the better one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As many as the controller has.
const THREADS: usize = 2;

/// One line of a watch, as far as it matters.
#[derive(Deserialize)]
struct Line<'l> {
    #[serde(rename = "type", borrow)]
    type_: Cow<'l, str>,
    #[serde(borrow)]
    object: Object<'l>,
}

#[derive(Deserialize)]
struct Object<'l> {
    #[serde(borrow)]
    metadata: Metadata<'l>,
    status: Option<IgnoredAny>,
}

/// Bookmarks have no name.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'l> {
    #[serde(default, borrow)]
    name: Cow<'l, str>,
    #[serde(default, borrow)]
    namespace: Cow<'l, str>,
    #[serde(default, borrow)]
    uid: Cow<'l, str>,
    #[serde(default, borrow)]
    resource_version: Cow<'l, str>,
}

struct New {
    namespace: String,
    name: String,
    uid: String,
}

struct Bare {
    client: Client,
    is_native: bool,
    api_version: &'static str,
    data: BTreeMap<String, String>,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let Err(error) = runtime.block_on(run());
    Err(error)
}

async fn run() -> Result<Infallible> {
    let is_native = argument("group").as_deref() != Some(names::UPSTREAM_GROUP);
    let number = |name: &str, otherwise: usize| argument(name).map_or(Ok(otherwise), |value| value.parse::<usize>());
    let (workers, items, bytes) = (number("workers", 16)?, number("items", 3)?, number("bytes", 32)?);
    let value = data_encoding::BASE64.encode(&vec![b'x'; bytes]);
    let kubeconfig = env::var("KSEAL_KUBECONFIG").context("no KSEAL_KUBECONFIG")?;
    let bare = Arc::new(Bare {
        client: bare::connect(Path::new(&kubeconfig), "bare-client").await?,
        is_native,
        api_version: if is_native { names::API_VERSION } else { names::UPSTREAM_API_VERSION },
        data: (0..items).map(|item| (format!("item-{item}"), value.clone())).collect(),
    });

    let (sender, receiver) = unbounded_channel();
    let receiver = Arc::new(Mutex::new(receiver));
    let mut tasks = JoinSet::new();
    for _ in 0..workers {
        tasks.spawn(Arc::clone(&bare).work(Arc::clone(&receiver)));
    }
    let of_objects = Arc::clone(&bare);
    tasks.spawn(async move { of_objects.follow_objects(sender).await });
    tasks.spawn(async move { bare.follow_secrets().await });
    // None ends but by an error, and one is enough: a client that does less would be no measure.
    tasks.join_next().await.context("nothing runs")??
}

/// The value of `--name=value`.
fn argument(name: &str) -> Option<String> {
    env::args()
        .skip(1)
        .find_map(|argument| Some(argument.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}

impl Bare {
    async fn follow_objects(&self, sender: UnboundedSender<New>) -> Result<Infallible> {
        let collection = format!("/apis/{}/sealedsecrets", self.api_version);
        // A list may be begun anew.
        let mut known = HashSet::new();
        let sink = |line: &[u8]| {
            let Line { type_, object: Object { metadata, status } } = serde_json::from_slice(line)?;
            ensure!(type_ != "ERROR", "the server says: {}", String::from_utf8_lossy(line));
            if type_ == "ADDED" && status.is_none() && known.insert(metadata.uid.to_string()) {
                let (namespace, name) = (metadata.namespace.into_owned(), metadata.name.into_owned());
                sender.send(New { namespace, name, uid: metadata.uid.into_owned() })?;
            }
            Ok(metadata.resource_version.into_owned())
        };
        bare::watch(&self.client, &collection, Part::Whole, None, sink).await
    }

    /// It reads them, as the controller has to, and makes nothing of it.
    async fn follow_secrets(&self) -> Result<Infallible> {
        let sink = |line: &[u8]| {
            let Line { type_, object } = serde_json::from_slice(line)?;
            ensure!(type_ != "ERROR", "the server says: {}", String::from_utf8_lossy(line));
            Ok(object.metadata.resource_version.into_owned())
        };
        bare::watch(&self.client, "/api/v1/secrets", Part::Metadata, None, sink).await
    }

    async fn work(self: Arc<Self>, receiver: Arc<Mutex<UnboundedReceiver<New>>>) -> Result<Infallible> {
        loop {
            let new = receiver.lock().await.recv().await.context("nobody watches")?;
            self.serve(&new).await?;
        }
    }

    /// Two writes.
    async fn serve(&self, New { namespace, name, uid }: &New) -> Result<()> {
        let owner = json!({
            "apiVersion": self.api_version, "kind": names::SEALED_SECRET, "name": name, "uid": uid, "controller": true,
        });
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace, "ownerReferences": [owner]},
            "type": "Opaque",
        });
        if self.is_native {
            secret["immutable"] = json!(false);
        }
        secret["data"] = json!(self.data);
        let path = format!("/api/v1/namespaces/{namespace}/secrets");
        let answer = bare::write(&self.client, Write::Create, &path, names::CONTROLLER, secret.to_string()).await?;
        let made: Object<'_> = serde_json::from_slice(&answer)?;

        let status = json!({"metadata": {"uid": uid}, "status": self.status(uid, &made.metadata)});
        let path = format!("/apis/{}/namespaces/{namespace}/sealedsecrets/{name}/status", self.api_version);
        bare::write(&self.client, Write::Merge, &path, names::CONTROLLER, status.to_string()).await?;
        Ok(())
    }

    /// As long as the controller's.
    fn status(&self, uid: &str, made: &Metadata<'_>) -> serde_json::Value {
        const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb924";
        const NOW: &str = "2026-01-01T00:00:00Z";
        let key = if self.is_native {
            "kx2f7ghqmvh3skx2f7ghqmvh3sa"
        } else {
            "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
        };
        let observed = json!({
            "uid": uid, "secretUID": made.uid, "secretResourceVersion": made.resource_version, "hash": HASH,
            "version": 1, "keys": [key],
        });
        let condition = |type_: &str, reason: &str, message: String| json!({"type": type_, "status": "True", "reason": reason, "message": message, "lastTransitionTime": NOW});
        if self.is_native {
            let mut ready = condition("Ready", "Opened", String::new());
            ready["observedGeneration"] = json!(1);
            return json!({"observedGeneration": 1, "conditions": [ready], "observed": observed});
        }
        let mut synced = condition("Synced", "Unsealed", String::new());
        let mut record = condition("kseal.dev/record", "Opened", observed.to_string());
        synced["lastUpdateTime"] = json!(NOW);
        record["lastUpdateTime"] = json!(NOW);
        json!({"observedGeneration": 1, "conditions": [synced, record]})
    }
}
