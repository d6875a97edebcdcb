//! Objects that are made to be expensive.

use anyhow::{Context as _, Result, ensure};
use data_encoding::BASE64;
use kseal_core::reconcile::Group;
use kseal_tests::site::{condition, main_condition};
use serde_json::{Map, Value, json};

use crate::attacker::{Attacker, ITEMS, attack};

/// The code of the API server's no.
async fn refusal(attacker: &Attacker, object: &Value) -> Result<u16> {
    let error = attacker.objects.create(object).await.err().context("it was admitted")?;
    match error.downcast_ref() {
        Some(kube::Error::Api(status)) => Ok(status.code),
        _ => Err(error),
    }
}

#[test]
fn as_many_items_as_are_allowed_open_and_one_more_is_not_admitted() {
    attack(async |attacker| {
        let names: Vec<String> = (0..4_097).map(|index| format!("item-{index:04}")).collect();
        let items: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        let most = attacker.case(Group::Native, "most");
        attacker.objects.create(&most.sealed(&items[..4_096])?).await?;
        most.holds(&items[..4_096]).await?;
        let more = attacker.case(Group::Native, "more");
        ensure!(refusal(&attacker, &more.sealed(&items)?).await? == 422);
        Ok(())
    });
}

/// A data key that is of the right shape, for so many recipients.
fn data_key(number: usize, recipients: usize) -> (String, Value) {
    let mut commitment = [0; 32];
    commitment[..8].copy_from_slice(&number.to_be_bytes());
    let base32 = |octets: &[u8]| data_encoding::BASE32_NOPAD.encode(octets).to_lowercase();
    let handle = format!("d{}", base32(&commitment[..10]));
    let name = |index: usize| {
        let mut fingerprint = [0; 16];
        fingerprint[..8].copy_from_slice(&index.to_be_bytes());
        format!("k{}", base32(&fingerprint))
    };
    let wraps: Map<String, Value> =
        (0..recipients).map(|index| (name(index), json!(BASE64.encode(&[7; 80])))).collect();
    (handle, json!({"commitment": BASE64.encode(&commitment), "recipients": wraps}))
}

#[test]
fn data_keys_and_recipients_are_counted_before_anything_is_opened() {
    attack(async |attacker| {
        let with = |name: &str, keys: usize, recipients: usize| -> Result<Value> {
            let mut object = attacker.case(Group::Native, name).sealed(ITEMS)?;
            let data_keys = object["spec"]["dataKeys"].as_object_mut().context("no data keys")?;
            data_keys.extend((0..keys).map(|number| data_key(number, recipients)));
            Ok(object)
        };
        // Those are 64 and 253: all that is allowed, and unused.
        let most = attacker.case(Group::Native, "most");
        attacker.objects.create(&with("most", 63, 4)?).await?;
        most.holds(ITEMS).await?;
        ensure!(refusal(&attacker, &with("keys", 64, 1)?).await? == 422);
        ensure!(refusal(&attacker, &with("wraps", 2, 128)?).await? == 422);
        Ok(())
    });
}

#[test]
fn objects_as_large_as_the_server_takes_are_told_off_and_hold_nobody_up() {
    attack(async |attacker| {
        let filler = "A".repeat(1_399_002);
        let mut native = attacker.case(Group::Native, "huge").sealed(ITEMS)?;
        native["spec"]["encryptedData"]["password"] = json!(format!("ks1.d{}.{filler}", "a".repeat(16)));
        attacker.is_refused(&native, "Malformed").await?;
        let mut upstream = attacker.case(Group::Upstream, "huge").sealed(ITEMS)?;
        upstream["spec"]["encryptedData"]["password"] = json!(format!("AQ{filler}"));
        attacker.is_refused(&upstream, "CannotOpen").await?;

        // Items without end: the status names some of them, and is cut.
        let mut envelope = vec![1, 0];
        envelope.resize(300, 7);
        let junk: Map<String, Value> =
            (0..3_000).map(|index| (format!("item-{index:04}"), json!(BASE64.encode(&envelope)))).collect();
        let mut many = attacker.case(Group::Upstream, "many").sealed(ITEMS)?;
        many["spec"]["encryptedData"] = Value::Object(junk);
        let message = attacker.is_refused(&many, "CannotOpen").await?;
        ensure!(message.len() <= 1_024, "{} bytes", message.len());

        // More plaintext than a Secret takes: upstream's kind has no limit of its own, and the API server says no.
        let half = "x".repeat(530_000);
        let large = attacker.case(Group::Upstream, "large");
        let object = large.sealed(&[("one", &half), ("two", &half)])?;
        attacker.objects.create(&object).await?;
        let message = large.wrong("Refused").await?;
        ensure!(!message.contains("xxx"), "{message}");

        for group in Group::ALL {
            let case = attacker.case(group, &format!("after-{}", group.as_str()));
            attacker.objects.create(&case.sealed(ITEMS)?).await?;
            case.holds(ITEMS).await?;
        }
        Ok(())
    });
}

/// Upstream's definition admits anything here: one object that is odd must not cost the others their watch.
#[test]
fn objects_of_no_shape_are_told_so_and_hold_nobody_up() {
    attack(async |attacker| {
        for (index, spec) in [
            json!({"encryptedData": {"a": {"b": {"c": [1, null]}}, "d": 7}}),
            json!({"encryptedData": {}, "template": {"metadata": {"labels": {"a": "b"}, "unknown": [{}]}, "data": {"x": "{{ .y }}"}}}),
            json!({"encryptedData": {"a": ""}, "data": "bm8gcGFydA=="}),
        ]
        .into_iter()
        .enumerate()
        {
            let case = attacker.case(Group::Upstream, &format!("odd-{index}"));
            let mut object = case.sealed(ITEMS)?;
            object["spec"] = spec;
            attacker.objects.create(&object).await?;
            kseal_tests::cluster::wait_until("it is told so", kseal_tests::site::SOON, || async {
                let object = case.object().await?;
                let main = condition(&object, main_condition(case.group));
                ensure!(main["status"] == "False", "{}", object["status"]);
                Ok(())
            })
            .await?;
            ensure!(attacker.site.objects.find(&case.secret_path()).await?.is_none());
        }
        let after = attacker.case(Group::Upstream, "after");
        attacker.objects.create(&after.sealed(ITEMS)?).await?;
        after.holds(ITEMS).await?;
        Ok(())
    });
}
