//! The parser's complaints in our own words, because its own may quote the input.

use granit_parser::ErrorKind;

pub(super) fn describe(kind: &ErrorKind) -> &'static str {
    use ErrorKind as K;
    match kind {
        K::UnexpectedEofFlowSequence
        | K::UnexpectedEofFlowMapping
        | K::UnexpectedEofImplicitFlowMapping
        | K::UnclosedFlowCollection { .. } => "a bracket is not closed",
        K::MisplacedFlowCollectionEnd | K::MismatchedFlowCollectionEnd { .. } => "this bracket closes nothing",
        K::ExpectedFlowMappingSeparator => "expected `,` or `}`",
        K::ExpectedFlowSequenceSeparator => "expected `,` or `]`",
        K::UnclosedQuotedScalar | K::DocumentIndicatorInQuotedScalar => "a quote is not closed",
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            "something follows the closing quote"
        }
        K::UnknownQuotedScalarEscape
        | K::InvalidQuotedScalarHexEscape
        | K::InvalidLowSurrogateHexEscape
        | K::InvalidLowSurrogate
        | K::MissingLowSurrogate
        | K::UnpairedLowSurrogate
        | K::InvalidUnicodeEscape => "unknown or broken escape",
        K::TabNotAllowed
        | K::TabInBlockIndentation
        | K::TabInIndentation
        | K::TabAtBlockScalarStart
        | K::TabInPlainScalar => "a tab where only spaces may indent",
        K::InvalidIndentation
        | K::InvalidBlockScalarIndent
        | K::InvalidQuotedScalarIndent
        | K::InvalidFlowScalarIndent
        | K::ExpectedBlockSequenceEntry => "wrong indentation",
        K::ExpectedBlockMappingKey | K::SimpleKeyExpected | K::InvalidSimpleKey => {
            "expected a key and a colon, check the indentation"
        }
        K::MappingValueNotAllowed | K::InvalidColonPlacement | K::InvalidMappingValueWhitespace => {
            "a colon where no value may begin, quotes may be missing"
        }
        K::MappingKeyNotAllowed => "no key may stand here",
        K::BlockSequenceEntryNotAllowed | K::BlockEntryInFlowCollection | K::InvalidBlockEntryWhitespace => {
            "no `- ` may stand here"
        }
        K::UnexpectedCharacter { .. } => "a character that cannot begin a value, quotes are missing",
        K::CommentInterceptedScalar | K::CommentNotSeparated => "no comment may stand here",
        K::UnknownAnchor => "no anchor of this name stands before this alias",
        K::UndeclaredTagHandle => "a tag with an unknown prefix",
        K::InvalidBlockScalarHeader | K::ZeroBlockScalarIndent => "wrong indicators of a block scalar",
        K::BomInsideDocument => "a byte-order mark inside a document",
        K::InvalidDocumentEnd | K::ExpectedDocumentStart => "no document may begin here",
        K::ExpectedNodeContent => "expected a value",
        _ => "not valid YAML",
    }
}
