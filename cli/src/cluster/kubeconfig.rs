//! Which cluster a kubeconfig means, as kubectl reads it. What stands in one, how several are merged, and what a context
//! is made of are `kube`'s; the text is read as every YAML is.

use std::path::{Path, PathBuf};

use kube::{
    Config,
    config::{Kubeconfig, KubeconfigError, LoadDataError, NamedAuthInfo},
};
use ureq::Proxy;

use super::{Access, oidc::Kept, proxies::is_loopback};
use crate::{
    error::{Error, Result},
    files,
};

const LOOK: &str = "`kubectl config view --minify` shows what the context says";

/// A cluster that may be asked.
pub(super) struct Target {
    /// For messages.
    pub name: String,
    pub config: Config,
    /// What is on the way.
    pub proxy: Option<Proxy>,
    /// Where the user's tokens stand.
    pub kept: Option<Kept>,
    /// Whether nobody on the way can change what it says.
    pub is_verified: bool,
}

/// Kubeconfigs that were merged.
struct Merged {
    kubeconfig: Kubeconfig,
    /// Which file a user is from.
    users: Vec<Kept>,
}

/// The context that is named, else the current one, else the cluster around this process.
pub(super) fn find(access: &Access) -> Result<Option<Target>> {
    let Some(Merged { mut kubeconfig, users }) = read(access)? else { return in_cluster(access) };
    let from = match &access.kubeconfig {
        Some(path) => path.display().to_string(),
        None => "kubeconfig".to_owned(),
    };
    let current = kubeconfig.current_context.as_ref().filter(|name| !name.is_empty());
    let Some(context) = access.context.as_ref().or(current).cloned() else { return in_cluster(access) };
    let meant = kubeconfig.contexts.iter().find(|named| named.name == context);
    let Some(meant) = meant.and_then(|named| named.context.as_ref()) else {
        let names: Vec<&str> = kubeconfig.contexts.iter().map(|named| named.name.as_str()).collect();
        let message = format!("{from}: there is no context {context}");
        let hint = if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
        return Err(if access.context.is_some() { Error::usage(message) } else { Error::input(message) }.hint(hint));
    };
    let kept = users.into_iter().find(|kept| Some(&kept.user) == meant.user.as_ref());
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == meant.cluster);
    // `kube` asks the environment for proxies, too, by rules that are not kubectl's; what it finds is not used.
    let proxy = cluster.and_then(|named| named.cluster.as_ref()?.proxy_url.clone());
    kubeconfig.current_context = Some(context.clone());
    let config = understood(&from, Config::try_from(kubeconfig))?;
    let target = target(&format!("context {context}"), config, access, proxy.as_deref())?;
    Ok(Some(Target { kept, ..target }))
}

/// The kubeconfigs, merged; of the usual ones those that are there.
fn read(access: &Access) -> Result<Option<Merged>> {
    let paths: Vec<&PathBuf> = match &access.kubeconfig {
        Some(path) => vec![path],
        None => access.usual.iter().filter(|path| files::is_file(path)).collect(),
    };
    let mut merged: Option<Merged> = None;
    for path in paths {
        let from = path.display().to_string();
        let next = load(path)?;
        let kept = |user: &NamedAuthInfo| Kept { path: path.clone(), user: user.name.clone() };
        let new: Vec<Kept> = next.auth_infos.iter().map(kept).collect();
        merged = Some(match merged {
            Some(Merged { kubeconfig, mut users }) => {
                users.extend(new);
                Merged { kubeconfig: understood(&from, kubeconfig.merge(next))?, users }
            }
            None => Merged { kubeconfig: next, users: new },
        });
    }
    if let (None, Some(context)) = (&merged, &access.context) {
        return Err(Error::usage(format!("there is no context {context}, since there is no kubeconfig"))
            .hint("name one with --kubeconfig or KUBECONFIG"));
    }
    Ok(merged)
}

/// One kubeconfig. Paths in it are relative to where it stands.
fn load(path: &Path) -> Result<Kubeconfig> {
    let input = files::read(path)?;
    if input.text.trim().is_empty() {
        return Ok(Kubeconfig::default());
    }
    let mut kubeconfig: Kubeconfig = kseal_manifest::from_str(&input.text)
        .map_err(|error| Error::input(format!("{}: not a kubeconfig", path.display())).because(&error).hint(LOOK))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let settle = |file: &mut Option<String>| {
        if let Some(file) = file.as_mut().filter(|file| !file.is_empty()) {
            *file = folder.join(&*file).to_string_lossy().into_owned();
        }
    };
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        settle(&mut cluster.certificate_authority);
    }
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        settle(&mut user.client_certificate);
        settle(&mut user.client_key);
        settle(&mut user.token_file);
        // A bare name is looked for in PATH.
        if let Some(exec) = user.exec.as_mut().filter(|exec| exec.command.as_ref().is_some_and(|it| it.contains('/'))) {
            settle(&mut exec.command);
        }
    }
    Ok(kubeconfig)
}

fn in_cluster(access: &Access) -> Result<Option<Target>> {
    if !access.is_in_cluster || access.kubeconfig.is_some() {
        return Ok(None);
    }
    // A pod may have no ServiceAccount; then the cluster around it is not one that can be asked.
    let Ok(config) = Config::incluster() else { return Ok(None) };
    target("the cluster around this pod", config, access, None).map(Some)
}

fn target(name: &str, config: Config, access: &Access, proxy: Option<&str>) -> Result<Target> {
    let url = &config.cluster_url;
    let host = url.host().unwrap_or_default();
    if host.is_empty() || !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(Error::input(format!("{name}: the cluster's server is not a URL")).hint("it begins with https://"));
    }
    let port = url.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let name = format!("{name} ({}://{host}{port})", url.scheme_str().unwrap_or_default());
    let is_verified = match url.scheme_str() {
        Some("http") => is_loopback(url),
        _ => !config.accept_invalid_certs,
    };
    let proxy = access.proxies.on_the_way_to(url, proxy)?;
    Ok(Target { name, config, proxy, kept: None, is_verified })
}

/// What `kube` says of a kubeconfig, in words that do not quote it: tokens stand in it.
fn understood<T>(from: &str, read: Result<T, KubeconfigError>) -> Result<T> {
    let broken = |what: &str| Error::input(format!("{from}: {what}")).hint(LOOK);
    read.map_err(|error| match &error {
        KubeconfigError::LoadCertificateAuthority(LoadDataError::ReadFile(error, path)) => {
            Error::file(format!("{from}: cannot read the certificate authority {}", path.display())).because(error)
        }
        KubeconfigError::LoadCertificateAuthority(_) => broken("the certificate authority is not base64"),
        KubeconfigError::ParseCertificates(_) => broken("the certificate authority is not PEM"),
        KubeconfigError::MissingClusterUrl | KubeconfigError::ParseClusterUrl(_) => {
            broken("the cluster's server is not a URL")
        }
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => {
            broken("kubeconfigs of different kinds cannot be merged")
        }
        KubeconfigError::ParseProxyUrl(_) => broken("proxy-url or HTTPS_PROXY is not the URL of a proxy"),
        KubeconfigError::LoadClusterOfContext(name) => {
            broken(&format!("there is no cluster {name}, which the context names"))
        }
        _ => broken("not usable"),
    })
}
