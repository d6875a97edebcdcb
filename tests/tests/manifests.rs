//! What `deploy/` says, read without a cluster.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

#[path = "manifests/policies.rs"]
mod policies;
#[path = "manifests/told.rs"]
mod told;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use kseal_api::{
    CreationPolicy, DataKey, ImagePullSecret, RewrapFailure, RewrapObject, RewrapRequestSpec, RewrapRequestStatus,
    RewrappedObject, Scope, SealedFor, SealedSecretSpec, Selection, Target, Template, TemplateMetadata, crd, names,
};
use kseal_core::policy::Policy;
use kseal_crypto::envelope;
use kseal_manifest::Manifest;
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// All YAML files below `deploy/`.
fn files() -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The documents of a file below `deploy/`.
fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let manifest = Manifest::parse(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    manifest.documents().iter().map(|document| document.root().to_json()).collect()
}

/// The one object of a kind and name in a file below `deploy/`.
fn object(file: &str, kind: &str) -> Value {
    let found: Vec<Value> = documents(&folder().join(file)).into_iter().filter(|it| it["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{file} has one {kind}");
    found.into_iter().next().unwrap()
}

/// Each rule as `group/resource names: verbs`, one for each resource.
fn rules(role: &Value) -> BTreeSet<String> {
    let list = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let mut rules = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in list(&rule["apiGroups"]) {
            for resource in list(&rule["resources"]) {
                let names = list(&rule["resourceNames"]).join(" ");
                rules.insert(format!("{group}/{resource} [{names}]: {}", list(&rule["verbs"]).join(" ")));
            }
        }
    }
    rules
}

fn strings(rules: &[&str]) -> BTreeSet<String> {
    rules.iter().map(|&rule| rule.to_owned()).collect()
}

#[test]
fn every_document_is_an_object_or_a_part_of_a_kustomization() {
    for path in files() {
        for document in documents(&path) {
            let text = |field: &str| document[field].as_str().unwrap_or_default().to_owned();
            assert!(!text("apiVersion").is_empty() && !text("kind").is_empty(), "{}", path.display());
            let is_named = document["metadata"]["name"].is_string();
            assert!(is_named || ["Kustomization", "Component"].contains(&&*text("kind")), "{}", path.display());
        }
    }
}

#[test]
fn every_file_beside_a_kustomization_is_named_in_it() {
    // Separate by intent: created by hand where there is no other, and copied from.
    let apart = ["crds/bitnami.com_sealedsecrets.yaml", "gitops/argocd-cm.yaml", "gitops/flux-kustomization.yaml"];
    for path in files().iter().filter(|path| !path.ends_with("kustomization.yaml")) {
        let name = path.strip_prefix(folder()).unwrap().to_str().unwrap().to_owned();
        let kustomization = path.with_file_name("kustomization.yaml");
        let text = fs::read_to_string(kustomization).unwrap_or_default();
        let file = path.file_name().unwrap().to_str().unwrap();
        let is_named = text.lines().any(|line| line.ends_with(&format!(" {file}")) && !line.starts_with('#'));
        assert_ne!(is_named, apart.contains(&&*name), "{name}");
    }
}

#[test]
fn the_definitions_are_those_that_the_code_has() {
    for definition in crd::definitions() {
        let committed = documents(&folder().join("crds").join(definition.file));
        assert_eq!(committed, [definition.object], "{}: run `cargo xtask generate`", definition.file);
    }
}

#[test]
fn the_limits_of_the_schema_are_those_of_the_reader() {
    assert_eq!(crd::MAX_ITEMS, envelope::MAX_ITEMS);
    assert_eq!(crd::MAX_DATA_KEYS, envelope::MAX_DATA_KEYS);
    assert_eq!(crd::MAX_WRAPS, envelope::MAX_WRAPS);
    assert_eq!(crd::MAX_TEXT, kseal_core::MAX_OBJECT_BYTES);
}

