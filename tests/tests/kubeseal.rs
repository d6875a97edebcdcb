//! The sealed-secrets format, both ways, with the real kubeseal.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "kubeseal/program.rs"]
mod program;

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use kseal_api::{Scope, UpstreamSpec, names};
use kseal_core::{ObjectRef, SealedObject, place, seal_upstream};
use kseal_crypto::{
    KeyRing, decode_base64,
    sealed_secrets::{Certificate, RsaPrivateKey, RsaSize, Validity},
};
use rand_core::UnwrapErr;
use serde_json::{Value, json};

/// The three scopes, with kubeseal's words for them and the annotation that says them.
const SCOPES: [(Scope, &str, Option<&str>); 3] = [
    (Scope::Strict, "strict", None),
    (Scope::NamespaceWide, "namespace-wide", Some(names::UPSTREAM_NAMESPACE_WIDE)),
    (Scope::ClusterWide, "cluster-wide", Some(names::UPSTREAM_CLUSTER_WIDE)),
];

#[test]
fn what_kubeseal_seals_opens() {
    let site = Site::new();
    for (_, word, annotation) in SCOPES {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "testSecret", "namespace": "prod"},
            "data": {"password": "aHVudGVyMg==", "empty": ""},
        });
        let sealed = site.kubeseal(&["--cert", &site.certificate(), "--scope", word], &secret);
        let spec: UpstreamSpec = serde_json::from_value(sealed["spec"].clone()).unwrap();
        let annotations = sealed["metadata"]["annotations"].clone();
        assert_eq!(annotation.map(|name| annotations[name].as_str()), annotation.map(|_| Some("true")));
        let object = SealedObject::upstream(site.object(), |name| annotations[name].as_str(), &spec);
        assert!(object.failures().is_empty());
        let opened = object.open(&site.ring()).unwrap();
        assert_eq!(opened["password"].as_slice(), b"hunter2", "{word}");
        assert_eq!(opened["empty"].as_slice(), b"", "{word}");
    }
}

#[test]
fn what_kseal_seals_kubeseal_opens() {
    let site = Site::new();
    for (scope, word, annotation) in SCOPES {
        let items: [(&str, &[u8]); 3] = [("text", b"hunter2"), ("empty", b""), ("binary", &[0, 255, 7])];
        let place = place(scope, &site.object()).unwrap();
        let texts = seal_upstream(&place, site.key.public(), items, &mut UnwrapErr(getrandom::SysRng)).unwrap();
        let annotations: BTreeMap<_, _> = annotation.map(|name| (name, "true")).into_iter().collect();
        let sealed = json!({
            "apiVersion": names::UPSTREAM_API_VERSION, "kind": "SealedSecret",
            "metadata": {"name": "testSecret", "namespace": "prod", "annotations": annotations},
            "spec": {"encryptedData": texts},
        });
        let recovery = ["--recovery-unseal", "--recovery-private-key", &site.private_key()];
        let opened = site.kubeseal(&recovery, &sealed);
        for (item, value) in items {
            // Go writes no octets as null.
            let text = opened["data"][item].as_str().unwrap_or_default();
            assert_eq!(decode_base64(text).unwrap(), value, "{word}: {item}");
        }
    }
}

/// A key pair in files, and kubeseal.
struct Site {
    folder: tempfile::TempDir,
    kubeseal: PathBuf,
    key: RsaPrivateKey,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = RsaPrivateKey::generate(RsaSize::Bits2048).unwrap();
        let validity = Validity { not_before: 0, not_after: 4_000_000_000 };
        let certificate = Certificate::self_signed(&key, validity, &mut UnwrapErr(getrandom::SysRng)).unwrap();
        fs::write(folder.path().join("certificate.pem"), certificate.to_pem()).unwrap();
        fs::write(folder.path().join("key.pem"), key.to_pkcs1_pem()).unwrap();
        Self { folder, kubeseal: program::kubeseal(), key }
    }

    fn object(&self) -> ObjectRef {
        assert!(self.folder.path().exists());
        ObjectRef { namespace: Some("prod".into()), name: Some("testSecret".into()) }
    }

    fn ring(&self) -> KeyRing {
        let mut ring = KeyRing::default();
        ring.add_rsa(RsaPrivateKey::from_pem(&self.key.to_pkcs1_pem()).unwrap());
        ring
    }

    fn certificate(&self) -> String {
        self.folder.path().join("certificate.pem").display().to_string()
    }

    fn private_key(&self) -> String {
        self.folder.path().join("key.pem").display().to_string()
    }

    fn kubeseal(&self, arguments: &[&str], input: &Value) -> Value {
        let mut child = Command::new(&self.kubeseal)
            .args(arguments)
            .args(["--kubeconfig", "/nonexistent", "--format", "json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
