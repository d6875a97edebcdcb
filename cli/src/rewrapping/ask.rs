//! One request after the other: made, waited for, and taken away.

use std::{thread, time::Duration};

use kseal_api::{REWRAP_COMPLETE, RewrapRequestSpec, RewrapRequestStatus, names};
use serde::Deserialize;
use serde_json::json;

use super::{Question, Through, answer, question};
use crate::{
    cluster::{self, Failure},
    error::{Error, Result},
    output::Output,
};

/// The first pause before a look at the answer, and the longest; each is half as long again as the one before.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// What is looked at of a RewrapRequest.
#[derive(Deserialize)]
struct Request {
    metadata: Metadata,
    #[serde(default)]
    status: Option<RewrapRequestStatus>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    generation: i64,
}

impl Request {
    fn answer(self) -> Option<RewrapRequestStatus> {
        let is_complete =
            |condition: &serde_json::Value| condition["type"] == REWRAP_COMPLETE && condition["status"] == "True";
        let current = |status: &RewrapRequestStatus| status.observed_generation >= self.metadata.generation;
        self.status.filter(current).filter(|status| status.conditions.iter().any(is_complete))
    }
}

impl Through {
    /// Asks for everything, each request for `timeout` at most. What a request did not bring is told for each object.
    pub(crate) fn ask(&mut self, questions: Vec<Question>, timeout: Duration, output: &Output) {
        let portions = question::portions(questions, &self.cluster.namespace);
        let progress = output.progress(portions.iter().map(|(_, questions)| questions.len()).sum());
        for (namespace, questions) in portions {
            let answered = self.request(&namespace, &questions, timeout, |note| progress.aside(|| output.note(note)));
            let own = self.published.bundle.sealing_key();
            let read = answered.and_then(|status| answer::read(&self.cluster.name, own, &questions, status));
            match read {
                Ok(answers) => self.answers.extend(answers),
                Err(error) => {
                    let ids = questions.iter().flat_map(Question::ids);
                    self.answers.extend(ids.map(|id| (id, Err(error.clone()))));
                }
            }
            for _ in &questions {
                progress.step();
            }
        }
    }

    /// Asks for some objects of a namespace.
    fn request(
        &self,
        namespace: &str,
        questions: &[Question],
        timeout: Duration,
        note: impl Fn(String),
    ) -> Result<RewrapRequestStatus> {
        let namespace = cluster::segment("metadata.namespace", namespace)?;
        let collection = format!("/apis/{}/namespaces/{namespace}/rewraprequests", names::API_VERSION);
        let objects = questions.iter().map(|question| question.object.clone()).collect();
        let made: Request = self
            .cluster
            .post(
                &collection,
                &json!({
                    "apiVersion": names::API_VERSION,
                    "kind": names::REWRAP_REQUEST,
                    "metadata": {"generateName": "reencrypt-"},
                    "spec": RewrapRequestSpec { objects },
                }),
            )
            .map_err(|failure| not_made(failure, namespace))?;
        let path = format!("{collection}/{}", cluster::segment("the name of the request", &made.metadata.name)?);
        let answer = self.wait(&path, namespace, timeout);
        if let Err(failure) = self.cluster.delete(&path) {
            let error = failure.doing(&format!("take away RewrapRequest {namespace}/{}", made.metadata.name), "");
            note(format!("{}; the controller does so after a few minutes", error.message()));
        }
        answer
    }

    fn wait(&self, path: &str, namespace: &str, timeout: Duration) -> Result<RewrapRequestStatus> {
        let (mut waited, mut pause) = (Duration::ZERO, PAUSES.0);
        loop {
            thread::sleep(pause.min(timeout.saturating_sub(waited)));
            waited += pause;
            let what = format!("RewrapRequest in namespace {namespace}");
            let request: Request = self.cluster.get(path).map_err(|failure| {
                failure.wanting(&what, "who may make a RewrapRequest must be able to `get` it; ask for that right, too")
            })?;
            if let Some(answer) = request.answer() {
                return Ok(answer);
            }
            if waited >= timeout {
                return Err(Error::cluster(format!(
                    "{} did not answer to a RewrapRequest in namespace {namespace} within {} s",
                    self.cluster.name,
                    timeout.as_secs()
                ))
                .hint(
                    "is the controller running there, with --rewrap-requests (deploy/components/rewrap-requests), and does \
                     it serve that namespace? --timeout waits longer",
                ));
            }
            pause = (pause * 3 / 2).min(PAUSES.1);
        }
    }
}

fn not_made(failure: Failure, namespace: &str) -> Error {
    let hint = match &failure {
        Failure::Refused(refusal) if refusal.code == 404 => {
            "the cluster does not know RewrapRequests, or the namespace is not there; deploy/crds has the kind, and \
             deploy/components/rewrap-requests what the controller needs to answer"
        }
        _ => {
            "who may create RewrapRequests and `get secrets` in that namespace may ask, for objects of scope ClusterWide \
             who may `get secrets` in all; else give a private key with --key"
        }
    };
    failure.doing(&format!("make a RewrapRequest in namespace {namespace}"), hint)
}
