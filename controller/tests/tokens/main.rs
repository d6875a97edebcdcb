//! Tokens of ServiceAccounts, against an API server in memory that fails as a test wants.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod failing;
#[path = "../keys/fake.rs"]
#[expect(dead_code, reason = "the tests of keys use the rest of it")]
mod fake;
mod place;
