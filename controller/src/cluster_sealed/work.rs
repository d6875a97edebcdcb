//! One job: open, write, look, take away, tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use kseal_core::reconcile::cluster::status::Told;
use kseal_core::reconcile::{ClusterRequest, Group, LiveSecret, Request, Trouble, cluster, ownership};
use kseal_crypto::{Plaintext, Work};
use serde::Deserialize;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::state::{Job, Task, Values, Written};
use super::{ClusterSealer, Sealing};
use crate::api::PatchKind;
use crate::collection::secrets;
use crate::events;
use crate::secrets::{Refused, SecretWriter, TERMINATING};

impl Sealing {
    pub(super) async fn finish(&self, job: Job) {
        let request = &job.request;
        match &job.task {
            Task::Open => {
                let opened = self.open(request);
                self.state().opened(&job, opened, Instant::now());
            }
            Task::Write { namespace, values, is_there } => {
                let written = self.write(&request.in_namespace(namespace), values, *is_there).await;
                self.conclude(&job, namespace, written);
            }
            Task::Look { namespace } => match self.look(&request.in_namespace(namespace)).await {
                Ok(()) => self.state().cleared(&job, namespace, Instant::now()),
                Err(refused) => self.fail(&job, namespace, refused),
            },
            Task::Remove { namespace, uid, resource_version } => {
                let is_done = self.remove(request, namespace, uid, *resource_version).await;
                self.state().removed(&job, namespace, is_done, (self.sealer.jitter)(), Instant::now());
            }
            Task::Tell(told) => {
                let at = self.tell(request, told).await;
                self.state().told(&job, at, (self.sealer.jitter)(), Instant::now());
                self.stir();
                if let (Some(_), Some(event)) = (at, &told.event) {
                    let ClusterSealer { api, metrics, clock, .. } = &self.sealer;
                    events::tell(api, metrics, event, clock()).await;
                }
            }
        }
    }

    /// Opens all values, or none, and names the keys that did it.
    fn open(&self, request: &ClusterRequest) -> Result<(Values, Vec<String>), Trouble> {
        let held = Arc::clone(&self.sealer.keys.borrow());
        let mut work = Work::default();
        let opened = request.open(&held.ring, &mut work);
        let cost = u64::try_from(work.operations).unwrap_or(u64::MAX);
        self.sealer.metrics.private_key_operations("HPKE", cost);
        if let Err(trouble) = &opened {
            self.sealer.metrics.reconcile_failed(trouble.category());
            let why = trouble.message(Group::Native, &request.name);
            tracing::warn!(name = request.name, reason = trouble.reason(), why, "a ClusterSealedSecret does not open");
        }
        opened.map(|values| (Arc::new(values), work.keys.into_iter().collect()))
    }

    fn writer(&self) -> SecretWriter<'_> {
        SecretWriter { api: &self.sealer.api, metrics: &self.sealer.metrics }
    }

    /// Makes the Secret of one namespace right.
    async fn write(
        &self,
        request: &Request,
        values: &BTreeMap<String, Plaintext>,
        is_there: bool,
    ) -> Result<Written, Refused> {
        let live = if is_there { self.writer().look(request).await? } else { None };
        let made = self.writer().write(request, live, None, values).await?;
        Ok(Written {
            resource_version: made.secret.resource_version.parse().unwrap_or(0),
            uid: made.secret.uid,
            changed: made.written,
            before: made.last_foreign_manager,
        })
    }

    fn conclude(&self, job: &Job, namespace: &Arc<str>, written: Result<Written, Refused>) {
        match written {
            Ok(written) => {
                let name = &*job.request.name;
                tracing::debug!(namespace = &**namespace, name, written = written.changed, "the Secret is right");
                self.state().written(job, namespace, written, Instant::now());
            }
            Err(refused) => self.fail(job, namespace, refused),
        }
    }

    fn fail(&self, job: &Job, namespace: &Arc<str>, refused: Refused) {
        let (trouble, name) = (&refused.0, &*job.request.name);
        self.sealer.metrics.reconcile_failed(trouble.category());
        if trouble.category() != TERMINATING {
            let why = trouble.message(Group::Native, name);
            let reason = trouble.reason();
            tracing::warn!(namespace = &**namespace, name, reason, why, "the Secret is not right");
        }
        self.state().failed(job, namespace, refused, (self.sealer.jitter)(), Instant::now());
    }

    /// Whether the Secret may be written. What may not be written is not opened either.
    async fn look(&self, request: &Request) -> Result<(), Refused> {
        let live = self.writer().look(request).await?;
        let may = |live: &LiveSecret| ownership(request, live, None).map(drop).map_err(|trouble| (trouble, None));
        live.as_ref().map_or(Ok(()), may)
    }

    /// Takes a Secret away, if it is just as it was when it said that it is this object's.
    async fn remove(&self, request: &ClusterRequest, namespace: &str, uid: &str, resource_version: u64) -> bool {
        let path = format!("{}/{}", secrets(Some(namespace)), request.name);
        self.sealer.metrics.secret_written("delete");
        match self.sealer.api.delete_unchanged(&path, uid, &resource_version.to_string()).await {
            Ok(()) => {
                tracing::info!(
                    namespace,
                    name = request.name,
                    "took a Secret away from a namespace that is not selected"
                );
                true
            }
            Err(error) => {
                self.sealer.metrics.reconcile_failed(error.category());
                tracing::warn!(
                    namespace,
                    name = request.name,
                    category = error.category(),
                    "cannot take a Secret away"
                );
                false
            }
        }
    }

    /// Writes the status; answers with the object's resourceVersion then, or none if it was not written.
    async fn tell(&self, request: &ClusterRequest, told: &Told) -> Option<u64> {
        let path = format!("{}/{}/status", cluster::collection(), request.name);
        self.sealer.metrics.status_written();
        let body = Zeroizing::new(told.body.clone().into_bytes());
        match self.sealer.api.patch(&path, PatchKind::Merge, body).await {
            Ok(answer) => {
                let answer = serde_json::from_slice::<Answer>(&answer).ok()?;
                Some(answer.metadata.resource_version.parse().unwrap_or(0))
            }
            Err(error) => {
                tracing::debug!(category = error.category(), "cannot write a status");
                None
            }
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    metadata: AnswerMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerMetadata {
    resource_version: String,
}
