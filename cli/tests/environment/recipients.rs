//! Where keys and configurations come from: variables, folders, a server.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use super::{Folder, SECRET, folder, refused, sh};

const RULES: &str = "clusters: {it: {bundle: bundle.yaml}}\n";

#[test]
fn several_key_files_stand_in_one_variable_as_in_path() {
    let folder = folder();
    folder.kseal(&["keys", "generate", "--suite", "X25519", "-o", "other.yaml"]).succeeds();
    let open = "kseal get sealed.yaml password";
    assert_eq!(sh(&folder, &format!("KSEAL_KEY_FILE=other.yaml:key.yaml {open}")).succeeds().stdout, "hunter2");
    assert_eq!(sh(&folder, &format!("KSEAL_KEY_FILE=key.yaml {open}")).succeeds().stdout, "hunter2");
    sh(&folder, &format!("KSEAL_KEY_FILE=other.yaml {open}")).exits_with(4);
    sh(&folder, &format!("KSEAL_KEY_FILE= {open}")).exits_with(4);
    sh(&folder, &format!("KSEAL_KEY_FILE=missing.yaml {open}")).exits_with(7);
    // What is typed goes before.
    sh(&folder, &format!("KSEAL_KEY_FILE=missing.yaml {open} --key key.yaml")).succeeds();
}

#[test]
fn the_configuration_of_a_variable_goes_before_the_nearest_one_and_an_option_before_both() {
    let folder = folder();
    folder.write(".kseal.yaml", "clusters: {near: {bundle: bundle.yaml}}\n");
    folder.write("variable.yaml", "clusters: {variable: {bundle: bundle.yaml}}\n");
    folder.write("option.yaml", "clusters: {option: {bundle: bundle.yaml}}\n");
    let said = |line: &str| sh(&folder, line).succeeds().stderr;
    assert!(said("kseal encrypt plain.yaml").contains("for near ("));
    assert!(said("KSEAL_CONFIG=variable.yaml kseal encrypt plain.yaml").contains("for variable ("));
    assert!(said("KSEAL_CONFIG=variable.yaml kseal encrypt --config option.yaml plain.yaml").contains("for option ("));
    assert!(said("KSEAL_CONFIG=variable.yaml kseal encrypt --keys bundle.yaml plain.yaml").contains("for local ("));
}

#[test]
fn a_configuration_is_looked_for_up_to_the_root_of_the_repository_and_not_beyond() {
    let folder = folder();
    folder.write(".kseal.yaml", RULES);
    folder.write("repository/apps/prod/db.yaml", SECRET);
    let encrypt = ["encrypt", "repository/apps/prod/db.yaml"];
    // No repository: the folder of the file alone.
    folder.kseal(&encrypt).exits_with(4);
    fs::create_dir(folder.join("repository/.git")).expect("a folder");
    folder.kseal(&encrypt).exits_with(4);
    folder.write("repository/.kseal.yaml", "clusters: {root: {bundle: ../bundle.yaml}}\n");
    assert!(folder.kseal(&encrypt).succeeds().stderr.contains("for root ("));
    folder.write("repository/apps/.kseal.yaml", "clusters: {near: {bundle: ../../bundle.yaml}}\n");
    assert!(folder.kseal(&encrypt).succeeds().stderr.contains("for near ("));
    // A worktree has a file in the place of the folder.
    fs::remove_dir(folder.join("repository/.git")).expect("it was there");
    fs::remove_file(folder.join("repository/apps/.kseal.yaml")).expect("it was there");
    folder.write("repository/.git", "gitdir: elsewhere\n");
    assert!(folder.kseal(&encrypt).succeeds().stderr.contains("for root ("));
}

