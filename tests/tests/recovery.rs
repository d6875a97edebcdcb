//! `docs/recovery.md`, run as it stands there: keys outlive their cluster, and what was sealed for them opens elsewhere.

#[path = "recovery/checks.rs"]
mod checks;
#[path = "recovery/snapshot.rs"]
mod snapshot;
#[path = "recovery/world.rs"]
mod world;

use anyhow::{Context as _, Result, bail, ensure};
use kseal_tests::{
    cluster::run,
    document::{Step, steps},
};

use self::world::World;

const DOCUMENT: &str = "docs/recovery.md";

/// What happens between the steps of the document.
const CUES: [&str; 9] = [
    "the cluster is there",
    "the cluster is lost, and the plain backup, too",
    "there is a new cluster",
    "the controller starts",
    "the keys are fetched",
    "there is a new cluster in which the controller was first",
    "the restored identity publishes",
    "all is sealed for the new cluster",
    "a Secret of another life is there",
];

async fn turn(world: &mut World, cue: &str) -> Result<()> {
    match cue {
        "the cluster is there" => {
            world.begins().await?;
            world.is_sealed_for().await
        }
        "the cluster is lost, and the plain backup, too" => {
            world.is_lost().await?;
            world.loses_the_plain_backup()
        }
        "there is a new cluster" => {
            world.was_read_offline()?;
            world.begins().await
        }
        "the controller starts" => world.starts().await,
        "the keys are fetched" => {
            world.is_the_heir().await?;
            world.refuses_another_uid_unless_it_is_trusted().await
        }
        "there is a new cluster in which the controller was first" => {
            world.understands_who_seals_with_the_old_bundle().await?;
            world.is_lost().await?;
            world.begins_with_the_controller().await?;
            world.is_no_heir_yet().await
        }
        "the restored identity publishes" => {
            world.is_the_heir().await?;
            world.opens_what_was_sealed_meanwhile().await
        }
        "all is sealed for the new cluster" => world.kept_the_values_octets().await,
        "a Secret of another life is there" => world.has_secrets_of_another_life().await,
        other => bail!("the document has the cue {other:?}, which no test knows"),
    }
}

#[test]
fn what_was_sealed_for_a_cluster_that_is_lost_opens_as_the_document_says() {
    run(async {
        let mut world = World::new()?;
        let mut cues = Vec::new();
        for step in steps(DOCUMENT)? {
            match step {
                Step::Cue(cue) => {
                    turn(&mut world, &cue).await.with_context(|| format!("{DOCUMENT}: {cue}"))?;
                    cues.push(cue);
                }
                Step::Excerpt { .. } => {}
                Step::Script { line, text } => {
                    world.script(&text).await.with_context(|| format!("{DOCUMENT}:{line}"))?;
                }
            }
        }
        ensure!(cues == CUES, "the document has the cues {cues:#?}");
        world.ends().await
    });
}
