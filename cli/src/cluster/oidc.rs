//! Logs in by OpenID Connect, as client-go's `auth-provider: oidc` does: by the id-token of the kubeconfig, or by a new one
//! from the identity provider if that has expired. New tokens are written where the old ones stood, since many providers
//! accept a refresh token once only.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use jiff::Timestamp;
use kseal_crypto::{decode_data, encode_base64};
use kseal_manifest::{Edit, Manifest, Path, Position, Tree};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde::{Deserialize, de::DeserializeOwned};
use ureq::{
    Agent,
    http::{Uri, header::AUTHORIZATION},
    tls::{Certificate, RootCerts},
};
use zeroize::Zeroizing;

use super::proxies::is_loopback;
use crate::{
    error::{Error, Result},
    fetch,
    files::{self, Privacy},
};

const PATIENCE: Duration = Duration::from_secs(30);
const MAX_BYTES: u64 = 1_024 * 1_024;
/// A token that is about to expire does not reach the cluster.
const MARGIN: i64 = 10;
const HINT: &str = "log in anew with the program that wrote the id-token into the kubeconfig";

/// Where tokens are kept.
pub(super) struct Kept {
    /// The kubeconfig.
    pub path: PathBuf,
    /// The user in it.
    pub user: String,
}

/// A token that the cluster accepts now, from what `auth-provider` holds.
///
/// # Errors
/// If there is none, or the provider does not give one.
pub(super) fn id_token(
    cluster: &str,
    config: &HashMap<String, String>,
    kept: Option<&Kept>,
    now: Timestamp,
) -> Result<Zeroizing<String>> {
    let failed = |what: &str| Error::cluster(format!("{cluster}: cannot log in: {what}")).hint(HINT);
    let field = |name: &str| config.get(name).filter(|value| !value.is_empty());
    if let Some(token) = field("id-token") {
        let end = expiry(token).ok_or_else(|| failed("the id-token of the kubeconfig is none"))?;
        if now.as_second() + MARGIN < end {
            return Ok(Zeroizing::new(token.clone()));
        }
    }
    let wanted = |name: &str| field(name).ok_or_else(|| failed(&format!("there is no valid id-token, and no {name}")));
    let provider = Provider {
        issuer: wanted("idp-issuer-url")?.trim_end_matches('/'),
        client_id: wanted("client-id")?,
        client_secret: field("client-secret").map_or("", |secret| secret),
        refresh_token: wanted("refresh-token")?,
        agent: agent(config).ok_or_else(|| failed("the identity provider's certificate authority is not usable"))?,
    };
    let tokens = provider.refresh().map_err(|what| failed(&what))?;
    let Some(id_token) = tokens.id_token.map(Zeroizing::new) else {
        return Err(failed("the identity provider's answer has no id_token"));
    };
    if let Some(kept) = kept {
        kept.write(&[("id-token", Some(&id_token)), ("refresh-token", tokens.refresh_token.as_ref())])?;
    }
    Ok(id_token)
}

/// The `exp` of a JSON Web Token.
fn expiry(token: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }
    let payload = token.split('.').nth(1)?.trim_end_matches('=');
    let mut text = Zeroizing::new(payload.replace('-', "+").replace('_', "/"));
    while text.len() % 4 != 0 {
        text.push('=');
    }
    let claims: Claims = serde_json::from_slice(&decode_data(&text)?).ok()?;
    // A time that no clock reaches is as good as none.
    #[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
    Some(claims.exp as i64)
}

/// Who asks the provider; its certificate may be signed by an authority of its own.
fn agent(config: &HashMap<String, String>) -> Option<Agent> {
    let pem = match (config.get("idp-certificate-authority-data"), config.get("idp-certificate-authority")) {
        (Some(data), _) if !data.is_empty() => Some(decode_data(data)?.to_vec()),
        (_, Some(path)) if !path.is_empty() => Some(files::read_octets(Some(path.as_ref())).ok()?),
        _ => None,
    };
    let roots = match pem {
        Some(pem) => {
            let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().ok()?;
            RootCerts::from(certificates.iter().map(|it| Certificate::from_der(it).to_owned()))
        }
        None => RootCerts::PlatformVerifier,
    };
    let is_local = config.get("idp-issuer-url")?.parse::<Uri>().is_ok_and(|url| is_loopback(&url));
    let settings = Agent::config_builder().tls_config(fetch::tls(roots).build()).https_only(!is_local);
    Some(settings.timeout_global(Some(PATIENCE)).http_status_as_error(false).build().new_agent())
}

