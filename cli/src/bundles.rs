//! Public keys from files: key bundles and certificates.

use jiff::Timestamp;
use kseal_api::SealingKeyBundle;
use kseal_core::Bundle;
use kseal_crypto::sealed_secrets::Certificate;
use kseal_manifest::Manifest;

use crate::{
    error::{Error, Result},
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
