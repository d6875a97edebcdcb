//! When another key is made: when there is none, when somebody asks, and as time goes by.

use std::time::Duration;

use jiff::Timestamp;
use kseal_api::names;
use kseal_core::keys::due_in;
use rand_core::CryptoRng;
use tokio::time::Instant;

use super::Keeping;
use crate::config_map::ConfigMap;
use crate::keys::HeldKeys;

/// Which keys follow each other.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Native,
    Rsa,
}

/// What came in this term, and what will.
#[derive(Default)]
pub(super) struct Rotation {
    newest: [Newest; 2],
    /// How long it is until one is due.
    next: [Option<Duration>; 2],
}

/// The newest key of a kind, and since when it is there, if it came in this term.
#[derive(Default)]
struct Newest {
    name: Option<String>,
    since: Option<Instant>,
}

impl Rotation {
    /// How long it is until the next key is due.
    pub(super) fn next(&self) -> Option<Duration> {
        self.next.into_iter().flatten().min()
    }

    /// Notes which key is the newest; an empty name if there is none.
    fn see(&mut self, kind: Kind, name: &str) {
        let newest = &mut self.newest[kind as usize];
        if newest.name.as_deref() != Some(name) {
            newest.since = newest.name.is_some().then(Instant::now);
            newest.name = Some(name.to_owned());
        }
    }

    /// Whether a key is due by time, if the last one was made at `made`, in seconds since 1970. A clock that jumps to and fro
    /// makes one key a period, not one a jump: what came in this term is as old as its own clock says.
    fn is_due(&mut self, kind: Kind, made: Option<i64>, now: i64, period: Option<Duration>) -> bool {
        let since = self.newest[kind as usize].since.map_or(Duration::MAX, |at| at.elapsed());
        let left = due_in(made, now, period).zip(period);
        let left = left.map(|(left, period)| left.max(period.saturating_sub(since)));
        self.next[kind as usize] = left;
        left.is_some_and(|left| left.is_zero())
    }
}

impl<R: CryptoRng + Send> Keeping<R> {
    /// Whether another native key shall be made.
    pub(super) fn wants_native(&mut self, cluster_uid: &str, held: &HeldKeys, config_map: Option<&ConfigMap>) -> bool {
        let Some(key) = held.ledger.sealing_key(cluster_uid) else {
            self.rotation.see(Kind::Native, "");
            return true;
        };
        self.rotation.see(Kind::Native, &key.public.fingerprint().to_string());
        let asked = config_map.and_then(|found| found.annotation(names::ROTATE));
        let made = key.created_at.parse::<Timestamp>().ok().map(Timestamp::as_second);
        let (now, period) = (self.now(), self.keeper.settings.period);
        let is_due = self.rotation.is_due(Kind::Native, made, now, period);
        is_due || asked == Some(&*key.public.fingerprint().to_string())
    }

    /// From when another RSA key shall count, in seconds since 1970; none if none shall be made. One that is asked for comes
    /// before all others by upstream's order, however wrong a clock was when those were made.
    pub(super) fn wants_rsa(&mut self, held: &HeldKeys, config_map: Option<&ConfigMap>) -> Option<u64> {
        let now = u64::try_from(self.now()).unwrap_or(0);
        let latest = held.ledger.rsa.iter().max_by_key(|key| (key.created, &key.secret));
        self.rotation.see(Kind::Rsa, latest.map_or("", |key| &key.secret));
        let Some(newest) = held.ledger.rsa.first() else { return Some(now) };
        // The one that counts may be of the far future, and stay so: one of this time is enough.
        let nearest = held.ledger.rsa.iter().map(|key| key.since).min_by_key(|since| since.abs_diff(now));
        let nearest = nearest.and_then(|since| i64::try_from(since).ok());
        let (signed, period) = (self.now(), self.keeper.settings.upstream_period);
        let is_due = self.rotation.is_due(Kind::Rsa, nearest, signed, period);
        // What is published, and so asked about.
        let published = held.ledger.certified().map(|key| key.fingerprint.to_string());
        let asked = config_map.and_then(|found| found.annotation(names::ROTATE_UPSTREAM));
        if asked.is_some() && asked == published.as_deref() {
            return Some(now.max(newest.since.saturating_add(1)));
        }
        is_due.then_some(now)
    }

    fn now(&self) -> i64 {
        (self.keeper.clock)().as_second()
    }
}
