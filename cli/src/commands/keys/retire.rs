//! `kseal keys retire`: gives a cluster's key another state, which is a label of its Secret.
//!
//! Objects are asked whether they need it, and not what was counted of them. The write carries what was read; where its
//! answer is in doubt, it is looked again, so a repeated command ends where the first one would have.

use std::collections::BTreeSet;

use kseal_api::{KeyState, names};

use crate::{
    args::RetireArgs,
    cluster::{Cluster, Described},
    cluster_keys::{self, ClusterKey, ClusterKeys, KeySecret, KeySecrets, Named, Needs},
    commands::DONE,
    error::{Error, Result},
    output::Output,
    settings::Environment,
    words::{count, short},
};

/// How often it is tried when something else changes the Secret at the same time, or an answer is in doubt.
const ATTEMPTS: u32 = 5;
/// How many objects are named.
const NAMED: usize = 10;

pub(crate) fn run(args: RetireArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let RetireArgs { key, state, force, published } = args;
    cluster_keys::check_name(&key)?;
    let publishing = published.settle(environment);
    let cluster = Cluster::connect(&publishing.access)?;
    let keys = ClusterKeys::read(&publishing, &cluster)?;
    let secrets = KeySecrets { cluster: &cluster, namespace: &publishing.namespace };
    let secret = secrets.find(&keys, &key)?;
    let retirement = Retirement { keys: &keys, secrets, state: state.into(), force, output };
    if retirement.is_done(&secret) {
        output.note(format!("{}: key {} is {} already", cluster.name, short(&secret.fingerprint), retirement.state));
        return Ok(DONE);
    }
    retirement.check(&secret)?;
    retirement.mark(&secret)?;
    output.note(format!("{}: key {} is {} now", cluster.name, short(&secret.fingerprint), retirement.state));
    retirement.advise(&secret);
    Ok(DONE)
}

struct Retirement<'r> {
    keys: &'r ClusterKeys,
    secrets: KeySecrets<'r>,
    state: KeyState,
    force: bool,
    output: &'r Output,
}

