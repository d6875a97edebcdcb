//! What one gains who may write SealedSecrets of either kind in one namespace, and nothing else: the Secrets of that
//! namespace that nobody has yet. And what of all secrets is seen where it should not be: nothing.

#[path = "security/attacker.rs"]
mod attacker;
#[path = "security/audit.rs"]
mod audit;
#[path = "security/canary.rs"]
mod canary;
#[path = "security/flood.rs"]
mod flood;
#[path = "security/foreign.rs"]
mod foreign;
#[path = "security/keys.rs"]
mod keys;
#[path = "security/limits.rs"]
mod limits;
#[path = "security/planting.rs"]
mod planting;
#[path = "security/quiet.rs"]
mod quiet;
#[path = "security/replay.rs"]
mod replay;
#[path = "security/rights.rs"]
mod rights;
#[path = "security/status.rs"]
mod status;
#[path = "security/template.rs"]
mod template;
#[path = "security/words.rs"]
mod words;
