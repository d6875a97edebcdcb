//! The one error type of the program: what was wrong, where, what to do, and the exit code that says which kind it is.

use std::fmt;

use kseal_crypto::FailureClass;

/// A result of any command.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Which kind of failure it is; the number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The options do not fit together.
    Usage = 2,
    /// The input is not what it must be.
    Input = 3,
    /// No key or no recipient.
    NoKey = 4,
    /// It does not open.
    Open = 5,
    /// Refused for safety.
    Refused = 6,
    /// A file cannot be read or written.
    File = 7,
    /// The cluster cannot be reached or says no.
    Cluster = 8,
}

/// Printed as `error:`, lines of detail, `caused by:`, `hint:`. Holds no value of a Secret.
#[derive(Clone, Debug)]
pub(crate) struct Error {
    kind: Kind,
    message: String,
    details: Vec<String>,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: Vec::new(), causes: Vec::new(), hint: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::new(Kind::Input, message)
    }

    pub(crate) fn no_key(message: impl Into<String>) -> Self {
        Self::new(Kind::NoKey, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    pub(crate) fn file(message: impl Into<String>) -> Self {
        Self::new(Kind::File, message)
    }

    pub(crate) fn cluster(message: impl Into<String>) -> Self {
        Self::new(Kind::Cluster, message)
    }

    /// Something sealed that cannot be read or opened, by its class.
    pub(crate) fn sealed(class: FailureClass, message: impl Into<String>) -> Self {
        let kind = match class {
            FailureClass::Malformed | FailureClass::Unsupported => Kind::Input,
            FailureClass::NoKey => Kind::NoKey,
            FailureClass::Open => Kind::Open,
        };
        Self::new(kind, message)
    }

    /// Adds what is compared, in lines of its own.
    pub(crate) fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(lines);
        self
    }

    /// Adds the error that led here, and all that led to it.
    pub(crate) fn because(mut self, cause: &dyn std::error::Error) -> Self {
        let mut next = Some(cause);
        while let Some(cause) = next {
            self.causes.push(cause.to_string());
            next = cause.source();
        }
        self
    }

    /// Adds what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts the file's name, or the object's, before the message.
    pub(crate) fn at(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) const fn code(&self) -> u8 {
        self.kind as u8
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Lines that belong below the message.
    pub(crate) fn lines(&self) -> &[String] {
        &self.details
    }

    pub(crate) fn causes(&self) -> &[String] {
        &self.causes
    }

    pub(crate) fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}
