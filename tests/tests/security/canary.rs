//! Values, seeds and tokens are looked for everywhere but where they belong: in Secrets, which etcd has below
//! `/registry/secrets/`.

use std::{fs, io, path::Path};

use anyhow::{Context as _, Result, ensure};
use kseal_api::{Scope, names};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, Controller, ControllerOptions, Options, run, wait_until},
    site::{Case, Keys, SOON, Site, items},
};
use serde_json::{Value, json};

#[path = "../../../cli/tests/canary/needles.rs"]
mod needles;

use needles::Needles;

/// Where a canary may be beside Secrets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum May {
    /// Nowhere.
    Not,
    /// In the audit log, where the API server notes what it answered.
    BeAudited,
    /// In its own object, where somebody wrote it in the clear by mistake.
    StandInItsObject,
}

/// Random texts, under names that say where they are.
#[derive(Default)]
struct Canaries(Vec<(&'static str, String, May)>);

impl Canaries {
    fn hatch(&mut self, name: &'static str) -> Result<String> {
        self.hatch_that_may(May::Not, name)
    }

    fn hatch_that_may(&mut self, may: May, name: &'static str) -> Result<String> {
        let mut random = [0; 18];
        getrandom::fill(&mut random)?;
        let (one, other) = random.split_at(9);
        let text = format!("{}/+ü{}", data_encoding::HEXLOWER.encode(one), data_encoding::BASE64.encode(other));
        self.0.push((name, text.clone(), may));
        Ok(text)
    }

    /// What is to be looked for where only what may do this can be.
    fn needles(&self, private: &[(String, Vec<u8>)], where_may: May) -> Needles {
        let mut needles = Needles::default();
        for (name, text, _) in self.0.iter().filter(|(.., may)| where_may == May::Not || *may != where_may) {
            needles.add(name, text.as_bytes());
        }
        for (name, secret) in private {
            needles.add(name, secret);
        }
        needles
    }
}

/// Refuses Secrets called `quoted`, in words that hold what it was sent.
const QUOTER: &str = r#"
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: quoter}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [secrets]}]
  matchConditions: [{name: called, expression: "object.metadata.name == 'quoted'"}]
  validations:
  - expression: "false"
    messageExpression: "'it was sent ' + string(object.data.password)"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: quoter}
spec: {policyName: quoter, validationActions: [Deny]}
"#;

/// What is in a Secret at the end; in base64 where `kubectl apply` notes what it applied.
const WHERE_THEY_BELONG: [&str; 6] = [
    "a foreign Secret",
    "a value for one that consents",
    "an immutable value",
    "the seed of kseal-identity",
    "the token of a bystander",
    "a foreign Secret, in base64",
];

/// Refuses as soon as the API server knows it.
async fn quoter_is_known(site: &Site<'_>) -> Result<()> {
    site.cluster.apply(QUOTER).await?;
    let probe = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "default", "name": "quoted"},
        "stringData": {"password": "probe"},
    });
    wait_until("the policy refuses", SOON, || async {
        let probe = probe.to_string();
        let create = site.cluster.kubectl(["create", "--dry-run=server", "-f", "-"]).stdin(&probe);
        let said = String::from_utf8(create.output().await?.stderr)?;
        ensure!(said.contains("it was sent"), "{said}");
        Ok(())
    })
    .await
}

