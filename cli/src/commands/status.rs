//! `kseal status`: the sealed objects of a cluster, and why one is not ready.

mod row;

use kseal_api::names;
use serde::Deserialize;
use serde_json::{Value, json};

use self::row::{Item, Row};
use super::{DONE, FOUND};
use crate::{
    args::{ReportFormat, StatusArgs},
    cluster::{self, Cluster, Failure},
    error::{Error, Result},
    output::Output,
    settings::Environment,
    table,
};

/// As many as kubectl asks for at a time.
const PAGE: usize = 500;

/// A kind of sealed objects.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Native,
    Upstream,
}

pub(crate) fn run(args: StatusArgs, environment: &Environment, output: &Output) -> Result<u8> {
    for name in &args.names {
        cluster::segment("NAME", name)?;
    }
    let cluster = Cluster::connect(&args.cluster.settle(environment))?;
    let namespace = args.namespace.unwrap_or_else(|| cluster.namespace.clone());
    let namespace = if args.all_namespaces { None } else { Some(cluster::segment("--namespace", &namespace)?) };
    let status = Status { cluster: &cluster, namespace, names: &args.names };
    let (mut objects, mut errors, mut installed) = (Vec::new(), Vec::new(), 0);
    for kind in [Kind::Native, Kind::Upstream] {
        match status.of(kind) {
            Ok(Some(found)) => {
                installed += 1;
                objects.extend(found);
            }
            Ok(None) => {}
            Err(error) => errors.push(error),
        }
    }
    if installed == 0 && errors.is_empty() {
        return Err(Error::cluster(format!(
            "{} knows no SealedSecret, neither kseal's nor sealed-secrets'",
            cluster.name
        ))
        .hint("is the controller installed there? its CustomResourceDefinitions come with it"));
    }
    let now = environment.now();
    let mut rows: Vec<Row> = objects.iter().map(|(kind, item)| Row::read(*kind, item, now)).collect();
    rows.sort_by(|a, b| a.order().cmp(&b.order()));
    match args.report.format {
        ReportFormat::Json => output.json(&json!({"objects": rows.iter().map(Row::json).collect::<Vec<_>>()}))?,
        ReportFormat::Text if rows.is_empty() => {}
        ReportFormat::Text => output.report(lines(&rows))?,
    }
    errors.extend(status.missing(&rows));
    if let Some(last) = errors.pop() {
        for error in &errors {
            output.error(error);
        }
        return Err(last);
    }
    if rows.is_empty() {
        let place = namespace.map(|name| format!(" in namespace {name}")).unwrap_or_default();
        output.note(format!("no SealedSecret{place} of {}", cluster.name));
    }
    Ok(if args.check && rows.iter().any(|row| !row.is_ready()) { FOUND } else { DONE })
}

impl Kind {
    const fn group(self) -> &'static str {
        match self {
            Self::Native => names::API_VERSION,
            Self::Upstream => names::UPSTREAM_API_VERSION,
        }
    }

    /// In the words of `--format`.
    const fn format(self) -> &'static str {
        match self {
            Self::Native => "kseal",
            Self::Upstream => "bitnami",
        }
    }
}

struct Status<'c> {
    cluster: &'c Cluster,
    /// `None` for all.
    namespace: Option<&'c str>,
    /// Empty for all.
    names: &'c [String],
}

/// A page of a collection.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMetadata,
    items: Vec<Item>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMetadata {
    #[serde(rename = "continue")]
    next: Option<String>,
}

