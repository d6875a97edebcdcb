//! The next step, from what there is.

use kseal_api::{ServiceAccountTokenSpec, TokenMode, names};

use super::items::{self, Items, Surroundings};
use super::object::overlap;
use super::{Issued, Obstacle, Record, SecretMetadata, TokenObject, WholeSecret};
use crate::reconcile::{Account, Trouble};

/// The type of published Secrets.
pub(super) const OPAQUE: &str = "Opaque";
/// So many token Secrets are looked into, the youngest first. There is one, or two while one follows another.
const MOST: usize = 4;
/// So many are noted as old.
const MOST_RETIRED: usize = 32;

/// What there is.
pub struct View<'v> {
    /// What is asked for.
    pub object: &'v TokenObject,
    /// Where.
    pub surroundings: &'v Surroundings,
    /// Whether the admission policy vouches for the request.
    pub policy: Result<(), Trouble>,
    /// The ServiceAccount, read after all else; none where it is not there.
    pub account: Option<&'v Account>,
    /// The Secret by the name of the published one, whosever it is.
    pub published: Option<&'v WholeSecret>,
    /// The other Secrets that have the object's label.
    pub others: &'v [SecretMetadata],
    /// Those of them that are [`eligible`], whole.
    pub sources: &'v [WholeSecret],
    /// The time, in seconds since 1970.
    pub now: i64,
    /// A number from 0 to 1.
    pub jitter: f64,
}

/// What is to be done. Each but the first and the last two is one write, after which everything is looked at again.
pub enum Step<'v> {
    /// Nothing can be done now.
    Stuck(Obstacle),
    /// Make the published Secret, empty: a token can be bound to it only when it is there.
    CreateEmpty,
    /// Ask for a token that is bound to the published Secret, and put it there.
    Request,
    /// Make a token Secret, for Kubernetes to fill.
    CreateTokenSecret,
    /// Put this into the published Secret.
    Publish(Publication),
    /// Delete a Secret whose time is over.
    Delete(&'v SecretMetadata),
    /// Wait until Kubernetes has filled the token Secret of this name.
    Await(&'v str),
    /// All is right until then, if nothing happens.
    Rest {
        /// What the Secret holds.
        record: Record,
        /// In seconds since 1970; none for ever.
        until: Option<i64>,
    },
}

/// What the published Secret shall hold. It cannot be printed, and is wiped.
pub struct Publication {
    pub(super) items: Items,
    /// What is noted of it.
    pub record: Record,
    /// Whether it is another token than before.
    pub is_new: bool,
}

impl Publication {
    /// Of a token that was issued to be put into the Secret of this view; none where it is another account's.
    #[must_use]
    pub fn of_issued(view: &View<'_>, issued: &Issued) -> Option<Self> {
        let (spec, account) = (view.object.spec.as_ref()?, view.account?);
        if !issued.is_of(&account.uid) {
            return None;
        }
        let before = record(view.object, view.published);
        let retired = Record::retire(before, view.old(None), view.now);
        let record = Record::of_bound(spec, &account.uid, issued, retired, view.now, view.jitter);
        Some(Self::of_bound(view, &issued.token, record, true))
    }

    fn of_bound(view: &View<'_>, token: &[u8], record: Record, is_new: bool) -> Self {
        let authority = view.surroundings.authority.as_deref().unwrap_or_default().as_bytes();
        Self { items: items::items(view.object, view.surroundings, token, authority), record, is_new }
    }
}

impl<'v> View<'v> {
    /// The Secrets that are of no use where the token comes from this one.
    fn old(&self, from: Option<&str>) -> impl Iterator<Item = &'v SecretMetadata> {
        let object = self.object;
        let is_from = move |secret: &SecretMetadata| from == Some(secret.uid.as_str());
        let old = self.others.iter().filter(move |secret| secret.belongs_to(object) && !is_from(secret));
        // There are more only where somebody plants them.
        old.take(MOST_RETIRED)
    }
}

