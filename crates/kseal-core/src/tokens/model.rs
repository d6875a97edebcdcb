//! A cluster in memory, in which a controller takes step after step while calls fail, clocks jump, and others delete and change
//! what they like.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kseal_api::names;
use serde_json::{Value, json};

use super::{
    Issued, Publication, SecretMetadata, Step, Surroundings, TokenObject, View, WholeSecret, body, decide, eligible,
    rfc3339,
};
use crate::reconcile::Account;

pub(super) const START: i64 = 1_795_323_600;
pub(super) const PUBLISHED: &str = "ci";

/// What becomes of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    None,
    /// It has no effect.
    Before,
    /// It has its effect, and nobody hears of it.
    InDoubt,
}

/// When a token is good.
#[derive(Clone, Debug)]
struct Good {
    account: String,
    secret: String,
    until: Option<i64>,
}

pub(super) struct World {
    /// The true time, which is the API server's, too.
    pub(super) time: i64,
    /// How far the controller's clock is from it.
    pub(super) skew: i64,
    /// By how much that has jumped forward, in all.
    pub(super) jumped: i64,
    pub(super) spec: Value,
    pub(super) generation: i64,
    pub(super) account: Option<Value>,
    pub(super) secrets: BTreeMap<String, Value>,
    tokens: BTreeMap<String, Good>,
    /// Tokens that were published and are so no longer, and when they were followed by others.
    superseded: BTreeMap<String, i64>,
    /// The most that the API server gives.
    pub(super) cap: i64,
    pub(super) requests: usize,
    pub(super) writes: usize,
    /// Others did something since the look on which a write rests, or filled a token Secret themselves: then what is published
    /// may be what they made of it.
    pub(super) disturbed: bool,
    /// When the look was taken on which a write rests.
    looked: i64,
    count: u64,
}

/// What a controller saw.
pub(super) struct Look {
    object: TokenObject,
    account: Option<Account>,
    published: Option<WholeSecret>,
    others: Vec<SecretMetadata>,
    sources: Vec<WholeSecret>,
    now: i64,
    /// The true time.
    at: i64,
}

/// What a look came to.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    Acted,
    Stuck(&'static str),
    Waits,
    Rests(Option<i64>),
}

impl World {
    pub(super) fn new(spec: Value) -> Self {
        let mut world = Self {
            time: START,
            skew: 0,
            jumped: 0,
            spec,
            generation: 1,
            account: None,
            secrets: BTreeMap::new(),
            tokens: BTreeMap::new(),
            superseded: BTreeMap::new(),
            cap: i64::MAX,
            requests: 0,
            writes: 0,
            disturbed: false,
            looked: START,
            count: 0,
        };
        world.add_account();
        world
    }

    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Another one, under the same name.
    pub(super) fn add_account(&mut self) {
        let uid = format!("account-{}", self.next());
        let annotations = json!({names::ALLOW_TOKEN_FOR: "other, ci"});
        let metadata = json!({"name": "bot", "uid": uid, "resourceVersion": "1", "annotations": annotations});
        self.account = Some(json!({ "metadata": metadata }));
    }

    fn account_uid(&self) -> Option<&str> {
        self.account.as_ref()?["metadata"]["uid"].as_str()
    }

    pub(super) fn object(&self) -> TokenObject {
        let metadata = json!({
            "namespace": "prod", "name": "ci", "uid": "object", "resourceVersion": "1", "generation": self.generation,
        });
        TokenObject::read(json!({"metadata": metadata, "spec": self.spec}).to_string().as_bytes()).unwrap()
    }

    pub(super) fn look(&self) -> Look {
        let read = |secret: &Value| WholeSecret::read(secret.to_string().as_bytes()).unwrap();
        let object = self.object();
        let account = self.account.as_ref().map(|account| Account::read(account.to_string().as_bytes()).unwrap());
        let published = self.secrets.get(PUBLISHED).map(read);
        let labelled = self
            .secrets
            .iter()
            .filter(|(name, secret)| *name != PUBLISHED && secret["metadata"]["labels"][names::TOKEN_OF] == "object");
        let others: Vec<_> = labelled.map(|(_, secret)| read(secret).metadata).collect();
        let found = eligible(&object, account.as_ref(), published.as_ref(), &others);
        let sources = found.into_iter().map(|secret| read(&self.secrets[&secret.name])).collect();
        Look { object, account, published, others, sources, now: self.time + self.skew, at: self.time }
    }

