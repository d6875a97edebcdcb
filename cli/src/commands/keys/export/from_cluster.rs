//! The Secrets of a cluster's keys, and of its identity, as they are there.

use kseal_api::names;
use zeroize::Zeroizing;

use crate::{
    cluster::{Cluster, Counted, Failure, Publishing, query, segment},
    error::{Error, Result},
    key_backup::{self, Kept},
    output::Output,
};

const RIGHTS: &str =
    "it takes the rights to get and list Secrets there, which is to open everything; ask who runs the cluster";

/// Reads all keys, retired ones included, and the identity. The first key that sealed-secrets ever made has no label: it is
/// found by its name, `prefix`, or by that which the controller tells.
///
/// # Errors
/// If they may not be read, or there is none.
pub(super) fn read(publishing: &Publishing, prefix: &str, output: &Output) -> Result<Vec<Kept>> {
    let cluster = Cluster::connect(&publishing.access)?;
    if !cluster.is_verified {
        return Err(Error::refused(format!("{}: the connection is not verified", cluster.name)).hint(
            "whoever is on the way would read the keys; give the kubeconfig the cluster's certificate authority",
        ));
    }
    let namespace = segment("--namespace-of-controller", &publishing.namespace)?;
    let source = Keys { cluster: &cluster, namespace, output };
    let prefix = segment("--sealed-secrets-key-prefix", prefix)?;
    let native = source.labelled(names::KEY_STATE)?;
    let has_native = !native.is_empty();
    let mut secrets = native;
    secrets.extend(source.labelled(names::UPSTREAM_KEY)?);
    let told = source.told(publishing);
    for name in std::iter::once(prefix).chain(told.iter().map(String::as_str)) {
        if secrets.iter().all(|kept| kept.name() != name) {
            secrets.extend(source.named(segment("the name of a key's Secret", name)?)?);
        }
    }
    if secrets.is_empty() {
        return Err(Error::no_key(format!("{} has no private key in namespace {namespace}", cluster.name))
            .hint("--namespace-of-controller names another namespace"));
    }
    let identity = source.named(names::IDENTITY)?;
    // Where there was never another controller than sealed-secrets' own, there is none.
    if identity.is_empty() && has_native {
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

    /// The names of the Secrets that the controller loads; none where there is no controller. That this cannot be read keeps
    /// nobody from a backup.
    fn told(&self, publishing: &Publishing) -> Vec<String> {
        let why = match publishing.usage(self.cluster) {
            Ok(Counted::Known(usage)) => {
                let names = usage.keys.into_values().map(|key| key.secret);
                return names.filter(|name| !name.is_empty()).collect();
            }
            Ok(Counted::Missing(_)) => return Vec::new(),
            Ok(Counted::Unknown(why)) => why,
            Err(error) => error.message().to_owned(),
        };
        self.output.warn(format!(
            "{why}; a key of sealed-secrets without a label is exported only if its Secret has the name that \
             --sealed-secrets-key-prefix says"
        ));
        Vec::new()
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
