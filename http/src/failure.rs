//! How a handler ends: it has answered, or it says why not.

use core::{convert::Infallible, fmt};

use rt_regions::Exhausted;

use crate::Methods;

/// A response was sent whole. Only sending makes it, so a handler cannot forget to answer.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "it is what a handler returns"]
pub struct Sent(());

impl Sent {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

/// The result of a handler.
pub type Answer = Result<Sent, Failure>;

/// Why a handler has not answered. As long as no byte of a response was sent, the client is told in one line of
/// `text/plain`. Otherwise the connection is broken, so that the client does not take a part for the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The status, from 400 to 599, and a line that says what is wrong and what would be right, without a newline.
    Refused(u16, &'static str),
    /// The path has no such method: status 405 with the field `Allow`.
    NotAllowed(Methods),
    /// There is no memory for the request: status 503.
    Exhausted(Exhausted),
    /// The peer is gone or too slow, so nobody can be told.
    Gone,
}

impl Failure {
    /// The status that the client gets; 0 if it gets none.
    pub fn status(&self) -> u16 {
        match self {
            Self::Refused(status, _) if matches!(status, 400..=599) => *status,
            Self::Refused(..) => 500,
            Self::NotAllowed(_) => 405,
            Self::Exhausted(_) => 503,
            Self::Gone => 0,
        }
    }

    /// The line that the client gets, without the amounts of [`Exhausted`].
    pub(crate) fn text(&self) -> &'static str {
        match self {
            Self::Refused(_, text) => text,
            Self::NotAllowed(_) => {
                "this path does not know the method: use one of those in the header Allow"
            }
            Self::Exhausted(_) => "no memory for this request now: ask again later",
            Self::Gone => "the connection is broken",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted(exhausted) => write!(f, "503 out of memory: {exhausted}"),
            Self::Gone => f.write_str(self.text()),
            other => write!(f, "{} {}", other.status(), other.text()),
        }
    }
}

impl core::error::Error for Failure {}

/// An error with which `?` ends a request. Errors of your own may implement it, to say in words what the client is told.
// Of this, the compiler shows only the label where `?` meets the error.
#[diagnostic::on_unimplemented(
    message = "a service does not say what the client is told of a `{Self}`",
    label = "say what the client is told of a `{Self}`: `.map_err(|_| Failure::Refused(400, \"expected ...\"))?`"
)]
pub trait IntoFailure {
    /// What becomes of the request.
    fn into_failure(self) -> Failure;
}

impl IntoFailure for Exhausted {
    #[inline]
    fn into_failure(self) -> Failure {
        Failure::Exhausted(self)
    }
}

impl IntoFailure for Infallible {
    fn into_failure(self) -> Failure {
        match self {}
    }
}

impl<E: IntoFailure> From<E> for Failure {
    #[inline]
    fn from(error: E) -> Self {
        error.into_failure()
    }
}
