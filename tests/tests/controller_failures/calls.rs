//! Any call may fail before it happens, after, or in doubt, and it comes to the same end: a proxy between the controller
//! and the API server sees to that.
#![expect(clippy::unwrap_used, reason = "only a test that panicked poisons a lock")]

use std::{collections::HashSet, sync::Mutex, time::Duration};

use anyhow::{Context as _, Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Asked, Cluster, ControllerOptions, Options, Treatment, run},
    site::{Case, Site},
};
use serde_json::{Value, json};

use crate::{ITEMS, OTHERS, cases, each, states::State};

/// What a proxy does.
type Rule = Box<dyn Fn(&Asked) -> Treatment + Send + Sync>;

/// Retries of the Lease are not what is waited for here.
const QUICK: [&str; 1] = ["--retry-period=200ms"];

/// Of all writes but those of the Lease each fourth fails, each time in another way.
fn now_and_then() -> Rule {
    let count = Mutex::new(0_usize);
    let ways = [
        Treatment::DropBefore,
        Treatment::DropAfter,
        Treatment::refuse(500, "InternalError"),
        Treatment::refuse(409, "Conflict"),
        Treatment::refuse(503, "ServiceUnavailable"),
        too_many(),
    ];
    Box::new(move |asked| {
        if !asked.is_write() || asked.path.contains("/leases") {
            return Treatment::Pass;
        }
        let mut count = count.lock().unwrap();
        *count += 1;
        if count.is_multiple_of(4) { ways[*count / 4 % ways.len()].clone() } else { Treatment::Pass }
    })
}

fn too_many() -> Treatment {
    match Treatment::refuse(429, "TooManyRequests") {
        Treatment::Answer { code, body, .. } => Treatment::Answer { code, body, retry_after: Some(1) },
        other => other,
    }
}

/// Much of what can happen to an object, and what comes of it.
async fn life(case: &Case<'_>) -> Result<Value> {
    let named = |name: &str| case.named(name);
    let (plain, orphan, merged, foreign) = (named("plain"), named("orphan"), named("merged"), named("foreign"));
    let objects = &case.site.objects;
    let consent = if case.group == Group::Native { "kseal.dev/managed" } else { "sealedsecrets.bitnami.com/managed" };

    plain.apply(ITEMS).await?;
    let mut target = merged.foreign(&[("theirs", "1")]);
    let (mut orphaned, mut source) = (orphan.sealed(ITEMS)?, merged.sealed(ITEMS)?);
    if case.group == Group::Native {
        target["metadata"]["annotations"] = json!({consent: "true"});
        orphaned["spec"]["target"] = json!({"creationPolicy": "Orphan"});
        source["spec"]["target"] = json!({"creationPolicy": "Merge"});
    } else {
        target["metadata"]["annotations"] = json!({"sealedsecrets.bitnami.com/patch": "true"});
        orphaned["spec"]["template"] = json!({"metadata": {"annotations": {
            "sealedsecrets.bitnami.com/skip-set-owner-references": "true", consent: "true",
        }}});
    }
    objects.apply(&target).await?;
    objects.apply(&source).await?;
    objects.apply(&orphaned).await?;
    objects.apply(&foreign.foreign(OTHERS)).await?;
    foreign.apply(ITEMS).await?;
    plain.holds(ITEMS).await?;
    orphan.holds(ITEMS).await?;
    merged.holds(&[ITEMS[0], ITEMS[1], ("theirs", "1")]).await?;
    foreign.wrong("NotOwned").await?;

    plain.apply(OTHERS).await?;
    objects.delete(&orphan.secret_path()).await?;
    foreign.annotate_secret(consent, "true").await?;
    plain.holds(OTHERS).await?;
    orphan.holds(ITEMS).await?;
    foreign.holds(ITEMS).await?;

    let mut typed = plain.sealed(ITEMS)?;
    typed["spec"]["template"] = json!({"type": "example.com/other"});
    objects.apply(&typed).await?;
    plain.wrong("TypeDiffers").await?;
    Ok(State::read(case).await?.essence())
}

#[test]
fn any_call_may_fail_without_a_different_end() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let writes = |asked: &Asked| asked.is_write();
        let all = |_: &Asked| true;
        let rules: [(&str, Rule); 8] = [
            ("undisturbed", Box::new(|_| Treatment::Pass)),
            ("conflicts", Box::new(Treatment::refuse(409, "Conflict").at_first(writes))),
            ("dropped", Box::new(Treatment::DropBefore.at_first(all))),
            ("in doubt", Box::new(Treatment::DropAfter.at_first(all))),
            ("in doubt, writes", Box::new(Treatment::DropAfter.at_first(writes))),
            ("errors", Box::new(Treatment::refuse(500, "InternalError").at_first(all))),
            ("throttled", Box::new(too_many().at_first(all))),
            ("now and then", now_and_then()),
        ];
        let mut undisturbed = None;
        for (name, rule) in rules {
            let proxy = cluster.proxy(rule).await?;
            let options = ControllerOptions {
                arguments: QUICK.map(str::to_owned).to_vec(),
                server: Some(proxy.address()),
                environment: vec![("KSEAL_LOG_LEVEL".into(), "debug".into())],
                ..ControllerOptions::default()
            };
            let controller = site.start(options).await?;
            let cases = cases(&site).await?;
            let ends: Mutex<[Value; 2]> = Mutex::default();
            each(&cases, async |case| {
                let end = life(case).await?;
                ends.lock().unwrap()[usize::from(case.group == Group::Upstream)] = end;
                Ok(())
            })
            .await
            .with_context(|| format!("{name}: {}", controller.logs().unwrap_or_default()))?;
            let ends = ends.into_inner().unwrap();
            let expected = undisturbed.get_or_insert_with(|| ends.clone());
            ensure!(*expected == ends, "{name}: {expected:#?} became {ends:#?}");
            if name == "throttled" {
                is_patient(&proxy.asked(), &cases)?;
            }
            controller.stop().await.context(name)?;
        }
        Ok(())
    });
}

/// That nobody came again sooner than the server asked for.
fn is_patient(asked: &[Asked], cases: &[Case<'_>; 2]) -> Result<()> {
    // Events are not told twice: each is another one.
    let is_event = |asked: &Asked| asked.path.ends_with("/events");
    let is_theirs = |asked: &Asked| cases.iter().any(|case| asked.path.contains(&format!("/{}/", case.namespace)));
    let mut known = HashSet::new();
    let mut again = 0;
    for (at, one) in
        asked.iter().enumerate().filter(|(_, asked)| asked.is_write() && is_theirs(asked) && !is_event(asked))
    {
        let next = asked[at + 1..].iter().find(|other| other.subject() == one.subject());
        // What was to be created may be there by then.
        if let (true, Some(next)) = (known.insert(one.subject()), next) {
            let time = next.at.duration_since(one.at);
            ensure!(time >= Duration::from_secs(1), "{} came again after {time:?}", one.subject());
            again += 1;
        }
    }
    ensure!(again >= 8, "only {again} of {known:#?}");
    Ok(())
}