#[test]
fn the_rule_is_that_of_the_output() {
    let folder = folder();
    folder.kseal(&["keys", "generate", "--suite", "X25519", "-o", "dev-key.yaml"]).succeeds();
    folder.write("dev.yaml", &folder.kseal(&["keys", "export", "--public", "dev-key.yaml"]).succeeds().stdout);
    folder.write(
        ".kseal.yaml",
        "clusters: {prod: {bundle: bundle.yaml}, dev: {bundle: dev.yaml}}\n\
         rules:\n  - {paths: ['prod/*.yaml'], clusters: [prod]}\n  - {paths: ['dev/**'], clusters: [dev]}\n",
    );
    fs::create_dir(folder.join(".git")).expect("a folder");
    fs::create_dir_all(folder.join("dev/deep")).expect("a folder");
    folder.write("prod/db.yaml", SECRET);
    assert!(folder.kseal(&["encrypt", "prod/db.yaml"]).succeeds().stderr.contains("for prod ("));
    let run = folder.kseal(&["encrypt", "-o", "dev/deep/db.yaml", "prod/db.yaml"]).succeeds();
    assert!(run.stderr.contains("for dev ("), "{}", run.stderr);
    let said = refused(&folder, &["encrypt", "-o", "db.yaml", "prod/db.yaml"], 4);
    assert!(said.contains("no rule"), "{said}");
    folder.write("prod/deep/db.yaml", SECRET);
    folder.kseal(&["encrypt", "prod/deep/db.yaml"]).exits_with(4);
    // Links and dots in the way do not change the rule.
    folder.kseal(&["encrypt", "-o", "prod/../dev/other.yaml", "prod/db.yaml"]).succeeds();
    std::os::unix::fs::symlink("dev", folder.join("alias")).expect("a link");
    assert!(
        folder.kseal(&["encrypt", "-o", "alias/third.yaml", "prod/db.yaml"]).succeeds().stderr.contains("for dev (")
    );
}

/// A server that is gone with the test.
struct Server {
    child: Child,
    port: String,
}

impl Server {
    /// Serves a folder by TLS, with a certificate of its own authority (`ca.pem`).
    fn start(folder: &Folder) -> Self {
        let made = sh(
            folder,
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca -days 30 \
               -addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.pem && \
             openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
               -keyout server.key -out server.csr && \
             printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n' >ext && \
             openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile ext \
               -out server.pem",
        );
        made.succeeds();
        folder.write(
            "server.py",
            "import http.server, ssl, sys\n\
             class Quiet(http.server.SimpleHTTPRequestHandler):\n\
             \x20   def log_message(self, *_): pass\n\
             server = http.server.HTTPServer(('localhost', 0), Quiet)\n\
             context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
             context.load_cert_chain('server.pem', 'server.key')\n\
             server.socket = context.wrap_socket(server.socket, server_side=True)\n\
             print(server.server_port, flush=True)\n\
             server.serve_forever()\n",
        );
        let mut child = Command::new("python3")
            .arg("server.py")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 runs");
        let mut port = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut port).expect("the port");
        Self { child, port: port.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs openssl and python3"]
fn a_bundle_is_fetched_by_https_from_who_can_be_trusted_only() {
    let folder = folder();
    let server = Server::start(&folder);
    let encrypt = format!("kseal encrypt --keys https://localhost:{}/bundle.yaml plain.yaml", server.port);
    let run = sh(&folder, &format!("SSL_CERT_FILE=ca.pem {encrypt}")).succeeds();
    assert!(run.stdout.contains("ks1."));
    let run = sh(&folder, &encrypt).exits_with(7);
    assert!(run.stderr.contains("cannot fetch") && run.stderr.contains("hint:"), "{}", run.stderr);
    let missing = encrypt.replace("bundle.yaml", "missing.yaml");
    let run = sh(&folder, &format!("SSL_CERT_FILE=ca.pem {missing}")).exits_with(7);
    assert!(run.stderr.contains("404"), "{}", run.stderr);
    sh(&folder, &format!("SSL_CERT_FILE=ca.pem {}", encrypt.replace("https", "http"))).exits_with(6);
}
