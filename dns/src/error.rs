//! Why a name has no address.

use core::{error::Error, fmt, net::SocketAddr};

use layer::Endpoint;
use rt_regions::Exhausted;
use udp::BindError;

use crate::{NameError, query::MOST_ALIASES, wire::Rcode};

/// Why a name was not resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResolveError {
    /// What was to be resolved is not a name.
    Name(NameError),
    /// No server is known to ask.
    NoServer,
    /// The name does not exist.
    NoSuchName,
    /// The name exists, and has no address of the families that were asked for.
    NoAddress,
    /// The name is an alias of an alias, and so on, more than 8 times.
    TooManyAliases,
    /// No server has answered; this one was asked last.
    TimedOut(SocketAddr),
    /// No server has an answer. This one, the last that said so, gave this status.
    Failed(SocketAddr, Rcode),
    /// No server has an answer. This one, the last that said so, does not ask others.
    NotRecursive(SocketAddr),
    /// No server has an answer. Nobody serves at this address, the last that was asked.
    Unreachable(SocketAddr),
    /// No server has an answer. That of this one, the last that was asked, was too long for UDP, and did not come by TCP.
    NoTcp(SocketAddr),
    /// There is no port to ask from.
    NoPort(BindError),
    /// There is no memory.
    Exhausted(Exhausted),
}

impl ResolveError {
    /// Whether a later attempt may succeed although nobody changes anything about the name: the servers have failed, or there
    /// was no memory or port.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Name(_) | Self::NoServer | Self::NoSuchName | Self::NoAddress => false,
            Self::TooManyAliases => false,
            Self::TimedOut(_)
            | Self::Failed(..)
            | Self::NotRecursive(_)
            | Self::Unreachable(_)
            | Self::NoTcp(_)
            | Self::NoPort(_)
            | Self::Exhausted(_) => true,
        }
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Name(error) => error.fmt(f),
            Self::NoServer => f.write_str("no server of names is known: --dns=ADDRESS names one"),
            Self::NoSuchName => f.write_str("the name does not exist"),
            Self::NoAddress => f.write_str("the name has no address"),
            Self::TooManyAliases => write!(f, "the name has more than {MOST_ALIASES} aliases"),
            Self::TimedOut(server) => {
                write!(f, "no server of names answers, {} neither", Endpoint(server))
            }
            Self::Failed(server, rcode) => {
                write!(f, "the server of names {} answers {rcode}", Endpoint(server))
            }
            Self::NotRecursive(server) => {
                write!(f, "the server of names {} does not ask others", Endpoint(server))
            }
            Self::Unreachable(server) => {
                write!(f, "there is no server of names at {}", Endpoint(server))
            }
            Self::NoTcp(server) => {
                let server = Endpoint(server);
                write!(f, "the answer of {server} is too long for UDP and does not come by TCP")
            }
            Self::NoPort(error) => write!(f, "no port to ask from: {error}"),
            Self::Exhausted(exhausted) => write!(f, "out of memory: {exhausted}"),
        }
    }
}

impl Error for ResolveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Name(error) => Some(error),
            Self::NoPort(error) => Some(error),
            Self::Exhausted(exhausted) => Some(exhausted),
            _ => None,
        }
    }
}

impl From<NameError> for ResolveError {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl From<BindError> for ResolveError {
    fn from(error: BindError) -> Self {
        Self::NoPort(error)
    }
}

impl From<Exhausted> for ResolveError {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}
