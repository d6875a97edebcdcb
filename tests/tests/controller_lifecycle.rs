//! The life of a sealed object and of its Secret, of either kind, on a real API server that streams lists.

#[path = "controller_lifecycle/crowd.rs"]
mod crowd;
#[path = "controller_lifecycle/items.rs"]
mod items;
#[path = "controller_lifecycle/ownership.rs"]
mod ownership;
#[path = "controller_lifecycle/places.rs"]
mod places;
#[path = "controller_lifecycle/policies.rs"]
mod policies;
#[path = "controller_lifecycle/site.rs"]
mod site;
#[path = "controller_lifecycle/status.rs"]
mod status;
#[path = "controller_lifecycle/unchangeable.rs"]
mod unchangeable;
#[path = "controller_lifecycle/upstream.rs"]
mod upstream;

/// Whether the API server has the feature WatchList.
const WATCH_LIST: bool = true;
