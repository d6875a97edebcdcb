//! The only answers that carry secrets: those to TokenRequests, and Secrets with their data. They are given out as what they
//! mean, which cannot be printed, and their octets are wiped here.

use bytes::Bytes;
use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use kseal_core::tokens::{Issued, WholeSecret};
use zeroize::Zeroizing;

use super::{Api, ApiError};

const JSON: &str = "application/json";

impl Api {
    /// A Secret with its data; none if it is not there.
    pub(crate) async fn get_secret(&self, path: &str) -> Result<Option<WholeSecret>, ApiError> {
        match self.get(path).await {
            Ok(body) => WholeSecret::read(&body).map(Some).ok_or(ApiError::Unreadable),
            Err(error) if error.code() == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks for a token. `path`: the subresource `token` of a ServiceAccount.
    pub(crate) async fn request_token(&self, path: &str, body: Zeroizing<Vec<u8>>) -> Result<Issued, ApiError> {
        let request = Request::post(path).header(ACCEPT, JSON).header(CONTENT_TYPE, JSON);
        let answer = self.send(request, Bytes::from_owner(body)).await?;
        Issued::read(&answer).ok_or(ApiError::Unreadable)
    }
}
