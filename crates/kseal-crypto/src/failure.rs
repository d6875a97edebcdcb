//! Why something did not open: four classes for machines, reasons and places for people, and never a value.

use std::fmt;

/// The class of a failure. An object's class is the first in this order among its failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureClass {
    /// The text breaks a rule of the format.
    Malformed,
    /// The text may be right for a later version.
    Unsupported,
    /// No held key is among the recipients.
    NoKey,
    /// A key was found and it does not open: wrong place, changed bytes, or the wrong key under the right name. What
    /// it was is not told, here or by timing.
    Open,
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::NoKey => "no-key",
            Self::Open => "open",
        })
    }
}

/// What broke, in words that hold no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// More than [`crate::envelope::MAX_ITEMS`].
    #[error("there are more than 4096 items")]
    TooManyItems,
    /// More than [`crate::envelope::MAX_DATA_KEYS`].
    #[error("there are more than 64 data keys")]
    TooManyDataKeys,
    /// More than [`crate::envelope::MAX_WRAPS`].
    #[error("there are more than 256 recipients in all")]
    TooManyWraps,
    /// More than 1,400,000 bytes of compact JSON: etcd takes 1.5 MiB.
    #[error("the object is larger than 1400000 bytes of JSON")]
    ObjectTooLarge,
    /// One item key in `data` and in `stringData`.
    #[error("stands in `data` and in `stringData`")]
    ItemTwice,
    /// The object does not state the namespace or name that its scope binds.
    #[error("the namespace or name that the scope binds is missing")]
    NoPlace,
    /// A native object that does not say its scope.
    #[error("spec.scope is missing")]
    NoScope,
    /// The annotation of a Secret that is sealed in place is not of its shape.
    #[error("the annotation `kseal.dev/sealed` is not JSON with scope and sealedFor")]
    NotASealedAnnotation,
    /// The annotation of a data key is not of its shape.
    #[error("the annotation is not JSON with commitment and recipients")]
    NotADataKey,
    /// Upstream's deprecated whole-Secret form.
    #[error("the deprecated field `data` of sealed-secrets is not supported")]
    DeprecatedData,
    /// Not `d` and 16 characters of base32.
    #[error("not a handle: expected `d` and 16 characters of lower-case base32")]
    NotAHandle,
    /// Not 32 bytes of canonical base64.
    #[error("the commitment is not 32 bytes of canonical base64")]
    NotACommitment,
    /// The handle does not begin its commitment.
    #[error("the handle is not the beginning of its commitment")]
    HandleMismatch,
    /// Not `k` and 26 characters of base32.
    #[error("not a fingerprint: expected `k` and 26 characters of lower-case base32")]
    NotAFingerprint,
    /// A recipient's wrapped data key is not canonical base64.
    #[error("the wrapped data key is not canonical base64")]
    WrapBase64,
    /// Not `ks1.HANDLE.BASE64`.
    #[error("not a sealed value: expected `ks1.HANDLE.BASE64`")]
    NotAValue,
    /// The value's bytes are not canonical base64.
    #[error("the value is not canonical base64")]
    ValueBase64,
    /// A value is at least a nonce, 32 bytes and a tag.
    #[error("the value is cut off: it has fewer than 60 bytes")]
    ValueTooShort,
    /// The value names a data key that the object does not have.
    #[error("its data key is not in `dataKeys`")]
    DataKeyMissing,
    /// The value names a data key that is itself malformed.
    #[error("its data key is malformed")]
    DataKeyMalformed,
    /// `ksN.` with another N than 1.
    #[error("sealed by a later version of the format")]
    ValueVersion,
    /// A wrapped data key of a length that no suite has.
    #[error("wrapped by a suite that this version does not know")]
    WrapLength,
    /// No recipient is a held key.
    #[error("no key at hand is among its recipients")]
    NoKey,
    /// Anything after a key was found.
    #[error("it does not open: it was sealed for another place or key, or changed since")]
    Open,
    /// A sealed-secrets value is not canonical base64.
    #[error("not canonical base64")]
    EnvelopeBase64,
    /// A sealed-secrets value is cut off.
    #[error("SealedSecret data is too short")]
    EnvelopeTooShort,
    /// Too many items of the object failed before this one.
    #[error("not tried, since 8 items of this object did not open with any key")]
    NotTried,
}

