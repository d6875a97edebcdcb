//! `kseal reencrypt --through-cluster`: the cluster opens and wraps, and no private key is at hand.

#![allow(clippy::unwrap_used, reason = "this is test code, outside of a function that says so")]

#[path = "harness/controller.rs"]
mod controller;
#[path = "harness/published.rs"]
mod published;
#[path = "harness/server.rs"]
mod server;

mod harness;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use controller::{Controller, manifest};
use harness::{Folder, Run};
use kseal_api::KeyState;
use published::{PATH, Published, fingerprint, listed};
use serde_json::{Value, json};
use server::Server;

const SECRET: &str = "\
# the database
apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: shop
stringData:
  user: app
  # long
  password: hunter2
";

/// A change of an answer.
type Twist = fn(&mut Value);

const PLAIN: &str = "stringData:\n  user: app\n  # long\n  password: hunter2\n";

const THROUGH: [&str; 4] = ["reencrypt", "--through-cluster", "--context", "here"];

/// A repository with `db.yaml` and `inplace.yaml` sealed for the key of seed 1 of a cluster, which has rotated to seed 2.
struct Scene {
    folder: Folder,
    server: Server,
    published: Published,
}

impl Scene {
    fn new() -> Self {
        Self::with_clusters("prod")
    }

    /// `prod` is the cluster; `dev` is one of the key of seed 9, which nobody runs.
    fn with_clusters(clusters: &str) -> Self {
        let server = Server::start();
        let mut published = Published::new(1);
        server.has(PATH, published.config_map());
        let folder = Folder::new();
        folder.git(&["init", "-q"]).succeeds();
        folder.write(".kube/config", &server.kubeconfig(""));
        folder.kseal(&["keys", "fetch", "-o", "prod.bundle"]).succeeds();
        folder.write("dev.key", &manifest(9));
        let dev = folder.kseal(&["keys", "export", "--public", "--name", "dev", "dev.key"]).succeeds().stdout;
        folder.write("dev.bundle", &dev);
        let config = format!(
            "clusters: {{prod: {{bundle: prod.bundle}}, dev: {{bundle: dev.bundle}}}}\nrules: [{{clusters: [{clusters}]}}]\n"
        );
        folder.write(".kseal.yaml", &config);
        for (file, format) in [("db.yaml", "kseal"), ("inplace.yaml", "secret")] {
            folder.write(file, SECRET);
            folder.kseal(&["encrypt", "--format", format, "-i", file]).succeeds();
        }
        published.keys = vec![listed(1, 1, KeyState::Retiring), listed(2, 2, KeyState::Active)];
        published.serial += 1;
        let scene = Self { folder, server, published };
        scene.publish();
        scene.fetch();
        scene
    }

    fn publish(&self) {
        self.server.forgets(PATH).has(PATH, self.published.config_map());
    }

    fn fetch(&self) {
        self.folder.kseal(&["keys", "fetch", "--context", "here", "-i"]).succeeds();
    }

    /// A controller that holds both keys.
    fn controller(&self) -> Arc<Mutex<Controller>> {
        self.serve(Controller::default())
    }

    fn serve(&self, controller: Controller) -> Arc<Mutex<Controller>> {
        Controller { held: vec![1, 2], newest: 2, ..controller }.serve(&self.server)
    }

    fn files(&self) -> (String, String) {
        (self.folder.read("db.yaml"), self.folder.read("inplace.yaml"))
    }

    fn through(&self, more: &[&str]) -> Run {
        self.folder.kseal(&[&THROUGH[..], more].concat())
    }

    fn opens_with(&self, seed: u8) {
        self.folder.write("one.key", &manifest(seed));
        for file in ["db.yaml", "inplace.yaml"] {
            let run = self.folder.kseal(&["decrypt", "--key", "one.key", file]).succeeds();
            assert!(run.stdout.ends_with(PLAIN), "{}", run.stdout);
        }
    }