/// What the API server would prune, the reader would never see.
#[test]
fn the_schema_has_every_field_that_the_types_have() {
    let map = |value: &str| [("a".to_owned(), value.to_owned())].into();
    let spec = SealedSecretSpec {
        scope: Some(Scope::Strict),
        sealed_for: SealedFor { namespace: Some("a".into()), name: Some("a".into()) },
        data_keys: [("a".to_owned(), DataKey { commitment: "a".into(), recipients: map("a") })].into(),
        encrypted_data: map("a"),
        template: Some(Template {
            type_: Some("a".into()),
            immutable: Some(true),
            metadata: Some(TemplateMetadata { labels: Some(map("a")), annotations: Some(map("a")) }),
        }),
        target: Some(Target { creation_policy: CreationPolicy::Owner }),
        image_pull_secret: Some(ImagePullSecret {
            service_accounts: Selection {
                names: Some(vec!["a".into()]),
                selector: Some(json!({"matchLabels": {"a": "a"}})),
                all: Some(true),
            },
        }),
    };
    let definition = object("crds/kseal.dev_sealedsecrets.yaml", "CustomResourceDefinition");
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    covers(schema, &serde_json::to_value(spec).unwrap(), "spec");
    for (variants, path) in [
        (json!([Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide]), ["scope", ""]),
        (json!([CreationPolicy::Owner, CreationPolicy::Merge, CreationPolicy::Orphan]), ["target", "creationPolicy"]),
    ] {
        let field = &schema["properties"][path[0]];
        let field = if path[1].is_empty() { field } else { &field["properties"][path[1]] };
        assert_eq!(field["enum"], variants, "{path:?}");
    }
}

#[test]
fn the_schema_of_requests_has_every_field_that_the_types_have() {
    let map = |value: &str| [("a".to_owned(), value.to_owned())].into();
    let data_keys = [("a".to_owned(), DataKey { commitment: "a".into(), recipients: map("a") })].into();
    let spec =
        RewrapRequestSpec { objects: vec![RewrapObject { scope: Scope::Strict, name: Some("a".into()), data_keys }] };
    let object_ = RewrappedObject {
        data_keys: [("a".to_owned(), map("a"))].into(),
        failures: [("a".to_owned(), RewrapFailure::Open)].into(),
    };
    let status = RewrapRequestStatus { observed_generation: 1, objects: vec![object_], conditions: vec![json!({})] };
    let definition = object("crds/kseal.dev_rewraprequests.yaml", "CustomResourceDefinition");
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    covers(&schema["spec"], &serde_json::to_value(spec).unwrap(), "spec");
    covers(&schema["status"], &serde_json::to_value(status).unwrap(), "status");
    let failures = &schema["status"]["properties"]["objects"]["items"]["properties"]["failures"];
    let all = [
        RewrapFailure::Malformed,
        RewrapFailure::Unsupported,
        RewrapFailure::NoKey,
        RewrapFailure::Open,
        RewrapFailure::Compromised,
    ];
    assert_eq!(failures["additionalProperties"]["enum"], json!(all));
}

fn covers(schema: &Value, value: &Value, path: &str) {
    assert!(schema["type"].is_string(), "{path} has no schema");
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        covers(&schema["items"], value, &format!("{path}[{index}]"));
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let known = schema["properties"].get(key);
        let inner = known.or_else(|| schema.get("additionalProperties"));
        covers(inner.unwrap_or(&Value::Null), value, &format!("{path}.{key}"));
    }
}

/// The API server estimates what a rule might cost at most, and refuses one that looks at something without a bound.
#[test]
fn everything_in_the_native_schema_has_a_bound() {
    fn bounded(schema: &Value, path: &str) {
        let has = |bound: &str| schema.get(bound).is_some();
        match schema["type"].as_str() {
            Some("string") => assert!(has("maxLength") || has("enum") || has("format"), "{path} has no maxLength"),
            Some("array") => assert!(has("maxItems"), "{path} has no maxItems"),
            Some("object") if has("additionalProperties") => assert!(has("maxProperties"), "{path}: no maxProperties"),
            _ => {}
        }
        for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
            bounded(schema, &format!("{path}.{key}"));
        }
        for inner in ["items", "additionalProperties"].iter().filter_map(|inner| schema.get(*inner)) {
            bounded(inner, &format!("{path}[]"));
        }
    }
    for file in ["crds/kseal.dev_sealedsecrets.yaml", "crds/kseal.dev_rewraprequests.yaml"] {
        let definition = object(file, "CustomResourceDefinition");
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
        bounded(&schema["spec"], "spec");
        bounded(&schema["status"], "status");
    }
}

