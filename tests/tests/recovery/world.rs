//! The clusters of the document, one after the other, and the repository that outlives them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use kseal_api::names;
use kseal_core::Bundle;
use kseal_tests::cluster::{Cluster, Controller, ControllerOptions, Options, Part, wait_until};
use tempfile::TempDir;

/// How long what the controller does at once may take on a busy machine; an RSA key takes seconds by itself.
pub(crate) const SOON: Duration = Duration::from_mins(1);

pub(crate) const PASSWORD: &str = "correct-horse-battery-staple";

/// The files of `apps/`, each with the format that it is sealed in.
pub(crate) const APPS: [(&str, &str); 3] = [("db", "kseal"), ("kept", "kseal"), ("legacy", "bitnami")];

/// A repository, and the cluster that there is at this moment.
pub(crate) struct World {
    folder: TempDir,
    cluster: Option<Cluster>,
    pub(crate) controller: Option<Controller>,
}

impl World {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy"), folder.path().join("deploy"))?;
        Ok(Self { folder, cluster: None, controller: None })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn cluster(&self) -> Result<&Cluster> {
        self.cluster.as_ref().context("there is no cluster")
    }

    pub(crate) fn controller(&self) -> Result<&Controller> {
        self.controller.as_ref().context("there is no controller")
    }

    /// Runs a script in the repository.
    pub(crate) async fn script(&self, text: &str) -> Result<()> {
        self.cluster()?.script(self.folder(), text)?.run().await.map(drop)
    }

    pub(crate) fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.folder().join(name)).with_context(|| name.to_owned())
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.folder().join(name), text).with_context(|| name.to_owned())
    }

    /// A cluster, with nothing of kseal in it.
    pub(crate) async fn begins(&mut self) -> Result<()> {
        self.cluster = Some(Cluster::start(Options { audit: false, ..Options::default() }).await?);
        Ok(())
    }

    /// The controller as the documents have it.
    pub(crate) async fn starts(&mut self) -> Result<()> {
        let cluster = self.cluster()?;
        let installation = cluster.install("deploy").await?;
        let arguments = ["--sealed-secrets=generate", "--cluster-name=prod"].map(ToOwned::to_owned).to_vec();
        let controller = installation.start(&ControllerOptions { arguments, ..Default::default() }).await?;
        controller.wait_ready().await?;
        // It looks for new kinds twice a minute, and collects no garbage of those that it has not found.
        cluster.restart(Part::ControllerManager).await?;
        self.controller = Some(controller);
        Ok(())
    }

    /// The controller in a cluster that nothing was restored into.
    pub(crate) async fn begins_with_the_controller(&mut self) -> Result<()> {
        self.begins().await?;
        self.cluster()?.kubectl(["create", "-f", "deploy/crds/bitnami.com_sealedsecrets.yaml"]).run().await?;
        self.starts().await?;
        wait_until("it has keys of its own", SOON, || async {
            ensure!(self.published().await?.certificate.is_some(), "there is no certificate");
            Ok(())
        })
        .await
    }

    /// A controller that has made its keys, and a repository that is sealed for it and pins its identity.
    pub(crate) async fn is_sealed_for(&mut self) -> Result<()> {
        self.cluster()?.kubectl(["create", "-f", "deploy/crds/bitnami.com_sealedsecrets.yaml"]).run().await?;
        self.starts().await?;
        wait_until("all is published", SOON, || async {
            ensure!(self.published().await?.certificate.is_some(), "there is no certificate");
            Ok(())
        })
        .await?;
        self.script("git init -q; kseal keys fetch -o prod.yaml; cp prod.yaml old.yaml; mkdir apps").await?;
        let pin = identity(&self.published().await?)?;
        self.write(".kseal.yaml", &format!("clusters: {{prod: {{bundle: prod.yaml, identity: {pin}}}}}\n"))?;
        for (name, format) in APPS {
            self.seal(name, format, "", &format!("apps/{name}.yaml")).await?;
        }
        let kept = self.read("apps/kept.yaml")?.replace("\nspec:\n", "\nspec:\n  target: {creationPolicy: Orphan}\n");
        ensure!(kept.contains("creationPolicy"), "{kept}");
        self.write("apps/kept.yaml", &kept)?;
        self.script("cp -r apps before").await
    }

    /// Seals a Secret of this name, for whom `.kseal.yaml` or these arguments say.
    pub(crate) async fn seal(&self, name: &str, format: &str, arguments: &str, file: &str) -> Result<()> {
        let plain = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n  namespace: shop\nstringData:\n  password: {PASSWORD}\n"
        );
        self.write("plain.yaml", &plain)?;
        self.script(&format!("kseal encrypt --format {format} {arguments} -o {file} plain.yaml; rm plain.yaml")).await
    }

    /// It is lost: nothing of it answers any more.
    pub(crate) async fn is_lost(&mut self) -> Result<()> {
        if let Some(controller) = self.controller.take() {
            controller.kill()?;
        }
        for part in [Part::ControllerManager, Part::Apiserver, Part::Etcd] {
            self.cluster()?.stop(part).await?;
        }
        Ok(())
    }

    /// What the cluster publishes.
    pub(crate) async fn published(&self) -> Result<Bundle> {
        let item = "jsonpath={.data.bundle\\.json}";
        let get = ["-n", names::SYSTEM_NAMESPACE, "get", "configmap", names::PUBLIC_KEYS, "-o", item];
        Ok(Bundle::read(&serde_json::from_str(&self.cluster()?.kubectl(get).run().await?)?)?)
    }

    /// Nobody else reads the backups, and the last controller ends well.
    pub(crate) async fn ends(mut self) -> Result<()> {
        for file in ["unsealed.yaml", "keys.yaml", "offline.yaml", "backup.yaml"] {
            let mode = fs::metadata(self.folder().join(file))?.permissions().mode() & 0o777;
            ensure!(mode == 0o600, "{file} has mode {mode:o}");
        }
        self.controller.take().context("there is no controller")?.stop().await
    }
}

/// The fingerprint of who signed it.
pub(crate) fn identity(bundle: &Bundle) -> Result<String> {
    let publisher = bundle.publisher.as_ref().context("nobody signed it")?;
    Ok(publisher.identity.fingerprint().to_string())
}
