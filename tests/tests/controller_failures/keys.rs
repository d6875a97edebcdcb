//! A key that comes late.

use std::time::Duration;

use anyhow::{Result, ensure};
use kseal_api::Scope;
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Keys, SOON, Site},
};

use crate::{ITEMS, cases, each};

/// How many objects wait, of our own kind and of upstream's.
const fn crowd(group: Group) -> usize {
    match group {
        Group::Native => 800,
        Group::Upstream => 200,
    }
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
                ensure!(case.how_many("False").await? >= crowd(case.group) / 4);
                Ok(())
            })
            .await
        })
        .await?;
        site.add_keys(&late).await?;
        each(&cases, async |case| {
            wait_until("all are right", SOON + Duration::from_mins(1), || async {
                let right = case.how_many("True").await?;
                ensure!(right == crowd(case.group), "{right} are");
                Ok(())
            })
            .await?;
            case.named("db-0").holds(ITEMS).await.map(drop)
        })
        .await
    });
}
