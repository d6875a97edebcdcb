//! `kseal keys rotate`: asks the controller for a key that follows the one that seals now.
//!
//! The request names the key that is to be followed, so one that is made twice, or was in doubt, makes one key. It carries
//! what was read, so it is not put where something else was published meanwhile.

use std::{thread, time::Duration};

use jiff::{SignedDuration, Timestamp};
use kseal_api::names;
use kseal_core::Bundle;

use crate::{
    args::RotateArgs,
    cluster::{Cluster, Described, Published, Publishing},
    commands::DONE,
    error::{Error, Kind, Result},
    output::Output,
    settings::Environment,
    words::short,
};

/// How often it is looked whether the key is there.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it is asked when somebody else writes at the same time, or an answer is in doubt.
const ATTEMPTS: u32 = 5;

pub(crate) fn run(args: RotateArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let RotateArgs { sealed_secrets, no_wait, timeout, published } = args;
    let publishing = published.settle(environment);
    let cluster = Cluster::connect(&publishing.access)?;
    let which = if sealed_secrets { Which::SealedSecrets } else { Which::Native };
    let rotation = Rotation { cluster: &cluster, publishing: &publishing, which };
    let published = publishing.fetch(&cluster)?;
    let old = which.newest(&published.bundle).ok_or_else(|| which.none(&cluster.name))?;
    let new = match rotation.ask(published, &old)? {
        Some(new) => Some(new),
        None if no_wait => None,
        None => {
            output.note(format!("asked {} for a key after {}", cluster.name, short(&old)));
            // Who waits for ever says so with a time that no calendar has.
            let timeout = SignedDuration::try_from(timeout).unwrap_or(SignedDuration::MAX);
            let limit = environment.now().saturating_add(timeout).unwrap_or(Timestamp::MAX);
            Some(rotation.wait(&old, limit, || environment.now())?)
        }
    };
    match new {
        Some(new) => {
            output.note(format!("{} seals with a new key now, and {} still opens", cluster.name, short(&old)));
            output.note(which.advice());
            output.data(format!("{new}\n").as_bytes())?;
        }
        None => output.note(format!(
            "asked {} for a key after {}; `kseal keys list --cluster` shows when it is there",
            cluster.name,
            short(&old)
        )),
    }
    Ok(DONE)
}

/// Which key is rotated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Native,
    SealedSecrets,
}

impl Which {
    /// The fingerprint of the key that seals.
    fn newest(self, bundle: &Bundle) -> Option<String> {
        match self {
            Self::Native => bundle.sealing_key().map(|key| key.public.fingerprint().to_string()),
            Self::SealedSecrets => bundle.certificate.as_ref().map(|it| it.public.fingerprint().to_string()),
        }
    }

    const fn annotation(self) -> &'static str {
        match self {
            Self::Native => names::ROTATE,
            Self::SealedSecrets => names::ROTATE_UPSTREAM,
        }
    }

    fn none(self, cluster: &str) -> Error {
        match self {
            Self::Native => Error::no_key(format!("{cluster} has no active key that a new one could follow"))
                .hint("the controller makes one by itself; if it does not, its log says why"),
            Self::SealedSecrets => Error::no_key(format!("{cluster} publishes no certificate for sealed-secrets"))
                .hint("the controller makes RSA keys with --sealed-secrets=generate"),
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Native => {
                "fetch the bundle with `kseal keys fetch -i`; `kseal reencrypt` takes over what was sealed before"
            }
            Self::SealedSecrets => "who seals with a certificate of their own has to fetch it anew",
        }
    }
}

struct Rotation<'r> {
    cluster: &'r Cluster,
    publishing: &'r Publishing,
    which: Which,
}

impl Rotation<'_> {
    /// Puts the request where the controller looks; the key that is there already if there is another one than `old`.
    fn ask(&self, mut published: Published, old: &str) -> Result<Option<String>> {
        let path = self.publishing.path()?;
        let what = format!("change ConfigMap {}/{}", self.publishing.namespace, names::PUBLIC_KEYS);
        let hint = "it takes the right to patch this one ConfigMap; ask who runs the cluster";
        let look = "`kseal keys list --cluster` shows whether a new key is there: look before you ask for one again";
        for attempt in 1.. {
            if let Some(new) = self.other(&published, old) {
                return Ok(Some(new));
            }
            if published.metadata.annotation(self.which.annotation()) == Some(old) {
                return Ok(None);
            }
            let change = published.metadata.patch(&[], &[(self.which.annotation(), old)]);
            match self.cluster.patch_metadata::<Described>(&path, &change) {
                Ok(_) => return Ok(None),
                Err(failure) if attempt < ATTEMPTS && failure.is_open() => {
                    // What became of it, or what came before it, is seen there.
                    published = match self.publishing.fetch(self.cluster) {
                        Ok(published) => published,
                        Err(_) => return Err(failure.doing(&what, hint).hint(look)),
                    };
                }
                Err(failure) if failure.is_open() => return Err(failure.doing(&what, hint).hint(look)),
                Err(failure) => return Err(failure.doing(&what, hint)),
            }
        }
        Ok(None)
    }

    /// Waits until another key than `old` seals.
    fn wait(&self, old: &str, limit: Timestamp, now: impl Fn() -> Timestamp) -> Result<String> {
        loop {
            let failed = match self.publishing.fetch(self.cluster) {
                Ok(published) => match self.other(&published, old) {
                    Some(new) => return Ok(new),
                    None => None,
                },
                // A server that restarts is waited for.
                Err(error) if error.kind() == Kind::Cluster => Some(error),
                Err(error) => return Err(error),
            };
            if now() >= limit {
                return Err(failed.unwrap_or_else(|| self.late(old)));
            }
            thread::sleep(PAUSE);
        }
    }

    fn other(&self, published: &Published, old: &str) -> Option<String> {
        self.which.newest(&published.bundle).filter(|newest| newest != old)
    }

    fn late(&self, old: &str) -> Error {
        let namespace = &self.publishing.namespace;
        Error::cluster(format!(
            "{} was asked for a key after {}, and has not made it yet",
            self.cluster.name,
            short(old)
        ))
        .hint(format!(
            "the request stays; `kubectl -n {namespace} get lease {}` tells which controller should see to it, and its \
                 log why it does not",
            names::CONTROLLER
        ))
    }
}
