//! Through which proxy a cluster is reached, as kubectl decides it: that of the kubeconfig, else that of the environment
//! unless NO_PROXY has the cluster.

use std::net::IpAddr;

use ipnet::IpNet;
use ureq::{Proxy, http::Uri};

use crate::error::{Error, Result};

/// The environment's proxies.
#[derive(Clone, Default)]
pub(crate) struct Proxies {
    /// `HTTP_PROXY`: for clusters without TLS.
    pub http: Option<String>,
    /// `HTTPS_PROXY`.
    pub https: Option<String>,
    /// `NO_PROXY`: names and networks that are reached directly.
    pub none: Option<String>,
}

impl Proxies {
    /// The proxy on the way to a cluster; `of_cluster` is what the kubeconfig says.
    ///
    /// # Errors
    /// If it is none. What it says is not repeated: it may hold a password.
    pub(crate) fn on_the_way_to(&self, cluster: &Uri, of_cluster: Option<&str>) -> Result<Option<Proxy>> {
        if let Some(url) = of_cluster.filter(|url| !url.is_empty()) {
            return parse("the kubeconfig's proxy-url", url).map(Some);
        }
        let (name, url) = match cluster.scheme_str() {
            Some("http") => ("HTTP_PROXY", &self.http),
            _ => ("HTTPS_PROXY", &self.https),
        };
        let is_direct = is_loopback(cluster) || self.none.as_deref().is_some_and(|none| is_listed(cluster, none));
        url.as_ref().filter(|_| !is_direct).map(|url| parse(name, url)).transpose()
    }
}

/// Whether a list as in NO_PROXY has the host, as Go reads it: `*`, networks, addresses, and names, which stand for all
/// names below them; each may have a port.
fn is_listed(cluster: &Uri, list: &str) -> bool {
    let host = bare_host(cluster);
    let port = cluster.port_u16().unwrap_or(if cluster.scheme_str() == Some("http") { 80 } else { 443 });
    let address = host.parse::<IpAddr>().ok();
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        if let (Ok(network), Some(address)) = (entry.parse::<IpNet>(), address) {
            return network.contains(&address);
        }
        let (name, wanted) = match entry.rsplit_once(':') {
            Some((name, wanted)) if !name.contains(':') || name.ends_with(']') => (name, Some(wanted)),
            _ => (entry, None),
        };
        if wanted.is_some_and(|wanted| wanted != port.to_string()) {
            return false;
        }
        let name = name.trim_start_matches('[').trim_end_matches(']').trim_start_matches("*.");
        let below = host.strip_suffix(name.trim_start_matches('.')).is_some_and(|rest| rest.ends_with('.'));
        name == "*" || host == name || below && address.is_none()
    })
}

fn bare_host(uri: &Uri) -> String {
    uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_lowercase()
}

/// Whether nothing is between this machine and the host.
pub(crate) fn is_loopback(uri: &Uri) -> bool {
    let host = bare_host(uri);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn parse(name: &str, url: &str) -> Result<Proxy> {
    let broken = || {
        Error::input(format!("{name} is not the URL of a proxy"))
            .hint("kseal knows http://, https:// and socks5://, as in http://proxy.example.com:3128")
    };
    let url = match url.split_once("://") {
        None => format!("http://{url}"),
        // The proxy looks up names, as it does for kubectl.
        Some(("socks5", rest)) => format!("socks5h://{rest}"),
        Some(("http" | "https" | "socks5h", _)) => url.to_owned(),
        Some(_) => return Err(broken()),
    };
    let proxy = Proxy::new(&url).map_err(|_| broken())?;
    if proxy.host().is_empty() { Err(broken()) } else { Ok(proxy) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(proxies: &Proxies, cluster: &str, of_cluster: Option<&str>) -> Option<String> {
        let cluster = cluster.parse().unwrap();
        proxies.on_the_way_to(&cluster, of_cluster).unwrap().map(|proxy| proxy.uri().to_string())
    }

    fn proxies(none: &str) -> Proxies {
        let some = |text: &str| Some(text.to_owned());
        Proxies { http: some("plain.example:3128"), https: some("http://secure.example:3128"), none: some(none) }
    }

    #[test]
    fn the_kubeconfig_goes_before_the_environment_whatever_no_proxy_says() {
        let way = |url| way(&proxies("*"), "https://k.example", Some(url));
        assert_eq!(way("socks5://s.example:1").as_deref(), Some("socks5h://s.example:1/"));
        assert_eq!(way("https://ada:x@s.example").as_deref(), Some("https://ada:x@s.example/"));
        assert_eq!(way(""), None);
    }

    #[test]
    fn no_proxy_is_about_the_cluster_and_not_about_the_proxy() {
        let direct = [
            ("*", "https://k.example"),
            ("other.example, .k.example", "https://api.k.example"),
            ("k.example", "https://api.K.example"),
            ("k.example", "https://k.example:6443"),
            ("k.example:6443", "https://k.example:6443"),
            ("*.k.example", "https://api.k.example"),
            ("10.0.0.0/8,", "https://10.1.2.3:6443"),
            ("10.1.2.3", "https://10.1.2.3"),
            ("fd00::/8", "https://[fd00::1]:6443"),
            ("fd00::1", "https://[fd00::1]:6443"),
            ("[fd00::1]:6443", "https://[fd00::1]:6443"),
            ("", "https://127.0.0.1:6443"),
            ("", "https://[::1]:6443"),
            ("", "https://localhost:6443"),
        ];
        for (none, cluster) in direct {
            assert_eq!(way(&proxies(none), cluster, None), None, "{none} {cluster}");
        }
        let through = [
            ("secure.example", "https://k.example"),
            ("other.example, 10.0.0.0/8", "https://k.example"),
            (".k.example", "https://k.example"),
            ("k.example:443", "https://k.example:6443"),
            ("example", "https://notexample"),
            ("2.3", "https://10.1.2.3"),
            (",", "https://k.example"),
        ];
        for (none, cluster) in through {
            assert_eq!(way(&proxies(none), cluster, None).as_deref(), Some("http://secure.example:3128/"), "{none}");
        }
        assert_eq!(way(&proxies(""), "http://k.example", None).as_deref(), Some("http://plain.example:3128/"));
    }

    #[test]
    fn what_is_no_proxy_is_not_repeated() {
        for url in ["ftp://ada:hunter2@proxy.example", "http://ada:hunter2@", "http://ada:hunter2 @x"] {
            let error = parse("HTTPS_PROXY", url).unwrap_err();
            assert!(!error.message().contains("hunter2") && error.causes().is_empty(), "{}", error.message());
        }
    }
}
