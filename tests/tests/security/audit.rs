//! What the API server saw of the controller's whole life: no more than it was granted, and no less.

use anyhow::ensure;
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run},
    site::Site,
};

use crate::rights;

/// Lists come in pages here: a streamed list is a watch, and `list` would be a right without a use.
#[test]
fn the_controller_asks_for_all_that_it_may_and_for_nothing_else() {
    run(async {
        let cluster = Cluster::start(Options { watch_list: false, ..Options::default() }).await?;
        let site = Site::new(&cluster).await?;
        let first = site.start(ControllerOptions::default()).await?;
        for group in Group::ALL {
            rights::use_those_of_objects(&site.case(group).await?).await?;
        }
        let second = rights::use_its_own(&site, first).await?;

        let events = rights::are_just_enough(&site.installation, "deploy", &[]).await?;
        let writes = events.iter().filter(|event| !["get", "list", "watch"].contains(&event.verb.as_str()));
        for write in writes {
            let is_ours = write.namespace == site.installation.namespace()?;
            ensure!(is_ours || write.namespace.starts_with("prod-"), "{write:?}");
            // The server's own words for what is no conflict of two writers but a mistake of one.
            ensure!(![400, 415, 422].contains(&write.code), "{write:?}");
        }
        second.stop().await
    });
}
