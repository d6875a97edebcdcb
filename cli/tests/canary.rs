//! No value and no key where others could see it: not in arguments or environments, not in a file that nobody asked
//! for, not in a message. Every command runs with values that are looked for everywhere while it runs.
#![cfg(target_os = "linux")]
#![expect(clippy::panic, clippy::disallowed_methods, reason = "this is test code, outside of a function that says so")]

#[path = "canary/current.rs"]
mod current;
#[path = "canary/needles.rs"]
mod needles;
#[path = "canary/watch.rs"]
mod watch;

mod harness;
#[path = "harness/published.rs"]
mod published;
#[path = "harness/server.rs"]
mod server;
#[path = "harness/used.rs"]
mod used;

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use harness::Folder;
use needles::Needles;
use published::fingerprint;
use server::Server;

const TEXT: &str = "canary in a text, not to be seen";
const OTHER: &str = "a second canary, as little to be seen";
/// Opens the cluster.
const TOKEN: &str = "canary-by-which-one-logs-in";
const OCTETS: &[u8] = b"\xff\xfe canary \x00 in octets \x01";

/// Where a secret may be seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum May {
    /// Nowhere.
    Not,
    /// On the standard output, which is what the command is for.
    Print,
    /// In a file of mode 0600, also while it is written.
    Write,
    /// In the environment of the program that takes kseal's place.
    Export,
    /// In a file of mode 0600 in a folder of mode 0700, while an editor has it.
    Edit,
    /// There too, and where it stood before: what cannot be read stays in the file as it was.
    Keep,
}

use May::{Edit, Export, Keep, Not, Print, Write};

