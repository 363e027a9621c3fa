//! What a response says about the question.

use core::net::IpAddr;

use crate::{
    Addresses, Name, NameRef,
    query::MOST_ALIASES,
    wire::{CLASS_IN, Data, Flags, Message, Rcode, Record, RecordType, Section},
};

/// What a response without an error of the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The addresses, and for how many seconds they hold.
    Addresses(Addresses, u32),
    /// The name is an alias of another one, about which the response says nothing: how many aliases lead there, and for how
    /// many seconds they hold.
    Alias { target: Name, links: usize, ttl: u32 },
    /// More aliases than are followed.
    TooManyAliases,
    /// The name, or what it is an alias of, does not exist; for how many seconds that may be kept, if it may.
    NoSuchName(Option<u32>),
    /// It has no record of the type; for how many seconds that may be kept, if it may.
    NoAddress(Option<u32>),
    /// The server names others that are to be asked.
    Referral,
}

impl Reading {
    /// Reads what `message` says about `name`, which has had `links` aliases before. Only records are read that lead from the
    /// name to its addresses, so whatever else the message has is not believed.
    pub(crate) fn of(message: &Message<'_>, name: &Name, kind: RecordType, before: usize) -> Self {
        let answers = || message.section(Section::Answer).filter(|record| record.class == CLASS_IN);
        let (mut owner, mut links, mut ttl) = (name.view(), 0, u32::MAX);
        loop {
            let (mut addresses, mut alias) = (Addresses::NONE, None);
            let mut oldest = ttl;
            for record in answers().filter(|record| record.name == owner) {
                match (record.data, address(&record, kind)) {
                    (_, Some(address)) => {
                        addresses.push(address);
                        oldest = oldest.min(record.ttl);
                    }
                    (Data::Cname(target), _) => alias = alias.or(Some((target, record.ttl))),
                    _ => {}
                }
            }
            if !addresses.is_empty() {
                return Self::Addresses(addresses, oldest);
            }
            let Some((target, of_alias)) = alias else { break };
            (owner, links, ttl) = (target, links + 1, ttl.min(of_alias));
            if before + links > MOST_ALIASES {
                return Self::TooManyAliases;
            }
        }
        let negative = negative_ttl(message, owner).map(|negative| negative.min(ttl));
        if message.rcode() == Rcode::NAME_ERROR {
            return Self::NoSuchName(negative);
        }
        if negative.is_some() {
            return Self::NoAddress(negative);
        }
        if links > 0 {
            return Self::Alias { target: owner.to_name(), links, ttl };
        }
        let mut authorities = message.section(Section::Authority);
        let names_servers = authorities.any(|record| record.kind == RecordType::NS);
        if names_servers && !message.flags().has(Flags::AUTHORITATIVE) {
            return Self::Referral;
        }
        Self::NoAddress(None)
    }
}

/// The address in a record of this type.
fn address(record: &Record<'_>, kind: RecordType) -> Option<IpAddr> {
    match record.data {
        _ if record.kind != kind => None,
        Data::A(address) => Some(address.into()),
        Data::Aaaa(address) => Some(address.into()),
        _ => None,
    }
}

/// For how many seconds it may be kept that a name or a type is not there: as the start of its zone says (RFC 2308 5). Without
/// that, it may not be kept.
fn negative_ttl(message: &Message<'_>, name: NameRef<'_>) -> Option<u32> {
    message.section(Section::Authority).find_map(|record| match record.data {
        Data::Soa(soa) if record.class == CLASS_IN && name.is_within(record.name) => {
            Some(record.ttl.min(soa.minimum))
        }
        _ => None,
    })
}
