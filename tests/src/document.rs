//! A document whose code blocks are run as they stand there, so that it cannot become untrue.
//!
//! Every fenced block of the language `sh` is a step. What happens in the world between two of them, a comment says which
//! readers do not see: `<!-- in the test: the cluster is lost -->`. What such a comment means, the test knows. A block below
//! `<!-- from deploy/base/role.yaml -->` is an excerpt of that file.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};

/// How a comment begins that is meant for the test.
const CUE: &str = "<!-- in the test: ";
const END_OF_CUE: &str = " -->";
/// How one begins that says which file the next block is from.
const SOURCE: &str = "<!-- from ";
const FENCE: &str = "```";

/// A part of a document that a test acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something that is not for readers.
    Cue(String),
    /// A script that readers are to run.
    Script {
        /// The line on which it begins.
        line: usize,
        /// Its text.
        text: String,
    },
    /// A part of a file.
    Excerpt {
        /// The line on which it begins.
        line: usize,
        /// The file, from the root of the repository.
        file: String,
        /// Its text.
        text: String,
    },
}

/// The steps of a document that is named from the root of the repository, in their order.
///
/// # Errors
/// It cannot be read, a fence is not closed, or a comment for the test is not.
pub fn steps(name: &str) -> Result<Vec<Step>> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(name);
    let text = fs::read_to_string(&path).with_context(|| name.to_owned())?;
    read(&text).with_context(|| name.to_owned())
}

/// Whether an excerpt stands in a text as it is, comments left out.
#[must_use]
pub fn is_excerpt(excerpt: &str, text: &str) -> bool {
    let lines = |text: &'_ str| -> Vec<String> {
        let is_comment = |line: &&str| line.trim_start().starts_with('#');
        text.lines().filter(|line| !is_comment(line)).map(ToOwned::to_owned).collect()
    };
    let (wanted, all) = (lines(excerpt), lines(text));
    !wanted.is_empty() && all.windows(wanted.len()).any(|found| found == wanted)
}

fn read(text: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut source = None;
    while let Some((index, line)) = lines.next() {
        if let Some(cue) = line.strip_prefix(CUE) {
            let cue = cue.strip_suffix(END_OF_CUE).with_context(|| format!("line {}: {line}", index + 1))?;
            steps.push(Step::Cue(cue.to_owned()));
        } else if let Some(file) = line.strip_prefix(SOURCE) {
            let file = file.strip_suffix(END_OF_CUE).with_context(|| format!("line {}: {line}", index + 1))?;
            source = Some(file.to_owned());
        } else if let Some(language) = line.strip_prefix(FENCE) {
            let mut block = String::new();
            loop {
                let Some((_, line)) = lines.next() else { bail!("line {}: the fence is not closed", index + 1) };
                if line == FENCE {
                    break;
                }
                block.push_str(line);
                block.push('\n');
            }
            if let Some(file) = source.take() {
                steps.push(Step::Excerpt { line: index + 2, file, text: block });
            } else if language == "sh" {
                steps.push(Step::Script { line: index + 2, text: block });
            }
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_cues_are_read_in_their_order_and_nothing_else() {
        let text = "# A\n\n```sh\necho 1\n\necho 2\n```\n<!-- a comment -->\n```yaml\na: b\n```\n\
                    <!-- in the test: it rains -->\n```sh\necho 3\n```\n";
        let script = |line, text: &str| Step::Script { line, text: text.to_owned() };
        let cue = Step::Cue("it rains".to_owned());
        assert_eq!(read(text).unwrap(), [script(4, "echo 1\n\necho 2\n"), cue, script(14, "echo 3\n")]);
        let excerpt =
            |line, file: &str, text: &str| Step::Excerpt { line, file: file.to_owned(), text: text.to_owned() };
        let text = "<!-- from a/b.yaml -->\n```yaml\na: b\n```\n```yaml\nc: d\n```\n";
        assert_eq!(read(text).unwrap(), [excerpt(3, "a/b.yaml", "a: b\n")]);
        read("<!-- from a\n").unwrap_err();
        read("```sh\necho").unwrap_err();
        read("<!-- in the test: it rains\n").unwrap_err();
    }
    #[test]
    fn an_excerpt_is_whole_lines_in_their_order_but_for_comments() {
        let text = "a:\n  # why\n  b: 1\n  c: 2\nd: 3\n";
        for excerpt in ["  b: 1\n  c: 2\n", "a:\n  b: 1\n", "  # another reason\n  c: 2\n", "d: 3"] {
            assert!(is_excerpt(excerpt, text), "{excerpt}");
        }
        for excerpt in ["b: 1\n", "a:\n  c: 2\n", "  c: 2\n  b: 1\n", "d: 30", "d: 3\ne: 4", "# why", ""] {
            assert!(!is_excerpt(excerpt, text), "{excerpt}");
        }
    }
}
