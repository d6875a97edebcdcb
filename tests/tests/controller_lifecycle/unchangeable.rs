//! What cannot be changed in a Secret is told, and comes true when the Secret is made anew.

use anyhow::{Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::site::{Case, condition};
use serde_json::json;

use super::site::both;

const ITEMS: &[(&str, &str)] = &[("username", "admin"), ("password", "hunter2")];

/// That the object waits for a person, says what to do, and that it works.
async fn stalls(case: &Case<'_>, reason: &str) -> Result<()> {
    let message = case.wrong(reason).await?;
    if case.group == Group::Native {
        let object = case.object().await?;
        let stalled = condition(&object, "Stalled");
        ensure!(stalled["status"] == "True" && stalled["reason"] == reason, "{object}");
        ensure!(message.contains("delete the Secret, and it returns"), "{message}");
    }
    case.site.objects.delete(&case.secret_path()).await?;
    case.right().await?;
    Ok(())
}

#[test]
fn another_type_takes_another_secret() {
    both(async |case| {
        case.apply(ITEMS).await?;
        let first = case.right().await?;
        let mut object = case.sealed(ITEMS)?;
        object["spec"]["template"] = json!({"type": "kubernetes.io/basic-auth"});
        case.site.objects.apply(&object).await?;
        stalls(&case, "TypeDiffers").await?;
        let second = case.holds(ITEMS).await?;
        ensure!(second["type"] == "kubernetes.io/basic-auth" && second["metadata"]["uid"] != first["metadata"]["uid"]);
        // Back to the old type before the Secret was touched, all is right at once.
        case.apply(ITEMS).await?;
        case.wrong("TypeDiffers").await?;
        case.site.objects.apply(&object).await?;
        let third = case.holds(ITEMS).await?;
        ensure!(second["metadata"]["uid"] == third["metadata"]["uid"]);
        Ok(())
    });
}

#[test]
fn an_immutable_secret_stays_until_it_is_deleted() {
    both(async |case| {
        let mut object = case.sealed(ITEMS)?;
        object["spec"]["template"] = json!({"immutable": true, "metadata": {"labels": {"a": "1"}}});
        case.site.objects.apply(&object).await?;
        let secret = case.holds(ITEMS).await?;
        ensure!(secret["immutable"] == true);

        // Labels can be changed for all that.
        object["spec"]["template"]["metadata"]["labels"]["a"] = "2".into();
        case.site.objects.apply(&object).await?;
        let secret = case.holds(ITEMS).await?;
        ensure!(secret["metadata"]["labels"]["a"] == "2");

        let mut changed = case.sealed(&[("username", "root")])?;
        changed["spec"]["template"] = json!({"immutable": true});
        case.site.objects.apply(&changed).await?;
        stalls(&case, "Immutable").await?;
        let secret = case.holds(&[("username", "root")]).await?;
        ensure!(secret["immutable"] == true);
        if case.group == Group::Upstream {
            let words = "ErrUpdateFailed: Error updating NAME: the target Secret is immutable. Once a Secret is marked as \
                immutable, it is not possible to revert this change nor to mutate the contents of the data field. You can \
                only delete and recreate the Secret.";
            let words = words.replace("NAME", &format!("{}/{}", case.namespace, case.name));
            case.told(&[&words, "Unsealed: SealedSecret unsealed successfully"]).await?;
        }
        Ok(())
    });
}

#[test]
fn immutability_cannot_be_taken_back() {
    both(async |case| {
        let mut object = case.sealed(ITEMS)?;
        object["spec"]["template"] = json!({"immutable": true});
        case.site.objects.apply(&object).await?;
        case.right().await?;
        case.apply(&[("username", "root")]).await?;
        stalls(&case, "Immutable").await?;
        let secret = case.holds(&[("username", "root")]).await?;
        ensure!(secret["immutable"] != true, "{secret}");
        Ok(())
    });
}
