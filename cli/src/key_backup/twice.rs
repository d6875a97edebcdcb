//! What stands in a backup more than once: in a cluster one key may be in several Secrets, and people give files twice.
//!
//! Of one key one Secret is kept, and nothing that the others say is lost: not that it is compromised, and not the name by
//! which the controller knows the key for its own. RSA keys with different certificates are different Secrets.

use kseal_api::{KeyState, names};
use kseal_core::{
    key_secret::TLS_CRT,
    keys::{KEY_PREFIX, parse_key_name},
};

use super::Kept;

/// Keeps of each key one Secret. Returns the keys whose Secrets were not alike, each as it is kept.
pub(crate) fn keep_once(secrets: &mut Vec<Kept>) -> Vec<String> {
    let (mut kept, mut unlike): (Vec<Kept>, Vec<(String, usize)>) = (Vec::new(), Vec::new());
    for secret in secrets.drain(..) {
        match kept.iter().position(|other| other.is_of_the_key_of(&secret)) {
            Some(index) => {
                if kept[index].name != secret.name || kept[index].labels != secret.labels {
                    unlike.push((secret.fingerprint.clone(), index));
                }
                kept[index].take(secret);
            }
            None => kept.push(secret),
        }
    }
    *secrets = kept;
    unlike.dedup();
    let told = |(fingerprint, index): (String, usize)| {
        let kept = &secrets[index];
        let state = kept.state().unwrap_or("without a label");
        format!("the key {fingerprint} stands in several Secrets, and is kept once: as {}, {state}", kept.name)
    };
    unlike.into_iter().map(told).collect()
}

/// Of two states of one key the one that must not be lost. What says nothing, and what takes a key out that another Secret
/// has in, yields to the other: in the cluster, too, it is loaded.
pub(crate) fn graver(one: Option<KeyState>, other: Option<KeyState>) -> Option<KeyState> {
    let weight = |state: Option<KeyState>| match state {
        Some(KeyState::Compromised) => 4,
        Some(KeyState::Retiring) => 3,
        Some(KeyState::Active) => 2,
        Some(KeyState::Retired) => 1,
        None => 0,
    };
    if weight(other) > weight(one) { other } else { one }
}

impl Kept {
    fn is_of_the_key_of(&self, other: &Self) -> bool {
        let same_certificate = || match (self.certificate(), other.certificate()) {
            (Some(one), Some(other)) => one.trim_ascii() == other.trim_ascii(),
            _ => true,
        };
        // A cluster has room for one Secret of a name.
        let same_name = || (&self.name, &self.namespace) == (&other.name, &other.namespace);
        self.fingerprint == other.fingerprint && (same_certificate() || same_name())
    }

    fn certificate(&self) -> Option<&[u8]> {
        self.items.iter().find(|item| item.key == TLS_CRT).map(|item| item.value.as_slice())
    }

    fn is_native(&self) -> bool {
        self.type_ == names::SEALING_KEY_TYPE
    }

    fn state_label(&self) -> &'static str {
        if self.is_native() { names::KEY_STATE } else { names::UPSTREAM_KEY }
    }

    fn state(&self) -> Option<&str> {
        let label = self.state_label();
        self.labels.iter().find(|(name, _)| name == label).map(|(_, value)| value.as_str())
    }

    /// Takes what another Secret of the same key says. The one that a controller named gives name and content.
    fn take(&mut self, mut other: Self) {
        let is_better = (is_given(&other.name) && other.is_native() && !is_given(&self.name))
            || (self.certificate().is_none() && other.certificate().is_some());
        if is_better {
            std::mem::swap(self, &mut other);
        }
        let parse = |kept: &Self| kept.state().and_then(KeyState::parse);
        let (state, label) = (graver(parse(self), parse(&other)), self.state_label());
        if let Some(state) = state.filter(|state| Some(*state) != parse(self)) {
            self.labels.retain(|(name, _)| name != label);
            self.labels.push((label.to_owned(), state.as_str().to_owned()));
        }
        for (name, value) in other.labels {
            if name != label && self.labels.iter().all(|(known, _)| *known != name) {
                self.labels.push((name, value));
            }
        }
    }
}

/// Whether a controller gave a name, `kseal-<epoch>-<cluster>`: by it the key is one of its own.
fn is_given(name: &str) -> bool {
    parse_key_name(KEY_PREFIX, name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compromised_key_stays_one_and_a_key_that_is_loaded_stays_loaded() {
        use KeyState::{Active, Compromised, Retired, Retiring};
        let order = [None, Some(Retired), Some(Active), Some(Retiring), Some(Compromised)];
        for (index, more) in order.iter().enumerate() {
            for less in &order[..=index] {
                assert_eq!((graver(*less, *more), graver(*more, *less)), (*more, *more));
            }
        }
    }

    #[test]
    fn names_that_a_controller_gave_are_known() {
        for (name, is) in
            [("kseal-1-6f0c", true), ("kseal-01-6f0c", false), ("kseal-kx2f7", false), ("kseal-1-", false)]
        {
            assert_eq!(is_given(name), is, "{name}");
        }
    }
}
