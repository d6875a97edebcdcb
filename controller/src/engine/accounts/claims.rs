//! Who asks for what.

use std::collections::BTreeMap;
use std::sync::Arc;

use kseal_core::policy::{GRACE_SECONDS, Policy};
use kseal_core::reconcile::{Asks, Selection, Uid};
use tokio::time::Instant;

use super::{Accounts, Group, Id, Name};
use crate::pull_claims;

/// Who asks that a Secret be put into accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asker {
    /// The sealed object of the Secret's name.
    Object(Group),
    /// The ClusterSealedSecret of that name.
    Cluster,
}

/// What an object asks for as it passes by.
pub(in crate::engine) struct Asked<'a> {
    /// Which object of its name it is.
    pub(in crate::engine) uid: Uid,
    pub(in crate::engine) asks: &'a Asks,
    /// Whether its status says that all of that is done.
    pub(in crate::engine) attached: bool,
    /// Whether it is to be left alone.
    pub(in crate::engine) paused: bool,
    /// Under which policies it was seen last, as its status says.
    pub(in crate::engine) seen_under: Option<i64>,
    /// When it was created, in seconds since 1970.
    pub(in crate::engine) created: Option<i64>,
}

/// What is known of the age of what an object asks.
pub(super) struct Note {
    is_of_token: bool,
    seen_under: Option<i64>,
    created: Option<i64>,
}

pub(super) struct Claim {
    /// The object that asks.
    uid: Uid,
    pub(super) selection: Selection,
    /// Whether it is honoured and its Secret is right. Before that nothing is put anywhere, and what is there stays.
    pub(super) is_active: bool,
    /// Whether its object says that all is done, or will say how it stands when it has had its turn.
    pub(super) told: bool,
}

impl Accounts {
    /// An object passes by. One that comes in the place of another inherits nothing of what was honoured. Answers whether it asks
    /// for something new, so that it is to be looked at.
    pub(in crate::engine) fn asked(&mut self, id: &Id, asked: &Asked<'_>, now: Instant) -> bool {
        let Asked { uid, asks, attached, paused, seen_under, created } = *asked;
        self.await_token(id, asks.token_of.as_deref());
        if asks.token_of.is_some() || matches!(asks.pull, Some(Ok(_))) {
            let is_of_token = asks.token_of.is_some();
            self.notes.insert(id.clone(), Note { is_of_token, seen_under, created });
        } else {
            self.notes.remove(id);
        }
        let Some(Ok(selection)) = &asks.pull else {
            self.unasked(id, now);
            return false;
        };
        let claims = self.claims.entry(Arc::clone(&id.namespace)).or_default();
        let key = (Arc::clone(&id.name), Asker::Object(id.group));
        let same = claims.get_mut(&key).filter(|claim| claim.uid == uid && claim.selection == *selection);
        let was_active = same.as_ref().is_some_and(|claim| claim.is_active);
        let is_active = !paused && (attached || was_active);
        if let Some(claim) = same {
            claim.is_active = is_active;
            if is_active != was_active {
                self.judge_all(Some(&id.namespace), now);
            }
            return false;
        }
        claims.insert(key, Claim { uid, selection: selection.clone(), is_active, told: true });
        self.judge_all(Some(&id.namespace), now);
        !is_active && !paused
    }

    /// An object is gone, or asks for nothing any more.
    pub(in crate::engine) fn unasked(&mut self, id: &Id, now: Instant) {
        let key = (Arc::clone(&id.name), Asker::Object(id.group));
        if self.take_claim(&id.namespace, &key) {
            self.judge_all(Some(&id.namespace), now);
        }
    }

    /// An object is gone.
    pub(in crate::engine) fn forgot(&mut self, id: &Id, now: Instant) {
        self.await_token(id, None);
        self.notes.remove(id);
        self.unasked(id, now);
    }

    /// What an object asks for is honoured from now on, and its Secret is right. False where it passed by as something else since
    /// then, or went, or did not pass by yet.
    pub(in crate::engine) fn activate(&mut self, id: &Id, uid: Uid, selection: &Selection, now: Instant) -> bool {
        let key = (Arc::clone(&id.name), Asker::Object(id.group));
        let claim = self.claims.get_mut(&id.namespace).and_then(|claims| claims.get_mut(&key));
        let Some(claim) = claim.filter(|claim| claim.uid == uid && claim.selection == *selection) else { return false };
        if !std::mem::replace(&mut claim.is_active, true) {
            self.stirred = true;
            self.judge_all(Some(&id.namespace), now);
        }
        true
    }

