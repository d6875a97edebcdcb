//! The real kubeseal.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Builds it; Go's cache makes the second time cheap.
pub(crate) fn kubeseal() -> PathBuf {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("kubeseal");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kubeseal");
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(&program).arg("github.com/bitnami/sealed-secrets/cmd/kubeseal").current_dir(module);
    assert!(go.status().is_ok_and(|status| status.success()), "kubeseal cannot be built");
    program
}
