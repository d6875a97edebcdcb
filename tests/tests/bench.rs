//! What the bench counts holds on every machine, so that is a test; what it times is for a quiet one.

use std::process::Command;

use anyhow::ensure;
use kseal_tests::cluster::{controller_program, run};

#[test]
fn a_new_object_costs_two_writes_and_a_restart_costs_none() {
    run(async {
        let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
        bench.args(["controller", "--quick", "--count", "40", "--only", "new,keys,objects"]);
        let output = bench.env("KSEAL_TESTS_CONTROLLER", controller_program()?).output()?;
        let (said, errors) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        ensure!(output.status.success(), "{}\n{said}\n{errors}", output.status);
        let counts = said.lines().filter(|line| line.contains("private-key operations")).count();
        ensure!(counts == 5, "{counts} lines count private-key operations:\n{said}");
        Ok(())
    });
}