    /// The requests about RewrapRequests, without their paths.
    fn methods(&self) -> Vec<String> {
        let lines = self.server.lines().into_iter().filter(|line| line.contains("rewraprequests"));
        lines.filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
    }

    fn asked_nothing(&self) {
        assert_eq!(self.methods(), Vec::<String>::new());
    }
}

/// A text without the recipients of its data keys.
fn without_recipients(text: &str) -> String {
    let text = text.lines().filter(|line| !line.trim_start().starts_with(['k', '"']) || !line.contains(": "));
    let lines = text.map(|line| line.split_once("\"recipients\"").map_or(line, |(before, _)| before));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_rotation_goes_through_the_cluster_and_changes_nothing_but_recipients() {
    let scene = Scene::new();
    let controller = scene.serve(Controller { slow: 2, ..Controller::default() });
    let before = scene.files();
    let run = scene.folder.kseal(&["reencrypt", "."]).exits_with(4);
    assert!(run.stderr.contains("which has to be re-wrapped, does not open"), "{}", run.stderr);
    assert_eq!(scene.folder.kseal(&["reencrypt", "--check", "."]).exits_with(1).stdout.lines().count(), 2);
    scene.asked_nothing();

    let run = scene.through(&["--dry-run", "."]).succeeds();
    assert!(run.stderr.contains("2 files would be changed"), "{}", run.stderr);
    assert_eq!(before, scene.files());

    let run = scene.through(&["."]).succeeds();
    assert!(run.stderr.contains("2 files changed"), "{}", run.stderr);
    let after = scene.files();
    for (before, after) in [(&before.0, &after.0), (&before.1, &after.1)] {
        let (old, new) = (fingerprint(1), fingerprint(2));
        assert!(before.contains(&old) && !before.contains(&new) && after.contains(&new) && !after.contains(&old));
        assert_eq!(without_recipients(before), without_recipients(after));
    }
    assert!(without_recipients(&after.0).contains("ks1.") && without_recipients(&after.0).contains("commitment"));
    scene.opens_with(2);
    let made = controller.lock().unwrap().made.clone();
    assert_eq!(made.len(), 2, "one for each run");
    assert_eq!((made[1].0.as_str(), made[1].1.objects.len()), ("shop", 2));
    assert_eq!(scene.methods().iter().filter(|method| *method == "DELETE").count(), 2);
    assert!(scene.server.seen().iter().all(|seen| !seen.body.contains("ks1.")), "no value leaves");

    let asked = scene.methods().len();
    scene.through(&["."]).succeeds();
    assert_eq!(scene.methods().len(), asked, "what is up to date is not asked for");
}

#[test]
fn wraps_of_other_clusters_stay_and_are_not_sent() {
    let scene = Scene::with_clusters("prod, dev");
    let controller = scene.controller();
    scene.through(&["."]).succeeds();
    let sent: BTreeSet<String> = controller.lock().unwrap().made[0]
        .1
        .objects
        .iter()
        .flat_map(|object| object.data_keys.values())
        .flat_map(|data_key| data_key.recipients.keys().cloned())
        .collect();
    assert_eq!(sent, BTreeSet::from([fingerprint(1)]));
    scene.opens_with(2);
    scene.opens_with(9);
}

#[test]
fn of_two_clusters_that_rotated_each_exchanges_its_own_recipients() {
    let scene = Scene::with_clusters("prod, dev");
    let _controller = scene.controller();
    // The other one rotated from 9 to 10, too.
    scene.folder.write("ten.key", &manifest(10));
    let newer = scene.folder.kseal(&["keys", "export", "--public", "--name", "dev", "dev.key", "ten.key"]).succeeds();
    scene.folder.write("dev.bundle", &newer.stdout);
    let run = scene.through(&["-o", "json", "."]).exits_with(4);
    assert!(run.stderr.contains("error: recipients of dev are not up to date yet"), "{}", run.stderr);
    assert!(run.stdout.contains("\"leftTo\": [\n") && run.stdout.contains("\"dev\""), "{}", run.stdout);
    scene.opens_with(2);
    scene.opens_with(9);
    for file in ["db.yaml", "inplace.yaml"] {
        assert!(!scene.folder.read(file).contains(&fingerprint(1)), "the old recipient of the cluster is gone");
        assert!(!scene.folder.read(file).contains(&fingerprint(10)), "nobody could wrap for that one");
    }
    // What is left is another's: the cluster has no part in it any more.
    let before = scene.files();
    let run = scene.through(&["."]).exits_with(4);
    assert!(run.stderr.contains("wraps for its own key only"), "{}", run.stderr);
    assert_eq!(before, scene.files());
    scene.through(&["--key", "dev.key", "."]).succeeds();
    scene.folder.kseal(&["reencrypt", "--check", "."]).succeeds();
    scene.opens_with(10);
    scene.opens_with(2);
}

#[test]
fn another_cluster_is_not_added_by_one_that_only_wraps_for_itself() {
    let scene = Scene::new();
    let _controller = scene.controller();
    scene.folder.write(".kseal.yaml", &scene.folder.read(".kseal.yaml").replace("[prod]", "[prod, dev]"));
    scene.through(&["."]).exits_with(4);
    // Its own part is done; the rest is not for it to do.
    let before = scene.files();
    let asked = scene.methods().len();
    let run = scene.through(&["."]).exits_with(4);
    assert!(run.stderr.contains("db.yaml: SealedSecret shop/db, which has to be re-wrapped, is to be wrapped for"));
    assert!(run.stderr.contains(&format!("{} of dev", &fingerprint(9)[..13])), "{}", run.stderr);
    assert!(run.stderr.contains("hint: give one of its keys with --key: k"), "{}", run.stderr);
    assert_eq!(before, scene.files());
    // With a private key there is nothing to ask.
    scene.folder.write("two.key", &manifest(2));
    scene.through(&["--key", "two.key", "."]).succeeds();
    assert_eq!(scene.methods().len(), asked);
    scene.opens_with(9);
    scene.opens_with(2);
}

#[test]
fn a_file_that_is_not_for_this_cluster_fails_and_the_others_do_not() {
    let scene = Scene::new();
    let _controller = scene.controller();
    let clusters = "clusters: {prod: {bundle: prod.bundle}, dev: {bundle: dev.bundle}, old: {bundle: old.bundle}}";
    let rules = "rules: [{paths: ['dev/**'], clusters: [old]}, {clusters: [prod]}]";
    scene.folder.write(".kseal.yaml", &format!("{clusters}\n{rules}\n"));
    scene.folder.write("old.bundle", &scene.folder.read("dev.bundle"));
    scene.folder.write("dev/db.yaml", SECRET);
    scene.folder.kseal(&["encrypt", "-i", "dev/db.yaml"]).succeeds();
    scene.folder.write("ten.key", &manifest(10));
    let newer = scene.folder.kseal(&["keys", "export", "--public", "dev.key", "ten.key"]).succeeds().stdout;
    scene.folder.write("old.bundle", &newer);
    let due = scene.folder.kseal(&["reencrypt", "--check", "dev"]).exits_with(1);
    assert!(due.stdout.contains("re-wrap"), "{}", due.stdout);
    let run = scene.through(&["."]).exits_with(4);
    assert!(
        run.stderr
            .contains("dev/db.yaml: SealedSecret shop/db, which has to be re-wrapped, is not sealed for context here")
    );
    assert!(run.stderr.contains("hint: name one of its clusters with --context (old)"), "{}", run.stderr);
    scene.opens_with(2);
}

#[test]
fn what_is_tainted_is_never_sent_and_what_has_to_be_changed_is_named() {
    let mut scene = Scene::new();
    let _controller = scene.controller();
    scene.published.keys[0].state = KeyState::Compromised;
    scene.published.serial += 1;
    scene.publish();
    scene.fetch();
    let before = scene.files();
    let run = scene.through(&["."]).exits_with(4);
    assert!(run.stderr.contains("which has to be sealed anew, does not open"), "{}", run.stderr);
    let named =
        format!("  change at the source, since {} is compromised: shop/db password, user\n", &fingerprint(1)[..13]);
    assert_eq!(run.stderr.matches(&named).count(), 2, "{}", run.stderr);
    let report = scene.through(&["-o", "json", "."]).exits_with(4).json();
    assert_eq!((&report["errors"][0]["code"], &report["errors"][0]["details"][0]), (&json!(4), &json!(named.trim())));
    assert_eq!(before, scene.files());
    scene.asked_nothing();
}

#[test]
fn values_of_sealed_secrets_cannot_go_through_the_cluster() {
    let scene = Scene::new();
    let _controller = scene.controller();
    let text = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: db, namespace: shop}\n\
                spec: {encryptedData: {password: AgAAAA==}}\n";
    scene.folder.write("old/db.yaml", text);
    let run = scene.through(&["old/db.yaml"]).exits_with(3);
    assert!(run.stderr.contains("is not as it must be"), "what is broken is told first: {}", run.stderr);
    let sealed = kseal_crypto::encode_base64(&[&[1, 0][..], &[7; 256 + 32]].concat());
    scene.folder.write("old/db.yaml", &text.replace("AgAAAA==", &sealed));
    let run = scene.through(&["old/db.yaml"]).exits_with(4);
    assert!(run.stderr.contains("it cannot be told whether it is up to date"), "{}", run.stderr);
    let run = scene.folder.kseal(&["reencrypt", "--check", "old"]).succeeds();
    assert!(run.stdout.contains("unknown for what key 1 value is sealed"), "{}", run.stdout);
    let report = scene.folder.kseal(&["reencrypt", "--check", "-o", "json", "."]).exits_with(1).json();
    let unknown = |path: &str| {
        let files = report["files"].as_array().unwrap();
        let file = files.iter().find(|file| file["path"] == path).unwrap();
        (file["due"].clone(), file["objects"][0]["unknown"].clone())
    };
    assert_eq!(unknown("old/db.yaml"), (json!(false), json!(true)));
    assert_eq!(unknown("db.yaml"), (json!(true), json!(false)));
    scene.asked_nothing();
}