/// Lets one kind of objects come to all that can become of them.
async fn live(site: &Site<'_>, group: Group, canaries: &mut Canaries) -> Result<()> {
    let case = site.case(group).await?;
    let apply = async |case: &Case<'_>, value: &str| case.apply(&[("password", value)]).await;

    // What opens, is changed by somebody, and is put right.
    let value = canaries.hatch("a value that opens")?;
    apply(&case, &value).await?;
    case.holds(&[("password", &value)]).await?;
    let edited = canaries.hatch("an edit")?;
    let patch = json!({"stringData": {"password": edited, "more": edited}});
    site.objects.merge(&case.secret_path(), &patch).await?;
    case.holds(&[("password", &value)]).await?;

    // What stays as it is: made by `kubectl apply`, which notes all of it in an annotation.
    let foreign = case.named("foreign");
    let (theirs, mine) = (canaries.hatch("a foreign Secret")?, canaries.hatch("a value for a foreign Secret")?);
    let mut secret = foreign.foreign(&[("text", &theirs)]);
    secret["data"] = json!({"octets": data_encoding::BASE64.encode(theirs.as_bytes())});
    site.cluster.apply(&secret.to_string()).await?;
    apply(&foreign, &mine).await?;
    foreign.wrong("NotOwned").await?;

    // What is taken over from such a one.
    let taken = case.named("taken");
    let (theirs, mine) = (canaries.hatch("a Secret that consents")?, canaries.hatch("a value for one that consents")?);
    let consent = if group == Group::Native { names::MANAGED } else { names::UPSTREAM_MANAGED };
    let mut secret = taken.foreign(&[("password", &theirs), ("more", &theirs)]);
    secret["metadata"]["annotations"] = json!({consent: "true"});
    site.cluster.apply(&secret.to_string()).await?;
    apply(&taken, &mine).await?;
    taken.holds(&[("password", &mine)]).await?;

    // What does not open, for each reason.
    let value = canaries.hatch("a value for another place")?;
    let mut moved = site.keys.seal(group, Scope::Strict, (&case.namespace, "other"), &[("password", &value)])?;
    moved["metadata"]["name"] = json!("moved");
    site.objects.create(&moved).await?;
    case.named("moved").wrong(if group == Group::Native { "Moved" } else { "CannotOpen" }).await?;
    let value = canaries.hatch("a value for another key")?;
    let place = (case.namespace.as_str(), "unheld");
    site.objects.create(&Keys::new()?.seal(group, Scope::Strict, place, &[("password", &value)])?).await?;
    case.named("unheld").wrong(if group == Group::Native { "NoKey" } else { "CannotOpen" }).await?;
    let plain = case.named("plain");
    let mut object = plain.sealed(&[("password", "x")])?;
    let value = canaries.hatch_that_may(May::StandInItsObject, "plaintext in the place of ciphertext")?;
    object["spec"]["encryptedData"]["password"] = json!(format!("ks1.d{}.{value}", "a".repeat(16)));
    site.objects.create(&object).await?;
    plain.wrong("Malformed").await?;
    let status = plain.object().await?["status"].to_string();
    ensure!(!status.contains(&value), "{status}");

    // What the API server refuses: the type, a change of what is immutable, an admission plugin that repeats what it saw.
    let immutable = case.named("immutable");
    let (before, after) = (canaries.hatch("an immutable value")?, canaries.hatch("a change of an immutable value")?);
    let mut object = immutable.sealed(&[("password", &before)])?;
    object["spec"]["template"] = json!({"immutable": true});
    site.objects.apply(&object).await?;
    immutable.holds(&[("password", &before)]).await?;
    object["spec"]["encryptedData"] = immutable.sealed(&[("password", &after)])?["spec"]["encryptedData"].take();
    if group == Group::Native {
        object = immutable.sealed(&[("password", &after)])?;
        object["spec"]["template"] = json!({"immutable": true});
    }
    site.objects.apply(&object).await?;
    immutable.wrong("Immutable").await?;
    let quoted = canaries.hatch_that_may(May::BeAudited, "what an admission plugin repeats")?;
    apply(&case.named("quoted"), &quoted).await?;
    let message = case.named("quoted").wrong("Refused").await?;
    ensure!(message.starts_with("the API server answered 422 Invalid"), "{message}");

    site.objects.delete(&case.path()).await?;
    case.gone().await?;
    Ok(())
}

/// A token in a Secret that has nothing to do with sealed objects, as far as it cannot be guessed.
async fn bystander(site: &Site<'_>) -> Result<Vec<u8>> {
    let case = site.case(Group::Native).await?.named("bystander");
    let token = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {
            "namespace": case.namespace, "name": case.name,
            "annotations": {"kubernetes.io/service-account.name": "default"},
        },
    });
    site.objects.create(&token).await?;
    wait_until("it has its token", SOON, || async {
        let token = items(&case.secret().await?)?.remove("token").context("no token")?;
        Ok(token.rsplit('.').next().context("no signature")?.as_bytes().to_vec())
    })
    .await
}

/// The private halves of all keys that the controller has, and what it is known by.
async fn keys(site: &Site<'_>, controllers: &[&Controller]) -> Result<Vec<(String, Vec<u8>)>> {
    let namespace = site.installation.namespace()?;
    let secrets = site.objects.get(&format!("/api/v1/namespaces/{namespace}/secrets")).await?;
    let mut found = Vec::new();
    for secret in secrets["items"].as_array().context("no list")? {
        let name = secret["metadata"]["name"].as_str().context("no name")?;
        let item = |item: &str| secret["data"][item].as_str().map(|text| data_encoding::BASE64.decode(text.as_bytes()));
        if let Some(seed) = item("seed") {
            found.push((format!("the seed of {name}"), seed?));
        }
        if let Some(key) = item("tls.key") {
            // Lines in the middle of it, without their ends.
            let key = String::from_utf8(key?)?;
            let lines: Vec<&str> = key.lines().filter(|line| !line.starts_with('-')).collect();
            for line in lines.iter().skip(lines.len() / 3).step_by(5) {
                found.push((format!("a line of {name}"), line.as_bytes().to_vec()));
            }
        }
    }
    ensure!(found.len() > 5, "{} keys", found.len());
    for controller in controllers {
        let kubeconfig = site.cluster.folder().join(format!("{}.kubeconfig", controller.pod()));
        let kubeconfig: Value = serde_json::from_slice(&fs::read(kubeconfig)?)?;
        let token = kubeconfig["users"][0]["user"]["token"].as_str().context("no token")?;
        let signature = token.rsplit('.').next().context("no signature")?;
        found.push((format!("the token of {}", controller.pod()), signature.as_bytes().to_vec()));
    }
    Ok(found)
}

