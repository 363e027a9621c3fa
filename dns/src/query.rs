//! A query as a value: time and messages go in; messages, deadlines and in the end addresses come out.

mod input;

use core::{net::SocketAddr, time::Duration};

use layer::Instant;

pub use self::input::Ignored;
use crate::{
    Addresses, Name, ResolveError, Servers,
    random::Random,
    wire::{CLASS_IN, Flags, MessageWriter, RecordType, WriteError},
};

/// The longest query in bytes: header, question and the record of EDNS.
pub const MAX_QUERY: usize = 12 + 255 + 4 + 11;

/// The longest datagram that we take, in bytes: it passes most paths in one piece (RFC 6891 6.2.5; DNS flag day 2020).
pub const EDNS_PAYLOAD: u16 = 1232;

/// How many aliases are followed. Loops end here too.
pub const MOST_ALIASES: usize = 8;

/// How often each server is asked, and how long an answer is waited for (RFC 1035 4.2.1: 2 to 5 seconds at least, and other
/// servers come before the same one again).
const WAITS: [Duration; 3] =
    [Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

/// How long an answer by TCP is waited for, the connection included.
const TCP_WAIT: Duration = Duration::from_secs(5);

/// How long a query takes at most.
pub const PATIENCE: Duration = Duration::from_secs(24);

/// How long it is known that the servers have failed: RFC 9520 3.2 demands a second at least, and 5 minutes at most.
pub const FAILURE_TTL: Duration = Duration::from_secs(5);

/// The longest that addresses are kept: 7 days (RFC 8767 4).
pub const MAX_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// The longest that it is kept that a name or its address does not exist: 3 hours (RFC 2308 5).
pub const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(3 * 3600);

/// How many datagrams from the server's address and port do not fit the query before it goes on by TCP: somebody guesses.
const MOST_MISFITS: u32 = 16;

/// How a query goes to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram, from a port that is chosen anew for each one.
    Udp,
    /// On a connection of its own, after its length in two bytes (RFC 1035 4.2.2).
    Tcp,
}

/// A message that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Where to.
    pub server: SocketAddr,
    /// How.
    pub transport: Transport,
    /// Until when the answer is waited for.
    pub until: Instant,
}

/// What is to be done for a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send [`Query::message`], from a new port.
    Send(Sending),
    /// Nothing, until this moment or an answer.
    Wait(Instant),
    /// Nothing any more: [`Query::result`] is there.
    Done,
}

/// The addresses that were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The addresses, at least one.
    pub addresses: Addresses,
    /// How long they may be kept: 0 to 7 days.
    pub ttl: Duration,
}

/// No address was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Why not.
    pub error: ResolveError,
    /// How long that may be kept: up to 3 hours, if it may.
    pub ttl: Option<Duration>,
}

/// Why a server has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerFailure {
    /// Nobody serves there: an ICMP error says so, or there is no route.
    Unreachable,
    /// It did not answer by TCP, or not what was asked.
    NoTcp,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Something is to be sent.
    Next,
    /// It was sent; the answer is waited for until then.
    Waiting(Instant),
    Done,
}

/// The search for the addresses of one name: which server is asked when, and what counts as its answer.
///
/// Each message has an identification of its own, and its sender is to take a new port for it (RFC 5452 9.2). There is never
/// more than one on its way.
#[derive(Clone, Debug)]
pub struct Query {
    /// The name that is asked for: the one that was given, or one that it is an alias of.
    name: Name,
    kind: RecordType,
    servers: Servers,
    random: Random,
    phase: Phase,
    /// When the query began; it ends by itself some time later.
    deadline: Instant,
    /// The server that is asked, and how often all were asked before.
    server: usize,
    round: usize,
    /// The server that is asked first in each round.
    first: usize,
    /// The servers that have failed and are not asked again, one a bit.
    failed: u8,
    transport: Transport,
    with_edns: bool,
    id: u16,
    /// Datagrams of the server that did not fit this message.
    misfits: u32,
    /// How many aliases were followed, and for how many seconds they hold.
    aliases: usize,
    alias_ttl: u32,
    /// The result; before the end, why the last server has none.
    result: Result<Found, Failed>,
}

