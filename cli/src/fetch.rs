//! One GET over https, for a bundle that is published by URL.

use std::sync::Arc;

use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig, TlsConfigBuilder},
};

use crate::error::{Error, Result};

/// A bundle of a hundred X-Wing keys is 200 KB.
const MAX_BYTES: u64 = 4 * 1_024 * 1_024;

/// Fetches a text. Certificates are checked against the system's, `HTTPS_PROXY` is honoured.
pub(crate) fn text(url: &str) -> Result<String> {
    if !url.starts_with("https://") {
        return Err(Error::refused(format!("{url}: only https:// is fetched"))
            .hint("who can change the answer on its way would get all secrets sealed for a key of his own"));
    }
    let failed = |error: &ureq::Error| {
        Error::file(format!("cannot fetch {url}")).because(error).hint("fetch it by other means and give its file")
    };
    let config = Agent::config_builder()
        .https_only(true)
        .timeout_global(Some(std::time::Duration::from_secs(30)))
        .tls_config(tls(RootCerts::PlatformVerifier).build())
        .build();
    let mut response = Agent::new_with_config(config).get(url).call().map_err(|error| failed(&error))?;
    response.body_mut().with_config().limit(MAX_BYTES).read_to_string().map_err(|error| failed(&error))
}

/// TLS that trusts these authorities.
pub(crate) fn tls(roots: RootCerts) -> TlsConfigBuilder {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider)
}
