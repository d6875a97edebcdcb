//! Ways to a cluster: whose certificate counts, and what is between.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Context as _, Result};
use kseal_tests::cluster::{Cluster, Options, Part, run};
use serde_json::{Value, json};

use super::said;

/// A proxy that passes on whatever comes after CONNECT, and counts how often.
fn proxy() -> Result<(String, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Ok(target) = connected(&stream) {
                counter.fetch_add(1, Ordering::SeqCst);
                pass_on(stream, target);
            }
        }
    });
    Ok((format!("http://{address}"), count))
}

fn connected(stream: &TcpStream) -> Result<TcpStream> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let target = line.split(' ').nth(1).context("no target")?;
    let target = TcpStream::connect(target)?;
    while line.trim_end() != "" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    (&*stream).write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    Ok(target)
}

fn pass_on(one: TcpStream, other: TcpStream) {
    for (mut from, mut to) in [(one.try_clone(), other.try_clone()), (Ok(other), Ok(one))]
        .into_iter()
        .filter_map(|(from, to)| Some((from.ok()?, to.ok()?)))
    {
        thread::spawn(move || io::copy(&mut from, &mut to));
    }
}

#[test]
fn a_cluster_is_verified_by_the_kubeconfig_and_reached_through_what_is_between() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let folder = tempfile::tempdir()?;
        let here = folder.path();
        let shown = ["config", "view", "--raw", "--flatten", "--minify", "-o", "json"];
        let good: Value = serde_json::from_str(&cluster.kubectl(shown).run().await?)?;
        let status = |change: &dyn Fn(&mut Value)| {
            let mut kubeconfig = good.clone();
            change(&mut kubeconfig["clusters"][0]["cluster"]);
            fs::write(here.join("kubeconfig"), kubeconfig.to_string())?;
            cluster.kseal(here, ["status", "--kubeconfig", "kubeconfig"])
        };
        let (installed, unknown) = ("knows no SealedSecret", "invalid peer certificate");

        // By the certificate of the client, whose key stands in the kubeconfig.
        said(status(&|_| ())?).await?.ends(8)?.says(&[installed])?;
        let without = |cluster: &mut Value| {
            cluster.as_object_mut().map(|fields| fields.remove("certificate-authority-data"));
        };
        said(status(&without)?).await?.ends(8)?.says(&[unknown, "cannot be reached"])?;
        let unchecked = |cluster: &mut Value| {
            without(cluster);
            cluster["insecure-skip-tls-verify"] = json!(true);
        };
        said(status(&unchecked)?).await?.ends(8)?.says(&[installed])?;
        said(cluster.kseal(here, ["keys", "fetch", "--kubeconfig", "kubeconfig"])?).await?.ends(8)?;

        // Under another name than that of the URL.
        let named = |name: &'static str| move |cluster: &mut Value| cluster["tls-server-name"] = json!(name);
        said(status(&named("kubernetes.default.svc"))?).await?.ends(8)?.says(&[installed])?;
        said(status(&named("other.example"))?).await?.ends(8)?.says(&[unknown])?;

        let (url, count) = proxy()?;
        let through = |cluster: &mut Value| {
            cluster["proxy-url"] = json!(url);
            cluster["tls-server-name"] = json!("kubernetes.default.svc");
        };
        said(status(&through)?).await?.ends(8)?.says(&[installed])?;
        anyhow::ensure!(count.load(Ordering::SeqCst) > 0, "nothing came through the proxy");

        cluster.stop(Part::Apiserver).await?;
        said(status(&|_| ())?).await?.ends(8)?.says(&["cannot be reached", "kubectl get --raw /readyz"])?;
        Ok(())
    });
}
