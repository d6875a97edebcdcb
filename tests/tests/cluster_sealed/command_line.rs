//! From the command line to the namespaces, and what keeps the key then.

use anyhow::{Result, ensure};
use kseal_tests::{
    cluster::{Cluster, Options, run, wait_until},
    site::SOON,
};
use serde_json::json;

use crate::world::{NAME, World};

const MAKE: &str = "\
kseal keys fetch --context $(kubectl config current-context) -o prod.yaml
printf hunter2 | kseal create docker-registry regcred --docker-username robot --docker-server registry.example \\
  --namespace-selector 'team in (a,c),!legacy' --keys prod.yaml -o regcred.yaml
kseal check regcred.yaml && kseal verify --keys prod.yaml regcred.yaml
kubectl apply -f regcred.yaml";

#[test]
fn a_registry_secret_is_made_applied_and_seen_and_keeps_its_key() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let _controller = world.start(NAME).await?;
        let old = world.site.first_key().await?;
        for (name, labels) in [("one", json!({"team": "c"})), ("old", json!({"team": "a", "legacy": ""}))] {
            world.namespace(name, &labels).await?;
        }
        let folder = tempfile::tempdir()?;
        let said = async |script: &str| cluster.script(folder.path(), script)?.said().await;
        wait_until("the keys are published, and it is applied", SOON, || async { said(MAKE).await?.ends(0) }).await?;
        world.ready(1).await?;
        let secret = world.secret("one").await?;
        ensure!(secret["type"] == "kubernetes.io/dockerconfigjson", "{}", secret["type"]);
        world.gone("old").await?;

        let status = said("kseal status -A --check").await?.ends(0)?.stdout;
        ensure!(status.contains(&format!("clustersealedsecrets/{NAME}")), "{status}");
        world.site.rotate().await?;
        let old = old.fingerprint().to_string();
        let refused = said(&format!("kseal keys retire {old}")).await?.ends(6)?.stderr;
        ensure!(refused.contains(&format!("clustersealedsecrets/{NAME}")), "{refused}");
        let usage = said(&format!("kseal keys usage --all {old}")).await?.ends(0)?.stdout;
        ensure!(usage.contains(&format!("clustersealedsecrets/{NAME}")), "{usage}");
        // Without the object nothing needs it.
        said(&format!("kubectl delete clustersealedsecret {NAME} && kseal keys retire {old}")).await?.ends(0)?;
        Result::<()>::Ok(())
    });
}