impl Status<'_> {
    /// The objects of one kind; `None` if the cluster does not know it.
    fn of(&self, kind: Kind) -> Result<Option<Vec<(Kind, Item)>>> {
        let mut found = Vec::new();
        let result = match (self.namespace, self.names) {
            (Some(namespace), [_, ..]) => self.named(kind, namespace, &mut found),
            (namespace, names) => self.listed(kind, namespace, &mut found).map(|()| {
                found.retain(|item: &Item| {
                    names.is_empty() || item.name().is_some_and(|name| names.iter().any(|it| it == name))
                });
            }),
        };
        match result {
            Ok(()) => Ok(Some(found.into_iter().map(|item| (kind, item)).collect())),
            Err(Failure::Refused(refusal)) if matches!(refusal.code, 403 | 404) && !self.is_installed(kind)? => {
                Ok(None)
            }
            Err(failure) => {
                let place =
                    self.namespace.map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"));
                let what = format!("sealedsecrets of {} in {place}", kind.group());
                let hint = match self.namespace {
                    None => "look at one namespace with -n, or ask for the right to list all",
                    Some(_) => "ask for the right to get and list them there, or choose another namespace with -n",
                };
                Err(failure.wanting(&what, hint))
            }
        }
    }

    /// Each by its name; those that are not there are left out.
    fn named(&self, kind: Kind, namespace: &str, found: &mut Vec<Item>) -> Result<(), Failure> {
        let mut missing = None;
        for name in self.names {
            match self.cluster.get(&format!("/apis/{}/namespaces/{namespace}/sealedsecrets/{name}", kind.group())) {
                Ok(item) => found.push(item),
                Err(Failure::Refused(refusal)) if refusal.code == 404 => missing = Some(Failure::Refused(refusal)),
                Err(failure) => return Err(failure),
            }
        }
        // Without the kind there is none of its objects.
        match missing {
            Some(missing) if found.is_empty() && !self.is_installed(kind)? => Err(missing),
            _ => Ok(()),
        }
    }

    /// All, page by page.
    fn listed(&self, kind: Kind, namespace: Option<&str>, found: &mut Vec<Item>) -> Result<(), Failure> {
        let place = namespace.map(|name| format!("namespaces/{name}/")).unwrap_or_default();
        let path = format!("/apis/{}/{place}sealedsecrets?limit={PAGE}", kind.group());
        let mut next = String::new();
        loop {
            let page: Page = self.cluster.get(&format!("{path}{next}"))?;
            found.extend(page.items);
            match page.metadata.next.filter(|token| !token.is_empty()) {
                Some(token) => next = format!("&continue={}", cluster::query(&token)),
                None => return Ok(()),
            }
        }
    }

    /// Whether the cluster knows the kind. Who may not list it is told "forbidden" before "not found"; this anyone may ask.
    fn is_installed(&self, kind: Kind) -> Result<bool> {
        match self.cluster.get::<Value>(&format!("/apis/{}", kind.group())) {
            Ok(resources) => {
                let resources = resources["resources"].as_array().cloned().unwrap_or_default();
                Ok(resources.iter().any(|resource| resource["name"] == "sealedsecrets"))
            }
            Err(Failure::Refused(refusal)) if refusal.code == 404 => Ok(false),
            Err(Failure::Refused(refusal)) if refusal.code == 403 => Ok(true),
            Err(failure) => Err(failure.wanting(kind.group(), "ask for the right to discover APIs")),
        }
    }

    /// What was asked for by name and is not there.
    fn missing(&self, rows: &[Row]) -> Vec<Error> {
        let missing = self.names.iter().filter(|name| !rows.iter().any(|row| row.name == **name));
        let error = |name: &String| {
            let place = self.namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
            Error::cluster(format!("{} has no SealedSecret {place}{name}", self.cluster.name))
                .hint("-n names its namespace, and -A looks at all")
        };
        missing.map(error).collect()
    }
}

fn lines(rows: &[Row]) -> Vec<String> {
    let header = ["NAMESPACE", "NAME", "FORMAT", "READY", "REASON", "AGE", "KEYS", "MESSAGE"].map(ToOwned::to_owned);
    let rows: Vec<_> = std::iter::once(header).chain(rows.iter().map(Row::cells)).collect();
    table::lines(&rows)
}
