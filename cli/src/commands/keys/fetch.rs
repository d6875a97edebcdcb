//! `kseal keys fetch`: the bundle that a cluster publishes, printed or kept in a file.

use std::path::{Path, PathBuf};

use kseal_core::Bundle;

use crate::{
    args::FetchArgs,
    bundles,
    cluster::Cluster,
    commands::DONE,
    config::{self, Config},
    error::{Error, Result},
    files::{self, Privacy},
    key_manifest,
    output::Output,
    pinning::{self, Known},
    settings::Environment,
    words::count,
};

pub(crate) fn run(args: FetchArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let known = known(&args, environment)?;
    let publishing = args.published.settle(environment);
    let cluster = Cluster::connect(&publishing.access)?;
    let published = publishing.fetch(&cluster)?;
    let new = &published.bundle;

    let target = target(args.output, args.in_place, &known, new)?;
    let expected = match &target {
        Some(path) => known_at(&known, path),
        None => pinning::of(&known, new),
    };
    let is_pinned = expected.is_some_and(Known::is_pinned);
    expected.map_or(Ok(()), |known| known.check_identity(new))?;
    let before = target.as_deref().map(files::read_if_exists).transpose()?.flatten();
    let old = before.as_ref().map(|input| kept(&input.name(), &input.text)).transpose()?;
    if !args.trust {
        match (&target, &old) {
            (Some(path), Some(old)) => pinning::compare(&path.display().to_string(), old, new)?,
            (None, _) => expected.map_or(Ok(()), |known| known.accept(new).map(drop))?,
            (Some(_), None) => {}
        }
        if !cluster.is_verified && !is_pinned {
            return Err(pinning::unverified(&cluster.name));
        }
    }

    let text = key_manifest::published(published.text);
    let identity = pinning::identity(new);
    match &target {
        None => output.data(text.as_bytes())?,
        Some(path) if before.as_ref().is_some_and(|before| *before.text == *text) => {
            output.note(format!("{}: is what the cluster publishes already", path.display()));
        }
        Some(path) => {
            files::write(path, text.as_bytes(), Privacy::Public, before.as_ref().map(|before| before.text.as_str()))?;
        }
    }
    output.note(told(&cluster.name, new, &identity));
    let was_known = old.as_ref().is_some_and(|old| pinning::identity(old) == identity);
    if !is_pinned && !was_known {
        output.note(format!(
            "nothing here pins that identity, so it was trusted at first sight: compare it with what the cluster's owners \
             say, and write it into .kseal.yaml, as clusters.{}.identity",
            new.name
        ));
    }
    Ok(DONE)
}

/// The clusters of the configuration that is nearest to the file, else to the current folder.
fn known(args: &FetchArgs, environment: &Environment) -> Result<Vec<Known>> {
    let given = args.config.clone().or_else(|| environment.config.clone());
    let file = args.output.as_deref().or_else(|| Some(args.in_place.as_ref()?.first()?.as_path()));
    let find = |file: &Path| config::find(files::absolute(file)?.parent().unwrap_or(Path::new("/")));
    let path = match (given, file) {
        (Some(path), _) => Some(path),
        (None, Some(file)) => find(file)?.map_or_else(|| find(Path::new("./-")), |path| Ok(Some(path)))?,
        (None, None) => find(Path::new("./-"))?,
    };
    let config = path.map(|path| Config::read(&path)).transpose()?;
    Ok(config.map(|config| pinning::known(&config)).unwrap_or_default())
}

/// The file to write; `None` for the standard output.
fn target(
    output: Option<PathBuf>,
    in_place: Option<Vec<PathBuf>>,
    known: &[Known],
    new: &Bundle,
) -> Result<Option<PathBuf>> {
    let Some(named) = in_place else { return Ok(output.filter(|path| path != Path::new("-"))) };
    if let Some(path) = named.into_iter().next() {
        if files::is_file(&path) || known_at(known, &path).is_some() {
            return Ok(Some(path));
        }
        return Err(
            Error::file(format!("{}: there is no bundle to replace", path.display())).hint("-o writes a new file")
        );
    }
    match (pinning::of(known, new), known) {
        (Some(known), _) | (None, [known]) => Ok(Some(known.path.clone())),
        (None, []) => Err(Error::usage("there is no .kseal.yaml that names a bundle to replace")
            .hint("-i FILE replaces a bundle, and -o FILE writes a new one")),
        (None, several) => {
            let paths: Vec<String> = several.iter().map(|known| known.path.display().to_string()).collect();
            Err(Error::usage(format!("none of the bundles that .kseal.yaml names is of cluster {}", new.name))
                .hint(format!("say which one to replace: -i {}", paths.join(", -i "))))
        }
    }
}

fn known_at<'k>(known: &'k [Known], path: &Path) -> Option<&'k Known> {
    let path = files::absolute(path).ok()?;
    known.iter().find(|known| files::absolute(&known.path).is_ok_and(|other| other == path))
}

/// What stands where the bundle goes.
fn kept(name: &str, text: &str) -> Result<Bundle> {
    bundles::read(name, text).map_err(|error| {
        Error::refused(format!("{name} holds something else than a key bundle that can be compared"))
            .details([error.message().to_owned()])
            .hint("name another file, or move this one away")
    })
}

fn told(cluster: &str, new: &Bundle, identity: &str) -> String {
    let seals = match new.sealing_key() {
        Some(key) => format!("seals with {}", key.public.fingerprint().short()),
        None => "has no key that seals".to_owned(),
    };
    let number = count(new.keys.len(), "key");
    format!("fetched the bundle of {} from {cluster}: signed by {identity}, {number}, {seals}", new.name)
}
