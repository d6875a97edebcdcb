//! `kseal keys generate`: makes a private key and prints its bundle.

use kseal_api::KeyState;
use kseal_core::{Bundle, bundle::BundleKey};
use kseal_crypto::{
    PrivateKey, Suite,
    sealed_secrets::{Certificate, RsaPrivateKey, RsaSize, Validity},
};

use zeroize::Zeroizing;

use crate::{
    args::{GenerateArgs, SuiteName},
    commands::DONE,
    error::{Error, Result},
    files, key_manifest,
    output::Output,
    settings::Environment,
};

/// Upstream's ten years.
const VALID_SECONDS: u64 = 87_600 * 3_600;

pub(crate) fn run(args: GenerateArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let GenerateArgs { suite, output: path, name, namespace } = args;
    super::refuse_stdout(&path)?;
    let (manifest, bundle) = match suite {
        SuiteName::XWing => native(Suite::XWing, &name, namespace.as_deref(), environment),
        SuiteName::X25519 => native(Suite::X25519, &name, namespace.as_deref(), environment),
        SuiteName::Rsa4096 => rsa(&name, namespace.as_deref(), environment)?,
    };
    files::create_secret(&path, manifest.as_bytes())?;
    output.note(format!("wrote the private key to {}: keep it out of git, and keep a copy", path.display()));
    output.data(key_manifest::bundle(&bundle).as_bytes())?;
    Ok(DONE)
}

fn native(suite: Suite, name: &str, namespace: Option<&str>, environment: &Environment) -> (Zeroizing<String>, Bundle) {
    let key = PrivateKey::generate(suite, &mut environment.rng());
    let created_at = key_manifest::seconds(environment.now());
    let manifest = key_manifest::native(&key, &created_at, KeyState::Retiring, namespace);
    let public = BundleKey { public: key.public().clone(), epoch: 1, created_at, state: KeyState::Active };
    (manifest, Bundle::local(name, vec![public], None))
}

fn rsa(name: &str, namespace: Option<&str>, environment: &Environment) -> Result<(Zeroizing<String>, Bundle)> {
    let key = RsaPrivateKey::generate(RsaSize::Bits4096)
        .map_err(|error| Error::no_key("cannot make an RSA key").because(&error))?;
    let now = u64::try_from(environment.now().as_second()).unwrap_or(0);
    let validity = Validity { not_before: now, not_after: now + VALID_SECONDS };
    let certificate = Certificate::self_signed(&key, validity, &mut environment.rng())
        .map_err(|error| Error::no_key("cannot make a certificate").because(&error))?;
    let manifest = key_manifest::rsa(&key, &certificate, KeyState::Active, namespace);
    Ok((manifest, Bundle::local(name, Vec::new(), Some(certificate))))
}
