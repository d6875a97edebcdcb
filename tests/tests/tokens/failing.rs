//! Any call may fail before, after or in doubt, without another end.

use std::{collections::HashSet, sync::Mutex};

use anyhow::{Context as _, Result, ensure};
use kseal_tests::{
    cluster::{Asked, Cluster, ControllerOptions, Options, Treatment, run, wait_until},
    site::SOON,
};
use serde_json::{Value, json};

use crate::place::{Place, SECRET, Token, options, site};

/// A rule: each request of a tenant's namespace is treated so when one like it comes for the first time. Names that were never
/// before are all alike.
fn at_first(treatment: Treatment) -> impl Fn(&Asked) -> Treatment + Send + Sync + 'static {
    let known: Mutex<HashSet<String>> = Mutex::default();
    move |asked| {
        let is_watch = asked.query.contains("watch=true");
        let path: Vec<&str> = asked.path.split("/ci-token-").collect();
        let is_first = asked.path.contains("/namespaces/team-")
            && !is_watch
            && !asked.path.ends_with("/events")
            && known.lock().is_ok_and(|mut known| {
                // A list is another request than the making of an object, and so is each kind of Secret.
                known.insert(format!("{} {} {}", asked.method, path[0], asked.body["type"]))
            });
        if is_first { treatment.clone() } else { Treatment::Pass }
    }
}

/// A life with all that comes in it, to its end.
async fn life(place: &Place<'_>, mode: &Value) -> Result<Value> {
    let bound = mode["mode"] == "Bound";
    place.ask(mode.clone()).await?;
    let first = place.holds().await?;
    place.age(1_001).await?;
    let second = place.follows(&first).await?;
    place.age(11).await?;
    let source = async || -> Result<Option<Token>> {
        let all = place.token_secrets().await?;
        ensure!(all.len() == usize::from(!bound), "{} token Secrets", all.len());
        let uid = |secret: &Value| secret["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        Ok(all.first().map(|secret| Token { text: String::new(), secret_uid: uid(secret) }))
    };
    wait_until("what is old is gone", SOON, source).await?;
    place.site.objects.delete(&place.path("secrets", SECRET)).await?;
    let third = wait_until("the Secret is back", SOON, || async {
        let token = place.token().await?;
        ensure!(token.secret_uid != second.secret_uid);
        Ok(token)
    })
    .await?;
    let last = place.holds().await?;
    ensure!(last.secret_uid == third.secret_uid);
    source().await?;
    let object = place.object().await?;
    Ok(json!({
        "same": last.text == second.text, "conditions": object["status"]["conditions"].as_array().map(Vec::len),
        "items": place.items().await?.into_keys().collect::<Vec<_>>(),
        "records": place.record().await?.as_object().map(|record| record.keys().cloned().collect::<Vec<_>>()),
    }))
}

#[test]
fn any_call_may_fail_without_another_end() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let treatments = [
            ("undisturbed", Treatment::Pass),
            ("refused", Treatment::refuse(500, "InternalError")),
            ("forbidden", Treatment::refuse(403, "Forbidden")),
            ("conflicts", Treatment::refuse(409, "Conflict")),
            ("dropped", Treatment::DropBefore),
            ("in doubt", Treatment::DropAfter),
        ];
        for mode in [
            json!({"mode": "Bound", "expirationSeconds": 600}),
            json!({"mode": "Secret", "rotation": {"periodSeconds": 1_000, "overlapSeconds": 10}}),
        ] {
            let mut undisturbed = None;
            for (name, treatment) in &treatments {
                let place = Place::new(&site).await?;
                let proxy = cluster.proxy(at_first(treatment.clone())).await?;
                let options = ControllerOptions { server: Some(proxy.address()), ..options(&[]) };
                let controller = site.start(options).await?;
                let end = life(&place, &mode)
                    .await
                    .with_context(|| format!("{name}: {}", controller.logs().unwrap_or_default()))?;
                let expected = undisturbed.get_or_insert_with(|| end.clone());
                ensure!(*expected == end, "{name}: {expected:#} became {end:#}");
                site.objects.delete(&place.object_path()).await?;
                controller.stop().await.context(*name)?;
            }
        }
        Ok(())
    });
}
