//! The Secrets of a cluster's keys, and of its identity, as they are there.

use kseal_api::names;
use zeroize::Zeroizing;

use crate::{
    cluster::{Cluster, Failure, Publishing, query, segment},
    error::{Error, Result},
    key_backup::{self, Kept},
    output::Output,
};

/// The name of the first key that sealed-secrets ever made: it has no label.
const LEGACY: &str = "sealed-secrets-key";
const RIGHTS: &str =
    "it takes the rights to get and list Secrets there, which is to open everything; ask who runs the cluster";

/// Reads all keys, retired ones included, and the identity.
///
/// # Errors
/// If they may not be read, or there is none.
pub(super) fn read(publishing: &Publishing, output: &Output) -> Result<Vec<Kept>> {
    let cluster = Cluster::connect(&publishing.access)?;
    if !cluster.is_verified {
        return Err(Error::refused(format!("{}: the connection is not verified", cluster.name)).hint(
            "whoever is on the way would read the keys; give the kubeconfig the cluster's certificate authority",
        ));
    }
    let namespace = segment("--namespace-of-controller", &publishing.namespace)?;
    let source = Keys { cluster: &cluster, namespace, output };
    let mut secrets = source.labelled(names::KEY_STATE)?;
    secrets.extend(source.labelled(names::UPSTREAM_KEY)?);
    secrets.extend(source.named(LEGACY)?);
    if secrets.is_empty() {
        return Err(Error::no_key(format!("{} has no private key in namespace {namespace}", cluster.name))
            .hint("--namespace-of-controller names another namespace"));
    }
    let identity = source.named(names::IDENTITY)?;
    if identity.is_empty() {
        output.warn(format!("there is no Secret {namespace}/{}: nothing of an identity is exported", names::IDENTITY));
    }
    secrets.extend(identity);
    Ok(secrets)
}

struct Keys<'c> {
    cluster: &'c Cluster,
    namespace: &'c str,
    output: &'c Output,
}

impl Keys<'_> {
    fn labelled(&self, label: &str) -> Result<Vec<Kept>> {
        let path = format!("{}?labelSelector={}&limit=500", self.path(), query(label));
        let what = format!("the Secrets of keys in namespace {}", self.namespace);
        let (mut secrets, mut more) = (Vec::new(), String::new());
        loop {
            let body = self.cluster.get_octets(&format!("{path}{more}")).map_err(|it| it.wanting(&what, RIGHTS))?;
            let (page, next) = self.read(&body)?;
            secrets.extend(page);
            match next {
                Some(token) => more = format!("&continue={}", query(&token)),
                None => return Ok(secrets),
            }
        }
    }

    /// The Secret of this name, if there is one.
    fn named(&self, name: &str) -> Result<Vec<Kept>> {
        match self.cluster.get_octets(&format!("{}/{name}", self.path())) {
            Ok(body) => Ok(self.read(&body)?.0),
            Err(Failure::Refused(refusal)) if refusal.code == 404 => Ok(Vec::new()),
            Err(failure) => Err(failure.wanting(&format!("Secret {}/{name}", self.namespace), RIGHTS)),
        }
    }

    fn read(&self, body: &Zeroizing<Vec<u8>>) -> Result<(Vec<Kept>, Option<String>)> {
        let name = &self.cluster.name;
        let strange = || {
            Error::input(format!("{name}: the answer is no list of Secrets"))
                .hint("something on the way may have answered instead of the API server")
        };
        let text = std::str::from_utf8(body).map_err(|_| strange())?;
        key_backup::readable(text, |error| self.output.warn(format!("left out: {}", error.message())))
            .map_err(|_| strange())
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets", self.namespace)
    }
}
