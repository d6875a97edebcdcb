//! Why an object's Secret is not as it should be, and what could change that.

use kseal_api::names;
use kseal_crypto::{Failure, FailureClass, Failures, Reason, Subject};

use super::Group;
use crate::{Moved, policy::Policy};

/// When another try could end differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// When the object or its Secret changes.
    OnChange,
    /// When the object changes, or a key arrives.
    OnKey,
    /// After a while, and again, without end.
    Backoff,
}

/// What stands in the way. The words never hold a value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The spec is not of the shape that its kind has.
    Shape,
    /// The values do not open.
    Contents {
        /// Why, each.
        failures: Failures,
        /// If the object stands elsewhere than it was sealed for.
        moved: Option<String>,
    },
    /// The object asks for what this version does not do.
    Unsupported(&'static str),
    /// The template sets a label or annotation that is not the template's to set.
    Reserved(String),
    /// A Secret of this type is not made from a sealed object.
    ForbiddenType(String),
    /// The Secret is, or would be, a private key of kseal or of sealed-secrets.
    KeySecret,
    /// This Secret of the controller's own namespace is not made from a sealed object.
    OwnNamespace,
    /// Upstream's object hands over, and its Secret is another object's by now: it is left alone, and nothing is told.
    HandedOver,
    /// The Secret exists, belongs to something else, and does not consent.
    NotOwned,
    /// The Secret into which items are to be merged does not consent.
    NotConsenting,
    /// The Secret into which items are to be merged takes them from another object.
    MergedByAnother,
    /// The Secret into which items are to be merged is not there.
    TargetMissing,
    /// The Secret is being deleted.
    SecretDeleting,
    /// The Secret is of another type, which cannot be changed.
    TypeDiffers,
    /// The Secret is immutable and differs.
    Immutable,
    /// It does not say in one way which ServiceAccounts are meant.
    Selection,
    /// It does not say which namespaces are meant.
    NamespaceSelector,
    /// Images are not pulled with a Secret of this type.
    NotForPulling(String),
    /// A Secret that Kubernetes shall fill with a token cannot be so: why.
    TokenSecret(&'static str),
    /// Another writer keeps taking the Secret out of an account's `imagePullSecrets`.
    AccountContested {
        /// Which.
        account: String,
        /// The writer, by its name in `managedFields`.
        by: String,
    },
    /// What is asked for is not switched on in this controller: what, and by which option.
    SwitchedOff(&'static str, &'static str),
    /// The admission policy that sees to it who may ask for this is not in force.
    PolicyMissing(Policy),
    /// The object is older than that policy, so nobody looked at who asked.
    OlderThanPolicy(Policy),
    /// The ServiceAccount is not there.
    AccountMissing(String),
    /// The ServiceAccount does not consent.
    AccountRefuses {
        /// Which.
        account: String,
        /// What its annotation must name.
        entry: String,
    },
    /// The API server said no, or nothing.
    Api {
        /// A label for metrics.
        category: &'static str,
        /// What it said, without what it may have quoted.
        text: String,
        /// Whether waiting helps.
        retry: Retry,
    },
}

impl Trouble {
    /// A label for metrics.
    #[must_use]
    pub fn category(&self) -> &'static str {
        match self {
            Self::Shape | Self::Selection | Self::NamespaceSelector | Self::NotForPulling(_) | Self::TokenSecret(_) => {
                "malformed"
            }
            Self::AccountContested { .. } => "contested",
            Self::Contents { failures, .. } => match failures.class() {
                FailureClass::Malformed => "malformed",
                FailureClass::Unsupported => "unsupported",
                FailureClass::NoKey => "no-key",
                FailureClass::Open => "open",
            },
            Self::Unsupported(_) | Self::SwitchedOff(..) => "unsupported",
            Self::Reserved(_)
            | Self::ForbiddenType(_)
            | Self::KeySecret
            | Self::OwnNamespace
            | Self::AccountRefuses { .. } => "refused",
            Self::NotOwned | Self::NotConsenting | Self::MergedByAnother | Self::HandedOver => "not-owned",
            Self::PolicyMissing(_) | Self::OlderThanPolicy(_) => "policy",
            Self::TargetMissing | Self::SecretDeleting | Self::AccountMissing(_) => "waiting",
            Self::TypeDiffers | Self::Immutable => "unchangeable",
            Self::Api { category, .. } => category,
        }
    }

    /// When to try again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Contents { failures, .. } if matches!(failures.class(), FailureClass::NoKey | FailureClass::Open) => {
                Retry::OnKey
            }
            Self::Api { retry, .. } => *retry,
            // It comes without a word to this object.
            Self::PolicyMissing(_) | Self::AccountContested { .. } => Retry::Backoff,
            _ => Retry::OnChange,
        }
    }

    /// The condition's reason, in the words of Kubernetes: CamelCase.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Shape | Self::Selection | Self::NamespaceSelector => "Malformed",
            Self::NotForPulling(_) => "NotForPulling",
            Self::TokenSecret(_) => "TokenSecret",
            Self::AccountContested { .. } => "Contested",
            Self::Contents { moved: Some(_), .. } => "Moved",
            Self::Contents { failures, .. } => match failures.class() {
                FailureClass::Malformed => "Malformed",
                FailureClass::Unsupported => "Unsupported",
                FailureClass::NoKey => "NoKey",
                FailureClass::Open => "CannotOpen",
            },
            Self::Unsupported(_) => "Unsupported",
            Self::Reserved(_) => "ReservedName",
            Self::ForbiddenType(_) => "ForbiddenType",
            Self::KeySecret => "KeySecret",
            Self::OwnNamespace => "OwnNamespace",
            Self::HandedOver => "HandedOver",
            Self::NotOwned => "NotOwned",
            Self::NotConsenting => "NotConsenting",
            Self::MergedByAnother => "MergedByAnother",
            Self::TargetMissing => "TargetMissing",
            Self::SecretDeleting => "SecretDeleting",
            Self::TypeDiffers => "TypeDiffers",
            Self::Immutable => "Immutable",
            Self::SwitchedOff(..) => "SwitchedOff",
            Self::PolicyMissing(_) => "PolicyMissing",
            Self::OlderThanPolicy(_) => "OlderThanPolicy",
            Self::AccountMissing(_) => "ServiceAccountMissing",
            Self::AccountRefuses { .. } => "ServiceAccountRefuses",
            Self::Api { retry: Retry::Backoff, .. } => "ApiError",
            Self::Api { .. } => "Refused",
        }
    }

    /// The condition's message: what is wrong, and what to do. `name` is the Secret's.
    #[must_use]
    pub fn message(&self, group: Group, name: &str) -> String {
        match self {
            Self::Shape => "the spec is not of the shape of its kind: compare it with `kubectl explain sealedsecret.spec`".into(),
            Self::Contents { moved: Some(moved), .. } => {
                format!("{moved}: values open only in their place; seal them for this one")
            }
            Self::Contents { failures, .. } if group == Group::Upstream => upstream_message(failures),
            Self::Contents { failures, .. } => match failures.class() {
                FailureClass::NoKey => format!("{failures}; seal it for this cluster (`kseal keys fetch`), or restore the key"),
                FailureClass::Unsupported => format!("{failures}; a later version of the controller may read it"),
                _ => format!("{failures}"),
            },
            Self::Unsupported(what) => format!("{what} is not supported by this version of the controller"),
            Self::Reserved(key) => format!("the template must not set {key}; remove it there"),
            Self::ForbiddenType(type_) => format!("Secrets of type {type_} are not made from sealed objects"),
            Self::KeySecret => "the Secret is, or would be, a private key of the controller; take another name, and no label of key Secrets".into(),
            Self::OwnNamespace => "this Secret of the controller's own namespace is not made from sealed objects; use another namespace or name".into(),
            Self::HandedOver => "the Secret is the native object's by now; this object can be deleted".into(),
            Self::NotOwned if group == Group::Upstream => {
                format!("failed update: Resource \"{name}\" already exists and is not managed by SealedSecret")
            }
            Self::NotOwned => "the Secret exists and is not this object's; delete it, or let it consent: kubectl annotate secret \
                 NAME kseal.dev/managed=true".into(),
            Self::NotConsenting => "the Secret into which items are to be merged does not consent: kubectl annotate secret NAME kseal.dev/managed=true".into(),
            Self::MergedByAnother => "another object merges its items into this Secret; it can have one only".into(),
            Self::TargetMissing => "the Secret into which items are to be merged is not there; create it, or take another creationPolicy".into(),
            Self::SecretDeleting => "the Secret is being deleted; it is made anew when it is gone".into(),
            Self::TypeDiffers => "the Secret is of another type, and types cannot be changed; delete the Secret, and it returns".into(),
            Self::Immutable => "the Secret is immutable and differs; delete the Secret, and it returns".into(),
            Self::Selection => "imagePullSecret says which ServiceAccounts are meant by exactly one of names, selector, and all: true, in at most 72 KiB".into(),
            Self::NamespaceSelector => "spec.namespaceSelector is no label selector; {} selects every namespace".into(),
            Self::NotForPulling(type_) => format!(
                "images are pulled with Secrets of type {}, and this one is of type {type_}",
                names::DOCKER_TYPES.join(" or ")
            ),
            Self::TokenSecret(why) => format!("this cannot become a Secret with a ServiceAccount's token: {why}"),
            Self::AccountContested { account, by } => format!(
                "{by} keeps taking the Secret out of the imagePullSecrets of ServiceAccount {account}; it is put back at most every 30 s"
            ),
            Self::SwitchedOff(what, option) => format!("{what} is not switched on; who runs the controller does that with {option}"),
            Self::PolicyMissing(policy) => format!(
                "the admission policy {0}, which sees to it who may ask for this, or its binding, is not as it should be; \
                 install deploy/policies",
                policy.name()
            ),
            Self::OlderThanPolicy(policy) => format!(
                "this object is older than the admission policy {}, so nobody has looked at who asks; once that is there for a \
                 minute, change the spec, or delete it and create it again",
                policy.name()
            ),
            Self::AccountMissing(account) => format!("ServiceAccount {account} is not there; it goes on when it is"),
            Self::AccountRefuses { account, entry } => format!(
                "ServiceAccount {account} does not consent: kubectl annotate serviceaccount {account} {}={entry}",
                names::ALLOW_TOKEN_FOR
            ),
            Self::Api { text, .. } => text.clone(),
        }
    }
}

