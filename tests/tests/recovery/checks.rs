//! What must be true between the steps of the document.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use kseal_api::{KeyState, names};
use kseal_core::{Bundle, bundle::BundleKey};
use kseal_tests::cluster::wait_until;
use serde_json::Value;

use crate::world::{APPS, PASSWORD, SOON, World, identity};

/// The namespace of everything that is sealed.
const SHOP: &str = "shop";

impl World {
    /// Nothing secret can be read from the sealed one by who has it alone.
    pub(crate) fn loses_the_plain_backup(&self) -> Result<()> {
        let (plain, sealed) = (self.read("keys.yaml")?, self.read("backup.yaml")?);
        for line in
            plain.lines().map(str::trim).filter(|line| line.starts_with("seed:") || line.starts_with("tls.key:"))
        {
            let (_, value) = line.split_once(": ").context("no value")?;
            ensure!(!sealed.contains(value), "{sealed}");
        }
        ensure!(plain.matches("kind: Secret").count() == 3 && sealed.matches("ks1.").count() > 3, "{sealed}");
        fs::rename(self.folder().join("keys.yaml"), self.folder().join("unsealed.yaml"))?;
        Ok(())
    }

    /// Without a cluster the sealed backup gave what the plain one was, and both formats the password.
    pub(crate) fn was_read_offline(&self) -> Result<()> {
        let read = |name: &str| -> Result<Vec<Value>> {
            let manifest = kseal_manifest::Manifest::parse(self.read(name)?).ok().context("it is no YAML")?;
            Ok(manifest.objects().iter().map(|object| object.node.to_json()).collect())
        };
        ensure!(read("keys.yaml")? == read("unsealed.yaml")?, "the sealed backup is another one");
        for file in ["db.yaml", "legacy.yaml"] {
            let text = self.read(file)?;
            ensure!(text.contains("kind: Secret") && text.contains(PASSWORD), "{file}: {text}");
        }
        Ok(())
    }

    /// The bundle that was kept when the first cluster was there.
    fn kept(&self) -> Result<Bundle> {
        let manifest = kseal_manifest::Manifest::parse(self.read("old.yaml")?).ok().context("it is no YAML")?;
        let bundle = manifest.documents()[0].root().to_json();
        Ok(Bundle::read(&serde_json::from_value(bundle)?)?)
    }

    /// What the cluster publishes has the old identity, the old key, which only opens, and a key of its own that seals.
    pub(crate) async fn is_the_heir(&self) -> Result<()> {
        let kept = self.kept()?;
        let old = sealing(&kept)?;
        wait_until("the heir publishes", SOON, || async {
            let now = self.published().await?;
            ensure!(identity(&now)? == identity(&kept)?, "another identity signed it");
            let is_old = |key: &&BundleKey| key.public.fingerprint() == old.public.fingerprint();
            let found = now.keys.iter().find(is_old).context("the old key is not published")?;
            ensure!(found.state == KeyState::Retiring, "the old key is {}", found.state);
            let own = sealing(&now)?;
            ensure!(own.public.fingerprint() != old.public.fingerprint(), "the old key seals");
            ensure!(now.certificate.is_some(), "there is no certificate");
            Ok(())
        })
        .await?;
        for (name, _) in APPS {
            self.is_open(name).await?;
        }
        Ok(())
    }

    pub(crate) async fn refuses_another_uid_unless_it_is_trusted(&self) -> Result<()> {
        let said = self.fails("kseal keys fetch -i", 6).await?;
        ensure!(said.contains("another cluster, or another identity"), "{said}");
        // The old one was the first of its cluster, and this one knew of it.
        let epochs = [sealing(&self.kept()?)?.epoch, sealing(&self.published().await?)?.epoch];
        ensure!(epochs == [1, 2], "{epochs:?}");
        Ok(())
    }

    pub(crate) async fn understands_who_seals_with_the_old_bundle(&self) -> Result<()> {
        let fetched = self.read("prod.yaml")?;
        ensure!(fetched.contains(&sealing(&self.published().await?)?.public.fingerprint().to_string()), "{fetched}");
        self.seal("late", "kseal", "--keys old.yaml", "late.yaml").await?;
        self.script("kubectl apply -f late.yaml").await?;
        self.is_open("late").await
    }

    /// It has an identity and keys of its own, nobody who pins the old one takes them, and what is applied waits.
    pub(crate) async fn is_no_heir_yet(&self) -> Result<()> {
        let (kept, now) = (self.kept()?, self.published().await?);
        ensure!(identity(&now)? != identity(&kept)?);
        let said = self.fails("kseal keys fetch -i --trust", 6).await?;
        ensure!(said.contains(&identity(&now)?) && said.contains(&identity(&kept)?), "{said}");
        self.script("kubectl create namespace shop; kubectl apply -f apps").await?;
        for (name, format) in APPS {
            let (condition, reason) = if format == "kseal" { ("Ready", "NoKey") } else { ("Synced", "CannotOpen") };
            wait_until(&format!("{name} waits"), SOON, || async {
                let object = self.object(&kind(format), name).await?;
                let conditions = object["status"]["conditions"].as_array().context("no conditions")?;
                let is_waiting = |it: &&Value| it["type"] == condition && it["reason"] == reason;
                conditions.iter().find(is_waiting).with_context(|| object["status"].to_string())?;
                Ok(())
            })
            .await?;
        }

        // Somebody seals for the keys of these days. Elsewhere, where nothing pins the identity.
        self.script("mkdir elsewhere; cd elsewhere; kseal keys fetch -o fresh.yaml").await?;
        self.seal("fresh", "kseal", "--keys elsewhere/fresh.yaml", "fresh.yaml").await?;
        self.script("kubectl apply -f fresh.yaml").await?;
        self.is_open("fresh").await?;

        // An identity that is deleted comes back as it was, at the controller's next look.
        let look = "kubectl -n kseal-system delete secret kseal-identity
                    kubectl -n kseal-system annotate secret -l kseal.dev/sealing-key looked=at
                    kubectl -n kseal-system wait --for=create secret/kseal-identity --timeout=60s";
        self.script(look).await?;
        // It has read what it wrote when it tells of it, and looks no more.
        let events = "kubectl -n kseal-system get events --field-selector \
                      involvedObject.uid=$(kubectl -n kseal-system get secret kseal-identity -o jsonpath={.metadata.uid}) \
                      | grep IdentityCreated";
        wait_until("it is told", SOON, || self.script(events)).await?;
        ensure!(identity(&self.published().await?)? == identity(&now)?);
        Ok(())
    }

