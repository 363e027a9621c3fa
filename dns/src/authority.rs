//! Answers from zones (RFC 1034 4.3.2): a query goes in, and what is to be sent comes out. There is no input or output here, and no
//! time but in [`RateLimit`].
//!
//! An answer takes a binary search for each label of the name, and again for each alias and each server that is named; 8 aliases
//! and the addresses of 16 servers at most. Names are compressed, and records that do not have to be there are left out where they do
//! not fit.

mod answer;
mod limit;
mod response;
mod transfer;

#[cfg(test)]
mod tests;

use response::Response;

pub use self::{
    limit::{Permit, RateLimit},
    transfer::{MIN_TRANSFER, Transfer},
};
use crate::{
    wire::{CLASS_IN, Edns, Flags, HEADER_LEN, Header, Message, Question, Rcode, RecordType},
    zone::{
        Zone,
        path::{self, Path},
    },
};

/// The longest datagram that is sent, in bytes, and that is said to be taken: it passes almost every path in one piece.
pub const MAX_DATAGRAM: usize = 1232;

/// The longest datagram for a client that does not say more (RFC 1035 2.3.4).
pub const PLAIN_DATAGRAM: usize = 512;

/// No answer by TCP is longer, in bytes.
pub const MAX_MESSAGE: usize = 16 << 10;

/// How a query came, and what its sender may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram.
    Datagram,
    /// In a datagram, and there were too many: the answer is that the client may come by TCP.
    LimitedDatagram,
    /// On a connection.
    Stream {
        /// Whether the client may have whole zones.
        may_transfer: bool,
    },
}

impl Transport {
    fn is_stream(self) -> bool {
        matches!(self, Self::Stream { .. })
    }
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There are such records.
    Answer,
    /// The name exists, and has no such records.
    NoData,
    /// The name does not exist.
    NameError,
    /// Other servers know.
    Referral,
    /// The answer is too long for a datagram, or datagrams are limited: the client may ask by TCP.
    Truncated,
    /// The name is not in our zones, or the client may not have what it asks for.
    Refused,
    /// The query is not in the right form.
    Malformed,
    /// Such queries are not known here.
    NotImplemented,
    /// The version of EDNS is not known here.
    BadVersion,
    /// The zone is not ours.
    NotAuthoritative,
}

/// What is to be done about a message.
#[derive(Debug)]
pub enum Action<'b, 'z> {
    /// Nothing: it is no query.
    Ignore,
    /// This is sent.
    Send(&'b [u8], Kind),
    /// The buffer is too short for the answer, which goes by TCP: a longer one is needed, of [`MAX_MESSAGE`] bytes at most.
    Grow,
    /// A zone is sent, in several messages.
    Transfer(Transfer<'z>),
}

/// An authority for zones.
#[derive(Clone, Copy, Debug)]
pub struct Authority<'z> {
    zones: &'z [Zone<'z>],
}

