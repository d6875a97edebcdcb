//! Sees what happens to the objects of a bench as anyone sees it: by watches of metadata.

use std::{collections::HashSet, time::Duration};

use anyhow::{Context as _, Result, bail};
use kseal_tests::bare::{self, Part};
use kube::Client;
use serde::Deserialize;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinSet,
    time::{Instant, timeout},
};

use super::field::PREFIX;

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_mins(3);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A Secret was made.
    Secret,
    /// A sealed object changed after it was made. Nobody changes their specs, so it is the status.
    Status,
}

/// One event, at the moment when it came in.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) what: What,
    /// `namespace/name`.
    pub(super) place: String,
    pub(super) at: Instant,
}

pub(super) struct Witness {
    events: UnboundedReceiver<Result<Seen>>,
    _tasks: JoinSet<()>,
}

/// From the first Secret to the last status.
pub(super) struct Span {
    pub(super) first_secret: Instant,
    pub(super) last_status: Instant,
    /// All writes of statuses.
    pub(super) statuses: usize,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    type_: String,
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    resource_version: String,
}

impl Witness {
    /// Begins with what comes next.
    pub(super) async fn of(client: &Client, api_version: &str) -> Result<Self> {
        let (sender, events) = unbounded_channel();
        let mut tasks = JoinSet::new();
        let sealed = format!("/apis/{api_version}/sealedsecrets");
        for (collection, type_, what) in
            [("/api/v1/secrets", "ADDED", What::Secret), (&sealed, "MODIFIED", What::Status)]
        {
            let list = bare::read(client, &format!("{collection}?limit=1"), Part::Whole).await?;
            let list: Object = serde_json::from_slice(&list)?;
            let (client, collection, sender) = (client.clone(), collection.to_owned(), sender.clone());
            tasks.spawn(async move {
                let from = Some(list.metadata.resource_version);
                let sink = |line: &[u8]| tell(&sender, line, type_, what);
                let Err(error) = bare::watch(&client, &collection, Part::Metadata, from, sink).await;
                // Nobody listens any more where the witness is dropped.
                let _ = sender.send(Err(error.context(format!("the watch of {collection}"))));
            });
        }
        Ok(Self { events, _tasks: tasks })
    }

    /// The next event.
    pub(super) async fn next(&mut self) -> Result<Seen> {
        let next = timeout(PATIENCE, self.events.recv()).await.context("nothing happens any more")?;
        next.context("the watches have ended")?
    }

    /// Forgets what has come in.
    pub(super) fn forget(&mut self) {
        while self.events.try_recv().is_ok() {}
    }

    /// Waits until so many objects have their Secret and their status.
    pub(super) async fn until_told(&mut self, count: usize) -> Result<Span> {
        let (mut made, mut told, mut statuses) = (HashSet::new(), HashSet::new(), 0);
        let mut first_secret = None;
        loop {
            let Seen { what, place, at } = self.next().await.with_context(|| {
                format!("{} of {count} Secrets and {} statuses were written", made.len(), told.len())
            })?;
            match what {
                What::Secret => {
                    first_secret.get_or_insert(at);
                    if !made.insert(place) {
                        bail!("a Secret was made twice");
                    }
                }
                What::Status => {
                    statuses += 1;
                    told.insert(place);
                }
            }
            if let Some(first_secret) = first_secret.filter(|_| made.len() == count && told.len() == count) {
                return Ok(Span { first_secret, last_status: at, statuses });
            }
        }
    }
}

fn tell(sender: &UnboundedSender<Result<Seen>>, line: &[u8], wanted: &str, what: What) -> Result<String> {
    let at = Instant::now();
    let Line { type_, object: Object { metadata } } = serde_json::from_slice(line)?;
    if type_ == "ERROR" {
        bail!("the server says: {}", String::from_utf8_lossy(line));
    }
    if type_ == wanted && metadata.namespace.starts_with(PREFIX) {
        let place = format!("{}/{}", metadata.namespace, metadata.name);
        sender.send(Ok(Seen { what, place, at }))?;
    }
    Ok(metadata.resource_version)
}