    /// Two keys of one epoch, of two clusters, open side by side; the cluster's own goes on sealing.
    pub(crate) async fn opens_what_was_sealed_meanwhile(&self) -> Result<()> {
        let secrets = ["-n", names::SYSTEM_NAMESPACE, "get", "secrets", "-l", names::KEY_STATE, "-o", "name"];
        let secrets = self.cluster()?.kubectl(secrets).run().await?;
        ensure!(secrets.lines().count() == 2 && secrets.matches("kseal-1-").count() == 2, "{secrets}");
        let now = self.published().await?;
        let epochs: Vec<u32> = now.keys.iter().map(|key| key.epoch).collect();
        ensure!(epochs == [1, 1], "{epochs:?}");
        let fresh = self.read("fresh.yaml")?;
        ensure!(fresh.contains(&sealing(&now)?.public.fingerprint().to_string()), "it is not its own that seals");
        self.is_open("fresh").await?;
        self.seal("next", "kseal", "--keys elsewhere/fresh.yaml", "next.yaml").await?;
        self.script("kubectl apply -f next.yaml").await?;
        self.is_open("next").await
    }

    /// Only who can open it changed, not what is in it.
    pub(crate) async fn kept_the_values_octets(&self) -> Result<()> {
        let own = sealing(&self.published().await?)?.public.fingerprint().to_string();
        let old = sealing(&self.kept()?)?.public.fingerprint().to_string();
        for (name, format) in APPS {
            let (before, after) =
                (self.read(&format!("before/{name}.yaml"))?, self.read(&format!("apps/{name}.yaml"))?);
            let value =
                |text: &str| text.lines().find(|line| line.starts_with("    password: ")).map(ToOwned::to_owned);
            ensure!(before != after && value(&before).is_some(), "{name}: {before}\n{after}");
            ensure!((value(&before) == value(&after)) == (format == "kseal"), "{name}: {before}\n{after}");
            ensure!(format != "kseal" || (after.contains(&own) && !after.contains(&old)), "{name}: {after}");
            self.is_open(name).await?;
        }
        Ok(())
    }

    /// Secrets whose SealedSecrets have another UID than the one that they name.
    pub(crate) async fn has_secrets_of_another_life(&self) -> Result<()> {
        let uid = "00000000-0000-4000-8000-000000000000";
        let owned = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: revived\n  namespace: {SHOP}\n  ownerReferences:\n  \
             - {{apiVersion: kseal.dev/v1alpha1, kind: SealedSecret, name: revived, uid: {uid}, controller: true}}\n\
             stringData: {{password: outdated}}\n"
        );
        self.seal("revived", "kseal", "", "revived.yaml").await?;
        self.write("owned.yaml", &owned)?;
        self.script("kubectl create -f owned.yaml; kubectl create -f revived.yaml").await?;
        self.is_open("revived").await?;

        self.script("kubectl -n shop delete kss kept; kubectl create -f apps/kept.yaml").await?;
        self.script("kubectl -n shop wait --timeout=60s --for=jsonpath='{.status.conditions[?(@.type==\"Ready\")].reason}'=NotOwned kss/kept")
            .await
    }

    /// The Secret is there, with what was sealed.
    pub(crate) async fn is_open(&self, name: &str) -> Result<()> {
        wait_until(&format!("{name} is opened"), SOON, || async {
            let secret = self.object("secret", name).await?;
            let password = secret["data"]["password"].as_str().context("no password")?;
            ensure!(
                data_encoding::BASE64.decode(password.as_bytes())? == PASSWORD.as_bytes(),
                "it has another password"
            );
            Ok(())
        })
        .await
    }

    async fn object(&self, kind: &str, name: &str) -> Result<Value> {
        let get = ["-n", SHOP, "get", kind, name, "-o", "json"];
        Ok(serde_json::from_str(&self.cluster()?.kubectl(get).run().await?)?)
    }

    /// Runs what must end with this exit code, and returns what it said.
    pub(crate) async fn fails(&self, script: &str, code: i32) -> Result<String> {
        let output = self.cluster()?.script(self.folder(), script)?.output().await?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(output.status.code() == Some(code), "{script}: {}\n{said}", output.status);
        Ok(said)
    }
}

fn sealing(bundle: &Bundle) -> Result<&BundleKey> {
    bundle.sealing_key().context("no key seals")
}

fn kind(format: &str) -> String {
    let group = if format == "kseal" { "kseal.dev" } else { "bitnami.com" };
    format!("sealedsecrets.{group}")
}
