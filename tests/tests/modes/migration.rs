//! From sealed-secrets to kseal's own kind, by the commands of `docs/migrate.md`: at no moment is a Secret away, or another one.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, bail, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    document::{Step, steps},
    site::{Case, SOON, Site},
};
use serde_json::Value;

use crate::takeover::{Old, make, old};

const DOCUMENT: &str = "docs/migrate.md";

/// Secrets that belong to no object by an ownerReference, with the policy of the native object that shall have them.
const POLICIES: [(&str, &str); 2] = [("patched", "Merge"), ("skipped", "Orphan")];

/// The one that goes back, and again.
const UNDECIDED: &str = "plain";

/// A cluster that kseal has taken over, and a folder with the files of its objects.
struct Migration<'s> {
    site: &'s Site<'s>,
    folder: &'s Path,
    steps: Vec<Step>,
}

impl Migration<'_> {
    /// Runs the one script of the document that has these words, with others in the place of its placeholders.
    async fn step(&self, words: &str, places: &[(&str, &str)]) -> Result<()> {
        let texts = self.steps.iter().filter_map(|step| match step {
            Step::Script { text, .. } if text.contains(words) => Some(text),
            _ => None,
        });
        let [text] = texts.collect::<Vec<_>>()[..] else { bail!("{DOCUMENT} has not one script with {words:?}") };
        let text = places.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to));
        self.run(&text).await.with_context(|| format!("{DOCUMENT}: {text}"))
    }

    async fn run(&self, text: &str) -> Result<()> {
        self.site.cluster.script(self.folder, text)?.run().await.map(drop)
    }

    /// The objects as files, as kubeseal would have written them.
    async fn write(&self, objects: &[Value]) -> Result<()> {
        for object in objects {
            let name = object["metadata"]["name"].as_str().context("no name")?;
            let print = ["create", "--dry-run=client", "-o", "yaml", "-f", "-"];
            let text = self.site.cluster.kubectl(print).stdin(&object.to_string()).run().await?;
            fs::write(self.folder.join(format!("{name}.yaml")), text)?;
        }
        Ok(())
    }

    /// Converts the file of one object and applies it.
    async fn convert(&self, old: &Case<'_>) -> Result<()> {
        let name = old.name.as_str();
        let file = format!("{name}.yaml");
        let Some((_, policy)) = POLICIES.iter().find(|(other, _)| *other == name) else {
            return self.step("kseal convert", &[("db.yaml", &file)]).await;
        };
        old.annotate_secret("kseal.dev/managed", "true").await?;
        // The old object may write it, too, until the other one has it. It shall have seen this before.
        old.right().await?;
        self.run(&format!(
            "kseal convert --to kseal --key sealed-secrets-keys.yaml -o native/{file} {file}
             sed -i 's/^spec:$/spec:\\n  target: {{creationPolicy: {policy}}}/' native/{file}
             kubectl apply -f native/{file}"
        ))
        .await
    }
}

/// Waits until the object of this case says that its Secret is right, and the Secret that it is this object's.
async fn is_handed_to(case: &Case<'_>) -> Result<()> {
    wait_until(&format!("{} has its Secret", case.path()), SOON, || async {
        let (object, secret) = (case.object().await?, case.is_right().await?);
        let metadata = &secret["metadata"];
        let reference = &metadata["ownerReferences"][0]["uid"];
        let owner = if reference.is_null() { &metadata["annotations"]["kseal.dev/owner-uid"] } else { reference };
        ensure!(*owner == object["metadata"]["uid"], "{metadata}");
        Ok(())
    })
    .await
}

/// What an application sees of a Secret.
fn content(secret: &Value) -> (&Value, &Value, bool, &Value, &Value) {
    let metadata = &secret["metadata"];
    let is_immutable = secret["immutable"].as_bool().unwrap_or_default();
    (&secret["data"], &secret["type"], is_immutable, &metadata["labels"], &metadata["uid"])
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
        wait_until("the keys are published", SOON, || controller.get("/v1/keys")).await?;
        let secrets = format!("/api/v1/namespaces/{namespace}/secrets");
        let before = site.objects.get(&secrets).await?;

        let folder = tempfile::tempdir()?;
        let migration = Migration { site: &site, folder: folder.path(), steps: steps(DOCUMENT)? };
        migration.write(&objects).await?;
        migration
            .run("git init -q; mkdir keys native; echo 'clusters: {prod: {bundle: keys/prod.yaml}}' > .kseal.yaml")
            .await?;
        migration.step("-o sealed-secrets-keys.yaml", &[]).await?;
        migration.step("kseal keys fetch", &[]).await?;
        migration.step("kseal.dev/hand-over=native", &[]).await?;
        for Old { case, .. } in &all {
            migration.convert(case).await?;
            is_handed_to(&case.of(Group::Native)).await?;
        }
        migration.step("how many are handed over", &[]).await?;

        // One of them goes back, and comes again.
        let undecided = all[0].case.named(UNDECIDED);
        let places = [("NAMESPACE", namespace.as_str()), ("NAME", UNDECIDED)];
        migration.step("--cascade=orphan", &places).await?;
        is_handed_to(&undecided).await?;
        undecided.annotate_secret("sealedsecrets.bitnami.com/managed", Value::Null).await?;
        undecided.right().await?;
        migration.step("kseal.dev/hand-over=native", &[]).await?;
        migration.run("kubectl apply -f native").await?;
        is_handed_to(&undecided.of(Group::Native)).await?;

        // What is garbage of a later one is collected after all of theirs would be.
        let probe = undecided.named("probe");
        probe.apply(&[("password", "hunter2")]).await?;
        probe.right().await?;
        for case in all.iter().map(|old| &old.case).chain([&probe]) {
            migration
                .step("delete sealedsecrets.bitnami.com NAME", &[("NAMESPACE", &namespace), ("NAME", &case.name)])
                .await?;
        }
        probe.gone().await?;
        for Old { case, .. } in &all {
            is_handed_to(&case.of(Group::Native)).await?;
        }
        ensure_nobody_noticed(&site, &secrets, &before).await?;
        controller.stop().await
    });
}

/// Of every event since then: what an application sees of a Secret was never different, and who owns it changed once.
async fn ensure_nobody_noticed(site: &Site<'_>, secrets: &str, before: &Value) -> Result<()> {
    let version = before["metadata"]["resourceVersion"].as_str().context("no version")?;
    let named = |secret: &Value| secret["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let known: BTreeMap<String, &Value> =
        before["items"].as_array().into_iter().flatten().map(|secret| (named(secret), secret)).collect();
    let mut times = BTreeMap::new();
    for event in site.objects.events_since(secrets, version).await? {
        let (type_, secret) = (&event["type"], &event["object"]);
        let name = named(secret);
        if name == "probe" {
            continue;
        }
        let was = known.get(&name).with_context(|| format!("a new Secret: {name}"))?;
        ensure!(type_ == "MODIFIED", "{name}: {type_}");
        ensure!(content(secret) == content(was), "{name} changed: {secret:#}");
        *times.entry(name).or_insert(0) += 1;
    }
    ensure!(times.len() == known.len(), "{times:?}");
    for (name, times) in times.iter().filter(|(name, _)| *name != UNDECIDED) {
        // Once for its new owner, and before that where it was made to consent.
        let consented = POLICIES.iter().filter(|(other, _)| other == name).count();
        ensure!(*times == 1 + consented, "{name} was written {times} times");
    }
    Ok(())
}
