//! What the controller tells of itself: endpoints, metrics, log lines.

use std::{collections::BTreeSet, fmt, fs};

use anyhow::{Context as _, Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, Controller, ControllerOptions, Options, run, wait_until},
    openmetrics,
    site::{SOON, Site},
};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;

const ITEMS: &[(&str, &str)] = &[("user", "admin"), ("password", "hunter2")];

/// Lets a bit of everything happen, with each kind: what opens, what does not, what is repaired.
async fn live(site: &Site<'_>) -> Result<()> {
    for group in Group::ALL {
        let case = site.case(group).await?;
        case.apply(ITEMS).await?;
        case.holds(ITEMS).await?;
        site.objects.delete(&case.secret_path()).await?;
        case.holds(ITEMS).await?;
        let foreign = case.named("foreign");
        site.objects.apply(&foreign.foreign(ITEMS)).await?;
        foreign.apply(ITEMS).await?;
        foreign.wrong("NotOwned").await?;
    }
    Ok(())
}

#[test]
fn metrics_are_of_the_format_and_named_as_prometheus_wants_them() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let controller = site.start(ControllerOptions::default()).await?;
        openmetrics::read(&controller.metrics().await?)?;
        live(&site).await?;
        let families = wait_until("all objects are counted", SOON, || async {
            let families = openmetrics::read(&controller.metrics().await?)?;
            let objects = &families.get("kseal_objects").context("no objects")?.samples;
            let ready: f64 = objects.iter().filter(|it| it.labels["state"] == "ready").map(|it| it.value).sum();
            ensure!((ready - 2.0).abs() < f64::EPSILON, "{objects:?}");
            Ok(families)
        })
        .await?;
        ensure!(families.keys().all(|name| name.starts_with("kseal_")), "{:?}", families.keys());
        // Nothing of an object is a label, so their number has a bound.
        let allowed = [
            "category", "class", "code", "group", "kind", "le", "resource", "result", "state", "suite", "verb",
            "version",
        ];
        for (name, family) in &families {
            for sample in &family.samples {
                ensure!(sample.labels.keys().all(|label| allowed.contains(&label.as_str())), "{name}: {sample:?}");
                let said = format!("{:?}", sample.labels);
                ensure!(!said.contains("prod-") && !said.contains("foreign"), "{name}: {said}");
            }
        }
        controller.stop().await
    });
}

/// The status of the answer to a request.
async fn code(controller: &Controller, method: &'static str, path: &str) -> Result<u16> {
    let address = controller.address() + path;
    spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let answer = match method {
            "POST" => agent.post(&address).send("{}")?,
            "PUT" => agent.put(&address).send("{}")?,
            "DELETE" => agent.delete(&address).call()?,
            _ => agent.get(&address).call()?,
        };
        Ok(answer.status().as_u16())
    })
    .await?
}

#[test]
fn endpoints_tell_what_is_public_and_take_nothing() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let [leader, standby] =
            [site.start(ControllerOptions::default()).await?, site.start(ControllerOptions::default()).await?];
        // The one that stands by tells the same.
        for controller in [&leader, &standby] {
            ensure!(controller.get("/healthz").await? == "ok\n" && controller.get("/readyz").await? == "ok\n");
            let told = wait_until("the keys are told", SOON, || controller.get("/v1/keys")).await?;
            ensure!(told.contains(&site.keys.fingerprint()), "{told}");
            ensure!(controller.get("/v1/cert.pem").await?.starts_with("-----BEGIN CERTIFICATE-----"));
            for path in ["/healthz", "/readyz", "/v1/keys", "/v1/cert.pem"] {
                for method in ["POST", "PUT", "DELETE"] {
                    ensure!(code(controller, method, path).await? == 405, "{method} {path}");
                }
            }
            // Upstream's endpoints that open and re-wrap, what is on the other port, and what looks around.
            for path in
                ["/v1/verify", "/v1/rotate", "/metrics", "/", "/v1", "/v1/keys/", "/debug/pprof/", "/v1/../healthz"]
            {
                ensure!(code(controller, "GET", path).await? == 404, "{path}");
                ensure!(code(controller, "POST", path).await? == 404, "{path}");
            }
        }
        ensure!(leader.get("/v1/keys").await? == standby.get("/v1/keys").await?);
        for controller in [leader, standby] {
            controller.stop().await?;
        }
        Ok(())
    });
}

/// An object in which no field comes twice: of two, one reader sees the first and another the last.
struct Line(Value);

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Line;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line, A::Error> {
                let mut fields = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if fields.insert(name.clone(), value).is_some() {
                        return Err(Error::custom(format!("the field {name} is there twice")));
                    }
                }
                Ok(Line(Value::Object(fields)))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[test]
fn log_lines_are_json_and_the_making_of_keys_is_among_them() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, "deploy").await?;
        let options = ControllerOptions {
            arguments: ["--sealed-secrets=generate", "--log-format=json", "--log-level=trace"].map(Into::into).to_vec(),
            ..ControllerOptions::default()
        };
        let controller = site.installation.start(&options).await?;
        controller.wait_ready().await?;
        wait_until("it has keys of its own", 2 * SOON, || async {
            controller.get("/v1/keys").await?;
            controller.get("/v1/cert.pem").await
        })
        .await?;
        site.add_keys(&site.keys).await?;
        live(&site).await?;
        let log = cluster.folder().join("logs").join(format!("{}.log", controller.pod()));
        controller.stop().await?;

        let text = fs::read_to_string(log)?;
        let mut said = BTreeSet::new();
        for line in text.lines() {
            let Line(line) = serde_json::from_str(line).with_context(|| line.to_owned())?;
            for field in ["timestamp", "level", "target", "message"] {
                ensure!(line[field].is_string(), "no {field}: {line}");
            }
            let target = line["target"].as_str().unwrap_or_default();
            let is_foreign = !target.starts_with("kseal");
            ensure!(!is_foreign || !["DEBUG", "TRACE"].iter().any(|level| line["level"] == *level), "{line}");
            let message = line["message"].as_str().unwrap_or_default();
            if message.starts_with("made ") {
                // Who reads it knows which key, and how it is kept from getting lost.
                ensure!(line["level"] == "INFO" && line["fingerprint"].is_string(), "{line}");
                ensure!(
                    line["backup"].as_str().is_some_and(|backup| backup.starts_with("kubectl get secret")),
                    "{line}"
                );
            }
            said.insert(message.split([';', ':']).next().unwrap_or_default().to_owned());
        }
        for message in ["starting", "this replica leads", "made a key", "made this cluster's identity", "stopped"] {
            ensure!(said.contains(message), "nothing says {message:?}: {said:?}");
        }
        Ok(())
    });
}
