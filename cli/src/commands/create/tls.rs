//! `kseal create tls`: a Secret of a certificate and its key.

use std::path::Path;

use kseal_crypto::Plaintext;

use super::Contents;
use crate::{
    args::{CreateCommon, TlsArgs},
    error::{Error, Result},
    files,
};

pub(super) fn contents(args: TlsArgs) -> Result<(CreateCommon, Contents)> {
    let mut contents = Contents { type_: Some("kubernetes.io/tls".to_owned()), ..Contents::default() };
    let certificate = read(&args.tls_cert, "CERTIFICATE-----", "certificate")?;
    contents.add("tls.crt", certificate)?;
    contents.add("tls.key", read(&args.tls_key, "PRIVATE KEY-----", "private key")?)?;
    Ok((args.common, contents))
}

fn read(path: &Path, label: &str, what: &str) -> Result<Plaintext> {
    let octets = Plaintext::from(files::read_octets(Some(path))?);
    let is_one = |line: &[u8]| line.starts_with(b"-----BEGIN ") && line.trim_ascii_end().ends_with(label.as_bytes());
    if !octets.split(|byte| *byte == b'\n').any(is_one) {
        return Err(Error::input(format!("{}: holds no {what} in PEM form", path.display())));
    }
    Ok(octets)
}
