//! The client as a value: time and messages go in; questions, deadlines and offsets come out.

mod server;

use core::{error::Error, fmt, net::SocketAddr};

use layer::Instant;

use self::server::Server;
pub use self::server::{MAX_POLL, MIN_POLL, START_POLL, WAIT};
use crate::{
    Offset, Servers,
    random::Random,
    sample::{Sample, SampleError},
    select::select,
    wire::{Header, MODE_SERVER, ParseError},
};

/// How many servers that want to hear no more of us are remembered.
const MOST_DENIED: usize = 8;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a question.
    Send(Sending),
    /// Set the clock: the servers agree about this offset.
    Set(Offset),
}

/// A question that is to be sent, from a port that is chosen anew for each one (RFC 9109).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Where to.
    pub server: SocketAddr,
    /// What.
    pub question: Header,
    /// Until when the answer is waited for.
    pub until: Instant,
}

/// What an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The time. [`Client::due`] says what follows from it.
    Time,
    /// A kiss: the server has no time for us, for the reason with this code (RFC 5905 7.4).
    Kiss([u8; 4]),
}

/// Why a message is not an answer, or not one that says the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// No answer is expected from its sender.
    NotAsked,
    /// It is no message.
    Parse(ParseError),
    /// It does not repeat what the question had (RFC 5905 8, a bogus packet). The answer is still expected.
    Origin,
    /// It is the answer, and says nothing that is believed.
    Sample(SampleError),
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("it is not expected from its sender"),
            Self::Parse(error) => error.fmt(f),
            Self::Origin => f.write_str("it answers another question"),
            Self::Sample(error) => error.fmt(f),
        }
    }
}

impl Error for Ignored {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Parse(error) => Some(error),
            Self::Sample(error) => Some(error),
            Self::NotAsked | Self::Origin => None,
        }
    }
}

/// Asks up to four servers for the time: which one when, what counts as its answer, and which of them is believed.
#[derive(Clone, Debug)]
pub struct Client {
    servers: [Option<Server>; Servers::MOST],
    /// Servers that want to hear no more of us, the last one first.
    denied: [Option<SocketAddr>; MOST_DENIED],
    random: Random,
    /// Whether something has changed from which an offset may follow.
    has_news: bool,
}

impl Client {
    /// A client that asks nobody yet. `secret` is known to nobody.
    pub fn new(secret: u128) -> Self {
        Self {
            servers: [None; Servers::MOST],
            denied: [None; MOST_DENIED],
            random: Random::new(secret),
            has_news: false,
        }
    }

    /// Asks these servers from now on, and no others. What is known of one that was asked before stays. Those that want to hear
    /// no more of us are left out.
    pub fn set_servers(&mut self, now: Instant, servers: &Servers) {
        let mut list = [None; Servers::MOST];
        let mut places = list.iter_mut();
        for (at, address) in servers.iter().enumerate() {
            if self.denied.contains(&Some(*address)) || servers[..at].contains(address) {
                continue;
            }
            let known = self.servers.iter().flatten().find(|known| known.address == *address);
            let server = known.copied();
            let server = server.unwrap_or_else(|| Server::new(now, *address, &mut self.random));
            if let Some(place) = places.next() {
                *place = Some(server);
            }
        }
        (self.servers, self.has_news) = (list, true);
    }

    /// What is to be done now. It is called until there is nothing, after everything else that is called.
    pub fn due(&mut self, now: Instant) -> Option<Output> {
        for server in self.servers.iter_mut().flatten() {
            if server.is_late(now) {
                server.fail(now, &mut self.random);
                self.has_news = true;
            }
        }
        if core::mem::take(&mut self.has_news)
            && let Some(offset) = self.offset(now)
        {
            return Some(Output::Set(offset));
        }
        let mut servers = self.servers.iter_mut().flatten();
        let server = servers.find(|server| server.is_due(now))?;
        let (question, until) = server.ask(now, &mut self.random);
        Some(Output::Send(Sending { server: server.address, question, until }))
    }

    /// When [`due`](Self::due) is to be called again, if nothing comes. `None` if there is no server.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.servers.iter().flatten().map(Server::deadline).min()
    }

    /// Whether the answer of this server is waited for.
    pub fn is_waiting(&self, server: SocketAddr) -> bool {
        let mut servers = self.servers.iter().flatten();
        servers.any(|known| known.address == server && known.is_waiting())
    }

    /// The servers that are asked.
    pub fn servers(&self) -> Servers {
        self.servers.iter().flatten().map(|server| server.address).collect()
    }

    /// The offset that the servers agree about, if they do. It is none before each of them has been asked once, so that the
    /// fastest one is not believed before the others have had their say.
    pub fn offset(&self, now: Instant) -> Option<Offset> {
        let servers = self.servers.iter().flatten();
        if servers.clone().any(|server| !server.has_ended) {
            return None;
        }
        select(servers.filter_map(|server| server.sample), now).map(|sample| sample.offset)
    }

    /// Handles a message from `source` that came at `now`.
    ///
    /// # Errors
    /// [`Ignored`]: it is not believed.
    pub fn input(
        &mut self,
        now: Instant,
        source: SocketAddr,
        message: &[u8],
    ) -> Result<Heard, Ignored> {
        let servers = self.servers.iter_mut();
        let place = servers.into_iter().find(|server| {
            server.is_some_and(|server| {
                (server.address.ip(), server.address.port()) == (source.ip(), source.port())
            })
        });
        let Some(place) = place else { return Err(Ignored::NotAsked) };
        let Some(server) = place else { return Err(Ignored::NotAsked) };
        let Some(question) = server.question() else { return Err(Ignored::NotAsked) };
        let header = Header::parse(message).map_err(Ignored::Parse)?;
        if header.mode() != MODE_SERVER {
            return Err(Ignored::Sample(SampleError::Mode(header.mode())));
        }
        if header.origin.get() != question.transmit {
            return Err(Ignored::Origin);
        }
        self.has_news = true;
        if header.stratum == 0 {
            let code = header.reference_id;
            match &code {
                b"DENY" | b"RSTR" => {
                    self.denied.rotate_right(1);
                    self.denied[0] = Some(server.address);
                    *place = None;
                }
                b"RATE" => server.slow_down(now, &mut self.random),
                _ => server.fail(now, &mut self.random),
            }
            return Ok(Heard::Kiss(code));
        }
        match Sample::read(header, question.sent, now) {
            Ok(sample) => {
                server.learn(now, sample, &mut self.random);
                Ok(Heard::Time)
            }
            Err(error) => {
                server.fail(now, &mut self.random);
                Err(Ignored::Sample(error))
            }
        }
    }

    /// Notes that the question to this server is lost, so that no answer is waited for.
    pub fn fail(&mut self, now: Instant, server: SocketAddr) {
        let mut servers = self.servers.iter_mut().flatten();
        if let Some(server) = servers.find(|known| known.address == server && known.is_waiting()) {
            server.fail(now, &mut self.random);
            self.has_news = true;
        }
    }
}

#[cfg(test)]
mod tests;
