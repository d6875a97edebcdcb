//! `.kseal.yaml`: which clusters a file is sealed for, by its path. Specified in `docs/configuration.md`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use globset::{GlobBuilder, GlobMatcher};
use kseal_api::Scope;
use kseal_crypto::{Suite, identity::IdentityFingerprint};
use serde::Deserialize;

use crate::{
    args::SealFormat,
    error::{Error, Result},
    files,
};

/// The file's name.
pub(crate) const NAME: &str = ".kseal.yaml";

const EXAMPLE: &str = "docs/configuration.md has an example";

/// The text of the file. Unknown fields are errors, since a misspelt rule would seal for somebody else.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Text {
    clusters: BTreeMap<String, Cluster>,
    min_suite: Option<String>,
    #[serde(default)]
    allow_classical: bool,
    rules: Option<Vec<RuleText>>,
}

/// A cluster that a repository seals for.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Cluster {
    /// The bundle or certificate, relative to the configuration.
    pub bundle: PathBuf,
    /// The fingerprint of the identity that must have signed the bundle.
    pub identity: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleText {
    paths: Option<Vec<String>>,
    clusters: Vec<String>,
    namespace: Option<String>,
    scope: Option<Scope>,
    format: Option<SealFormat>,
}

/// A configuration that holds.
pub(crate) struct Config {
    /// Where it stands.
    pub path: PathBuf,
    /// By name.
    pub clusters: BTreeMap<String, Cluster>,
    /// The weakest suite that may be used.
    pub min_suite: Option<Suite>,
    /// Whether classical and post-quantum recipients may stand side by side.
    pub allow_classical: bool,
    rules: Vec<Rule>,
}

/// What holds for some paths.
pub(crate) struct Rule {
    paths: Option<Vec<GlobMatcher>>,
    /// Names of clusters.
    pub clusters: Vec<String>,
    /// The namespace of objects that do not state one.
    pub namespace: Option<String>,
    /// The scope of objects that are sealed for the first time.
    pub scope: Option<Scope>,
    /// The format of objects that are sealed for the first time.
    pub format: Option<SealFormat>,
}

impl Config {
    /// Reads a configuration.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let input = files::read(path)?;
        let broken = |message: String| Error::input(format!("{}: {message}", path.display()));
        let text: Text = kseal_manifest::from_str(&input.text).map_err(|error| {
            broken(error.to_string())
                .hint("docs/configuration.md lists every field; docs/kseal.schema.json checks them")
        })?;
        let min_suite = text.min_suite.as_deref().map(str::parse).transpose();
        let min_suite = min_suite.map_err(|error| broken(format!("minSuite: {error}")))?;
        for (name, cluster) in &text.clusters {
            if let Some(Err(error)) = cluster.identity.as_deref().map(str::parse::<IdentityFingerprint>) {
                return Err(broken(format!("clusters.{name}.identity: {error}"))
                    .hint("`kseal keys list` shows that of a bundle; compare it with what the cluster's owners say"));
            }
        }
        if text.clusters.is_empty() {
            return Err(broken("clusters: at least one cluster is wanted".to_owned()).hint(EXAMPLE));
        }
        let all = || RuleText {
            paths: None,
            clusters: text.clusters.keys().cloned().collect(),
            namespace: None,
            scope: None,
            format: None,
        };
        let names: Vec<&str> = text.clusters.keys().map(String::as_str).collect();
        let rules = text.rules.unwrap_or_else(|| vec![all()]);
        let rules = rules.into_iter().enumerate().map(|(index, rule)| {
            let place = format!("rules[{index}]");
            if let Some(unknown) = rule.clusters.iter().find(|name| !text.clusters.contains_key(*name)) {
                return Err(broken(format!("{place}.clusters: there is no cluster {unknown}"))
                    .hint(format!("clusters has {}", names.join(", "))));
            }
            if rule.clusters.is_empty() {
                return Err(broken(format!("{place}.clusters: at least one cluster is wanted"))
                    .hint(format!("clusters has {}", names.join(", "))));
            }
            let paths = rule.paths.map(|paths| paths.iter().map(|glob| matcher(glob)).collect::<Result<_, _>>());
            let paths = paths.transpose().map_err(|error| broken(format!("{place}.paths: {error}")))?;
            let RuleText { clusters, namespace, scope, format, .. } = rule;
            Ok(Rule { paths, clusters, namespace, scope, format })
        });
        Ok(Self {
            path: path.to_owned(),
            rules: rules.collect::<Result<_>>()?,
            clusters: text.clusters,
            min_suite,
            allow_classical: text.allow_classical,
        })
    }

    /// The folder that its paths are relative to.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// The first rule whose paths match; `file` is absolute.
    pub(crate) fn rule(&self, file: &Path) -> Option<&Rule> {
        let relative = file.strip_prefix(self.folder()).unwrap_or(file);
        self.rules
            .iter()
            .find(|rule| rule.paths.as_ref().is_none_or(|paths| paths.iter().any(|matcher| matcher.is_match(relative))))
    }
}

