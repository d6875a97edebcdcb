//! Ports of the loopback interface.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    sync::Mutex,
};

use anyhow::{Context as _, Result};

use super::guard::lock;

/// Below the ports that operating systems hand out for outgoing connections, so that none of those takes one that is
/// free for a moment, as while an API server restarts.
const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;
const ATTEMPTS: u16 = 1_000;

/// Ports that this process has given away, whether or not somebody listens on them at the moment.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that nobody listens on.
pub(super) fn free() -> Result<u16> {
    let mut given = lock(&GIVEN);
    for _ in 0..ATTEMPTS {
        // At random, since other processes that run tests look too.
        let mut random = [0; 2];
        getrandom::fill(&mut random)?;
        let port = FIRST + u16::from_le_bytes(random) % COUNT;
        if !given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    None.context("no port is free")
}
