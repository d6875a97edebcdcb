//! Why a turn came to no end.

use std::time::Duration;

use crate::api::ApiError;

/// Why a turn came to no end. Every one is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The API server said no or nothing.
    #[error("{0} failed")]
    Api(&'static str, #[source] ApiError),
    /// The identity's Secret is malformed; it is never replaced.
    #[error("the Secret kseal-identity is of no use: {0}")]
    Identity(&'static str),
    /// The identity's Secret is gone.
    #[error("the Secret kseal-identity is missing, and the published keys were signed with it")]
    LostIdentity,
    /// There is no number left for the next key.
    #[error("no key can be made: the name of a Secret or the published keys hold the highest epoch that there is")]
    Epochs,
    /// No RSA key could be made.
    #[error("no RSA key could be made")]
    Rsa,
}

impl Fault {
    /// A label for metrics.
    pub(super) fn category(&self) -> &'static str {
        match self {
            Self::Api(_, error) => error.category(),
            Self::Identity(_) => "identity-malformed",
            Self::LostIdentity => "identity-lost",
            Self::Epochs => "epochs",
            Self::Rsa => "rsa",
        }
    }

    /// What to do about it, where it does not pass by itself.
    fn hint(&self) -> &'static str {
        match self {
            Self::Api(_, error) if error.code() == 403 => {
                "check the controller's Role, and the admission policies and quotas of its namespace"
            }
            Self::Api(..) | Self::Rsa => "it is tried again",
            Self::Identity(_) => {
                "restore it from a backup; or delete both it and the ConfigMap kseal-public-keys, and a new identity is \
                 made, which everyone who pins the old one must trust anew"
            }
            Self::LostIdentity => {
                "restore it from a backup; or delete the ConfigMap kseal-public-keys, and a new identity is made, which \
                 everyone who pins the old one must trust anew"
            }
            Self::Epochs => "delete the Secret of that name",
        }
    }

    /// The least time to wait, as the server asks for.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api(_, error) => error.refusal()?.retry_after,
            _ => None,
        }
    }

    pub(super) fn log(&self) {
        let cause = std::error::Error::source(self).map(ToString::to_string).unwrap_or_default();
        let (category, hint) = (self.category(), self.hint());
        tracing::warn!(category, cause, hint, "keys: {self}");
    }
}