/// As in `.gitignore`: `*` stays within a folder, `**` does not.
fn matcher(glob: &str) -> Result<GlobMatcher, globset::Error> {
    GlobBuilder::new(glob).literal_separator(true).build().map(|glob| glob.compile_matcher())
}

/// The nearest configuration from a folder up to the root of its repository; outside of one, that folder alone.
///
/// # Errors
/// If it belongs to another user, who could choose the recipients. So does a link to a file of one's own: what stands
/// beside the link is not what the file means.
pub(crate) fn find(folder: &Path) -> Result<Option<PathBuf>> {
    let last = files::repository(folder).unwrap_or(folder);
    for ancestor in folder.ancestors() {
        let path = ancestor.join(NAME);
        if path.exists() {
            let user = rustix::process::geteuid().as_raw();
            if files::owners(&path).into_iter().any(|owner| owner != user) {
                return Err(Error::refused(format!("{} belongs to another user", path.display())).hint(
                    "who writes this file chooses who can open what you seal; if you trust it, give it with --config",
                ));
            }
            return files::absolute(&path).map(Some);
        }
        if ancestor == last {
            break;
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::*;

    fn document(name: &str) -> String {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
    }

    fn properties<'s>(schema: &'s Value, at: &str) -> BTreeSet<&'s str> {
        let object = schema.pointer(at).unwrap();
        assert_eq!(object["additionalProperties"], false, "{at}");
        object["properties"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    /// The fields that a reader knows, as serde names them when it meets another.
    fn known_by<T: DeserializeOwned>() -> BTreeSet<String> {
        let Err(error) = kseal_manifest::from_str::<T>("nonsense: 1\n") else { panic!("it reads nonsense") };
        let text = error.to_string();
        let (_, names) = text.split_once("expected").unwrap_or_else(|| panic!("{text}"));
        names.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
    }

    #[test]
    fn the_schema_and_the_reader_know_the_same_fields() {
        let schema: Value = serde_json::from_str(&document("kseal.schema.json")).unwrap();
        for (at, known) in [
            ("", known_by::<Text>()),
            ("/properties/clusters/additionalProperties", known_by::<Cluster>()),
            ("/properties/rules/items", known_by::<RuleText>()),
        ] {
            assert_eq!(properties(&schema, at), known.iter().map(String::as_str).collect(), "{at}");
        }
    }

    #[test]
    fn the_reader_takes_every_value_that_the_schema_lists_and_wants_what_it_requires() {
        let schema: Value = serde_json::from_str(&document("kseal.schema.json")).unwrap();
        let list = |at: &str| -> Vec<String> {
            schema.pointer(at).unwrap().as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
        };
        for suite in list("/properties/minSuite/enum") {
            assert!(suite.parse::<Suite>().is_ok(), "{suite}");
        }
        for (field, at) in [("scope", "scope"), ("format", "format")] {
            for value in list(&format!("/properties/rules/items/properties/{at}/enum")) {
                let rule = kseal_manifest::from_str::<RuleText>(&format!("clusters: [prod]\n{field}: {value}\n"));
                assert!(rule.is_ok(), "{field}: {value}");
            }
        }
        assert_eq!(list("/required"), ["clusters"]);
        assert!(kseal_manifest::from_str::<Text>("{}").is_err());
        assert_eq!(list("/properties/clusters/additionalProperties/required"), ["bundle"]);
        assert!(kseal_manifest::from_str::<Cluster>("{}").is_err());
        assert_eq!(list("/properties/rules/items/required"), ["clusters"]);
        assert!(kseal_manifest::from_str::<RuleText>("{}").is_err());
    }

    #[test]
    fn the_documented_example_reads_and_its_rules_fit_as_it_says() {
        let document = document("configuration.md");
        let example = document.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        std::fs::write(&path, example).unwrap();
        let config = Config::read(&path).unwrap_or_else(|error| panic!("{}", error.message()));
        assert_eq!(config.min_suite, Some(Suite::XWing));
        let clusters = |file: &str| config.rule(&folder.path().join(file)).unwrap().clusters.join(", ");
        assert_eq!(clusters("apps/prod/deep/db.yaml"), "prod");
        assert_eq!(clusters("shared/db.yaml"), "prod, staging");
        assert_eq!(clusters("apps/db.yaml"), "staging");
        for field in config.clusters.keys() {
            assert!(example.contains(field));
        }
    }

    #[test]
    fn the_document_has_a_row_for_every_field() {
        let schema: Value = serde_json::from_str(&document("kseal.schema.json")).unwrap();
        let text = document("configuration.md");
        for (at, prefix) in
            [("/properties/clusters/additionalProperties", "clusters.NAME."), ("/properties/rules/items", "rules[].")]
        {
            for field in properties(&schema, at) {
                assert!(text.contains(&format!("| `{prefix}{field}` |")), "{prefix}{field}");
            }
        }
        for field in ["minSuite", "allowClassical"] {
            assert!(text.contains(&format!("| `{field}` |")), "{field}");
        }
    }
}