#[test]
fn nothing_is_sent_to_a_cluster_that_is_not_the_configured_one_as_it_is_now() {
    let mut scene = Scene::new();
    let _controller = scene.controller();
    // It rotated once more.
    scene.published.keys =
        vec![listed(1, 1, KeyState::Retiring), listed(2, 2, KeyState::Active), listed(3, 3, KeyState::Active)];
    scene.published.serial += 1;
    scene.publish();
    let run = scene.through(&["."]).exits_with(6);
    assert!(run.stderr.contains("seals with") && run.stderr.contains("kseal keys fetch -i"), "{}", run.stderr);
    // It is older than what is kept.
    scene.fetch();
    scene.published.serial -= 1;
    scene.publish();
    let run = scene.through(&["."]).exits_with(6);
    assert!(run.stderr.contains("the bundle of prod: the cluster publishes an older bundle"), "{}", run.stderr);
    // Somebody else says that it is this cluster.
    scene.published.identity = 8;
    scene.published.serial += 10;
    scene.publish();
    let run = scene.through(&["."]).exits_with(6);
    assert!(run.stderr.contains("another identity"), "{}", run.stderr);
    // Anyone could answer.
    scene
        .folder
        .write(".kube/config", &server::kubeconfig("https://127.0.0.1:1", ", insecure-skip-tls-verify: true", ""));
    let run = scene.through(&["."]).exits_with(6);
    assert!(run.stderr.contains("is not verified"), "{}", run.stderr);
    scene.asked_nothing();
}

