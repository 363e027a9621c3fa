//! Messages (RFC 1035 4): a header, a question, and records in three sections; with the extension of RFC 6891, EDNS.

mod data;
mod edns;
mod pointers;
mod writer;

use core::{error::Error, fmt};

use byteorder::{ByteOrder, NetworkEndian};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, network_endian::U16};

pub use self::{
    data::{Data, Soa, Strings},
    edns::{Edns, OPT_LEN},
    pointers::{Names, Pointers, Whole},
    writer::{MessageWriter, WriteError},
};
use crate::NameRef;

/// The UDP and TCP port of a server (RFC 1035 4.2).
pub const PORT: u16 = 53;

/// The length of the header in bytes.
pub const HEADER_LEN: usize = size_of::<Header>();

/// The class of the Internet (RFC 1035 3.2.4).
pub const CLASS_IN: u16 = 1;

/// The header of a message.
///
/// ```text
///                                  1  1  1  1  1  1
///    0  1  2  3  4  5  6  7  8  9  0  1  2  3  4  5
///  +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
///  |                      ID                       |
///  +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
///  |QR|   Opcode  |AA|TC|RD|RA|   Z    |   RCODE   |
///  +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
///  |                    QDCOUNT                    |
///  +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
///  |                    ANCOUNT                    |
///  +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
///  |                    NSCOUNT                    |
///  +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
///  |                    ARCOUNT                    |
///  +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Header {
    /// A number that the response repeats.
    pub id: U16,
    /// The second row: see [`Flags`].
    pub flags: U16,
    /// How many questions there are.
    pub questions: U16,
    /// How many records answer.
    pub answers: U16,
    /// How many records are about the zone and its servers.
    pub authorities: U16,
    /// How many records are there beside.
    pub additionals: U16,
}

const _: () = assert!(HEADER_LEN == 12);

/// The second row of the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    /// The message is a response.
    pub const RESPONSE: u16 = 0x8000;
    /// The server is an authority for the name.
    pub const AUTHORITATIVE: u16 = 0x0400;
    /// The message is longer than the transport takes, and was cut off.
    pub const TRUNCATED: u16 = 0x0200;
    /// The server is asked to find the answer itself.
    pub const RECURSION_DESIRED: u16 = 0x0100;
    /// The server finds answers itself.
    pub const RECURSION_AVAILABLE: u16 = 0x0080;

    /// The kind of query.
    pub const OPCODE: u16 = 0x7800;

    /// Whether all these bits are set.
    pub const fn has(self, bits: u16) -> bool {
        self.0 & bits == bits
    }

    /// The kind of query; 0 is a standard one.
    pub const fn opcode(self) -> u8 {
        (self.0 >> 11) as u8 & 0xf
    }
}

/// The type of a record, or of the records that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    /// An IPv4 address (RFC 1035 3.4.1).
    pub const A: Self = Self(1);
    /// A server of a zone (RFC 1035 3.3.11).
    pub const NS: Self = Self(2);
    /// The name that this one is an alias of (RFC 1035 3.3.1).
    pub const CNAME: Self = Self(5);
    /// The start of a zone (RFC 1035 3.3.13).
    pub const SOA: Self = Self(6);
    /// The name of an address (RFC 1035 3.3.12).
    pub const PTR: Self = Self(12);
    /// A mail server (RFC 1035 3.3.9).
    pub const MX: Self = Self(15);
    /// Text (RFC 1035 3.3.14).
    pub const TXT: Self = Self(16);
    /// An IPv6 address (RFC 3596 2.1).
    pub const AAAA: Self = Self(28);
    /// What EDNS adds to a message (RFC 6891 6.1).
    pub const OPT: Self = Self(41);
    /// The keys of a zone below, which the zone above has (RFC 4034 5).
    pub const DS: Self = Self(43);
    /// What has changed in a zone (RFC 1995).
    pub const IXFR: Self = Self(251);
    /// A whole zone (RFC 5936).
    pub const AXFR: Self = Self(252);
    /// Records of any type (RFC 1035 3.2.3).
    pub const ANY: Self = Self(255);
}

