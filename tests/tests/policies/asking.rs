//! Who may ask for tokens, for entries in `imagePullSecrets`, and for Secrets everywhere: who may do so himself.

use anyhow::{Result, ensure};
use kseal_tests::{
    cluster::{run, wait_until},
    site::{Objects, SOON, path},
};
use serde_json::{Value, json};

use crate::{
    everywhere, installed, native,
    people::{CREATES_SECRETS, GETS_TOKENS, PATCHES_ACCOUNTS, READS_SECRETS, Right, WRITES, account, user, writes_and},
    refused, token, typed, upstream,
};

const TOKEN_TYPE: &str = "kubernetes.io/service-account-token";
const TOKENS: &str = "needs the right to create serviceaccounts/token in this namespace";

#[test]
fn a_token_that_expires_wants_the_right_to_get_one() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("bound").await?;
        // Secrets are no token.
        let eve = user(cluster, Some(&namespace), "eve", &writes_and(&[CREATES_SECRETS, READS_SECRETS])).await?;
        refused(eve.create(&token(&namespace, "eve", "Bound")).await, TOKENS)?;
        let ann = user(cluster, Some(&namespace), "ann", &writes_and(&[GETS_TOKENS])).await?;
        ann.create(&token(&namespace, "ann", "Bound")).await?;
        // Nor in any other namespace.
        let elsewhere = cluster.namespace("elsewhere").await?;
        let ann = user(cluster, Some(&elsewhere), "ann", WRITES).await?;
        refused(ann.create(&token(&elsewhere, "ann", "Bound")).await, TOKENS)?;
        // A ServiceAccount, as GitOps tools are, is asked the same.
        let tool = account(cluster, &namespace, "tool", WRITES).await?;
        refused(tool.create(&token(&namespace, "tool", "Bound")).await, TOKENS)?;
        let able = account(cluster, &namespace, "able", &writes_and(&[GETS_TOKENS])).await?;
        able.create(&token(&namespace, "able", "Bound")).await?;
        Ok(())
    });
}

#[test]
fn a_token_that_does_not_expire_wants_all_three_rights() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("lasting").await?;
        let all: [Right; 3] = [GETS_TOKENS, CREATES_SECRETS, READS_SECRETS];
        let words = [TOKENS, "needs the right to create secrets", "needs the right to get secrets"];
        let asked = |name: &str| {
            let template = json!({"type": TOKEN_TYPE});
            [
                token(&namespace, name, "Secret"),
                native(&namespace, name, &typed(TOKEN_TYPE)),
                upstream(&namespace, name, &template),
            ]
        };
        for (index, words) in words.into_iter().enumerate() {
            let mut rights = all.to_vec();
            rights.remove(index);
            let name = format!("lacks-{index}");
            let person = user(cluster, Some(&namespace), &name, &writes_and(&rights)).await?;
            for object in asked(&name) {
                refused(person.create(&object).await, words)?;
            }
        }
        let ann = user(cluster, Some(&namespace), "ann", &writes_and(&all)).await?;
        for object in asked("ann") {
            ann.create(&object).await?;
        }
        Ok(())
    });
}

/// What is refused of a person without rights, and admitted of one who has them, when an object changes into it.
async fn is_asked_on_update(eve: &Objects, ann: &Objects, harmless: &Value, spec: &Value, words: &str) -> Result<()> {
    eve.create(harmless).await?;
    let path = path(harmless);
    let change = json!({"spec": spec});
    refused(eve.merge(&path, &change).await, words)?;
    ann.merge(&path, &change).await?;
    // Nor may it be changed by one who could not have made it, not by what makes the controller look at it again either.
    let field = json!({"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}});
    refused(eve.merge(&path, &field).await, words)?;
    let again = json!({"metadata": {"annotations": {"kseal.dev/reconcile-at": "now"}}});
    refused(eve.merge(&path, &again).await, words)?;
    let whole = ann.get(&path).await?;
    let mut replaced = whole.clone();
    replaced["metadata"]["annotations"] = again["metadata"]["annotations"].clone();
    refused(eve.replace(&replaced).await, words)?;
    ensure!(ann.get(&path).await? == whole);
    // What means nothing is nobody's question.
    eve.merge(&path, &json!({"metadata": {"labels": {"a": "b"}, "annotations": {"a": "b"}}})).await?;
    ann.merge(&path, &again).await?;
    Ok(())
}

#[test]
fn what_an_object_is_changed_into_is_asked_like_what_is_made() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("update").await?;
        let eve = user(cluster, Some(&namespace), "eve", WRITES).await?;
        let rights = [GETS_TOKENS, CREATES_SECRETS, READS_SECRETS, PATCHES_ACCOUNTS];
        let ann = user(cluster, Some(&namespace), "ann", &writes_and(&rights)).await?;
        let plain = json!({"scope": "Strict"});
        let tokens = json!({"template": {"type": TOKEN_TYPE}});
        is_asked_on_update(&eve, &ann, &native(&namespace, "token", &plain), &tokens, TOKENS).await?;
        is_asked_on_update(&eve, &ann, &upstream(&namespace, "token", &json!({})), &tokens, TOKENS).await?;
        let pulls = "needs the right to patch serviceaccounts";
        let entries = json!({"imagePullSecret": {"serviceAccounts": {"all": true}}});
        is_asked_on_update(&eve, &ann, &native(&namespace, "pull", &plain), &entries, pulls).await?;
        let entries = json!({"template": {"metadata": {"annotations": {"kseal.dev/image-pull-secret-for": "*"}}}});
        is_asked_on_update(&eve, &ann, &upstream(&namespace, "pull", &json!({})), &entries, pulls).await?;

        ann.create(&token(&namespace, "token", "Bound")).await?;
        let path = path(&token(&namespace, "token", "Bound"));
        refused(eve.merge(&path, &json!({"spec": {"serviceAccountName": "other"}})).await, TOKENS)?;
        refused(eve.merge(&path, &json!({"metadata": {"annotations": {"kseal.dev/paused": "true"}}})).await, TOKENS)?;
        eve.merge(&path, &json!({"metadata": {"labels": {"a": "b"}}})).await?;
        Ok(())
    });
}

