//! Tokens of ServiceAccounts that are kept in Secrets: what is to be done next, and with which octets.
//!
//! A `ServiceAccountToken` names a Secret that others read, the *published* one. Its token comes from TokenRequest, bound to
//! that Secret (`mode: Bound`), or from a Secret of Kubernetes' own type for tokens, a *token Secret* (`mode: Secret`). All
//! that has to be known of the token, but not the token, stands in an annotation of the published Secret, the [`Record`]; so
//! nothing is kept in memory, and every try begins with a look at what is there.
//!
//! [`decide`] takes one step at a time. It never takes the last good token away: a token is made, then published, and only
//! long after that the one before it goes. A token Secret that was there when another one was published is noted as retired and never
//! published again, so that one which is about to go cannot come back.

pub mod body;
mod event;
mod issued;
mod items;
mod object;
mod obstacle;
mod record;
mod secret;
pub mod status;
mod step;

pub use event::event_of;
pub use issued::Issued;
pub use items::{Surroundings, pem};
pub use object::TokenObject;
pub use obstacle::Obstacle;
pub use record::Record;
pub use secret::{SecretMetadata, WholeSecret};
pub use step::{Publication, Step, View, decide, eligible};

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

/// Seconds since 1970 of a time of the API server's; none if it is no time.
#[must_use]
pub fn seconds(time: &str) -> Option<i64> {
    time.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

/// RFC 3339 of so many seconds since 1970; none where no calendar goes.
#[must_use]
pub fn rfc3339(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}
