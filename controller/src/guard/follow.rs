//! Follows the policies and their bindings, each by its name: the right to that is all that the components bring.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use futures::future::select_all;
use kseal_core::policy::Policy;
use kube::Client;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Editions;
use super::live::{Edition, Live};
use crate::metrics::Metrics;
use crate::watch::{Accept, Event, Source};

/// Follows policies and hands on which are as they should be, whenever that changes. `looked`: ends when it is known of each for
/// the first time.
pub async fn follow(
    client: Client,
    policies: &[Policy],
    own_namespace: &str,
    metrics: &Metrics,
    seen: &watch::Sender<Editions>,
    looked: &CancellationToken,
) -> Infallible {
    if policies.is_empty() {
        looked.cancel();
        return std::future::pending().await;
    }
    let followed = Mutex::new(Followed::new(policies, own_namespace));
    let follow_one = |policy: Policy, part: Part| {
        let source = Source {
            path: format!("/apis/admissionregistration.k8s.io/v1/{}", part.collection()),
            label_selector: None,
            field_selector: Some(format!("metadata.name={}", policy.name())),
            accept: Accept::Full,
        };
        let followed = &followed;
        let sink = move |event: Event<'_>| {
            if let Event::Lost { category } = event {
                metrics.watch_lost(part.collection(), category);
            }
            // What was taken in before a panic elsewhere still holds: each event is taken in whole.
            let mut followed = followed.lock().unwrap_or_else(PoisonError::into_inner);
            followed.take_in(policy, part, &event);
            let news = followed.news(policy);
            if let Some(state) = news {
                metrics.policy_in_force(policy.name(), matches!(state, State::InForce(_)));
                tell(policy, &state);
                seen.send_replace(followed.seen());
            }
            if followed.is_whole() {
                looked.cancel();
            }
        };
        Box::pin(crate::watch::follow(client.clone(), source, sink))
    };
    let all = policies.iter().flat_map(|policy| Part::ALL.map(|part| follow_one(*policy, part)));
    let (never, ..) = pin!(select_all(all)).await;
    never
}

fn tell(policy: Policy, state: &State) {
    let policy = policy.name();
    match state {
        State::InForce(_) => tracing::info!(policy, "the admission policy is in force"),
        State::Missing(part) => {
            let missing = part.kind();
            tracing::warn!(
                policy,
                missing,
                "the admission policy is not in force: nothing new that relies on it is done"
            );
        }
        State::Other => tracing::warn!(
            policy,
            "the admission policy, or its binding, is not that of this release: nothing new that relies on it is done"
        ),
        State::Unseen(category) => tracing::warn!(
            policy,
            category,
            "the admission policy cannot be looked at: nothing new that relies on it is done"
        ),
    }
}

/// What makes a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Policy,
    Binding,
}

impl Part {
    const ALL: [Self; 2] = [Self::Policy, Self::Binding];

    const fn collection(self) -> &'static str {
        match self {
            Self::Policy => "validatingadmissionpolicies",
            Self::Binding => "validatingadmissionpolicybindings",
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Policy => "ValidatingAdmissionPolicy",
            Self::Binding => "ValidatingAdmissionPolicyBinding",
        }
    }
}

/// How it stands with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// It is as it should be.
    InForce(Edition),
    /// It is not there, or its binding is not.
    Missing(Part),
    /// It is not what it should be.
    Other,
    /// The API server does not show it.
    Unseen(&'static str),
}

/// An object that is there.
enum Found {
    Live(Live),
    /// It cannot be read.
    Strange,
}

/// What is known of one object.
#[derive(Default)]
struct Slot {
    /// As it was when it was seen last; none where it is not there.
    found: Option<Found>,
    /// Whether a list was whole, once.
    is_listed: bool,
    /// Whether a list has begun that is not whole yet.
    is_listing: bool,
    /// Whether that list names it.
    is_named: bool,
    /// Why it cannot be followed now.
    lost: Option<&'static str>,
}

/// What is known of all.
struct Followed<'f> {
    own_namespace: &'f str,
    slots: BTreeMap<(Policy, Part), Slot>,
    states: BTreeMap<Policy, State>,
}

impl<'f> Followed<'f> {
    fn new(policies: &[Policy], own_namespace: &'f str) -> Self {
        let keys = policies.iter().flat_map(|policy| Part::ALL.map(|part| (*policy, part)));
        Self { own_namespace, slots: keys.map(|key| (key, Slot::default())).collect(), states: BTreeMap::new() }
    }

    fn take_in(&mut self, policy: Policy, part: Part, event: &Event<'_>) {
        let slot = self.slots.entry((policy, part)).or_default();
        match event {
            // What was known holds until the list is whole, unless it was lost before.
            Event::Started => (slot.is_listing, slot.is_named) = (true, false),
            Event::Present { object, .. } => {
                slot.found = Some(Live::read(object).map_or(Found::Strange, Found::Live));
                slot.is_named = true;
            }
            Event::Gone { .. } => slot.found = None,
            Event::Synced { .. } => {
                if !slot.is_named {
                    slot.found = None;
                }
                (slot.is_listed, slot.is_listing, slot.lost) = (true, false, None);
            }
            Event::Answered if !slot.is_listing => slot.lost = None,
            Event::Answered => {}
            Event::Lost { category } => slot.lost = Some(category),
        }
    }

    /// How it stands with a policy, if that is known and not what was said last.
    fn news(&mut self, policy: Policy) -> Option<State> {
        let state = self.state(policy)?;
        let before = self.states.insert(policy, state.clone());
        (before.as_ref() != Some(&state)).then_some(state)
    }

    /// Fails closed: what cannot be seen, or read, is not in force. None before anything is known.
    fn state(&self, policy: Policy) -> Option<State> {
        let [first, second] = Part::ALL.map(|part| self.slots.get(&(policy, part)));
        let (rule, binding) = (first?, second?);
        if let Some(category) = rule.lost.or(binding.lost) {
            return Some(State::Unseen(category));
        }
        if !rule.is_listed || !binding.is_listed {
            return None;
        }
        Some(match (&rule.found, &binding.found) {
            (None, _) => State::Missing(Part::Policy),
            (_, None) => State::Missing(Part::Binding),
            (Some(Found::Live(rule)), Some(Found::Live(binding))) => {
                Edition::new(policy, rule, binding, self.own_namespace).map_or(State::Other, State::InForce)
            }
            _ => State::Other,
        })
    }

    fn seen(&self) -> Editions {
        let in_force = |(policy, state): (&Policy, &State)| match state {
            State::InForce(edition) => Some((*policy, edition.clone())),
            _ => None,
        };
        self.states.iter().filter_map(in_force).collect()
    }

    fn is_whole(&self) -> bool {
        self.slots.values().all(|slot| slot.is_listed || slot.lost.is_some())
    }
}

#[cfg(test)]
mod tests;
