//! From sealed-secrets to kseal's own kind, with the command line: at no moment is a Secret away, or another one.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Case, SOON, Site},
};
use serde_json::Value;

use crate::takeover::{Old, make, old};

/// Secrets that belong to no object by an ownerReference: they are handed over only if they consent.
const CONSENTING: [&str; 2] = ["patched", "skipped"];

/// Puts the objects into files, as kubeseal would have written them, and converts these.
async fn convert(site: &Site<'_>, folder: &Path, objects: &[Value]) -> Result<()> {
    fs::create_dir(folder.join("upstream"))?;
    for object in objects {
        let name = object["metadata"]["name"].as_str().context("no name")?;
        let print = ["create", "--dry-run=client", "-o", "yaml", "-f", "-"];
        let text = site.cluster.kubectl(print).stdin(&object.to_string()).run().await?;
        fs::write(folder.join(format!("upstream/{name}.yaml")), text)?;
    }
    let script = "
        git init -q
        kubectl -n kube-system get secret -o yaml -l sealedsecrets.bitnami.com/sealed-secrets-key > keys.yaml
        kseal keys fetch --namespace-of-controller kube-system -o prod.yaml
        echo 'clusters: {prod: {bundle: prod.yaml}}' > .kseal.yaml
        cp -r upstream native
        kseal convert --to kseal --key keys.yaml -i native/*.yaml
        # What is merged into somebody else's Secret says so in the native format.
        sed -i 's/^spec:$/spec:\\n  target: {creationPolicy: Merge}/' native/patched.yaml";
    site.cluster.script(folder, script)?.run().await?;
    Ok(())
}

/// Whose a Secret is: the UID in its ownerReference, or in the annotation that says so without one.
fn owner(secret: &Value) -> Value {
    let metadata = &secret["metadata"];
    let reference = &metadata["ownerReferences"][0]["uid"];
    if reference.is_null() { metadata["annotations"]["kseal.dev/owner-uid"].clone() } else { reference.clone() }
}

/// Waits until upstream's object of this name is gone, and until the garbage collector has seen that.
async fn is_forgotten(old: &Case<'_>, probe: &Case<'_>) -> Result<()> {
    wait_until("the old object is gone", SOON, || async {
        ensure!(old.site.objects.find(&old.path()).await?.is_none(), "it is there");
        Ok(())
    })
    .await?;
    probe.gone().await
}

#[test]
fn objects_of_upstreams_become_native_ones_while_a_watcher_sees_no_secret_change() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::after_upstream(&cluster).await?;
        let namespace = cluster.namespace("prod").await?;
        let all = old(&site, &namespace);
        let mut objects = Vec::new();
        for old in &all {
            objects.push(make(old, "2026-03-01T05:00:00Z").await?);
        }
        let controller = site.start(ControllerOptions::default()).await?;
        for Old { case, .. } in &all {
            case.right().await?;
        }
        let secrets = format!("/api/v1/namespaces/{namespace}/secrets");
        let list = site.objects.get(&secrets).await?;
        let version = list["metadata"]["resourceVersion"].as_str().context("no version")?;
        let before: BTreeMap<String, Value> = list["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|secret| (secret["metadata"]["name"].to_string(), secret.clone()))
            .collect();

        let folder = tempfile::tempdir()?;
        wait_until("the keys are published", SOON, || controller.get("/v1/keys")).await?;
        convert(&site, folder.path(), &objects).await?;
        let script = async |text: &str| -> Result<String> {
            cluster.script(folder.path(), text)?.env("NAMESPACE", &namespace).run().await
        };
        // First of all, so that the old objects have seen it before there are two that could write.
        for Old { case, .. } in all.iter().filter(|old| CONSENTING.contains(&old.case.name.as_str())) {
            case.annotate_secret("kseal.dev/managed", "true").await?;
            case.right().await?;
        }
        script("kubectl -n $NAMESPACE annotate sealedsecrets.bitnami.com --all kseal.dev/hand-over=native").await?;
        script("kubectl apply -f native").await?;
        for Old { case, .. } in &all {
            let native = case.of(Group::Native);
            let uid = native.object().await?["metadata"]["uid"].clone();
            wait_until(&format!("{} is the native object's", case.name), SOON, || async {
                let secret = native.is_right().await?;
                ensure!(owner(&secret) == uid, "{}", secret["metadata"]);
                Ok(())
            })
            .await?;
        }

        // Whose garbage is collected after all that was deleted before it.
        let probe = all[0].case.named("probe");
        probe.apply(&[("password", "hunter2")]).await?;
        probe.right().await?;
        script("kubectl -n $NAMESPACE delete sealedsecrets.bitnami.com --all").await?;
        for Old { case, .. } in &all {
            is_forgotten(case, &probe).await?;
        }
        let mut seen = BTreeMap::new();
        for event in site.objects.events_since(&secrets, version).await? {
            let (type_, secret) = (&event["type"], &event["object"]);
            let name = secret["metadata"]["name"].to_string();
            if name.contains(&probe.name) {
                continue;
            }
            let was = before.get(&name).with_context(|| format!("a new Secret: {name}"))?;
            ensure!(type_ == "MODIFIED", "{name}: {type_}");
            let content = |secret: &Value| {
                let is_immutable = secret["immutable"].as_bool().unwrap_or_default();
                (secret["data"].clone(), secret["type"].clone(), is_immutable, secret["metadata"]["labels"].clone())
            };
            ensure!(content(secret) == content(was), "{name} changed: {secret:#}");
            ensure!(secret["metadata"]["uid"] == was["metadata"]["uid"], "{name} is another one");
            *seen.entry(name).or_insert(0) += 1;
        }
        // Once each, for its new owner, and once more where it was told to consent.
        for (name, times) in &seen {
            let consents = CONSENTING.iter().any(|it| name.contains(it));
            ensure!(*times == if consents { 2 } else { 1 }, "{name} was written {times} times");
        }
        ensure!(seen.len() == all.len(), "{seen:?}");

        // And they are looked after.
        for Old { case, .. } in &all {
            let native = case.of(Group::Native);
            native.right().await?;
        }
        controller.stop().await
    });
}
