//! `kseal exec-env`: runs a program with the values in its environment.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    os::unix::{ffi::OsStringExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use kseal_crypto::Plaintext;

use crate::{
    args::ExecEnvArgs,
    choosing,
    error::{Error, Result},
    files, key_files, meaning, opening,
    output::Output,
    settings::{Environment, KEY_FILE},
};

pub(crate) fn run(args: ExecEnvArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let ExecEnvArgs { file, command, object, namespace, prefix, upper, skip_invalid, allow_dangerous_names, keys } =
        args;
    let ring = key_files::require(&keys.settle(environment), output)?;
    let input = files::read(&file)?;
    let name = input.name();
    let manifest = choosing::parse(&name, &input.text)?;
    let (object, sealed) = choosing::only(&name, &manifest, object.as_deref())?;
    let what = meaning::describe(&object);
    let sealed = sealed.or_in(namespace.as_deref());
    let values = opening::values(&what, &sealed, &ring).map_err(|error| error.at(&name))?;
    let naming = Naming { prefix, upper, skip_invalid, allow_dangerous: allow_dangerous_names };
    let variables = naming.variables(&values).map_err(|error| error.at(format!("{name}: {what}")))?;
    drop(ring);

    let Some((program, arguments)) = command.split_first() else {
        return Err(Error::usage("no program is given").hint("name it behind `--`"));
    };
    let found = find(Path::new(program), environment)?;
    let mut command = Command::new(found);
    command.arg0(program).args(arguments).env_remove(KEY_FILE);
    for (variable, value) in variables {
        command.env(variable, OsString::from_vec(value.to_vec()));
    }
    let error = command.exec();
    Err(Error::file(format!("cannot run {}", program.display())).because(&error))
}

/// The program by its path. `Command` would look for it on the PATH that the program gets.
fn find(program: &Path, environment: &Environment) -> Result<PathBuf> {
    let is_a_name = program.components().count() == 1 && !program.as_os_str().as_encoded_bytes().contains(&b'/');
    if !is_a_name {
        return Ok(program.to_owned());
    }
    files::program(program, &environment.programs).ok_or_else(|| {
        Error::file(format!("cannot run {}: no folder of PATH has it", program.display()))
            .hint("install it, or give its path")
    })
}

/// Names by which shells, linkers, interpreters and kseal itself are told what to run or whom to trust; `*` is any end.
/// The help text names them.
const DANGEROUS: &[&str] = &[
    "PATH",
    "HOME",
    "SHELL",
    "ENV",
    "IFS",
    "CDPATH",
    "PS4",
    "BASH_*",
    "SHELLOPTS",
    "BASHOPTS",
    "PROMPT_COMMAND",
    "LD_*",
    "DYLD_*",
    "GLIBC_TUNABLES",
    "GCONV_PATH",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "LESSOPEN",
    "LESSCLOSE",
    "GIT_*",
    "SSH_ASKPASS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PYTHON*",
    "PERL5*",
    "PERLLIB",
    "RUBYOPT",
    "RUBYLIB",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "KSEAL_*",
];

fn is_dangerous(name: &str) -> bool {
    DANGEROUS.iter().any(|it| match it.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *it,
    })
}

/// How item keys become names of variables.
struct Naming {
    prefix: String,
    upper: bool,
    skip_invalid: bool,
    allow_dangerous: bool,
}

impl Naming {
    fn name(&self, key: &str) -> String {
        let upper = |char: char| if matches!(char, '-' | '.') { '_' } else { char.to_ascii_uppercase() };
        let key: String = if self.upper { key.chars().map(upper).collect() } else { key.to_owned() };
        format!("{}{key}", self.prefix)
    }

    /// # Errors
    /// If a key cannot be a name, two give the same one, or a value cannot stand in an environment.
    fn variables<'v>(&self, values: &'v BTreeMap<String, Plaintext>) -> Result<BTreeMap<String, &'v Plaintext>> {
        let mut variables = BTreeMap::new();
        let mut invalid = Vec::new();
        let mut dangerous = Vec::new();
        for (key, value) in values {
            let name = self.name(key);
            if !is_name(&name) {
                invalid.push(key.as_str());
            } else if is_dangerous(&name) && !self.allow_dangerous {
                dangerous.push(name);
            } else if value.contains(&0) {
                return Err(Error::input(format!("the value of {key} holds a zero byte, which no variable can"))
                    .hint("`kseal get` prints it"));
            } else if variables.insert(name.clone(), value).is_some() {
                return Err(Error::input(format!("several items give the variable {name}"))
                    .hint("leave out --upper, or rename an item"));
            }
        }
        if !dangerous.is_empty() {
            let names = dangerous.join(", ");
            return Err(Error::refused(format!("variables by which programs are told what to run: {names}"))
                .hint("--prefix gives other names; --allow-dangerous-names sets them if the file is to be trusted"));
        }
        if !invalid.is_empty() && !self.skip_invalid {
            return Err(Error::input(format!("no names of variables: {}", invalid.join(", ")))
                .hint("--upper writes `_` for `-` and `.`; --skip-invalid leaves them out"));
        }
        Ok(variables)
    }
}

/// What POSIX calls a name.
fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(is_letter) && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(keys: &[&str], naming: &Naming) -> Result<Vec<String>> {
        let values = keys.iter().map(|key| ((*key).to_owned(), Plaintext::from(b"x".to_vec()))).collect();
        naming.variables(&values).map(|variables| variables.into_keys().collect())
    }

    fn naming() -> Naming {
        Naming { prefix: String::new(), upper: false, skip_invalid: false, allow_dangerous: false }
    }

    #[test]
    fn names_are_keys_or_made_of_them() {
        assert_eq!(names(&["a", "B_1"], &naming()).unwrap(), ["B_1", "a"]);
        let upper = Naming { upper: true, prefix: "app_".into(), ..naming() };
        assert_eq!(names(&["db-pass.word", "1"], &upper).unwrap(), ["app_1", "app_DB_PASS_WORD"]);
        assert!(names(&["a-b", "a.b"], &upper).unwrap_err().message().contains("app_A_B"));
    }

    #[test]
    fn names_that_tell_programs_what_to_run_are_refused_unless_allowed() {
        for key in ["PATH", "LD_PRELOAD", "BASH_ENV", "GIT_SSH_COMMAND", "PYTHONSTARTUP", "KSEAL_CONFIG"] {
            assert_eq!(names(&[key], &naming()).unwrap_err().code(), 6, "{key}");
            assert!(names(&[key], &Naming { prefix: "APP_".into(), ..naming() }).is_ok(), "{key}");
            assert!(names(&[key], &Naming { allow_dangerous: true, ..naming() }).is_ok(), "{key}");
        }
        assert!(names(&["path"], &Naming { upper: true, ..naming() }).is_err());
        assert!(names(&["PATHS", "ENVIRONMENT", "HOMEPAGE", "GIT"], &naming()).is_ok());
    }

    #[test]
    fn keys_that_are_no_names_are_listed_or_left_out() {
        let error = names(&["1", "a", "b.c"], &naming()).unwrap_err();
        assert_eq!(error.message(), "no names of variables: 1, b.c");
        let skip = Naming { skip_invalid: true, ..naming() };
        assert_eq!(names(&["1", "a", "b.c"], &skip).unwrap(), ["a"]);
    }
}
