//! What is told: the status where it changes, and then the event that belongs to that. A status that cannot be written is tried
//! again for ever, and must not bring an event each time.

use std::time::Duration;

use kseal_core::tokens::{self, TokenObject, status};
use zeroize::Zeroizing;

use super::Tokens;
use crate::api::PatchKind;
use crate::events;
use crate::secrets::trouble;
use crate::settings::rfc3339;

impl Tokens {
    /// Fails with what the server asks us to wait.
    pub(super) async fn tell(
        &self,
        object: &TokenObject,
        outcome: &status::Outcome<'_>,
        repaired: bool,
    ) -> Result<(), Option<Duration>> {
        let now = (self.keeper.clock)();
        let event = tokens::event_of(object, outcome, repaired);
        if let Some(body) = status::patch(object, outcome, &rfc3339(now)) {
            let path = format!("{}/{}/status", status::collection(Some(&object.namespace)), object.name);
            self.keeper.metrics.status_written();
            match self.keeper.api.patch(&path, PatchKind::Merge, Zeroizing::new(body.into_bytes())).await {
                Ok(_) => {}
                // If it is gone, the watch tells.
                Err(error) => {
                    tracing::debug!(category = error.category(), "cannot write a status");
                    return Err(Some(trouble(&error).1.unwrap_or_default()));
                }
            }
        }
        if let Some(event) = event {
            events::tell(&self.keeper.api, &self.keeper.metrics, &event, now).await;
        }
        Ok(())
    }
}
