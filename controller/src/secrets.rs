//! Writes the Secret that an object asks for, whatever is there already and whoever else writes it.

use std::collections::BTreeMap;
use std::time::Duration;

use kseal_core::reconcile::{LiveSecret, Policy, Request, Retry, Trouble, Uid, body, ownership, patch};
use kseal_crypto::Plaintext;

use crate::api::{Api, ApiError, PatchKind, RefusalHint};
use crate::collection::secrets;
use crate::metrics::Metrics;

/// So often a Secret that changes under our hands is looked at again at once; then it waits its turn.
const TRIES: u32 = 4;
/// The category of what fails because the namespace is going, and the object with it.
pub(crate) const TERMINATING: &str = "terminating";

/// What stands in the way, and for how long the server asks us to wait.
pub(crate) type Refused = (Trouble, Option<Duration>);

/// Writes Secrets.
pub(crate) struct SecretWriter<'a> {
    pub(crate) api: &'a Api,
    pub(crate) metrics: &'a Metrics,
}

/// A Secret that is right.
pub(crate) struct Made {
    pub(crate) secret: LiveSecret,
    /// Whether it had to be written.
    pub(crate) written: bool,
    /// Who wrote it before us, if it was there.
    pub(crate) last_foreign_manager: Option<String>,
}

impl SecretWriter<'_> {
    /// Makes the Secret right. `live`: as it was looked at; none where it is not there, or was not looked for: creating it
    /// tells whether it is there.
    pub(crate) async fn write(
        &self,
        request: &Request,
        mut live: Option<LiveSecret>,
        predecessor: Option<Uid>,
        values: &BTreeMap<String, Plaintext>,
    ) -> Result<Made, Refused> {
        let plain = |trouble| (trouble, None);
        let merges = request.policy == Policy::Merge;
        let mut without_data = false;
        for _ in 0..TRIES {
            let answer = match &live {
                None if merges => return Err(plain(Trouble::TargetMissing)),
                None => {
                    let body = body::create(request, values);
                    self.metrics.secret_written("create");
                    self.api.create(&secrets(Some(&request.namespace)), body).await
                }
                Some(live) => {
                    let take = ownership(request, live, predecessor).map_err(plain)?;
                    let body = patch::patch(request, live, take, values, without_data);
                    self.metrics.secret_written("patch");
                    self.api.patch(&secret(request), PatchKind::Json, body).await
                }
            };
            match answer {
                Ok(answer) => {
                    let secret = LiveSecret::read(&answer).ok_or_else(|| plain(unreadable()))?;
                    let before = live.as_ref();
                    return Ok(Made {
                        written: before.is_none_or(|before| before.resource_version != secret.resource_version),
                        last_foreign_manager: before.and_then(LiveSecret::last_foreign_manager).map(ToOwned::to_owned),
                        secret,
                    });
                }
                // It is there, or it changed since we looked, or it went.
                Err(error) if matches!(error.code(), 404 | 409) && !is_terminating(&error) => {
                    live = self.look(request).await?;
                }
                Err(error) if error.hint() == Some(RefusalHint::PatchFailed) => {
                    // Too old, or of another type, or a target without a field `data`: the server does not say which.
                    let now = self.look(request).await?;
                    let version = |live: &Option<LiveSecret>| live.as_ref().map(|live| live.resource_version.clone());
                    if version(&now) == version(&live) {
                        if without_data || !merges_into(request, live.as_ref(), predecessor) {
                            return Err(plain(Trouble::TypeDiffers));
                        }
                        without_data = true;
                    }
                    live = now;
                }
                Err(error) => return Err(trouble(&error)),
            }
        }
        let text = "the Secret changed under our hands, again and again".to_owned();
        Err(plain(Trouble::Api { category: "conflict", text, retry: Retry::Backoff }))
    }

    /// The Secret's metadata; none if it is not there.
    pub(crate) async fn look(&self, request: &Request) -> Result<Option<LiveSecret>, Refused> {
        match self.api.get_metadata(&secret(request)).await {
            Ok(answer) => LiveSecret::read(&answer).map(Some).ok_or_else(|| (unreadable(), None)),
            Err(error) if error.code() == 404 => Ok(None),
            Err(error) => Err(trouble(&error)),
        }
    }
}

/// Whether only single items are written.
fn merges_into(request: &Request, live: Option<&LiveSecret>, predecessor: Option<Uid>) -> bool {
    let take = live.and_then(|live| ownership(request, live, predecessor).ok());
    take.is_some_and(|take| take.merge)
}

fn is_terminating(error: &ApiError) -> bool {
    error.hint() == Some(RefusalHint::NamespaceTerminating)
}

/// What a refused or unanswered request means for the object, and for how long the server asks us to wait.
pub(crate) fn trouble(error: &ApiError) -> Refused {
    let after = error.refusal().and_then(|refusal| refusal.retry_after);
    if error.hint() == Some(RefusalHint::Immutable) {
        return (Trouble::Immutable, after);
    }
    // What the server finds wrong with the object itself does not pass.
    let waits = is_terminating(error) || matches!(error.code(), 400 | 413 | 422);
    let retry = if waits { Retry::OnChange } else { Retry::Backoff };
    let category = if is_terminating(error) { TERMINATING } else { error.category() };
    (Trouble::Api { category, text: error.to_string(), retry }, after)
}

pub(crate) fn unreadable() -> Trouble {
    trouble(&ApiError::Unreadable).0
}

fn secret(request: &Request) -> String {
    format!("{}/{}", secrets(Some(&request.namespace)), request.name)
}