#[test]
fn the_controller_may_do_what_it_does_and_no_more() {
    let everywhere = [
        "/secrets []: create get list patch watch",
        "kseal.dev/sealedsecrets []: get list watch",
        "kseal.dev/sealedsecrets/status []: patch",
        "bitnami.com/sealedsecrets []: get list watch",
        "bitnami.com/sealedsecrets/status []: patch",
        "/events []: create",
    ];
    let uid = "/namespaces [kube-system]: get";
    let mut cluster = strings(&everywhere);
    cluster.insert(uid.to_owned());
    assert_eq!(rules(&object("cluster/clusterrole.yaml", "ClusterRole")), cluster);
    assert_eq!(rules(&object("namespaced/tenant/role.yaml", "Role")), strings(&everywhere));
    assert_eq!(rules(&object("namespaced/cluster-uid.yaml", "Role")), strings(&[uid]));
    let own = [
        "coordination.k8s.io/leases []: create",
        "coordination.k8s.io/leases [kseal-controller]: get update",
        "/configmaps []: create",
        "/configmaps [kseal-public-keys]: get list patch watch",
        "/configmaps [kseal-key-usage]: get patch",
    ];
    assert_eq!(rules(&object("base/role.yaml", "Role")), strings(&own));
    let keys = ["/secrets []: create get list patch watch", "/events []: create"];
    assert_eq!(rules(&object("namespaced/role.yaml", "Role")), strings(&keys));
    // What is switched on apart.
    let component = |name: &str| rules(&object(&format!("components/{name}/controller.yaml"), "ClusterRole"));
    // Each may look at the policy that it relies on, and at no other.
    let with_guard = |rules: &[&str], policy: Policy| {
        let resources = ["validatingadmissionpolicies", "validatingadmissionpolicybindings"];
        let rule = |it| format!("admissionregistration.k8s.io/{it} [{}]: get list watch", policy.name());
        strings(rules).into_iter().chain(resources.map(rule)).collect::<BTreeSet<String>>()
    };
    let requests = ["kseal.dev/rewraprequests []: delete get list watch", "kseal.dev/rewraprequests/status []: patch"];
    assert_eq!(component("rewrap-requests"), with_guard(&requests, Policy::RewrapRequests));
    let pulls = ["/serviceaccounts []: get list patch watch"];
    assert_eq!(component("image-pull-secrets"), with_guard(&pulls, Policy::ImagePullSecrets));
    let tokens = [
        "kseal.dev/serviceaccounttokens []: get list watch",
        "kseal.dev/serviceaccounttokens/status []: patch",
        "/serviceaccounts []: get list watch",
        "/serviceaccounts/token []: create",
        "/secrets []: delete",
    ];
    assert_eq!(component("service-account-tokens"), with_guard(&tokens, Policy::ServiceAccountTokens));
    let everywhere = [
        "kseal.dev/clustersealedsecrets []: list watch",
        "kseal.dev/clustersealedsecrets/status []: patch",
        "/namespaces []: list watch",
        "/secrets []: delete",
    ];
    assert_eq!(component("cluster-sealed-secrets"), with_guard(&everywhere, Policy::ClusterSealedSecrets));
    let objects = ["kseal.dev/sealedsecrets []: patch"];
    assert_eq!(rules(&object("components/rewrap-objects/controller.yaml", "ClusterRole")), strings(&objects));
}

/// Who may ask for new keys and see what they are used for reads no Secret.
#[test]
fn who_looks_after_keys_may_do_that_and_no_more() {
    let rights = ["/configmaps [kseal-key-usage]: get", "/configmaps [kseal-public-keys]: get patch"];
    assert_eq!(rules(&object("public-keys/operator-role.yaml", "Role")), strings(&rights));
    let rights = ["kseal.dev/rewraprequests []: create delete get"];
    assert_eq!(rules(&object("components/rewrap-requests/users.yaml", "ClusterRole")), strings(&rights));
}

#[test]
fn no_role_has_a_wildcard_and_none_for_people_has_a_status() {
    for path in files() {
        for document in documents(&path) {
            if !["Role", "ClusterRole"].iter().any(|kind| document["kind"] == *kind) {
                continue;
            }
            let name = document["metadata"]["name"].as_str().unwrap().to_owned();
            let is_the_controllers = name.starts_with("kseal-controller") || name == "kseal-cluster-uid";
            for rule in rules(&document) {
                assert!(!rule.contains('*'), "{name}: {rule}");
                assert!(is_the_controllers || !rule.contains("/status"), "{name}: {rule}");
                assert!(is_the_controllers || !rule.contains("/secrets"), "{name}: {rule}");
            }
        }
    }
}

