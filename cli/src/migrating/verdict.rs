//! What follows from what was found: what would not work, what would be different, and what to do next.

use jiff::Timestamp;
use kseal_api::names;

use super::{
    Found,
    controllers::Upstream,
    objects::{Counts, Finding},
};
use crate::{
    cluster::segment,
    words::{are, count},
};

/// Where sealed-secrets usually is, and where `deploy/sealed-secrets` puts kseal.
const USUAL_NAMESPACE: &str = "kube-system";

/// The judgement of a cluster.
pub(crate) struct Verdict {
    pub counts: Counts,
    /// Objects that would not work.
    pub findings: Vec<Finding>,
    /// What is wrong with the cluster as a whole.
    pub problems: Vec<String>,
    /// What would be different, or is worth knowing.
    pub notes: Vec<String>,
    /// Commands with what they are for.
    pub next: Vec<(String, &'static str)>,
}

/// How far the takeover is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// sealed-secrets serves its objects, or nobody does.
    Before,
    /// kseal serves them.
    Taken,
    /// Both do.
    Both,
}

impl Verdict {
    pub(crate) fn of(found: &Found, now: Timestamp) -> Self {
        let counts = found.objects.counts();
        let stage = stage(found);
        let (problems, notes) = (problems(found, &counts, stage), notes(found, &counts, now));
        let next = next(found, &counts, stage);
        Self { findings: found.objects.findings(), counts, problems, notes, next }
    }

    /// Whether everything would work after the takeover.
    pub(crate) fn is_good(&self) -> bool {
        self.findings.is_empty() && self.problems.is_empty()
    }
}

fn stage(found: &Found) -> Stage {
    let upstream = found.upstream.as_ref().is_some_and(Upstream::is_running);
    match (upstream, found.kseal.iter().any(super::controllers::Kseal::is_serving)) {
        (true, true) => Stage::Both,
        (false, true) => Stage::Taken,
        (_, false) => Stage::Before,
    }
}

fn problems(found: &Found, counts: &Counts, stage: Stage) -> Vec<String> {
    let mut problems = Vec::new();
    if stage == Stage::Both {
        problems.push(
            "sealed-secrets' controller and kseal's both serve bitnami.com, and contradict each other in every status: stop \
             one of them"
                .to_owned(),
        );
    }
    if counts.objects > counts.handed_over && !found.keys.iter().any(|key| key.is_active) {
        problems.push(format!(
            "namespace {} has no active key of sealed-secrets, so nothing would open: is it the namespace of its controller \
             (--namespace-of-controller)?",
            found.namespace
        ));
    }
    problems
}

fn notes(found: &Found, counts: &Counts, now: Timestamp) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(found.unseen.iter().map(|what| format!("{what}, so nothing is said of it")));
    if let Some(owner) = &found.owner {
        notes.push(format!(
            "the definition sealedsecrets.bitnami.com belongs to {owner}: before that is removed, see that it leaves the \
             definition, which takes every object and every Secret with it"
        ));
    }
    if found.namespace != USUAL_NAMESPACE {
        notes.push(format!(
            "deploy/sealed-secrets is written for {USUAL_NAMESPACE}: say `namespace: {}` in its kustomization.yaml",
            found.namespace
        ));
    }
    if let Some(upstream) = &found.upstream {
        notes.extend(flags(upstream));
    }
    if found.expires.is_some_and(|end| now.as_second() > i64::try_from(end).unwrap_or(i64::MAX)) {
        notes.push(
            "the certificate of sealed-secrets has expired: nobody seals with it until there is a new key".to_owned(),
        );
    }
    for key in found.keys.iter().filter(|key| !key.is_active) {
        let label = key.label.as_deref().unwrap_or_default();
        notes
            .push(format!("the key {} is labelled {label:?}, and only active ones are loaded, by kseal too", key.name));
    }
    let more = [
        (counts.missing, "without a Secret: it would be made"),
        (counts.deleting, "being deleted, and left out"),
        (counts.paused, "paused by kseal.dev/paused, and left out"),
        (counts.waiting, "ready to hand over, and no native object has taken the Secret"),
        (counts.finalizers, "with finalizers in the template, which kseal does not copy to a new Secret"),
    ];
    let counted = more.into_iter().filter(|(number, _)| *number > 0);
    notes.extend(counted.map(|(number, what)| format!("{} {what}", are(number, "object"))));
    notes
}

