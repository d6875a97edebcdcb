//! `kseal create docker-registry`: a Secret for pulling images.

use std::path::{Path, PathBuf};

use kseal_crypto::{Plaintext, encode_base64};
use kseal_manifest::Manifest;
use serde::Serialize;
use zeroize::Zeroizing;

use super::Contents;
use crate::{
    args::{CreateCommon, DockerArgs},
    error::{Error, Result},
    files,
    output::Output,
    prompt,
};

const ITEM: &str = ".dockerconfigjson";

pub(super) fn contents(args: DockerArgs, output: &Output) -> Result<(CreateCommon, Contents)> {
    let mut contents = Contents { type_: Some("kubernetes.io/dockerconfigjson".to_owned()), ..Contents::default() };
    let config = if let Some(path) = &args.from_file {
        read(path)?
    } else {
        let username = args.docker_username.unwrap_or_default();
        let password = password(args.insecure_docker_password, args.docker_password_file, output)?;
        config(&args.docker_server, &username, &password, args.docker_email.as_deref())
    };
    contents.add(ITEM, config)?;
    Ok((args.common, contents))
}

/// Reads a configuration; `kubectl` wants the item's name before it.
fn read(path: &Path) -> Result<Plaintext> {
    let path = path.to_str().and_then(|path| path.strip_prefix(".dockerconfigjson=")).map_or(path, Path::new);
    let input = files::read(path)?;
    let is_config = Manifest::parse(input.text.clone())
        .is_ok_and(|it| it.documents().first().is_some_and(|it| it.root().get("auths").is_some()));
    if !is_config {
        return Err(Error::input(format!("{}: no Docker configuration: it has no auths", path.display())));
    }
    Ok(Plaintext::from(input.text.as_bytes().to_vec()))
}

fn password(given: Option<String>, file: Option<PathBuf>, output: &Output) -> Result<Zeroizing<String>> {
    if let Some(password) = given {
        return Ok(Zeroizing::new(password));
    }
    let octets = match file {
        Some(path) => {
            let path = Some(path.as_path()).filter(|path| *path != Path::new("-"));
            Plaintext::from(files::read_octets(path)?)
        }
        None if files::stdin_is_terminal() => prompt::secret("password", output)?,
        None => Plaintext::from(files::read_octets(None)?),
    };
    let text = std::str::from_utf8(&octets).map_err(|_| Error::input("the password is no text"))?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(Error::usage("the password is empty")
            .hint("give it by the standard input, --docker-password-file, or at a terminal"));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

#[derive(Serialize)]
struct Auth<'a> {
    username: &'a str,
    password: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(rename = "auth")]
    basic: &'a str,
}

/// As `kubectl` writes it.
fn config(server: &str, username: &str, password: &str, email: Option<&str>) -> Plaintext {
    let auth = Zeroizing::new(encode_base64(Zeroizing::new(format!("{username}:{password}")).as_bytes()));
    let auths = std::collections::BTreeMap::from([(server, Auth { username, password, email, basic: &auth })]);
    // Enough for any escape, so that it does not grow and leave copies behind.
    let room = 6 * (server.len() + username.len() + password.len() + email.map_or(0, str::len)) + auth.len() + 128;
    let mut json = Zeroizing::new(Vec::with_capacity(room));
    serde_json::to_writer(&mut *json, &std::collections::BTreeMap::from([("auths", auths)]))
        .expect("texts in memory become JSON");
    json.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_that_of_kubectl() {
        let json = config("r.io", "ada", "p\"w", Some("ada@r.io"));
        let wanted =
            r#"{"auths":{"r.io":{"username":"ada","password":"p\"w","email":"ada@r.io","auth":"YWRhOnAidw=="}}}"#;
        assert_eq!(std::str::from_utf8(&json).unwrap(), wanted);
    }
}