/// What others can see of the process, and that it has no file open but its log.
fn process(controller: &Controller, folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut seen = Vec::new();
    let of = |what: &str| format!("/proc/{}/{what}", controller.pid());
    for what in ["cmdline", "environ", "comm", "status", "maps"] {
        match fs::read(of(what)) {
            Ok(octets) => seen.push((of(what), octets)),
            // It keeps other processes of its user out, and only root is not kept out.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error).context(of(what)),
        }
    }
    let Ok(open) = fs::read_dir(of("fd")) else { return Ok(seen) };
    for entry in open {
        // One that was closed just now is none.
        let Ok(target) = fs::read_link(entry?.path()) else { continue };
        let is_known = !target.is_absolute()
            || target.starts_with("/dev")
            || (target.starts_with(folder) && target.extension().is_some_and(|it| it == "log"));
        ensure!(is_known, "it has {} open", target.display());
    }
    Ok(seen)
}

/// Everything else that can be seen of it.
async fn answers(controller: &Controller) -> Result<Vec<(String, Vec<u8>)>> {
    let mut seen = vec![("its metrics".to_owned(), controller.metrics().await?.into_bytes())];
    for path in ["/healthz", "/readyz", "/v1/keys", "/v1/cert.pem"] {
        seen.push((path.to_owned(), controller.get(path).await?.into_bytes()));
    }
    let logs = controller.logs()?;
    ensure!(
        logs.contains("\"level\":\"DEBUG\"") && logs.contains("the Secret is right"),
        "a log of this detail has more"
    );
    seen.push((format!("the log of {}", controller.pod()), logs.into_bytes()));
    Ok(seen)
}

fn look(needles: &Needles, seen: &[(String, Vec<u8>)]) -> Result<()> {
    let found: Vec<String> = seen
        .iter()
        .filter_map(|(place, octets)| {
            let found = needles.found_in(octets);
            (!found.is_empty()).then(|| format!("{place} has {}", found.join(", ")))
        })
        .collect();
    ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

#[test]
fn values_keys_and_tokens_are_seen_nowhere_but_in_secrets() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, "deploy").await?;
        quoter_is_known(&site).await?;
        // Where a program writes that nobody told where to write.
        let home = cluster.folder().join("home-of-the-controller");
        fs::create_dir(&home)?;
        let variable = |name: &str| (name.to_owned(), home.display().to_string());
        let options = || ControllerOptions {
            arguments: vec!["--sealed-secrets=generate".into(), "--log-level=trace".into(), "--log-format=json".into()],
            environment: vec![variable("HOME"), variable("TMPDIR")],
            ..ControllerOptions::default()
        };
        let first = site.installation.start(&options()).await?;
        first.wait_ready().await?;
        wait_until("it has keys of its own", 2 * SOON, || async {
            first.get("/v1/keys").await?;
            first.get("/v1/cert.pem").await
        })
        .await?;
        site.add_keys(&site.keys).await?;

        let mut canaries = Canaries::default();
        for group in Group::ALL {
            live(&site, group, &mut canaries).await?;
        }
        let token = ("the token of a bystander".to_owned(), bystander(&site).await?);
        let second = site.installation.start(&options()).await?;
        second.wait_ready().await?;
        let mut private = keys(&site, &[&first, &second]).await?;
        private.push(token);
        let needles = |where_may| canaries.needles(&private, where_may);

        let etcd = cluster.etcd_dump().await?;
        let (secrets, elsewhere): (Vec<_>, Vec<_>) =
            etcd.into_iter().partition(|(key, _)| key.starts_with("/registry/secrets/"));
        let all = needles(May::Not);
        let found: Vec<&str> = secrets.iter().flat_map(|(_, octets)| all.found_in(octets)).collect();
        for name in WHERE_THEY_BELONG {
            ensure!(found.contains(&name), "{name} is not even where it belongs: {found:?}");
        }
        let is_object = |key: &str| Group::ALL.iter().any(|it| key.starts_with(&format!("/registry/{}/", it.as_str())));
        let (objects, elsewhere): (Vec<_>, Vec<_>) = elsewhere.into_iter().partition(|(key, _)| is_object(key));
        ensure!(!objects.is_empty() && elsewhere.iter().any(|(key, _)| key.starts_with("/registry/events/")));
        look(&needles(May::StandInItsObject), &objects)?;
        look(&all, &elsewhere)?;
        let audit_log = ("the audit log".to_owned(), fs::read(cluster.folder().join("audit.log"))?);
        look(&needles(May::BeAudited), &[audit_log])?;
        let mut seen = answers(&first).await?;
        for controller in [&first, &second] {
            seen.extend(process(controller, cluster.folder())?);
        }
        seen.push(("the log of the second".to_owned(), second.logs()?.into_bytes()));
        look(&all, &seen)?;
        ensure!(fs::read_dir(&home)?.next().is_none(), "it wrote to its home, or to the folder for what is temporary");
        for controller in [first, second] {
            controller.stop().await?;
        }
        Ok(())
    });
}
