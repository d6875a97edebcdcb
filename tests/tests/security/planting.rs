//! Whoever could plant a key would read what others seal from then on. No object does, whatever its scope, its policy and its
//! template say: afterwards the controller publishes what it published before.

use anyhow::{Result, ensure};
use kseal_api::{Scope, names};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::wait_until,
    site::{Case, Keys, SOON, condition, main_condition, path},
};
use serde_json::{Value, json};

use crate::attacker::{Attacker, ITEMS, OWN, attack, controller};

const SCOPES: [Scope; 3] = [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide];

/// Templates with which a Secret would be a key of the cluster's.
fn templates() -> Vec<Value> {
    let mut templates =
        vec![json!({"type": names::SEALING_KEY_TYPE, "immutable": true}), json!({"type": names::IDENTITY_KEY_TYPE})];
    for label in [names::KEY_STATE, names::UPSTREAM_KEY] {
        for state in ["active", "retiring", "retired", "compromised", "unheard-of", ""] {
            templates.push(json!({"type": "kubernetes.io/tls", "metadata": {"labels": {label: state}}}));
        }
    }
    templates
}

/// The ways to have an object's Secret written: policies of our own kind, consent by upstream's annotations.
fn ways(group: Group) -> Vec<Value> {
    match group {
        Group::Native => ["Owner", "Orphan", "Merge"].map(|policy| json!({"creationPolicy": policy})).to_vec(),
        Group::Upstream => vec![
            json!({}),
            json!({names::UPSTREAM_MANAGED: "true"}),
            json!({names::UPSTREAM_PATCH: "true"}),
            json!({names::UPSTREAM_MANAGED: "true", names::UPSTREAM_SKIP_OWNER: "true"}),
        ],
    }
}

/// The object of this name, sealed so that it opens, with a template and a way.
fn planted(case: &Case<'_>, scope: Scope, template: &Value, way: &Value) -> Result<Value> {
    let mut object = case.site.keys.seal(case.group, scope, (&case.namespace, &case.name), ITEMS)?;
    object["spec"]["template"] = template.clone();
    match case.group {
        Group::Native => object["spec"]["target"] = way.clone(),
        Group::Upstream => object["spec"]["template"]["metadata"]["annotations"] = way.clone(),
    }
    Ok(object)
}

/// Waits until it is refused, and not for want of a key.
async fn is_refused(case: &Case<'_>) -> Result<()> {
    wait_until(&format!("{} is refused", case.path()), SOON, || async {
        let object = case.object().await?;
        let main = condition(&object, main_condition(case.group));
        ensure!(main["status"] == "False", "{}", object["status"]);
        let reasons = ["ForbiddenType", "KeySecret", "OwnNamespace"];
        ensure!(reasons.iter().any(|reason| main["reason"] == *reason), "{main}");
        Ok(())
    })
    .await
}

