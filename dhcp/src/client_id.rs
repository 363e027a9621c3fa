//! The name that a client has for servers: option 61 (RFC 2132 9.14, RFC 4361).

use core::fmt;

use netif::MacAddr;

/// The length of the longest name in bytes.
pub const MAX_CLIENT_ID: usize = 32;

/// The type of a name that is made of an IAID and a DUID (RFC 4361 6.1).
const IAID_AND_DUID: u8 = 255;
/// The type of a DUID that is made of a hardware address (RFC 8415 11.4).
const DUID_LL: u16 = 3;
/// The hardware type of Ethernet.
const ETHERNET: u8 = 1;

/// The name that a client has for servers, the same in each of its messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientId {
    bytes: [u8; MAX_CLIENT_ID],
    length: usize,
}

impl ClientId {
    /// The name that RFC 4361 6.1 demands: an IAID, the last four bytes of the hardware address, and a DUID that is made of
    /// the hardware address (DUID-LL). It stays the same from one start to the next if the hardware address does.
    pub fn of(mac: MacAddr) -> Self {
        let MacAddr([a, b, c, d, e, f]) = mac;
        let [high, low] = DUID_LL.to_be_bytes();
        Self::filled(&[IAID_AND_DUID, c, d, e, f, high, low, 0, ETHERNET, a, b, c, d, e, f])
    }

    /// The name of older clients: the hardware type and address (RFC 2132 9.14). It is for a server that knows its clients
    /// by that.
    pub fn hardware(mac: MacAddr) -> Self {
        let MacAddr([a, b, c, d, e, f]) = mac;
        Self::filled(&[ETHERNET, a, b, c, d, e, f])
    }

    /// Any name: a type and an identifier, 2 to [`MAX_CLIENT_ID`] bytes. `None` if it has another length.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (2..=MAX_CLIENT_ID).contains(&bytes.len()).then(|| Self::filled(bytes))
    }

    /// The name that consists of these bytes, of which there is room for.
    fn filled(bytes: &[u8]) -> Self {
        let mut id = Self { bytes: [0; MAX_CLIENT_ID], length: bytes.len().min(MAX_CLIENT_ID) };
        id.bytes[..id.length].copy_from_slice(&bytes[..id.length]);
        id
    }

    /// The bytes of the name, its type first.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The bytes in hexadecimal: `01:02:00:0a:00:00:02`.
impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.bytes().iter().enumerate() {
            write!(f, "{}{byte:02x}", if at == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    const MAC: MacAddr = MacAddr([2, 0, 10, 1, 2, 3]);

    #[test]
    fn the_name_of_rfc_4361_has_an_iaid_and_a_duid() {
        let expected = "ff:0a:01:02:03:00:03:00:01:02:00:0a:01:02:03";
        assert_eq!(ClientId::of(MAC).to_string(), expected);
        assert_eq!(ClientId::of(MAC), ClientId::of(MAC));
        assert_ne!(ClientId::of(MAC), ClientId::of(MacAddr([2, 0, 10, 1, 2, 4])));
    }

    #[test]
    fn the_name_of_older_clients_is_the_hardware_address() {
        assert_eq!(ClientId::hardware(MAC).to_string(), "01:02:00:0a:01:02:03");
    }

    /// RFC 2132 9.14: at least two bytes.
    #[test]
    fn a_name_that_is_too_short_or_too_long_is_none() {
        for (length, fits) in [(0, false), (1, false), (2, true), (32, true), (33, false)] {
            let bytes = [7; 40];
            let id = ClientId::new(&bytes[..length]);
            assert_eq!(id.is_some(), fits, "{length}");
            assert!(id.is_none_or(|id| id.bytes() == &bytes[..length]));
        }
    }
}
