//! One object's fault is its own.

use std::time::Duration;

use anyhow::ensure;
use kseal_core::reconcile::Group;
use kseal_tests::{cluster::wait_until, site::SOON};
use serde_json::{Value, json};

use super::site::both;

const ITEMS: &[(&str, &str)] = &[("user", "admin")];
/// Of each kind.
const CROWD: usize = 500;

/// What is as wrong as the definitions of the kinds let pass.
fn malformed(group: Group) -> Value {
    match group {
        Group::Native => json!({"scope": "Strict", "encryptedData": {"user": "ks1.d"}}),
        Group::Upstream => {
            json!({"encryptedData": {"user": {"nested": ["admin"]}}, "template": {"metadata": {"labels": {}, "x": 1}}})
        }
    }
}

#[test]
fn a_malformed_object_among_a_thousand_is_alone_in_that() {
    both(async |case| {
        let (first, rest) = (0..CROWD / 2, CROWD / 2..CROWD);
        let sealed = |number: usize| case.named(&format!("db-{number}")).sealed(ITEMS);
        let [first, rest] = [first, rest].map(|numbers| numbers.map(sealed).collect::<anyhow::Result<Vec<_>>>());
        case.site.apply_all(first?).await?;
        let mut bad = case.sealed(ITEMS)?;
        bad["spec"] = malformed(case.group);
        case.site.objects.create(&bad).await?;
        case.site.apply_all(rest?).await?;

        wait_until("all of them are right", SOON + Duration::from_mins(1), || async {
            let right = case.how_many("True").await?;
            ensure!(right == CROWD, "{right} are");
            Ok(())
        })
        .await?;
        let message = case.wrong("Malformed").await?;
        ensure!(message.contains("item user"), "{message}");
        // And it is as good as any when it is put right.
        case.apply(ITEMS).await?;
        case.holds(ITEMS).await?;
        Ok(())
    });
}
