//! When the next turn comes.

use std::time::Duration;

use rand_core::Rng;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};

use super::{Fault, Keeper, Next};

/// A turn without any cause, in case that one was missed.
const AT_LEAST_EVERY: Duration = Duration::from_mins(10);
/// The first pause after a turn that came to no end; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_secs(30);

/// How often turns in a row were not the last.
#[derive(Default)]
pub(super) struct Wait {
    strokes: u32,
}

impl Wait {
    /// Waits for the next turn: until something changed, or a key is due, or for a while.
    pub(super) async fn after(
        &mut self,
        next: Result<Next, Fault>,
        due: Option<Duration>,
        keeper: &mut Keeper,
        rng: &mut impl Rng,
    ) {
        let pause = match next {
            Ok(Next::Settled) => {
                self.strokes = 0;
                AT_LEAST_EVERY.min(due.unwrap_or(AT_LEAST_EVERY))
            }
            Ok(Next::Again) => self.pause(rng),
            Ok(Next::At(at)) => {
                self.strokes = 0;
                tokio::select! {
                    () = sleep_until(at) => {}
                    () = changed(&mut keeper.held) => {}
                }
                return;
            }
            Err(fault) => {
                // A change does not cut this short: it may be the very answer to what failed.
                let pause = self.pause(rng).max(fault.retry_after().unwrap_or_default().min(LONGEST));
                return sleep(pause).await;
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = changed(&mut keeper.held) => {}
            () = changed(&mut keeper.published) => {}
        }
    }

    /// Doubles, with jitter of up to a half, so that two leaders do not go in step.
    fn pause(&mut self, rng: &mut impl Rng) -> Duration {
        let whole = LONGEST.min(PAUSE * 2_u32.saturating_pow(self.strokes.min(16)));
        self.strokes = self.strokes.saturating_add(1);
        whole.mul_f64(1.0 - f64::from(rng.next_u32()) / f64::from(u32::MAX) / 2.0)
    }
}

/// For ever, if there is nobody left to change it.
async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