/// Asks for a key in every way, of a name each, and looks that there is none.
async fn plant(attacker: &Attacker, mut prepare: impl AsyncFnMut(&Case<'_>) -> Result<Option<Value>>) -> Result<()> {
    let mut asked = Vec::new();
    for group in Group::ALL {
        for (number, template) in templates().iter().enumerate() {
            // The scopes in turn, the ways all.
            let (scope, ways) = (SCOPES[number % SCOPES.len()], ways(group));
            for (index, way) in ways.iter().enumerate() {
                let case =
                    attacker.case(group, &format!("plant-{}-{number}-{index}", group.as_str().replace('.', "-")));
                let before = prepare(&case).await?;
                attacker.objects.create(&planted(&case, scope, template, way)?).await?;
                asked.push((case, before));
            }
        }
    }
    for (case, before) in &asked {
        is_refused(case).await?;
        ensure!(case.site.objects.find(&case.secret_path()).await? == *before, "{}", case.secret_path());
    }
    for (case, before) in &asked {
        attacker.objects.delete(&case.path()).await?;
        if before.is_some() {
            case.site.objects.delete(&case.secret_path()).await?;
        }
    }
    Ok(())
}

/// What is published and held, before and after.
async fn nothing_is_planted(attack: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    let controller = controller().await?;
    let told = async || {
        wait_until("the keys are told", SOON, || async {
            let metrics = controller.metrics().await?;
            let keys: Vec<String> =
                metrics.lines().filter(|line| line.starts_with("kseal_keys")).map(ToOwned::to_owned).collect();
            ensure!(keys.iter().any(|line| line.contains("native") && line.contains("active")), "{keys:?}");
            Ok((controller.get("/v1/keys").await?, controller.get("/v1/cert.pem").await?, keys))
        })
        .await
    };
    let before = told().await?;
    attack().await?;
    ensure!(told().await? == before);
    Ok(())
}

/// A Secret's consent to all who ask.
fn consent() -> Value {
    let names = ["kseal.dev/managed", names::UPSTREAM_MANAGED, names::UPSTREAM_PATCH];
    Value::Object(names.map(|name| (name.to_owned(), json!("true"))).into_iter().collect())
}

/// Where the keys are, a key that is called like no key stays what it is, as careless as its owner may have been.
pub(crate) async fn overwrite_a_key_of_any_name(attacker: &Attacker) -> Result<()> {
    let name = "bring-your-own";
    let [_, mut secret] = Keys::new()?.secrets(OWN);
    secret["metadata"]["name"] = json!(name);
    // It is not loaded any more, so that nothing changes in what other tests look at.
    secret["metadata"]["labels"][names::UPSTREAM_KEY] = json!("compromised");
    secret["metadata"]["annotations"] = consent();
    let before = attacker.site.objects.create(&secret).await?;
    let ask = async || {
        for (group, scope) in Group::ALL.into_iter().flat_map(|group| SCOPES.map(|scope| (group, scope))) {
            for way in ways(group) {
                let case = attacker.case(group, name);
                let template = json!({"type": "kubernetes.io/tls"});
                attacker.objects.create(&planted(&case, scope, &template, &way)?).await?;
                is_refused(&case).await?;
                ensure!(case.secret().await? == before, "{way} {scope}");
                attacker.objects.delete(&case.path()).await?;
            }
        }
        Ok(())
    };
    nothing_is_planted(ask).await?;
    attacker.site.objects.delete(&path(&before)).await
}

#[test]
fn no_scope_and_no_policy_makes_a_template_a_key() {
    attack(async |attacker| nothing_is_planted(async || plant(&attacker, async |_| Ok(None)).await).await);
}

#[test]
fn a_secret_that_consents_to_everything_does_not_become_a_key() {
    attack(async |attacker| {
        let consenting = async |case: &Case<'_>| -> Result<Option<Value>> {
            let mut secret = case.foreign(&[("tls.key", ""), ("tls.crt", "")]);
            secret["type"] = json!("kubernetes.io/tls");
            secret["metadata"]["annotations"] = consent();
            Ok(Some(case.site.objects.apply(&secret).await?))
        };
        nothing_is_planted(async || plant(&attacker, consenting).await).await
    });
}

/// Labels of the object are not those of its Secret.
#[test]
fn an_object_that_is_labelled_a_key_has_an_ordinary_secret() {
    attack(async |attacker| {
        nothing_is_planted(async || {
            for group in Group::ALL {
                let case = attacker.case(group, &format!("labelled-{}", group.as_str().replace('.', "-")));
                let mut object = case.sealed(ITEMS)?;
                object["metadata"]["labels"] = json!({names::KEY_STATE: "active", names::UPSTREAM_KEY: "active"});
                attacker.objects.create(&object).await?;
                let secret = case.holds(ITEMS).await?;
                let labels = &secret["metadata"]["labels"];
                ensure!(labels[names::KEY_STATE].is_null() && labels[names::UPSTREAM_KEY].is_null(), "{labels}");
                attacker.objects.delete(&case.path()).await?;
            }
            Ok(())
        })
        .await
    });
}
