//! `kseal encrypt`: seals the values of Secrets.

use std::path::{Path, PathBuf};

use kseal_core::{SealedItems, seal_native, seal_upstream, sealed_annotation};
use kseal_crypto::KeyRing;
use kseal_manifest::{Style, Tree, render};
use zeroize::Zeroizing;

use super::DONE;
use crate::{
    args::{EncryptArgs, SealFormat},
    error::{Error, Result},
    files::{self, Input, Privacy},
    item_key, key_files,
    output::Output,
    placing::Placing,
    recipients::{Resolved, Resolver},
    sealing::{Previous, Sealed, Sealing, native},
    settings::Environment,
    sink,
    words::{are, count},
};

pub(crate) fn run(args: EncryptArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let EncryptArgs { files, output: target, format, place, namespace, name, raw, allow_empty, recipients, keys } =
        args;
    let mut command = Encrypt {
        resolver: Resolver::new(recipients.settle(environment), environment.now(), output),
        key_files: keys.settle(environment),
        placing: Placing::new(place, namespace, name)?,
        format,
        allow_empty,
        named: 0,
        notes: Vec::new(),
        environment,
        output,
    };
    match raw {
        Some(item) => command.raw(&files, target.output.as_deref(), &item)?,
        None => sink::each(files, &target, Privacy::Public, output, |input, to| command.one(input, to))?,
    }
    for note in command.notes {
        output.note(note);
    }
    Ok(DONE)
}

struct Encrypt<'a> {
    resolver: Resolver<'a>,
    key_files: Vec<PathBuf>,
    placing: Placing,
    format: Option<SealFormat>,
    allow_empty: bool,
    /// How many Secrets are named by `--name`, if it is given.
    named: usize,
    /// What was done, to be said once it is.
    notes: Vec<String>,
    environment: &'a Environment,
    output: &'a Output,
}

impl Encrypt<'_> {
    /// Seals one text; `to` is where it will stand.
    fn one(&mut self, input: &Input, to: Option<&Path>) -> Result<Zeroizing<String>> {
        let resolved = self.resolver.resolve(to.or(input.path.as_deref()))?;
        let to_keep = to.filter(|_| !self.key_files.is_empty());
        let previous = match to_keep.map(files::read_if_exists).transpose()?.flatten() {
            Some(before) => Previous::read(&before.text, self.ring()?),
            None => Previous::default(),
        };
        let sealing = self.sealing(&resolved, previous);
        let sealed = sealing.seal(&input.name(), &input.text)?;
        let format = sealing.format;
        self.named += sealed.plain;
        if self.named > 1 && self.placing.name.is_some() {
            return Err(Error::usage("--name names one object, and there are several Secrets to seal")
                .hint("write the names into the Secrets, or seal them one by one"));
        }
        self.tell(&input.name(), &sealed, &resolved, format);
        Ok(sealed.text)
    }

    fn sealing<'r>(&'r self, resolved: &'r Resolved, previous: Previous) -> Sealing<'r> {
        Sealing {
            format: self.format.or(resolved.format).unwrap_or(SealFormat::Kseal),
            recipients: &resolved.recipients,
            placing: self.placing(resolved),
            allow_empty: self.allow_empty,
            previous,
            now: self.environment.now(),
            environment: self.environment,
            output: self.output,
        }
    }

    fn placing(&self, resolved: &Resolved) -> Placing {
        let mut placing = self.placing.clone();
        placing.rule_scope = resolved.scope;
        placing.rule_namespace.clone_from(&resolved.namespace);
        placing
    }

    fn ring(&self) -> Result<KeyRing> {
        key_files::load(&self.key_files, self.output)
    }

    fn tell(&mut self, name: &str, sealed: &Sealed, resolved: &Resolved, format: SealFormat) {
        if sealed.changed > 0 {
            let secrets = count(sealed.changed, "Secret");
            self.notes.push(format!("{name}: sealed {secrets} for {}", resolved.recipients.describe(format)));
        }
        if sealed.kept > 0 {
            let (objects, verb) = (are(sealed.kept, "object"), if sealed.kept == 1 { "stays" } else { "stay" });
            self.notes.push(format!("{name}: {objects} sealed already and {verb} as before"));
        }
    }

    /// Seals the input itself as one value.
    fn raw(&mut self, files: &[PathBuf], target: Option<&Path>, item: &str) -> Result<()> {
        item_key::check(item)?;
        let path = match files {
            [] => None,
            [path] => (path != Path::new("-")).then_some(path.as_path()),
            _ => {
                return Err(Error::usage("--raw seals one value, and several files are given")
                    .hint("run it once for each of them"));
            }
        };
        let value = Zeroizing::new(files::read_octets(path)?);
        let resolved = self.resolver.resolve(target)?;
        let format = self.format.or(resolved.format).unwrap_or(SealFormat::Kseal);
        let placing = self.placing(&resolved);
        placing.check_format(format)?;
        let placed = placing.bare()?;
        let mut rng = self.environment.rng();
        let items = [(item, value.as_slice())];
        let failed = |error: kseal_core::SealError| Error::no_key("cannot seal").because(&error);
        let text = match format {
            SealFormat::Bitnami => {
                let recipient = resolved.recipients.rsa(self.environment.now())?;
                let mut texts = seal_upstream(&placed.place, recipient, items, &mut rng).map_err(failed)?;
                Zeroizing::new(texts.remove(item).unwrap_or_default())
            }
            SealFormat::Kseal | SealFormat::Secret => {
                let recipients = resolved.recipients.sealing_keys()?;
                let sealed = seal_native(&placed.place, &recipients, items, &mut rng).map_err(failed)?;
                render(&fragment(sealed, format), Style::Yaml)
            }
        };
        sink::write(vec![sink::Outgoing::new(target.map(ToOwned::to_owned), text)], Privacy::Public, self.output)
    }
}

/// What merges into a file: of a SealedSecret its spec's part, of a Secret its annotation and value.
fn fragment(sealed: SealedItems, format: SealFormat) -> Tree {
    let values = Tree::map(sealed.values.into_iter().map(|(item, text)| (item, Tree::from(text))));
    if format == SealFormat::Kseal {
        return Tree::map([("dataKeys", native::data_keys(sealed.data_key)), ("encryptedData", values)]);
    }
    let annotation = |(handle, data_key)| {
        let name = format!("{}{handle}", kseal_api::names::DATA_KEY_PREFIX);
        (name, Tree::from(sealed_annotation::write_data_key(&data_key)))
    };
    let annotations = Tree::map(sealed.data_key.map(annotation));
    Tree::map([("metadata", Tree::map([("annotations", annotations)])), ("data", values)])
}