/// Commands that succeed: name, arguments, standard input, and where secrets may be seen.
const GOOD: &[(&str, &str, &str, May)] = &[
    ("encrypt", "encrypt --keys bundle.yaml plain.yaml", "", Not),
    ("encrypt", "encrypt --keys bundle.yaml -f secret -o out.yaml plain.yaml", "", Not),
    ("encrypt", "encrypt --keys bundle.yaml --key key.yaml -f secret -i plain.yaml", "", Not),
    ("encrypt", "encrypt --keys certificate.pem -f bitnami -o out.yaml plain.yaml", "", Not),
    ("encrypt", "encrypt --keys bundle.yaml --raw it -n prod --name db", TEXT, Not),
    ("encrypt", "encrypt --keys bundle.yaml --key key.yaml -o native.yaml plain.yaml", "", Not),
    ("decrypt", "decrypt --key key.yaml native.yaml", "", Print),
    ("decrypt", "decrypt --key key.yaml -o out.yaml native.yaml", "", Write),
    ("decrypt", "decrypt --key key.yaml -i in-place.yaml", "", Write),
    ("decrypt", "decrypt --key rsa.pem -o out.yaml bitnami.yaml", "", Write),
    ("create generic", "create generic db -n prod --keys bundle.yaml --from-stdin it", TEXT, Not),
    ("create generic", "create generic db -n prod --keys bundle.yaml --from-file value -o out.yaml", "", Not),
    ("create generic", "create generic db -n prod --keys bundle.yaml --from-env-file env -f secret", "", Not),
    ("create tls", "create tls db -n prod --keys bundle.yaml --tls-cert certificate.pem --tls-key rsa.pem", "", Not),
    (
        "create docker-registry",
        "create docker-registry db -n prod --keys bundle.yaml --docker-server example.com --docker-username ada",
        TEXT,
        Not,
    ),
    ("exec-env", "exec-env --key key.yaml --skip-invalid env.yaml -- true", "", Export),
    ("edit", "edit --key key.yaml --keys bundle.yaml native.yaml", "", Edit),
    ("edit", "edit --key key.yaml --keys bundle.yaml in-place.yaml", "", Edit),
    ("edit", "edit --keys bundle.yaml native.yaml", "", Edit),
    ("set", "set native.yaml text --keys bundle.yaml", OTHER, Not),
    ("set", "set in-place.yaml new --keys bundle.yaml --key key.yaml --from-file value", "", Not),
    ("set", "set bitnami.yaml text --keys certificate.pem --key rsa.pem", OTHER, Not),
    ("unset", "unset native.yaml text", "", Not),
    ("get", "get --key key.yaml native.yaml text", "", Print),
    ("inspect", "inspect --key key.yaml native.yaml in-place.yaml bitnami.yaml plain.yaml", "", Not),
    ("inspect", "inspect --key key.yaml -o json native.yaml plain.yaml", "", Not),
    ("verify", "verify --key key.yaml --key rsa.pem native.yaml in-place.yaml bitnami.yaml", "", Not),
    ("check", "check native.yaml", "", Not),
    ("encrypt", "encrypt -o out.yaml plain.yaml", "", Not),
    ("verify", "verify --context here --allow-outdated upgraded.yaml", "", Not),
    ("keys fetch", "keys fetch", "", Not),
    ("keys fetch", "keys fetch --kubeconfig kube/plugin -o out.yaml", "", Not),
    ("status", "status -A", "", Not),
    ("status", "status --context here -o json", "", Not),
    ("keys list", "keys list key.yaml rsa.pem bundle.yaml", "", Not),
    ("keys generate", "keys generate --suite X25519 -o out.yaml", "", Write),
    ("keys export", "keys export --public key.yaml", "", Not),
    ("keys export", "keys export -o out.yaml key.yaml both.pem", "", Write),
    ("keys export", "keys export key.yaml", "", Print),
    ("keys export", "keys export --cluster -o out.yaml", "", Write),
    ("keys export", "keys export --cluster", "", Print),
    ("keys export", "keys export --cluster --seal-for offline-bundle.yaml -o out.yaml", "", Not),
    ("keys export", "keys export --seal-for offline-bundle.yaml key.yaml both.pem", "", Not),
    ("keys import", "keys import rsa.pem --cert certificate.pem -o out.yaml", "", Write),
    ("keys import", "keys import --key offline.yaml backup.yaml -o out.yaml", "", Write),
    ("keys list", "keys list --cluster -o json", "", Not),
    ("keys rotate", "keys rotate --no-wait", "", Not),
    ("keys usage", "keys usage KEY", "", Not),
    ("keys usage", "keys usage --all -o json KEY", "", Not),
    ("keys retire", "keys retire KEY --force", "", Not),
    ("keys retire", "keys retire KEY --as compromised", "", Not),
    ("reencrypt", "reencrypt --keys bundle.yaml --key key.yaml --compact native.yaml in-place.yaml", "", Not),
    ("reencrypt", "reencrypt --through-cluster --keys bundle.yaml --key key.yaml native.yaml", "", Not),
    ("migrate", "migrate", "", Not),
    ("migrate", "migrate --context here -o json", "", Not),
    ("migrate", "migrate --namespace-of-controller echo", "", Not),
    ("convert", "convert --to secret --key key.yaml --keys bundle.yaml native.yaml", "", Not),
    ("convert", "convert --to kseal --key rsa.pem --keys bundle.yaml -o out.yaml bitnami.yaml", "", Not),
    ("git textconv", "git textconv plain.yaml", "", Not),
    ("git textconv", "git textconv native.yaml", "", Not),
    ("git textconv", "git textconv --plaintext --key key.yaml native.yaml", "", Print),
    ("git install", "git install", "", Not),
    ("git uninstall", "git uninstall", "", Not),
    ("completion", "completion bash", "", Not),
];

