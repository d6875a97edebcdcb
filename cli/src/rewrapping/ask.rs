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

/// How a request ended.
enum Ended {
    Answered(RewrapRequestStatus),
    /// Nothing of it was worked on; the reason in the condition's word.
    Rejected(String),
}

impl Request {
    fn ended(self) -> Option<Ended> {
        let status = self.status.filter(|status| status.observed_generation >= self.metadata.generation)?;
        let condition = status.conditions.iter().find(|condition| condition["type"] == REWRAP_COMPLETE)?;
        match condition["status"].as_str() {
            Some("True") => Some(Ended::Answered(status)),
            Some("False") => Some(Ended::Rejected(condition["reason"].as_str().unwrap_or("no reason").to_owned())),
            _ => None,
        }
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
            let request: Request = self.cluster.get(path).map_err(|failure| match failure {
                Failure::Refused(refusal) if refusal.code == 404 => self.taken_away(namespace),
                failure => {
                    let hint = "who may make a RewrapRequest must be able to `get` it; ask for that right, too";
                    failure.wanting(&what, hint)
                }
            })?;
            match request.ended() {
                Some(Ended::Answered(answer)) => return Ok(answer),
                Some(Ended::Rejected(reason)) => return Err(self.rejected(namespace, &reason)),
                None => {}
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

    fn taken_away(&self, namespace: &str) -> Error {
        Error::cluster(format!(
            "a RewrapRequest in namespace {namespace} of {} was taken away before it was answered",
            self.cluster.name
        ))
        .hint(
            "the controller does that where too many stand at once, or one stands too long; run it again when fewer ask, and \
             see who deletes them if that does not help",
        )
    }

    fn rejected(&self, namespace: &str, reason: &str) -> Error {
        let (why, hint) = match reason {
            "Malformed" => (
                "it takes the request for malformed",
                "the controller there may be of another version than this program; else `kseal verify` says what is wrong \
                 with a file",
            ),
            "TooManyDataKeys" => (
                "it has more data keys than the controller there takes",
                "give it fewer files at a time; `kseal reencrypt --compact`, with a private key, leaves one data key in each",
            ),
            "OlderThanPolicy" => (
                "it came before the policy that sees to it who may ask had been in force for 10 seconds",
                "run it again",
            ),
            "TooLarge" => ("the answer would be too large", "give it fewer files at a time"),
            _ => ("it gives a reason that this version does not know", "a later version of kseal may know it"),
        };
        Error::cluster(format!(
            "{} answers nothing to a RewrapRequest in namespace {namespace}: {why} ({reason})",
            self.cluster.name
        ))
        .hint(hint)
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
