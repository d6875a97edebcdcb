//! A cluster's keys: which there are, which are wanting, and what is published of them.
//!
//! Pure decisions on what was read. What is decided from one reading may be done by two controllers at once: every
//! name that is decided here is the same for both, so that a race ends in `AlreadyExists` and not in two keys.

mod ledger;
mod name;
mod publication;
mod rotation;
mod secret;
mod usage;

pub use ledger::{Ledger, Malformed, Wanted};
pub use name::{KEY_PREFIX, key_name, parse as parse_key_name};
pub use publication::{Publication, next_serial, read_published};
pub use rotation::{due_in, is_due};
pub use secret::{KeyFault, KeySecretFacts, NativeKey, RsaKey, read_native, read_upstream};
pub use usage::{MISSING, Need, usage};
