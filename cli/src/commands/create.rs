//! `kseal create`: makes a sealed Secret; its clear text never reaches a disk.

mod docker;
mod env_file;
mod generic;
mod tls;

use std::{collections::BTreeMap, path::Path};

use kseal_crypto::{Plaintext, encode_base64};
use kseal_manifest::{Style, Tree, TreeEntry, render};
use zeroize::Zeroizing;

use super::DONE;
use crate::{
    args::{CreateArgs, CreateCommand, CreateCommon, SealFormat},
    error::{Error, Result},
    files::{self, Privacy},
    item_key,
    output::Output,
    placing::Placing,
    recipients::{Resolved, Resolver},
    sealing::{Previous, Sealing},
    settings::Environment,
    sink, words,
};

pub(crate) fn run(args: CreateArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let common = match &args.command {
        CreateCommand::Generic(args) => &args.common,
        CreateCommand::Tls(args) => &args.common,
        CreateCommand::DockerRegistry(args) => &args.common,
    };
    if let Some(path) = common.output.as_deref().filter(|path| files::is_file(path)) {
        return Err(Error::refused(format!("{} is there already", path.display()))
            .hint("`kseal set` and `kseal edit` change a file; to make it anew, remove it first"));
    }
    let (common, contents) = match args.command {
        CreateCommand::Generic(args) => generic::contents(*args, output)?,
        CreateCommand::Tls(args) => tls::contents(*args)?,
        CreateCommand::DockerRegistry(args) => docker::contents(*args, output)?,
    };
    create(common, &contents, environment, output)
}

/// What a new Secret is made of.
#[derive(Default)]
struct Contents {
    type_: Option<String>,
    items: BTreeMap<String, Plaintext>,
}

impl Contents {
    /// Adds an item.
    ///
    /// # Errors
    /// If the key is no valid one, or there already.
    fn add(&mut self, key: &str, value: Plaintext) -> Result<()> {
        item_key::check(key)?;
        match self.items.insert(key.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(Error::usage(format!("the item {key} is given twice"))),
        }
    }
}

fn create(common: CreateCommon, contents: &Contents, environment: &Environment, output: &Output) -> Result<u8> {
    let metadata = metadata(&common)?;
    let CreateCommon { name, namespace, place, format, immutable, output: to, recipients, .. } = common;
    let mut resolver = Resolver::new(recipients.settle(environment), environment.now(), output);
    let Resolved { recipients, namespace: rule_namespace, scope: rule_scope, format: rule_format } =
        resolver.resolve(to.as_deref())?;
    let placing = Placing { rule_scope, rule_namespace, ..Placing::new(place, namespace, None)? };
    let format = format.or(rule_format).unwrap_or(SealFormat::Kseal);
    let sealing = Sealing {
        format,
        recipients: &recipients,
        placing,
        allow_empty: false,
        previous: Previous::default(),
        now: environment.now(),
        environment,
        output,
    };
    let sealed = sealing.seal("the new Secret", &manifest(metadata, contents, immutable))?;
    if !item_key::is_subdomain(&name) {
        output.warn(format!("the API server refuses the name {name}: it wants lower case letters, digits, - and ."));
    }
    let file = to.as_deref().filter(|path| *path != Path::new("-"));
    let place = file.map(|path| format!("{}: ", path.display())).unwrap_or_default();
    sink::write(vec![sink::Outgoing::new(to, sealed.text)], Privacy::Public, output)?;
    let count = words::count(contents.items.len(), "value");
    output.note(format!("{place}sealed Secret {name} of {count} for {}", recipients.describe(format)));
    Ok(DONE)
}

/// The plaintext manifest, in memory only.
fn manifest(metadata: Tree, contents: &Contents, immutable: bool) -> Zeroizing<String> {
    let mut entries = vec![
        TreeEntry::new("apiVersion", Tree::str("v1")),
        TreeEntry::new("kind", Tree::str("Secret")),
        TreeEntry::new("metadata", metadata),
    ];
    entries.extend(contents.type_.as_ref().map(|type_| TreeEntry::new("type", Tree::str(type_))));
    if immutable {
        entries.push(TreeEntry::new("immutable", Tree::Bool(true)));
    }
    let data = contents.items.iter().map(|(key, value)| (key, Tree::from(encode_base64(value))));
    entries.push(TreeEntry::new("data", Tree::map(data)));
    render(&Tree::Map(entries), Style::Yaml)
}

fn metadata(common: &CreateCommon) -> Result<Tree> {
    let mut metadata = vec![TreeEntry::new("name", Tree::str(&common.name))];
    metadata.extend(common.namespace.as_ref().map(|name| TreeEntry::new("namespace", Tree::str(name))));
    for (field, pairs) in [("labels", &common.label), ("annotations", &common.annotation)] {
        let pairs = pairs.iter().map(|pair| split(pair)).collect::<Result<BTreeMap<_, _>>>()?;
        if !pairs.is_empty() {
            let pairs = pairs.into_iter().map(|(key, value)| (key, Tree::str(value)));
            metadata.push(TreeEntry::new(field, Tree::map(pairs)));
        }
    }
    Ok(Tree::Map(metadata))
}

fn split(pair: &str) -> Result<(&str, &str)> {
    pair.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| Error::usage("labels and annotations are given as KEY=VALUE"))
}
