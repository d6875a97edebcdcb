//! What is done about ServiceAccounts: registry Secrets are put into them, and tokens are kept only for those that they consent
//! to.

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use kseal_api::names;
use kseal_core::policy::Policy;
use kseal_core::reconcile::{Account, Asks, Request, Retry, Sighting, Trouble};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use zeroize::Zeroizing;

use super::Engine;
use super::accounts::{AccountDone, AccountJob, Accounts, Asked, Place, Standing, unfinished};
use super::table::Id;
use crate::api::PatchKind;
use crate::channel::send_if_other;
use crate::collection::service_accounts;
use crate::guard::seconds;
use crate::secrets::{Refused, trouble, unreadable};
use crate::watch::{Accept, Event, Source, follow};

/// How many accounts are changed at once.
const WORKERS: usize = 8;
/// So often an account that changes under our hands is looked at again at once; then it waits its turn.
const TRIES: u32 = 4;
/// A status waits so long for the accounts of its namespace.
const PATIENCE: Duration = Duration::from_secs(5);

impl Engine {
    pub(super) fn accounts(&self) -> MutexGuard<'_, Accounts> {
        // A panic while it was held ends the process anyway.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that goes on for their sake, where something is switched on that concerns them.
    pub(super) fn attend_accounts(self: &Arc<Self>, others: &mut JoinSet<()>) {
        let settings = &self.context.settings;
        if !settings.attaches && !settings.own.makes_tokens {
            return;
        }
        let places: Vec<Place> = match &*settings.namespaces {
            [] => vec![None],
            namespaces => namespaces.iter().map(|name| Some(Arc::from(name.as_str()))).collect(),
        };
        for place in places {
            let engine = Arc::clone(self);
            others.spawn(async move { engine.follow_accounts(place).await });
        }
        for _ in 0..WORKERS {
            let engine = Arc::clone(self);
            others.spawn(async move { engine.work_on_accounts().await });
        }
        let engine = Arc::clone(self);
        others.spawn(async move { engine.keep_time_for_accounts().await });
        let engine = Arc::clone(self);
        others.spawn(async move { engine.follow_policies().await });
        for policies in [&[Policy::ImagePullSecrets], &[Policy::ServiceAccountTokens]] {
            let engine = Arc::clone(self);
            others.spawn(async move { engine.note_policies(policies).await });
        }
        let engine = Arc::clone(self);
        others.spawn(async move { engine.follow_cluster_claims().await });
    }

