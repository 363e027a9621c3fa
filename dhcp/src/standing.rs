//! What the client of the first core has, as bytes for the other cores.

use core::{net::Ipv4Addr, time::Duration};

use cores::MAX_NOTICE;
use ipv4::Route;
use layer::{Cidr, IPV4_MIN_MTU, is_unicast};

use crate::{Lease, List, Routes, lease::Times};

/// What the client has, and whether it asks for anything any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The lease whose address is ours.
    pub(crate) lease: Option<Lease>,
    /// The program ends, and the address is given back or kept: there will be no other lease.
    pub(crate) is_over: bool,
}

/// Never, as a number of milliseconds.
const FOREVER: u64 = u64::MAX;

impl Standing {
    /// It as bytes: whether it is over, whether there is a lease, and then all of the lease. Numbers are big-endian; an address
    /// of zeros, an MTU of 0 and a time of all ones stand for none.
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = Bytes { bytes: [0; MAX_NOTICE], length: 0 };
        bytes.put(&[u8::from(self.is_over), u8::from(self.lease.is_some())]);
        let Some(lease) = self.lease else { return bytes };
        bytes.network(lease.address);
        bytes.put(&lease.server.octets());
        bytes.address(lease.gateway);
        bytes.put(&lease.mtu.unwrap_or(0).to_be_bytes());
        let Times { lease: end, renewal, rebinding } = lease.times;
        for time in [end, renewal, rebinding] {
            let millis = time.map_or(FOREVER, |time| time.as_millis() as u64);
            bytes.put(&millis.to_be_bytes());
        }
        for servers in [&lease.dns, &lease.ntp] {
            bytes.put(&[servers.len() as u8]);
            servers.iter().for_each(|server| bytes.put(&server.octets()));
        }
        bytes.put(&[lease.routes.len() as u8]);
        for Route { network, router } in lease.routes.iter() {
            bytes.network(*network);
            bytes.address(*router);
        }
        bytes
    }

    /// Reads what [`encode`](Self::encode) has written; `None` if it is anything else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes);
        let [is_over, has_lease] = *rest.take::<2>()?;
        let lease = match has_lease {
            0 => None,
            _ => Some(rest.lease()?),
        };
        (rest.0.is_empty() && is_over < 2 && has_lease < 2)
            .then_some(Self { lease, is_over: is_over == 1 })
    }
}

/// Some bytes, as many as a notice can have.
#[derive(Clone, Copy)]
pub(crate) struct Bytes {
    bytes: [u8; MAX_NOTICE],
    length: usize,
}

// A lease with as many servers and routes as there can be: 2 + 5 + 4 + 4 + 2 + 3 * 8 + 2 * 17 + 1 + 16 * 9 bytes.
const _: () = assert!(
    41 + 2 * (1 + 4 * crate::MAX_SERVERS) + 1 + 9 * ipv4::MAX_ROUTES <= MAX_NOTICE,
    "a notice has room for any lease"
);

impl Bytes {
    pub(crate) fn get(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.length..][..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn address(&mut self, address: Option<Ipv4Addr>) {
        self.put(&address.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
    }

    fn network(&mut self, network: Cidr) {
        self.put(&network.address().octets());
        self.put(&[network.prefix()]);
    }
}

/// What is left to be read.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take<const N: usize>(&mut self) -> Option<&'b [u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(first)
    }

    fn address(&mut self) -> Option<Ipv4Addr> {
        self.take::<4>().map(|octets| Ipv4Addr::from(*octets))
    }

    /// An address that a host can have, or none.
    fn router(&mut self) -> Option<Option<Ipv4Addr>> {
        let address = self.address()?;
        match address.is_unspecified() {
            true => Some(None),
            false => is_unicast(address).then_some(Some(address)),
        }
    }

    fn network(&mut self) -> Option<Cidr> {
        let address = self.address()?;
        let [prefix] = *self.take()?;
        Cidr::new(address, prefix)
    }

    fn time(&mut self) -> Option<Option<Duration>> {
        let millis = u64::from_be_bytes(*self.take()?);
        Some((millis != FOREVER).then(|| Duration::from_millis(millis)))
    }

    fn servers<const N: usize>(&mut self) -> Option<List<Ipv4Addr, N>> {
        let ([count], mut servers) = (*self.take()?, List::new(Ipv4Addr::UNSPECIFIED));
        for _ in 0..count {
            let server = self.address().filter(|server| is_unicast(*server))?;
            servers.push(server).then_some(())?;
        }
        Some(servers)
    }