/// The identity provider, and as whom it knows us.
struct Provider<'c> {
    issuer: &'c str,
    client_id: &'c str,
    client_secret: &'c str,
    refresh_token: &'c str,
    agent: Agent,
}

#[derive(Deserialize)]
struct Discovered {
    token_endpoint: String,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
    refresh_token: Option<String>,
}

impl Provider<'_> {
    /// New tokens; an error is in words that hold none.
    fn refresh(&self) -> Result<Tokens, String> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer);
        let answer = self.agent.get(&url).call().map_err(|error| unanswered(self.issuer, &error))?;
        let Discovered { token_endpoint } = understood(self.issuer, answer)?;
        // By a header, which is what the standard prefers, then in the form.
        let mut refused = None;
        for in_header in [true, false] {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", self.refresh_token);
            let mut request = self.agent.post(&token_endpoint);
            if in_header {
                let quoted = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = Zeroizing::new(format!("{}:{}", quoted(self.client_id), quoted(self.client_secret)));
                request = request.header(AUTHORIZATION, format!("Basic {}", encode_base64(pair.as_bytes())));
            } else {
                form.append_pair("client_id", self.client_id);
                if !self.client_secret.is_empty() {
                    form.append_pair("client_secret", self.client_secret);
                }
            }
            let form = Zeroizing::new(form.finish());
            let request = request.content_type("application/x-www-form-urlencoded");
            let answer = request.send(form.as_str()).map_err(|error| unanswered(&token_endpoint, &error))?;
            match understood(&token_endpoint, answer) {
                Ok(tokens) => return Ok(tokens),
                Err(what) => refused = Some(what),
            }
        }
        Err(refused.unwrap_or_default())
    }
}

fn unanswered(url: &str, error: &ureq::Error) -> String {
    format!("the identity provider does not answer at {url}: {error}")
}

fn understood<T: DeserializeOwned>(url: &str, mut answer: ureq::http::Response<ureq::Body>) -> Result<T, String> {
    if !answer.status().is_success() {
        return Err(format!("the identity provider answers {} at {url}", answer.status().as_u16()));
    }
    let text = answer.body_mut().with_config().limit(MAX_BYTES).read_to_vec().map(Zeroizing::new);
    // What serde says quotes what it read.
    let parsed = text.ok().and_then(|text| serde_json::from_slice(&text).ok());
    parsed.ok_or_else(|| format!("the identity provider's answer at {url} is not what it must be"))
}

impl Kept {
    /// Writes tokens where the old ones stand; every other byte of the file stays.
    fn write(&self, tokens: &[(&str, Option<&String>)]) -> Result<()> {
        let failed = || {
            Error::file(format!("the new id-token has no place in {}", self.path.display()))
                .hint("log in anew; the old refresh token may be used up")
        };
        let input = files::read(&self.path)?;
        let manifest = Manifest::parse(input.text).map_err(|_| failed())?;
        let path = self.place(&manifest).ok_or_else(failed)?;
        let config = manifest.node(&path).ok_or_else(failed)?;
        let edits = tokens.iter().filter_map(|(key, token)| {
            let value = Tree::str(token.as_ref()?);
            let set = config.get(key).is_some();
            let path = path.clone();
            Some(if set {
                Edit::Set { path: path.key(*key), value }
            } else {
                Edit::Insert { path, key: (*key).to_owned(), value, at: Position::End }
            })
        });
        let text = manifest.apply(edits.collect()).map_err(|_| failed())?;
        files::write(&self.path, text.as_bytes(), Privacy::Secret, Some(manifest.text()))
    }

    /// Where the provider's fields stand.
    fn place(&self, manifest: &Manifest) -> Option<Path> {
        manifest.documents().iter().enumerate().find_map(|(number, document)| {
            let mut users = document.root().get("users")?.items();
            let index = users.position(|user| user.get("name").and_then(|name| name.as_str()) == Some(&self.user))?;
            Some(Path::document(number).key("users").index(index).keys(["user", "auth-provider", "config"]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_token_is_read() {
        let token = |claims: &str| format!("x.{}.y", encode_base64(claims.as_bytes()).replace('=', ""));
        assert_eq!(expiry(&token(r#"{"exp":1700000000}"#)), Some(1_700_000_000));
        assert_eq!(expiry(&token(r#"{"exp":1.7e9,"sub":"a"}"#)), Some(1_700_000_000));
        for text in ["", "x", "x.y.z", "x..z", &token("{}"), &token(r#"{"exp":"soon"}"#)] {
            assert_eq!(expiry(text), None, "{text}");
        }
    }
}
