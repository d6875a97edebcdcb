//! What becomes of keys over the years: they rotate, are used, marked, and wrapped anew, with the rights that `deploy/` gives.

#[path = "keys_in_use/command_line.rs"]
mod command_line;
#[path = "keys_in_use/failing.rs"]
mod failing;
#[path = "keys_in_use/objects.rs"]
mod objects;
#[path = "keys_in_use/racing.rs"]
mod racing;
#[path = "keys_in_use/requests.rs"]
mod requests;
#[path = "keys_in_use/rotation.rs"]
mod rotation;
#[path = "keys_in_use/usage.rs"]
mod usage;

/// `deploy/` with the components that re-wrap.
const FOLDER: &str = "tests/fixtures/keys";
/// What every object holds.
const ITEMS: &[(&str, &str)] = &[("user", "admin"), ("password", "hunter2")];