#[test]
fn every_binding_names_a_role_that_is_there_and_the_controllers_account() {
    let all: Vec<Value> = files().iter().flat_map(|path| documents(path)).collect();
    let is_there =
        |kind: &Value, name: &Value| all.iter().any(|it| &it["kind"] == kind && &it["metadata"]["name"] == name);
    for binding in all.iter().filter(|it| it["kind"].as_str().unwrap().ends_with("RoleBinding")) {
        assert!(is_there(&binding["roleRef"]["kind"], &binding["roleRef"]["name"]), "{binding}");
        for subject in binding["subjects"].as_array().unwrap() {
            match subject["kind"].as_str().unwrap() {
                "ServiceAccount" => {
                    assert_eq!(subject["name"], names::CONTROLLER);
                    assert_eq!(subject["namespace"], names::SYSTEM_NAMESPACE);
                }
                "Group" => assert_eq!(subject["name"], "system:authenticated"),
                other => panic!("{other} in {binding}"),
            }
        }
    }
}

#[test]
fn the_pod_is_of_the_strictest_standard_and_says_what_it_needs() {
    let deployment = object("base/deployment.yaml", "Deployment");
    assert_eq!(deployment["metadata"]["name"], names::CONTROLLER);
    assert_eq!(deployment["metadata"]["namespace"], names::SYSTEM_NAMESPACE);
    let spec = &deployment["spec"];
    assert_eq!(spec["replicas"], 2);
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], names::CONTROLLER);
    assert_eq!(pod["automountServiceAccountToken"], true);
    assert_eq!(object("base/serviceaccount.yaml", "ServiceAccount")["automountServiceAccountToken"], false);
    let user = json!({
        "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"},
    });
    assert_eq!(pod["securityContext"], user);
    assert_eq!(pod["topologySpreadConstraints"].as_array().unwrap().len(), 2);
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() >= 20);
    assert!(pod.get("volumes").is_none() && pod.get("hostNetwork").is_none() && pod.get("hostPID").is_none());

    let containers = pod["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1);
    let container = &containers[0];
    assert_eq!(container["name"], names::CONTROLLER);
    let confined = json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
    });
    assert_eq!(container["securityContext"], confined);
    let resources = &container["resources"];
    assert!(resources["requests"]["cpu"].is_string() && resources["requests"]["memory"].is_string());
    assert!(resources["limits"]["memory"].is_string() && resources["limits"].get("cpu").is_none());
    for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
        assert_eq!(container[probe]["httpGet"], json!({"path": path, "port": "http"}));
    }
    for name in ["POD_NAMESPACE", "POD_NAME"] {
        let env = container["env"].as_array().unwrap();
        assert!(env.iter().any(|it| it["name"] == name && it["valueFrom"]["fieldRef"].is_object()), "{name}");
    }
}

