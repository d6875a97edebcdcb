//! Others who write the same list, each in another way that replaces it whole.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{AuditEvent, Cluster, Options, run, wait_until},
    site::{Case, Site},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{FOLDER, launch, registry::Registry as _};

/// How long they go on.
const FIGHT: Duration = Duration::from_mins(1);
/// One answer in so long.
const ANSWER: Duration = Duration::from_secs(30);
/// What an answer itself may take on a busy machine.
const SLACK: Duration = Duration::from_secs(15);

/// Who writes, and how.
#[derive(Clone, Copy)]
enum Writer {
    Update,
    StrategicMerge,
    Apply,
}

impl Writer {
    const ALL: [Self; 3] = [Self::Update, Self::StrategicMerge, Self::Apply];

    fn name(self) -> &'static str {
        match self {
            Self::Update => "updater",
            Self::StrategicMerge => "merger",
            Self::Apply => "applier",
        }
    }

    /// Writes the list as he will have it: each his own entry, and those of the others as they stand, but never ours.
    async fn write(self, case: &Case<'_>) -> Result<()> {
        let at = case.account_path("default");
        let mut account = case.site.objects.get(&at).await?;
        let mut names = case.entries("default").await?;
        names.retain(|name| name != "db" && name != self.name());
        names.push(self.name().to_owned());
        let entries: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        match self {
            Self::Update => {
                account["imagePullSecrets"] = json!(entries);
                account["apiVersion"] = json!("v1");
                account["kind"] = json!("ServiceAccount");
                case.site.objects.replace(&account).await.map(drop)
            }
            Self::StrategicMerge => {
                let patch = json!({"imagePullSecrets": entries}).to_string();
                let arguments =
                    ["-n", &case.namespace, "patch", "serviceaccount", "default", "--type=strategic", "-p", &patch];
                case.site.cluster.kubectl(arguments).run().await.map(drop)
            }
            Self::Apply => {
                let metadata = json!({"namespace": case.namespace, "name": "default"});
                let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "imagePullSecrets": entries});
                case.site.objects.apply(&object).await.map(drop)
            }
        }
    }
}

fn time(event: &AuditEvent) -> Result<MicroTime> {
    Ok(serde_json::from_value(json!(event.received))?)
}

fn between(one: &AuditEvent, other: &AuditEvent) -> Result<Duration> {
    Ok(time(other)?.0.duration_since(time(one)?.0).try_into()?)
}

#[test]
fn three_who_replace_the_list_get_one_answer_in_half_a_minute_and_lose_nothing_by_it() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let _controller = launch(&site).await?;
        let case = site.case(Group::Native).await?;
        case.ask(&["default"]).await?;
        case.right().await?;
        case.account_has("default", &["db"], &["db"]).await?;

        let fight = |writer: Writer| {
            let case = &case;
            async move {
                let mut writes = 0;
                let end = Instant::now() + FIGHT;
                while Instant::now() < end {
                    // The one who was slower tries again.
                    writes += usize::from(writer.write(case).await.is_ok());
                }
                writes
            }
        };
        let [one, two, three] = Writer::ALL.map(fight);
        let (one, two, three) = tokio::join!(one, two, three);
        ensure!([one, two, three].iter().all(|writes| *writes > 3), "{one}, {two} and {three} writes");
        let theirs: Vec<String> = case.entries("default").await?.into_iter().filter(|name| name != "db").collect();
        wait_until("our entry is there", ANSWER + SLACK, || async {
            let entries = case.entries("default").await?;
            ensure!(entries.iter().any(|name| name == "db"), "{entries:?}");
            ensure!(theirs.iter().all(|name| entries.contains(name)), "{entries:?} of {theirs:?}");
            Ok(())
        })
        .await?;
        let message = case.wrong("Contested").await?;
        ensure!(message.contains("ServiceAccount default"), "{message}");

        let user = site.installation.user()?;
        let mut events = cluster.audit().await?;
        events.retain(|event| event.resource == "serviceaccounts" && event.namespace == case.namespace);
        events.retain(|event| event.code == 200 && ["patch", "update"].contains(&event.verb.as_str()));
        let (ours, theirs): (Vec<_>, Vec<_>) = events.into_iter().partition(|event| event.user == user);
        // The first one put it there, and the second one put it back at once.
        for pair in ours[1..].windows(2) {
            let time = between(&pair[0], &pair[1])?;
            ensure!(time + Duration::from_millis(500) > ANSWER, "{time:?} after the one before");
        }
        let last_word = theirs.last().context("nobody fought")?;
        let answer = ours.last().context("nobody answered")?;
        if time(answer)? > time(last_word)? {
            let time = between(last_word, answer)?;
            ensure!(time < ANSWER + SLACK, "{time:?} after the last word");
        }
        Ok(())
    });
}
