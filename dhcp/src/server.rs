//! Servers for the tests of this crate: single replies, and a server with a pool of addresses.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration, vec, vec::Vec};

use layer::Instant;
use netif::MacAddr;
use zerocopy::IntoBytes;

use crate::{
    options,
    wire::{BOOT_REPLY, BOOT_REQUEST, Header, Message, MessageType},
};

/// The address of the server, and the first one that it grants.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const GRANTED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);

/// A reply that is put together by hand.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) header: Header,
    options: Vec<(u8, Vec<u8>)>,
}

impl Reply {
    /// A reply with all that it must have: a network of 24 bits, and an hour.
    pub(crate) fn new(kind: MessageType, mac: MacAddr, xid: u32) -> Self {
        let header = Header {
            op: BOOT_REPLY,
            yiaddr: if kind == MessageType::NAK { [0; 4] } else { GRANTED.octets() },
            ..Header::request(mac, xid)
        };
        let reply = Self { header, options: Vec::new() }
            .with(options::MESSAGE_TYPE, &[kind.0])
            .with(options::SERVER_ID, &SERVER.octets());
        if kind == MessageType::NAK {
            return reply;
        }
        reply
            .with(options::SUBNET_MASK, &[255, 255, 255, 0])
            .with(options::LEASE_TIME, &3600_u32.to_be_bytes())
    }

    /// The reply with the option `code`, in place of the one that it has.
    pub(crate) fn with(self, code: u8, value: &[u8]) -> Self {
        let mut reply = self.without(code);
        reply.options.push((code, value.into()));
        reply
    }

    pub(crate) fn without(mut self, code: u8) -> Self {
        self.options.retain(|(known, _)| *known != code);
        self
    }

    pub(crate) fn granting(mut self, address: Ipv4Addr) -> Self {
        self.header.yiaddr = address.octets();
        self
    }

    pub(crate) fn from(self, server: Ipv4Addr) -> Self {
        self.with(options::SERVER_ID, &server.octets())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header.as_bytes().to_vec();
        for (code, value) in &self.options {
            // What is too long for one option is in several (RFC 3396 5).
            let mut pieces = value.chunks(255);
            let first = pieces.next().unwrap_or(&[]);
            for piece in [first].into_iter().chain(pieces) {
                bytes.extend([*code, piece.len() as u8]);
                bytes.extend(piece);
            }
        }
        bytes.push(options::END);
        bytes
    }
}

/// A server, as RFC 2131 4.3 has it.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) address: Ipv4Addr,
    /// The addresses that it may grant.
    pub(crate) pool: Vec<Ipv4Addr>,
    /// Who has which address, and until when.
    pub(crate) leases: BTreeMap<Vec<u8>, (Ipv4Addr, Instant)>,
    /// The addresses that were declined.
    pub(crate) declined: Vec<Ipv4Addr>,
    /// For how long it grants addresses.
    pub(crate) time: Duration,
    /// Further options in each offer and grant.
    pub(crate) options: Vec<(u8, Vec<u8>)>,
    /// Whether it answers.
    pub(crate) is_up: bool,
    /// The types of the messages that it received.
    pub(crate) seen: Vec<MessageType>,
}

impl Server {
    /// A server with this address, and so many addresses to grant: from 10.0.0.100 on.
    pub(crate) fn new(address: Ipv4Addr, addresses: u8) -> Self {
        Self {
            address,
            pool: (0..addresses).map(|n| Ipv4Addr::new(10, 0, 0, 100 + n)).collect(),
            leases: BTreeMap::new(),
            declined: vec![],
            time: Duration::from_secs(3600),
            options: vec![],
            is_up: true,
            seen: vec![],
        }
    }

    /// Its answer to a message.
    pub(crate) fn answer(&mut self, now: Instant, bytes: &[u8]) -> Option<Vec<u8>> {
        let message = Message::parse(bytes).expect("a client sends what can be read");
        if !self.is_up || message.header.op != BOOT_REQUEST {
            return None;
        }
        self.seen.push(message.kind);
        let client: Vec<u8> = message.options.get(options::CLIENT_ID).unwrap().bytes().collect();
        let named = message.options.get(options::SERVER_ID).map(|id| id.address().unwrap());
        let requested = message.options.get(options::REQUESTED_ADDRESS);
        let requested = requested.map(|address| address.address().unwrap());
        let held = Ipv4Addr::from(message.header.ciaddr);
        self.leases.retain(|_, (_, end)| *end > now);
        if named.is_some_and(|named| named != self.address) {
            // Another server was chosen: what was offered is free again (RFC 2131 3.1.4).
            self.leases.remove(&client);
            return None;
        }
        match message.kind {
            MessageType::DISCOVER => {
                let address = self.free(&client, requested)?;
                // An offer is held for a minute, and takes no time from a lease.
                let held = (address, now + Duration::from_secs(60));
                let lease = self.leases.entry(client).or_insert(held);
                lease.1 = lease.1.max(held.1);
                Some(self.grant(&message, MessageType::OFFER, address))
            }
            MessageType::REQUEST => {
                let asked = requested.unwrap_or(held);
                let known = self.leases.get(&client).map(|(address, _)| *address);
                match known {
                    Some(address) if address == asked => {
                        self.leases.insert(client, (address, now + self.time));
                        Some(self.grant(&message, MessageType::ACK, address))
                    }
                    // Of a client that it does not know, it says nothing (RFC 2131 4.3.2).
                    None if named.is_none() => None,
                    _ => {
                        let nak =
                            self.reply(&message, MessageType::NAK).without(options::LEASE_TIME);
                        Some(nak.bytes())
                    }
                }
            }
            MessageType::DECLINE => {
                self.declined.extend(requested);
                self.leases.remove(&client);
                None
            }
            MessageType::RELEASE => {
                self.leases.remove(&client);
                None
            }
            other => panic!("a client does not send {other}"),
        }
    }

    /// An address for the client: the one that it has, the one that it asks for, or any that is free.
    fn free(&self, client: &[u8], requested: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        if let Some((address, _)) = self.leases.get(client) {
            return Some(*address);
        }
        let is_free = |address: &Ipv4Addr| {
            self.pool.contains(address)
                && !self.declined.contains(address)
                && self.leases.values().all(|(taken, _)| taken != address)
        };
        requested.filter(is_free).or_else(|| self.pool.iter().copied().find(is_free))
    }

    fn grant(&self, to: &Message<'_>, kind: MessageType, address: Ipv4Addr) -> Vec<u8> {
        let seconds = self.time.as_secs() as u32;
        let reply = self.reply(to, kind).with(options::LEASE_TIME, &seconds.to_be_bytes());
        let reply =
            self.options.iter().fold(reply, |reply, (code, value)| reply.with(*code, value));
        reply.granting(address).bytes()
    }

    fn reply(&self, to: &Message<'_>, kind: MessageType) -> Reply {
        let mac = MacAddr(to.header.chaddr[..6].try_into().unwrap());
        Reply::new(kind, mac, to.header.xid.get()).from(self.address)
    }
}