/// Which of the Secrets with the object's label are token Secrets that can be published, the one that is published first. They
/// are to be read whole. `published`: what is noted beside the published token.
#[must_use]
pub fn eligible<'v>(
    object: &TokenObject,
    account: Option<&Account>,
    published: Option<&WholeSecret>,
    others: &'v [SecretMetadata],
) -> Vec<&'v SecretMetadata> {
    let (Some(spec), Some(account)) = (&object.spec, account) else { return Vec::new() };
    if spec.mode != TokenMode::Secret {
        return Vec::new();
    }
    let record = record(object, published);
    let is_from = |secret: &SecretMetadata| record.is_some_and(|record| record.from.as_ref() == Some(&secret.uid));
    let mut found: Vec<_> = others
        .iter()
        .filter(|secret| secret.belongs_to(object) && !secret.deleting)
        .filter(|secret| secret.account_name.as_ref() == Some(&spec.service_account_name))
        .filter(|secret| secret.account_uid.as_ref().is_none_or(|uid| *uid == account.uid))
        .filter(|secret| record.is_none_or(|record| is_from(secret) || !record.retired.contains_key(&secret.uid)))
        .collect();
    found.sort_by(|one, other| {
        let rank = |secret: &SecretMetadata| (is_from(secret), secret.created);
        rank(other).cmp(&rank(one)).then_with(|| one.name.cmp(&other.name))
    });
    found.truncate(MOST);
    found
}

fn record<'v>(object: &TokenObject, published: Option<&'v WholeSecret>) -> Option<&'v Record> {
    published.filter(|secret| secret.metadata.belongs_to(object))?.metadata.record.as_ref()
}

/// The next step.
#[must_use]
pub fn decide<'v>(view: &View<'v>) -> Step<'v> {
    match Decision::new(view) {
        Ok(decision) => match decision.spec.mode {
            TokenMode::Bound => decision.bound(),
            TokenMode::Secret => decision.of_secret(),
        },
        Err(obstacle) => Step::Stuck(obstacle),
    }
}

struct Decision<'d, 'v> {
    view: &'d View<'v>,
    spec: &'v ServiceAccountTokenSpec,
    account: &'v Account,
}

impl<'d, 'v> Decision<'d, 'v> {
    /// Whether anything may be done at all.
    fn new(view: &'d View<'v>) -> Result<Self, Obstacle> {
        let object = view.object;
        if object.namespace == view.surroundings.own_namespace {
            return Err(Trouble::OwnNamespace.into());
        }
        let spec = object.spec.as_ref().ok_or(Trouble::Shape)?;
        if spec.kubeconfig.is_some() && view.surroundings.server.is_none() {
            return Err(Trouble::SwitchedOff("a kubeconfig", "--kubeconfig-server=URL").into());
        }
        if !object.is_honoured() {
            view.policy.clone()?;
        }
        let missing = || Trouble::AccountMissing(spec.service_account_name.clone());
        let account = view.account.filter(|account| !account.deleting).ok_or_else(missing)?;
        if let Some(published) = view.published {
            if !published.metadata.belongs_to(object) {
                return Err(Trouble::NotOwned.into());
            }
            if published.metadata.deleting {
                return Err(Trouble::SecretDeleting.into());
            }
            if published.type_ != OPAQUE {
                return Err(Trouble::TypeDiffers.into());
            }
        }
        Ok(Self { view, spec, account })
    }

    /// A step that hands out a token, or makes one: only with the account's consent.
    fn consenting(&self, step: Step<'v>) -> Step<'v> {
        let View { object, .. } = self.view;
        if self.account.allows(&object.name) {
            return step;
        }
        let (account, entry) = (self.spec.service_account_name.clone(), object.name.clone());
        Step::Stuck(Trouble::AccountRefuses { account, entry }.into())
    }

    fn bound(&self) -> Step<'v> {
        let now = self.view.now;
        let Some(published) = self.view.published else { return self.consenting(Step::CreateEmpty) };
        let token = published.item(items::TOKEN);
        let record = published.metadata.record.as_ref();
        let is_good = |record: &&Record| record.vouches_for(token, self.spec, &self.account.uid) && !record.is_due(now);
        match record.filter(is_good) {
            Some(record) => self.keep(Publication::of_bound(self.view, token, record.clone(), false)),
            None => self.consenting(Step::Request),
        }
    }

