//! What the controller decides, from octets to octets, without a client and without a clock.
//!
//! A sealed object of either group is read into a [`Request`]; what is left of it between two looks is a [`Sighting`].
//! The Secret that it asks for is compared with a [`LiveSecret`], of which only the metadata is ever seen: [`ownership()`]
//! says whether it may be written, [`body`] and [`patch`] say with which octets, and [`status`] what to tell.

mod account;
mod annotations;
mod asks;
pub mod body;
pub mod cluster;
mod event;
mod forbidden;
mod hash;
mod live;
mod ownership;
pub mod patch;
mod pull;
mod request;
mod sighting;
pub mod status;
mod trouble;

pub use account::{Account, AccountChange};
pub use asks::Asks;
pub use cluster::{ClusterMark, ClusterObserved, ClusterRequest, secrets_digest};
pub use event::event_of;
pub use forbidden::{Own, forbidden};
pub use hash::{Digest, Uid};
pub use live::{Claim, LiveSecret, Mark};
pub use ownership::{Take, ownership};
pub use pull::Selection;
pub use request::{Desired, Policy, Request};
pub use sighting::Sighting;
pub use status::Observed;
pub use trouble::{Retry, Trouble};

use kseal_api::names;

/// Which version of this logic a status was written by. It grows when the same object would become another Secret: then
/// every object is looked at once more.
pub const LOGIC_VERSION: u32 = 1;

/// Where an object came from. Past the edges only its status and its words differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// `kseal.dev`.
    Native,
    /// `bitnami.com`.
    Upstream,
}

impl Group {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Native, Self::Upstream];

    /// As it stands in URLs and on metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => names::GROUP,
            Self::Upstream => names::UPSTREAM_GROUP,
        }
    }

    /// Group and version.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::Native => names::API_VERSION,
            Self::Upstream => names::UPSTREAM_API_VERSION,
        }
    }
}