    fn lease(&mut self) -> Option<Lease> {
        let address = self.network().filter(|cidr| cidr.is_host())?;
        let server = self.address().filter(|server| is_unicast(*server))?;
        let gateway = self.router()?;
        let mtu = match u16::from_be_bytes(*self.take()?) {
            0 => None,
            mtu => Some(mtu).filter(|mtu| usize::from(*mtu) >= IPV4_MIN_MTU).map(Some)?,
        };
        let times = Times { lease: self.time()?, renewal: self.time()?, rebinding: self.time()? };
        let (dns, ntp) = (self.servers()?, self.servers()?);
        let ([count], mut routes) = (*self.take()?, Routes::new(Route::UNUSED));
        for _ in 0..count {
            let (network, router) = (self.network()?, self.router()?);
            if network.address() & network.mask() != network.address() {
                return None;
            }
            routes.push(Route { network, router }).then_some(())?;
        }
        Some(Lease { address, server, gateway, routes, mtu, dns, ntp, times })
    }
}

#[cfg(test)]
mod tests {
    use netif::MacAddr;
    use proptest::prelude::*;

    use super::*;
    use crate::{Message, MessageType, options, server::Reply};

    fn lease(servers: u8, routes: u8, seconds: u32) -> Lease {
        let mac = MacAddr([2, 0, 10, 0, 0, 2]);
        let servers = |third| (1..=servers).flat_map(move |last| [10, 0, third, last]).collect();
        let [dns, ntp]: [std::vec::Vec<u8>; 2] = [1, 2].map(servers);
        let routes: std::vec::Vec<u8> =
            (0..routes).flat_map(|number| [24, 192, 0, number, 10, 0, 0, number % 3]).collect();
        let mut reply = Reply::new(MessageType::ACK, mac, 7)
            .with(options::INTERFACE_MTU, &[0, 180])
            .with(options::LEASE_TIME, &seconds.to_be_bytes());
        for (code, value) in [
            (options::DNS_SERVERS, &dns),
            (options::NTP_SERVERS, &ntp),
            (options::CLASSLESS_ROUTES, &routes),
        ] {
            if !value.is_empty() {
                reply = reply.with(code, value);
            }
        }
        Lease::read(&Message::parse(&reply.bytes()).unwrap()).unwrap()
    }

    #[test]
    fn what_is_told_is_what_is_taken() {
        for (servers, routes, seconds) in [(0, 0, 10), (1, 1, u32::MAX), (4, 16, 86_401)] {
            for is_over in [false, true] {
                let standing = Standing { lease: Some(lease(servers, routes, seconds)), is_over };
                let bytes = standing.encode();
                assert_eq!(Standing::decode(bytes.get()), Some(standing));
                for length in 0..bytes.get().len() {
                    assert_eq!(Standing::decode(&bytes.get()[..length]), None, "{length} bytes");
                }
                let none = Standing { lease: None, is_over };
                assert_eq!(Standing::decode(none.encode().get()), Some(none));
            }
        }
    }

    #[test]
    fn what_no_lease_has_is_not_taken() {
        let standing = Standing { lease: Some(lease(1, 1, 60)), is_over: false };
        let bytes = standing.encode();
        // The flags; an address of a host and its prefix; its server; an MTU; an impossible count of servers.
        for (at, byte) in [(0, 2), (1, 2), (2, 224), (6, 33), (7, 255), (16, 60), (41, 5)] {
            let mut bytes = bytes.get().to_vec();
            assert_ne!(bytes[at], byte);
            bytes[at] = byte;
            assert_eq!(Standing::decode(&bytes), None, "byte {at}");
        }
    }

    proptest! {
        /// What is taken is whole: it can be told again, and is the same then.
        #[test]
        fn any_bytes_are_taken_whole_or_not(mut bytes: std::vec::Vec<u8>, at: usize, byte: u8) {
            for bytes in [&mut bytes, &mut Standing { lease: Some(lease(2, 3, 60)), is_over: false }.encode().get().to_vec()] {
                if !bytes.is_empty() {
                    let at = at % bytes.len();
                    bytes[at] = byte;
                }
                if let Some(standing) = Standing::decode(bytes) {
                    prop_assert_eq!(Standing::decode(standing.encode().get()), Some(standing));
                }
            }
        }
    }
}
