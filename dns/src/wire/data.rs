//! What records say.

use core::{
    net::{Ipv4Addr, Ipv6Addr},
    ops::Range,
};

use byteorder::{ByteOrder, NetworkEndian};

use super::{CLASS_IN, ParseError, RecordType};
use crate::NameRef;

/// The data of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Data<'m> {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The name that this one is an alias of.
    Cname(NameRef<'m>),
    /// A server of the zone.
    Ns(NameRef<'m>),
    /// The name of an address.
    Ptr(NameRef<'m>),
    /// The start of a zone.
    Soa(Soa<'m>),
    /// A mail server: its preference, the lowest first, and its name.
    Mx(u16, NameRef<'m>),
    /// Texts.
    Txt(Strings<'m>),
    /// Options of EDNS, or data of another type.
    Other(&'m [u8]),
}

/// The start of a zone (RFC 1035 3.3.13). All times are seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soa<'m> {
    /// The first server of the zone.
    pub server: NameRef<'m>,
    /// The mailbox of who is responsible, with a dot for the `@`.
    pub mailbox: NameRef<'m>,
    /// The number of this version of the zone.
    pub serial: u32,
    /// How often a secondary server looks for a new version.
    pub refresh: u32,
    /// How soon it looks again if that failed.
    pub retry: u32,
    /// For how long it answers without having looked.
    pub expire: u32,
    /// For how long it may be kept that a name or a type is not there (RFC 2308 4).
    pub minimum: u32,
}

/// Texts of 0 to 255 bytes each (RFC 1035 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strings<'m>(&'m [u8]);

impl<'m> Strings<'m> {
    /// The texts in `bytes`, each after its length, if they fill it and are at least one.
    pub fn parse(bytes: &'m [u8]) -> Option<Self> {
        let mut rest = bytes;
        while let [length, tail @ ..] = rest {
            rest = tail.get(usize::from(*length)..)?;
        }
        (!bytes.is_empty()).then_some(Self(bytes))
    }

    /// The texts, each after its length.
    pub fn as_bytes(self) -> &'m [u8] {
        self.0
    }

    /// Each text.
    pub fn iter(self) -> impl Iterator<Item = &'m [u8]> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (length, tail) = rest.split_first()?;
            let (text, after) = tail.split_at_checked(usize::from(*length))?;
            rest = after;
            Some(text)
        })
    }
}

impl<'m> Data<'m> {
    /// The data in this range of the message, which lies in it.
    pub(crate) fn parse(
        message: &'m [u8],
        range: Range<usize>,
        kind: RecordType,
        class: u16,
    ) -> Result<Self, ParseError> {
        let bytes = &message[range.clone()];
        let wrong = ParseError::Data(kind);
        // Names must not reach beyond the data.
        let within = &message[..range.end];
        let name = |at| NameRef::parse(within, at);
        let only_name = |at| match name(at)? {
            (name, end) if end == range.end => Ok(name),
            _ => Err(wrong),
        };
        Ok(match kind {
            RecordType::A if class == CLASS_IN => {
                Self::A(<[u8; 4]>::try_from(bytes).map_err(|_| wrong)?.into())
            }
            RecordType::AAAA if class == CLASS_IN => {
                Self::Aaaa(<[u8; 16]>::try_from(bytes).map_err(|_| wrong)?.into())
            }
            RecordType::CNAME => Self::Cname(only_name(range.start)?),
            RecordType::NS => Self::Ns(only_name(range.start)?),
            RecordType::PTR => Self::Ptr(only_name(range.start)?),
            RecordType::MX => match bytes {
                [_, _, _, ..] => {
                    Self::Mx(NetworkEndian::read_u16(bytes), only_name(range.start + 2)?)
                }
                _ => return Err(wrong),
            },
            RecordType::SOA => {
                let (server, at) = name(range.start)?;
                let (mailbox, at) = name(at)?;
                let numbers: [u8; 20] = within[at..].try_into().map_err(|_| wrong)?;
                let [serial, refresh, retry, expire, minimum] =
                    [0, 4, 8, 12, 16].map(|at| NetworkEndian::read_u32(&numbers[at..]));
                Self::Soa(Soa { server, mailbox, serial, refresh, retry, expire, minimum })
            }
            RecordType::TXT => Self::Txt(Strings::parse(bytes).ok_or(wrong)?),
            _ => Self::Other(bytes),
        })
    }
}
