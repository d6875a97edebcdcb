//! The status is the controller's memory: who could write it could keep a change from being carried out.

use anyhow::{Context as _, Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::site::{Case, main_condition, record};
use serde_json::{Value, json};

use crate::attacker::{ITEMS, attack};

/// A status that says that all is done, of an object and a Secret that are there.
async fn forged(case: &Case<'_>, model: &Case<'_>) -> Result<Value> {
    let (mut status, secret) = (model.object().await?["status"].take(), case.secret().await?);
    let (old, metadata) = (record(model.group, &model.object().await?), &secret["metadata"]);
    let text = status.to_string();
    let text = text.replace(old["secretUID"].as_str().context("no UID")?, metadata["uid"].as_str().context("no UID")?);
    let version = |value: &Value| value.as_str().map(ToOwned::to_owned).context("no version");
    let (was, is) = (version(&old["secretResourceVersion"])?, version(&metadata["resourceVersion"])?);
    status = serde_json::from_str(&text.replace(&was, &is))?;
    Ok(status)
}

#[test]
fn a_status_that_comes_with_an_object_is_not_believed() {
    attack(async |attacker| {
        for group in Group::ALL {
            let model = attacker.case(group, &format!("model-{}", group.as_str()));
            attacker.objects.create(&model.sealed(ITEMS)?).await?;
            model.holds(ITEMS).await?;

            // Over a foreign Secret, whose contents are to pass for the attacker's own.
            let case = attacker.case(group, &format!("forged-{}", group.as_str()));
            let before = attacker.site.objects.apply(&case.foreign(&[("password", "foreign")])).await?;
            let mut object = case.sealed(ITEMS)?;
            object["status"] = forged(&case, &model).await?;
            let made = attacker.objects.create(&object).await?;
            ensure!(made["status"].is_null(), "{made}");
            case.wrong("NotOwned").await?;
            ensure!(case.secret().await? == before);

            // And with a change, which is to be passed over.
            let mut changed = model.sealed(&[("password", "changed")])?;
            changed["metadata"]["resourceVersion"] = model.object().await?["metadata"]["resourceVersion"].clone();
            changed["status"] = model.object().await?["status"].clone();
            changed["status"]["observedGeneration"] = json!(2);
            attacker.objects.replace(&changed).await?;
            model.holds(&[("password", "changed")]).await?;
        }
        Ok(())
    });
}

#[test]
fn who_writes_objects_does_not_write_their_status() {
    attack(async |attacker| {
        for group in Group::ALL {
            let case = attacker.case(group, &format!("written-{}", group.as_str()));
            attacker.objects.create(&case.sealed(ITEMS)?).await?;
            case.holds(ITEMS).await?;
            let before = case.object().await?["status"].take();
            let status = json!({"status": {"observedGeneration": 7, "conditions": []}});
            for path in [format!("{}/status", case.path()), format!("{}/scale", case.path())] {
                let refused = attacker.objects.merge(&path, &status).await;
                let code = refused.err().and_then(|error| match error.downcast_ref() {
                    Some(kube::Error::Api(status)) => Some(status.code),
                    _ => None,
                });
                ensure!(code == Some(403), "{path}: {code:?}");
            }
            // Through the object itself it is dropped.
            attacker.objects.merge(&case.path(), &status).await?;
            ensure!(case.object().await?["status"] == before);
            ensure!(before["conditions"][0]["type"] == main_condition(group), "{before}");
        }
        Ok(())
    });
}
