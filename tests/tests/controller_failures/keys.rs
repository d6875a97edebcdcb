//! A key that comes late.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kseal_api::Scope;
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Case, Keys, SOON, Site, condition, main_condition},
};

use crate::{ITEMS, cases, each};

/// How many objects wait, of our own kind and of upstream's.
const fn crowd(group: Group) -> usize {
    match group {
        Group::Native => 800,
        Group::Upstream => 200,
    }
}

/// How many objects of the case's namespace say `status`.
async fn count(case: &Case<'_>, status: &str) -> Result<usize> {
    let path = case.path();
    let (path, _) = path.rsplit_once('/').context("a path")?;
    let all = case.site.objects.get(path).await?;
    let all = all["items"].as_array().context("a list")?;
    Ok(all.iter().filter(|it| condition(it, main_condition(case.group))["status"] == status).count())
}

#[test]
fn a_thousand_objects_go_on_by_themselves_when_their_key_comes() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let _controller = site.start(ControllerOptions::default()).await?;
        let late = Keys::new()?;
        let cases = cases(&site).await?;
        each(&cases, async |case| {
            let sealed =
                |number: usize| late.seal(case.group, Scope::Strict, (&case.namespace, &format!("db-{number}")), ITEMS);
            site.apply_all((0..crowd(case.group)).map(sealed).collect::<Result<Vec<_>>>()?).await?;
            // Not before the first have waited, and while others are being worked on.
            wait_until("the first wait", SOON, || async {
                ensure!(count(case, "False").await? >= crowd(case.group) / 4);
                Ok(())
            })
            .await
        })
        .await?;
        site.add_keys(&late).await?;
        each(&cases, async |case| {
            wait_until("all are right", SOON + Duration::from_mins(1), || async {
                let right = count(case, "True").await?;
                ensure!(right == crowd(case.group), "{right} are");
                Ok(())
            })
            .await?;
            case.named("db-0").holds(ITEMS).await.map(drop)
        })
        .await
    });
}