/// `AAAA`, or `TYPE65` (RFC 3597 5).
impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::A => "A",
            Self::NS => "NS",
            Self::CNAME => "CNAME",
            Self::SOA => "SOA",
            Self::PTR => "PTR",
            Self::MX => "MX",
            Self::TXT => "TXT",
            Self::AAAA => "AAAA",
            Self::OPT => "OPT",
            Self::DS => "DS",
            Self::IXFR => "IXFR",
            Self::AXFR => "AXFR",
            Self::ANY => "ANY",
            Self(other) => return write!(f, "TYPE{other}"),
        })
    }
}

/// What a response says of the query (RFC 1035 4.1.1), with the upper bits that EDNS adds (RFC 6891 6.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rcode(pub u16);

impl Rcode {
    /// No error.
    pub const NO_ERROR: Self = Self(0);
    /// The server could not read the query.
    pub const FORMAT_ERROR: Self = Self(1);
    /// The server failed.
    pub const SERVER_FAILURE: Self = Self(2);
    /// The name does not exist.
    pub const NAME_ERROR: Self = Self(3);
    /// The server does not support the kind of query.
    pub const NOT_IMPLEMENTED: Self = Self(4);
    /// The server does not want to answer.
    pub const REFUSED: Self = Self(5);
    /// The server is no authority for the zone (RFC 5936 2.2.1).
    pub const NOT_AUTHORITATIVE: Self = Self(9);
    /// The server does not support the version of EDNS (RFC 6891 9).
    pub const BAD_VERSION: Self = Self(16);
}

/// `SERVFAIL`, or `status 23`.
impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::NO_ERROR => "NOERROR",
            Self::FORMAT_ERROR => "FORMERR",
            Self::SERVER_FAILURE => "SERVFAIL",
            Self::NAME_ERROR => "NXDOMAIN",
            Self::NOT_IMPLEMENTED => "NOTIMP",
            Self::REFUSED => "REFUSED",
            Self::NOT_AUTHORITATIVE => "NOTAUTH",
            Self::BAD_VERSION => "BADVERS",
            Self(other) => return write!(f, "status {other}"),
        })
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'m> {
    /// The name.
    pub name: NameRef<'m>,
    /// The type of the records.
    pub kind: RecordType,
    /// The class: [`CLASS_IN`].
    pub class: u16,
}

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// It answers the question.
    Answer,
    /// It is about the zone and its servers.
    Authority,
    /// It is there beside.
    Additional,
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'m> {
    /// Where it is.
    pub section: Section,
    /// The name that it is about.
    pub name: NameRef<'m>,
    /// Its type.
    pub kind: RecordType,
    /// Its class: [`CLASS_IN`]. Of OPT, the longest datagram that the sender takes.
    pub class: u16,
    /// For how many seconds it may be kept. Of OPT, the upper bits of the status, the version and flags.
    pub ttl: u32,
    /// What it says.
    pub data: Data<'m>,
}

impl<'m> Record<'m> {
    /// The record that begins at `at`, and where it ends.
    fn parse(message: &'m [u8], at: usize, section: Section) -> Result<(Self, usize), ParseError> {
        let (name, at) = NameRef::parse(message, at)?;
        let fixed = message.get(at..at + 10).ok_or(ParseError::Short)?;
        let kind = RecordType(NetworkEndian::read_u16(fixed));
        let class = NetworkEndian::read_u16(&fixed[2..]);
        let ttl = NetworkEndian::read_u32(&fixed[4..]);
        let (start, length) = (at + 10, usize::from(NetworkEndian::read_u16(&fixed[8..])));
        let end = start + length;
        if end > message.len() {
            return Err(ParseError::Short);
        }
        if kind == RecordType::OPT && !(name.is_root() && section == Section::Additional) {
            return Err(ParseError::Opt);
        }
        let data = Data::parse(message, start..end, kind, class)?;
        Ok((Self { section, name, kind, class, ttl, data }, end))
    }
}

/// A message whose structure was checked: names end, records lie in it, and their data has the length that its type demands.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    /// The header.
    pub header: &'m Header,
    bytes: &'m [u8],
    /// Where the records begin.
    records_at: usize,
    /// The record of EDNS: the longest datagram, and the field of the time to live.
    opt: Option<(u16, u32)>,
}

