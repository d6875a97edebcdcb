//! The connection to a cluster: whose certificates count, which one is shown, through which proxy.

use std::{io, time::Duration};

use crate::{
    error::{Error, Result},
    fetch, files,
};
use kseal_crypto::{Plaintext, decode_data};
use kube::{Config, config::AuthInfo};
use rustls::{
    RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use secrecy::{ExposeSecret as _, SecretString};
use ureq::{
    Agent, Proxy, Timeout,
    http::{Uri, uri::Authority},
    tls::{Certificate, ClientCert, PrivateKey, RootCerts},
    unversioned::{
        resolver::DefaultResolver,
        transport::{
            ConnectProxyConnector, ConnectionDetails, Connector, RustlsConnector, SocksConnector, TcpConnector,
            Transport,
        },
    },
};

const CONNECT: Duration = Duration::from_secs(10);
/// The API server itself gives up after 60 seconds.
const ANSWER: Duration = Duration::from_secs(65);
const BODY: Duration = Duration::from_mins(5);

/// Who sends the requests to a cluster.
///
/// # Errors
/// If certificates or keys of the kubeconfig are not usable.
pub(super) fn agent(cluster: &str, config: &Config, proxy: Option<Proxy>) -> Result<Agent> {
    let roots = roots(cluster, config.root_cert.as_deref())?;
    let tls = fetch::tls(roots).client_cert(identity(cluster, &config.auth_info)?);
    let tls = tls.disable_verification(config.accept_invalid_certs).build();
    let settings = Agent::config_builder()
        .tls_config(tls)
        .proxy(proxy)
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .timeout_recv_body(Some(BODY))
        .user_agent(concat!("kseal/", env!("CARGO_PKG_VERSION")))
        .build();
    let tls = match config.tls_server_name.as_ref().filter(|name| !name.is_empty()) {
        Some(name) => Tls::named(&config.cluster_url, name).ok_or_else(|| {
            Error::input(format!("{cluster}: tls-server-name is not the name of a server"))
                .hint("`kubectl config view --minify` shows what the context says")
        })?,
        None => Tls::default(),
    };
    let connector =
        ().chain(SocksConnector::default())
            .chain(ConnectProxyConnector::default())
            .chain(TcpConnector::default())
            .chain(tls);
    Ok(Agent::with_parts(settings, connector, DefaultResolver::default()))
}

/// The authorities that sign the cluster's certificate; the system's if none is named.
fn roots(cluster: &str, roots: Option<&[Vec<u8>]>) -> Result<RootCerts> {
    let Some(roots) = roots else { return Ok(RootCerts::PlatformVerifier) };
    let broken = |_| {
        Error::input(format!("{cluster}: the certificate authority is not usable"))
            .hint("it is PEM, and the kubeconfig holds it as base64")
    };
    // The connection passes over what it cannot use.
    let mut usable = RootCertStore::empty();
    for root in roots {
        usable.add(CertificateDer::from_slice(root).into_owned()).map_err(broken)?;
    }
    if usable.is_empty() {
        return Err(Error::input(format!("{cluster}: there is no certificate in the certificate authority"))
            .hint("it is PEM, and the kubeconfig holds it as base64"));
    }
    Ok(RootCerts::from(roots.iter().map(|root| Certificate::from_der(root).to_owned())))
}

/// The client certificate, from the kubeconfig or the files that it names.
fn identity(cluster: &str, auth: &AuthInfo) -> Result<Option<ClientCert>> {
    let broken = |what: &str| {
        Error::input(format!("{cluster}: {what}")).hint("`kubectl config view --minify` shows what the context says")
    };
    let read = |what: &str, data: Option<&str>, path: Option<&String>| -> Result<Option<Plaintext>> {
        match (data.filter(|data| !data.is_empty()), path) {
            (Some(data), _) => decode_data(data).map(Some).ok_or_else(|| broken(&format!("the {what} is not base64"))),
            (None, Some(path)) => files::read_octets(Some(path.as_ref())).map(Plaintext::from).map(Some),
            (None, None) => Ok(None),
        }
    };
    let chain = auth.client_certificate_data.as_deref();
    let chain = read("client certificate", chain, auth.client_certificate.as_ref())?;
    let key = auth.client_key_data.as_ref().map(SecretString::expose_secret);
    let key = read("client key", key, auth.client_key.as_ref())?;
    let (chain, key) = match (chain, key) {
        (None, None) => return Ok(None),
        (Some(chain), Some(key)) => (chain, key),
        _ => return Err(broken("a client certificate and its key belong together, and one of them is missing")),
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .map_err(|_| broken("the client certificate is not PEM"))?;
    let used = PrivateKey::from_pem(&key).map_err(|_| broken("the client key is not PEM"))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| broken("the client key is not PEM"))?;
    let shown: Vec<_> = chain.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    // The connection takes for granted that they fit.
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|_| broken("the client key does not fit the client certificate"))?;
    Ok(Some(ClientCert::new_with_certs(&shown, used)))
}

/// Why a request was not answered.
pub(super) fn unanswered(cluster: &str, error: ureq::Error) -> Error {
    let hint = "see whether `kubectl get --raw /readyz` answers; kseal takes the same way as kubectl";
    because(Error::cluster(format!("{cluster} cannot be reached")), error).hint(hint)
}

/// Adds what went wrong underneath.
pub(super) fn because(error: Error, cause: ureq::Error) -> Error {
    match cause {
        ureq::Error::Io(cause) => error.because(&cause),
        cause => error.because(&cause),
    }
}

/// Whether a request surely never left, since there was no connection to send it over.
pub(super) fn was_not_made(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable
        ),
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => true,
        _ => false,
    }
}

/// TLS to a cluster whose certificate may have another name than its URL.
#[derive(Debug, Default)]
struct Tls {
    tls: RustlsConnector,
    /// The URL, and the same with the name of the certificate.
    named: Option<(Uri, Uri)>,
}

impl Tls {
    fn named(url: &Uri, name: &str) -> Option<Self> {
        let host = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
        let mut parts = url.clone().into_parts();
        parts.authority = Some(host.parse::<Authority>().ok().filter(|authority| authority.host() == host)?);
        let named = Some((url.clone(), Uri::from_parts(parts).ok()?));
        Some(Self { tls: RustlsConnector::default(), named })
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = <RustlsConnector as Connector<In>>::Out;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, ureq::Error> {
        // A proxy on the way has its own name, and maybe no TLS.
        let is_cluster = |url: &Uri| (url.scheme(), url.authority()) == (details.uri.scheme(), details.uri.authority());
        let named = self.named.as_ref().filter(|(url, _)| is_cluster(url));
        let details = ConnectionDetails {
            uri: named.map_or(details.uri, |(_, uri)| uri),
            addrs: details.addrs.clone(),
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        self.tls.connect(&details, chained)
    }
}