    fn of_secret(&self) -> Step<'v> {
        let View { object, published, sources, now, jitter, .. } = *self.view;
        let record = record(object, published);
        let from = record.and_then(|record| record.from.as_ref());
        let is_from = |secret: &WholeSecret| from == Some(&secret.metadata.uid);
        let current = record.zip(sources.iter().find(|secret| is_from(secret))).filter(|(record, secret)| {
            self.is_filled(secret) && record.vouches_for(secret.item(items::TOKEN), self.spec, &self.account.uid)
        });
        if let Some((record, secret)) = current
            && !(self.spec.rotation.is_some() && record.is_due(now))
        {
            let is_dated = record.period == self.spec.rotation.map(|rotation| rotation.period_seconds)
                && !record.is_from_the_future(now);
            let record = if is_dated { record.clone() } else { record.dated(self.spec, now, jitter) };
            return self.keep(self.copy(secret, record, false));
        }
        // What was published and is spoiled, or due, is not published again.
        let mut next =
            sources.iter().filter(|secret| !is_from(secret) && secret.type_ == names::SERVICE_ACCOUNT_TOKEN_TYPE);
        if let Some(secret) = next.clone().find(|secret| self.is_filled(secret)) {
            let (source, token) = (&secret.metadata, secret.item(items::TOKEN));
            let retired = Record::retire(record, self.view.old(Some(&source.uid)), now);
            let record = Record::of_secret(self.spec, &self.account.uid, token, source, retired, now, jitter);
            return self.consenting(Step::Publish(self.copy(secret, record, true)));
        }
        match next.next() {
            Some(empty) => Step::Await(&empty.metadata.name),
            None => self.consenting(Step::CreateTokenSecret),
        }
    }

    /// Whether Kubernetes has put a token of this account into it.
    fn is_filled(&self, secret: &WholeSecret) -> bool {
        secret.type_ == names::SERVICE_ACCOUNT_TOKEN_TYPE
            && secret.metadata.account_uid.as_ref() == Some(&self.account.uid)
            && !secret.item(items::TOKEN).is_empty()
    }

    fn copy(&self, secret: &WholeSecret, record: Record, is_new: bool) -> Publication {
        let View { object, surroundings, .. } = *self.view;
        let (token, authority) = (secret.item(items::TOKEN), secret.item(items::AUTHORITY));
        Publication { items: items::items(object, surroundings, token, authority), record, is_new }
    }

    /// The token is good: what is around it is put right, and then what is old goes.
    fn keep(&self, mut wanted: Publication) -> Step<'v> {
        let View { object, now, published, .. } = *self.view;
        let from = wanted.record.from.clone();
        let old = || self.view.old(from.as_deref());
        wanted.record = wanted.record.retiring(old(), now);
        if !published.is_some_and(|published| is_right(published, object, &wanted)) {
            return Step::Publish(wanted);
        }
        let record = wanted.record;
        let overlap = overlap(self.spec);
        let over = |secret: &SecretMetadata| {
            let since = record.retired.get(&secret.uid).copied().unwrap_or(now);
            since.saturating_add(overlap)
        };
        match old().filter(|secret| !secret.deleting).min_by_key(|secret| (over(secret), &secret.name)) {
            Some(secret) if over(secret) <= now => Step::Delete(secret),
            first => {
                let until = first.map(over).into_iter().chain(record.due()).min();
                Step::Rest { record, until }
            }
        }
    }
}

fn is_right(published: &WholeSecret, object: &TokenObject, wanted: &Publication) -> bool {
    let SecretMetadata { token_of, record, .. } = &published.metadata;
    let is_same = |(item, value): (&String, &&'static str)| item == value;
    token_of.as_ref() == Some(&object.uid)
        && record.as_ref() == Some(&wanted.record)
        && published.data.len() == wanted.items.len()
        && published.data.keys().zip(wanted.items.keys()).all(is_same)
        && published.data.values().zip(wanted.items.values()).all(|(is, shall)| is.as_slice() == shall.as_slice())
}