/// Commands that fail, or find something, and must not say what.
const BAD: &[(&str, &str)] = &[
    ("check plain.yaml key.yaml rsa.pem", ""),
    ("check --strict bad", ""),
    ("encrypt --keys key.yaml plain.yaml", ""),
    ("encrypt --keys rsa.pem plain.yaml", ""),
    ("encrypt --keys plain.yaml plain.yaml", ""),
    ("encrypt --config plain.yaml plain.yaml", ""),
    ("encrypt --config value plain.yaml", ""),
    ("encrypt --keys bundle.yaml -n dev plain.yaml", ""),
    ("encrypt --keys bundle.yaml -o missing/out.yaml plain.yaml", ""),
    ("encrypt --keys bundle.yaml", TEXT),
    ("decrypt --key plain.yaml native.yaml", ""),
    ("decrypt --key value native.yaml", ""),
    ("decrypt --key broken-key.yaml native.yaml", ""),
    ("decrypt --key broken.pem bitnami.yaml", ""),
    ("decrypt --key key.yaml plain.yaml", ""),
    ("decrypt --key key.yaml -o missing/out.yaml native.yaml", ""),
    ("get --key key.yaml native.yaml none", ""),
    ("set native.yaml text --keys key.yaml", OTHER),
    ("set plain.yaml text --keys bundle.yaml", OTHER),
    ("set native.yaml text --keys bundle.yaml -o missing/out.yaml", OTHER),
    ("create generic db -n prod --keys bundle.yaml --from-env-file value", ""),
    ("create generic db -n prod --keys bundle.yaml --from-env-file broken-env", ""),
    ("create tls db -n prod --keys bundle.yaml --tls-cert rsa.pem --tls-key certificate.pem", ""),
    ("create tls db -n prod --keys bundle.yaml --tls-cert certificate.pem --tls-key value", ""),
    ("create docker-registry db -n prod --keys bundle.yaml --from-file value", ""),
    ("exec-env --key key.yaml --skip-invalid env.yaml -- ./missing", ""),
    ("exec-env --key key.yaml native.yaml -- true", ""),
    ("keys list plain.yaml", ""),
    ("keys list broken-key.yaml", ""),
    ("keys import broken.pem -o out.yaml", ""),
    ("keys import value -o out.yaml", ""),
    ("keys export plain.yaml", ""),
    ("keys export --public rsa.pem", ""),
    ("keys export --seal-for bundle.yaml key.yaml", ""),
    ("keys export --seal-for key.yaml both.pem", ""),
    ("keys export --cluster --namespace-of-controller echo", ""),
    ("keys import --key key.yaml backup.yaml -o out.yaml", ""),
    ("keys list backup.yaml plain.yaml", ""),
    ("keys rotate --sealed-secrets", ""),
    ("keys rotate --namespace-of-controller echo", ""),
    ("keys retire KEY", ""),
    ("keys retire KEY --as retiring --namespace-of-controller echo", ""),
    ("keys usage kaaaaaaaa", ""),
    ("convert --to kseal --key key.yaml --keys bundle.yaml plain.yaml", ""),
    ("reencrypt --keys bundle.yaml --key broken-key.yaml native.yaml", ""),
    ("reencrypt --through-cluster --context here --namespace-of-controller rotated upgraded.yaml", ""),
    ("reencrypt --through-cluster --kubeconfig kube/away upgraded.yaml", ""),
    ("migrate --kubeconfig kube/away", ""),
    ("verify --key broken-key.yaml native.yaml", ""),
    ("verify plain.yaml", ""),
    ("keys fetch --kubeconfig kube/broken", ""),
    ("keys fetch --kubeconfig kube/twice", ""),
    ("keys fetch --kubeconfig kube/failing", ""),
    ("keys fetch --kubeconfig kube/talking", ""),
    ("keys fetch --kubeconfig kube/oidc", ""),
    ("encrypt --kubeconfig kube/line-end plain.yaml", ""),
    ("status --kubeconfig kube/away", ""),
    ("status -n echo", ""),
];

