//! Keys, envelopes, and the sealing and opening of bytes.
//!
//! Two envelopes are spoken here: kseal's own, specified byte by byte in `docs/format.md` and found in [`envelope`],
//! and that of sealed-secrets, found in [`sealed_secrets`]. A [`KeyRing`] opens both.
//!
//! Nothing here is invented: HPKE (RFC 9180), HKDF-SHA256 (RFC 5869), AES-256-GCM (NIST SP 800-38D), RSA-OAEP (RFC
//! 8017) and Ed25519 (RFC 8032) come from reviewed crates and are only put together. This crate knows no Kubernetes,
//! no YAML, no file, no clock; the random generator is passed in.
//!
//! Types that hold secrets are wiped when dropped and have no `Debug`, `Clone`, `PartialEq` or `Serialize`.

mod base64;
pub mod bundle;
mod data_key;
pub mod envelope;
mod failure;
mod fingerprint;
pub mod identity;
mod key_ring;
mod lp;
mod native_key;
mod padding;
mod place;
mod plaintext;
pub mod sealed_secrets;
mod sealer;
mod suite;
#[cfg(test)]
mod test_rng;
mod value;
mod work;
mod wrap;

pub use base64::{decode as decode_base64, decode_data, encode as encode_base64};
pub use data_key::{Commitment, Handle};
pub use envelope::Envelope;
pub use failure::{Failure, FailureClass, Failures, Reason, Subject};
pub use fingerprint::Fingerprint;
pub use key_ring::KeyRing;
pub use native_key::{KeyError, PrivateKey, PublicKey};
pub use padding::padded_len;
pub use place::Place;
pub use plaintext::Plaintext;
pub use sealer::Sealer;
pub use suite::Suite;
pub use value::SealedValue;
pub use work::Work;
pub use zeroize::Zeroizing;
