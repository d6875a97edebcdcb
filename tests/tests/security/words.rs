//! Words of an attacker's: they are told as words, and become nothing else.

use anyhow::ensure;
use kseal_core::reconcile::Group;
use kseal_tests::{cluster::wait_until, site::SOON};
use serde_json::{Value, json};

use crate::attacker::{ITEMS, attack, controller};

/// Ends a line, begins another, and would clear a screen.
const FORGERY: &str = "x\n2026-11-26T00:00:00.000000Z ERROR kseal_controller::keys: forged\r\u{1b}[2J";

#[test]
fn no_line_of_the_log_is_an_attackers() {
    attack(async |attacker| {
        for group in Group::ALL {
            let name = format!("kseal.dev/{FORGERY}");
            let template = json!({"metadata": {"annotations": {name: "x"}}});
            let object = attacker.sealed(group, &format!("annotated-{}", group.as_str()), &template)?;
            attacker.is_refused(&object, "ReservedName").await?;
            let case = attacker.case(group, &format!("named-{}", group.as_str()));
            let mut object = case.sealed(ITEMS)?;
            let value = object["spec"]["encryptedData"]["password"].take();
            object["spec"]["encryptedData"] = json!({FORGERY: value});
            attacker.objects.create(&object).await?;
            case.wrong(if group == Group::Native { "CannotOpen" } else { "Refused" }).await?;
            object["metadata"]["name"] = json!(format!("typed-{}", group.as_str()));
            object["spec"] = case.sealed(ITEMS)?["spec"].take();
            object["spec"]["template"] = json!({"type": FORGERY});
            attacker.objects.create(&object).await?;
        }
        let controller = controller().await?;
        wait_until("it is logged", SOON, || async {
            let log = controller.logs()?;
            ensure!(log.matches("forged").count() >= 4, "{} times", log.matches("forged").count());
            Ok(())
        })
        .await?;
        let log = controller.logs()?;
        ensure!(!log.contains('\u{1b}') && !log.contains('\r'), "it has control characters");
        for line in log.lines() {
            let is_forged =
                line.contains("ERROR kseal_controller::keys: forged") && !line.contains(&attacker.namespace);
            ensure!(!is_forged, "{line}");
            ensure!(line.starts_with("20"), "{line}");
        }
        Ok(())
    });
}

#[test]
fn names_as_long_as_they_get_have_their_secret_their_status_and_their_event() {
    attack(async |attacker| {
        for (group, letter) in Group::ALL.into_iter().zip(["n", "u"]) {
            let case = attacker.case(group, &letter.repeat(253));
            attacker.objects.create(&case.sealed(ITEMS)?).await?;
            case.holds(ITEMS).await?;
            attacker.site.objects.delete(&case.secret_path()).await?;
            case.holds(ITEMS).await?;
            wait_until("the event is there", SOON, || async {
                let events: Vec<String> = case.events().await?;
                ensure!(events.iter().any(|event| event.starts_with("Repaired: ")), "{events:?}");
                Ok(())
            })
            .await?;
        }
        Ok(())
    });
}

/// Deeper than parsers go that guard their stack, and not too deep for the API server.
fn nested(depth: usize) -> Value {
    (0..depth).fold(json!("x"), |inner, _| json!({"a": inner}))
}

/// Upstream's definition admits any shape there. What cannot be read must not be taken for an object without values, which
/// would empty the Secret.
#[test]
fn a_spec_that_cannot_be_read_changes_nothing() {
    attack(async |attacker| {
        let case = attacker.case(Group::Upstream, "deep");
        attacker.objects.create(&case.sealed(ITEMS)?).await?;
        let before = case.holds(ITEMS).await?;
        // kubectl reads such an object; these tests do not.
        let kubectl = |arguments: &[&str]| {
            let of = ["-n", &case.namespace, "sealedsecrets.bitnami.com", "deep"];
            let verb = arguments.first().copied().into_iter();
            let all = of[..2].iter().copied().chain(verb).chain(of[2..].iter().copied());
            attacker.site.cluster.kubectl(all.chain(arguments.iter().skip(1).copied())).run()
        };
        for deep in
            [json!({"encryptedData": {"deep": nested(200)}}), json!({"template": {"metadata": {"deep": nested(200)}}})]
        {
            let patch = |spec: Value| json!({"spec": spec}).to_string();
            kubectl(&["patch", "--type=merge", "-p", &patch(deep)]).await?;
            wait_until("it is told", SOON, || async {
                let reason = kubectl(&["get", "-o", "jsonpath={.status.conditions[0].reason}"]).await?;
                ensure!(reason == "Malformed", "{reason}");
                Ok(())
            })
            .await?;
            ensure!(case.secret().await? == before);
            let back = json!({"encryptedData": {"deep": null}, "template": null});
            kubectl(&["patch", "--type=merge", "-p", &patch(back)]).await?;
            case.holds(ITEMS).await?;
        }
        Ok(())
    });
}
