//! `kseal migrate`: whether a cluster of sealed-secrets can be taken over.

use super::{DONE, FOUND};
use crate::{
    args::{MigrateArgs, ReportFormat},
    cluster::Cluster,
    error::Result,
    migrating::{self, Place, Verdict},
    output::Output,
    settings::Environment,
};

pub(crate) fn run(args: MigrateArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let cluster = Cluster::connect(&args.cluster.settle(environment))?;
    let place = Place { namespace: args.namespace_of_controller, name: args.name_of_controller };
    let found = migrating::look(&cluster, &place)?;
    let verdict = Verdict::of(&found, environment.now());
    match args.report.format {
        ReportFormat::Json => output.json(&migrating::json(&found, &verdict))?,
        ReportFormat::Text => output.report(migrating::lines(&found, &verdict))?,
    }
    Ok(if verdict.is_good() { DONE } else { FOUND })
}
