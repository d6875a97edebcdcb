//! `kseal check`: guards a repository against plaintext.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{DONE, FOUND};
use crate::{
    args::{CheckArgs, ReportFormat},
    error::{Error, Result},
    files::{
        self,
        walk::{self, Exclude},
    },
    git,
    guard::{self, Finding, Rule},
    output::Output,
};

/// Manifests that a cluster takes are a tenth as large; what a walk finds beyond is said, and not read.
const MAX_WALKED: u64 = 16 * 1_024 * 1_024;

/// Names that a note shows; the report as JSON has all.
const SHOWN: usize = 10;

pub(crate) fn run(args: CheckArgs, output: &Output) -> Result<u8> {
    let exclude = Exclude::new(&args.exclude)?;
    let mut check = Check { strict: args.strict, ..Check::default() };
    if args.staged {
        check.staged(&args.paths, &exclude)?;
    } else {
        let paths = if args.paths.is_empty() { vec![PathBuf::from(".")] } else { args.paths };
        for path in &paths {
            check.path(path, &exclude);
        }
    }
    match args.report.format {
        ReportFormat::Json => output.json(&check.to_json())?,
        ReportFormat::Text => output.report(check.to_lines())?,
    }
    check.tell(output);
    // Whatever else was found: that not everything was looked at must not be overheard.
    let mut errors = check.errors.into_iter();
    let Some(last) = errors.next_back() else { return Ok(if check.findings.is_empty() { DONE } else { FOUND }) };
    for error in errors {
        output.error(&error);
    }
    Err(last)
}

#[derive(Serialize)]
struct Located {
    file: String,
    #[serde(flatten)]
    finding: Finding,
}

/// A file that was not read as a manifest, and why.
#[derive(Serialize)]
struct Note {
    file: String,
    message: String,
}

#[derive(Default)]
struct Check {
    strict: bool,
    files: usize,
    findings: Vec<Located>,
    notes: Vec<Note>,
    errors: Vec<Error>,
}

impl Check {
    /// A file that was named, whatever it is called, or a tree.
    fn path(&mut self, path: &Path, exclude: &Exclude) {
        if !files::is_folder(path) {
            if path == Path::new("-") || !exclude.covers(path, false) {
                self.file(path);
            }
            return;
        }
        let tracked = git::tracked(path).unwrap_or_else(|error| {
            self.errors.push(error.at("cannot look for tracked files that git ignores"));
            Vec::new()
        });
        for found in walk::committed(path, exclude, &tracked) {
            match found {
                Ok(path) if files::len(&path).is_some_and(|len| len > MAX_WALKED) => {
                    self.files += 1;
                    self.note(&path, "larger than 16 MiB, not read; name the file to check it");
                }
                Ok(path) => self.file(&path),
                Err(error) => self.errors.push(error),
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let from = (path != Path::new("-")).then_some(path);
        match files::read_octets(from) {
            Ok(octets) => self.octets(Path::new(&files::name(from)), &Zeroizing::new(octets)),
            Err(error) => self.errors.push(error),
        }
    }

    fn staged(&mut self, paths: &[PathBuf], exclude: &Exclude) -> Result<()> {
        let staged = git::staged(paths)?.into_iter();
        let is_wanted = |path: &Path| {
            (walk::is_manifest(path) || paths.iter().any(|it| it == path)) && !exclude.covers(path, false)
        };
        let staged: Vec<_> = staged.filter(|file| is_wanted(&file.path)).collect();
        git::contents(&staged, |path, octets| self.octets(path, octets))
    }

    fn octets(&mut self, path: &Path, octets: &[u8]) {
        self.files += 1;
        let file = path.display().to_string();
        let Some(text) = decode(octets) else {
            // Of other files nobody says that they are text.
            if !walk::is_manifest(path) {
                return self.note(path, "not UTF-8 text, not read");
            }
            let message = "not UTF-8 text, so it cannot be checked".to_owned();
            let hint = "save it as UTF-8, or leave it out with --exclude".to_owned();
            let finding = Finding { line: 1, rule: Rule::Unreadable, message, hint };
            return self.findings.push(Located { file, finding });
        };
        let guarded = guard::look(&file, &text);
        if let Some(why) = guarded.unread
            && !guarded.findings.iter().any(|finding| finding.rule == Rule::Unreadable)
        {
            self.note(path, &format!("searched as text only: {why}"));
        }
        self.findings.extend(guarded.findings.into_iter().map(|finding| Located { file: file.clone(), finding }));
    }

    fn note(&mut self, path: &Path, message: &str) {
        let file = path.display().to_string();
        let message = message.to_owned();
        if self.strict {
            let hint = "leave it out with --exclude, or check without --strict".to_owned();
            self.findings.push(Located { file, finding: Finding { line: 1, rule: Rule::Unreadable, message, hint } });
        } else {
            self.notes.push(Note { file, message });
        }
    }

    fn to_json(&self) -> serde_json::Value {
        json!({ "files": self.files, "findings": self.findings, "notes": self.notes })
    }

    fn to_lines(&self) -> Vec<String> {
        let lines = |Located { file, finding }: &Located| {
            [format!("{file}:{}: {}", finding.line, finding.message), format!("  hint: {}", finding.hint)]
        };
        self.findings.iter().flat_map(lines).collect()
    }

    fn tell(&self, output: &Output) {
        for note in self.notes.iter().take(SHOWN) {
            output.warn(format!("{}: {}", note.file, note.message));
        }
        if let Some(more) = self.notes.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            output.warn(format!("and {more} more files that were not read as manifests; -o json names all"));
        }
        let files = count(self.files, "file");
        output.note(match self.findings.len() {
            0 => format!("checked {files}: nothing found"),
            found => format!("checked {files}: {}", count(found, "finding")),
        });
    }
}

/// The text in UTF-8, or in UTF-16 with a byte-order mark, as editors on Windows save it. No manifest has a NUL.
fn decode(octets: &[u8]) -> Option<Zeroizing<String>> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = octets.as_chunks::<2>();
        let units = Zeroizing::new(pairs.iter().skip(1).map(|pair| unit(*pair)).collect::<Vec<u16>>());
        String::from_utf16(&units).ok().filter(|_| rest.is_empty())
    };
    let text = match octets {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes)?,
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes)?,
        _ => std::str::from_utf8(octets).ok()?.to_owned(),
    };
    Some(Zeroizing::new(text)).filter(|text| !text.contains('\0'))
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
