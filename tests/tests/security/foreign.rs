//! Secrets that are somebody else's: they stay as they are, and nothing is learnt of them.

use anyhow::{Context as _, Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::site::Case;
use serde_json::{Value, json};

use crate::attacker::{Attacker, ITEMS, attack};

/// Every way to ask for a Secret, with the reason why it is not given.
fn ways() -> Vec<(Group, Value, &'static str)> {
    let policy = |policy: &str| json!({"target": {"creationPolicy": policy}});
    let template = |annotations: Value| json!({"template": {"metadata": {"annotations": annotations}}});
    // Consent is the Secret's: that of the template is what its own Secret would have.
    let consent = template(json!({"kseal.dev/managed": "true"}));
    let upstreams = ["managed", "patch", "skip-set-owner-references"];
    let all = upstreams.map(|name| (format!("sealedsecrets.bitnami.com/{name}"), json!("true")));
    vec![
        (Group::Native, policy("Owner"), "NotOwned"),
        (Group::Native, policy("Orphan"), "NotOwned"),
        (Group::Native, policy("Merge"), "NotConsenting"),
        (Group::Native, consent, "NotOwned"),
        (Group::Upstream, json!({}), "NotOwned"),
        (Group::Upstream, template(Value::Object(all.into_iter().collect())), "NotOwned"),
    ]
}

/// Makes the object with these items, for this way.
async fn ask(attacker: &Attacker, case: &Case<'_>, way: &Value, items: &[(&str, &str)]) -> Result<()> {
    let mut object = case.sealed(items)?;
    for (field, value) in way.as_object().into_iter().flatten() {
        object["spec"][field] = value.clone();
    }
    attacker.objects.create(&object).await?;
    Ok(())
}

#[test]
fn a_foreign_secret_stays_as_it_is_whatever_asks_for_it() {
    attack(async |attacker| {
        for (index, (group, way, reason)) in ways().into_iter().enumerate() {
            let case = attacker.case(group, &format!("foreign-{index}"));
            let before = attacker.site.objects.apply(&case.foreign(ITEMS)).await?;
            ask(&attacker, &case, &way, &[("password", "mine")]).await?;
            case.wrong(reason).await?;
            // Asking again does not help.
            let again = json!({"metadata": {"annotations": {"kseal.dev/reconcile-at": "now"}}});
            attacker.objects.merge(&case.path(), &again).await?;
            attacker.objects.merge(&case.path(), &json!({"spec": {"template": {"type": "x/y"}}})).await?;
            case.wrong(reason).await?;
            ensure!(case.secret().await? == before, "{way}");
            attacker.objects.delete(&case.path()).await?;
            ensure!(case.secret().await? == before, "{way}, when it went");
        }
        Ok(())
    });
}

#[test]
fn a_secret_of_one_kind_is_foreign_to_the_other() {
    attack(async |attacker| {
        for (victim, thief) in [(Group::Native, Group::Upstream), (Group::Upstream, Group::Native)] {
            let theirs = attacker.case(victim, &format!("of-{}", victim.as_str()));
            theirs.apply(ITEMS).await?;
            let before = theirs.holds(ITEMS).await?;
            let own = theirs.of(thief);
            attacker.objects.create(&own.sealed(&[("password", "mine")])?).await?;
            own.wrong("NotOwned").await?;
            ensure!(theirs.secret().await? == before);
            attacker.objects.delete(&own.path()).await?;
        }
        Ok(())
    });
}

/// An Orphan's Secret says by annotation whose it is, and it is nobody's who comes under the same name later.
#[test]
fn a_secret_whose_object_is_gone_is_not_inherited() {
    attack(async |attacker| {
        let case = attacker.case(Group::Native, "orphan");
        let mut object = case.sealed(ITEMS)?;
        object["spec"]["target"] = json!({"creationPolicy": "Orphan"});
        attacker.site.objects.create(&object).await?;
        let before = case.holds(ITEMS).await?;
        attacker.objects.delete(&case.path()).await?;
        for (group, policy) in [(Group::Native, "Orphan"), (Group::Native, "Owner"), (Group::Upstream, "")] {
            let case = case.of(group);
            let way = if policy.is_empty() { json!({}) } else { json!({"target": {"creationPolicy": policy}}) };
            ask(&attacker, &case, &way, &[("password", "mine")]).await?;
            case.wrong("NotOwned").await?;
            attacker.objects.delete(&case.path()).await?;
        }
        ensure!(case.secret().await? == before);
        Ok(())
    });
}

/// What an attacker, and one who reads along, sees of an attempt: status and events without times, and the requests.
async fn observed(case: &Case<'_>) -> Result<(Value, Vec<String>, Vec<String>)> {
    let mut status = case.object().await?["status"].take();
    for condition in status["conditions"].as_array_mut().context("no conditions")? {
        for time in ["lastTransitionTime", "lastUpdateTime"] {
            if let Some(condition) = condition.as_object_mut() {
                condition.remove(time);
            }
        }
    }
    let mut requests = case.requests().await?;
    // When it heard of the Secret that is there decides whether it tried to make it first, or looked again in the end.
    requests.retain(|request| request.name.starts_with(&case.name) && request.code != 409);
    let told = requests.iter().rposition(|request| request.verb != "get").context("it told nothing")?;
    requests.truncate(told + 1);
    let told = |text: &str| text.replace(&case.name, "NAME");
    let requests = requests.iter().map(|it| {
        format!("{} {} {} {} {}", it.verb, it.resource, it.subresource, it.code, it.uri.replace(&case.name, "NAME"))
    });
    let events = case.events().await?.iter().map(|event| told(event)).collect();
    Ok((serde_json::from_str(&told(&status.to_string()))?, events, requests.collect()))
}

#[test]
fn nobody_learns_whether_a_guess_was_right() {
    attack(async |attacker| {
        for (index, (group, way, reason)) in ways().into_iter().enumerate() {
            let mut seen = Vec::new();
            for (name, guess) in [("right", ITEMS), ("wrong", &[("password", "hunter3"), ("user", "admin")])] {
                let case = attacker.case(group, &format!("guess-{name}-{index}"));
                let before = attacker.site.objects.apply(&case.foreign(ITEMS)).await?;
                ask(&attacker, &case, &way, guess).await?;
                case.wrong(reason).await?;
                ensure!(case.secret().await? == before);
                seen.push(observed(&case).await?);
            }
            ensure!(seen[0] == seen[1], "{way}: {seen:#?}");
            ensure!(!seen[0].2.is_empty() && !seen[0].1.is_empty(), "{way}: {seen:#?}");
        }
        Ok(())
    });
}
