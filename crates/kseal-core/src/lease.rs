//! Who leads: client-go's protocol on one Lease object, as a state machine.
//!
//! A candidate never compares its clock with another's. It notes by its own monotonic clock when it first saw the record as
//! it is, and takes the lease over when the record has not changed for its whole duration. The times that stand in the
//! record are for people.
//!
//! At most one leads, if monotonic clocks run at rates whose ratio stays below duration / deadline, and the API server
//! writes an object only at the resourceVersion that the writer names: a leader's last renewal was sent before anyone could
//! see it, and it counts its deadline from there. No two renewals bear the same time: they are written to the microsecond, and one
//! that changed nothing would be seen by nobody. Whoever holds more dear than that must not rely on leadership; kseal's
//! writes have preconditions of their own.
//!
//! (client-go `tools/leaderelection/leaderelection.go`.)

mod timing;

pub use timing::{Timing, TimingError};

use std::time::Duration;

/// What the Lease says, in client-go's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// `holderIdentity`; empty when it was handed over.
    pub holder: String,
    /// `leaseDurationSeconds`: how long the record must stand still before another may take it.
    pub seconds: u32,
    /// `acquireTime`, as written.
    pub acquired: String,
    /// `renewTime`, as written.
    pub renewed: String,
    /// `leaseTransitions`: how often the holder changed.
    pub transitions: u32,
}

/// The next call to the API server, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read the Lease and say what was [found](Candidate::found).
    Read,
    /// Write this record on the Lease as it was last seen, or create it, and say whether it was
    /// [written](Candidate::written) or [failed](Candidate::failed).
    Write(Record),
    /// Another holds it: try again after a pause.
    Wait,
}

/// One who would lead. Instants are of one monotonic clock whose origin does not matter; `wall` is the time for people, as
/// a Lease holds it.
pub struct Candidate {
    identity: String,
    timing: Timing,
    seen: Option<Seen>,
    /// When the write was sent that last made us the holder.
    term: Option<Duration>,
    /// A call's outcome is unknown, or somebody wrote: what we saw last need not be what is there.
    doubtful: bool,
}

/// The Lease as last seen.
struct Seen {
    /// None where there is no Lease.
    record: Option<Record>,
    /// From when on it may be taken, if it does not change.
    free: Duration,
}

impl Candidate {
    /// `identity` must be no other's.
    #[must_use]
    pub fn new(identity: String, timing: Timing) -> Self {
        Self { identity, timing, seen: None, term: None, doubtful: true }
    }

    /// Whether it leads.
    #[must_use]
    pub fn leads(&self, now: Duration) -> bool {
        self.leads_until().is_some_and(|end| now < end)
    }

    /// When it stops to lead, if nothing is written before.
    #[must_use]
    pub fn leads_until(&self) -> Option<Duration> {
        self.term.map(|sent| sent + self.timing.deadline())
    }

    /// Begins an attempt to acquire or renew. A leader that knows what is there renews without reading.
    #[must_use]
    pub fn attempt(&self, now: Duration, wall: &str) -> Step {
        match &self.seen {
            Some(Seen { record: Some(record), .. }) if self.leads(now) && !self.doubtful => {
                Step::Write(self.renewal(record, wall))
            }
            _ => Step::Read,
        }
    }

    /// A read was answered at `now`: with a record, or that there is no Lease.
    pub fn found(&mut self, now: Duration, wall: &str, record: Option<Record>) -> Step {
        self.doubtful = false;
        if self.seen.as_ref().is_none_or(|seen| seen.record != record) {
            let free = now + self.closed_for(record.as_ref());
            self.seen = Some(Seen { record: record.clone(), free });
        }
        let free = self.seen.as_ref().map_or(now, |seen| seen.free);
        match record {
            // Ours, if only by a write that was not answered: nobody else leads.
            Some(record) if record.holder == self.identity => Step::Write(self.renewal(&record, wall)),
            Some(record) => {
                let led = self.term.take().is_some();
                if led || now < free {
                    return Step::Wait;
                }
                Step::Write(self.acquisition(record.transitions.saturating_add(1), wall))
            }
            None if self.leads(now) || now >= free => Step::Write(self.acquisition(0, wall)),
            None => Step::Wait,
        }
    }

    /// The write of `record`, sent at `sent`, was answered with success.
    pub fn written(&mut self, sent: Duration, record: Record) {
        self.seen = Some(Seen { record: Some(record), free: sent });
        self.term = Some(sent);
        self.doubtful = false;
    }

    /// A call was refused, or not answered: it may have happened.
    pub fn failed(&mut self) {
        self.doubtful = true;
    }

    /// Gives up leading and tells what to write so that another may lead at once; nothing where that would be a guess.
    /// The work must have ended.
    pub fn release(&mut self, now: Duration, wall: &str) -> Option<Record> {
        let leads = self.leads(now) && !self.doubtful;
        self.term = None;
        let record = self.seen.as_ref()?.record.as_ref().filter(|_| leads)?;
        let (acquired, renewed) = (wall.to_owned(), wall.to_owned());
        Some(Record { holder: String::new(), seconds: 1, acquired, renewed, transitions: record.transitions })
    }

    /// For how long a record that was just seen is not ours to take.
    fn closed_for(&self, record: Option<&Record>) -> Duration {
        let before = self.seen.as_ref().and_then(|seen| seen.record.as_ref());
        match record {
            Some(record) => self.held_for(record),
            // Somebody deleted it, and its holder need not know yet. Where there never was one there is nobody to wait for.
            None => before.map_or(Duration::ZERO, |record| self.held_for(record)),
        }
    }

    fn held_for(&self, record: &Record) -> Duration {
        match record.seconds {
            _ if record.holder.is_empty() || record.holder == self.identity => Duration::ZERO,
            0 => self.timing.duration(),
            seconds => Duration::from_secs(seconds.into()),
        }
    }

    fn renewal(&self, record: &Record, wall: &str) -> Record {
        Record { seconds: self.timing.seconds(), renewed: wall.to_owned(), ..record.clone() }
    }

    fn acquisition(&self, transitions: u32, wall: &str) -> Record {
        Record {
            holder: self.identity.clone(),
            seconds: self.timing.seconds(),
            acquired: wall.to_owned(),
            renewed: wall.to_owned(),
            transitions,
        }
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
