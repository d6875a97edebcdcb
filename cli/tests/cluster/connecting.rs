//! Which cluster is meant, how to log in there, and what is said when that fails.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{
    harness::{Folder, Run},
    published::{PATH, Published},
    scene,
    server::{Server, kubeconfig},
};

fn fetch(folder: &Folder) -> Run {
    folder.kseal(&["keys", "fetch"])
}

/// Writes a program.
fn program(folder: &Folder, name: &str, text: &str) {
    folder.write(name, &format!("#!/bin/sh\n{text}\n"));
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o700)).expect("the mode can be set");
}

#[test]
fn contexts_are_chosen_as_kubectl_chooses_them() {
    let (folder, here) = scene();
    let there = Server::start();
    there.has(PATH, Published { name: "staging".to_owned(), ..Published::new(2) }.config_map());
    let other = there.kubeconfig("").replace("name: here", "name: there").replace("current-context: here\n", "");
    let other = other.replace("name: c,", "name: d,").replace("cluster: c,", "cluster: d,");
    folder.write("other", &other);
    let name = |env: &[(&str, &str)], args: &[&str]| {
        let run = folder.kseal_with_env(env, &[&["keys", "fetch"], args].concat()).succeeds();
        run.stdout.lines().find_map(|line| line.trim().strip_prefix("name: ")).unwrap().to_owned()
    };
    let list = [("KUBECONFIG", "missing:other::.kube/config")];
    assert_eq!(name(&[], &[]), "prod");
    assert_eq!(name(&list, &[]), "prod");
    assert_eq!(name(&list, &["--context", "there"]), "staging");
    assert_eq!(name(&[], &["--kubeconfig", "other", "--context", "there"]), "staging");
    assert_eq!((here.lines().len(), there.lines().len()), (2, 2));

    let run = folder.kseal(&["keys", "fetch", "--context", "nowhere"]).exits_with(2);
    assert!(run.stderr.contains("there is no context nowhere") && run.stderr.contains("it has here"), "{}", run.stderr);
    folder.kseal(&["keys", "fetch", "--kubeconfig", "missing"]).exits_with(7);
    let run = folder.kseal(&["keys", "fetch", "--kubeconfig", "other"]).exits_with(8);
    assert!(run.stderr.contains("no kubeconfig has a current context"), "{}", run.stderr);
    let run = folder.kseal_with_env(&[("KUBECONFIG", "missing")], &["keys", "fetch", "--context", "x"]).exits_with(2);
    assert!(run.stderr.contains("there is no kubeconfig"), "{}", run.stderr);
}

#[test]
fn the_program_that_logs_in_runs_once_and_reads_no_input_of_kseal() {
    let (folder, server) = scene();
    let answer =
        r#"{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "open"}}"#;
    program(
        &folder,
        "log-in",
        &format!("cat >> ran\necho \"$KUBERNETES_EXEC_INFO $1 $WHO\" >> ran\necho hello >&2\necho '{answer}'"),
    );
    let exec = "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./log-in, args: [now], \
                env: [{name: WHO, value: ada}], interactiveMode: IfAvailable, provideClusterInfo: true}";
    // Where the kubeconfig stands, not where kseal is.
    fs::rename(folder.join("log-in"), folder.join(".kube/log-in")).unwrap();
    folder.write(".kube/config", &server.kubeconfig(exec));
    let run = folder.kseal_with_input(&["encrypt"], super::PLAIN).succeeds();
    assert!(run.stderr.contains("hello\n"), "what it says is seen: {}", run.stderr);
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer open"));
    let ran = folder.read("ran");
    assert_eq!(ran.lines().count(), 1, "{ran}");
    let (info, rest) = ran.trim_end().rsplit_once("} ").unwrap();
    assert_eq!(rest, "now ada");
    let info: serde_json::Value = serde_json::from_str(&format!("{info}}}")).unwrap();
    assert_eq!((&info["kind"], &info["spec"]["interactive"]), (&"ExecCredential".into(), &false.into()));
    assert_eq!(info["spec"]["cluster"]["server"], server.url());
}

