//! Tokens of ServiceAccounts in Secrets, on a control plane with Kubernetes' own token controller: what TokenReview says of them
//! is what counts.

#[path = "tokens/account.rs"]
mod account;
#[path = "tokens/bound.rs"]
mod bound;
#[path = "tokens/failing.rs"]
mod failing;
#[path = "tokens/fight.rs"]
mod fight;
#[path = "tokens/lasting.rs"]
mod lasting;
#[path = "tokens/place.rs"]
mod place;
#[path = "tokens/policy.rs"]
mod policy;
#[path = "tokens/replicas.rs"]
mod replicas;
#[path = "tokens/secrecy.rs"]
mod secrecy;
