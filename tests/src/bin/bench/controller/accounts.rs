//! The way of a registry Secret into a new ServiceAccount.

use anyhow::{Context as _, Result, anyhow, ensure};
use data_encoding::BASE64;
use kseal_api::{Scope, SealedFor, SealedSecretSpec, names};
use kseal_core::seal_native;
use kseal_crypto::{Place, PublicKey};
use kseal_tests::{
    bare::{self, Part, Write},
    cluster::{Cluster, Controller, wait_until},
    site::cluster_sealed_for,
};
use rand_core::UnwrapErr;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{Duration, Instant, timeout},
};

use super::{
    Plan,
    field::{Field, PREFIX, is},
    memory::shown,
    rows::quiet,
    usage::Memory,
};
use crate::table::{MIB, Table, percentile};

const FOLDER: &str = "tests/fixtures/accounts";
const ARGUMENTS: [&str; 1] = ["--policies=elsewhere"];
/// In the second nobody asks for anything.
const NAMESPACES: usize = 2;
const WARM_UP: usize = 10;
/// What it may take beyond one read and one write, in milliseconds.
const MORE: f64 = 4.0;
/// As the design has it, on any machine that is fit for a cluster.
const AT_MOST: f64 = 50.0;
const PATIENCE: Duration = Duration::from_mins(1);
/// For thousands of accounts.
const LONG: Duration = Duration::from_mins(5);
/// Accounts of one namespace.
const EACH: usize = 10;
const ALL: &str = "/api/v1/serviceaccounts";
/// The namespaces that are there anyway.
const BESIDE: [&str; 5] = ["default", "kube-system", "kube-public", "kube-node-lease", "kseal-system"];
const REGISTRY: &str = "registry";
/// Of a registry Secret with this one value.
const CREDENTIALS: &[u8] = br#"{"auths":{"registry.example.com":{"auth":"YTpi"}}}"#;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    metadata: Metadata,
    #[serde(default)]
    image_pull_secrets: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    resource_version: String,
}

#[derive(Deserialize)]
struct Line {
    object: Account,
}

/// From the 201 of the account to the watch event in which it has the entry, held against a GET and a PUT of such an
/// account. One of each, in turn.
pub(super) async fn row(plan: &Plan, table: &mut Table) -> Result<()> {
    let cluster = Cluster::start(quiet()).await?;
    let kseal = cluster.install(FOLDER).await?;
    let field = Field::new(&cluster, &kseal, NAMESPACES, plan.judges).await?;
    let (asked, other) = (field.place(0).0, field.place(1).0);
    let controller = field.start(&ARGUMENTS).await?;
    let key = field.published(false).await?.sealing_key().context("no key seals")?.public.clone();
    let object = registry(&key, &asked)?;
    let path = format!("/apis/{}/namespaces/{asked}/sealedsecrets", names::API_VERSION);
    bare::write(&field.admin, Write::Create, &path, "bench", object.to_string()).await?;
    wait_until("the Secret is right", PATIENCE, || async {
        let object: Value =
            serde_json::from_slice(&bare::read(&field.admin, &format!("{path}/{REGISTRY}"), Part::Whole).await?)?;
        ensure!(object["status"]["conditions"][0]["status"] == "True", "{}", object["status"]);
        Ok(())
    })
    .await?;
    field.calm().await?;
    let mut events = watch(&field, &asked).await?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + plan.single {
        let one = one(&field, &mut events, &asked, number).await?;
        let two = read_and_write(&field, &other, number).await?;
        if number >= WARM_UP {
            ours.push(one);
            bare.push(two);
        }
    }
    controller.stop().await?;
    let of = |values: &[f64], percent| percentile(values.to_vec(), percent);
    let measured = format!(
        "{:.1} ms (p99 {:.1} ms), GET and PUT {:.1} ms ({} of each)",
        of(&ours, 50),
        of(&ours, 99),
        of(&bare, 50),
        ours.len()
    );
    let holds = of(&ours, 50) <= of(&bare, 50) + MORE && of(&ours, 50) <= AT_MOST;
    table.ratio(
        "a registry Secret in a new ServiceAccount, idle, p50",
        "≤ a bare GET and PUT + 4 ms, ≤ 50 ms",
        &measured,
        holds,
    );
    Ok(())
}