#[test]
fn a_login_that_fails_says_why_and_shows_no_token() {
    const TOKEN: &str = "eyJhbGciOi-canary";
    let (folder, server) = scene();
    let jwt = format!("e30.{TOKEN}.x");
    let cases = [
        ("exec: {command: missing-program, installHint: get it there}", 8, "hint: get it there"),
        ("exec: {command: ./fails}", 8, "failed: exit status: 3"),
        ("exec: {command: ./talks}", 8, "does not answer with an ExecCredential"),
        ("exec: {command: ./empty}", 8, "does not answer with an ExecCredential"),
        ("exec: {command: ./half}", 8, "does not answer with an ExecCredential"),
        ("exec: {command: ./talks, interactiveMode: Always}", 8, "wants to ask at a terminal"),
        ("exec: {args: [a]}", 3, "names no command"),
        ("tokenFile: missing", 7, "cannot read "),
        (
            &format!("auth-provider: {{name: oidc, config: {{id-token: {jwt}}}}}"),
            8,
            "the id-token of the kubeconfig is none",
        ),
        ("auth-provider: {name: oidc, config: {}}", 8, "there is no valid id-token, and no idp-issuer-url"),
        (
            &format!("auth-provider: {{name: gcp, config: {{access-token: {TOKEN}}}}}"),
            3,
            "by auth-provider gcp any more",
        ),
        (&format!("client-certificate-data: {TOKEN}, client-key-data: {TOKEN}"), 3, "is not base64"),
        ("client-certificate-data: aGk=, client-key-data: aGk=", 3, "is not PEM"),
        ("client-certificate-data: aGk=", 3, "one of them is missing"),
        ("client-certificate: missing, client-key: missing", 7, "cannot read "),
        (&format!("token: {TOKEN}, token: [{TOKEN}"), 3, "not a kubeconfig"),
        (&format!("token: {{a: {TOKEN}}}"), 3, "not a kubeconfig"),
        (&format!("token: \"{TOKEN}\\n\""), 3, "the token cannot be sent"),
    ];
    for (name, text) in [
        ("fails", format!("echo {TOKEN}; exit 3")),
        ("talks", format!("echo \"token is {TOKEN}\"")),
        ("empty", "echo '{}'".to_owned()),
        ("half", format!("echo '{{\"status\": {{\"clientKeyData\": \"{TOKEN}\"}}}}'")),
    ] {
        program(&folder, &format!(".kube/{name}"), &text);
    }
    for (user, code, message) in cases {
        folder.write(".kube/config", &server.kubeconfig(user));
        let run = fetch(&folder).exits_with(code);
        assert!(run.stderr.contains(message), "{user}: {}", run.stderr);
        assert!(!run.stderr.contains("canary"), "{user}: {}", run.stderr);
        let says_what = run.stderr.contains("hint: ") || run.stderr.contains("caused by: ");
        assert!(says_what, "{user}: {}", run.stderr);
    }
    assert!(server.lines().is_empty(), "{:?}", server.lines());
    // What answers in the place of an API server may say what it was sent.
    server.forgets(PATH).says(PATH, 502, format!("<html>Authorization: Bearer {TOKEN}</html>"));
    folder.write(".kube/config", &server.kubeconfig(&format!("token: {TOKEN}")));
    let run = fetch(&folder).exits_with(8);
    assert!(run.stderr.contains("HTTP 502") && !run.stderr.contains("canary"), "{}", run.stderr);
    server.forgets(PATH).has(PATH, format!("\"{TOKEN}\""));
    let run = fetch(&folder).exits_with(3);
    assert!(!run.stderr.contains("canary"), "{}", run.stderr);
}

#[test]
fn a_kubeconfig_that_does_not_hold_says_where() {
    let (folder, server) = scene();
    let good = server.kubeconfig("");
    let cases = [
        (good.replace("current-context: here", "current-context: gone"), "there is no context gone"),
        (good.replace("name: c,", "name: other,"), "there is no cluster c, which the context names"),
        (good.replace(&format!("server: \"{}\"", server.url()), ""), "server is not a URL"),
        (good.replace(&server.url(), "127.0.0.1"), "server is not a URL"),
        (good.replace(&server.url(), "ftp://cluster.example"), "server is not a URL"),
        (good.replace("cluster: {server", "cluster: {certificate-authority-data: '*', server"), "not base64"),
        (
            good.replace("cluster: {server", "cluster: {certificate-authority-data: LS0=, server"),
            "there is no certificate in",
        ),
        (good.replace("cluster: {server", "cluster: {proxy-url: 'ftp://p', server"), "not the URL of a proxy"),
        ("a: [\n".to_owned(), "not a kubeconfig"),
    ];
    for (text, message) in cases {
        folder.write(".kube/config", &text);
        let run = fetch(&folder).exits_with(3);
        assert!(run.stderr.contains(message), "{message}: {}", run.stderr);
    }
    folder.write(".kube/config", &good.replace("cluster: {server", "cluster: {certificate-authority: gone, server"));
    let run = fetch(&folder).exits_with(7);
    assert!(run.stderr.contains("cannot read the certificate authority"), "{}", run.stderr);
}