/// Upstream's words for items that no key opens, sorted; the other failures in ours.
fn upstream_message(failures: &Failures) -> String {
    let unopened = |failure: &Failure| matches!(failure.reason, Reason::Open | Reason::NoKey | Reason::NotTried);
    let items: Vec<&str> = failures
        .iter()
        .filter(|failure| unopened(failure))
        .filter_map(|failure| match &failure.subject {
            Subject::Item(item) => Some(item.as_str()),
            _ => None,
        })
        .collect();
    let others = Failures::from_vec(failures.iter().filter(|failure| !unopened(failure)).cloned().collect());
    let opened = (!items.is_empty()).then(|| format!("no key could decrypt secret ({})", items.join(", ")));
    opened.into_iter().chain(others.map(|others| others.to_string())).collect::<Vec<_>>().join("; ")
}

impl Trouble {
    /// What did not open.
    #[must_use]
    pub fn contents(failures: Failures, moved: Option<Moved>) -> Self {
        // Only what a key was tried on, or lacked, can be the place's fault.
        let place = matches!(failures.class(), FailureClass::Open);
        Self::Contents { failures, moved: moved.filter(|_| place).map(|moved| moved.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(reasons: &[(&str, Reason)]) -> Failures {
        let failure =
            |(item, reason): &(&str, Reason)| Failure { subject: Subject::Item((*item).into()), reason: *reason };
        Failures::from_vec(reasons.iter().map(failure).collect()).unwrap()
    }

    #[test]
    fn upstreams_words_are_its_own() {
        let trouble = Trouble::contents(failures(&[("a", Reason::Open), ("b", Reason::NotTried)]), None);
        assert_eq!(trouble.message(Group::Upstream, "db"), "no key could decrypt secret (a, b)");
        let trouble = Trouble::contents(failures(&[("a", Reason::Open), ("b", Reason::EnvelopeBase64)]), None);
        let message = "no key could decrypt secret (a); not canonical base64 (item b)";
        assert_eq!(trouble.message(Group::Upstream, "db"), message);
        let message = "failed update: Resource \"db\" already exists and is not managed by SealedSecret";
        assert_eq!(Trouble::NotOwned.message(Group::Upstream, "db"), message);
    }

    #[test]
    fn what_waits_for_a_key_is_told_from_what_waits_for_a_change() {
        let of = |reason| Trouble::contents(failures(&[("a", reason)]), None);
        assert_eq!((of(Reason::NoKey).retry(), of(Reason::NoKey).reason()), (Retry::OnKey, "NoKey"));
        assert_eq!((of(Reason::Open).retry(), of(Reason::Open).reason()), (Retry::OnKey, "CannotOpen"));
        assert_eq!((of(Reason::NotAValue).retry(), of(Reason::NotAValue).reason()), (Retry::OnChange, "Malformed"));
        assert_eq!(Trouble::NotOwned.retry(), Retry::OnChange);
    }

    #[test]
    fn a_moved_object_is_told_only_where_the_place_can_be_the_reason() {
        let moved = || {
            let found_in = crate::ObjectRef { namespace: Some("dev".into()), name: Some("db".into()) };
            let sealed_for = kseal_api::SealedFor { namespace: Some("prod".into()), name: Some("db".into()) };
            Moved::find(kseal_api::Scope::Strict, &sealed_for, &found_in)
        };
        let open = Trouble::contents(failures(&[("a", Reason::Open)]), moved());
        assert_eq!(open.reason(), "Moved");
        assert!(open.message(Group::Native, "db").starts_with("sealed for prod/db, found in dev/db"));
        assert_eq!(Trouble::contents(failures(&[("a", Reason::NoKey)]), moved()).reason(), "NoKey");
    }

    #[test]
    fn every_reason_is_one_that_conditions_admit() {
        let all = [
            Trouble::Shape,
            Trouble::Unsupported("x"),
            Trouble::Reserved("x".into()),
            Trouble::ForbiddenType("x".into()),
            Trouble::KeySecret,
            Trouble::OwnNamespace,
            Trouble::NotOwned,
            Trouble::NotConsenting,
            Trouble::MergedByAnother,
            Trouble::TargetMissing,
            Trouble::SecretDeleting,
            Trouble::TypeDiffers,
            Trouble::Immutable,
            Trouble::Selection,
            Trouble::NamespaceSelector,
            Trouble::NotForPulling("x".into()),
            Trouble::TokenSecret("x"),
            Trouble::AccountContested { account: "x".into(), by: "y".into() },
            Trouble::SwitchedOff("x", "--x"),
            Trouble::PolicyMissing(Policy::ImagePullSecrets),
            Trouble::OlderThanPolicy(Policy::ImagePullSecrets),
            Trouble::AccountMissing("x".into()),
            Trouble::AccountRefuses { account: "x".into(), entry: "y".into() },
            Trouble::Api { category: "server", text: "x".into(), retry: Retry::Backoff },
        ];
        for trouble in all {
            assert!(trouble.reason().bytes().all(|byte| byte.is_ascii_alphabetic()));
            assert!(!trouble.message(Group::Native, "db").is_empty());
            assert!(!trouble.category().is_empty());
        }
    }
}
