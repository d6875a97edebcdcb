//! What the watches of key Secrets have told, and the ring that follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kseal_api::names;
use kseal_core::keys::{KeyFault, Ledger, Malformed, NativeKey, RsaKey, read_native, read_upstream};
use kseal_crypto::{KeyRing, PrivateKey, sealed_secrets::RsaPrivateKey};

use super::secret::SecretText;
use super::{HeldKeys, Origin};
use crate::watch::Event;

/// What was told, by where it came from.
pub(super) struct Holder {
    sources: BTreeMap<Origin, Source>,
}

/// One collection of key Secrets.
#[derive(Default)]
struct Source {
    secrets: BTreeMap<String, Held>,
    /// The names of the initial list that is being read.
    listed: Option<BTreeSet<String>>,
    synced: bool,
    reachable: bool,
}

/// One key Secret.
struct Held {
    uid: String,
    resource_version: String,
    content: Content,
}

/// What is in a key Secret. A key is parsed once and shared by all rings that it is in.
enum Content {
    Native(Box<NativeKey>, Option<Arc<PrivateKey>>),
    Rsa(RsaKey, Arc<RsaPrivateKey>, Option<KeyFault>),
    /// Upstream's label with another value than `active`.
    Inactive,
    Malformed(KeyFault),
}

impl Holder {
    /// What is told comes from these collections.
    pub(super) fn new(origins: impl IntoIterator<Item = Origin>) -> Self {
        Self { sources: origins.into_iter().map(|origin| (origin, Source::default())).collect() }
    }

    /// Takes in one event, and tells whether [`Self::held`] is another now.
    pub(super) fn apply(&mut self, origin: Origin, event: &Event<'_>) -> bool {
        let source = self.sources.entry(origin).or_default();
        match event {
            Event::Started => source.listed = Some(BTreeSet::new()),
            Event::Present { object, initial } => return source.put(origin, object) && !initial,
            Event::Gone { object } => {
                let Some(secret) = SecretText::read(object) else { return false };
                tracing::info!(secret = secret.name(), "a key Secret is gone");
                return source.secrets.remove(secret.name()).is_some();
            }
            Event::Synced { .. } => {
                let listed = source.listed.take().unwrap_or_default();
                source.secrets.retain(|name, _| listed.contains(name));
                source.synced = true;
                return true;
            }
            Event::Answered => return !std::mem::replace(&mut source.reachable, true),
            Event::Lost { .. } => return std::mem::replace(&mut source.reachable, false),
        }
        false
    }

    /// What follows from all that was told.
    pub(super) fn held(&self) -> HeldKeys {
        let mut ring = KeyRing::default();
        let mut ledger = Ledger::default();
        let mut versions = BTreeMap::new();
        let mut rsa: BTreeMap<&str, &Arc<RsaPrivateKey>> = BTreeMap::new();
        for (origin, source) in &self.sources {
            for (name, held) in &source.secrets {
                versions.insert((*origin, name.clone()), (held.uid.clone(), held.resource_version.clone()));
                ledger.names.insert(name.clone());
                // Upstream's legacy Secret may carry the label too, and stand in both of its collections.
                if *origin == Origin::Legacy && rsa.contains_key(name.as_str()) {
                    continue;
                }
                let fault = match &held.content {
                    Content::Native(key, private) => {
                        ledger.native.push(NativeKey::clone(key));
                        if let Some(key) = private {
                            ring.add(Arc::clone(key));
                        }
                        None
                    }
                    Content::Rsa(key, private, fault) => {
                        ledger.rsa.push(key.clone());
                        rsa.insert(name, private);
                        fault.clone()
                    }
                    Content::Inactive => None,
                    Content::Malformed(fault) => Some(fault.clone()),
                };
                if let Some(fault) = fault
                    && ledger.malformed.iter().all(|told| told.uid != held.uid)
                {
                    ledger.malformed.push(Malformed { secret: name.clone(), uid: held.uid.clone(), fault });
                }
            }
        }
        ledger.sort();
        for key in &ledger.rsa {
            if let Some(key) = rsa.get(key.secret.as_str()) {
                ring.add_rsa(Arc::clone(key));
            }
        }
        HeldKeys {
            ring,
            ledger,
            synced: self.sources.values().all(|source| source.synced),
            reachable: self.sources.values().all(|source| source.reachable),
            versions,
        }
    }
}

impl Source {
    /// Whether the Secret is new or another than before.
    fn put(&mut self, origin: Origin, object: &[u8]) -> bool {
        let Some(secret) = SecretText::read(object) else {
            tracing::warn!("a key Secret has no name, UID or resourceVersion");
            return false;
        };
        if let Some(listed) = &mut self.listed {
            listed.insert(secret.name().to_owned());
        }
        let is_known = |held: &Held| held.uid == secret.uid() && held.resource_version == secret.resource_version();
        if self.secrets.get(secret.name()).is_some_and(is_known) {
            return false;
        }
        let content = read(origin, &secret).unwrap_or_else(Content::Malformed);
        content.tell(secret.name());
        let held =
            Held { uid: secret.uid().to_owned(), resource_version: secret.resource_version().to_owned(), content };
        self.secrets.insert(secret.name().to_owned(), held);
        true
    }
}

fn read(origin: Origin, secret: &SecretText<'_>) -> Result<Content, KeyFault> {
    if origin == Origin::Upstream && secret.upstream_label() != Some(names::UPSTREAM_KEY_ACTIVE) {
        return Ok(Content::Inactive);
    }
    let items = secret.items().ok_or(KeyFault::Unreadable)?;
    let item = |name: &str| items.get(name);
    match origin {
        Origin::Native => {
            let (key, private) = read_native(&secret.facts(), item)?;
            let private = key.state.opens().then(|| Arc::new(private));
            Ok(Content::Native(Box::new(key), private))
        }
        Origin::Upstream | Origin::Legacy => {
            let (key, private, fault) = read_upstream(&secret.facts(), item)?;
            Ok(Content::Rsa(key, Arc::new(private), fault))
        }
    }
}

impl Content {
    fn tell(&self, secret: &str) {
        match self {
            Self::Native(key, _) => {
                let fingerprint = key.public.fingerprint().to_string();
                tracing::info!(secret, fingerprint, state = key.state.as_str(), "read a key Secret");
            }
            Self::Rsa(key, _, fault) => {
                let fingerprint = key.fingerprint.to_string();
                tracing::info!(secret, fingerprint, "read a key Secret of sealed-secrets");
                if let Some(fault) = fault {
                    tracing::warn!(secret, reason = %fault, "a key Secret is not whole");
                }
            }
            Self::Inactive => tracing::info!(secret, "a key Secret of sealed-secrets is not active and not loaded"),
            Self::Malformed(fault) => tracing::warn!(secret, reason = %fault, "a key Secret is passed over"),
        }
    }
}

#[cfg(test)]
mod tests;
