//! The ways to run the controller: for some namespaces, in the place of sealed-secrets, with its keys and after it.

#[path = "modes/keys.rs"]
mod keys;
#[path = "modes/kubeseal.rs"]
mod kubeseal;
#[path = "modes/migration.rs"]
mod migration;
#[path = "modes/namespaced.rs"]
mod namespaced;
#[path = "kubeseal/program.rs"]
mod program;
#[path = "modes/publication.rs"]
mod publication;
#[path = "security/rights.rs"]
mod rights;
#[path = "modes/takeover.rs"]
mod takeover;
#[path = "modes/telling.rs"]
mod telling;
