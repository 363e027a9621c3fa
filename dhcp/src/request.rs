//! A message from the client to servers.

use core::{fmt, net::Ipv4Addr};

use layer::Payload;

use crate::{
    client_id::{ClientId, MAX_CLIENT_ID},
    options,
    wire::{HEADER_LEN, Header, MessageType},
};

/// The length of the shortest message in bytes (RFC 1542 2.1). Relay agents drop what is shorter.
const MIN_LEN: usize = 300;

/// The parameters that the client asks for. The classless routes come before the router (RFC 3442, "DHCP Client Behavior").
const PARAMETERS: [u8; 8] = [
    options::SUBNET_MASK,
    options::CLASSLESS_ROUTES,
    options::ROUTER,
    options::DNS_SERVERS,
    options::INTERFACE_MTU,
    options::NTP_SERVERS,
    options::RENEWAL_TIME,
    options::REBINDING_TIME,
];

/// The longest message that the client accepts, in bytes: what fits a frame of Ethernet behind the headers of IPv4 and UDP.
const MAX_MESSAGE_LEN: u16 = 1472;

/// Room for all options that a message of the client can have: type, name, address, server, longest message, parameters and
/// the end.
const ROOM: usize = 3 + (2 + MAX_CLIENT_ID) + 6 + 6 + 4 + (2 + size_of_val(&PARAMETERS)) + 1;

const _: () = assert!(ROOM > MIN_LEN - HEADER_LEN, "the shortest message fits");

/// A message to be sent from port 68 to port 67. It is the payload of a datagram.
#[derive(Clone, Copy)]
#[must_use]
pub struct Request {
    /// The source address: 0.0.0.0 while the client has no address.
    pub source: Ipv4Addr,
    /// The destination address: the broadcast address, or a server.
    pub destination: Ipv4Addr,
    kind: MessageType,
    header: Header,
    options: [u8; ROOM],
    length: usize,
}

impl Request {
    /// A broadcast from 0.0.0.0, with the options that each message of the client has: the type and the name.
    pub(crate) fn new(kind: MessageType, header: Header, id: &ClientId) -> Self {
        let mut request = Self {
            source: Ipv4Addr::UNSPECIFIED,
            destination: Ipv4Addr::BROADCAST,
            kind,
            header,
            options: [options::PAD; ROOM],
            length: 0,
        };
        request.add(options::MESSAGE_TYPE, &[kind.0]);
        request.add(options::CLIENT_ID, id.bytes());
        request
    }

    /// The request, from and to these addresses.
    pub(crate) fn between(self, source: Ipv4Addr, destination: Ipv4Addr) -> Self {
        Self { source, destination, ..self }
    }

    /// The request with an address as an option.
    pub(crate) fn with(mut self, code: u8, address: Ipv4Addr) -> Self {
        self.add(code, &address.octets());
        self
    }

    /// The request with what the client wants to know and accepts (RFC 2131 table 5: not in a decline or a release).
    pub(crate) fn with_parameters(mut self) -> Self {
        self.add(options::MAX_MESSAGE_SIZE, &MAX_MESSAGE_LEN.to_be_bytes());
        self.add(options::PARAMETER_LIST, &PARAMETERS);
        self
    }

    /// The request with the end of its options, and with padding up to the shortest message.
    pub(crate) fn ended(mut self) -> Self {
        self.options[self.length] = options::END;
        self.length = (self.length + 1).max(MIN_LEN - HEADER_LEN);
        self
    }

    fn add(&mut self, code: u8, value: &[u8]) {
        let end = self.length + 2 + value.len();
        // There is room for each option that a message can have.
        let option = &mut self.options[self.length..end];
        option[..2].copy_from_slice(&[code, value.len() as u8]);
        option[2..].copy_from_slice(value);
        self.length = end;
    }

    /// The type of the message.
    pub fn kind(&self) -> MessageType {
        self.kind
    }

    /// The fixed part.
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn parts(&self) -> (&Header, &[u8]) {
        (&self.header, &self.options[..self.length])
    }
}

impl Payload for Request {
    fn len(&self) -> usize {
        self.parts().len()
    }

    fn copy_to(&self, offset: usize, out: &mut [u8]) {
        self.parts().copy_to(offset, out);
    }

    fn visit(&self, offset: usize, length: usize, visit: &mut dyn FnMut(&[u8])) {
        self.parts().visit(offset, length, visit);
    }
}

/// `DHCPREQUEST to 255.255.255.255, transaction 0x01020304`
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let xid = self.header.xid.get();
        write!(f, "{} to {}, transaction {xid:#010x}", self.kind, self.destination)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({self})")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Request {
    fn format(&self, f: defmt::Formatter<'_>) {
        let [a, b, c, d] = self.destination.octets();
        let xid = self.header.xid.get();
        defmt::write!(
            f,
            "{} to {=u8}.{=u8}.{=u8}.{=u8}, transaction {=u32:#010x}",
            self.kind,
            a,
            b,
            c,
            d,
            xid
        );
    }
}
