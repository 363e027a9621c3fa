//! Why there is no answer, and why nothing was sent.

use core::{error::Error, fmt};

use rt_regions::Exhausted;
use tasks::SpawnError;

use crate::messages::{MAX_ASKS, MAX_TOPICS};

/// What a service answers to a question: bytes, or why there is no answer.
pub type Reply<'r> = Result<&'r [u8], Failure<'r>>;

/// Why a service has no answer. The core that has asked gets it as a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure<'r> {
    /// The service refuses the question; this is why.
    Refused(&'r str),
    /// It has no memory.
    Exhausted(Exhausted),
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(text) => f.write_str(text),
            Self::Exhausted(exhausted) => write!(f, "out of memory: {exhausted}"),
        }
    }
}

impl From<Exhausted> for Failure<'_> {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// There is no such core.
    NoSuchCore {
        /// How many cores there are.
        count: usize,
    },
    /// The message is too long.
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The longest that can be sent, as the program has said.
        most: usize,
    },
    /// The loop of that core has ended.
    Ended,
    /// That core is behind, and has no room for it.
    NoRoom,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchCore { count } => {
                write!(f, "there are {count} cores, which count from 0")
            }
            Self::TooLong { length, most } => {
                write!(f, "the message has {length} bytes: {most} at most are allowed")
            }
            Self::Ended => f.write_str("that core has ended"),
            Self::NoRoom => f.write_str("that core is behind: ask again later"),
        }
    }
}

impl Error for SendError {}

/// Why there is no answer to a question. The one who has asked goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError<'r> {
    /// The question was not sent.
    NotSent(SendError),
    /// As many questions of this core wait as can.
    Busy,
    /// No answer came in time.
    TimedOut,
    /// No service of that core answers such questions.
    NoService {
        /// Their topic.
        topic: u16,
    },
    /// The service of that core has no answer; this is why.
    Failed(&'r str),
    /// There is no memory for the answer here.
    Exhausted(Exhausted),
}

impl fmt::Display for AskError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(error) => error.fmt(f),
            Self::Busy => write!(f, "{MAX_ASKS} questions to other cores wait: ask again later"),
            Self::TimedOut => f.write_str("that core does not answer in time"),
            Self::NoService { topic } => {
                write!(f, "no service of that core answers questions of topic {topic}")
            }
            Self::Failed(text) => f.write_str(text),
            Self::Exhausted(exhausted) => write!(f, "out of memory: {exhausted}"),
        }
    }
}

impl Error for AskError<'_> {}

impl From<SendError> for AskError<'_> {
    fn from(error: SendError) -> Self {
        Self::NotSent(error)
    }
}

impl From<Exhausted> for AskError<'_> {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}

/// Why a service does not answer questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// Another service of this core answers questions of this topic.
    InUse(u16),
    /// There are as many topics as can be.
    Full,
    /// There is no memory for what the service keeps.
    Exhausted(Exhausted),
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(topic) => write!(f, "a service answers questions of topic {topic} already"),
            Self::Full => write!(f, "there are {MAX_TOPICS} topics: no more can be"),
            Self::Exhausted(_) => f.write_str("no memory for what the service keeps"),
        }
    }
}

impl Error for AnswerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Exhausted(exhausted) => Some(exhausted),
            _ => None,
        }
    }
}

impl From<Exhausted> for AnswerError {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}

/// Why a core cannot have messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewError {
    /// A third of the ring between two cores is shorter than the longest message.
    TooLong {
        /// The longest message in bytes, as the program says it.
        length: usize,
        /// The longest that fits.
        most: usize,
    },
    /// The task that reads them was not started.
    NotStarted(SpawnError),
    /// There is no memory for what waits.
    Exhausted(Exhausted),
}

impl fmt::Display for NewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length, most } => write!(
                f,
                "messages of {length} bytes between cores: {most} at most fit; with more memory or fewer cores, longer ones do"
            ),
            Self::NotStarted(_) => {
                f.write_str("the task that reads what other cores ask cannot start")
            }
            Self::Exhausted(_) => f.write_str("no memory for what other cores ask"),
        }
    }
}

impl Error for NewError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotStarted(error) => Some(error),
            Self::Exhausted(exhausted) => Some(exhausted),
            Self::TooLong { .. } => None,
        }
    }
}

impl From<Exhausted> for NewError {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}

impl From<SpawnError> for NewError {
    fn from(error: SpawnError) -> Self {
        Self::NotStarted(error)
    }
}