/// One registry Secret for the accounts of many namespaces: what it costs when it is new, when it changes, and the memory of
/// a controller that has all of them in mind.
pub(super) async fn many(plan: &Plan, table: &mut Table) -> Result<()> {
    let (namespaces, accounts) = (plan.objects / EACH, plan.objects);
    let cluster = Cluster::start(quiet()).await?;
    let kseal = cluster.install(FOLDER).await?;
    let field = Field::new(&cluster, &kseal, namespaces, plan.judges).await?;
    // With that of each namespace, which comes by itself.
    field.create_accounts(accounts - namespaces).await?;
    wait_until("every namespace has its own account", PATIENCE, || async {
        let list: Value = serde_json::from_slice(&bare::read(&field.admin, ALL, Part::Whole).await?)?;
        let made = list["items"].as_array().into_iter().flatten();
        let made = made.filter(|it| it["metadata"]["namespace"].as_str().is_some_and(|name| name.starts_with(PREFIX)));
        let made = made.count();
        ensure!(made == accounts, "{made} of {accounts}");
        Ok(())
    })
    .await?;
    let controller = field.start(&ARGUMENTS).await?;
    let key = field.published(false).await?.sealing_key().context("no key seals")?.public.clone();
    field.calm().await?;
    let begun = Instant::now();
    let object = everywhere(&key, "one")?;
    let collection = format!("/apis/{}/clustersealedsecrets", names::API_VERSION);
    bare::write(&field.admin, Write::Create, &collection, "bench", object.to_string()).await?;
    settled(&field, &collection, namespaces).await?;
    let took = begun.elapsed();
    let [secrets, statuses, entries, operations] = counts(&controller).await?;
    let measured = format!(
        "{secrets} and {entries}, {statuses} of a status, {operations} private-key operation, in {:.1} s",
        took.as_secs_f64()
    );
    let holds = secrets == namespaces && entries == accounts && operations == 1;
    let what = format!("one registry Secret for {accounts} ServiceAccounts of {namespaces} namespaces, new");
    table.count(&what, "a write for each Secret and each account", &measured, holds);

    let change = json!({"spec": everywhere(&key, "two")?["spec"]}).to_string();
    bare::write(&field.admin, Write::Merge, &format!("{collection}/{REGISTRY}"), "bench", change).await?;
    settled(&field, &collection, namespaces).await?;
    let [after, _, others, operations_after] = counts(&controller).await?;
    let (secrets, entries) = (after - secrets, others - entries);
    let measured = format!("{secrets} and {entries}, {} private-key operation", operations_after - operations);
    let holds = secrets == namespaces && entries == 0 && operations_after == operations + 1;
    table.count("the same, changed", "a write for each Secret, none for an account", &measured, holds);
    controller.stop().await?;

    let controller = field.start(&ARGUMENTS).await?;
    wait_until("it is in sync", PATIENCE, || async {
        let ready = controller.metric("kseal_cluster_sealed_secret_namespaces{state=\"ready\"}").await?;
        ensure!(is(ready, namespaces), "{ready}");
        Ok(())
    })
    .await?;
    let memory = Memory::of(controller.pid())?;
    let [secrets, statuses, entries, operations] = counts(&controller).await?;
    let holds = [secrets, statuses, entries, operations] == [0; 4];
    let measured = format!("{} writes, {operations} private-key operations", secrets + statuses + entries);
    table.count("the same, restart", "0 writes, 0 private-key operations", &measured, holds);
    let holds = memory.resident <= 24 * MIB && memory.peak <= 32 * MIB;
    table.ratio("the same, memory in sync", "≤ 24 MiB resident, ≤ 32 MiB peak", &shown(memory), holds);
    controller.stop().await
}

/// Waits until all namespaces have it as it is now.
async fn settled(field: &Field<'_>, collection: &str, namespaces: usize) -> Result<()> {
    wait_until("all namespaces have it", LONG, || async {
        let object = bare::read(&field.admin, &format!("{collection}/{REGISTRY}"), Part::Whole).await?;
        let object: Value = serde_json::from_slice(&object)?;
        ensure!(object["status"]["observedGeneration"] == object["metadata"]["generation"], "of an old generation");
        let counts = json!({"selected": namespaces, "ready": namespaces, "failing": 0});
        ensure!(object["status"]["namespaces"] == counts, "{}", object["status"]["namespaces"]);
        ensure!(object["status"]["conditions"][0]["status"] == "True", "{}", object["status"]["conditions"]);
        Ok(())
    })
    .await
}

/// Writes of Secrets, statuses and accounts, and private-key operations.
async fn counts(controller: &Controller) -> Result<[usize; 4]> {
    let of = async |series: &str| {
        // A series that was never counted is not there.
        let value = controller.metric(series).await.unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of a bench are small")]
        let whole = value.round() as usize;
        whole
    };
    let secrets =
        of("kseal_secret_writes_total{verb=\"create\"}").await + of("kseal_secret_writes_total{verb=\"patch\"}").await;
    let operations = of("kseal_private_key_operations_total{suite=\"HPKE\"}").await;
    Ok([secrets, of("kseal_status_writes_total").await, of("kseal_service_account_writes_total").await, operations])
}

