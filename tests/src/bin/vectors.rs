//! Writes `tests/vectors/`, or with `--check` says how the folder differs from what would be written.

use std::{
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use kseal_tests::vectors;

fn main() -> io::Result<ExitCode> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            vectors::write(&folder)?;
            let count = vectors::files().len();
            writeln!(io::stdout(), "{count} vectors in {}", folder.display())?;
            Ok(ExitCode::SUCCESS)
        }
        ["--check"] => {
            let differences = vectors::differences(&folder)?;
            for difference in &differences {
                writeln!(io::stderr(), "{difference}")?;
            }
            Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        _ => {
            writeln!(io::stderr(), "usage: vectors [--check]")?;
            Ok(ExitCode::from(2))
        }
    }
}