impl Query {
    /// A query for the records of `kind` of `name`, which begins `now`. The server with the index `first` is asked first.
    /// `secret` is known to nobody, and is another one for each query.
    pub fn new(
        now: Instant,
        name: Name,
        kind: RecordType,
        servers: Servers,
        first: usize,
        secret: u128,
    ) -> Self {
        let first = first.checked_rem(servers.len());
        Self {
            name,
            kind,
            servers,
            random: Random::new(secret),
            phase: if first.is_some() { Phase::Next } else { Phase::Done },
            deadline: now + PATIENCE,
            server: first.unwrap_or(0),
            round: 0,
            first: first.unwrap_or(0),
            failed: 0,
            transport: Transport::Udp,
            with_edns: true,
            id: 0,
            misfits: 0,
            aliases: 0,
            alias_ttl: u32::MAX,
            result: Err(Failed { error: ResolveError::NoServer, ttl: None }),
        }
    }

    /// The server that is asked, or has answered: its index in the list.
    pub fn server(&self) -> usize {
        self.server
    }

    /// Whether an answer is waited for.
    pub fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Waiting(_))
    }

    /// The result, when nothing is [due](Self::due) any more.
    ///
    /// # Errors
    /// [`Failed`]: there is no address. Before the end, it is why the server that was asked last has none.
    pub fn result(&self) -> Result<Found, Failed> {
        self.result
    }

    /// What is to be done now.
    pub fn due(&mut self, now: Instant) -> Due {
        if let Phase::Waiting(until) = self.phase
            && until <= now
        {
            let server = self.servers[self.server];
            self.next_server(match self.transport {
                Transport::Udp => ResolveError::TimedOut(server),
                Transport::Tcp => ResolveError::NoTcp(server),
            });
        }
        if let Phase::Next = self.phase
            && self.deadline <= now
        {
            if self.result.is_err_and(|failed| failed.error == ResolveError::NoServer) {
                // Servers have answered, and there was always more to ask.
                let error = ResolveError::TimedOut(self.servers[self.server]);
                self.result = Err(Failed { error, ttl: Some(FAILURE_TTL) });
            }
            self.phase = Phase::Done;
        }
        match self.phase {
            Phase::Done => Due::Done,
            Phase::Waiting(until) => Due::Wait(until),
            Phase::Next => {
                let wait = match self.transport {
                    Transport::Udp => WAITS[self.round],
                    Transport::Tcp => TCP_WAIT,
                };
                let until = (now + wait).min(self.deadline);
                (self.id, self.misfits) = (self.random.id(), 0);
                self.phase = Phase::Waiting(until);
                let (server, transport) = (self.servers[self.server], self.transport);
                Due::Send(Sending { server, transport, until })
            }
        }
    }

    /// Writes the message that is to be sent into `buffer`.
    pub fn message<'b>(&self, buffer: &'b mut [u8; MAX_QUERY]) -> &'b [u8] {
        // The longest name has room.
        self.write(buffer).unwrap_or_default()
    }

    fn write<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], WriteError> {
        let flags = Flags(Flags::RECURSION_DESIRED);
        let mut writer = MessageWriter::new(buffer, self.id, flags)?;
        writer.question(self.name.view(), self.kind, CLASS_IN)?;
        if self.with_edns {
            writer.opt(EDNS_PAYLOAD)?;
        }
        Ok(writer.finish())
    }

    /// Ends the query because of something that its servers could not help. That is not to be kept.
    pub fn abandon(&mut self, error: ResolveError) {
        (self.phase, self.result) = (Phase::Done, Err(Failed { error, ttl: None }));
    }

    /// Notes that the server that is asked has failed: it is not asked again.
    pub fn server_failed(&mut self, failure: ServerFailure) {
        if self.is_waiting() {
            let server = self.servers[self.server];
            self.fail(match failure {
                ServerFailure::Unreachable => ResolveError::Unreachable(server),
                ServerFailure::NoTcp => ResolveError::NoTcp(server),
            });
        }
    }

    /// The server has failed with `error`; the next one is asked.
    fn fail(&mut self, error: ResolveError) {
        self.failed |= 1 << self.server;
        self.next_server(error);
    }

    /// Goes on to the next server that has not failed. This one has no answer because of `error`.
    fn next_server(&mut self, error: ResolveError) {
        self.result = Err(Failed { error, ttl: Some(FAILURE_TTL) });
        (self.transport, self.with_edns) = (Transport::Udp, true);
        let count = self.servers.len();
        while self.failed.count_ones() < count as u32 {
            self.server = (self.server + 1) % count;
            if self.server == self.first {
                self.round += 1;
            }
            if self.round == WAITS.len() {
                break;
            }
            if self.failed >> self.server & 1 == 0 {
                self.phase = Phase::Next;
                return;
            }
        }
        self.phase = Phase::Done;
    }
}

#[cfg(test)]
mod tests;
