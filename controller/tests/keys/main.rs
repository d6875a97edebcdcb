//! The keys of a cluster, against an API server in memory that fails, races and lags as a test wants.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod failing;
#[expect(dead_code, reason = "the tests of tokens use the rest of it")]
mod fake;
mod following;
mod keeping;
mod replica;
mod rotating;
mod secrecy;
