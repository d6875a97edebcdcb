//! `kseal migrate`: whether a cluster of sealed-secrets can be taken over.

#[path = "harness/server.rs"]
mod server;

mod harness;

use harness::Folder;
use serde_json::{Value, json};
use server::{Server, status};

const UPSTREAM: &str = "/apis/bitnami.com/v1alpha1/sealedsecrets?limit=500";
const NATIVE: &str = "/apis/kseal.dev/v1alpha1/sealedsecrets?limit=500";
const SECRETS: &str = "/api/v1/secrets?limit=500";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/kube-system/deployments?limit=500";
const SERVICE: &str = "/api/v1/namespaces/kube-system/services/sealed-secrets-controller";
const DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/sealedsecrets.bitnami.com";

struct Scene {
    folder: Folder,
    server: Server,
    objects: Vec<Value>,
    native: Vec<Value>,
    secrets: Vec<Value>,
    deployments: Vec<Value>,
}

fn page(items: &[Value]) -> Value {
    json!({"metadata": {}, "items": items})
}

fn object(name: &str) -> Value {
    let envelope = kseal_crypto::encode_base64(&[&[1, 0][..], &[7; 256 + 16]].concat());
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "resourceVersion": "1", "generation": 2},
        "spec": {"encryptedData": {"password": envelope}, "template": {"type": "Opaque"}},
        "status": {"observedGeneration": 2, "conditions": [{"type": "Synced", "status": "True"}]},
    })
}

/// The metadata of a Secret; `group/uid` is its owner.
fn secret(namespace: &str, name: &str, owner: Option<(&str, &str)>) -> Value {
    let mut metadata = json!({
        "name": name, "namespace": namespace, "uid": format!("secret-{name}"), "resourceVersion": "7",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    });
    if let Some((group, uid)) = owner {
        metadata["ownerReferences"] = json!([{
            "apiVersion": format!("{group}/v1alpha1"), "kind": "SealedSecret", "name": name, "uid": uid, "controller": true,
        }]);
    }
    json!({ "metadata": metadata })
}

fn key(name: &str, label: &str) -> Value {
    let mut key = secret("kube-system", name, None);
    key["metadata"]["labels"] = json!({"sealedsecrets.bitnami.com/sealed-secrets-key": label});
    key
}

fn deployment(namespace: &str, name: &str, replicas: u8, args: &[&str]) -> Value {
    let image = "ghcr.io/x/sealed-secrets-controller:1".replace("sealed-secrets-controller", name);
    json!({
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"image": image, "args": args}]}}},
    })
}

impl Scene {
    /// Two objects with their Secrets, one active key, and the controller of sealed-secrets.
    fn new() -> Self {
        let server = Server::start();
        let folder = Folder::new();
        folder.write(".kube/config", &server.kubeconfig(""));
        let owned = |name: &str| secret("shop", name, Some(("bitnami.com", &format!("uid-{name}"))));
        Self {
            folder,
            server,
            objects: vec![object("db"), object("web")],
            native: Vec::new(),
            secrets: vec![
                key("sealed-secrets-keyabc", "active"),
                owned("db"),
                secret("shop", "other", None),
                owned("web"),
            ],
            deployments: vec![deployment("kube-system", "sealed-secrets-controller", 1, &[])],
        }
    }

    fn serve(&self) -> &Self {
        for (path, items) in [
            (UPSTREAM, &self.objects),
            (NATIVE, &self.native),
            (SECRETS, &self.secrets),
            (DEPLOYMENTS, &self.deployments),
        ] {
            self.server.forgets(path).has(path, page(items));
        }
        self
    }

    fn migrate(&self, code: i32) -> String {
        self.serve().folder.kseal(&["migrate"]).exits_with(code).stdout
    }

