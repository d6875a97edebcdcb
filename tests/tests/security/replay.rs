//! A sealed value that is taken from where it was: it opens in its place, and nowhere else.

use anyhow::{Context as _, Result, ensure};
use kseal_api::{Scope, names};
use kseal_core::reconcile::Group;
use serde_json::{Value, json};

use crate::attacker::{Attacker, ITEMS, attack};

/// The only item of the victim's object; the attacker reads the object, and wants to read the value.
const SECRET: &[(&str, &str)] = &[("password", "hunter2")];

/// The object under another name and namespace.
fn moved(mut object: Value, namespace: &str, name: &str) -> Value {
    object["metadata"]["namespace"] = json!(namespace);
    object["metadata"]["name"] = json!(name);
    object
}

#[test]
fn a_copy_opens_under_no_other_name_in_no_other_namespace_and_in_no_wider_scope() {
    attack(async |attacker| {
        let prod = attacker.site.cluster.namespace("prod").await?;
        let keys = &attacker.site.keys;
        for group in Group::ALL {
            let seal = |scope, namespace, name| keys.seal(group, scope, (namespace, name), SECRET);
            let reason = if group == Group::Native { "Moved" } else { "CannotOpen" };
            let here = attacker.namespace.as_str();
            for (index, object) in [
                seal(Scope::Strict, here, "db")?,
                seal(Scope::Strict, &prod, "copy-2")?,
                seal(Scope::NamespaceWide, &prod, "db")?,
            ]
            .into_iter()
            .enumerate()
            {
                let name = format!("copy-{index}");
                let name = if index == 1 { "copy-2" } else { &name };
                let object = moved(object, here, name);
                attacker.is_refused(&object, reason).await?;
                attacker.objects.delete(&attacker.case(group, name).path()).await?;
            }
            // In the place that it was sealed for the attacker may not write.
            let object = seal(Scope::Strict, &prod, "db")?;
            ensure!(attacker.objects.create(&object).await.is_err());

            // The scope is the attacker's to write, and is part of what was sealed.
            for (from, to) in [
                (Scope::Strict, Scope::ClusterWide),
                (Scope::Strict, Scope::NamespaceWide),
                (Scope::NamespaceWide, Scope::ClusterWide),
                (Scope::ClusterWide, Scope::Strict),
            ] {
                let name = format!("from-{from}-to-{to}").to_lowercase();
                let mut object = moved(seal(from, &prod, "db")?, here, &name);
                let other = keys.seal(group, to, (here, &name), ITEMS)?;
                match group {
                    Group::Native => {
                        object["spec"]["scope"] = other["spec"]["scope"].clone();
                        object["spec"]["sealedFor"] = other["spec"]["sealedFor"].clone();
                    }
                    Group::Upstream => object["metadata"]["annotations"] = other["metadata"]["annotations"].clone(),
                }
                attacker.is_refused(&object, "CannotOpen").await?;
            }
        }
        Ok(())
    });
}

/// A native object of the attacker's own, changed before it is made.
async fn patched(attacker: &Attacker, name: &str, change: impl FnOnce(&mut Value) -> Result<()>) -> Result<()> {
    let mut object = attacker.case(Group::Native, name).sealed(ITEMS)?;
    change(&mut object["spec"])?;
    attacker.is_refused(&object, "CannotOpen").await?;
    Ok(())
}

#[test]
fn a_value_opens_as_no_other_item_and_under_no_other_data_key() {
    attack(async |attacker| {
        patched(&attacker, "renamed", |spec| {
            let items = spec["encryptedData"].as_object_mut().context("no items")?;
            let value = items.remove("password").context("no password")?;
            items.insert("motd".to_owned(), value);
            Ok(())
        })
        .await?;
        patched(&attacker, "swapped", |spec| {
            let items = spec["encryptedData"].as_object_mut().context("no items")?;
            let [one, other] = [items["password"].take(), items["user"].take()];
            (items["password"], items["user"]) = (other, one);
            Ok(())
        })
        .await?;
        let other = attacker.case(Group::Native, "grafted").sealed(SECRET)?;
        patched(&attacker, "grafted", |spec| {
            // The other object's value, under the data key of this one.
            let handle =
                spec["dataKeys"].as_object().and_then(|keys| keys.keys().next()).context("no data key")?.clone();
            let value = other["spec"]["encryptedData"]["password"].as_str().context("no value")?;
            let bytes = value.rsplit('.').next().context("no bytes")?;
            spec["encryptedData"]["password"] = json!(format!("ks1.{handle}.{bytes}"));
            Ok(())
        })
        .await?;
        // Its data key under the attacker's own handle: a commitment tells.
        let mut object = attacker.case(Group::Native, "rekeyed").sealed(ITEMS)?;
        let of = |spec: &Value| {
            let mut keys = spec["dataKeys"].as_object().into_iter().flatten();
            keys.next().map(|(handle, key)| (handle.clone(), key.clone())).context("no data key")
        };
        let (handle, _) = of(&object["spec"])?;
        let (_, theirs) = of(&other["spec"])?;
        object["spec"]["dataKeys"][&handle]["recipients"] = theirs["recipients"].clone();
        attacker.is_refused(&object, "CannotOpen").await?;
        Ok(())
    });
}

/// Upstream's format does not bind the item's name, which the threat model says. What it binds holds.
#[test]
fn upstreams_values_can_be_renamed_within_their_object_alone() {
    attack(async |attacker| {
        let case = attacker.case(Group::Upstream, "renamed");
        let mut object = case.sealed(SECRET)?;
        let value = object["spec"]["encryptedData"]["password"].take();
        object["spec"]["encryptedData"] = json!({"motd": value});
        attacker.objects.create(&object).await?;
        case.holds(&[("motd", "hunter2")]).await?;
        let mut elsewhere = moved(object, &attacker.namespace, "elsewhere");
        attacker.is_refused(&elsewhere, "CannotOpen").await?;
        // The last of the two annotations that upstream reads wins there as here.
        elsewhere["metadata"] = json!({"namespace": attacker.namespace, "name": "wide", "annotations": {
            names::UPSTREAM_CLUSTER_WIDE: "true", names::UPSTREAM_NAMESPACE_WIDE: "true",
        }});
        attacker.is_refused(&elsewhere, "CannotOpen").await?;
        Ok(())
    });
}
