//! Any call for an account may fail before it happens, after, or in doubt, and it comes to the same end.

use anyhow::{Context as _, Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Asked, Cluster, ControllerOptions, Options, Treatment, run, wait_until},
    site::{SOON, Site, items},
};
use serde_json::{Value, json};

use crate::{CREDENTIALS, FOLDER, registry::Registry as _, token_secrets};

/// The election is another test.
fn concerns(asked: &Asked) -> bool {
    !asked.path.contains("/leases") && !asked.path.contains("/events")
}

/// Entries come and go, and a token Secret is made; and what that came to.
async fn life(site: &Site<'_>) -> Result<Value> {
    let case = site.case(Group::Native).await?;
    case.make_account("ci", &["theirs"]).await?;
    case.ask(&["*"]).await?;
    case.holds(CREDENTIALS).await?;
    case.account_has("ci", &["theirs", "db"], &["db"]).await?;
    case.account_has("default", &["db"], &["db"]).await?;
    case.make_account("later", &[]).await?;
    case.account_has("later", &["db"], &["db"]).await?;
    case.ask(&["ci"]).await?;
    case.account_has("default", &[], &[]).await?;

    let token = case.named("token");
    token_secrets::consent(&case, json!("sealedsecrets/token")).await?;
    site.objects.apply(&token_secrets::token(&token, &[("url", "x")])?).await?;
    let held = token_secrets::filled(&token).await?;
    site.objects.delete(&case.path()).await?;
    case.account_has("ci", &["theirs"], &[]).await?;
    case.gone().await?;
    let names: Vec<&String> = held.keys().collect();
    wait_until("the token stays", SOON, || async {
        ensure!(items(&token.is_right().await?)?["token"] == held["token"]);
        Ok(())
    })
    .await?;
    Ok(json!({"names": names}))
}

#[test]
fn any_call_may_fail_without_a_different_end() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let treatments = [
            ("undisturbed", Treatment::Pass),
            ("refused", Treatment::refuse(500, "InternalError")),
            ("conflicts", Treatment::refuse(409, "Conflict")),
            ("dropped", Treatment::DropBefore),
            ("in doubt", Treatment::DropAfter),
        ];
        let mut undisturbed = None;
        for (name, treatment) in treatments {
            let proxy = cluster.proxy(treatment.at_first(concerns)).await?;
            let options = ControllerOptions {
                server: Some(proxy.address()),
                environment: vec![("KSEAL_LOG_LEVEL".into(), "debug".into())],
                arguments: vec!["--retry-period=200ms".to_owned(), "--policies=elsewhere".to_owned()],
                ..ControllerOptions::default()
            };
            let controller = site.start(options).await?;
            let end =
                life(&site).await.with_context(|| format!("{name}: {}", controller.logs().unwrap_or_default()))?;
            let expected = undisturbed.get_or_insert_with(|| end.clone());
            ensure!(*expected == end, "{name}: {expected:#} became {end:#}");
            controller.stop().await.context(name)?;
        }
        Ok(())
    });
}
