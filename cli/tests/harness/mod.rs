//! A temporary folder in which the real program runs, as a user would run it.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::panic, clippy::disallowed_methods, reason = "this is test code, outside of a function that says so")]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

/// A folder of a test's own, gone when dropped.
pub(crate) struct Folder(tempfile::TempDir);

/// What a program said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A key pair, made once for all tests of a file.
struct Keys {
    private: String,
    bundle: String,
}

impl Folder {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A folder with `key.yaml`, an X25519 key, and `bundle.yaml`, its bundle.
    pub(crate) fn with_keys() -> Self {
        static KEYS: OnceLock<Keys> = OnceLock::new();
        let keys = KEYS.get_or_init(|| {
            let folder = Self::new();
            let run = folder.kseal(&["keys", "generate", "--suite", "X25519", "-o", "key.yaml"]).succeeds();
            Keys { private: folder.read("key.yaml"), bundle: run.stdout }
        });
        let folder = Self::new();
        folder.write("key.yaml", &keys.private);
        folder.write("bundle.yaml", &keys.bundle);
        folder
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where a file of it is.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file, and the folders that it stands in. Private keys get mode 0600, as kseal gives them.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        fs::write(&path, text).expect("the file can be written");
        if text.contains("kseal.dev/sealing-key") {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the mode can be set");
        }
    }

    /// Reads a file.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.join(name)).expect("the file can be read")
    }

    /// Runs kseal here.
    pub(crate) fn kseal(&self, args: &[&str]) -> Run {
        self.kseal_with_input(args, "")
    }

    /// Runs kseal here with a text as its standard input.
    pub(crate) fn kseal_with_input(&self, args: &[&str], input: &str) -> Run {
        self.run(Path::new(env!("CARGO_BIN_EXE_kseal")), args, input, &[])
    }

    /// Runs kseal here with more environment.
    pub(crate) fn kseal_with_env(&self, env: &[(&str, &str)], args: &[&str]) -> Run {
        self.run(Path::new(env!("CARGO_BIN_EXE_kseal")), args, "", env)
    }

    /// Runs git here, as somebody without any configuration, with kseal on the PATH.
    pub(crate) fn git(&self, args: &[&str]) -> Run {
        self.run(Path::new("git"), args, "", &[])
    }

    fn run(&self, program: &Path, args: &[&str], input: &str, env: &[(&str, &str)]) -> Run {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.path());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            let is_ours = ["KSEAL_", "GIT_", "KUBE"].iter().any(|prefix| name.starts_with(prefix));
            if is_ours || name.to_uppercase().ends_with("_PROXY") {
                command.env_remove(name);
            }
        }
        let programs = Path::new(env!("CARGO_BIN_EXE_kseal")).parent().expect("a folder").to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(programs).chain(std::env::split_paths(&path));
        command
            .env("PATH", std::env::join_paths(path).expect("a PATH"))
            .env("HOME", self.path())
            .env("XDG_CONFIG_HOME", self.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CEILING_DIRECTORIES", self.path().parent().expect("a folder"));
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@example.com");
        }
        let mut child = command
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not run: {error}", program.display()));
        // A program that reads nothing may be gone already.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        Run::from(child.wait_with_output().expect("it ends"))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

impl Run {
    /// The same, which must have succeeded.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        self.exits_with(0)
    }

    /// The same, which must have ended with this code.
    #[track_caller]
    pub(crate) fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The report that it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}):\n{}", self.stdout))
    }
}
