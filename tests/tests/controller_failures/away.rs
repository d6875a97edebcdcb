//! The controller is away while its objects change, and comes back.

use anyhow::{Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run},
    site::{Case, Site},
};
use serde_json::{Value, json};

use crate::{
    ITEMS, OTHERS, cases, each,
    states::{State, come_by, writes},
};

/// The object of a name, with further fields in its spec.
async fn apply(case: &Case<'_>, spec: &Value) -> Result<()> {
    let mut object = case.sealed(ITEMS)?;
    for (field, value) in spec.as_object().into_iter().flatten() {
        object["spec"][field] = value.clone();
    }
    case.site.objects.apply(&object).await?;
    Ok(())
}

#[test]
fn what_happened_while_it_was_away_is_done_when_it_comes_back() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let names = ["changed", "typed", "deleted", "edited", "going", "again", "foreign", "consenting", "paused"];
        let controller = site.start(ControllerOptions::default()).await?;
        let cases = cases(&site).await?;
        each(&cases, async |case| {
            for name in ["foreign", "consenting"] {
                site.objects.apply(&case.named(name).foreign(OTHERS)).await?;
            }
            for name in names {
                case.named(name).apply(ITEMS).await?;
            }
            for name in names {
                match name {
                    "foreign" | "consenting" => drop(case.named(name).wrong("NotOwned").await?),
                    _ => drop(case.named(name).holds(ITEMS).await?),
                }
            }
            Ok(())
        })
        .await?;
        controller.stop().await?;

        for case in &cases {
            let of = |name: &str| case.named(name);
            of("changed").apply(OTHERS).await?;
            apply(&of("typed"), &json!({"template": {"type": "example.com/other"}})).await?;
            site.objects.delete(&of("deleted").secret_path()).await?;
            site.objects.merge(&of("edited").secret_path(), &json!({"data": {"user": "eA=="}})).await?;
            site.objects.delete(&of("going").path()).await?;
            site.objects.delete(&of("again").path()).await?;
            site.objects.create(&of("again").sealed(OTHERS)?).await?;
            site.objects.delete(&of("foreign").secret_path()).await?;
            let consent =
                if case.group == Group::Native { "kseal.dev/managed" } else { "sealedsecrets.bitnami.com/managed" };
            of("consenting").annotate_secret(consent, "true").await?;
            of("paused").annotate("kseal.dev/paused", "true").await?;
            of("paused").apply(OTHERS).await?;
            of("new").apply(ITEMS).await?;
        }

        let _controller = site.start(ControllerOptions::default()).await?;
        for case in &cases {
            let of = |name: &str| case.named(name);
            of("changed").holds(OTHERS).await?;
            of("again").holds(OTHERS).await?;
            for name in ["deleted", "edited", "foreign", "consenting", "new"] {
                of(name).holds(ITEMS).await?;
            }
            of("typed").wrong("TypeDiffers").await?;
            of("going").gone().await?;
            case.ensure_items(&of("paused").secret().await?, ITEMS)?;
        }
        Ok(())
    });
}

#[test]
fn a_restart_costs_nothing() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let controller = site.start(ControllerOptions::default()).await?;
        let cases = cases(&site).await?;
        each(&cases, async |case| {
            case.named("plain").apply(ITEMS).await?;
            case.named("plain").holds(ITEMS).await?;
            let merged = case.named("merged");
            let mut target = merged.foreign(&[("theirs", "1")]);
            if case.group == Group::Native {
                apply(&case.named("orphan"), &json!({"target": {"creationPolicy": "Orphan"}})).await?;
                target["metadata"]["annotations"] = json!({"kseal.dev/managed": "true"});
                site.objects.apply(&target).await?;
                apply(&merged, &json!({"target": {"creationPolicy": "Merge"}})).await?;
            } else {
                let annotations = json!({
                    "sealedsecrets.bitnami.com/skip-set-owner-references": "true",
                    "sealedsecrets.bitnami.com/managed": "true",
                });
                apply(&case.named("orphan"), &json!({"template": {"metadata": {"annotations": annotations}}})).await?;
                target["metadata"]["annotations"] = json!({"sealedsecrets.bitnami.com/patch": "true"});
                site.objects.apply(&target).await?;
                merged.apply(ITEMS).await?;
                // Handed over to a native object, and not yet deleted.
                for number in 0..10 {
                    let old = case.named(&format!("old-{number}"));
                    old.apply(ITEMS).await?;
                    old.holds(ITEMS).await?;
                    old.annotate("kseal.dev/hand-over", "native").await?;
                    old.of(Group::Native).apply(ITEMS).await?;
                    old.of(Group::Native).holds(ITEMS).await?;
                }
            }
            case.named("orphan").holds(ITEMS).await?;
            merged.holds(&[ITEMS[0], ITEMS[1], ("theirs", "1")]).await?;
            // What is wrong stays wrong without a word.
            site.objects.apply(&case.named("foreign").foreign(OTHERS)).await?;
            case.named("foreign").apply(ITEMS).await?;
            case.named("foreign").wrong("NotOwned").await?;
            Ok(())
        })
        .await?;
        controller.stop().await?;

        let mut before = Vec::new();
        for case in &cases {
            before.push((State::read(case).await?.versions(), writes(case).await?.len()));
        }
        // More than once: what comes first is not always the same.
        for _ in 0..3 {
            let controller = site.start(ControllerOptions::default()).await?;
            come_by(&site).await?;
            controller.stop().await?;
        }
        for (case, (versions, count)) in cases.iter().zip(before) {
            let (after, writes) = (State::read(case).await?.versions(), writes(case).await?);
            ensure!(versions == after, "{versions:#?} became {after:#?}");
            ensure!(writes.len() == count, "{:#?}", &writes[count..]);
        }
        Ok(())
    });
}
