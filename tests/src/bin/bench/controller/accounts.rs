//! The way of a registry Secret into a new ServiceAccount.

use anyhow::{Context as _, Result, anyhow};
use kseal_api::{Scope, SealedFor, SealedSecretSpec, names};
use kseal_core::seal_native;
use kseal_crypto::{Place, PublicKey};
use kseal_tests::{
    bare::{self, Part, Write},
    cluster::{Cluster, wait_until},
};
use rand_core::UnwrapErr;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{Duration, Instant, timeout},
};

use super::{Plan, field::Field, rows::quiet};
use crate::table::{Table, percentile};

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
        anyhow::ensure!(object["status"]["conditions"][0]["status"] == "True", "{}", object["status"]);
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
