//! What stands in the way of a token. Most of it stands in the way of Secrets of any kind; some is told in other words.

use kseal_api::names;

use super::TokenObject;
use crate::reconcile::{Group, Retry, Trouble};

/// What stands in the way.
#[derive(Debug, Clone)]
pub enum Obstacle {
    /// What can be in the way of other Secrets too.
    Trouble(Trouble),
    /// Kubernetes has not put a token into the Secret of this name.
    NotFilled(String),
}

impl From<Trouble> for Obstacle {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl Obstacle {
    /// A label for metrics.
    #[must_use]
    pub fn category(&self) -> &'static str {
        match self {
            Self::Trouble(trouble) => trouble.category(),
            Self::NotFilled(_) => "waiting",
        }
    }

    /// When another try could end differently.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Trouble(trouble) => trouble.retry(),
            Self::NotFilled(_) => Retry::Backoff,
        }
    }

    /// The condition's reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Trouble(trouble) => trouble.reason(),
            Self::NotFilled(_) => "TokenPending",
        }
    }

    /// The condition's message: what is wrong, and what to do.
    #[must_use]
    pub fn message(&self, object: &TokenObject) -> String {
        let name = object.secret_name();
        match self {
            Self::NotFilled(secret) => format!(
                "Kubernetes has put no token into Secret {secret} yet; its token controller does, if it runs, and deletes \
                 the Secret if it does not know the ServiceAccount"
            ),
            Self::Trouble(Trouble::Shape) => format!(
                "the spec is not of the shape of its kind: compare it with `kubectl explain {}.spec`",
                names::SERVICE_ACCOUNT_TOKEN.to_lowercase()
            ),
            Self::Trouble(Trouble::NotOwned) => {
                format!("Secret {name} exists and is not this object's; delete it, or take another secretName")
            }
            Self::Trouble(Trouble::TypeDiffers) => {
                format!("Secret {name} is of another type, and types cannot be changed; delete it, and it returns")
            }
            Self::Trouble(Trouble::OwnNamespace) => {
                "no tokens are kept in the controller's own namespace; use another one".into()
            }
            Self::Trouble(trouble) => trouble.message(Group::Native, name),
        }
    }
}