#[test]
fn what_the_api_server_refuses_is_told_with_who_may_ask() {
    for (refuses, code, part) in [
        (("POST", 403), 8, "who may create RewrapRequests and `get secrets`"),
        (("POST", 404), 8, "does not know RewrapRequests, or the namespace is not there"),
        (("GET", 403), 8, "must be able to `get` it"),
    ] {
        let scene = Scene::new();
        scene.serve(Controller { refuses: Some(refuses), ..Controller::default() });
        let before = scene.files();
        let run = scene.through(&["."]).exits_with(code);
        assert!(run.stderr.contains("error: db.yaml: SealedSecret shop/db: context here"), "{}", run.stderr);
        assert!(run.stderr.contains(part) && run.stderr.contains("no, not now"), "{}", run.stderr);
        assert_eq!(before, scene.files());
        let deleted = scene.methods().iter().any(|method| method == "DELETE");
        assert_eq!(deleted, refuses.0 == "GET", "what was made is taken away");
    }
}

#[test]
fn a_request_that_is_rejected_is_not_waited_for_and_its_reason_is_told() {
    fn reject(answer: &mut Value, reason: &str) {
        answer["objects"] = json!([]);
        answer["conditions"] = json!([{"type": "Complete", "status": "False", "reason": reason}]);
    }
    let cases: [(Twist, &str); 4] = [
        (|answer| reject(answer, "Malformed"), "takes the request for malformed (Malformed)"),
        (|answer| reject(answer, "TooManyDataKeys"), "more data keys than the controller there takes"),
        (|answer| reject(answer, "TooLarge"), "the answer would be too large"),
        (|answer| reject(answer, "Tired"), "does not know (Tired)"),
    ];
    for (twist, part) in cases {
        let scene = Scene::new();
        scene.serve(Controller { twist: Some(twist), ..Controller::default() });
        let before = scene.files();
        let run = scene.through(&["--timeout", "1h", "."]).exits_with(8);
        assert!(run.stderr.contains(part) && run.stderr.contains("hint: "), "{}", run.stderr);
        assert_eq!((before, scene.methods()), (scene.files(), ["POST", "GET", "DELETE"].map(str::to_owned).to_vec()));
    }
}

