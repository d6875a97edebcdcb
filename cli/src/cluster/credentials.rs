//! Who asks, as headers of a request.

use std::fmt::Write as _;

use jiff::Timestamp;
use kseal_crypto::encode_base64;
use kube::config::AuthInfo;
use secrecy::{ExposeSecret as _, SecretString};
use ureq::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, InvalidHeaderValue},
};
use zeroize::Zeroizing;

use super::oidc::{self, Kept};
use crate::{
    error::{Error, Result},
    files,
};

/// The headers of what the kubeconfig says of the user: the token or password, and who is impersonated.
///
/// # Errors
/// If a token cannot be had, or is none.
pub(super) fn headers(cluster: &str, auth: &AuthInfo, kept: Option<&Kept>, now: Timestamp) -> Result<HeaderMap> {
    let broken = |what: &str| {
        Error::input(format!("{cluster}: {what} cannot be sent: it holds something else than characters"))
            .hint("`kubectl config view --minify` shows what the context says")
    };
    let mut headers = HeaderMap::new();
    if let Some(authorization) = authorization(cluster, auth, kept, now)? {
        let mut value = HeaderValue::from_str(&authorization).map_err(|_| broken("the token"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_: InvalidHeaderValue| broken("who is impersonated"));
    if let Some(user) = &auth.impersonate {
        headers.insert("impersonate-user", value(user)?);
    }
    if let Some(uid) = &auth.impersonate_uid {
        headers.insert("impersonate-uid", value(uid)?);
    }
    for group in auth.impersonate_groups.iter().flatten() {
        headers.append("impersonate-group", value(group)?);
    }
    for (key, values) in auth.impersonate_user_extra.iter().flatten() {
        let name = format!("impersonate-extra-{}", escaped(key));
        let name: HeaderName = name.parse().map_err(|_| broken("who is impersonated"))?;
        for text in values {
            headers.append(name.clone(), value(text)?);
        }
    }
    Ok(headers)
}

/// In the order of client-go: a provider, a password, a token, a token's file.
fn authorization(
    cluster: &str,
    auth: &AuthInfo,
    kept: Option<&Kept>,
    now: Timestamp,
) -> Result<Option<Zeroizing<String>>> {
    if let Some(provider) = &auth.auth_provider {
        if provider.name != "oidc" {
            return Err(Error::input(format!("{cluster}: nobody logs in by auth-provider {} any more", provider.name))
                .hint("kubectl does not either; its successor is a program under exec"));
        }
        return oidc::id_token(cluster, &provider.config, kept, now).map(|token| Some(bearer(&token)));
    }
    if let (Some(name), Some(password)) = (&auth.username, &auth.password) {
        let pair = Zeroizing::new(format!("{name}:{}", password.expose_secret()));
        let pair = Zeroizing::new(encode_base64(pair.as_bytes()));
        return Ok(Some(Zeroizing::new(format!("Basic {}", *pair))));
    }
    if let Some(token) = auth.token.as_ref().map(SecretString::expose_secret).filter(|token| !token.is_empty()) {
        return Ok(Some(bearer(token)));
    }
    let Some(path) = &auth.token_file else { return Ok(None) };
    let input =
        files::read(path.as_ref()).map_err(|error| error.hint("the kubeconfig names this file as tokenFile"))?;
    Ok(Some(bearer(input.text.trim())))
}

fn bearer(token: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("Bearer {token}"))
}

/// As client-go escapes what cannot stand in the name of a header.
fn escaped(key: &str) -> String {
    let mut escaped = String::new();
    for octet in key.bytes() {
        let is_legal = octet.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&octet);
        if is_legal {
            escaped.push(char::from(octet.to_ascii_lowercase()));
        } else {
            // A string takes everything.
            let _ = write!(escaped, "%{octet:02x}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use kube::config::AuthInfo;

    use super::*;

    #[test]
    fn who_is_impersonated_goes_along() {
        let extra = [("Scopes.example.org/a b".to_owned(), vec!["x".to_owned(), "y".to_owned()])];
        let auth = AuthInfo {
            username: Some("ada".to_owned()),
            password: Some("hunter2".to_owned().into()),
            impersonate: Some("eve".to_owned()),
            impersonate_uid: Some("7".to_owned()),
            impersonate_groups: Some(vec!["a".to_owned(), "b".to_owned()]),
            impersonate_user_extra: Some(extra.into()),
            ..AuthInfo::default()
        };
        let headers =
            headers("c", &auth, None, Timestamp::UNIX_EPOCH).unwrap_or_else(|error| panic!("{}", error.message()));
        let all = |name: &str| headers.get_all(name).iter().map(|it| it.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(all("authorization"), ["Basic YWRhOmh1bnRlcjI="]);
        assert_eq!((all("impersonate-user"), all("impersonate-uid")), (vec!["eve"], vec!["7"]));
        assert_eq!(all("impersonate-group"), ["a", "b"]);
        assert_eq!(all("impersonate-extra-scopes.example.org%2fa%20b"), ["x", "y"]);
        assert!(!format!("{headers:?}").contains("YWRh"));
    }
}
