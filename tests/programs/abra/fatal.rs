//! The one error: a text that ends the program as a `FATA` line.

/// What a `FATA` line says.
#[derive(Debug)]
pub(crate) struct Fatal(pub(crate) String);

impl Fatal {
    /// Returns a fatal error with this text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns a function that puts what was done in front of an error.
    pub(crate) fn during<E: std::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |error| Self(format!("{what}: {error}"))
    }
}

/// The result of everything that can end the program.
pub(crate) type Result<T> = std::result::Result<T, Fatal>;
