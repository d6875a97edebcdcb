//! What the environment says about the tests with a control plane.

#![expect(clippy::disallowed_methods, reason = "the one place where these tests read the environment")]

use std::{env, ffi::OsString, path::PathBuf};

use anyhow::{Context as _, Result};

/// A folder with `etcd`, `kube-apiserver` and `kubectl`, as controller-runtime's envtest wants it.
pub(super) fn assets() -> Option<PathBuf> {
    path("KUBEBUILDER_ASSETS")
}

/// A controller that is built already.
pub(super) fn controller() -> Option<PathBuf> {
    path("KSEAL_TESTS_CONTROLLER")
}

/// Whether the controller runs as its container would: with the user, the capabilities and the file system of its Pod.
pub(super) fn is_sandboxed() -> bool {
    env::var_os("KSEAL_TESTS_SANDBOX").is_some_and(|value| value == "1")
}

/// Where programs are found.
pub(super) fn search_path() -> OsString {
    env::var_os("PATH").unwrap_or_default()
}

/// The cargo that runs these tests.
pub(super) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Cargo's target folder: the one that this program lies in.
pub(super) fn target() -> Result<PathBuf> {
    let program = env::current_exe().context("this program does not know where it is")?;
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    Ok(target.context("this program is in no target folder of cargo's")?.to_owned())
}

/// The root of the repository.
pub(super) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn path(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