/// Manifests that are broken where a value stands, or beside one. `@` is the value.
const BROKEN: &[(&str, &str)] = &[
    ("indentation.yaml", "kind: Secret\napiVersion: v1\nstringData:\n  a: @\n   b: @\n"),
    ("quote.yaml", "kind: Secret\napiVersion: v1\nstringData:\n  a: \"@\n"),
    ("escape.yaml", "kind: Secret\napiVersion: v1\nstringData:\n  a: \"\\q@\"\n"),
    ("json.json", "{\"kind\": \"Secret\", \"apiVersion\": \"v1\", \"stringData\": {\"a\": \"@\" \"b\": \"@\"}}"),
    ("base64.yaml", "kind: Secret\napiVersion: v1\nmetadata: {name: a, namespace: b}\ndata:\n  a: @\n"),
    ("twice.yaml", "kind: Secret\napiVersion: v1\nstringData:\n  a: @\n  a: @\n"),
    ("fields.yaml", "kind: Secret\napiVersion: v1\nstringData:\n  a: @\ndata:\n  a: @\n"),
    ("list.yaml", "kind: Secret\napiVersion: v1\nmetadata: {name: a, namespace: b}\nstringData: [@]\n"),
    ("text.yaml", "kind: Secret\napiVersion: v1\nmetadata: {name: a, namespace: b}\nstringData: @\n"),
    ("mapping.yaml", "kind: Secret\napiVersion: v1\nmetadata: {name: a, namespace: b}\nstringData: {a: {@: @}}\n"),
    ("tag.yaml", "kind: Secret\napiVersion: v1\nstringData: {a: !!int @}\n"),
    ("alias.yaml", "kind: Secret\napiVersion: v1\nstringData: {a: &x @, b: *y}\n"),
    ("merge.yaml", "kind: Secret\napiVersion: v1\nstringData: {<<: @}\n"),
    ("template.yaml", "kind: Secret\napiVersion: v1\nstringData:\n  {{ if @ }}\n  a: @\n"),
    ("sealed.yaml", "kind: SealedSecret\napiVersion: kseal.dev/v1alpha1\nspec:\n  encryptedData: {a: @}\n"),
    ("scope.yaml", "kind: SealedSecret\napiVersion: kseal.dev/v1alpha1\nspec:\n  scope: @\n  encryptedData: {}\n"),
    ("upstream.yaml", "kind: SealedSecret\napiVersion: bitnami.com/v1alpha1\nspec:\n  encryptedData: {a: @}\n"),
    (
        "in-place.yaml",
        "kind: Secret\napiVersion: v1\nmetadata: {name: a, namespace: b, annotations: {kseal.dev/sealed: broken}}\n\
         stringData: {a: @}\n",
    ),
    ("bundle.yaml", "kind: SealingKeyBundle\napiVersion: kseal.dev/v1alpha1\nmetadata: {name: @}\nspec: {keys: @}\n"),
];

#[test]
fn no_command_shows_a_secret_where_it_should_not() {
    for (_, line, input, may) in GOOD {
        let scene = Scene::new();
        let code = scene.run(line, input, *may);
        assert_eq!(code, 0, "kseal {line}");
    }
}

#[test]
fn no_command_that_fails_shows_a_secret() {
    for (line, input) in BAD {
        let scene = Scene::new();
        let code = scene.run(line, input, Not);
        assert_ne!(code, 0, "kseal {line}");
    }
}

#[test]
fn no_message_about_broken_input_shows_what_it_is() {
    let scene = Scene::new();
    let commands = [
        "encrypt --keys bundle.yaml @",
        "encrypt --keys bundle.yaml -f secret @",
        "encrypt --keys @ plain.yaml",
        "encrypt --config @ plain.yaml",
        "decrypt --key key.yaml @",
        "decrypt --key @ native.yaml",
        "get --key key.yaml @ a",
        "set @ a --keys bundle.yaml -o out.yaml",
        "unset @ a -o out.yaml",
        "edit @ --keys bundle.yaml -o out.yaml",
        "exec-env --key key.yaml @ -- true",
        "inspect @",
        "verify @",
        "check @",
        "keys list @",
        "keys import @ -o out.yaml",
        "keys export @",
        "reencrypt --keys bundle.yaml --dry-run @",
        "convert --to kseal --key key.yaml --keys bundle.yaml @",
        "git textconv @",
    ];
    for (name, _) in BROKEN {
        for command in commands {
            // What is no Secret to begin with passes through.
            let may = match command.split(' ').next() {
                Some("git") => Print,
                Some("set" | "unset" | "edit") => Keep,
                _ => Not,
            };
            scene.run(&command.replace('@', &format!("bad/{name}")), "", may);
            let _ = fs::remove_file(scene.folder.join("out.yaml"));
        }
    }
}

#[test]
fn every_command_is_tried() {
    let folder = Folder::new();
    let mut commands = BTreeSet::new();
    for command in listed(&folder, &[]) {
        let inner = listed(&folder, &[&command]);
        if inner.is_empty() {
            commands.insert(command);
        } else {
            commands.extend(inner.into_iter().map(|inner| format!("{command} {inner}")));
        }
    }
    let tried: BTreeSet<String> = GOOD.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(commands, tried, "a command without a canary");
    for (name, line, ..) in GOOD {
        assert!(line.starts_with(name), "{line} is not {name}");
    }
}