/// Empty and missing parts are no questions, in whatever way they are written.
#[test]
fn who_asks_for_nothing_needs_nothing() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("nothing").await?;
        let eve = user(cluster, Some(&namespace), "eve", WRITES).await?;
        let specs = [
            json!({"scope": "Strict"}),
            json!({"scope": "Strict", "template": null, "imagePullSecret": null}),
            json!({"scope": "Strict", "template": {"type": "kubernetes.io/tls", "metadata": null}}),
            json!({"scope": "Strict", "template": {"metadata": {"annotations": {"kseal.dev/image-pull-secret-for": "*"}}}}),
        ];
        for (number, spec) in specs.iter().enumerate() {
            eve.create(&native(&namespace, &format!("n-{number}"), spec)).await?;
        }
        let templates = [
            json!({}),
            json!({"type": "", "metadata": null}),
            json!({"metadata": {"annotations": null}}),
            json!({"metadata": {"annotations": {"a": "b"}}}),
        ];
        for (number, template) in templates.iter().enumerate() {
            eve.create(&upstream(&namespace, &format!("n-{number}"), template)).await?;
        }
        Ok(())
    });
}

#[test]
fn entries_in_image_pull_secrets_want_the_right_to_patch_service_accounts() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("pull").await?;
        let entries = json!({"serviceAccounts": {"names": ["default"]}});
        let asked = |name: &str| {
            let annotations = json!({"annotations": {"kseal.dev/image-pull-secret-for": "default"}});
            [
                native(&namespace, name, &json!({"scope": "Strict", "imagePullSecret": entries})),
                upstream(&namespace, name, &json!({"metadata": annotations})),
            ]
        };
        let words = "needs the right to patch serviceaccounts";
        let eve = user(cluster, Some(&namespace), "eve", WRITES).await?;
        let ann = user(cluster, Some(&namespace), "ann", &writes_and(&[PATCHES_ACCOUNTS])).await?;
        for object in asked("eve") {
            refused(eve.create(&object).await, words)?;
        }
        for object in asked("ann") {
            ann.create(&object).await?;
        }
        // To take it back is nobody's question.
        let path = path(&asked("ann")[0]);
        eve.merge(&path, &json!({"spec": {"imagePullSecret": null}})).await?;
        refused(eve.merge(&path, &json!({"spec": {"imagePullSecret": entries}})).await, words)
    });
}

#[test]
fn what_is_for_all_namespaces_wants_the_right_in_all_of_them() {
    run(async {
        let cluster = installed().await?;
        let entries = json!({"imagePullSecret": {"serviceAccounts": {"all": true}}});
        let secrets = "needs the right to create secrets in all namespaces";
        let pulls = "needs the right to patch serviceaccounts";

        let eve = user(cluster, None, "eve", WRITES).await?;
        refused(eve.create(&everywhere("eve", &json!({}))).await, secrets)?;
        let bob = user(cluster, None, "bob", &writes_and(&[CREATES_SECRETS])).await?;
        bob.create(&everywhere("bob", &json!({}))).await?;
        refused(bob.create(&everywhere("bobs-pull", &entries)).await, pulls)?;
        refused(bob.merge(&path(&everywhere("bob", &json!({}))), &json!({"spec": entries})).await, pulls)?;
        let ann = user(cluster, None, "ann", &writes_and(&[CREATES_SECRETS, PATCHES_ACCOUNTS])).await?;
        ann.create(&everywhere("ann", &entries)).await?;
        // Who may make it in one namespace may not make it in all.
        let namespace = cluster.namespace("one").await?;
        user(cluster, Some(&namespace), "one", &[CREATES_SECRETS, PATCHES_ACCOUNTS]).await?;
        let name = format!("one-{namespace}");
        let subject =
            ["create", "clusterrolebinding", &name, "--clusterrole=eve-everywhere", &format!("--user={name}")];
        cluster.kubectl(subject).run().await?;
        let one = Objects::new(cluster.client(&cluster.user(&name, &[])?).await?);
        wait_until("the right is known, and not enough", SOON, || async {
            refused(one.create(&everywhere("one", &json!({}))).await, secrets)
        })
        .await?;

        let bobs = path(&everywhere("bob", &json!({})));
        refused(eve.merge(&bobs, &json!({"spec": {"excludedNamespaces": ["a"]}})).await, secrets)?;
        refused(eve.merge(&bobs, &json!({"metadata": {"annotations": {"kseal.dev/paused": "true"}}})).await, secrets)?;
        eve.merge(&bobs, &json!({"metadata": {"labels": {"a": "b"}}})).await?;
        Ok(())
    });
}

