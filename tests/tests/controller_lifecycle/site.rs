//! The cluster and the controller that these tests share; each has a namespace of its own.

use anyhow::{Context as _, Result};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, Controller, ControllerOptions, Options, run},
    site::{Case, Site},
};
use tokio::{sync::OnceCell, try_join};

use crate::WATCH_LIST;

static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
static SITE: OnceCell<(Site<'static>, Controller)> = OnceCell::const_new();

/// Where the controller runs.
pub(crate) async fn site() -> Result<&'static Site<'static>> {
    let start = || Cluster::start(Options { watch_list: WATCH_LIST, ..Options::default() });
    let cluster = CLUSTER.get_or_try_init(start).await?;
    let install = || async {
        let site = Site::new(cluster).await?;
        let controller = site.start(ControllerOptions::default()).await?;
        anyhow::Ok((site, controller))
    };
    let (site, _) = SITE.get_or_try_init(install).await?;
    Ok(site)
}

/// Runs a test with an object of our own kind and, beside it, with one of upstream's.
pub(crate) fn both(test: impl AsyncFn(Case<'static>) -> Result<()>) {
    run(async {
        let site = site().await?;
        let [native, upstream] = Group::ALL.map(|group| {
            let test = &test;
            async move { test(site.case(group).await?).await.context(group.as_str()) }
        });
        try_join!(native, upstream)?;
        Ok(())
    });
}

/// Runs a test with an object of one kind.
pub(crate) fn only(group: Group, test: impl AsyncFn(Case<'static>) -> Result<()>) {
    run(async { test(site().await?.case(group).await?).await });
}
