//! Requests to the API server, one at a time, and what becomes of those that are not answered.
//!
//! A server that is busy may ask to be asked again, and is. A write that was not answered may have happened, and that is
//! said. Bodies are wiped: keys are among them.

use std::{io, thread, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use ureq::{
    Body,
    http::{
        Method, Request, Response, StatusCode,
        header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
    },
};
use zeroize::Zeroizing;

use super::{Cluster, Failure, connection};
use crate::error::Error;

/// As much of an answer as is taken in one piece. A page of 500 objects, each as large as etcd takes, has more, and is asked
/// for in smaller ones.
const MAX_BYTES: usize = 256 * 1_024 * 1_024;
/// Where the length of an answer is not told, as much is expected.
const USUAL_BYTES: usize = 64 * 1_024;
/// How often a server may ask to be asked again.
const RETRIES: u32 = 3;
/// The longest time that a server may ask to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

const JSON: &str = "application/json";
/// RFC 7386: what is named is replaced. A `resourceVersion` or a `uid` in it is a precondition (409).
const MERGE_PATCH: &str = "application/merge-patch+json";
/// An object without what it holds.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// The same of a collection.
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// What is asked.
struct Asked<'r> {
    method: Method,
    path: &'r str,
    accept: &'static str,
    /// How what is sent along is meant, and the JSON.
    body: Option<(&'static str, Vec<u8>)>,
}

impl Cluster {
    /// Reads what stands at a path of the API.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the server says no, else what kept its answer from being understood.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.ask(&Asked::get(path, JSON))
    }

    /// Reads the metadata of an object, and nothing of what it holds: that does not leave the server.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub(crate) fn get_metadata<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.ask(&Asked::get(path, METADATA))
    }

    /// The same for a collection, as it was sent.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub(crate) fn list_metadata_octets(&self, path: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.answer(&Asked::get(path, METADATA_LIST))
    }

    /// Reads what stands at a path, as it was sent; it may hold private keys.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub(crate) fn get_octets(&self, path: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.answer(&Asked::get(path, JSON))
    }

    /// Makes an object in a collection; returns it as it was made.
    ///
    /// # Errors
    /// As for [`Self::get`]; [`Failure::InDoubt`] if it may have been made.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, object: &impl Serialize) -> Result<T, Failure> {
        self.ask(&Asked { method: Method::POST, path, accept: JSON, body: Some((JSON, self.written(object)?)) })
    }

    /// Changes what a merge patch names, and returns the object's metadata as it is then: what it holds does not leave the
    /// server.
    ///
    /// # Errors
    /// As for [`Self::get`]; [`Failure::InDoubt`] if it may have been changed.
    pub(crate) fn patch_metadata<T: DeserializeOwned>(
        &self,
        path: &str,
        change: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = Some((MERGE_PATCH, self.written(change)?));
        self.ask(&Asked { method: Method::PATCH, path, accept: METADATA, body })
    }

    /// Takes an object away. One that is gone already is no failure.
    ///
    /// # Errors
    /// As for [`Self::get`]; [`Failure::InDoubt`] if it may be gone.
    pub(crate) fn delete(&self, path: &str) -> Result<(), Failure> {
        match self.answer(&Asked { method: Method::DELETE, path, accept: JSON, body: None }) {
            Err(Failure::Refused(refusal)) if refusal.code == 404 => Ok(()),
            answer => answer.map(drop),
        }
    }

    fn written(&self, value: &impl Serialize) -> Result<Vec<u8>, Failure> {
        let failed = |error| Error::input(format!("{}: what is sent cannot be written", self.name)).because(&error);
        serde_json::to_vec(value).map_err(|error| failed(error).into())
    }

    fn ask<T: DeserializeOwned>(&self, asked: &Asked<'_>) -> Result<T, Failure> {
        let body = self.answer(asked)?;
        serde_json::from_slice(&body).map_err(|error| {
            let error = self.strange(&asked.method, asked.path, &error);
            if asked.is_write() { Failure::InDoubt(Box::new(error)) } else { error.into() }
        })
    }

    /// An answer that is none. What serde says of bad JSON quotes it, so it is not repeated.
    pub(super) fn strange(&self, method: &Method, path: &str, error: &serde_json::Error) -> Error {
        let place = format!("line {}, column {}", error.line(), error.column());
        Error::input(format!("{}: the answer to {method} {path} is not what it must be ({place})", self.name))
            .hint("something on the way may have answered instead of the API server")
    }

    /// The body of a good answer.
    fn answer(&self, asked: &Asked<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mut attempts = 0;
        loop {
            let mut answer = self.send(asked).map_err(|error| self.unanswered(asked, error))?;
            let body = read(&mut answer).map_err(|error| self.unanswered(asked, error))?;
            if answer.status().is_success() {
                return Ok(body);
            }
            let asked_to_wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            match asked_to_wait.map(Duration::from_secs) {
                Some(wait) if is_busy(answer.status()) && attempts < RETRIES && wait <= LONGEST_WAIT => {
                    attempts += 1;
                    thread::sleep(wait);
                }
                _ => return Err(Failure::read(&self.name, answer.status().as_u16(), &body)),
            }
        }
    }

    fn send(&self, asked: &Asked<'_>) -> Result<Response<Body>, ureq::Error> {
        let mut request = Request::builder()
            .method(asked.method.clone())
            .uri(format!("{}{}", self.url, asked.path))
            .header(ACCEPT, asked.accept);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match &asked.body {
            Some((kind, body)) => self.agent.run(request.header(CONTENT_TYPE, *kind).body(body.as_slice())?),
            None => self.agent.run(request.body(())?),
        }
    }

    fn unanswered(&self, asked: &Asked<'_>, error: ureq::Error) -> Failure {
        if !asked.is_write() && matches!(error, ureq::Error::BodyExceedsLimit(_)) {
            let size = MAX_BYTES / 1_024 / 1_024;
            let error =
                Error::cluster(format!("{}: the answer to GET {} has more than {size} MiB", self.name, asked.path));
            return Failure::TooLarge(Box::new(error.hint("no object is as large; see what answers in its place")));
        }
        if !asked.is_write() || connection::was_not_made(&error) {
            return connection::unanswered(&self.name, error).into();
        }
        let Asked { method, path, .. } = asked;
        let message = format!("{} did not answer to {method} {path}, and may have done it all the same", self.name);
        let hint = "run it again: what is done already is not done twice";
        Failure::InDoubt(Box::new(connection::because(Error::cluster(message), error).hint(hint)))
    }
}

