//! Who may read Secrets may have data keys wrapped for the cluster's current key, and gets nothing else by it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use kseal_api::{DataKey, RewrapFailure, RewrapRequestStatus, Scope, names};
use kseal_core::{policy::Policy, reconcile::Group};
use kseal_crypto::PublicKey;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Case, Keys, SOON, Site, sealed_for},
};
use serde_json::{Value, json};

use crate::{FOLDER, ITEMS};

/// A request of one object.
fn request(namespace: &str, name: &str, object: &Value) -> Value {
    let data_keys = &object["spec"]["dataKeys"];
    json!({
        "apiVersion": names::API_VERSION, "kind": names::REWRAP_REQUEST,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"objects": [
            {"scope": object["spec"]["scope"], "name": object["metadata"]["name"], "dataKeys": data_keys},
        ]},
    })
}

fn path(namespace: &str, name: &str) -> String {
    format!("/apis/{}/namespaces/{namespace}/rewraprequests/{name}", names::API_VERSION)
}

/// Creates it as somebody.
async fn ask_as(case: &Case<'_>, user: &str, request: &Value) -> Result<()> {
    let kubeconfig = case.site.cluster.user(user, &[])?;
    let create = case.site.cluster.kubectl(["create", "-f", "-"]).stdin(&request.to_string());
    create.kubeconfig(&kubeconfig).run().await.map(drop)
}

async fn answered(site: &Site<'_>, namespace: &str, name: &str) -> Result<RewrapRequestStatus> {
    wait_until("the request is answered", SOON, || async {
        let found = site.objects.get(&path(namespace, name)).await?;
        let status: RewrapRequestStatus = serde_json::from_value(found["status"].clone()).context("no status")?;
        ensure!(status.conditions.iter().any(|it| it["type"] == "Complete" && it["status"] == "True"));
        Ok(status)
    })
    .await
}

/// The object as the answer makes it.
fn exchanged(object: &Value, answer: &RewrapRequestStatus) -> Result<Value> {
    let mut object = object.clone();
    for (handle, recipients) in &answer.objects[0].data_keys {
        object["spec"]["dataKeys"][handle]["recipients"] = json!(recipients);
    }
    ensure!(answer.objects[0].failures.is_empty(), "{answer:?}");
    Ok(object)
}

async fn allow(site: &Site<'_>, namespace: &str, user: &str, role: &str) -> Result<()> {
    let name = format!("{user}-{role}");
    let bind =
        ["-n", namespace, "create", "rolebinding", &name, &format!("--clusterrole={role}"), &format!("--user={user}")];
    site.cluster.kubectl(bind).run().await.map(drop)
}

#[test]
fn a_data_key_comes_back_for_the_current_key_and_opens_there() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, FOLDER).await?;
        let controller = site.start(ControllerOptions::default()).await?;
        site.until_old_enough(Policy::RewrapRequests).await?;
        let case = site.case(Group::Native).await?;
        let first = site.first_key().await?;
        let object = sealed_for(&[&first], Scope::Strict, (&case.namespace, &case.name), ITEMS)?;
        let second = site.rotate().await?;
        // In edit are those who may read the Secrets of a namespace anyway.
        allow(&site, &case.namespace, "ann", "edit").await?;
        ask_as(&case, "ann", &request(&case.namespace, "one", &object)).await?;
        let answer = answered(&site, &case.namespace, "one").await?;
        let wrapped = exchanged(&object, &answer)?;
        let recipients: Vec<&String> = answer.objects[0].data_keys.values().flat_map(BTreeMap::keys).collect();
        ensure!(recipients == [&second.fingerprint().to_string()]);
        site.objects.apply(&wrapped).await?;
        let opened = case.holds(ITEMS).await?;
        ensure!(opened["metadata"]["name"] == "db");
        // It is answered once, also by a controller that comes later.
        controller.stop().await?;
        let before = site.objects.get(&path(&case.namespace, "one")).await?["metadata"]["resourceVersion"].clone();
        let _controller = site.start(ControllerOptions::default()).await?;
        ask_as(&case, "ann", &request(&case.namespace, "two", &object)).await?;
        answered(&site, &case.namespace, "two").await?;
        ensure!(site.objects.get(&path(&case.namespace, "one")).await?["metadata"]["resourceVersion"] == before);
        Ok(())
    });
}

