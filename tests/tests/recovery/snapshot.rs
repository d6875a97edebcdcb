//! The same cluster, as it was at an earlier time: etcd restored from a snapshot that lacks the newest key.

use anyhow::{Context as _, Result, ensure};
use kseal_api::{KeyState, names};
use kseal_tests::cluster::{run, wait_until};

use crate::world::{SOON, World, identity};

/// Epochs and states of what is published.
async fn stands(world: &World, wanted: &[(u32, KeyState)]) -> Result<()> {
    wait_until(&format!("{wanted:?} is published"), SOON, || async {
        let mut keys: Vec<_> = world.published().await?.keys.iter().map(|key| (key.epoch, key.state)).collect();
        keys.sort_by_key(|(epoch, _)| *epoch);
        ensure!(keys == wanted, "{keys:?}");
        Ok(())
    })
    .await
}

async fn missing(world: &World, wanted: f64) -> Result<()> {
    wait_until(&format!("{wanted} keys are missing"), SOON, || async {
        let missing = world.controller()?.metric("kseal_keys_missing").await?;
        ensure!((missing - wanted).abs() < 0.5, "{missing} are");
        Ok(())
    })
    .await
}

async fn lease_is_lost(world: &World) -> Result<()> {
    wait_until("the lease is lost", SOON, || async {
        ensure!(world.controller()?.metric("kseal_leader").await? < 0.5, "it leads");
        Ok(())
    })
    .await
}

#[test]
fn a_key_that_is_newer_than_the_snapshot_is_told_and_comes_back_from_the_backup() {
    run(async {
        let mut world = World::new()?;
        world.begins().await?;
        world.is_sealed_for().await?;
        let signer = identity(&world.published().await?)?;
        let snapshot = world.cluster()?.snapshot().await?;
        let relabel = "kubectl -n kseal-system label secret -l kseal.dev/sealing-key kseal.dev/sealing-key=compromised \
                       --overwrite";
        world.script(relabel).await?;
        let both = [(1, KeyState::Compromised), (2, KeyState::Active)];
        stands(&world, &both).await?;
        world.script("kubectl -n kseal-system get secret -o yaml -l kseal.dev/sealing-key > keys.yaml").await?;
        world.script("kseal keys fetch -i").await?;
        world.seal("newest", "kseal", "", "newest.yaml").await?;
        world.script("kubectl create namespace shop; kubectl apply -f newest.yaml").await?;
        world.is_open("newest").await?;

        // A controller that ran through it remembers what it had published, though it lost the lease meanwhile.
        world.cluster()?.restore_after(&snapshot, lease_is_lost(&world)).await?;
        stands(&world, &[(1, KeyState::Active), (2, KeyState::Retiring)]).await?;
        missing(&world, 1.0).await?;
        ensure!(world.fails("kubectl create -f keys.yaml", 1).await?.contains("AlreadyExists"));
        stands(&world, &[(1, KeyState::Active), (2, KeyState::Active)]).await?;
        missing(&world, 0.0).await?;

        // One that was started since does not, and the bundle that is kept is newer than what it finds.
        world.controller.take().context("there is no controller")?.kill()?;
        world.cluster()?.restore(&snapshot).await?;
        world.starts().await?;
        missing(&world, 0.0).await?;
        stands(&world, &[(1, KeyState::Active)]).await?;
        let said = world.fails("kseal keys fetch -i", 6).await?;
        ensure!(said.contains("publishes an older bundle"), "{said}");
        ensure!(world.fails("kubectl create -f keys.yaml", 1).await?.contains("AlreadyExists"));
        stands(&world, &[(1, KeyState::Active), (2, KeyState::Active)]).await?;
        world.script("kseal keys fetch -i").await?;
        ensure!(identity(&world.published().await?)? == signer);
        ensure!(world.published().await?.sealing_key().context("none seals")?.epoch == 2);
        world.script("kubectl create namespace shop; kubectl apply -f newest.yaml").await?;
        world.is_open("newest").await?;
        ensure!(
            world
                .cluster()?
                .kubectl(["-n", names::SYSTEM_NAMESPACE, "get", "secret", "-l", names::KEY_STATE, "-o", "name"])
                .run()
                .await?
                .lines()
                .count()
                == 2
        );
        world.controller.take().context("there is no controller")?.stop().await
    });
}