impl<'r> Asked<'r> {
    const fn get(path: &'r str, accept: &'static str) -> Self {
        Self { method: Method::GET, path, accept, body: None }
    }

    fn is_write(&self) -> bool {
        self.method != Method::GET
    }
}

/// The whole body. A buffer that grows is wiped where it was.
fn read(answer: &mut Response<Body>) -> Result<Zeroizing<Vec<u8>>, ureq::Error> {
    let told = answer.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let told = told.unwrap_or(USUAL_BYTES);
    if told > MAX_BYTES {
        return Err(ureq::Error::BodyExceedsLimit(MAX_BYTES as u64));
    }
    let mut body = Zeroizing::new(vec![0; told + 1]);
    let (mut length, mut reader) = (0, answer.body_mut().as_reader());
    loop {
        if length == body.len() {
            let mut longer = Zeroizing::new(vec![0; length.saturating_mul(2)]);
            longer[..length].copy_from_slice(&body);
            body = longer;
        }
        match io::Read::read(&mut reader, &mut body[length..])? {
            0 => break,
            read => length += read,
        }
        if length > MAX_BYTES {
            return Err(ureq::Error::BodyExceedsLimit(MAX_BYTES as u64));
        }
    }
    body.truncate(length);
    Ok(body)
}

fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}
