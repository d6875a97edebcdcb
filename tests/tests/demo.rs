//! What the README names first runs to its end.

use std::{path::Path, process::Command};

use anyhow::ensure;
use kseal_tests::cluster::{controller_program, run};

#[test]
fn the_demo_ends_with_the_secret_that_was_sealed() {
    run(async {
        // Tests of the whole workspace have built it. A build of it alone chooses other features and takes minutes.
        if !Path::new(env!("CARGO_BIN_EXE_demo")).with_file_name("kseal").exists() {
            let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--package", "kseal"]).status()?;
            ensure!(built.success(), "cargo build: {built}");
        }
        let output = Command::new(env!("CARGO_BIN_EXE_demo")).arg(controller_program()?).output()?;
        let (said, errors) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        ensure!(output.status.success(), "{}\n{said}\n{errors}", output.status);
        ensure!(said.contains("\ncorrect-horse-battery-staple\n") && said.ends_with("are gone.\n"), "{said}");
        Ok(())
    });
}
