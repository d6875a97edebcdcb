//! The controller's own look at the admission policies: what nobody checked is not done. RewrapRequests stand for all that rely
//! on a policy.

#[path = "guard/altered.rs"]
mod altered;
#[path = "guard/installed.rs"]
mod installed;
#[path = "guard/question.rs"]
mod question;

use kseal_core::policy::Policy;

/// `deploy/` with the components that re-wrap.
const FOLDER: &str = "tests/fixtures/keys";
/// The policy of these tests.
const POLICY: Policy = Policy::RewrapRequests;
