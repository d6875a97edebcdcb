//! `kseal status`: the sealed objects of a cluster, and why one is not ready.

mod row;

use serde_json::{json, value::RawValue};

use self::row::{Item, Row};
use super::{DONE, FOUND};
use crate::{
    args::{ReportFormat, StatusArgs},
    cluster::{self, Cluster, Failure, Listed, SealedKind, SealedObjects},
    error::{Error, Result},
    output::Output,
    settings::Environment,
    table,
};

pub(crate) fn run(args: StatusArgs, environment: &Environment, output: &Output) -> Result<u8> {
    for name in &args.names {
        cluster::segment("NAME", name)?;
    }
    let cluster = Cluster::connect(&args.cluster.settle(environment))?;
    let namespace = args.namespace.unwrap_or_else(|| cluster.namespace.clone());
    let namespace = if args.all_namespaces { None } else { Some(cluster::segment("--namespace", &namespace)?) };
    let all = SealedObjects { cluster: &cluster, namespace };
    let status = Status { objects: all, names: &args.names };
    let (mut objects, mut errors, mut installed) = (Vec::new(), Vec::new(), 0);
    for kind in SealedKind::OF_NAMESPACES {
        match status.of(kind) {
            Ok(Some(found)) => {
                installed += 1;
                objects.extend(found);
            }
            Ok(None) => {}
            Err(error) => errors.push(error),
        }
    }
    if namespace.is_none() {
        match status.of_cluster()? {
            Ok(found) => objects.extend(found),
            Err(error) => output.warn(format!("{}: ClusterSealedSecrets are not shown", error.message())),
        }
    }
    if installed == 0 && errors.is_empty() {
        return Err(all.none_installed());
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

struct Status<'c> {
    objects: SealedObjects<'c>,
    /// Empty for all.
    names: &'c [String],
}

impl Status<'_> {
    /// The objects of one kind; `None` if the cluster does not know it.
    fn of(&self, kind: SealedKind) -> Result<Option<Vec<(SealedKind, Item)>>> {
        let mut found = Vec::new();
        let is_installed = match (self.objects.namespace, self.names) {
            (Some(namespace), [_, ..]) => match self.named(kind, namespace, &mut found) {
                Ok(()) => true,
                Err(failure) => self.objects.without(kind, failure).map(|()| false)?,
            },
            _ => self.objects.each(kind, |object| self.pick(object, &mut found))?,
        };
        Ok(is_installed.then(|| found.into_iter().map(|item| (kind, item)).collect()))
    }

    /// The ClusterSealedSecrets, if there are any; who may list all else may not always list these.
    fn of_cluster(&self) -> Result<Result<Vec<(SealedKind, Item)>>> {
        let mut found = Vec::new();
        let listed = self.objects.each_if_allowed(SealedKind::Cluster, |object| self.pick(object, &mut found))?;
        Ok(match listed {
            Listed::All | Listed::NoSuchKind => Ok(found.into_iter().map(|item| (SealedKind::Cluster, item)).collect()),
            Listed::Forbidden(error) => Err(*error),
        })
    }

    /// Takes one that was asked for.
    fn pick(&self, object: &RawValue, found: &mut Vec<Item>) {
        let item = Item::read(object);
        if self.names.is_empty() || item.name().is_some_and(|name| self.names.iter().any(|it| it == name)) {
            found.push(item);
        }
    }

    /// Each by its name; those that are not there are left out.
    fn named(&self, kind: SealedKind, namespace: &str, found: &mut Vec<Item>) -> Result<(), Failure> {
        let mut missing = None;
        for name in self.names {
            let path = format!("/apis/{}/namespaces/{namespace}/sealedsecrets/{name}", kind.group());
            match self.objects.cluster.get::<Box<RawValue>>(&path) {
                Ok(object) => found.push(Item::read(&object)),
                Err(Failure::Refused(refusal)) if refusal.code == 404 => missing = Some(Failure::Refused(refusal)),
                Err(failure) => return Err(failure),
            }
        }
        // Without the kind there is none of its objects.
        match missing {
            Some(missing) if found.is_empty() && !self.objects.is_installed(kind)? => Err(missing),
            _ => Ok(()),
        }
    }

    /// What was asked for by name and is not there.
    fn missing(&self, rows: &[Row]) -> Vec<Error> {
        let missing = self.names.iter().filter(|name| !rows.iter().any(|row| row.name == **name));
        let error = |name: &String| {
            let place = self.objects.namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
            Error::cluster(format!("{} has no SealedSecret {place}{name}", self.objects.cluster.name))
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