impl Reason {
    /// The class that the reason belongs to.
    #[must_use]
    pub const fn class(self) -> FailureClass {
        match self {
            Self::ValueVersion | Self::WrapLength | Self::DeprecatedData => FailureClass::Unsupported,
            Self::NoKey => FailureClass::NoKey,
            Self::Open | Self::NotTried => FailureClass::Open,
            _ => FailureClass::Malformed,
        }
    }
}

/// What a failure is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The object as a whole.
    Object,
    /// A data key, by its handle as written.
    DataKey(String),
    /// One recipient of a data key, both as written.
    Recipient {
        /// The data key's handle.
        data_key: String,
        /// The recipient's fingerprint.
        fingerprint: String,
    },
    /// An item, by its key.
    Item(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object => f.write_str("the object"),
            Self::DataKey(handle) => write!(f, "data key {handle}"),
            Self::Recipient { data_key, fingerprint } => write!(f, "recipient {fingerprint} of data key {data_key}"),
            Self::Item(key) => write!(f, "item {key}"),
        }
    }
}

/// One thing that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{subject}: {reason}")]
pub struct Failure {
    /// What it is about.
    pub subject: Subject,
    /// What broke.
    pub reason: Reason,
}

impl Failure {
    pub(crate) fn item(key: &str, reason: Reason) -> Self {
        Self { subject: Subject::Item(key.to_owned()), reason }
    }
}

/// All failures of one object: at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures(Vec<Failure>);

impl Failures {
    /// `None` if there is none.
    #[must_use]
    pub fn from_vec(failures: Vec<Failure>) -> Option<Self> {
        (!failures.is_empty()).then_some(Self(failures))
    }

    /// The object's class: the first in order among its failures.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        self.0.iter().map(|failure| failure.reason.class()).min().unwrap_or(FailureClass::Open)
    }

    /// Each failure.
    pub fn iter(&self) -> impl Iterator<Item = &Failure> {
        self.0.iter()
    }
}

impl fmt::Display for Failures {
    /// Merges equal reasons: `it does not open … (item a, item b)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut merged: Vec<(Reason, Vec<String>)> = Vec::new();
        for failure in &self.0 {
            let subject = failure.subject.to_string();
            match merged.iter_mut().find(|(reason, _)| *reason == failure.reason) {
                Some((_, subjects)) => subjects.push(subject),
                None => merged.push((failure.reason, vec![subject])),
            }
        }
        for (index, (reason, subjects)) in merged.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{reason} ({})", subjects.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Failures {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_an_object_is_the_first_in_order() {
        let failures = |reasons: &[Reason]| {
            Failures::from_vec(reasons.iter().map(|reason| Failure::item("a", *reason)).collect()).unwrap()
        };
        assert_eq!(failures(&[Reason::Open, Reason::NoKey]).class(), FailureClass::NoKey);
        assert_eq!(failures(&[Reason::NoKey, Reason::WrapLength]).class(), FailureClass::Unsupported);
        assert_eq!(failures(&[Reason::ValueVersion, Reason::NotAValue]).class(), FailureClass::Malformed);
        assert_eq!(failures(&[Reason::Open]).class(), FailureClass::Open);
        assert!(Failures::from_vec(vec![]).is_none());
    }

    #[test]
    fn equal_reasons_are_told_once() {
        let failures = vec![
            Failure::item("a", Reason::NotAValue),
            Failure { subject: Subject::DataKey("d1".into()), reason: Reason::HandleMismatch },
            Failure::item("b", Reason::NotAValue),
        ];
        assert_eq!(
            Failures::from_vec(failures).unwrap().to_string(),
            "not a sealed value: expected `ks1.HANDLE.BASE64` (item a, item b); the handle is not the beginning of \
             its commitment (data key d1)"
        );
    }

    #[test]
    fn classes_are_written_as_the_vectors_write_them() {
        let classes = [FailureClass::Malformed, FailureClass::Unsupported, FailureClass::NoKey, FailureClass::Open];
        assert_eq!(classes.map(|class| class.to_string()), ["malformed", "unsupported", "no-key", "open"]);
    }
}
