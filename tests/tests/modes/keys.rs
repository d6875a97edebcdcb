//! Upstream's keys, in every form that it has left behind: they open, and stay as they are.

use anyhow::{Context as _, Result, ensure};
use data_encoding::BASE64;
use getrandom::SysRng;
use kseal_api::{Scope, names};
use kseal_core::{ObjectRef, place, reconcile::Group, seal_upstream};
use kseal_crypto::sealed_secrets::{Certificate, RsaPrivateKey, RsaSize, Validity};
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Case, SOON, Site},
};
use rand_core::UnwrapErr;
use serde_json::{Value, json};

/// A key as upstream keeps it.
struct Key {
    name: &'static str,
    label: Option<&'static str>,
    private: RsaPrivateKey,
    certificate: Certificate,
}

impl Key {
    fn new(name: &'static str, label: Option<&'static str>, not_before: u64) -> Result<Self> {
        let private = RsaPrivateKey::generate(RsaSize::Bits2048)?;
        let validity = Validity { not_before, not_after: 4_000_000_000 };
        let certificate = Certificate::self_signed(&private, validity, &mut UnwrapErr(SysRng))?;
        Ok(Self { name, label, private, certificate })
    }

    fn secret(&self) -> Value {
        let labels = self.label.map_or_else(|| json!({}), |label| json!({names::UPSTREAM_KEY: label}));
        let encode = |text: &str| BASE64.encode(text.as_bytes());
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"namespace": "kube-system", "name": self.name, "labels": labels},
            "data": {"tls.key": encode(&self.private.to_pkcs1_pem()), "tls.crt": encode(self.certificate.to_pem())},
        })
    }

    /// An object that was sealed for this key, and is named after it.
    fn sealed(&self, namespace: &str) -> Result<Value> {
        let object = ObjectRef { namespace: Some(namespace.to_owned()), name: Some(self.name.to_owned()) };
        let place = place(Scope::Strict, &object)?;
        let items = [("password", &b"hunter2"[..])];
        let items = seal_upstream(&place, self.private.public(), items, &mut UnwrapErr(SysRng))?;
        Ok(json!({
            "apiVersion": Group::Upstream.api_version(), "kind": names::SEALED_SECRET,
            "metadata": {"namespace": namespace, "name": self.name}, "spec": {"encryptedData": items},
        }))
    }
}

#[test]
fn keys_of_every_age_open_and_none_is_written_or_added() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, "deploy/sealed-secrets").await?;
        let keys = [
            // The first release gave its only key the bare prefix as a name, and no label.
            Key::new("sealed-secrets-key", None, 1_500_000_000)?,
            Key::new("sealed-secrets-keyb9k2p", Some("active"), 1_700_000_000)?,
            Key::new("sealed-secrets-keyx7k2p", Some("active"), 1_600_000_000)?,
            Key::new("bring-your-own", Some("active"), 1_400_000_000)?,
            Key::new("sealed-secrets-keyc0mpr", Some("compromised"), 1_750_000_000)?,
        ];
        let mut before = Vec::new();
        for key in &keys {
            before.push(site.objects.create(&key.secret()).await?);
        }
        let controller = site.installation.start(&ControllerOptions::default()).await?;
        controller.wait_ready().await?;
        let namespace = cluster.namespace("prod").await?;
        let case = |key: &Key| Case {
            site: &site,
            group: Group::Upstream,
            namespace: namespace.clone(),
            name: key.name.to_owned(),
        };
        for key in &keys {
            site.objects.create(&key.sealed(&namespace)?).await?;
        }
        for key in &keys[..4] {
            case(key).holds(&[("password", "hunter2")]).await?;
        }
        case(&keys[4]).wrong("CannotOpen").await?;
        // The newest by its certificate seals, as upstream has it by default.
        ensure!(controller.get("/v1/cert.pem").await? == keys[1].certificate.to_pem());

        wait_until("the leader has looked at the keys", SOON, || async { controller.get("/v1/keys").await }).await?;
        let secrets = site.objects.get("/api/v1/namespaces/kube-system/secrets").await?;
        let rsa = |secret: &&Value| secret["type"] == "kubernetes.io/tls";
        let after: Vec<&Value> = secrets["items"].as_array().context("no list")?.iter().filter(rsa).collect();
        ensure!(after.len() == keys.len(), "{} keys", after.len());
        for secret in &before {
            let name = &secret["metadata"]["name"];
            let is = after.iter().find(|is| is["metadata"]["name"] == *name).context("it is gone")?;
            // Of a list, items do not say what they are.
            ensure!(is["metadata"] == secret["metadata"] && is["data"] == secret["data"], "{name} was written");
        }

        // A key that is made active opens what waits for it, without a restart.
        let path = format!("/api/v1/namespaces/kube-system/secrets/{}", keys[4].name);
        site.objects.merge(&path, &json!({"metadata": {"labels": {names::UPSTREAM_KEY: "active"}}})).await?;
        case(&keys[4]).holds(&[("password", "hunter2")]).await?;
        controller.stop().await
    });
}