#[test]
fn every_selector_finds_the_pods_and_every_port_is_one_of_theirs() {
    let deployment = object("base/deployment.yaml", "Deployment");
    let template = &deployment["spec"]["template"];
    let labels = template["metadata"]["labels"].as_object().unwrap();
    let ports = template["spec"]["containers"][0]["ports"].as_array().unwrap();
    let finds = |selector: &Value| {
        let wanted = selector.as_object().unwrap();
        !wanted.is_empty() && wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    assert!(finds(&deployment["spec"]["selector"]["matchLabels"]));
    for spread in template["spec"]["topologySpreadConstraints"].as_array().unwrap() {
        assert!(finds(&spread["labelSelector"]["matchLabels"]));
    }
    assert!(finds(&object("base/poddisruptionbudget.yaml", "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]));
    for file in ["base/networkpolicy.yaml", "components/monitoring/networkpolicy.yaml"] {
        let policy = object(file, "NetworkPolicy");
        assert!(finds(&policy["spec"]["podSelector"]["matchLabels"]), "{file}");
        let port = &policy["spec"]["ingress"][0]["ports"][0]["port"];
        assert!(ports.iter().any(|it| &it["name"] == port), "{file}");
    }
    for file in ["base/service.yaml", "sealed-secrets/service.yaml"] {
        let service = object(file, "Service");
        assert!(finds(&service["spec"]["selector"]), "{file}");
        for port in service["spec"]["ports"].as_array().unwrap() {
            assert!(ports.iter().any(|it| it["name"] == port["targetPort"]), "{file}");
        }
    }
    let monitor = object("components/monitoring/servicemonitor.yaml", "ServiceMonitor");
    let service = object("base/service.yaml", "Service");
    assert_eq!(monitor["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"], names::CONTROLLER);
    assert_eq!(service["metadata"]["labels"]["app.kubernetes.io/name"], names::CONTROLLER);
    let endpoint = &monitor["spec"]["endpoints"][0]["port"];
    assert!(service["spec"]["ports"].as_array().unwrap().iter().any(|it| &it["name"] == endpoint));
}

/// The name of a Service's port is part of the path by which kubeseal comes: upstream's has none.
#[test]
fn kubeseal_finds_the_service_where_it_looks_for_it() {
    let service = object("sealed-secrets/service.yaml", "Service");
    assert_eq!(service["metadata"]["name"], "sealed-secrets-controller");
    assert_eq!(service["metadata"]["namespace"], "kube-system");
    assert_eq!(service["spec"]["ports"], json!([{"port": 8080, "targetPort": "http"}]));
    let proxier = rules(&object("sealed-secrets/service-proxier.yaml", "Role"));
    let names = "http:sealed-secrets-controller: http:sealed-secrets-controller:http sealed-secrets-controller";
    let expected = ["/services [sealed-secrets-controller]: get", &format!("/services/proxy [{names}]: get")];
    assert_eq!(proxier, strings(&expected));
}

#[test]
fn the_namespaces_that_are_served_are_those_that_have_a_role() {
    let deployment = object("namespaced/deployment.yaml", "Deployment");
    let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    let watched = arguments.as_array().unwrap().iter().find_map(|it| it.as_str()?.strip_prefix("--watch-namespaces="));
    let watched: BTreeSet<String> = watched.unwrap().split(',').map(ToOwned::to_owned).collect();
    let mut roles = BTreeSet::new();
    for entry in fs::read_dir(folder().join("namespaced/tenants")).unwrap() {
        let path = entry.unwrap().path();
        let kustomization = &documents(&path.join("kustomization.yaml"))[0];
        assert_eq!(kustomization["namespace"], path.file_name().unwrap().to_str().unwrap());
        roles.insert(kustomization["namespace"].as_str().unwrap().to_owned());
    }
    assert_eq!(watched, roles);
}

/// An alert on a metric that nobody has is silent for ever.
#[test]
fn every_metric_of_an_alert_is_one_that_the_controller_has() {
    let metrics = fs::read_to_string(folder().join("../controller/src/metrics.rs")).unwrap();
    let rules = fs::read_to_string(folder().join("components/monitoring/prometheusrule.yaml")).unwrap();
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let mut names = BTreeSet::new();
    for rest in rules.split("kseal_").skip(1) {
        let name = rest.split(|c| !is_name(c)).next().unwrap();
        // What the format adds to them.
        let bare = ["_total", "_seconds"].iter().find_map(|suffix| name.strip_suffix(suffix));
        names.insert(bare.unwrap_or(name));
    }
    assert!(names.len() > 6, "{names:?}");
    for name in names {
        assert!(metrics.contains(&format!("\"{name}\"")), "kseal_{name}");
    }
}

/// A reason is what people search for.
#[test]
fn every_reason_of_a_condition_is_explained_to_who_operates_it() {
    let source = fs::read_to_string(folder().join("../crates/kseal-core/src/reconcile/trouble.rs")).unwrap();
    let document = fs::read_to_string(folder().join("../docs/operate.md")).unwrap();
    let body = source.split("pub fn reason(").nth(1).unwrap().split("\n    }\n").next().unwrap();
    let reasons: BTreeSet<&str> = body.split('"').skip(1).step_by(2).chain(["Contested", "KeyCompromised"]).collect();
    assert!(reasons.len() > 15, "{reasons:?}");
    for reason in reasons {
        assert!(document.contains(&format!("`{reason}`")), "{reason}");
    }
}