    /// Does what a controller decides by what it saw.
    pub(super) fn act(&mut self, look: &Look, failures: &mut impl FnMut() -> Failure) -> End {
        self.looked = look.at;
        let surroundings = Surroundings { own_namespace: "kseal-system".into(), ..Surroundings::default() };
        let view = View {
            object: &look.object,
            surroundings: &surroundings,
            policy: Ok(()),
            account: look.account.as_ref(),
            published: look.published.as_ref(),
            others: &look.others,
            sources: &look.sources,
            now: look.now,
            jitter: 0.5,
        };
        match decide(&view) {
            Step::Stuck(obstacle) => return End::Stuck(obstacle.reason()),
            Step::Await(_) => return End::Waits,
            Step::Rest { until, .. } => return End::Rests(until),
            Step::CreateEmpty => drop(self.create(&body::empty(&look.object), failures())),
            Step::CreateTokenSecret => {
                let suffix = self.next().to_string();
                self.create(&body::token_secret(&look.object, &suffix), failures());
            }
            Step::Publish(publication) => self.publish(look, &publication, failures()),
            Step::Delete(secret) => self.delete(&secret.name, &secret.uid, &secret.resource_version, failures()),
            Step::Request => {
                let (published, account) = (look.published.as_ref().unwrap(), look.account.as_ref().unwrap());
                let request = body::token_request(&look.object, &account.uid, published);
                let failure = failures();
                let Some(answer) = self.request(&request, failure) else { return End::Acted };
                let issued = Issued::read(answer.to_string().as_bytes()).unwrap();
                let publication = Publication::of_issued(&view, &issued).unwrap();
                self.publish(look, &publication, failures());
            }
        }
        End::Acted
    }

    fn create(&mut self, body: &[u8], failure: Failure) -> bool {
        let mut secret: Value = serde_json::from_slice(body).unwrap();
        let name = secret["metadata"]["name"].as_str().unwrap().to_owned();
        if failure == Failure::Before || self.secrets.contains_key(&name) {
            return false;
        }
        secret["metadata"]["uid"] = json!(format!("secret-{}", self.next()));
        secret["metadata"]["resourceVersion"] = json!(self.next().to_string());
        secret["metadata"]["creationTimestamp"] = json!(rfc3339(self.time));
        self.write(|world| drop(world.secrets.insert(name, secret)));
        failure == Failure::None
    }

    fn publish(&mut self, look: &Look, publication: &Publication, failure: Failure) {
        let Some(published) = &look.published else {
            self.create(&body::whole(&look.object, publication), failure);
            return;
        };
        let patch: json_patch::Patch =
            serde_json::from_slice(&body::patch(&look.object, published, publication)).unwrap();
        let Some(mut secret) = self.secrets.get(PUBLISHED).cloned().filter(|_| failure != Failure::Before) else {
            return;
        };
        let version = secret["metadata"]["resourceVersion"].clone();
        if json_patch::patch(&mut secret, &patch).is_err() || secret["metadata"]["resourceVersion"] != version {
            return;
        }
        secret["metadata"]["resourceVersion"] = json!(self.next().to_string());
        self.write(|world| drop(world.secrets.insert(PUBLISHED.to_owned(), secret)));
    }

    fn delete(&mut self, name: &str, uid: &str, version: &str, failure: Failure) {
        let is_it = self
            .secrets
            .get(name)
            .is_some_and(|secret| secret["metadata"]["uid"] == uid && secret["metadata"]["resourceVersion"] == version);
        if failure != Failure::Before && is_it {
            self.write(|world| drop(world.secrets.remove(name)));
        }
    }

    fn request(&mut self, body: &[u8], failure: Failure) -> Option<Value> {
        let request: Value = serde_json::from_slice(body).unwrap();
        let reference = &request["spec"]["boundObjectRef"];
        let secret = self.secrets.get(reference["name"].as_str().unwrap())?;
        let account = self.account_uid()?.to_owned();
        if failure == Failure::Before
            || secret["metadata"]["uid"] != reference["uid"]
            || request["metadata"]["uid"] != account
        {
            return None;
        }
        let life = request["spec"]["expirationSeconds"].as_i64().unwrap().min(self.cap);
        let token = format!("bound-{}", self.next());
        let secret = reference["uid"].as_str().unwrap().to_owned();
        self.tokens.insert(token.clone(), Good { account, secret, until: Some(self.time + life) });
        self.requests += 1;
        let answer = json!({
            "metadata": {"creationTimestamp": rfc3339(self.time)},
            "status": {"token": token, "expirationTimestamp": rfc3339(self.time + life)},
        });
        (failure == Failure::None).then_some(answer)
    }

