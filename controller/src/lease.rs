//! Leads through the Lease in the controller's namespace: the calls that `kseal_core::lease` decides on.
//!
//! Leadership saves work, and nothing is correct because of it: every write of the controller has a precondition, and two
//! leaders would come to the same end.

mod object;

use std::future::pending;
use std::time::Duration;

use http::StatusCode;
use kseal_api::names;
use kseal_core::lease::{Candidate, Record, Step, Timing};
use rand_core::Rng as _;
use tokio::select;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::api::{Api, ApiError};
use crate::metrics::Metrics;
use crate::settings::{Clock, Rng};
use object::LeaseObject;

/// How long the work of a term that is over may go on, to end the calls that it is in the middle of.
const GRACE: Duration = Duration::from_secs(10);
/// The category of a write that another was quicker than.
const CONFLICT: &str = "conflict";

/// What is needed to stand for election.
pub struct Election {
    /// Best with connections that nothing else uses, so that no crowd is in the way of a renewal.
    pub api: Api,
    /// Where the Lease is.
    pub namespace: String,
    /// No other process has it.
    pub identity: String,
    /// The protocol's durations.
    pub timing: Timing,
    /// The time that stands in the Lease, for people.
    pub clock: Clock,
    /// Spreads the candidates' attempts.
    pub rng: Rng,
    /// Counts whether we lead.
    pub metrics: Metrics,
}

/// Stands for election until `stop`, and does `work` for as long as each term lasts.
///
/// The token that `work` is given is cancelled at once when the lease is lost or `stop` comes; it then ends the calls that
/// it is in the middle of and returns, or is dropped after ten seconds. Until it has returned the lease is not handed
/// over, and no other term begins here.
pub async fn campaign<W, F>(election: Election, stop: CancellationToken, mut work: W)
where
    W: FnMut(CancellationToken) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let mut campaign = Campaign::new(election);
    while campaign.win(&stop).await {
        tracing::info!(identity = campaign.election.identity, "this replica leads");
        campaign.election.metrics.leads(true);
        let term = stop.child_token();
        campaign.serve(&term, tokio::spawn(work(term.clone()))).await;
        campaign.election.metrics.leads(false);
        campaign.release().await;
        tracing::info!("this replica does not lead any more");
        campaign.pause(&stop).await;
    }
}

struct Campaign {
    election: Election,
    candidate: Candidate,
    /// The Lease as it was last seen or written; none where there is none.
    lease: Option<LeaseObject>,
    /// Where monotonic time begins.
    origin: Instant,
    path: String,
    /// The category of the failure that was told last, so that one trouble is told once.
    trouble: Option<&'static str>,
}

impl Campaign {
    fn new(election: Election) -> Self {
        let candidate = Candidate::new(election.identity.clone(), election.timing);
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", election.namespace);
        Self { election, candidate, lease: None, origin: Instant::now(), path, trouble: None }
    }

    /// Tries until this replica leads; false if `stop` comes before.
    async fn win(&mut self, stop: &CancellationToken) -> bool {
        while !stop.is_cancelled() {
            // An attempt is not broken off, since it may have made us the holder.
            self.attempt().await;
            if self.leads() {
                return true;
            }
            self.pause(stop).await;
        }
        false
    }

    async fn pause(&mut self, stop: &CancellationToken) {
        let [draw, ..] = self.election.rng.next_u32().to_ne_bytes();
        let pause = self.election.timing.pause(draw);
        // Whether it was slept through or ended by `stop`, it is over.
        let _ = timeout(pause, stop.cancelled()).await;
    }

    /// Renews while `work` goes on, and waits for its end when the term is over.
    async fn serve(&mut self, term: &CancellationToken, mut work: JoinHandle<()>) {
        select! {
            () = self.renew() => tracing::warn!("the lease is lost"),
            () = term.cancelled() => {}
            _ = &mut work => {
                tracing::error!("the work ended before its term");
                return term.cancel();
            }
        }
        term.cancel();
        // Whoever still leads holds the lease for as long as its work goes on.
        let renewed = async {
            self.renew().await;
            pending::<()>().await;
        };
        let ended = select! {
            _ = &mut work => true,
            () = sleep(GRACE) => false,
            () = renewed => false,
        };
        if !ended {
            tracing::warn!("work is dropped in the middle of its calls");
            work.abort();
            // It was cancelled, and says so.
            let _ = work.await;
        }
    }