/// Comparing specs costs, and what costs too much is refused.
#[test]
fn the_largest_objects_are_looked_at_too() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("large").await?;
        let rights = [GETS_TOKENS, CREATES_SECRETS, READS_SECRETS, PATCHES_ACCOUNTS];
        let ann = user(cluster, Some(&namespace), "ann", &writes_and(&rights)).await?;
        let eve = user(cluster, Some(&namespace), "eve", WRITES).await?;
        let many: Vec<(String, String)> = (0..4_096)
            .map(|number| (format!("{}-{number}", "i".repeat(100)), format!("ks1.d{}", "a".repeat(150))))
            .collect();
        let long = vec![("item".to_owned(), format!("ks1.d{}", "a".repeat(1_200_000)))];
        for (name, items) in [("many", many), ("long", long)] {
            let items: serde_json::Map<String, Value> =
                items.into_iter().map(|(key, text)| (key, json!(text))).collect();
            let mut objects = [native(&namespace, name, &typed(TOKEN_TYPE)), upstream(&namespace, name, &json!({}))];
            objects[0]["spec"]["imagePullSecret"] = json!({"serviceAccounts": {"all": true}});
            objects[1]["spec"]["template"] = json!({
                "type": TOKEN_TYPE, "metadata": {"annotations": {"kseal.dev/image-pull-secret-for": "*"}},
            });
            for object in &mut objects {
                object["spec"]["encryptedData"] = json!(items);
                ann.create(object).await?;
                let path = path(object);
                eve.merge(&path, &json!({"metadata": {"labels": {"a": "b"}}})).await?;
                let change = json!({"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}});
                refused(eve.merge(&path, &change).await, "needs the right to")?;
                ann.merge(&path, &change).await?;
            }
        }
        Ok(())
    });
}

/// It may do none of what these objects ask for, and has to take owners and finalizers off.
#[test]
fn the_garbage_collector_can_do_its_work() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("garbage").await?;
        let admin = Objects::new(cluster.admin().await?);
        let owner =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": "owner"}});
        let owner = admin.create(&owner).await?;
        let entries = json!({"scope": "Strict", "imagePullSecret": {"serviceAccounts": {"all": true}}});
        let annotations = json!({"annotations": {"kseal.dev/image-pull-secret-for": "*"}});
        let mut objects = [
            token(&namespace, "token", "Secret"),
            native(&namespace, "token", &typed(TOKEN_TYPE)),
            native(&namespace, "pull", &entries),
            upstream(&namespace, "token", &json!({"type": TOKEN_TYPE})),
            upstream(&namespace, "pull", &json!({"metadata": annotations})),
        ];
        for object in &mut objects {
            object["metadata"]["finalizers"] = json!(["kseal.dev/test"]);
            object["metadata"]["ownerReferences"] = json!([
                {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]},
            ]);
            admin.create(object).await?;
        }
        let orphan = ["-n", &namespace, "delete", "configmap", "owner", "--cascade=orphan", "--wait=false"];
        cluster.kubectl(orphan).run().await?;
        // What waits for its finalizer first waits for the collector's own.
        let foreground = ["--cascade=foreground", "--wait=false", "--all"];
        let eve = user(cluster, Some(&namespace), "eve", WRITES).await?;
        for object in &objects {
            let path = path(object);
            wait_until(&format!("{path} has no owner"), 2 * SOON, || async {
                ensure!(admin.get(&path).await?["metadata"].get("ownerReferences").is_none());
                Ok(())
            })
            .await?;
        }
        for kind in ["serviceaccounttokens", "sealedsecrets.kseal.dev", "sealedsecrets.bitnami.com"] {
            let delete = ["-n", &namespace, "delete", kind].into_iter().chain(foreground);
            cluster.kubectl(delete).run().await?;
        }
        for object in &objects {
            // As a controller of somebody's would, which has no other right.
            let path = path(object);
            wait_until(&format!("{path} is gone"), SOON, || async {
                let Some(found) = admin.find(&path).await? else { return Ok(()) };
                let finalizers = found["metadata"]["finalizers"].as_array().into_iter().flatten();
                let others: Vec<&Value> = finalizers.filter(|it| **it != "kseal.dev/test").collect();
                eve.merge(&path, &json!({"metadata": {"finalizers": others}})).await?;
                anyhow::bail!("it is still there")
            })
            .await?;
        }
        Ok(())
    });
}
