//! `cargo xtask demo`: the main job from end to end, on a control plane that is made for it and goes with it. Each step is
//! shown as the command that a person would type.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use kseal_tests::cluster::{Cluster, ControllerOptions, Options};
use tempfile::TempDir;

/// The controller may be given; it and the command line are beside this program otherwise.
fn main() -> Result<()> {
    let controller = env::args().nth(1).map(PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(demo(controller))
}

async fn demo(controller: Option<PathBuf>) -> Result<()> {
    let beside = |name| Ok::<PathBuf, std::io::Error>(env::current_exe()?.with_file_name(name));
    let program = controller.map_or_else(|| beside("kseal-controller"), Ok)?;
    say("A Kubernetes control plane, for this demo alone.");
    let cluster = Cluster::start(Options::default()).await?;
    let demo = Demo { kseal: beside("kseal")?, folder: tempfile::tempdir()?, cluster: &cluster };
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/secret.yaml"), demo.file("secret.yaml"))?;

    step("1. Install the controller. Here are no nodes: it runs beside the API server, as its Deployment says.");
    say("$ kubectl apply -k deploy");
    let installation = cluster.install("deploy").await?;
    let options = ControllerOptions { program: Some(program), ..Default::default() };
    let controller = installation.start(&options).await?;
    controller.wait_ready().await?;

    step("2. Fetch the public keys that it made. The bundle goes to git, and with it anyone can seal.");
    demo.kubectl("-n kseal-system wait --for=create configmap/kseal-public-keys --timeout=60s").await?;
    demo.kseal("keys fetch -o bundle.yaml")?;
    fs::write(demo.file(".kseal.yaml"), "clusters:\n  cluster: {bundle: bundle.yaml}\n")?;
    demo.show(".kseal.yaml")?;

    step("3. Seal a Secret. Names, comments and the ConfigMap stay readable.");
    demo.kseal("encrypt secret.yaml -o sealed.yaml")?;
    demo.show("sealed.yaml")?;
    demo.kseal("check sealed.yaml")?;

    step("4. Apply it. The controller opens it, and the Secret is there.");
    demo.kubectl("create namespace shop").await?;
    demo.kubectl("apply -f sealed.yaml").await?;
    demo.kubectl("-n shop wait --for=condition=Ready sealedsecret/shop-db --timeout=60s").await?;
    let password = demo.kubectl("-n shop get secret shop-db -o go-template={{.data.password|base64decode}}").await?;
    ensure!(password == "correct-horse-battery-staple", "the Secret is not the one that was sealed");

    step("5. Change one value, without being able to read the others.");
    say("$ printf 'tr0ub4dor&3!' > new-password");
    fs::write(demo.file("new-password"), "tr0ub4dor&3!")?;
    demo.kseal("set sealed.yaml password --from-file new-password")?;
    demo.kubectl("apply -f sealed.yaml").await?;
    demo.kubectl("-n shop wait --for=jsonpath={.data.password}=dHIwdWI0ZG9yJjMh secret/shop-db --timeout=60s").await?;
    let username = demo.kubectl("-n shop get secret shop-db -o go-template={{.data.username|base64decode}}").await?;
    ensure!(username == "shop", "the other value is not as it was");

    controller.stop().await?;
    step("Done. The control plane and its data are gone.");
    Ok(())
}

struct Demo<'c> {
    kseal: PathBuf,
    folder: TempDir,
    cluster: &'c Cluster,
}

impl Demo<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `kseal` with these words.
    fn kseal(&self, words: &str) -> Result<()> {
        say(&format!("$ kseal {words}"));
        let mut command = Command::new(&self.kseal);
        command.args(words.split(' ')).current_dir(self.folder.path());
        command
            .env_remove("KSEAL_KEY_FILE")
            .env_remove("KSEAL_CONFIG")
            .env("KUBECONFIG", self.cluster.admin_kubeconfig());
        let status = command.status().with_context(|| format!("cannot run {}", self.kseal.display()))?;
        ensure!(status.success(), "kseal {words}: {status}");
        Ok(())
    }

    /// Runs `kubectl` with these words, and shows what it says.
    async fn kubectl(&self, words: &str) -> Result<String> {
        let shown = words.split(' ').map(|word| if word.contains('{') { format!("'{word}'") } else { word.to_owned() });
        say(&format!("$ kubectl {}", shown.collect::<Vec<_>>().join(" ")));
        let sealed = self.file("sealed.yaml").display().to_string();
        let words = words.split(' ').map(|word| if word == "sealed.yaml" { sealed.as_str() } else { word });
        let said = self.cluster.kubectl(words).run().await?;
        say(said.trim_end());
        Ok(said)
    }

    /// Prints a file, long lines cut.
    fn show(&self, file: &str) -> Result<()> {
        say(&format!("$ cut -c-100 {file}"));
        for line in fs::read_to_string(self.file(file))?.lines() {
            say(&line.chars().take(100).collect::<String>());
        }
        Ok(())
    }
}

fn step(what: &str) {
    say(&format!("\n{what}"));
}

#[expect(clippy::print_stdout, reason = "a demo is there to be read")]
fn say(line: &str) {
    println!("{line}");
}