#[test]
fn a_cluster_that_cannot_be_reached_is_named() {
    let (folder, server) = scene();
    drop(server);
    let run = folder.kseal(&["encrypt", "db.yaml"]).exits_with(8);
    assert!(run.stderr.contains("error: context here (http://127.0.0.1:"), "{}", run.stderr);
    assert!(run.stderr.contains("cannot be reached\ncaused by: "), "{}", run.stderr);
    folder.kseal(&["status"]).exits_with(8);
    // TLS where there is none.
    let server = Server::start();
    folder.write(".kube/config", &kubeconfig(&server.url().replace("http:", "https:"), "", ""));
    fetch(&folder).exits_with(8);
}

#[test]
fn a_proxy_is_on_the_way_where_the_kubeconfig_or_the_environment_says_so() {
    let (folder, server) = scene();
    // A name that nothing but the proxy knows.
    folder.write(".kube/config", &kubeconfig("http://cluster.example:8001", "", "token: sesame"));
    let env = [("HTTP_PROXY", server.url()), ("NO_PROXY", "other.example,127.0.0.1".to_owned())];
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    folder.kseal_with_env(&env, &["keys", "fetch", "--trust"]).succeeds();
    let seen = server.seen();
    assert_eq!(seen[0].line, "CONNECT cluster.example:8001");
    assert_eq!(seen[0].header("authorization"), None, "the token is not the proxy's");
    assert_eq!(
        (seen[1].line.as_str(), seen[1].header("authorization")),
        (format!("GET {PATH}").as_str(), Some("Bearer sesame"))
    );
    let with_password = server.url().replace("http://", "http://ada:hunter2@");
    let cluster = format!(", proxy-url: \"{with_password}\"");
    folder.write(".kube/config", &kubeconfig("http://cluster.example:8001", &cluster, ""));
    folder.kseal_with_env(&[("NO_PROXY", "*")], &["keys", "fetch", "--trust"]).succeeds();
    assert_eq!(server.seen()[2].header("proxy-authorization"), Some("Basic YWRhOmh1bnRlcjI="));
    drop(server);
    let run = fetch(&folder).exits_with(8);
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
}

#[test]
fn a_busy_server_is_asked_again_when_it_says_so() {
    let (folder, server) = scene();
    server.forgets(PATH).says_with(PATH, 429, "retry-after: 0\r\n", "", 2).has(PATH, Published::new(1).config_map());
    fetch(&folder).succeeds();
    assert_eq!(server.lines().len(), 3);
    server.forgets(PATH).says_with(PATH, 503, "retry-after: 3600\r\n", "", 1);
    fetch(&folder).exits_with(8);
    assert_eq!(server.lines().len(), 4);
}

#[test]
fn kubeconfigs_are_read_as_tools_write_them() {
    let (folder, server) = scene();
    let url = server.url();
    folder.write("token", "sesame\n");
    let minikube = format!(
        "apiVersion: v1
clusters:
- cluster:
    certificate-authority: ../.minikube/ca.crt
    extensions:
    - extension: {{last-update: 'Thu, 26 Nov 2026 14:00:00 UTC', provider: minikube.sigs.k8s.io, version: v1.40.0}}
      name: cluster_info
    server: https://192.168.49.2:8443
  name: minikube
- name: here
  cluster: {{server: \"{url}\", insecure-skip-tls-verify: false, disable-compression: true}}
- name: empty
contexts:
- context: {{cluster: here, namespace: default, user: here, extensions: []}}
  name: here
- context:
    cluster: minikube
    user: minikube
  name: minikube
current-context: here
kind: Config
preferences: {{colors: true}}
users:
- name: minikube
  user: {{client-certificate: /nowhere/client.crt, client-key: /nowhere/client.key}}
- name: eks
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      args: [--region, eu-central-1, eks, get-token, --cluster-name, prod]
      command: aws
      env: null
      installHint: null
      interactiveMode: IfAvailable
      provideClusterInfo: false
- name: here
  user: {{tokenFile: ../token, as: eve, as-groups: [a, b], as-user-extra: {{scope: [x]}}}}
"
    );
    let json = format!(
        r#"{{"apiVersion":"v1","kind":"Config","preferences":{{}},"current-context":"here","users":null,"extensions":null,
            "contexts":[{{"name":"here","context":{{"cluster":"c","user":"","namespace":""}}}}],
            "clusters":[{{"name":"c","cluster":{{"server":"{url}","proxy-url":"","tls-server-name":""}}}}]}}"#
    );
    for text in [minikube, json] {
        folder.write(".kube/config", &text);
        fetch(&folder).succeeds();
    }
    let seen = server.seen();
    assert_eq!(seen[0].header("authorization"), Some("Bearer sesame"));
    assert_eq!(
        (seen[0].header("impersonate-user"), seen[0].header("impersonate-extra-scope")),
        (Some("eve"), Some("x"))
    );
    assert_eq!(seen[1].header("authorization"), None);
    folder.kseal(&["status"]).exits_with(8);
    assert!(server.lines()[2].contains("/namespaces/default/"), "{:?}", server.lines());
}