#[test]
fn a_request_that_was_taken_away_is_told_as_that() {
    let scene = Scene::new();
    scene.serve(Controller { refuses: Some(("GET", 404)), ..Controller::default() });
    let run = scene.through(&["."]).exits_with(8);
    assert!(run.stderr.contains("was taken away before it was answered"), "{}", run.stderr);
    assert!(!run.stderr.contains("must be able to `get`"), "{}", run.stderr);
}

#[test]
fn a_request_that_stays_is_a_note() {
    let scene = Scene::new();
    scene.serve(Controller { refuses: Some(("DELETE", 403)), ..Controller::default() });
    let run = scene.through(&["."]).succeeds();
    assert!(run.stderr.contains("does not let you take away RewrapRequest shop/reencrypt-1; the controller does so"));
    scene.opens_with(2);
}

#[test]
fn no_answer_in_time_is_an_error() {
    let scene = Scene::new();
    scene.serve(Controller { slow: usize::MAX, ..Controller::default() });
    let run = scene.through(&["--timeout", "300ms", "."]).exits_with(8);
    assert!(run.stderr.contains("did not answer") && run.stderr.contains("--rewrap-requests"), "{}", run.stderr);
    assert_eq!(scene.methods().last().map(String::as_str), Some("DELETE"));
    scene.through(&["--timeout", "soon", "."]).exits_with(2);
    scene.folder.kseal(&["reencrypt", "--timeout", "1s", "."]).exits_with(2);
    for flag in ["--check", "--compact"] {
        scene.through(&[flag, "."]).exits_with(2);
    }
}

