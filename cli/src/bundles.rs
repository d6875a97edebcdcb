//! Public keys from files: key bundles and certificates.

use jiff::Timestamp;
use kseal_api::{KeyState, SealingKeyBundle};
use kseal_core::{Bundle, KeySecret, bundle::BundleKey};
use kseal_crypto::sealed_secrets::Certificate;
use kseal_manifest::Manifest;

use crate::{
    error::{Error, Result},
    key_files::Labelled,
    key_manifest,
    output::Output,
};

/// A bundle that nobody fetched for so long has probably missed a rotation.
const STALE_DAYS: i64 = 60;

/// Reads a bundle, or a certificate as a bundle of nothing else. `name` is that of the file.
pub(crate) fn read(name: &str, text: &str) -> Result<Bundle> {
    if text.contains("-----BEGIN CERTIFICATE-----") && !text.contains("SealingKeyBundle") {
        let certificate = Certificate::from_pem(text)
            .map_err(|error| Error::input(format!("{name}: not a usable certificate")).because(&error))?;
        return Ok(Bundle::local(name, Vec::new(), Some(certificate)));
    }
    if text.contains("PRIVATE KEY-----") {
        return Err(private(name));
    }
    let manifest = Manifest::parse(text.to_owned()).map_err(|error| Error::input(format!("{name}: {error}")))?;
    let objects = manifest.objects();
    let bundles: Vec<_> = objects.iter().filter(|object| object.kind == "SealingKeyBundle").collect();
    match bundles[..] {
        [bundle] => {
            let text: SealingKeyBundle =
                bundle.node.deserialize().map_err(|error| Error::input(format!("{name}: {error}")))?;
            Bundle::read(&text)
                .map_err(|error| Error::input(format!("{name}: the key bundle does not hold")).because(&error))
        }
        [] if objects.iter().any(|object| object.kind == "Secret") => Err(private(name)),
        [] => Err(Error::input(format!("{name}: neither a SealingKeyBundle nor a certificate"))
            .hint("`kseal keys generate` prints a bundle; a cluster publishes its own")),
        _ => {
            Err(Error::input(format!("{name}: more than one SealingKeyBundle")).hint("give one file for each cluster"))
        }
    }
}

fn private(name: &str) -> Error {
    Error::input(format!("{name}: holds a private key, where public keys are wanted"))
        .hint(format!("`kseal keys export --public {name}` prints its bundle"))
}

/// The bundle of private keys: of those that may seal the one made last does, and the others open. Epochs follow the
/// order in which the keys were made. Of RSA keys only the newest certificate has a place.
///
/// # Errors
/// If an RSA key that may seal has no certificate.
pub(crate) fn of_private(name: &str, keys: &[Labelled]) -> Result<Bundle> {
    let mut native: Vec<(Option<Timestamp>, BundleKey)> = Vec::new();
    let mut certificate: Option<&Certificate> = None;
    for Labelled { key, state } in keys {
        match key {
            KeySecret::Native { key, created_at } => {
                let (public, created_at) = (key.public().clone(), created_at.clone());
                let state = state.unwrap_or(KeyState::Retiring);
                native.push((created_at.parse().ok(), BundleKey { public, epoch: 0, created_at, state }));
            }
            KeySecret::Rsa { .. } if !state.is_none_or(may_seal) => {}
            KeySecret::Rsa { key, certificate: None } => return Err(key_manifest::no_certificate(key)),
            KeySecret::Rsa { certificate: Some(it), .. } => {
                let is_newer = certificate.is_none_or(|other| it.validity.not_before > other.validity.not_before);
                certificate = if is_newer { Some(it) } else { certificate };
            }
        }
    }
    native.sort_by_key(|(created_at, key)| (*created_at, std::cmp::Reverse(key.public.fingerprint())));
    native.dedup_by_key(|(_, key)| key.public.fingerprint());
    let newest = native.iter().rposition(|(_, key)| may_seal(key.state));
    let numbered = (1..).zip(native).enumerate().map(|(index, (epoch, (_, key)))| {
        let state = match key.state {
            _ if Some(index) == newest => KeyState::Active,
            KeyState::Active => KeyState::Retiring,
            state => state,
        };
        BundleKey { epoch, state, ..key }
    });
    let certificate = certificate.map(|it| Certificate::from_pem(it.to_pem())).transpose();
    let certificate = certificate.map_err(|error| Error::input("not a usable certificate").because(&error))?;
    Ok(Bundle::local(name, numbered.collect(), certificate))
}

/// A key that was imported opens only, until its bundle says that it seals.
const fn may_seal(state: KeyState) -> bool {
    matches!(state, KeyState::Active | KeyState::Retiring)
}

/// Warns of a bundle that is old.
pub(crate) fn warn_if_stale(bundle: &Bundle, now: Timestamp, output: &Output) {
    let Some(publisher) = &bundle.publisher else { return };
    let Ok(issued_at) = publisher.issued_at.parse::<Timestamp>() else { return };
    let days = (now.as_second() - issued_at.as_second()) / 86_400;
    if days > STALE_DAYS {
        output.warn(format!(
            "the bundle of {} is {days} days old; fetch it again to seal for the newest key",
            bundle.name
        ));
    }
}

/// Refuses a certificate that has expired, as upstream does.
pub(crate) fn check_certificate(bundle: &Bundle, now: Timestamp) -> Result<()> {
    let Some(certificate) = &bundle.certificate else { return Ok(()) };
    let end = i64::try_from(certificate.validity.not_after).unwrap_or(i64::MAX);
    if now.as_second() > end {
        let end = Timestamp::from_second(end).map(|end| end.to_string()).unwrap_or_default();
        return Err(Error::no_key(format!("the certificate of {} expired on {end}", bundle.name))
            .hint("fetch the current one; a key whose certificate has expired should not seal any more"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kseal_crypto::{PrivateKey, Suite};

    use super::*;

    fn key(seed: u8, created_at: &str, state: Option<KeyState>) -> Labelled {
        let key = PrivateKey::from_seed(Suite::X25519, &[seed; 32]).unwrap();
        Labelled { key: KeySecret::Native { key, created_at: created_at.to_owned() }, state }
    }

    #[test]
    fn the_key_made_last_seals_unless_it_is_compromised() {
        let keys = [
            key(3, "2026-03-01T00:00:00Z", Some(KeyState::Compromised)),
            key(1, "2026-01-01T00:00:00Z", Some(KeyState::Active)),
            key(2, "2026-02-01T00:00:00Z", None),
        ];
        let bundle = of_private("prod", &keys).unwrap();
        let states: Vec<_> = bundle.keys.iter().map(|key| (key.epoch, key.state)).collect();
        assert_eq!(states, [(1, KeyState::Retiring), (2, KeyState::Active), (3, KeyState::Compromised)]);
    }

    #[test]
    fn the_same_key_twice_is_one() {
        let twice = [key(1, "2026-01-01T00:00:00Z", None), key(1, "2026-01-01T00:00:00Z", None)];
        assert_eq!(of_private("prod", &twice).unwrap().keys.len(), 1);
    }
}
