//! One job: look, decide, take the step, look again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kseal_api::names;
use kseal_core::policy::Policy;
use kseal_core::reconcile::{Account, Retry, Trouble};
use kseal_core::tokens::{
    Obstacle, Publication, Record, SecretMetadata, Step, TokenObject, View, WholeSecret, body, decide, eligible, status,
};
use serde_json::value::RawValue;

use super::Tokens;
use super::state::{Done, Finished, Job, Settled};
use crate::api::{ApiError, PatchKind, RefusalHint};
use crate::collection::{secrets, service_accounts};
use crate::pages::{Page, page};
use crate::secrets::{TERMINATING, trouble, unreadable};

/// So many steps are taken at once. The longest way has five; more come of others who write at the same time.
const STEPS: u32 = 12;
/// That the server is not well, or that Kubernetes has not filled a Secret, is told only where it did not help to wait.
const PATIENCE: u32 = 3;
/// Of the Secrets with our label, so many come at once.
const PAGE: u16 = 500;

/// What looks at who asks.
pub(super) const POLICIES: &[Policy] = &[Policy::ServiceAccountTokens];

/// What stands in the way, and for how long the server asks us to wait.
type Refused = (Obstacle, Option<Duration>);

/// What is there.
struct Look {
    published: Option<WholeSecret>,
    others: Vec<SecretMetadata>,
    account: Option<Account>,
    sources: Vec<WholeSecret>,
}

/// How far a job has come.
#[derive(Default)]
struct Progress {
    /// What was seen last.
    settled: Option<Settled>,
    /// Who else wrote the published Secret.
    who: Option<String>,
    /// The steps that had their effect. Each has it once in a job: who undoes it at once is fighting.
    written: BTreeSet<&'static str>,
    /// What was published.
    record: Option<Box<Record>>,
}

/// What a job came to where nothing is in the way.
struct Right {
    record: Box<Record>,
    until: Option<i64>,
    /// Somebody undid it at once.
    fought: bool,
}

/// What a step came to.
enum Taken {
    /// Something was written, or has changed meanwhile.
    LookAgain { written: bool },
    /// There is no more to do now.
    Done(Right),
}

impl Tokens {
    pub(super) async fn reconcile(&self, job: &Job) -> Finished {
        let finished = |done| Finished { done, settled: None, written: false };
        let object = match self.read(job).await {
            Ok(Some(object)) => object,
            Ok(None) => return finished(Done::Left),
            Err(error) => {
                let (_, after) = trouble(&error);
                return finished(again(after));
            }
        };
        if object.uid != job.uid || object.deleting || object.paused {
            return finished(Done::Left);
        }
        let mut progress = Progress::default();
        let outcome = self.work_on(&object, &mut progress).await;
        let written = !progress.written.is_empty();
        let done = match outcome {
            Ok(Right { record, until, fought }) => {
                let answered = job.drifted && (written || job.written);
                let contested_by = (job.contested && answered).then(|| progress.who.as_deref().unwrap_or("someone"));
                let outcome = status::Outcome::Right { record: &record, contested_by };
                match self.tell(&object, &outcome, answered).await {
                    Ok(()) => Done::Right { until, expires: record.expires, fought },
                    Err(after) => again(after),
                }
            }
            Err((obstacle, after)) => self.tell_wrong(job, &object, &obstacle, after).await,
        };
        Finished { done, settled: progress.settled, written }
    }

