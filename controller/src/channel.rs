//! What tasks tell each other.

use tokio::sync::watch;

/// Hands a value on where it is another one: who waits for a change is not woken for none.
pub(crate) fn send_if_other<T: PartialEq>(sender: &watch::Sender<T>, now: T) {
    sender.send_if_modified(|before| {
        let is_other = *before != now;
        *before = now;
        is_other
    });
}