/// What sealed-secrets was told to do otherwise than kseal does it.
fn flags(upstream: &Upstream) -> Vec<String> {
    let mut notes = Vec::new();
    if upstream.flag("all-namespaces") == Some("false") || upstream.flag("additional-namespaces").is_some() {
        let namespaces = upstream.flag("additional-namespaces").unwrap_or("its own alone");
        notes.push(format!(
            "sealed-secrets looks after some namespaces only ({namespaces}), and kseal after all: give the same ones to \
             --watch-namespaces (deploy/namespaced)"
        ));
    }
    if let Some(selector) = upstream.flag("label-selector") {
        notes.push(format!(
            "sealed-secrets looks after objects with {selector} only, and kseal after all: annotate those that are to be \
             left alone {}=true",
            names::PAUSED
        ));
    }
    if let Some(prefix) = upstream.flag("key-prefix").filter(|prefix| *prefix != names::UPSTREAM_KEY_PREFIX) {
        notes.push(format!("give kseal's controller --sealed-secrets-key-prefix={prefix}, as sealed-secrets has it"));
    }
    if upstream.flag("key-order-priority") == Some("SecretCreationTimestamp") {
        notes.push(
            "sealed-secrets seals with the key whose Secret was made last, and kseal with the newest certificate: compare \
             `kubeseal --fetch-cert` before and after"
                .to_owned(),
        );
    }
    if upstream.flag("update-status") == Some("false") {
        notes.push("sealed-secrets writes no status, so it is not known what opens".to_owned());
    }
    notes
}

fn next(found: &Found, counts: &Counts, stage: Stage) -> Vec<(String, &'static str)> {
    let namespace = &found.namespace;
    let mut next = Vec::new();
    let stop = found.upstream.as_ref().filter(|upstream| upstream.is_running()).map(|upstream| {
        let scale = format!("kubectl -n {namespace} scale deployment {} --replicas=0", upstream.name);
        (scale, "stop sealed-secrets, and delete neither it nor its definition")
    });
    match stage {
        _ if counts.objects == 0 => {}
        Stage::Both => next.extend(stop),
        _ if counts.handed_over == counts.objects => next.push((
            "kubectl delete sealedsecrets.bitnami.com --all --all-namespaces".to_owned(),
            "the Secrets are the native objects' now; take the old files out of the repository first",
        )),
        Stage::Before => {
            next.push((export(found), "back up the keys, and keep the file as you keep them"));
            next.extend(stop);
            next.push((
                format!("kubectl -n {namespace} delete service sealed-secrets-controller --ignore-not-found"),
                "its selector would be mixed with kseal's",
            ));
            next.push(("kubectl apply -k deploy/sealed-secrets".to_owned(), "kseal in its place"));
            next.push(("kseal status -A --check".to_owned(), "everything is ready, and no Secret was written"));
        }
        Stage::Taken => {
            next.push((
                format!(
                    "kubectl annotate sealedsecrets.bitnami.com --all --all-namespaces {}={}",
                    names::HAND_OVER,
                    names::HAND_OVER_NATIVE
                ),
                "the objects hand over to native ones",
            ));
            next.push((
                "kseal convert --to kseal --key sealed-secrets-keys.yaml -o NEW.yaml OLD.yaml".to_owned(),
                "for each file; apply the new one beside the old one",
            ));
            next.push(("kseal migrate".to_owned(), "again, until everything is handed over"));
        }
    }
    next
}

/// What writes all keys into one file: those with a label, and the first one, which has none.
fn export(found: &Found) -> String {
    let prefix = found.upstream.as_ref().and_then(|upstream| upstream.flag("key-prefix"));
    // Whoever wrote the Deployment does not write the command.
    let prefix = prefix.filter(|prefix| *prefix != names::UPSTREAM_KEY_PREFIX && segment("key-prefix", prefix).is_ok());
    let prefix = prefix.map(|prefix| format!(" --sealed-secrets-key-prefix {prefix}")).unwrap_or_default();
    format!(
        "kseal keys export --cluster --namespace-of-controller {}{prefix} -o sealed-secrets-keys.yaml",
        found.namespace
    )
}

/// `2 replicas`, `stopped`.
pub(super) fn running(replicas: i64) -> String {
    match usize::try_from(replicas) {
        Ok(0) | Err(_) => "stopped".to_owned(),
        Ok(number) => format!("runs ({})", count(number, "replica")),
    }
}