/// The commands that a help text lists: lines of a name, indented by two, and what it does.
fn listed(folder: &Folder, of: &[&str]) -> Vec<String> {
    let help = folder.kseal(&[of, &["-h"]].concat()).succeeds().stdout;
    let sections = help.split("Options:").next().unwrap_or_default();
    let sections = sections.split_once("Arguments:").map_or(sections, |(before, _)| before);
    let indented = sections.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = indented.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| name.starts_with(char::is_lowercase) && *name != "help").map(ToOwned::to_owned).collect()
}

/// A folder with secrets of every kind in it, and what to look for.
struct Scene {
    /// Editors share a folder, and must not see each other's files.
    _alone: MutexGuard<'static, ()>,
    folder: Folder,
    needles: Needles,
    /// The current cluster.
    _server: Server,
}

impl Scene {
    fn new() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = Folder::with_keys();
        let mut needles = Needles::default();
        needles.add("a text", TEXT.as_bytes());
        needles.add("another text", OTHER.as_bytes());
        needles.add("octets", OCTETS);
        needles.add("the seed", &seed(&folder.read("key.yaml")));
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
        let fixture = |name: &str| fs::read_to_string(fixtures.join(name)).expect("the fixture");
        let pem = fixture("rsa-2048-a.pem");
        for line in pem.lines().filter(|line| line.len() == 64) {
            needles.add("the RSA key", line.as_bytes());
        }
        folder.write("rsa.pem", &pem);
        folder.write("certificate.pem", &fixture("certificate-2048-a.pem"));
        folder.write("both.pem", &(fixture("rsa-2048-a.pem") + &fixture("certificate-2048-a.pem")));
        folder.write("value", &format!("{TEXT}\n{TEXT}\n"));
        folder.write("env", &format!("A={TEXT}\nB={OTHER}\n"));
        folder.write("broken-env", &format!("A={TEXT}\n{OTHER}\n"));
        folder.write("broken.pem", &pem.replace("\nM", "\n*M"));
        folder.write("broken-key.yaml", &folder.read("key.yaml").replace("  seed: ", "  seed: AA"));
        for key in ["rsa.pem", "both.pem", "key.yaml", "broken.pem", "broken-key.yaml"] {
            fs::set_permissions(folder.join(key), fs::Permissions::from_mode(0o600)).expect("the mode can be set");
        }
        // Large enough to take a while.
        let data = kseal_crypto::encode_base64(&OCTETS.repeat(4_096));
        let plain = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: prod\n  annotations:\n    \
             kubectl.kubernetes.io/last-applied-configuration: '{{\"stringData\":{{\"text\":\"{TEXT}\"}}}}'\n\
             data:\n  octets: {data}\nstringData:\n  text: {TEXT}\n  not.a.name: {OTHER}\n"
        );
        folder.write("plain.yaml", &plain);
        for (format, keys) in [("native", "bundle.yaml"), ("in-place", "bundle.yaml"), ("bitnami", "certificate.pem")] {
            let name = if format == "in-place" { "secret" } else { format.trim_start_matches("native") };
            let name = if name.is_empty() { "kseal" } else { name };
            let to = format!("{format}.yaml");
            folder.kseal(&["encrypt", "-f", name, "--keys", keys, "-o", &to, "plain.yaml"]).succeeds();
        }
        let args = ["create", "generic", "env", "-n", "prod", "--keys", "bundle.yaml", "-o", "env.yaml"];
        folder.kseal(&[&args[..], &["--from-env-file", "env", "--from-file", "not.a.name=value"]].concat()).succeeds();
        for (name, text) in BROKEN {
            folder.write(&format!("bad/{name}"), &text.replace('@', TEXT));
        }
        for name in ["tmp", "run"] {
            fs::create_dir(folder.join(name)).expect("a folder");
        }
        // An editor that leaves a change, so that what was edited is sealed.
        folder.write("editor", "#!/bin/sh\nsed -i s/second/third/ \"$1\"\n");
        fs::set_permissions(folder.join("editor"), fs::Permissions::from_mode(0o700)).expect("the mode can be set");
        folder.git(&["init", "-q"]).succeeds();
        needles.add("the token", TOKEN.as_bytes());
        let offline = folder.kseal(&["keys", "generate", "--suite", "X25519", "-o", "offline.yaml"]).succeeds().stdout;
        folder.write("offline-bundle.yaml", &offline);
        needles.add("the seed of the key that opens the others", &seed(&folder.read("offline.yaml")));
        let args = ["keys", "export", "--seal-for", "offline-bundle.yaml", "-o", "backup.yaml", "key.yaml", "both.pem"];
        folder.kseal(&args).succeeds();
        let server = current::cluster(&folder);
        folder.kseal(&["encrypt", "-o", "upgraded.yaml", "plain.yaml"]).succeeds();
        Self { _alone: alone, folder, needles, _server: server }
    }

    /// Runs kseal under watch, and returns its exit code.
    fn run(&self, line: &str, input: &str, may: May) -> i32 {
        // The key that the cluster publishes.
        let line = &line.replace("KEY", &fingerprint(1));
        let mut folders = vec![PathBuf::from("/dev/shm")];
        folders.extend(["", "tmp", "run", "bad", ".git", ".git/info"].map(|name| self.folder.join(name)));
        let seen = watch::run(&folders, || {
            let mut child = Command::new(env!("CARGO_BIN_EXE_kseal"))
                .args(line.split(' '))
                .current_dir(self.folder.path())
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .env("HOME", self.folder.path())
                .env("TMPDIR", self.folder.join("tmp"))
                .env("XDG_RUNTIME_DIR", self.folder.join("run"))
                .env("EDITOR", self.folder.join("editor"))
                .env("RUST_LOG", "trace")
                .env("RUST_BACKTRACE", "full")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("kseal runs");
            let (mut pipe, input) = (child.stdin.take().expect("a pipe"), input.to_owned());
            thread::spawn(move || {
                let _ = pipe.write_all(input.as_bytes());
            });
            child
        });
        let nowhere = |what: &str, octets: &[u8]| {
            let found = self.needles.found_in(octets);
            assert!(found.is_empty(), "kseal {line}: {what} shows {found:?}:\n{}", String::from_utf8_lossy(octets));
        };
        nowhere("stderr", &seen.output.stderr);
        if may != Print {
            nowhere("stdout", &seen.output.stdout);
        }
        for process in seen.processes.iter().filter(|_| may != Export) {
            nowhere("a process", process);
        }
        for file in &seen.files {
            if self.needles.found_in(&file.octets).is_empty() {
                continue;
            }
            let what = format!("kseal {line}: {} of mode {:o}", file.path.display(), file.mode);
            match may {
                Write => assert_eq!(file.mode, 0o600, "{what}"),
                Keep if file.path.parent() == Some(self.folder.path()) => continue,
                Edit | Keep => assert!(file.mode == 0o600 && file.folder_mode == 0o700, "{what}"),
                _ => panic!("{what} holds a secret"),
            }
            assert!(may == Write || !file.path.exists(), "{what} stays");
        }
        if may == Write && line.starts_with("keys generate") {
            let new = seed(&self.folder.read("out.yaml"));
            let mut needles = Needles::default();
            needles.add("the new seed", &new);
            assert!(
                needles.found_in(&seen.output.stdout).is_empty() && needles.found_in(&seen.output.stderr).is_empty()
            );
        }
        if matches!(may, Write | Edit) {
            let is_seen = seen.files.iter().any(|file| !file.octets.is_empty());
            assert!(is_seen, "kseal {line}: the watch saw no file, and does not work");
        }
        for folder in ["tmp", "run"] {
            let left = fs::read_dir(self.folder.join(folder)).expect("the folder").count();
            assert_eq!(left, 0, "kseal {line}: something stays in {folder}");
        }
        let names = fs::read_dir(self.folder.path()).expect("the folder").flatten();
        let left: Vec<_> =
            names.map(|it| it.file_name()).filter(|it| it.to_string_lossy().starts_with(".kseal-")).collect();
        assert!(left.is_empty(), "kseal {line}: {left:?} stays");
        seen.output.status.code().unwrap_or(-1)
    }
}

/// The seed of a key's manifest.
fn seed(manifest: &str) -> Vec<u8> {
    let text = manifest.lines().find_map(|line| line.trim().strip_prefix("seed: ")).expect("a seed");
    kseal_crypto::decode_data(text).expect("base64").to_vec()
}
