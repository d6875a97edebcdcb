//! A document whose code blocks are run as they stand there, so that it cannot become untrue.
//!
//! Every fenced block of the language `sh` is a step. What happens in the world between two of them, a comment says which
//! readers do not see: `<!-- in the test: the cluster is lost -->`. What such a comment means, the test knows.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};

/// How a comment begins that is meant for the test.
const CUE: &str = "<!-- in the test: ";
const END_OF_CUE: &str = " -->";
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

fn read(text: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if let Some(cue) = line.strip_prefix(CUE) {
            let cue = cue.strip_suffix(END_OF_CUE).with_context(|| format!("line {}: {line}", index + 1))?;
            steps.push(Step::Cue(cue.to_owned()));
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
            if language == "sh" {
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
        read("```sh\necho").unwrap_err();
        read("<!-- in the test: it rains\n").unwrap_err();
    }
}