#[test]
fn why_the_cluster_did_not_wrap_a_data_key_is_told_in_words() {
    let failures: [(&str, Twist, i32, &str); 4] = [
        ("no-key", |answer| fail(answer, "no-key"), 4, "has none of the keys"),
        ("open", |answer| fail(answer, "open"), 5, "cannot open it in this place"),
        ("compromised", |answer| fail(answer, "compromised"), 4, "a compromised key could open it"),
        ("unsupported", |answer| fail(answer, "unsupported"), 3, "does not know its suite"),
    ];
    for (failure, twist, code, part) in failures {
        let scene = Scene::new();
        scene.serve(Controller { twist: Some(twist), ..Controller::default() });
        let before = scene.files();
        let run = scene.through(&["."]).exits_with(code);
        assert!(
            run.stderr.contains("SealedSecret shop/db: data key d") && run.stderr.contains(part),
            "{failure}: {}",
            run.stderr
        );
        assert_eq!(before, scene.files(), "{failure}");
    }
    // A part of an answer is enough for a part of the files.
    let scene = Scene::new();
    scene.serve(Controller {
        twist: Some(|answer| fail_at(&mut answer["objects"][0], "open")),
        ..Controller::default()
    });
    let run = scene.through(&["."]).exits_with(5);
    assert!(run.stderr.contains("1 file changed, 0 up to date, 1 failed"), "{}", run.stderr);
}

fn fail(answer: &mut Value, failure: &str) {
    answer["objects"].as_array_mut().unwrap().iter_mut().for_each(|object| fail_at(object, failure));
}

fn fail_at(object: &mut Value, failure: &str) {
    let handles: Vec<String> = object["dataKeys"].as_object().unwrap().keys().cloned().collect();
    object["dataKeys"] = json!({});
    object["failures"] = handles.into_iter().map(|handle| (handle, Value::from(failure))).collect();
}

/// Changes the wraps of the first object's data key.
fn wraps(answer: &mut Value) -> &mut Value {
    answer["objects"][0]["dataKeys"].as_object_mut().unwrap().values_mut().next().unwrap()
}

#[test]
fn an_answer_to_something_else_is_not_written() {
    let twists: [Twist; 7] = [
        |answer| drop(answer["objects"].as_array_mut().unwrap().pop()),
        |answer| answer["objects"].as_array_mut().unwrap().push(json!({})),
        |answer| answer["objects"][0]["dataKeys"]["dabcdefghijklmnop"] = json!({}),
        |answer| answer["objects"][0]["dataKeys"] = json!({}),
        |answer| *wraps(answer) = json!({}),
        |answer| *wraps(answer) = json!({fingerprint(2): "AAAA"}),
        |answer| wraps(answer)[fingerprint(1)] = json!("AAAA"),
    ];
    for (number, twist) in twists.into_iter().enumerate() {
        let scene = Scene::new();
        scene.serve(Controller { twist: Some(twist), ..Controller::default() });
        let before = scene.files();
        let run = scene.through(&["."]).exits_with(8);
        assert!(run.stderr.contains("answered something else than it was asked"), "{number}: {}", run.stderr);
        assert_eq!(before, scene.files(), "{number}");
    }
    // A new key that the repository does not know.
    let scene = Scene::new();
    scene.serve(Controller {
        twist: Some(|answer| {
            let wrap = wraps(answer)[fingerprint(2)].clone();
            *wraps(answer) = json!({fingerprint(3): wrap});
        }),
        ..Controller::default()
    });
    let run = scene.through(&["."]).exits_with(6);
    assert!(run.stderr.contains("wraps for another key") && run.stderr.contains("keys fetch -i"), "{}", run.stderr);
}

