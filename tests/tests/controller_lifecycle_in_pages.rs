//! The life of a sealed object and of its Secret, of either kind, on a real API server without WatchList: lists come in pages.

#[path = "controller_lifecycle/life.rs"]
mod life;

/// Whether the API server has the feature WatchList.
const WATCH_LIST: bool = false;