/// A registry Secret for all accounts of the namespaces of the bench.
fn everywhere(key: &PublicKey, password: &str) -> Result<Value> {
    let credentials =
        json!({"auths": {"registry.example.com": {"auth": BASE64.encode(password.as_bytes())}}}).to_string();
    let items = [(".dockerconfigjson", credentials.as_str())];
    let selector =
        json!({"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": BESIDE}]});
    let mut object = cluster_sealed_for(&[key], REGISTRY, &selector, &items)?;
    object["spec"]["template"] = json!({"type": names::DOCKER_TYPES[0]});
    object["spec"]["imagePullSecret"] = json!({"serviceAccounts": {"all": true}});
    Ok(object)
}

/// A sealed registry Secret for all accounts of a namespace.
fn registry(key: &PublicKey, namespace: &str) -> Result<Value> {
    let place = Place::Strict { namespace: namespace.to_owned(), name: REGISTRY.to_owned() };
    let items = [(".dockerconfigjson", CREDENTIALS)];
    let sealed =
        seal_native(&place, &[key], items, &mut UnwrapErr(getrandom::SysRng)).map_err(|error| anyhow!("{error}"))?;
    let mut spec = json!(SealedSecretSpec {
        scope: Some(Scope::Strict),
        sealed_for: SealedFor { namespace: Some(namespace.to_owned()), name: Some(REGISTRY.to_owned()) },
        data_keys: sealed.data_key.into_iter().collect(),
        encrypted_data: sealed.values,
        ..SealedSecretSpec::default()
    });
    spec["template"] = json!({"type": names::DOCKER_TYPES[0]});
    spec["imagePullSecret"] = json!({"serviceAccounts": {"all": true}});
    let metadata = json!({"name": REGISTRY, "namespace": namespace});
    Ok(json!({"apiVersion": names::API_VERSION, "kind": names::SEALED_SECRET, "metadata": metadata, "spec": spec}))
}

/// The names of accounts that have an entry, at the moment when that came in.
async fn watch(field: &Field<'_>, namespace: &str) -> Result<UnboundedReceiver<(String, Instant)>> {
    let (sender, events) = unbounded_channel();
    let (client, collection) = (field.admin.clone(), accounts(namespace));
    let list: Value =
        serde_json::from_slice(&bare::read(&client, &format!("{collection}?limit=1"), Part::Whole).await?)?;
    let from = list["metadata"]["resourceVersion"].as_str().map(ToOwned::to_owned);
    tokio::spawn(async move {
        let sink = |line: &[u8]| {
            let at = Instant::now();
            let Line { object } = serde_json::from_slice(line)?;
            if !object.image_pull_secrets.is_empty() {
                // Nobody listens any more when all is measured.
                let _ = sender.send((object.metadata.name, at));
            }
            Ok(object.metadata.resource_version)
        };
        bare::watch(&client, &collection, Part::Whole, from, sink).await
    });
    Ok(events)
}

/// Milliseconds.
async fn one(
    field: &Field<'_>,
    events: &mut UnboundedReceiver<(String, Instant)>,
    namespace: &str,
    number: usize,
) -> Result<f64> {
    let name = format!("account-{number}");
    bare::write(&field.admin, Write::Create, &accounts(namespace), "bench", account(namespace, &name)).await?;
    let made = Instant::now();
    loop {
        let next = timeout(PATIENCE, events.recv()).await.context("the account gets no entry")?;
        let (seen, at) = next.context("the watch has ended")?;
        if seen == name {
            return Ok(at.saturating_duration_since(made).as_secs_f64() * 1e3);
        }
    }
}

/// Milliseconds.
async fn read_and_write(field: &Field<'_>, namespace: &str, number: usize) -> Result<f64> {
    let name = format!("account-{number}");
    bare::write(&field.admin, Write::Create, &accounts(namespace), "bench", account(namespace, &name)).await?;
    let path = format!("{}/{name}", accounts(namespace));
    let begun = Instant::now();
    let mut account: Value = serde_json::from_slice(&bare::read(&field.admin, &path, Part::Whole).await?)?;
    account["imagePullSecrets"] = json!([{"name": REGISTRY}]);
    account["metadata"]["annotations"] = json!({names::IMAGE_PULL_SECRETS: REGISTRY});
    bare::write(&field.admin, Write::Replace, &path, names::CONTROLLER, account.to_string()).await?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

fn account(namespace: &str, name: &str) -> String {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}})
        .to_string()
}

fn accounts(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/serviceaccounts")
}