    fn json(&self, code: i32) -> Value {
        self.serve().folder.kseal(&["migrate", "-o", "json"]).exits_with(code).json()
    }
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn a_cluster_that_can_be_taken_over_is_told_so_with_what_to_do() {
    let scene = Scene::new();
    let certificate = include_str!("../../tests/fixtures/certificate-2048-a.pem");
    scene.server.has(SERVICE, json!({"spec": {"ports": [{"port": 8080}]}}));
    let proxy = SERVICE.replace("/sealed-secrets-controller", "/http:sealed-secrets-controller:/proxy/v1/cert.pem");
    scene.server.has(&proxy, certificate);
    scene
        .server
        .has(DEFINITION, json!({"metadata": {"name": "x", "annotations": {"meta.helm.sh/release-name": "ss"}}}));
    let text = scene.migrate(0);
    has(
        &text,
        &[
            "context here (http://127.0.0.1:",
            ": 2 objects of sealed-secrets in 1 namespace\n",
            "  objects         2 synced\n",
            "  Secrets         2 owned by their objects\n",
            "  keys            1 active in namespace kube-system; the certificate expires 21",
            "  sealed-secrets  deployment kube-system/sealed-secrets-controller runs (1 replica)\n",
            "  kseal           not installed\n",
            "belongs to the Helm release ss",
            "  kseal keys export --cluster --namespace-of-controller kube-system -o sealed-secrets-keys.yaml\n",
            "  kubectl -n kube-system scale deployment sealed-secrets-controller --replicas=0\n",
            "  kubectl apply -k deploy/sealed-secrets\n",
        ],
    );
    assert!(!text.contains("would not work"), "{text}");
    // What is read of Secrets is their metadata, and nothing is written.
    let seen = scene.server.seen();
    assert!(seen.iter().all(|seen| seen.line.starts_with("GET ")));
    let of_secrets: Vec<_> = seen.iter().filter(|seen| seen.line.contains("/secrets")).collect();
    assert_eq!(of_secrets.len(), 1);
    let accept = of_secrets[0].header("accept").unwrap_or_default();
    assert_eq!(accept, "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
}

#[test]
fn objects_that_would_not_work_are_named_and_it_exits_1() {
    let mut scene = Scene::new();
    let mut templates = object("templates");
    templates["spec"]["template"]["data"] = json!({"url": "https://{{ .password }}"});
    let mut legacy = object("legacy");
    legacy["spec"] = json!({"encryptedData": {}, "data": "AgA="});
    let mut broken = object("broken");
    broken["spec"]["encryptedData"]["password"] = json!({"nested": 1});
    let mut failing = object("failing");
    failing["status"]["conditions"][0] =
        json!({"type": "Synced", "status": "False", "message": "no key could decrypt secret (password)"});
    scene.objects.extend([templates, legacy, broken, failing, object("foreign"), object("missing")]);
    scene.secrets.push(secret("shop", "foreign", None));
    let text = scene.migrate(1);
    has(
        &text,
        &[
            "  objects         7 synced, 1 not synced\n",
            "  Secrets         2 owned by their objects, 5 missing, 1 foreign\n",
            "would not work:\n  shop/broken     Malformed    not canonical base64",
            "  shop/failing    NotSynced    its status says: no key could decrypt secret (password)\n",
            "  shop/foreign    NotOwned     the Secret is not this object's; let it consent",
            "  shop/legacy     Unsupported  spec.data is a whole Secret in one value",
            "  shop/templates  Unsupported  spec.template.data has templates",
            "  5 objects are without a Secret: it would be made",
        ],
    );
    let report = scene.json(1);
    assert_eq!(report["ready"], false);
    let found: Vec<_> = report["findings"].as_array().expect("findings").iter().map(|it| it["name"].clone()).collect();
    assert_eq!(found, ["broken", "failing", "foreign", "legacy", "templates"]);
    assert_eq!((&report["secrets"]["missing"], &report["objects"]["total"]), (&json!(5), &json!(8)));
}

#[test]
fn what_would_be_different_is_no_error() {
    let mut scene = Scene::new();
    let args = ["--additional-namespaces=shop,bar", "--label-selector", "team=a", "--key-prefix=own-key"];
    scene.deployments = vec![deployment("kube-system", "sealed-secrets-controller", 1, &args)];
    scene.secrets.push(key("old", "compromised"));
    let mut first = secret("kube-system", "own-key", None);
    first["metadata"]["labels"] = json!({"app": "x"});
    scene.secrets.push(first);
    let text = scene.migrate(0);
    has(
        &text,
        &[
            "  keys            2 active, 1 not active in namespace kube-system\n",
            "looks after some namespaces only (shop,bar)",
            "objects with team=a only",
            "--sealed-secrets-key-prefix=own-key",
            "keys export --cluster --namespace-of-controller kube-system --sealed-secrets-key-prefix own-key -o ",
            "the key old is labelled \"compromised\"",
        ],
    );
}

#[test]
fn two_controllers_and_no_key_are_problems() {
    let mut scene = Scene::new();
    scene.deployments.push(deployment("kube-system", "kseal-controller", 2, &["--sealed-secrets=generate"]));
    let text = scene.migrate(1);
    has(
        &text,
        &[
            "would not work:\n  sealed-secrets' controller and kseal's both serve bitnami.com",
            "runs (2 replicas), serves",
        ],
    );
    let next = text.split("next").nth(1).expect("next steps");
    assert_eq!(next.matches("kubectl").count(), 1, "{text}");

    let mut scene = Scene::new();
    scene.server.has(
        "/apis/apps/v1/namespaces/kseal-system/deployments/kseal-controller",
        deployment("kseal-system", "kseal-controller", 2, &["--sealed-secrets=off"]),
    );
    has(
        &scene.migrate(0),
        &["  kseal           in namespace kseal-system runs (2 replicas), leaves bitnami.com alone\n"],
    );
    scene.secrets.remove(0);
    has(&scene.migrate(1), &["namespace kube-system has no active key", "--namespace-of-controller"]);
}

#[test]
fn after_the_takeover_the_way_to_native_objects_is_told() {
    let mut scene = Scene::new();
    scene.deployments = vec![
        deployment("kube-system", "sealed-secrets-controller", 0, &[]),
        deployment("kube-system", "kseal-controller", 2, &["--sealed-secrets=generate"]),
    ];
    has(
        &scene.migrate(0),
        &["sealed-secrets-controller stopped\n", "kseal.dev/hand-over=native\n", "kseal convert --to kseal"],
    );
    for (at, name) in ["db", "web"].into_iter().enumerate() {
        scene.objects[at]["metadata"]["annotations"] = json!({"kseal.dev/hand-over": "native"});
        scene.native.push(json!({"metadata": {"namespace": "shop", "name": name, "uid": format!("new-{name}")}}));
    }
    scene.secrets[1] = secret("shop", "db", Some(("kseal.dev", "new-db")));
    let text = scene.migrate(0);
    has(
        &text,
        &[
            "1 owned by their objects, 1 handed over to native objects",
            "1 object is ready to hand over",
            "2 native objects",
        ],
    );
    scene.secrets[3] = secret("shop", "web", Some(("kseal.dev", "new-web")));
    let text = scene.migrate(0);
    has(&text, &["kubectl delete sealedsecrets.bitnami.com --all --all-namespaces"]);
    assert!(!text.contains("convert"), "{text}");
}

#[test]
fn what_may_not_be_looked_at_is_told_and_what_is_needed_is_an_error() {
    let scene = Scene::new();
    scene.serve();
    let no = status(403, "Forbidden", "you may not");
    scene.server.forgets(DEPLOYMENTS).says(DEPLOYMENTS, 403, &no).says(DEFINITION, 403, &no);
    let run = scene.folder.kseal(&["migrate"]).succeeds();
    has(
        &run.stdout,
        &[
            "does not let you read deployments in namespace kube-system, so nothing is said of it",
            "does not let you read the definition",
        ],
    );
    scene.server.forgets(SECRETS).says(SECRETS, 403, &no);
    let run = scene.folder.kseal(&["migrate"]).exits_with(8);
    has(
        &run.stderr,
        &["does not let you read metadata of secrets in all namespaces", "hint: of Secrets only the metadata"],
    );
    scene.server.forgets(UPSTREAM);
    let run = scene.folder.kseal(&["migrate"]).exits_with(8);
    has(&run.stderr, &["knows no SealedSecret of sealed-secrets"]);
    scene.folder.kseal(&["migrate", "--namespace-of-controller", "a/b"]).exits_with(2);
}

#[test]
fn values_in_annotations_of_secrets_and_strange_objects_do_no_harm() {
    let mut scene = Scene::new();
    scene.secrets[1]["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": "hunter2"});
    scene.secrets.push(json!({"metadata": {"name": 7}}));
    scene.objects.push(json!({"spec": []}));
    let mut strange = object("strange\u{1b}[2J");
    strange["status"]["conditions"][0] = json!({"type": "Synced", "status": "False", "message": "\u{1b}[2J"});
    scene.objects.push(strange);
    let text = scene.migrate(1);
    assert!(!text.contains("hunter2") && !text.contains('\u{1b}'), "{text}");
    has(&text, &["3 objects of sealed-secrets"]);
}

#[test]
fn an_object_that_is_too_deep_is_a_finding_and_hides_no_other() {
    let mut scene = Scene::new();
    let deep = (0..150).fold(Value::Null, |inner, _| json!({"a": inner}));
    let mut hostile = object("hostile");
    hostile["spec"]["template"] = json!({"metadata": deep, "type": deep});
    hostile["metadata"]["managedFields"] = json!([{"manager": "x", "fieldsV1": {"f:spec": deep}}]);
    scene.objects.insert(0, hostile.clone());
    hostile["metadata"]["name"] = "native".into();
    scene.native.push(hostile);
    let text = scene.migrate(1);
    has(
        &text,
        &["3 objects of sealed-secrets", "2 owned by their objects", "shop/hostile  Malformed", "1 native object"],
    );
}

#[test]
fn objects_that_are_too_many_for_one_answer_come_in_smaller_pages() {
    let scene = Scene::new();
    scene.serve().server.forgets(UPSTREAM).is_too_large(UPSTREAM);
    scene.server.has(&UPSTREAM.replace("=500", "=62"), page(&scene.objects));
    let text = scene.folder.kseal(&["migrate"]).succeeds().stdout;
    has(&text, &["2 objects of sealed-secrets"]);
}