impl Retirement<'_> {
    fn is_done(&self, secret: &KeySecret) -> bool {
        secret.state() == Some(self.state.as_str())
    }

    /// Refuses what would do harm, unless it is forced; then it is said.
    fn check(&self, secret: &KeySecret) -> Result<()> {
        if secret.is_rsa() {
            self.check_rsa(secret)?;
        }
        if self.state != KeyState::Active && self.is_only_active(secret) {
            self.refuse(
                Error::refused(format!(
                    "{} has no other active key than {}: its controller would make a new one at once",
                    self.secrets.cluster.name,
                    short(&secret.fingerprint)
                ))
                .hint("`kseal keys rotate` makes one first; --force leaves it to the controller"),
                // A key that somebody else has must go whatever comes.
                self.force || self.state == KeyState::Compromised,
            )?;
        }
        let is_loaded = secret.state().and_then(KeyState::parse).is_some_and(|state| secret.is_loaded_as(state));
        if is_loaded && !secret.is_loaded_as(self.state) {
            self.check_unknown(secret)?;
            let needs = Needs::of(&secret.fingerprint, self.secrets.cluster, self.keys)?;
            if let Some(only_in) = &needs.only_in {
                self.output.warn(only_in);
            }
            if needs.number() > 0 {
                self.refuse(needed(secret, &needs), self.force)?;
            }
            if !needs.claiming.is_empty() {
                let number = needs.claiming.len();
                let verb = if number == 1 { "names it, and was" } else { "name it, and were" };
                self.output.note(format!(
                    "{} {verb} not opened by it, which holds nothing up; `kseal keys usage --all` names each",
                    count(number, "object")
                ));
            }
        }
        Ok(())
    }

    /// A second copy of the key would go on opening.
    fn check_unknown(&self, secret: &KeySecret) -> Result<()> {
        if secret.unknown.is_empty() {
            return Ok(());
        }
        let namespace = self.secrets.namespace;
        let error = Error::refused(format!(
            "{} may hold key {} too: nobody says which key is in there",
            count(secret.unknown.len(), "other Secret"),
            short(&secret.fingerprint)
        ))
        .details(secret.unknown.iter().map(|name| format!("{namespace}/{name}")))
        .hint(format!("state it there as the annotation {}, or delete what is no key", names::FINGERPRINT));
        self.refuse(error, self.force)
    }

    fn refuse(&self, error: Error, is_forced: bool) -> Result<()> {
        if !is_forced {
            return Err(error);
        }
        self.output.warn(error.message());
        for line in error.lines() {
            self.output.warn(line);
        }
        Ok(())
    }

    fn check_rsa(&self, secret: &KeySecret) -> Result<()> {
        if self.state == KeyState::Retiring {
            return Err(Error::usage("a key of sealed-secrets is loaded, or it is not: there is no state retiring")
                .hint("`kseal keys rotate --sealed-secrets` makes one that seals in its place"));
        }
        if secret.state().is_none() {
            return Err(Error::refused(format!(
                "Secret {} has no label {}: it is loaded by its name, whatever a label says",
                secret.metadata.name,
                names::UPSTREAM_KEY
            ))
            .hint("keep a copy, and delete the Secret, to be rid of this key"));
        }
        Ok(())
    }

    fn is_only_active(&self, secret: &KeySecret) -> bool {
        let active = |key: &&ClusterKey| key.is_rsa() == secret.is_rsa() && key.state == KeyState::Active.as_str();
        let mut active = self.keys.keys.iter().filter(active);
        active.next().is_some_and(|key| key.fingerprint == secret.fingerprint) && active.next().is_none()
    }

    /// Writes the label.
    fn mark(&self, secret: &KeySecret) -> Result<()> {
        let name = &secret.metadata.name;
        let path = self.secrets.path(name)?;
        let what = format!("label Secret {}/{name}", self.secrets.namespace);
        let hint = "it takes the right to patch Secrets there; ask who runs the cluster";
        let label = (secret.state_label(), self.state.as_str());
        // The controller forgets an RSA key that it does not load; this finds it again.
        let annotation = (names::FINGERPRINT, secret.fingerprint.as_str());
        let annotations = if secret.is_rsa() { &[annotation][..] } else { &[] };
        let before = secret.state();
        let mut now = None;
        for attempt in 1.. {
            let metadata = &now.as_ref().unwrap_or(secret).metadata;
            let change = metadata.patch(&[label], annotations);
            match self.secrets.cluster.patch_metadata::<Described>(&path, &change) {
                Ok(_) => return Ok(()),
                Err(failure) if attempt < ATTEMPTS && failure.is_open() => {
                    let Ok(found) = self.secrets.again(secret) else { return Err(failure.doing(&what, hint)) };
                    if self.is_done(&found) {
                        return Ok(());
                    }
                    if found.state() != before {
                        let other = found.state().unwrap_or("nothing").to_owned();
                        return Err(failure
                            .doing(&what, hint)
                            .details([format!("somebody else made the key {other} meanwhile")]));
                    }
                    now = Some(found);
                }
                Err(failure) => return Err(failure.doing(&what, hint)),
            }
        }
        Ok(())
    }

    /// What comes next.
    fn advise(&self, secret: &KeySecret) {
        match self.state {
            KeyState::Compromised if secret.is_rsa() => self.output.note(
                "it is not loaded any more; seal anew what was sealed for it (`kseal reencrypt`), and change the secrets at \
                 their source",
            ),
            KeyState::Compromised => self.output.note(
                "objects that it opens say so from now on; seal them anew (`kseal keys fetch -i`, `kseal reencrypt`), and \
                 change the secrets at their source",
            ),
            KeyState::Retired => {
                let back = if secret.is_rsa() { "active" } else { "retiring" };
                self.output.note(format!("its Secret is kept; --as {back} takes it back"));
            }
            KeyState::Retiring | KeyState::Active => {}
        }
    }
}

/// The first objects that stop opening, or may do so.
fn needed(secret: &KeySecret, needs: &Needs) -> Error {
    let key = short(&secret.fingerprint);
    let (number, maybe) = (needs.needing.len(), needs.number() - needs.needing.len());
    let marked = |objects: &BTreeSet<Named>, mark: &str| -> Vec<String> {
        objects.iter().map(|named| named.path() + mark).collect()
    };
    let mut lines = [
        marked(&needs.needing, ""),
        marked(&needs.unseen, " (not looked at yet)"),
        marked(&needs.unreadable, " (cannot be read)"),
    ]
    .concat();
    let more = lines.len().saturating_sub(NAMED);
    lines.truncate(NAMED);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    let verb = |number| if number == 1 { "needs" } else { "need" };
    let message = match (number, maybe) {
        (0, maybe) => format!("{} may need key {key}, as no controller has told yet", count(maybe, "object")),
        (number, 0) => format!(
            "{} {} key {key}: without it they do not open, and their Secrets are not made again",
            count(number, "object"),
            verb(number)
        ),
        (number, maybe) => format!(
            "{} {} key {key}, and {maybe} may: without it they do not open, and their Secrets are not made again",
            count(number, "object"),
            verb(number)
        ),
    };
    Error::refused(message).details(lines).hint(if number == 0 {
        "`kseal status -A` says why nobody has looked; run it again when the controller has"
    } else {
        "`kseal reencrypt` takes them over to the newest key; apply the files, then run it again"
    })
}
