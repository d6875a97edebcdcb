//! The blocks of a PEM text, one by one.

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Each block from its first dash to its last. What stands before, between and behind them is skipped, as upstream's
/// reader does: people paste certificates, notes and blank lines around their keys.
pub(super) fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = &rest[rest.find(BEGIN)?..];
        let label = rest.find(END)? + END.len();
        let end = label + rest[label..].find(DASHES)? + DASHES.len();
        let block;
        (block, rest) = rest.split_at(end);
        Some(block)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_the_blocks_is_skipped() {
        let (a, b) = ("-----BEGIN A-----\nAA==\n-----END A-----", "-----BEGIN B C-----\n-----END B C-----");
        let text = format!("note: x\n{a}\n\n--- \n{b}rest\n-----BEGIN D-----\n");
        assert_eq!(blocks(&text).collect::<Vec<_>>(), [a, b]);
        for text in ["", "-----BEGIN ", "-----END A-----", "-----BEGIN A-----\n-----END A--"] {
            assert_eq!(blocks(text).count(), 0, "{text}");
        }
    }
}