    /// The object as it is now; none if it is gone.
    async fn read(&self, job: &Job) -> Result<Option<TokenObject>, ApiError> {
        let (namespace, name) = &job.name;
        let asked_at = (self.keeper.clock)();
        match self.keeper.api.get(&format!("{}/{name}", status::collection(Some(namespace)))).await {
            Ok(body) => Ok(TokenObject::read(&body).map(|object| {
                let settled = self.keeper.guard.to_note(POLICIES, &object.created, asked_at);
                object.read_under(settled)
            })),
            Err(error) if error.code() == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Step after step, until all is right or something stands in the way.
    async fn work_on(&self, object: &TokenObject, progress: &mut Progress) -> Result<Right, Refused> {
        for _ in 0..STEPS {
            let look = self.look(object).await?;
            let who = look.published.as_ref().and_then(|secret| secret.metadata.last_foreign_manager());
            progress.who = who.map(ToOwned::to_owned).or(progress.who.take());
            progress.settled = Some(look.settled(object));
            if let Taken::Done(right) = self.take(object, &look, progress).await? {
                return Ok(right);
            }
        }
        Err((under_our_hands(), None))
    }

    /// Whose token it is, and whether that consents, is read after what can be read before.
    async fn look(&self, object: &TokenObject) -> Result<Look, Refused> {
        let api = &self.keeper.api;
        let of_namespace = secrets(Some(&object.namespace));
        let path = |name: &str| format!("{of_namespace}/{name}");
        let others = self.labelled(object).await.map_err(refused)?;
        let published = match &object.spec {
            Some(_) => api.get_secret(&path(object.secret_name())).await.map_err(refused)?,
            // What is no spec names no Secret.
            None => None,
        };
        let account = self.account(object).await?;
        let mut sources = Vec::new();
        for secret in eligible(object, account.as_ref(), published.as_ref(), &others) {
            // What was listed and is not there has just gone, or is still to come back.
            let whole = api.get_secret(&path(&secret.name)).await.map_err(refused)?;
            sources.push(whole.ok_or_else(|| (under_our_hands(), None))?);
        }
        Ok(Look { published, others, account, sources })
    }

    /// The Secrets that have the object's label, but for the published one.
    async fn labelled(&self, object: &TokenObject) -> Result<Vec<SecretMetadata>, ApiError> {
        let selector = format!("{}={}", names::TOKEN_OF, object.uid);
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let path = page(&secrets(Some(&object.namespace)), PAGE, Some(("labelSelector", &selector)), &token);
            let body = self.keeper.api.list_metadata(&path).await?;
            let list: Page<&RawValue> = serde_json::from_slice(&body).map_err(|_| ApiError::Unreadable)?;
            let (items, next) = list.turn();
            let read = items.filter_map(|item| SecretMetadata::read(item.get().as_bytes()));
            found.extend(read.filter(|secret| secret.name != object.secret_name()));
            if next.is_empty() {
                return Ok(found);
            }
            token = next;
        }
    }

    /// The ServiceAccount; none if it is not there.
    async fn account(&self, object: &TokenObject) -> Result<Option<Account>, Refused> {
        let Some(spec) = &object.spec else { return Ok(None) };
        let path = format!("{}/{}", service_accounts(Some(&object.namespace)), spec.service_account_name);
        match self.keeper.api.get_metadata(&path).await {
            Ok(body) => Account::read(&body).map(Some).ok_or_else(|| (unreadable().into(), None)),
            Err(error) if error.code() == 404 => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }

    async fn take(&self, object: &TokenObject, look: &Look, progress: &mut Progress) -> Result<Taken, Refused> {
        let view = View {
            object,
            surroundings: &self.keeper.settings.surroundings,
            policy: self.keeper.guard.check(POLICIES, &object.created, object.changed_under()),
            account: look.account.as_ref(),
            published: look.published.as_ref(),
            others: &look.others,
            sources: &look.sources,
            now: self.now().wall,
            jitter: (self.keeper.jitter)(),
        };
        let step = decide(&view);
        let kind = kind(&step);
        if progress.written.contains(kind) {
            let record = progress.record.take().ok_or_else(|| (under_our_hands(), None))?;
            return Ok(Taken::Done(Right { record, until: None, fought: true }));
        }
        let taken = match step {
            Step::Stuck(obstacle) => Err((obstacle, None)),
            Step::Await(name) => Err((Obstacle::NotFilled(name.to_owned()), None)),
            Step::Rest { record, until } => Ok(Taken::Done(Right { record: Box::new(record), until, fought: false })),
            Step::CreateEmpty => self.create(object, body::empty(object)).await,
            Step::CreateTokenSecret => self.create(object, body::token_secret(object, &(self.keeper.suffix)())).await,
            Step::Request => self.request(&view, progress).await,
            Step::Publish(publication) => self.publish(&view, publication, progress).await,
            Step::Delete(secret) => {
                let path = format!("{}/{}", secrets(Some(&secret.namespace)), secret.name);
                self.keeper.metrics.secret_written("delete");
                let deleted = self.keeper.api.delete_unchanged(&path, &secret.uid, &secret.resource_version).await;
                let (namespace, name) = (&*object.namespace, &*secret.name);
                tracing::debug!(namespace, name, done = deleted.is_ok(), "deleting a Secret whose time is over");
                // What goes in its time is no answer to anybody.
                Self::taken(deleted).map(|_| Taken::LookAgain { written: false })
            }
        };
        if matches!(taken, Ok(Taken::LookAgain { written: true })) {
            progress.written.insert(kind);
        }
        taken
    }

    async fn create(&self, object: &TokenObject, body: zeroize::Zeroizing<Vec<u8>>) -> Result<Taken, Refused> {
        self.keeper.metrics.secret_written("create");
        match self.keeper.api.create(&secrets(Some(&object.namespace)), body).await {
            // There is no such namespace.
            Err(error) if error.code() == 404 => Err(refused(error)),
            other => Self::taken(other.map(drop)),
        }
    }

    async fn request(&self, view: &View<'_>, progress: &mut Progress) -> Result<Taken, Refused> {
        let (Some(account), Some(spec), Some(published)) = (view.account, &view.object.spec, view.published) else {
            return Ok(Taken::LookAgain { written: false });
        };
        let of_namespace = service_accounts(Some(&view.object.namespace));
        let path = format!("{of_namespace}/{}/token", spec.service_account_name);
        let request = body::token_request(view.object, &account.uid, published);
        match self.keeper.api.request_token(&path, request).await {
            Ok(issued) => match Publication::of_issued(view, &issued) {
                Some(publication) => self.publish(view, publication, progress).await,
                None => Ok(Taken::LookAgain { written: false }),
            },
            Err(error) => Self::taken(Err(error)),
        }
    }

    async fn publish(
        &self,
        view: &View<'_>,
        publication: Publication,
        progress: &mut Progress,
    ) -> Result<Taken, Refused> {
        let taken = match view.published {
            None => self.create(view.object, body::whole(view.object, &publication)).await,
            Some(published) => {
                let path = format!("{}/{}", secrets(Some(&view.object.namespace)), published.metadata.name);
                self.keeper.metrics.secret_written("patch");
                let body = body::patch(view.object, published, &publication);
                Self::taken(self.keeper.api.patch(&path, PatchKind::Json, body).await.map(drop))
            }
        };
        if matches!(taken, Ok(Taken::LookAgain { written: true })) {
            progress.record = Some(Box::new(publication.record));
            if !publication.is_new {
                return taken;
            }
            let (namespace, name) = (&*view.object.namespace, &*view.object.name);
            tracing::debug!(namespace, name, "published a token");
            self.keeper.metrics.token_renewed("published");
        }
        taken
    }

    /// What has changed, or is gone, or is there already, is looked at again.
    fn taken(answer: Result<(), ApiError>) -> Result<Taken, Refused> {
        match answer {
            Ok(()) => Ok(Taken::LookAgain { written: true }),
            Err(error) => {
                let hint = error.hint();
                let has_changed = matches!(error.code(), 404 | 409) || hint == Some(RefusalHint::PatchFailed);
                if has_changed && hint != Some(RefusalHint::NamespaceTerminating) {
                    return Ok(Taken::LookAgain { written: false });
                }
                Err(refused(error))
            }
        }
    }

    async fn tell_wrong(&self, job: &Job, object: &TokenObject, obstacle: &Obstacle, after: Option<Duration>) -> Done {
        let category = obstacle.category();
        if category == TERMINATING {
            return Done::Left;
        }
        self.keeper.metrics.token_renewed("failed");
        let for_filling = matches!(obstacle, Obstacle::NotFilled(_));
        let by_policy = matches!(obstacle, Obstacle::Trouble(Trouble::PolicyMissing(_) | Trouble::OlderThanPolicy(_)));
        let wrong = |after| Done::Wrong { retry: obstacle.retry(), after, by_policy, for_filling };
        let (namespace, name) = (&*object.namespace, &*object.name);
        let passing = for_filling || matches!(category, "unreachable" | "conflict" | "throttled" | "server");
        if passing && job.attempts < PATIENCE {
            tracing::debug!(namespace, name, category, "trying again");
            return wrong(after);
        }
        let reason = obstacle.reason();
        tracing::warn!(namespace, name, reason, why = obstacle.message(object), "the token is not as it should be");
        match self.tell(object, &status::Outcome::Wrong(obstacle), false).await {
            Ok(()) => wrong(after),
            Err(wait) => again(after.max(wait)),
        }
    }
}

/// Whether two steps are the same. What goes in its time, and what changes nothing, may come again.
fn kind(step: &Step<'_>) -> &'static str {
    match step {
        Step::CreateEmpty => "create",
        Step::Request => "request",
        Step::CreateTokenSecret => "create a token Secret",
        Step::Publish(Publication { is_new: true, .. }) => "publish",
        Step::Publish(_) => "repair",
        Step::Delete(_) | Step::Stuck(_) | Step::Await(_) | Step::Rest { .. } => "",
    }
}

fn under_our_hands() -> Obstacle {
    let text = "the Secrets changed under our hands, again and again".to_owned();
    Trouble::Api { category: "conflict", text, retry: Retry::Backoff }.into()
}

impl Look {
    fn settled(&self, object: &TokenObject) -> Settled {
        let published = self.published.iter().map(|secret| &secret.metadata);
        let ours = published.chain(&self.others).filter(|secret| secret.belongs_to(object));
        let version = |secret: &SecretMetadata| secret.resource_version.parse().unwrap_or(0);
        let secrets: BTreeMap<_, _> =
            ours.map(|secret| (secret.name.clone(), (secret.uid.clone(), version(secret)))).collect();
        Settled { secrets, account: self.account.as_ref().map(Account::consent) }
    }
}

fn again(after: Option<Duration>) -> Done {
    Done::Wrong { retry: Retry::Backoff, after, by_policy: false, for_filling: false }
}

#[expect(clippy::needless_pass_by_value, reason = "it takes the error's place")]
fn refused(error: ApiError) -> Refused {
    let (trouble, after) = trouble(&error);
    (trouble.into(), after)
}
