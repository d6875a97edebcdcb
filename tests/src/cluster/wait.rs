//! Waiting for what is to come, in tests that never sleep and hope.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Error, Result, anyhow};

/// How long between two looks.
const INTERVAL: Duration = Duration::from_millis(20);

/// Looks again and again until what is looked for is there. `look` answers with it, or with an error that says what is
/// there instead: `anyhow::ensure!` and `?` do that.
///
/// # Errors
/// What was waited for, for how long, and what was seen last.
pub async fn wait_until<T, F>(what: &str, timeout: Duration, mut look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut seen: Option<Error> = None;
    let looks = async {
        loop {
            match look().await {
                Ok(found) => return found,
                Err(instead) => seen = Some(instead),
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    if let Ok(found) = tokio::time::timeout(timeout, looks).await {
        return Ok(found);
    }
    let mut message = format!("waited {timeout:?} in vain until {what}");
    match seen {
        Some(seen) => write!(message, "; last seen: {seen:#}")?,
        None => message.push_str("; the first look did not come back"),
    }
    Err(anyhow!(message))
}
