//! How far it is with what somebody asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use kseal_core::reconcile::{Retry, Trouble};

use super::claims::{Asker, Claim};
use super::{Accounts, Id, Name};
use crate::pull_claims::Hindrances;

/// How far it is with what somebody asked for.
pub(in crate::engine) enum Standing {
    /// It is being done.
    Pending,
    /// Every account that is meant has the Secret.
    Attached,
    /// Not all of them: why.
    Hindered(Trouble),
}

impl Accounts {
    /// How far it is with what an object asks for.
    pub(in crate::engine) fn standing(&self, id: &Id) -> Standing {
        let key = (Arc::clone(&id.name), Asker::Object(id.group));
        let claim = self.claims.get(&id.namespace).and_then(|claims| claims.get(&key));
        claim.map_or(Standing::Attached, |claim| self.standing_of(&id.namespace, claim))
    }

    /// The objects whose status does not say any more how it stands.
    pub(in crate::engine) fn untold(&self) -> Vec<Id> {
        let all = self.claims.iter().flat_map(|(namespace, claims)| claims.iter().map(move |it| (namespace, it)));
        let is_untold = |namespace: &Arc<str>, claim: &Claim| match self.standing_of(namespace, claim) {
            Standing::Pending => false,
            Standing::Attached => !claim.told,
            Standing::Hindered(_) => claim.told,
        };
        all.filter(|(namespace, (_, claim))| claim.is_active && is_untold(namespace, claim))
            .filter_map(|(namespace, ((name, asker), _))| asker.id(namespace, name))
            .collect()
    }

    /// Whether it may stand otherwise than when this was asked last.
    pub(in crate::engine) fn take_stirred(&mut self) -> bool {
        std::mem::take(&mut self.stirred)
    }

    /// What is not done of what ClusterSealedSecrets ask.
    pub(in crate::engine) fn hindrances(&self) -> Hindrances {
        if self.lists.is_empty() || self.lists.values().any(|list| !list.is_whole && !list.is_lost) {
            return Hindrances::default();
        }
        let mut by_name: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (namespace, claims) in &self.claims {
            for ((secret, _), claim) in claims.iter().filter(|((_, asker), _)| *asker == Asker::Cluster) {
                let hindrance = match self.standing_of(namespace, claim) {
                    Standing::Attached => continue,
                    Standing::Pending => None,
                    Standing::Hindered(trouble) => Some(trouble),
                };
                by_name.entry(Arc::clone(secret)).or_default().insert(Arc::clone(namespace), hindrance);
            }
        }
        Hindrances { of: self.asked_by_cluster.clone(), by_name }
    }

    fn standing_of(&self, namespace: &Arc<str>, claim: &Claim) -> Standing {
        match self.list_of(namespace) {
            Some(list) if list.is_whole => {}
            Some(list) if list.is_lost => return Standing::Hindered(unfinished()),
            _ => return Standing::Pending,
        }
        let is_meant = |name: &Name| {
            name.0 == *namespace && self.account(name).is_some_and(|it| it.is_taken_by(&claim.selection, &name.1))
        };
        if let Some((_, trouble)) = self.bad().find(|(name, _)| is_meant(name)) {
            return Standing::Hindered(trouble);
        }
        if self.busy.contains_key(namespace) { Standing::Pending } else { Standing::Attached }
    }

    /// The accounts that cannot be changed now, or that somebody else keeps changing.
    fn bad(&self) -> impl Iterator<Item = (&Name, Trouble)> {
        let failing = self.failing.iter().filter_map(|(name, failing)| Some((name, failing.trouble.clone()?)));
        let fought = self.answers.iter().filter(|(_, answer)| answer.times > 1);
        let contested =
            |name: &Name, by: &str| Trouble::AccountContested { account: name.1.to_string(), by: by.to_owned() };
        failing.chain(fought.map(move |(name, answer)| (name, contested(name, &answer.by))))
    }
}

/// That accounts are still being changed, or cannot be listed.
pub(in crate::engine) fn unfinished() -> Trouble {
    let text = "the imagePullSecrets of ServiceAccounts are still being changed, or cannot be read".to_owned();
    Trouble::Api { category: "waiting", text, retry: Retry::Backoff }
}
