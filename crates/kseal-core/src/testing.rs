//! Keys, bundles and objects for the tests of this crate.

use kseal_api::{KeyState, SealedFor, SealedSecretSpec};
use kseal_crypto::{KeyRing, Place, PrivateKey, PublicKey, Suite};
use rand_core::UnwrapErr;

use crate::{Bundle, ObjectRef, SealedObject, bundle::BundleKey, seal_native};

pub(crate) fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

pub(crate) fn key(suite: Suite) -> PrivateKey {
    PrivateKey::generate(suite, &mut rng())
}

/// A low-order point, for which nothing can be sealed.
pub(crate) fn weak() -> PublicKey {
    PublicKey::from_bytes(Suite::X25519, &[0; 32]).unwrap()
}

pub(crate) fn ring(keys: impl IntoIterator<Item = PrivateKey>) -> KeyRing {
    let mut ring = KeyRing::default();
    keys.into_iter().for_each(|key| ring.add(key));
    ring
}

pub(crate) fn listed(key: &PrivateKey, epoch: u32, state: KeyState) -> BundleKey {
    BundleKey { public: key.public().clone(), epoch, created_at: "2026-11-01T00:00:00Z".into(), state }
}

pub(crate) fn bundle(name: &str, keys: Vec<BundleKey>) -> Bundle {
    Bundle::local(name, keys, None)
}

pub(crate) fn object(namespace: &str, name: &str) -> ObjectRef {
    let part = |part: &str| Some(part.to_owned()).filter(|part| !part.is_empty());
    ObjectRef { namespace: part(namespace), name: part(name) }
}

pub(crate) fn strict() -> Place {
    Place::Strict { namespace: "prod".into(), name: "db".into() }
}

/// A spec with the one item `password`, sealed for `prod/db`.
pub(crate) fn spec(recipient: &PublicKey) -> SealedSecretSpec {
    let sealed = seal_native(&strict(), &[recipient], [("password", &b"hunter2"[..])], &mut rng()).unwrap();
    SealedSecretSpec {
        scope: Some(kseal_api::Scope::Strict),
        sealed_for: SealedFor { namespace: Some("prod".into()), name: Some("db".into()) },
        data_keys: sealed.data_key.into_iter().collect(),
        encrypted_data: sealed.values,
        ..SealedSecretSpec::default()
    }
}

/// That spec in `prod/db`.
pub(crate) fn sealed(recipient: &PublicKey) -> SealedObject {
    SealedObject::native(object("prod", "db"), &spec(recipient), 1_000)
}
