//! Asks at the terminal, without echo.

use kseal_crypto::Plaintext;
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    output::Output,
};

/// How often two entries may differ.
const TRIES: usize = 3;

/// Asks for a secret twice, until both entries are the same.
///
/// # Errors
/// If there is no terminal, or the entries differ again and again.
pub(crate) fn secret(what: &str, output: &Output) -> Result<Plaintext> {
    for _ in 0..TRIES {
        let first = ask(&format!("{what}: "))?;
        if first == ask(&format!("{what}, again: "))? {
            return Ok(Plaintext::from(first.as_bytes().to_vec()));
        }
        output.warn("the two entries differ");
    }
    Err(Error::input(format!("{what} was not entered twice alike")))
}

fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|error| {
        Error::file("cannot ask at the terminal")
            .because(&error)
            .hint("where there is no terminal, give the value in a file or by the standard input")
    })
}
