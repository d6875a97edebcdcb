//! `kseal verify --context`: files against what the cluster publishes now.

use kseal_api::KeyState;

use crate::{
    harness::{Folder, Run},
    published::{PATH, Published, fingerprint, listed},
    scene,
    server::Server,
};

/// A folder with `db.yaml` sealed for the key of seed 1, and the cluster that published it.
fn sealed() -> (Folder, Server, Published) {
    let (folder, server) = scene();
    folder.kseal(&["keys", "fetch", "-o", "prod.yaml"]).succeeds();
    folder.kseal(&["encrypt", "--keys", "prod.yaml", "-i", "db.yaml"]).succeeds();
    (folder, server, Published::new(1))
}

fn publish(server: &Server, published: &mut Published, keys: &[(u8, KeyState)]) {
    published.serial += 1;
    published.keys = (1..).zip(keys).map(|(epoch, (seed, state))| listed(*seed, epoch, *state)).collect();
    server.forgets(PATH).has(PATH, published.config_map());
}

fn verify(folder: &Folder) -> Run {
    folder.kseal(&["verify", "--context", "here", "db.yaml"])
}

#[test]
fn what_the_cluster_publishes_decides() {
    let (folder, server, mut published) = sealed();
    let run = verify(&folder).succeeds();
    assert_eq!(run.stdout, "db.yaml:1: SealedSecret shop/db: ok\n");
    assert!(run.stderr.contains("at first sight"), "{}", run.stderr);
    let cases: [(&[(u8, KeyState)], &str); 3] = [
        (&[(1, KeyState::Retiring), (2, KeyState::Active)], "is not the newest key of prod"),
        (&[(1, KeyState::Compromised), (2, KeyState::Active)], "of prod is compromised"),
        (&[(2, KeyState::Active)], "is a key of no configured cluster"),
    ];
    for (keys, message) in cases {
        publish(&server, &mut published, keys);
        let run = verify(&folder).exits_with(1);
        assert!(run.stdout.contains(message) && run.stdout.contains(&fingerprint(1)[..13]), "{}", run.stdout);
        let report = folder.kseal(&["verify", "--context", "here", "-o", "json", "db.yaml"]).exits_with(1).json();
        assert_eq!(report["objects"][0]["recipientsChecked"], true);
    }
    publish(&server, &mut published, &[(1, KeyState::Retiring), (2, KeyState::Active)]);
    folder.kseal(&["verify", "--context", "here", "--allow-outdated", "db.yaml"]).succeeds();
    let run = folder.kseal(&["inspect", "--context", "here", "db.yaml"]).succeeds();
    assert!(run.stdout.contains("outdated"), "{}", run.stdout);
}

#[test]
fn what_is_kept_of_the_cluster_makes_room_and_what_is_kept_of_others_stays() {
    let (folder, server, mut published) = sealed();
    let both =
        ["encrypt", "-f", "kseal", "--keys", "prod.yaml", "--keys", "bundle.yaml", "-o", "db.yaml", "plain.yaml"];
    folder.write("plain.yaml", crate::PLAIN);
    folder.kseal(&both).succeeds();
    folder.write(".kseal.yaml", "clusters: {ours: {bundle: prod.yaml}, local: {bundle: bundle.yaml}}\n");
    let run = verify(&folder).succeeds();
    assert!(!run.stderr.contains("at first sight"), "the identity is that of the kept bundle: {}", run.stderr);
    publish(&server, &mut published, &[(1, KeyState::Retiring), (2, KeyState::Active)]);
    folder.kseal(&["verify", "db.yaml"]).succeeds();
    let run = verify(&folder).exits_with(1);
    assert!(run.stdout.contains("is not the newest key of ours"), "{}", run.stdout);
    assert!(!run.stdout.contains("no configured cluster"), "{}", run.stdout);
    // A cluster that only has the name of a known one.
    let own = folder.read("bundle.yaml").replace("name: local", "name: prod");
    folder.write("own.yaml", &own);
    folder.write(".kseal.yaml", "clusters: {prod: {bundle: own.yaml}}\n");
    folder.kseal(&["encrypt", "--keys", "own.yaml", "-o", "db.yaml", "plain.yaml"]).succeeds();
    let run = verify(&folder).exits_with(1);
    assert!(!run.stdout.contains("no configured cluster"), "what is configured stays: {}", run.stdout);
    // A cluster that the file is not for.
    folder.write(".kseal.yaml", "clusters: {local: {bundle: bundle.yaml}}\n");
    folder.kseal(&["encrypt", "--keys", "bundle.yaml", "-o", "db.yaml", "plain.yaml"]).succeeds();
    let run = verify(&folder).exits_with(1);
    assert!(run.stdout.contains("cluster prod cannot open all of it"), "{}", run.stdout);
}

#[test]
fn an_older_bundle_and_another_identity_are_refused() {
    let (folder, server, mut published) = sealed();
    folder.write(".kseal.yaml", "clusters: {prod: {bundle: prod.yaml}}\n");
    published.serial -= 10;
    publish(&server, &mut published, &[(1, KeyState::Active)]);
    let run = verify(&folder).exits_with(6);
    assert!(run.stderr.contains("publishes an older bundle"), "{}", run.stderr);
    published.identity = 8;
    published.serial += 20;
    publish(&server, &mut published, &[(1, KeyState::Active)]);
    let run = verify(&folder).exits_with(6);
    assert!(run.stderr.contains(&published.identity()), "{}", run.stderr);
    let pinned = format!("clusters: {{prod: {{bundle: prod.yaml, identity: {}}}}}\n", Published::new(1).identity());
    folder.write(".kseal.yaml", &pinned);
    let run = verify(&folder).exits_with(6);
    assert!(run.stderr.contains("not signed by the pinned identity"), "{}", run.stderr);
}

#[test]
fn a_cluster_that_does_not_answer_is_an_error_and_no_finding() {
    let (folder, server, _) = sealed();
    server.forgets(PATH);
    verify(&folder).exits_with(8);
    folder.kseal(&["verify", "--context", "nowhere", "db.yaml"]).exits_with(2);
    folder.kseal(&["verify", "--context", "here", "--keys", "prod.yaml", "db.yaml"]).exits_with(2);
}
