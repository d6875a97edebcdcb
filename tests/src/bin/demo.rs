//! `cargo xtask demo`: the main job, step by step, on the examples.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let kseal = env::current_exe()?.with_file_name("kseal");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folder = tempfile::tempdir()?;
    let demo = Demo { kseal, folder: folder.path().to_owned() };
    fs::copy(examples.join("secret.yaml"), folder.path().join("secret.yaml"))?;

    say("1. A key pair. The private key stays here, or in the cluster; the bundle is public.");
    demo.run(&["keys", "generate", "--name", "demo", "-o", "private-key.yaml"], Some("bundle.yaml"))?;
    fs::write(folder.path().join(".kseal.yaml"), "clusters:\n  demo: {bundle: bundle.yaml}\n")?;

    say("2. Seal the Secret. Names, comments and the ConfigMap stay readable; the file can go to git.");
    demo.run(&["encrypt", "secret.yaml", "-o", "sealed.yaml"], None)?;
    demo.show("sealed.yaml")?;

    say("3. What a reviewer and a pre-commit hook can check without any private key.");
    demo.run(&["inspect", "sealed.yaml"], None)?;
    demo.run(&["verify", "sealed.yaml"], None)?;
    demo.run(&["check", "sealed.yaml"], None)?;

    say("4. Change one value without being able to read the others.");
    fs::write(folder.path().join("new-password"), "tr0ub4dor&3")?;
    demo.run(&["set", "sealed.yaml", "password", "--from-file", "new-password"], None)?;

    say("5. Open it again with the private key.");
    demo.run(&["decrypt", "sealed.yaml", "--key", "private-key.yaml"], Some("opened.yaml"))?;
    demo.show("opened.yaml")?;
    let opened = fs::read_to_string(folder.path().join("opened.yaml"))?;
    if !opened.contains("tr0ub4dor&3") || !opened.contains("username: shop") {
        return Err("the opened Secret is not the one that was sealed".into());
    }
    say("Done: the sealed file opened to the values that went in.");
    Ok(())
}

struct Demo {
    kseal: PathBuf,
    folder: PathBuf,
}

impl Demo {
    /// Runs `kseal`, its output to the terminal or into a file.
    fn run(&self, arguments: &[&str], to: Option<&str>) -> Result<()> {
        let redirect = to.map(|file| format!(" > {file}")).unwrap_or_default();
        say(&format!("$ kseal {}{redirect}", arguments.join(" ")));
        let mut command = Command::new(&self.kseal);
        command.args(arguments).current_dir(&self.folder).env_remove("KSEAL_KEY_FILE").env_remove("KSEAL_CONFIG");
        if let Some(file) = to {
            command.stdout(fs::File::create(self.folder.join(file))?);
        }
        let status = command.status()?;
        if status.success() { Ok(()) } else { Err(format!("kseal {}: {status}", arguments.join(" ")).into()) }
    }

    /// Prints a file, long lines cut.
    fn show(&self, file: &str) -> Result<()> {
        say(&format!("$ cut -c-100 {file}"));
        for line in fs::read_to_string(self.folder.join(file))?.lines() {
            say(&line.chars().take(100).collect::<String>());
        }
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "a demo is there to be read")]
fn say(line: &str) {
    println!("{line}");
}