#[test]
fn who_may_not_read_secrets_gets_nothing_and_nobody_a_recipient_of_his_own() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, FOLDER).await?;
        let _controller = site.start(ControllerOptions::default()).await?;
        site.until_old_enough(Policy::RewrapRequests).await?;
        let case = site.case(Group::Native).await?;
        let elsewhere = cluster.namespace("dev").await?;
        let key = site.first_key().await?;
        let seal = |scope| sealed_for(&[&key], scope, (&case.namespace, "db"), ITEMS);
        let (strict, wide, anywhere) = (seal(Scope::Strict)?, seal(Scope::NamespaceWide)?, seal(Scope::ClusterWide)?);

        // The right to create requests alone, of a role that somebody made.
        let role = [
            "create",
            "clusterrole",
            "asks",
            "--verb=create,get,delete,update,patch",
            "--resource=rewraprequests.kseal.dev",
        ];
        cluster.kubectl(role).run().await?;
        allow(&site, &case.namespace, "eve", "asks").await?;
        for (name, object) in [("strict", &strict), ("wide", &wide), ("anywhere", &anywhere)] {
            let refused = ask_as(&case, "eve", &request(&case.namespace, name, object)).await;
            ensure!(format!("{:?}", refused.err().context("it is refused")?).contains("get secrets"), "{name}");
            ensure!(site.objects.find(&path(&case.namespace, name)).await?.is_none());
        }
        // Nor by changing what somebody else asked.
        allow(&site, &case.namespace, "ann", "edit").await?;
        ask_as(&case, "ann", &request(&case.namespace, "anns", &strict)).await?;
        let eve = cluster.user("eve", &[])?;
        let patch = json!([{"op": "replace", "path": "/spec/objects/0/dataKeys", "value": wide["spec"]["dataKeys"]}])
            .to_string();
        let change = ["-n", &*case.namespace, "patch", "rewraprequests.kseal.dev", "anns", "--type=json", "-p", &patch];
        ensure!(cluster.kubectl(change).kubeconfig(&eve).run().await.is_err(), "an update is asked the same");

        // Who reads the Secrets of one namespace has no say over values that open anywhere.
        ensure!(ask_as(&case, "ann", &request(&case.namespace, "anywhere", &anywhere)).await.is_err());
        cluster.kubectl(["create", "clusterrolebinding", "bob", "--clusterrole=edit", "--user=bob"]).run().await?;
        ask_as(&case, "bob", &request(&case.namespace, "anywhere", &anywhere)).await?;
        answered(&site, &case.namespace, "anywhere").await?;

        // Nobody writes the answer but the controller.
        let forged = json!({"status": {"observedGeneration": 1, "objects": []}}).to_string();
        let forge = [
            "-n",
            &*case.namespace,
            "patch",
            "rewraprequests.kseal.dev",
            "anns",
            "--subresource=status",
            "--type=merge",
            "-p",
            &forged,
        ];
        let ann = cluster.user("ann", &[])?;
        ensure!(cluster.kubectl(forge).kubeconfig(&ann).run().await.is_err());

        // Another place, another name and another scope do not open, and there is no field for a recipient.
        allow(&site, &elsewhere, "ann", "edit").await?;
        let failure = async |name: &str, mut request: Value, change: Value| -> Result<RewrapFailure> {
            for (field, value) in change.as_object().context("fields")? {
                request["spec"]["objects"][0][field] = value.clone();
            }
            request["metadata"]["name"] = json!(name);
            ask_as(&case, "ann", &request).await?;
            let namespace = request["metadata"]["namespace"].as_str().context("a namespace")?;
            let answer = answered(&site, namespace, name).await?;
            ensure!(answer.objects[0].data_keys.is_empty());
            answer.objects[0].failures.values().next().copied().context("a failure")
        };
        let open = RewrapFailure::Open;
        ensure!(failure("moved", request(&elsewhere, "", &strict), json!({})).await? == open);
        ensure!(failure("moved-wide", request(&elsewhere, "", &wide), json!({})).await? == open);
        ensure!(failure("renamed", request(&case.namespace, "", &strict), json!({"name": "other"})).await? == open);
        ensure!(
            failure("widened", request(&case.namespace, "", &strict), json!({"scope": "NamespaceWide"})).await? == open
        );
        let mine = Keys::new()?;
        let stranger = sealed_for(&[mine.native()], Scope::Strict, (&case.namespace, "db"), ITEMS)?;
        ensure!(failure("strange", request(&case.namespace, "", &stranger), json!({})).await? == RewrapFailure::NoKey);
        recipients_are_the_clusters(&case, &strict, mine.native(), &key).await
    });
}

/// Whom a request names besides is not listened to.
async fn recipients_are_the_clusters(
    case: &Case<'_>,
    object: &Value,
    mine: &PublicKey,
    current: &PublicKey,
) -> Result<()> {
    let mut request = request(&case.namespace, "mine", object);
    let fingerprint = mine.fingerprint().to_string();
    for (_, data_key) in request["spec"]["objects"][0]["dataKeys"].as_object_mut().context("data keys")? {
        let mut wraps: DataKey = serde_json::from_value(data_key.clone())?;
        let wrap = wraps.recipients.values().next().context("a wrap")?.clone();
        wraps.recipients.insert(fingerprint.clone(), wrap);
        *data_key = json!(wraps);
    }
    request["spec"]["recipients"] = json!([fingerprint]);
    request["spec"]["objects"][0]["recipients"] = json!([fingerprint]);
    let ann = case.site.cluster.user("ann", &[])?;
    let create = case.site.cluster.kubectl(["create", "--validate=false", "-f", "-"]).stdin(&request.to_string());
    create.kubeconfig(&ann).run().await?;
    let answer = answered(case.site, &case.namespace, "mine").await?;
    for recipients in answer.objects[0].data_keys.values() {
        let names: Vec<&String> = recipients.keys().collect();
        if names != [&current.fingerprint().to_string()] {
            bail!("{names:?}");
        }
    }
    ensure!(!answer.objects[0].data_keys.is_empty());
    Ok(())
}
