//! A key is followed by another when somebody asks, who needs no right to any Secret.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use kseal_api::{KeyState, Scope, names};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{SOON, Site, sealed_for},
};
use serde_json::json;
use tokio::time::{Instant, interval};

use crate::ITEMS;

/// How many people seal at once.
const PEOPLE: usize = 50;
/// For how long, while a new key comes each second.
const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn who_looks_after_keys_asks_for_one_and_old_objects_go_on() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, "deploy").await?;
        let _controller = site.start(ControllerOptions::default()).await?;
        let case = site.case(Group::Native).await?;
        let first = site.first_key().await?;
        let place = |name| (&*case.namespace, name);
        site.objects.apply(&sealed_for(&[&first], Scope::Strict, place("old"), ITEMS)?).await?;
        case.named("old").holds(ITEMS).await?;

        let namespace = site.installation.namespace()?.to_owned();
        let value = format!("{}={}", names::ROTATE, first.fingerprint());
        let ask = ["-n", &namespace, "annotate", "configmap", names::PUBLIC_KEYS, &value];
        let operator = cluster.user("operator", &[])?;
        ensure!(cluster.kubectl(ask).kubeconfig(&operator).run().await.is_err(), "not everyone may ask");
        let bind = ["-n", &namespace, "create", "rolebinding", "op", "--role=kseal-key-operator", "--user=operator"];
        cluster.kubectl(bind).run().await?;
        cluster.kubectl(ask).kubeconfig(&operator).run().await?;
        let second = site.next_key(&first).await?;
        let secrets = cluster.kubectl(["-n", &namespace, "get", "secrets"]).kubeconfig(&operator).run().await;
        ensure!(secrets.is_err(), "no Secret is read by who may ask");

        // Asking once more for the same makes no other key.
        cluster.kubectl(ask.into_iter().chain(["--overwrite"])).kubeconfig(&operator).run().await?;
        site.objects.apply(&sealed_for(&[&second], Scope::Strict, place("new"), ITEMS)?).await?;
        case.named("new").holds(ITEMS).await?;
        // What is sealed for the old key opens as before, also what comes only now.
        site.objects.apply(&sealed_for(&[&first], Scope::Strict, place("late"), ITEMS)?).await?;
        case.named("late").holds(ITEMS).await?;
        let own = site.published().await?.keys.into_iter().filter(|key| key.epoch > 0);
        let states: Vec<(u32, KeyState)> = own.map(|key| (key.epoch, key.state)).collect();
        ensure!(states.len() == 2 && states.iter().all(|(_, state)| *state == KeyState::Active), "{states:?}");
        Ok(())
    });
}

#[test]
fn keys_follow_each_other_as_time_goes_by_also_over_a_change_of_leaders() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, "deploy").await?;
        let options = || ControllerOptions {
            arguments: vec!["--key-renew-period=3s".to_owned()],
            ..ControllerOptions::default()
        };
        let controller = site.start(options()).await?;
        let case = site.case(Group::Native).await?;
        let first = site.first_key().await?;
        site.objects.apply(&sealed_for(&[&first], Scope::Strict, (&case.namespace, "old"), ITEMS)?).await?;
        let second = site.next_key(&first).await?;
        controller.stop().await?;
        let controller = site.start(options()).await?;
        let third = site.next_key(&second).await?;
        ensure!(site.published().await?.get(third.fingerprint()).context("listed")?.epoch >= 3);
        controller.stop().await?;
        // Whoever says so keeps the one that there is.
        let never = ControllerOptions { arguments: vec!["--key-renew-period=0s".to_owned()], ..options() };
        let _controller = site.start(never).await?;
        let last = site.sealing_key().await?;
        let created = site.published().await?.get(last.fingerprint()).context("listed")?.created_at.clone();
        let is_older = || async {
            let age = kseal_controller::settings::now().duration_since(created.parse()?);
            ensure!(age.as_secs() >= 6, "{age}");
            Ok(())
        };
        wait_until("two periods are over", SOON, is_older).await?;
        ensure!(site.sealing_key().await?.fingerprint() == last.fingerprint());
        case.named("old").holds(ITEMS).await?;
        Ok(())
    });
}

#[test]
fn rsa_keys_are_renewed_on_demand_where_they_are_made() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, "deploy").await?;
        let options = ControllerOptions {
            arguments: vec!["--sealed-secrets=generate".to_owned()],
            ..ControllerOptions::default()
        };
        let controller = site.installation.start(&options).await?;
        controller.wait_ready().await?;
        let certificate = async || {
            let bundle = site.published().await?;
            Ok::<_, anyhow::Error>(bundle.certificate.context("no certificate")?.public.fingerprint().to_string())
        };
        let first = wait_until("a certificate", SOON, &certificate).await?;
        let path = format!("/api/v1/namespaces/{}/configmaps/{}", site.installation.namespace()?, names::PUBLIC_KEYS);
        site.objects.merge(&path, &json!({"metadata": {"annotations": {names::ROTATE_UPSTREAM: first}}})).await?;
        let second = wait_until("another certificate", SOON, || async {
            let now = certificate().await?;
            ensure!(now != first);
            Ok(now)
        })
        .await?;
        // What kubeseal asks for is the new one.
        ensure!(controller.get("/v1/cert.pem").await? == site.published().await?.certificate.context("none")?.to_pem());
        let usage = wait_until("both are told of", SOON, || async {
            let usage = site.usage().await?;
            ensure!(usage.keys.contains_key(&second) && usage.keys.contains_key(&first), "{usage:?}");
            Ok(usage)
        })
        .await?;
        ensure!(usage.keys[&first].suite == "RSA" && !usage.keys[&first].created_at.is_empty());
        Ok(())
    });
}

#[test]
fn fifty_people_seal_while_a_new_key_comes_each_second() {
    run(async {
        let cluster = Cluster::start(Options { audit: false, ..Options::default() }).await?;
        let site = Site::bare(&cluster, "deploy").await?;
        let _controller = site.start(ControllerOptions::default()).await?;
        let case = site.case(Group::Native).await?;
        site.first_key().await?;
        let (done, sealed) = (AtomicBool::new(false), AtomicUsize::new(0));
        let people = try_join_all((0..PEOPLE).map(async |person| {
            let mut number = 0;
            while !done.load(Ordering::Relaxed) {
                let key = site.sealing_key().await?;
                let case = case.named(&format!("of-{person}-{number}"));
                site.objects.create(&sealed_for(&[&key], Scope::Strict, (&case.namespace, &case.name), ITEMS)?).await?;
                case.holds(ITEMS).await?;
                number += 1;
                sealed.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, anyhow::Error>(())
        }));
        let keys = async {
            let (begin, mut count) = (Instant::now(), 0_u32);
            let mut ticks = interval(Duration::from_secs(1));
            while begin.elapsed() < MINUTE {
                ticks.tick().await;
                site.rotate().await?;
                count += 1;
            }
            done.store(true, Ordering::Relaxed);
            Ok::<_, anyhow::Error>(count)
        };
        let (_, rotations) = tokio::try_join!(people, keys)?;
        let sealed = sealed.into_inner();
        let bundle = site.published().await?;
        ensure!(bundle.keys.len() == rotations as usize + 1, "{rotations} rotations made {} keys", bundle.keys.len());
        // On a machine that is busy with other things a rotation takes longer than its second.
        ensure!(rotations >= 20 && sealed >= 10 * PEOPLE, "only {rotations} rotations and {sealed} objects");
        ensure!(case.how_many("False").await? == 0);
        Ok(())
    });
}