    async fn follow_accounts(&self, place: Place) {
        let source = Source {
            path: service_accounts(place.as_deref()),
            label_selector: None,
            field_selector: None,
            accept: Accept::Full,
        };
        let sink = |event: Event<'_>| {
            let now = Instant::now();
            let mut waiters = Vec::new();
            match event {
                Event::Started => self.accounts().started(&place),
                Event::Present { object, .. } => {
                    let Some(account) = Account::read(object) else { return };
                    waiters = self.accounts().saw(&place, &account, now);
                }
                Event::Gone { object } => {
                    let Some(account) = Account::read(object) else { return };
                    self.accounts().lost(&account);
                }
                Event::Synced { .. } => {
                    self.accounts().synced(&place, now);
                    self.tell_of_accounts(now);
                    tracing::info!(resource = "serviceaccounts", namespace = place.as_deref(), "listed");
                }
                Event::Lost { category } => {
                    tracing::debug!(resource = "serviceaccounts", category, "cannot watch; trying again");
                    self.context.metrics.watch_lost("serviceaccounts", category);
                    self.accounts().broke_off(&place);
                    self.tell_of_accounts(now);
                }
                Event::Answered => return,
            }
            if !waiters.is_empty() {
                self.state().try_again(&waiters, now);
                self.work.notify_one();
            }
            self.accounts_stirred();
        };
        follow(self.context.client.clone(), source, sink).await;
    }

    /// There may be work for those who attend accounts, now or at a time that they do not know yet.
    pub(super) fn accounts_stirred(&self) {
        self.account_work.notify_one();
        self.account_deadline.notify_one();
    }

    /// What an object that passes by asks of them.
    pub(super) fn hear(&self, id: &Id, sighting: &Sighting, now: Instant) {
        let attached = sighting.observed.as_ref().is_some_and(|observed| observed.attached);
        let Sighting { uid, asks, paused, seen_under, .. } = sighting;
        // What is switched off is asked of nobody.
        let only_token = Asks { pull: None, token_of: asks.token_of.clone() };
        let asks = if self.context.settings.attaches { asks } else { &only_token };
        let created = seconds(&sighting.created);
        let asked = Asked { uid: *uid, asks, attached, paused: *paused, seen_under: *seen_under, created };
        if sighting.deleting {
            self.accounts().forgot(id, now);
            return;
        }
        let is_news = self.accounts().asked(id, &asked, now);
        if is_news {
            self.look_at(std::slice::from_ref(id), now);
        }
    }

    /// Puts the Secret of an object, which is right, where it asks for that. Answers why it is not there, if so.
    pub(super) async fn attach(&self, id: &Id, request: &Request) -> Option<Trouble> {
        let selection = match request.asks.pull.as_ref()? {
            Err(trouble) => return Some(trouble.clone()),
            Ok(_) if !self.context.settings.attaches => {
                return Some(Trouble::SwitchedOff("imagePullSecret", "--image-pull-secrets"));
            }
            Ok(selection) => selection,
        };
        let was_honoured = request.was_right().is_some_and(|observed| observed.attached);
        if let (false, Err(trouble)) = (was_honoured, self.checked(request)) {
            return Some(trouble);
        }
        // It is looked at again when it passes by as what was read.
        if !self.accounts().activate(id, request.short_uid(), selection, Instant::now()) {
            return Some(unfinished());
        }
        self.accounts_stirred();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let changed = self.accounts_changed.notified();
            let standing = self.accounts().standing(id);
            match standing {
                Standing::Attached => return None,
                Standing::Hindered(trouble) => return Some(trouble),
                Standing::Pending => {}
            }
            if timeout_at(deadline, changed).await.is_err() {
                return Some(unfinished());
            }
        }
    }

    /// Whether who asked could do it himself.
    fn checked(&self, request: &Request) -> Result<(), Trouble> {
        self.context.guard.check(request.policies(), &request.created, request.changed_under())
    }

    /// Whether a token of its account may be kept in the Secret that an object asks for.
    pub(super) async fn consents(&self, request: &Request) -> Result<(), Refused> {
        if !request.is_token() {
            return Ok(());
        }
        let nobody = || (Trouble::TokenSecret("it cannot be read whose token it shall hold"), None);
        let name = request.asks.token_of.clone().ok_or_else(nobody)?;
        if request.was_right().is_none() {
            self.checked(request).map_err(|trouble| (trouble, None))?;
        }
        // Read now, and not what is in mind of it: a consent that was taken back is none.
        let path = format!("{}/{name}", service_accounts(Some(&request.namespace)));
        let account = match self.context.api.get(&path).await {
            Ok(body) => Account::read(&body).ok_or_else(|| (unreadable(), None))?,
            Err(error) if error.code() == 404 => return Err((Trouble::AccountMissing(name), None)),
            Err(error) => return Err(trouble(&error)),
        };
        if account.deleting {
            return Err((Trouble::AccountMissing(name), None));
        }
        let entry = format!("{}{}", names::CONSENT_TO_SEALED, request.name);
        if account.allows(&entry) { Ok(()) } else { Err((Trouble::AccountRefuses { account: name, entry }, None)) }
    }

    async fn work_on_accounts(&self) {
        loop {
            let more = self.account_work.notified();
            let job = self.accounts().next(Instant::now());
            let Some(job) = job else {
                more.await;
                continue;
            };
            // Another worker may find more.
            self.account_work.notify_one();
            let done = self.change(&job).await;
            if let AccountDone::Failed { trouble, .. } = &done {
                let (namespace, name) = (&*job.name.0, &*job.name.1);
                tracing::debug!(namespace, name, category = trouble.category(), "cannot change a ServiceAccount");
            }
            let now = Instant::now();
            self.accounts().done(&job, done, (self.context.jitter)(), now);
            self.accounts_stirred();
            self.accounts_changed.notify_waiters();
            self.tell_of_accounts(now);
        }
    }

    /// Makes one account as it shall be.
    async fn change(&self, job: &AccountJob) -> AccountDone {
        let path = format!("{}/{}", service_accounts(Some(&job.name.0)), job.name.1);
        let add: BTreeSet<&str> = job.add.iter().map(AsRef::as_ref).collect();
        let keep = |secret: &str| job.keep.as_ref().is_none_or(|keep| keep.contains(secret));
        for _ in 0..TRIES {
            let mut account = match self.context.api.get(&path).await.map(|body| Account::read(&body)) {
                Ok(Some(account)) => account,
                Ok(None) => return failed((unreadable(), None)),
                Err(error) if error.code() == 404 => return AccountDone::Gone,
                Err(error) => return failed(trouble(&error)),
            };
            if account.deleting {
                return AccountDone::Gone;
            }
            let Some(change) = account.change(&add, keep) else {
                return AccountDone::Right { account, written: false };
            };
            self.context.metrics.account_written();
            let body = Zeroizing::new(change.patch.into_bytes());
            match self.context.api.patch(&path, PatchKind::Json, body).await.map(|body| Account::read(&body)) {
                Ok(now) => {
                    let (namespace, name) = (&*job.name.0, &*job.name.1);
                    tracing::debug!(namespace, name, "changed the imagePullSecrets of a ServiceAccount");
                    account.resource_version = now.map(|now| now.resource_version).unwrap_or_default();
                    (account.present, account.recorded) = (change.present, change.recorded);
                    return AccountDone::Right { account, written: true };
                }
                // It changed since it was read, or went, or is another one.
                Err(error) if matches!(error.code(), 404 | 409 | 422) => {}
                Err(error) => return failed(trouble(&error)),
            }
        }
        let text = "the ServiceAccount changed under our hands, again and again".to_owned();
        failed((Trouble::Api { category: "conflict", text, retry: Retry::Backoff }, None))
    }

    async fn keep_time_for_accounts(&self) {
        loop {
            let changed = self.account_deadline.notified();
            let deadline = self.accounts().deadline();
            match deadline {
                Some(deadline) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(deadline) => {
                        let now = Instant::now();
                        self.accounts().wake(now);
                        self.account_work.notify_one();
                        self.tell_of_accounts(now);
                    }
                },
                None => changed.await,
            }
        }
    }

    /// What was not honoured may be so when another policy is in force.
    async fn follow_policies(&self) {
        let mut guard = self.context.guard.clone();
        loop {
            guard.changed().await;
            let (waiting, of_tokens) = {
                let accounts = self.accounts();
                (accounts.unhonoured(), accounts.of_tokens())
            };
            let now = Instant::now();
            self.look_at(&waiting, now);
            self.state().try_again(&of_tokens, now);
            self.work.notify_one();
        }
    }

    /// Keeps with every object that asks for something under which policies it was seen.
    async fn note_policies(&self, policies: &'static [Policy]) {
        let (mut guard, mut before) = (self.context.guard.clone(), None);
        loop {
            let since = guard.settles(policies, before).await;
            before = Some(since);
            let others = self.accounts().seen_otherwise(policies, since);
            self.look_at(&others, Instant::now());
        }
    }

    async fn follow_cluster_claims(&self) {
        let mut claims = self.context.cluster_claims.clone();
        loop {
            let asked = claims.borrow_and_update().clone();
            if let Some(asked) = asked {
                let now = Instant::now();
                let known = self.context.settings.attaches && self.state().objects_are_known();
                let mut accounts = self.accounts();
                accounts.asked_by_cluster(asked, now);
                accounts.objects_are_known(known, now);
                drop(accounts);
                self.accounts_stirred();
                self.tell_of_accounts(now);
            }
            if claims.changed().await.is_err() {
                return;
            }
        }
    }

    /// An object's status says how it stands; meanwhile it may stand another way.
    pub(super) fn told_of_accounts(&self, id: &Id, request: &Request, attached: bool) {
        if request.asks.pull.is_some() {
            self.accounts().told(id, attached);
            self.tell_of_accounts(Instant::now());
        }
    }

    /// Statuses that do not say any more how it stands are written anew.
    fn tell_of_accounts(&self, now: Instant) {
        let (untold, hindrances) = {
            let mut accounts = self.accounts();
            if !accounts.take_stirred() {
                return;
            }
            (accounts.untold(), Arc::new(accounts.hindrances()))
        };
        self.look_at(&untold, now);
        send_if_other(&self.context.hindrances, hindrances);
    }

    fn look_at(&self, ids: &[Id], now: Instant) {
        if !ids.is_empty() {
            self.state().tell_again(ids, now);
            self.work.notify_one();
        }
    }
}

fn failed((trouble, after): Refused) -> AccountDone {
    let category = trouble.category();
    let passing = matches!(category, "unreachable" | "conflict" | "throttled" | "server");
    AccountDone::Failed { trouble, passing, after }
}