#[test]
fn many_objects_go_in_portions_of_one_namespace_each() {
    let scene = Scene::new();
    let mut published = Published::new(1);
    scene.folder.write("old.bundle", &scene.folder.kseal(&["keys", "export", "--public", "one.key"]).stdout);
    // Sealed before the rotation.
    published.serial = 1;
    scene.server.forgets(PATH).has(PATH, published.config_map());
    scene.folder.kseal(&["keys", "fetch", "--trust", "-o", "prod.bundle"]).succeeds();
    for (namespace, count) in [("shop", 65), ("bar", 2)] {
        let text: String = (0..count)
            .map(|number| {
                SECRET.replace("name: db", &format!("name: db-{number}")).replace("shop", namespace) + "---\n"
            })
            .collect();
        scene.folder.write(&format!("{namespace}.yaml"), &text);
        scene.folder.kseal(&["encrypt", "-i", &format!("{namespace}.yaml")]).succeeds();
    }
    scene.folder.write("wide.yaml", &SECRET.replace("  namespace: shop\n", ""));
    scene.folder.kseal(&["encrypt", "--scope", "ClusterWide", "-i", "wide.yaml"]).succeeds();
    // The same data key twice is asked for once.
    scene.folder.write("copy.yaml", &scene.folder.read("wide.yaml"));
    scene.publish();
    scene.fetch();
    let controller = scene.controller();
    let run = scene.through(&["shop.yaml", "bar.yaml", "wide.yaml", "copy.yaml"]).succeeds();
    assert!(run.stderr.contains("4 files changed"), "{}", run.stderr);
    let controller = controller.lock().unwrap();
    let made: Vec<_> =
        controller.made.iter().map(|(namespace, spec)| (namespace.as_str(), spec.objects.len())).collect();
    assert_eq!(made, [("bar", 2), ("shop", 64), ("shop", 2)]);
    scene.folder.kseal(&["reencrypt", "--check", "shop.yaml", "bar.yaml", "wide.yaml"]).succeeds();
    scene.folder.write("two.key", &manifest(2));
    scene.folder.kseal(&["verify", "--key", "two.key", "shop.yaml", "bar.yaml", "wide.yaml", "copy.yaml"]).succeeds();
}

#[test]
fn recipients_that_only_go_are_taken_out_where_the_cluster_opens_the_rest() {
    let scene = Scene::new();
    scene.folder.write("one.key", &manifest(1));
    scene.folder.kseal(&["reencrypt", "--key", "one.key", "."]).succeeds();
    // The old recipient once more, as a merge may bring it back.
    let text = scene.folder.read("db.yaml");
    let wrap = text.lines().find(|line| line.trim_start().starts_with(&fingerprint(2))).unwrap();
    let twice = format!("{}\n{wrap}", wrap.replace(&fingerprint(2), &fingerprint(1)));
    scene.folder.write("db.yaml", &text.replace(wrap, &twice));
    let controller = scene.controller();
    controller.lock().unwrap().held = vec![2];
    scene.through(&["db.yaml"]).succeeds();
    assert_eq!(scene.folder.read("db.yaml"), text);
    let sent = controller.lock().unwrap().made[0].1.objects[0].data_keys.clone();
    let sent: Vec<&String> = sent.values().flat_map(|data_key| data_key.recipients.keys()).collect();
    assert_eq!(sent, [&fingerprint(2)], "it has to open by the one that stays");
}

#[test]
fn without_a_configuration_the_named_cluster_says_whom_to_seal_for() {
    let scene = Scene::new();
    let _controller = scene.controller();
    std::fs::remove_file(scene.folder.join(".kseal.yaml")).unwrap();
    scene.folder.kseal(&["reencrypt", "--through-cluster", "."]).exits_with(4);
    scene.folder.kseal(&["reencrypt", "--keys", "prod.bundle", "--context", "here", "."]).exits_with(2);
    scene
        .folder
        .kseal(&["reencrypt", "--keys", "prod.bundle", "--through-cluster", "--context", "here", "db.yaml"])
        .succeeds();
    let run = scene.through(&["."]).succeeds();
    assert!(run.stderr.contains("at first sight"), "{}", run.stderr);
    scene.opens_with(2);
}