    /// What an object's status says of it now.
    pub(in crate::engine) fn told(&mut self, id: &Id, attached: bool) {
        let key = (Arc::clone(&id.name), Asker::Object(id.group));
        if let Some(claim) = self.claims.get_mut(&id.namespace).and_then(|claims| claims.get_mut(&key)) {
            claim.told = attached;
            self.stirred = true;
        }
    }

    /// The objects that ask for something which is not honoured yet.
    pub(in crate::engine) fn unhonoured(&self) -> Vec<Id> {
        let all = self.claims.iter().flat_map(|(namespace, claims)| claims.iter().map(move |it| (namespace, it)));
        let waiting = all.filter(|(_, (_, claim))| !claim.is_active);
        waiting.filter_map(|(namespace, ((name, asker), _))| asker.id(namespace, name)).collect()
    }

    /// The objects whose Secret shall hold a token.
    pub(in crate::engine) fn of_tokens(&self) -> Vec<Id> {
        self.token_waiters.values().flat_map(|all| all.values().flatten().cloned()).collect()
    }

    /// The objects at whose asking these policies look, which were there before them, and whose status says that they were seen
    /// under others.
    pub(in crate::engine) fn seen_otherwise(&self, policies: &[Policy], since: i64) -> Vec<Id> {
        let is_of_tokens = policies.contains(&Policy::ServiceAccountTokens);
        let is_other = |note: &Note| {
            let is_older = note.created.is_none_or(|created| created < since + GRACE_SECONDS);
            note.is_of_token == is_of_tokens && is_older && note.seen_under != Some(since)
        };
        self.notes.iter().filter(|(_, note)| is_other(note)).map(|(id, _)| id.clone()).collect()
    }

    /// What ClusterSealedSecrets ask for now.
    pub(in crate::engine) fn asked_by_cluster(
        &mut self,
        asked: Arc<BTreeMap<Arc<str>, pull_claims::Claim>>,
        now: Instant,
    ) {
        for claims in self.claims.values_mut() {
            claims.retain(|(name, asker), _| *asker != Asker::Cluster || asked.contains_key(name));
        }
        for (name, claim) in &*asked {
            let key = (Arc::clone(name), Asker::Cluster);
            let others: Vec<_> =
                self.claims.keys().filter(|namespace| !claim.wanted.contains(*namespace)).cloned().collect();
            for namespace in others {
                self.take_claim(&namespace, &key);
            }
            for namespace in &claim.wanted {
                let is_active = claim.namespaces.contains(namespace);
                let claims = self.claims.entry(Arc::clone(namespace)).or_default();
                let selection = claim.selection.clone();
                let uid = Uid::default();
                claims.insert(key.clone(), Claim { uid, selection, is_active, told: true });
            }
        }
        self.claims.retain(|_, claims| !claims.is_empty());
        self.asked_by_cluster = Some(asked);
        self.stirred = true;
        self.judge_all(None, now);
    }

    /// Whether it was there.
    fn take_claim(&mut self, namespace: &Arc<str>, key: &(Arc<str>, Asker)) -> bool {
        let Some(claims) = self.claims.get_mut(namespace) else { return false };
        let was_there = claims.remove(key).is_some();
        if claims.is_empty() {
            self.claims.remove(namespace);
        }
        was_there
    }

    /// The Secrets that an account shall have, and those of them that it may keep until they are right.
    pub(super) fn wanted(&self, name: &Name) -> impl Iterator<Item = (&Arc<str>, bool)> {
        let account = self.account(name);
        let claims = self.claims.get(&name.0).into_iter().flatten();
        claims.filter_map(move |((secret, _), claim)| {
            let account = account?;
            let is_meant = account.is_taken_by(&claim.selection, &name.1);
            is_meant.then_some((secret, claim.is_active))
        })
    }

    fn await_token(&mut self, id: &Id, account: Option<&str>) {
        let waiters = self.token_waiters.entry(Arc::clone(&id.namespace)).or_default();
        waiters.retain(|name, ids| {
            if account != Some(&**name) {
                ids.remove(id);
            }
            !ids.is_empty()
        });
        if let Some(account) = account {
            waiters.entry(account.into()).or_default().insert(id.clone());
        }
        if waiters.is_empty() {
            self.token_waiters.remove(&id.namespace);
        }
    }
}

impl Asker {
    /// The object; none where a ClusterSealedSecret asks.
    pub(super) fn id(self, namespace: &Arc<str>, name: &Arc<str>) -> Option<Id> {
        match self {
            Self::Object(group) => Some(Id { group, namespace: Arc::clone(namespace), name: Arc::clone(name) }),
            Self::Cluster => None,
        }
    }
}
