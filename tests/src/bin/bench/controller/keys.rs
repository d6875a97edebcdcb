//! Many keys: an object names its recipient, so no other key is tried.

use anyhow::Result;
use kseal_api::names;
use kseal_core::key_secret::{CREATED_AT, SEED, SUITE};
use kseal_crypto::{PrivateKey, Suite};
use kseal_tests::{
    bare::{self, Write},
    cluster::Cluster,
};
use rand_core::{Rng as _, UnwrapErr};
use serde_json::{Value, json};

use super::{
    Plan,
    field::{Field, options},
    pace::round,
    rows::quiet,
};
use crate::table::Table;

const NAMESPACES: usize = 20;
/// A decade of months.
const KEYS: usize = 120;

/// The same objects opened with one key at hand, and with 120.
pub(super) async fn row(plan: &Plan, table: &mut Table) -> Result<()> {
    let count = plan.round;
    let cluster = Cluster::start(quiet()).await?;
    let kseal = cluster.install("deploy").await?;
    let field = Field::new(&cluster, &kseal, NAMESPACES, plan.judges).await?;
    let recipe = field.native(&[]).await?;
    field.create(&recipe, 0..count).await?;
    field.calm().await?;
    let one_key = cluster.snapshot().await?;
    let one = round(&field, &one_key, &recipe, count, &options(&[])).await?;

    cluster.restore(&one_key).await?;
    let path = format!("/api/v1/namespaces/{}/secrets", kseal.namespace()?);
    for number in 1..KEYS {
        bare::write(&field.admin, Write::Create, &path, "bench", imported(number)?.to_string()).await?;
    }
    let controller = field.start(&[]).await?;
    let held = controller.metric("kseal_keys{kind=\"native\",state=\"retiring\"}").await?;
    controller.stop().await?;
    let many_keys = cluster.snapshot().await?;
    let many = round(&field, &many_keys, &recipe, count, &options(&[])).await?;

    let (of_one, of_many) = (one.counted.private_key_operations, many.counted.private_key_operations);
    let holds = of_one == count as u64 && of_many == of_one && super::field::is(held, KEYS - 1);
    let measured = format!(
        "{count} objects: {of_one} operations with one key, {of_many} with {}; {:.0} and {:.0} objects/s",
        held + 1.0,
        one.pace,
        many.pace
    );
    table.count("120 keys against 1", "the same number of private-key operations", &measured, holds);
    Ok(())
}

/// A key as another cluster had it: it opens, and does not seal.
fn imported(number: usize) -> Result<Value> {
    let mut seed = [0; 32];
    UnwrapErr(getrandom::SysRng).fill_bytes(&mut seed);
    let key = PrivateKey::from_seed(Suite::XWing, &seed)?;
    let encode = |octets: &[u8]| data_encoding::BASE64.encode(octets);
    Ok(json!({
        "apiVersion": "v1", "kind": "Secret", "type": names::SEALING_KEY_TYPE, "immutable": true,
        "metadata": {
            "name": format!("imported-{number}"), "labels": {names::KEY_STATE: "retiring"},
            "annotations": {names::FINGERPRINT: key.fingerprint().to_string()},
        },
        "data": {SUITE: encode(b"X-Wing"), SEED: encode(&seed), CREATED_AT: encode(b"2020-01-01T00:00:00Z")},
    }))
}
