//! Any call of a rotation, of a re-wrapping and of what is told of them may fail before it happens, after, or in doubt, and it
//! comes to the same end.

use anyhow::{Context as _, Result, ensure};
use kseal_api::{Scope, names};
use kseal_core::{policy::Policy, reconcile::Group};
use kseal_tests::{
    cluster::{Asked, Cluster, ControllerOptions, Options, Treatment, run, wait_until},
    site::{SOON, Site, sealed_for},
};
use serde_json::{Value, json};

use crate::{FOLDER, ITEMS};

/// What of the controller's requests this is about: not the election, and not what `controller_failures` tries.
fn concerns(asked: &Asked) -> bool {
    !asked.path.contains("/leases") && !asked.path.contains("/events")
}

/// A rotation, a request, and an object that follows; and what it came to, without what is different every time.
async fn life(site: &Site<'_>, round: usize) -> Result<Value> {
    let case = site.case(Group::Native).await?;
    let first = site.first_key().await?;
    let object = sealed_for(&[&first], Scope::Strict, (&case.namespace, &case.name), ITEMS)?;
    site.objects.apply(&object).await?;
    case.holds(ITEMS).await?;
    let keys = site.published().await?.keys.len();
    let second = site.rotate().await?;
    let asked = json!({
        "apiVersion": names::API_VERSION, "kind": names::REWRAP_REQUEST,
        "metadata": {"namespace": case.namespace, "name": "asked"},
        "spec": {"objects": [{"scope": "Strict", "name": case.name, "dataKeys": object["spec"]["dataKeys"]}]},
    });
    site.objects.create(&asked).await?;
    let path = format!("/apis/{}/namespaces/{}/rewraprequests/asked", names::API_VERSION, case.namespace);
    let answer = wait_until("the request is answered", SOON, || async {
        let found = site.objects.get(&path).await?;
        ensure!(found["status"]["conditions"][0]["status"] == "True", "{}", found["status"]);
        Ok(found["status"]["objects"].clone())
    })
    .await?;
    wait_until("the object follows", SOON, || async {
        let now = case.object().await?;
        let keys = &now["status"]["observed"]["keys"];
        ensure!(*keys == json!([second.fingerprint().to_string()]), "{keys}");
        Ok(())
    })
    .await?;
    let usage = wait_until("the usage is told", SOON, || async {
        let usage = site.usage().await?;
        let used = usage.keys.get(&second.fingerprint().to_string()).context("the new key")?.clone();
        ensure!(used.objects == 1, "{used:?}");
        Ok(used)
    })
    .await?;
    site.objects.delete(&path).await?;
    let published = site.published().await?;
    let failures = answer[0]["failures"].clone();
    let wraps = answer[0]["dataKeys"].as_object().map_or(0, serde_json::Map::len);
    // Leave nothing behind that the next round would count.
    site.objects.delete(&case.path()).await?;
    case.gone().await?;
    ensure!(usage.first == [format!("{}/{}", case.namespace, case.name)]);
    ensure!(published.keys.len() == keys + 1, "round {round}: {} keys after {keys}", published.keys.len());
    Ok(json!({
        "sealing": published.sealing_key().map(|key| key.public.fingerprint() == second.fingerprint()),
        "newKeys": published.keys.len() - keys, "wraps": wraps, "failures": failures, "state": usage.state,
    }))
}

#[test]
fn any_call_may_fail_without_a_different_end() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, FOLDER).await?;
        site.until_old_enough(Policy::RewrapRequests).await?;
        let treatments = [
            ("undisturbed", Treatment::Pass),
            ("refused", Treatment::refuse(500, "InternalError")),
            ("conflicts", Treatment::refuse(409, "Conflict")),
            ("dropped", Treatment::DropBefore),
            ("in doubt", Treatment::DropAfter),
        ];
        let mut undisturbed = None;
        for (round, (name, treatment)) in treatments.into_iter().enumerate() {
            let proxy = cluster.proxy(treatment.at_first(concerns)).await?;
            let options = ControllerOptions {
                server: Some(proxy.address()),
                environment: vec![("KSEAL_LOG_LEVEL".into(), "debug".into())],
                arguments: vec!["--retry-period=200ms".to_owned(), "--rewrap-objects-after=0s".to_owned()],
                ..ControllerOptions::default()
            };
            let controller = site.start(options).await?;
            let end = life(&site, round)
                .await
                .with_context(|| format!("{name}: {}", controller.logs().unwrap_or_default()))?;
            let expected = undisturbed.get_or_insert_with(|| end.clone());
            ensure!(*expected == end, "{name}: {expected:#} became {end:#}");
            controller.stop().await.context(name)?;
        }
        Ok(())
    });
}