    /// One write of ours: it must not take a good token away.
    fn write(&mut self, write: impl FnOnce(&mut Self)) {
        self.writes += 1;
        let before = self.published().filter(|token| self.is_good(token));
        let good: Vec<String> = self.superseded.keys().filter(|token| self.is_good(token)).cloned().collect();
        write(self);
        let after = self.published();
        if let Some(before) = before {
            let after = after.expect("the token is published no more");
            assert!(self.disturbed || self.is_good(&after), "{before} was good, and {after} is not");
            if after != before {
                // Whoever publishes late counts from when he looked.
                self.superseded.insert(before, self.looked);
            }
        }
        for token in good.iter().filter(|token| !self.is_good(token)) {
            let apart = self.time - self.superseded[token] + self.jumped;
            assert!(apart >= self.overlap(), "{token} was good for only {apart} s more");
        }
    }

    pub(super) fn overlap(&self) -> i64 {
        self.spec["rotation"]["overlapSeconds"].as_i64().unwrap_or(3_600)
    }

    /// What the published Secret says that the token is.
    pub(super) fn published(&self) -> Option<String> {
        token(self.secrets.get(PUBLISHED)?)
    }

    pub(super) fn is_good(&self, token: &str) -> bool {
        self.tokens.get(token).is_some_and(|good| {
            let is_there = |secret: &Value| secret["metadata"]["uid"] == good.secret;
            let is_its_own = |secret: &Value| good.until.is_some() || self::token(secret).as_deref() == Some(token);
            self.account_uid() == Some(&good.account)
                && good.until.is_none_or(|until| self.time < until)
                && self.secrets.values().any(|secret| is_there(secret) && is_its_own(secret))
        })
    }

    /// Kubernetes' own controller of token Secrets.
    pub(super) fn fill(&mut self) {
        let account = self.account_uid().map(ToOwned::to_owned);
        let mut version = self.count;
        let mut made = Vec::new();
        self.secrets.retain(|_, secret| {
            let annotations = &secret["metadata"]["annotations"];
            if secret["type"] != names::SERVICE_ACCOUNT_TOKEN_TYPE {
                return true;
            }
            let uid = annotations[names::SERVICE_ACCOUNT_UID].as_str();
            let Some(account) = account.as_deref().filter(|account| uid.is_none_or(|uid| uid == *account)) else {
                return false;
            };
            if token(secret).is_none() {
                version += 1;
                let name = secret["metadata"]["name"].as_str().unwrap();
                // The same name and account make the same token.
                let token = format!("legacy-{name}-{account}");
                secret["data"] = json!({"token": STANDARD.encode(&token), "ca.crt": STANDARD.encode("CA")});
                secret["metadata"]["annotations"][names::SERVICE_ACCOUNT_UID] = json!(account);
                secret["metadata"]["resourceVersion"] = json!(version.to_string());
                let secret = secret["metadata"]["uid"].as_str().unwrap().to_owned();
                made.push((token, Good { account: account.to_owned(), secret, until: None }));
            }
            true
        });
        self.count = version;
        self.tokens.extend(made);
    }

    /// Goes on without failures until nothing is left to do.
    pub(super) fn settle(&mut self) -> End {
        for _ in 0..100 {
            self.fill();
            let look = self.look();
            match self.act(&look, &mut || Failure::None) {
                End::Acted | End::Waits => {}
                end => return end,
            }
        }
        panic!("it never settles: {:#?}", self.secrets);
    }

    /// Another version of a Secret that is there, as somebody else writes it.
    pub(super) fn change(&mut self, name: &str, change: impl FnOnce(&mut Value)) {
        let version = self.next().to_string();
        if let Some(secret) = self.secrets.get_mut(name) {
            change(secret);
            secret["metadata"]["resourceVersion"] = json!(version);
        }
    }

    pub(super) fn jump(&mut self, seconds: i64) {
        self.skew += seconds;
        self.jumped += seconds.max(0);
    }
}

fn token(secret: &Value) -> Option<String> {
    let text = STANDARD.decode(secret["data"]["token"].as_str()?).unwrap();
    Some(String::from_utf8(text).unwrap()).filter(|token| !token.is_empty())
}