impl<'m> Message<'m> {
    /// Parses the payload of a datagram, or a message of a stream without its length. What follows the last record is not
    /// looked at.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn parse(bytes: &'m [u8]) -> Result<Self, ParseError> {
        let (header, _) = Header::ref_from_prefix(bytes).map_err(|_| ParseError::Short)?;
        let mut message = Self { header, bytes, records_at: HEADER_LEN, opt: None };
        for _ in 0..header.questions.get() {
            message.records_at = question(bytes, message.records_at)?.1;
        }
        let (mut at, mut opt) = (message.records_at, None);
        for section in message.sections() {
            let (record, end) = Record::parse(bytes, at, section)?;
            at = end;
            if record.kind == RecordType::OPT && opt.replace((record.class, record.ttl)).is_some() {
                return Err(ParseError::Opt);
            }
        }
        Ok(Self { opt, ..message })
    }

    /// The flags.
    pub fn flags(&self) -> Flags {
        Flags(self.header.flags.get())
    }

    /// What a response says of the query.
    pub fn rcode(&self) -> Rcode {
        let upper = self.opt.map_or(0, |(_, ttl)| (ttl >> 24) as u16);
        Rcode(upper << 4 | self.header.flags.get() & 0xf)
    }

    /// The longest datagram that the sender takes, in bytes, if it speaks EDNS.
    pub fn edns_payload(&self) -> Option<u16> {
        self.opt.map(|(payload, _)| payload)
    }

    /// What the record of EDNS says, if there is one.
    pub fn edns(&self) -> Option<Edns> {
        self.opt.map(|(payload, ttl)| Edns::new(payload, ttl))
    }

    /// The question, if there is exactly one.
    pub fn question(&self) -> Option<Question<'m>> {
        let is_one = self.header.questions.get() == 1;
        is_one.then(|| question(self.bytes, HEADER_LEN).ok())?.map(|(question, _)| question)
    }

    /// All records, in their order.
    pub fn records(&self) -> impl Iterator<Item = Record<'m>> + use<'m> {
        let (bytes, mut at) = (self.bytes, self.records_at);
        self.sections().map_while(move |section| {
            // It was parsed before.
            let (record, end) = Record::parse(bytes, at, section).ok()?;
            at = end;
            Some(record)
        })
    }

    /// The records of one section.
    pub fn section(&self, section: Section) -> impl Iterator<Item = Record<'m>> + use<'m> {
        self.records().filter(move |record| record.section == section)
    }

    /// The section of each record.
    fn sections(&self) -> impl Iterator<Item = Section> + use<> {
        let Header { answers, authorities, additionals, .. } = *self.header;
        let repeat = |section, times: U16| core::iter::repeat_n(section, times.get().into());
        repeat(Section::Answer, answers)
            .chain(repeat(Section::Authority, authorities))
            .chain(repeat(Section::Additional, additionals))
    }
}

/// The question that begins at `at`, and where it ends.
fn question(message: &[u8], at: usize) -> Result<(Question<'_>, usize), ParseError> {
    let (name, at) = NameRef::parse(message, at)?;
    let fixed = message.get(at..at + 4).ok_or(ParseError::Short)?;
    let kind = RecordType(NetworkEndian::read_u16(fixed));
    let class = NetworkEndian::read_u16(&fixed[2..]);
    Ok((Question { name, kind, class }, at + 4))
}

/// Why a message could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// The message ends inside a header, a name or a record.
    Short,
    /// A name is longer than 255 bytes.
    LongName,
    /// A pointer does not lead to a place before it that is in the message, or follows too many pointers.
    Pointer,
    /// A length of a label has the upper bits 01 or 10.
    LabelType,
    /// The data of a record is shorter or longer than its type demands.
    Data(RecordType),
    /// There are two records of EDNS, or one is not the root's, or not in the last section.
    Opt,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the message ends too early",
            Self::LongName => "a name is longer than 255 bytes",
            Self::Pointer => "a pointer in a name does not lead back",
            Self::LabelType => "a label has neither a length nor a pointer",
            Self::Data(kind) => {
                return write!(f, "the data of a record of type {kind} has a wrong length");
            }
            Self::Opt => "the record of EDNS is not one, not the root's, or in a wrong section",
        })
    }
}

impl Error for ParseError {}

#[cfg(test)]
mod tests;
