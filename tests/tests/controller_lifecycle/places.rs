//! Values open by their key and in their place, and nowhere else.

use anyhow::{Result, ensure};
use kseal_api::Scope;
use kseal_core::reconcile::Group;
use kseal_tests::site::{Case, Keys};
use serde_json::Value;

use super::site::{both, only};

const ITEMS: &[(&str, &str)] = &[("password", "hunter2"), ("user", "admin")];

/// What was sealed for `place`, under the name of the case.
fn moved(case: &Case<'_>, scope: Scope, place: (&str, &str)) -> Result<Value> {
    let mut object = case.site.keys.seal(case.group, scope, place, ITEMS)?;
    object["metadata"]["namespace"] = case.namespace.as_str().into();
    object["metadata"]["name"] = case.name.as_str().into();
    Ok(object)
}

#[test]
fn what_is_sealed_for_another_key_waits_for_it() {
    both(async |case| {
        let theirs = Keys::new()?;
        let object = theirs.seal(case.group, Scope::Strict, (&case.namespace, &case.name), ITEMS)?;
        case.site.objects.apply(&object).await?;
        if case.group == Group::Native {
            let message = case.wrong("NoKey").await?;
            ensure!(message.contains("no key at hand is among its recipients"), "{message}");
            ensure!(message.contains("kseal keys fetch"), "{message}");
        } else {
            let message = case.wrong("CannotOpen").await?;
            ensure!(message == "no key could decrypt secret (password, user)", "{message}");
        }
        ensure!(case.site.objects.find(&case.secret_path()).await?.is_none());
        case.site.add_keys(&theirs).await?;
        case.holds(ITEMS).await?;
        Ok(())
    });
}

#[test]
fn a_scope_opens_in_all_of_its_places() {
    both(async |case| {
        for (scope, place) in [
            (Scope::NamespaceWide, (&*case.namespace, "another-name")),
            (Scope::ClusterWide, ("another-namespace", "another-name")),
        ] {
            let case = case.named(&format!("{scope}").to_lowercase());
            case.site.objects.apply(&moved(&case, scope, place)?).await?;
            case.holds(ITEMS).await?;
        }
        Ok(())
    });
}

#[test]
fn what_was_moved_out_of_its_place_is_told_both_places() {
    only(Group::Native, async |case| {
        for (scope, place, told) in [
            (Scope::Strict, ("dev", "db"), "dev/db"),
            (Scope::Strict, (&*case.namespace, "web"), &*format!("{}/web", case.namespace)),
            (Scope::NamespaceWide, ("dev", "db"), "dev/*"),
        ] {
            let case = case.named(&format!("moved-{}", told.replace(['/', '*'], "-x")));
            case.site.objects.apply(&moved(&case, scope, place)?).await?;
            let message = case.wrong("Moved").await?;
            let begins = format!("sealed for {told}, found in {}/{}", case.namespace, case.name);
            ensure!(message.starts_with(&begins), "{message}");
            ensure!(case.site.objects.find(&case.secret_path()).await?.is_none());
            // Sealed for where it is, it opens.
            case.apply(ITEMS).await?;
            case.holds(ITEMS).await?;
        }
        Ok(())
    });
}

#[test]
fn what_lies_about_its_place_does_not_open() {
    only(Group::Native, async |case| {
        let mut object = moved(&case, Scope::Strict, ("dev", "db"))?;
        object["spec"]["sealedFor"] = case.sealed(ITEMS)?["spec"]["sealedFor"].clone();
        case.site.objects.apply(&object).await?;
        let message = case.wrong("CannotOpen").await?;
        ensure!(message.contains("it does not open"), "{message}");
        // Nor does a wider scope than it was sealed in.
        object["spec"]["scope"] = "ClusterWide".into();
        case.site.objects.apply(&object).await?;
        case.wrong("CannotOpen").await?;
        Ok(())
    });
}

#[test]
fn upstreams_object_that_was_moved_is_told_in_upstreams_words() {
    only(Group::Upstream, async |case| {
        for (name, scope, place) in [
            ("namespace", Scope::Strict, ("dev", "namespace")),
            ("name", Scope::Strict, (&*case.namespace, "web")),
            ("wide", Scope::NamespaceWide, ("dev", "wide")),
        ] {
            let case = case.named(name);
            case.site.objects.apply(&moved(&case, scope, place)?).await?;
            let message = case.wrong("CannotOpen").await?;
            ensure!(message == "no key could decrypt secret (password, user)", "{message}");
            let event = "ErrUnsealFailed: Failed to unseal: no key could decrypt secret (password, user)";
            case.told(&[event]).await?;
        }
        Ok(())
    });
}

#[test]
fn an_annotation_that_says_the_scope_is_honoured_when_it_comes_later() {
    only(Group::Upstream, async |case| {
        let mut object = moved(&case, Scope::ClusterWide, ("dev", "web"))?;
        let scope = object["metadata"]["annotations"].take();
        case.site.objects.apply(&object).await?;
        case.wrong("CannotOpen").await?;
        object["metadata"]["annotations"] = scope;
        case.site.objects.apply(&object).await?;
        case.holds(ITEMS).await?;
        Ok(())
    });
}