impl<'z> Authority<'z> {
    /// An authority for these zones.
    pub const fn new(zones: &'z [Zone<'z>]) -> Self {
        Self { zones }
    }

    /// The zones.
    pub fn zones(&self) -> &'z [Zone<'z>] {
        self.zones
    }

    /// What is to be done about a message. An answer is never longer than `buffer`, which has [`PLAIN_DATAGRAM`] bytes at least, and by
    /// UDP no longer than the client takes.
    pub fn act<'b>(
        &self,
        query: &[u8],
        transport: Transport,
        buffer: &'b mut [u8],
    ) -> Action<'b, 'z> {
        let Some(header) = header_of(query) else { return Action::Ignore };
        let flags = Flags(header.flags.get());
        if flags.has(Flags::RESPONSE) || buffer.len() < PLAIN_DATAGRAM {
            return Action::Ignore;
        }
        let kept = Flags(Flags::RESPONSE | flags.0 & (Flags::OPCODE | Flags::RECURSION_DESIRED));
        let short =
            |kind, rcode, buffer| response::short(header.id.get(), kept, kind, rcode, buffer);
        if flags.opcode() != 0 {
            return short(Kind::NotImplemented, Rcode::NOT_IMPLEMENTED, buffer);
        }
        // RFC 9619: a query has one question.
        let parsed = Message::parse(query).ok();
        let Some((message, question)) = parsed.and_then(|m| Some((m, m.question()?))) else {
            return short(Kind::Malformed, Rcode::FORMAT_ERROR, buffer);
        };
        let edns = message.edns();
        let limit = match (transport.is_stream(), edns) {
            (true, _) => MAX_MESSAGE,
            (false, None) => PLAIN_DATAGRAM,
            (false, Some(edns)) => usize::from(edns.payload).clamp(PLAIN_DATAGRAM, MAX_DATAGRAM),
        };
        let length = limit.min(buffer.len());
        let Ok(mut response) =
            Response::new(&mut buffer[..length], header.id.get(), kept, &question, edns)
        else {
            return Action::Ignore;
        };
        let kind = match self.refusal(&question, edns, transport) {
            Some((kind, rcode)) => {
                response.rcode = rcode;
                kind
            }
            None => match self.zone_of(&question) {
                None => {
                    response.rcode = Rcode::REFUSED;
                    Kind::Refused
                }
                Some(zone) if is_transfer(question.kind) => {
                    match self.transfer(zone, &message, &question, transport) {
                        Ok(transfer) => return Action::Transfer(transfer),
                        Err(Some((kind, rcode))) => {
                            response.rcode = rcode;
                            kind
                        }
                        Err(None) => response.answer_start(zone),
                    }
                }
                Some(zone) => response.answer(zone, &question),
            },
        };
        if kind == Kind::Truncated && transport.is_stream() {
            return Action::Grow;
        }
        Action::Send(response.finish(kind), kind)
    }

    /// Why a query is not answered from a zone.
    fn refusal(
        &self,
        question: &Question<'_>,
        edns: Option<Edns>,
        transport: Transport,
    ) -> Option<(Kind, Rcode)> {
        // RFC 6891 6.1.3.
        if edns.is_some_and(|edns| edns.version > 0) {
            return Some((Kind::BadVersion, Rcode::BAD_VERSION));
        }
        if transport == Transport::LimitedDatagram {
            return Some((Kind::Truncated, Rcode::NO_ERROR));
        }
        if question.class != CLASS_IN {
            return Some((Kind::Refused, Rcode::REFUSED));
        }
        match question.kind.0 {
            // RFC 5936 4.2: there is no transfer by UDP.
            252 if !transport.is_stream() => Some((Kind::Malformed, Rcode::FORMAT_ERROR)),
            // No type of a record, and none of what can be asked for.
            0 | 41 => Some((Kind::Malformed, Rcode::FORMAT_ERROR)),
            // Queries that are no types, such as MAILB, without those for zones and for any type (RFC 6895 3.1).
            128..=250 | 253 | 254 => Some((Kind::NotImplemented, Rcode::NOT_IMPLEMENTED)),
            _ => None,
        }
    }

    /// The zone that a name is in: the one that begins furthest down.
    fn zone_of(&self, question: &Question<'_>) -> Option<&'z Zone<'z>> {
        let path = Path::of(question.name);
        let contains = |zone: &&Zone<'_>| path::is_within(path.as_bytes(), zone.top());
        self.zones.iter().filter(contains).max_by_key(|zone| zone.top().len())
    }

    /// The transfer of a zone, or why there is none; without a reason, the start of the zone answers (RFC 1995 2).
    fn transfer(
        &self,
        zone: &'z Zone<'z>,
        message: &Message<'_>,
        question: &Question<'_>,
        transport: Transport,
    ) -> Result<Transfer<'z>, Option<(Kind, Rcode)>> {
        if Path::of(question.name).as_bytes().len() != zone.top().len() {
            return Err(Some((Kind::NotAuthoritative, Rcode::NOT_AUTHORITATIVE)));
        }
        match transport {
            Transport::Stream { may_transfer: true } => {
                Ok(Transfer::new(zone, message, question.kind))
            }
            Transport::Stream { .. } => Err(Some((Kind::Refused, Rcode::REFUSED))),
            _ => Err(None),
        }
    }
}

/// What is sent where there is no memory for an answer, or no room for a transfer: the header alone, with status 2 (RFC 1035 4.1.1).
/// None if the message is no query.
pub fn server_failure(query: &[u8]) -> Option<[u8; HEADER_LEN]> {
    let header = header_of(query)?;
    let flags = Flags(header.flags.get());
    let kept = flags.0 & (Flags::OPCODE | Flags::RECURSION_DESIRED);
    let mut answer = [0; HEADER_LEN];
    answer[..2].copy_from_slice(&query[..2]);
    answer[2..4].copy_from_slice(&(Flags::RESPONSE | kept | Rcode::SERVER_FAILURE.0).to_be_bytes());
    (!flags.has(Flags::RESPONSE)).then_some(answer)
}

fn is_transfer(kind: RecordType) -> bool {
    matches!(kind, RecordType::AXFR | RecordType::IXFR)
}

fn header_of(query: &[u8]) -> Option<&Header> {
    use zerocopy::FromBytes as _;
    Header::ref_from_bytes(query.get(..HEADER_LEN)?).ok()
}
