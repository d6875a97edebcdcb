//! Runs the program that the kubeconfig names to log in, once for a command, as kubectl does.
//!
//! `kube` would run it too, but three times for one client, with kseal's standard input, which may be the Secret that is
//! sealed, and without its standard error where it may not ask; and its errors quote what the program printed.

use std::process::{Command, Stdio};

use kseal_crypto::encode_base64;
use kube::config::{AuthInfo, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    files,
};

/// Asks the program for credentials, if there is one, and puts them where `kube` looks for those that are written down.
///
/// # Errors
/// If it does not run, fails, or does not answer in the protocol of `client.authentication.k8s.io`.
pub(super) fn log_in(auth: &mut AuthInfo) -> Result<()> {
    // What is written down goes first, as in `kube`.
    let has_other = auth.auth_provider.is_some()
        || auth.token.is_some()
        || auth.token_file.is_some()
        || auth.username.is_some() && auth.password.is_some();
    let Some(plugin) = auth.exec.take().filter(|_| !has_other) else { return Ok(()) };
    let answer = run(&plugin)?;
    let name = plugin.command.as_deref().unwrap_or_default();
    let credential: Credential = kseal_manifest::from_str(&answer).map_err(|_| not_understood(name))?;
    let status = credential.status.ok_or_else(|| not_understood(name))?;
    match (status.client_certificate_data, status.client_key_data) {
        (Some(certificate), Some(key)) => {
            auth.client_certificate_data = Some(encode_base64(certificate.as_bytes()));
            auth.client_key_data = Some(encode_base64(Zeroizing::new(key).as_bytes()).into());
        }
        (None, None) if status.token.is_some() => {}
        _ => return Err(not_understood(name)),
    }
    auth.token = status.token.map(Into::into);
    Ok(())
}

/// What the program printed, which is secret.
fn run(plugin: &ExecConfig) -> Result<Zeroizing<String>> {
    let Some(name) = plugin.command.as_deref().filter(|name| !name.is_empty()) else {
        return Err(Error::input("the kubeconfig's exec names no command")
            .hint("`kubectl config view --minify` shows what the context says"));
    };
    let may_ask = match (&plugin.interactive_mode, files::stdin_is_terminal()) {
        (Some(ExecInteractiveMode::Never), _) => false,
        (Some(ExecInteractiveMode::Always), false) => {
            return Err(Error::cluster(format!("{name} wants to ask at a terminal to log in, and there is none"))
                .hint("log in first, or name files instead of the standard input"));
        }
        (_, is_terminal) => is_terminal,
    };
    let mut command = Command::new(name);
    command.args(plugin.args.iter().flatten()).env("KUBERNETES_EXEC_INFO", info(plugin, may_ask)?);
    let pairs = plugin.env.iter().flatten().filter_map(|pair| Some((pair.get("name")?, pair.get("value")?)));
    command.envs(pairs);
    // The standard input may be a file that is to be sealed.
    command.stdin(if may_ask { Stdio::inherit() } else { Stdio::null() });
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| {
        let hint = plugin.install_hint.clone().filter(|hint| !hint.trim().is_empty());
        Error::cluster(format!("cannot run {name}, by which the kubeconfig logs in"))
            .because(&error)
            .hint(hint.unwrap_or_else(|| "install it, or choose another --context".to_owned()))
    })?;
    let printed = Zeroizing::new(output.stdout);
    if !output.status.success() {
        return Err(Error::cluster(format!("{name}, by which the kubeconfig logs in, failed: {}", output.status))
            .hint("what it said stands above"));
    }
    std::str::from_utf8(&printed).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| not_understood(name))
}

fn info(plugin: &ExecConfig, interactive: bool) -> Result<String> {
    let info = Info {
        api_version: plugin.api_version.as_deref(),
        kind: "ExecCredential",
        spec: InfoSpec { interactive, cluster: plugin.cluster.as_ref().filter(|_| plugin.provide_cluster_info) },
    };
    serde_json::to_string(&info).map_err(|error| Error::input("the kubeconfig's exec is not usable").because(&error))
}

fn not_understood(name: &str) -> Error {
    Error::cluster(format!("{name}, by which the kubeconfig logs in, does not answer with an ExecCredential"))
        .hint("it must print one with status.token, or with clientCertificateData and clientKeyData")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'p> {
    api_version: Option<&'p str>,
    kind: &'static str,
    spec: InfoSpec<'p>,
}

#[derive(Serialize)]
struct InfoSpec<'p> {
    interactive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'p ExecAuthCluster>,
}

/// The program's answer.
#[derive(Deserialize)]
struct Credential {
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}