    /// Renews until the lease is lost.
    async fn renew(&mut self) {
        while let Some(end) = self.candidate.leads_until().filter(|_| self.leads()) {
            let (period, end) = (self.election.timing.period(), self.origin + end);
            let attempt = async {
                sleep(period).await;
                self.attempt().await;
            };
            // What is broken off at the end has no outcome to wait for.
            let _ = timeout_at(end, attempt).await;
        }
    }

    /// Lets another lead at once, if we hold the lease.
    async fn release(&mut self) {
        if !self.leads() {
            return;
        }
        let wall = self.wall();
        let mut record = self.candidate.release(self.now(), &wall);
        if record.is_none() {
            // A call was broken off: one more tells what is there.
            self.attempt().await;
            record = self.candidate.release(self.now(), &wall);
        }
        if let Some(record) = record
            && let Err(error) = self.write(&record).await
        {
            tracing::warn!(category = error.category(), "the lease cannot be handed over and has to run out");
        }
    }

    /// One try to acquire or renew. Broken off, it leaves the candidate in doubt.
    async fn attempt(&mut self) {
        let mut outcome = self.call().await;
        if matches!(&outcome, Err(error) if error.category() == CONFLICT) {
            // Somebody wrote; whether it ends our term is seen at once and not after another period.
            outcome = self.call().await;
        }
        match outcome {
            Ok(()) => self.trouble = None,
            Err(error) => self.tell(&error),
        }
    }

    /// Reads if it must, writes if it may.
    async fn call(&mut self) -> Result<(), ApiError> {
        let mut step = self.candidate.attempt(self.now(), &self.wall());
        self.candidate.failed();
        if step == Step::Read {
            let record = self.read().await?;
            step = self.candidate.found(self.now(), &self.wall(), record);
        }
        if let Step::Write(record) = step {
            let sent = self.now();
            self.candidate.failed();
            self.write(&record).await?;
            self.candidate.written(sent, record);
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<Option<Record>, ApiError> {
        let path = format!("{}/{}", self.path, names::CONTROLLER);
        self.lease = match self.in_time(self.election.api.get(&path)).await {
            Ok(bytes) => Some(LeaseObject::read(&bytes).ok_or(ApiError::Unreadable)?),
            Err(error) if error.code() == StatusCode::NOT_FOUND.as_u16() => None,
            Err(error) => return Err(error),
        };
        Ok(self.lease.as_ref().map(LeaseObject::record))
    }

    async fn write(&mut self, record: &Record) -> Result<(), ApiError> {
        let api = &self.election.api;
        let (object, answer) = if let Some(lease) = &self.lease {
            let object = lease.clone().with(record);
            let path = format!("{}/{}", self.path, names::CONTROLLER);
            let body = object.to_body();
            (object, self.in_time(api.replace(&path, body)).await?)
        } else {
            let object = LeaseObject::new(&self.election.namespace).with(record);
            let body = object.to_body();
            (object, self.in_time(api.create(&self.path, body)).await?)
        };
        self.lease = Some(object.written(&answer).ok_or(ApiError::Unreadable)?);
        Ok(())
    }

    /// A call that gets half of what a leader has, so that it can try again on another connection.
    async fn in_time<T>(&self, call: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        timeout(self.election.timing.deadline() / 2, call).await.unwrap_or(Err(ApiError::Unanswered))
    }

    fn tell(&mut self, error: &ApiError) {
        let category = error.category();
        // Another was quicker, which is no trouble.
        if category != CONFLICT && self.trouble.replace(category) != Some(category) {
            let lease = format!("{}/{}", self.election.namespace, names::CONTROLLER);
            tracing::warn!(lease, category, %error, "the Lease cannot be read or written; trying on");
        }
    }

    fn leads(&self) -> bool {
        self.candidate.leads(self.now())
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// As Kubernetes writes a MicroTime.
    fn wall(&self) -> String {
        format!("{:.6}", (self.election.clock)())
    }
}

#[cfg(test)]
mod tests;
