//! What counts as an answer, and what it leads to.

use core::{error::Error, fmt, net::SocketAddr, time::Duration};

use layer::Endpoint;

use super::{
    Failed, Found, MAX_NEGATIVE_TTL, MAX_TTL, MOST_MISFITS, Phase, Query, ServerFailure, Transport,
};
use crate::{
    ResolveError,
    reading::Reading,
    wire::{CLASS_IN, Flags, Message, ParseError, Rcode},
};

/// Why a message is not the answer to a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ignored {
    /// No answer is waited for.
    Unexpected,
    /// It does not come from the server that was asked.
    Stranger(SocketAddr),
    /// It is malformed.
    Malformed(ParseError),
    /// It is a query, or of another kind.
    NotAResponse,
    /// It has another identification.
    OtherId,
    /// It has another question, or none.
    OtherQuestion,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected => f.write_str("no answer is waited for"),
            Self::Stranger(source) => write!(f, "{} was not asked", Endpoint(*source)),
            Self::Malformed(error) => error.fmt(f),
            Self::NotAResponse => f.write_str("it is not a response to a standard query"),
            Self::OtherId => f.write_str("it has another identification than the query"),
            Self::OtherQuestion => f.write_str("it has another question than the query"),
        }
    }
}

impl Error for Ignored {}

impl Query {
    /// Takes in a message that came to the port from which the query was sent, or on its connection, from `source`.
    ///
    /// # Errors
    /// [`Ignored`]: the message is not the answer. The query goes on waiting, or, after many such messages, goes on by TCP.
    pub fn input(&mut self, source: SocketAddr, bytes: &[u8]) -> Result<(), Ignored> {
        if !self.is_waiting() {
            return Err(Ignored::Unexpected);
        }
        let server = self.servers[self.server];
        // The scope of an IPv6 address is not in a packet.
        if (source.ip(), source.port()) != (server.ip(), server.port()) {
            return Err(Ignored::Stranger(source));
        }
        let message = self.check(bytes).inspect_err(|_| self.count_misfit())?;
        self.take(&message, server);
        Ok(())
    }

    /// All that an answer has in common with the query (RFC 5452 9.1).
    fn check<'m>(&self, bytes: &'m [u8]) -> Result<Message<'m>, Ignored> {
        let message = Message::parse(bytes).map_err(Ignored::Malformed)?;
        if !message.flags().has(Flags::RESPONSE) || message.flags().opcode() != 0 {
            return Err(Ignored::NotAResponse);
        }
        if message.header.id.get() != self.id {
            return Err(Ignored::OtherId);
        }
        let is_ours = match message.question() {
            Some(question) => {
                (question.kind, question.class) == (self.kind, CLASS_IN)
                    && question.name == self.name
            }
            // A server that could not read the question does not repeat it, and unbound does not where it refuses. Such a message says
            // nothing of any name.
            None => {
                message.header.questions.get() == 0
                    && !matches!(message.rcode(), Rcode::NO_ERROR | Rcode::NAME_ERROR)
            }
        };
        if is_ours { Ok(message) } else { Err(Ignored::OtherQuestion) }
    }

    /// Somebody may be guessing. A connection cannot be guessed.
    fn count_misfit(&mut self) {
        self.misfits += 1;
        if self.misfits == MOST_MISFITS && self.transport == Transport::Udp {
            (self.transport, self.phase) = (Transport::Tcp, Phase::Next);
        }
    }

    fn take(&mut self, message: &Message<'_>, server: SocketAddr) {
        if message.flags().has(Flags::TRUNCATED) {
            // What is there is not used (RFC 2181 9).
            match self.transport {
                Transport::Udp => (self.transport, self.phase) = (Transport::Tcp, Phase::Next),
                Transport::Tcp => self.server_failed(ServerFailure::NoTcp),
            }
            return;
        }
        match message.rcode() {
            Rcode::NO_ERROR | Rcode::NAME_ERROR => self.read(message, server),
            // It may not know EDNS (RFC 6891 6.2.2, 7).
            Rcode::FORMAT_ERROR | Rcode::NOT_IMPLEMENTED | Rcode::BAD_VERSION if self.with_edns => {
                (self.with_edns, self.phase) = (false, Phase::Next);
            }
            rcode => self.fail(ResolveError::Failed(server, rcode)),
        }
    }

    fn read(&mut self, message: &Message<'_>, server: SocketAddr) {
        let reading = Reading::of(message, &self.name, self.kind, self.aliases);
        self.result = match reading {
            Reading::Addresses(addresses, ttl) => {
                Ok(Found { addresses, ttl: seconds(ttl.min(self.alias_ttl)).min(MAX_TTL) })
            }
            Reading::Alias { target, links, ttl } => {
                self.name = target;
                self.aliases += links;
                self.alias_ttl = self.alias_ttl.min(ttl);
                // It goes on as it began: most answers are short.
                (self.transport, self.phase) = (Transport::Udp, Phase::Next);
                return;
            }
            Reading::Referral => return self.fail(ResolveError::NotRecursive(server)),
            Reading::TooManyAliases => {
                Err(self.negative(ResolveError::TooManyAliases, Some(super::FAILURE_TTL)))
            }
            Reading::NoSuchName(ttl) => {
                Err(self.negative(ResolveError::NoSuchName, ttl.map(seconds)))
            }
            Reading::NoAddress(ttl) => {
                Err(self.negative(ResolveError::NoAddress, ttl.map(seconds)))
            }
        };
        self.phase = Phase::Done;
    }

    fn negative(&self, error: ResolveError, ttl: Option<Duration>) -> Failed {
        let most = seconds(self.alias_ttl).min(MAX_NEGATIVE_TTL);
        Failed { error, ttl: ttl.map(|ttl| ttl.min(most)) }
    }
}

fn seconds(ttl: u32) -> Duration {
    Duration::from_secs(ttl.into())
}
