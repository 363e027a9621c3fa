//! Addresses, routes and interfaces of Linux, in the network namespace of this thread: rtnetlink(7). The few messages
//! that it takes are written here: the crates for it take ten seconds of a processor to build, of the first minute.

use std::{
    io,
    net::Ipv4Addr,
    os::fd::{AsRawFd as _, OwnedFd},
};

use anyhow::{Context, Result, bail};
use nix::{
    net::if_::if_nametoindex,
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send,
        socket,
    },
};

/// The most that an answer about one interface has, in bytes: some 2,000 are usual.
const LONGEST_ANSWER: usize = 1 << 16;

/// `NLMSG_ERROR`: how a request ended, 0 if well (`linux/netlink.h`).
const ERROR: u16 = 2;
/// `RTM_NEWLINK`, the answer to `RTM_GETLINK`; and those of interfaces, addresses and routes (`linux/rtnetlink.h`).
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const SET_LINK: u16 = 19;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
/// `NLM_F_REQUEST`; `NLM_F_ACK`: an answer is wanted in any case; `NLM_F_CREATE` with `NLM_F_EXCL`: what is not there.
const REQUEST: u16 = 0x001;
const ACK: u16 = 0x004;
const CREATE: u16 = 0x200 | 0x400;

/// `AF_INET`, `AF_INET6`.
const INET: u8 = 2;
const INET6: u16 = 10;
/// `IFF_UP` (`linux/if.h`).
const UP: u32 = 1;
/// `IFLA_MTU`, `IFLA_OPERSTATE` and its `IF_OPER_UP`, `IFLA_AF_SPEC` and its `IFLA_INET6_ADDR_GEN_MODE` for IPv6, and the
/// value with which Linux makes no address (`linux/if_link.h`).
const MTU: u16 = 4;
const STATE: u16 = 16;
const STATE_UP: u8 = 6;
const FAMILIES: u16 = 26;
const ADDRESS_MODE: u16 = 8;
const NO_ADDRESSES: u8 = 1;
/// `IFLA_IFNAME`, `IFLA_MASTER`, `IFLA_LINKINFO` and its `IFLA_INFO_KIND`.
#[cfg(feature = "bridges")]
mod of_bridges {
    pub(super) const NAME: u16 = 3;
    pub(super) const MASTER: u16 = 10;
    pub(super) const LINK_INFO: u16 = 18;
    pub(super) const KIND: u16 = 1;
}
#[cfg(feature = "bridges")]
use of_bridges::{KIND, LINK_INFO, MASTER, NAME};
/// `IFA_ADDRESS`, `IFA_LOCAL` (`linux/if_addr.h`).
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;
/// `RTA_DST`, `RTA_OIF`; `RT_TABLE_MAIN`, `RTPROT_BOOT`, `RT_SCOPE_LINK`, `RTN_UNICAST` (`linux/rtnetlink.h`).
const DESTINATION: u16 = 1;
const OUT: u16 = 4;
const ROUTE: [u8; 4] = [254, 3, 253, 1];

/// The length of the header of a message, of a `struct ifinfomsg` behind it, and of the header of an attribute.
const HEADER: usize = 16;
const LINK_HEADER: usize = 16;
const ATTRIBUTE_HEADER: usize = 4;

/// A socket to Linux' routing.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

/// An interface, by its number in its namespace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface(u32);

impl Interface {
    /// The one of this name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn named(name: &str) -> Result<Self> {
        if_nametoindex(name).map(Self).with_context(|| format!("there is no interface {name}"))
    }
}

impl Netlink {
    /// Opens one, in the network namespace of this thread.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn open() -> Result<Self> {
        let (kind, flags) = (SockType::Raw, SockFlag::SOCK_CLOEXEC);
        let open = || -> nix::Result<OwnedFd> {
            let socket = socket(AddressFamily::Netlink, kind, flags, SockProtocol::NetlinkRoute)?;
            bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
            Ok(socket)
        };
        Ok(Self { socket: open().context("cannot open a netlink socket")?, sequence: 0 })
    }

    /// Turns the interface on.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn set_up(&mut self, interface: Interface) -> Result<()> {
        self.set(&link(interface, UP)).context("cannot turn the interface on")
    }

    /// Sets the largest payload of a frame.
    ///
    /// # Errors
    /// Those of the operating system: the interface does not take so many, say.
    pub(crate) fn set_mtu(&mut self, interface: Interface, mtu: u16) -> Result<()> {
        let mut body = link(interface, 0);
        add(&mut body, MTU, &u32::from(mtu).to_ne_bytes());
        self.set(&body).with_context(|| format!("cannot set the MTU to {mtu}"))
    }

    /// Has Linux make no IPv6 address for the interface by itself.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn make_no_addresses(&mut self, interface: Interface) -> Result<()> {
        let (mut mode, mut families) = (Vec::new(), Vec::new());
        add(&mut mode, ADDRESS_MODE, &[NO_ADDRESSES]);
        add(&mut families, INET6, &mode);
        let mut body = link(interface, 0);
        add(&mut body, FAMILIES, &families);
        self.set(&body).context("cannot leave the interface without IPv6 addresses")
    }

    /// Gives the interface an address, with a prefix of so many bits.
    ///
    /// # Errors
    /// Those of the operating system: it has the address, say.
    pub(crate) fn add_address(
        &mut self,
        interface: Interface,
        address: Ipv4Addr,
        prefix: u8,
    ) -> Result<()> {
        // A `struct ifaddrmsg`: no flags, and a scope of everywhere.
        let mut body = vec![INET, prefix, 0, 0];
        body.extend(interface.0.to_ne_bytes());
        add(&mut body, ADDRESS, &address.octets());
        add(&mut body, LOCAL, &address.octets());
        self.call(NEW_ADDRESS, ACK | CREATE, &body)
            .map(drop)
            .with_context(|| format!("cannot add the address {address}/{prefix}"))
    }

    /// Makes a bridge, which is off.
    ///
    /// # Errors
    /// Those of the operating system: there is an interface of this name, say, or it knows no bridges.
    #[cfg(feature = "bridges")]
    pub(crate) fn add_bridge(&mut self, name: &str) -> Result<()> {
        let (mut kind, mut body) = (Vec::new(), link(Interface(0), 0));
        add(&mut kind, KIND, b"bridge");
        add(&mut body, NAME, &[name.as_bytes(), &[0]].concat());
        add(&mut body, LINK_INFO, &kind);
        self.call(NEW_LINK, ACK | CREATE, &body)
            .map(drop)
            .with_context(|| format!("cannot make the bridge {name}"))
    }

    /// Makes an interface a port of a bridge.
    ///
    /// # Errors
    /// Those of the operating system.
    #[cfg(feature = "bridges")]
    pub(crate) fn make_port(&mut self, interface: Interface, bridge: Interface) -> Result<()> {
        let mut body = link(interface, 0);
        add(&mut body, MASTER, &bridge.0.to_ne_bytes());
        self.set(&body).context("cannot make the interface a port of the bridge")
    }

    /// Says that this one address is behind the interface.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn add_route(&mut self, interface: Interface, to: Ipv4Addr) -> Result<()> {
        // A `struct rtmsg`: the whole address counts, and neither the source nor the service; no flags.
        let mut body = vec![INET, 32, 0, 0];
        body.extend(ROUTE);
        body.extend([0; 4]);
        add(&mut body, DESTINATION, &to.octets());
        add(&mut body, OUT, &interface.0.to_ne_bytes());
        self.call(NEW_ROUTE, ACK | CREATE, &body)
            .map(drop)
            .with_context(|| format!("cannot add a route to {to}"))
    }

    /// Whether Linux sends what is sent to the interface. Asking for this one interface makes it notice that
    /// somebody has opened the device.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn is_up(&mut self, interface: Interface) -> Result<bool> {
        let answer = self
            .call(GET_LINK, 0, &link(interface, 0))
            .context("cannot ask for the state of an interface")?;
        let attributes = answer.get(LINK_HEADER..).unwrap_or_default();
        Ok(attribute(attributes, STATE) == Some(&[STATE_UP]))
    }

    fn set(&mut self, body: &[u8]) -> Result<()> {
        self.call(SET_LINK, ACK, body).map(drop)
    }

    /// Sends a request, and returns the body of what it is answered with: nothing if that is only that all is well.
    fn call(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<Vec<u8>> {
        self.sequence += 1;
        let length = u32::try_from(HEADER + body.len()).context("a request is too long")?;
        let mut request = length.to_ne_bytes().to_vec();
        request.extend(kind.to_ne_bytes());
        request.extend((REQUEST | flags).to_ne_bytes());
        request.extend(self.sequence.to_ne_bytes());
        // From whom: the kernel knows.
        request.extend([0; 4]);
        request.extend(body);
        send(self.socket.as_raw_fd(), &request, MsgFlags::empty())?;
        let mut answer = vec![0; LONGEST_ANSWER];
        loop {
            let length = recv(self.socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
            let message = answer.get(..length).unwrap_or_default();
            let kind = u16::from_ne_bytes(field(message, 4)?);
            // The answer to an earlier request that was given up.
            if u32::from_ne_bytes(field(message, 8)?) != self.sequence {
                continue;
            }
            if kind == ERROR {
                return match i32::from_ne_bytes(field(message, HEADER)?) {
                    0 => Ok(Vec::new()),
                    code => Err(io::Error::from_raw_os_error(code.saturating_neg()).into()),
                };
            }
            if kind != NEW_LINK {
                bail!("Linux answers with a message of another type, {kind}");
            }
            return Ok(message.get(HEADER..).unwrap_or_default().to_vec());
        }
    }
}

/// The bytes of a number at this place.
fn field<const N: usize>(message: &[u8], at: usize) -> Result<[u8; N]> {
    let field = message.get(at..).and_then(|rest| rest.first_chunk());
    field.copied().context("Linux answers with less than a message")
}

/// A `struct ifinfomsg` about an interface, of which these flags are turned on.
fn link(interface: Interface, flags: u32) -> Vec<u8> {
    let words = [0, interface.0, flags, flags];
    words.into_iter().flat_map(u32::to_ne_bytes).collect()
}

/// Adds an attribute, which begins at a multiple of four bytes.
fn add(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    // Ours have a few bytes.
    let length = u16::try_from(ATTRIBUTE_HEADER + value.len()).unwrap_or(u16::MAX);
    to.extend(length.to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(value);
    to.resize(to.len().next_multiple_of(4), 0);
}

/// The value of the attribute of this type, if there is one.
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let [a, b, c, d] = *attributes.first_chunk()?;
        let (length, kind) = (usize::from(u16::from_ne_bytes([a, b])), u16::from_ne_bytes([c, d]));
        let value = attributes.get(ATTRIBUTE_HEADER..length)?;
        if kind == wanted {
            return Some(value);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_again() {
        let mut attributes = Vec::new();
        add(&mut attributes, 7, &[1, 2, 3, 4, 5]);
        add(&mut attributes, 16, &[6]);
        assert_eq!(attributes.len(), 12 + 8);
        assert_eq!(attribute(&attributes, 16), Some(&[6][..]));
        assert_eq!(attribute(&attributes, 7), Some(&[1, 2, 3, 4, 5][..]));
        assert_eq!(attribute(&attributes, 8), None);
    }

    #[test]
    fn what_is_cut_off_or_has_no_length_is_nothing() {
        let mut attributes = Vec::new();
        add(&mut attributes, 7, &[1, 2, 3, 4]);
        for length in 0..attributes.len() {
            assert_eq!(attribute(&attributes[..length], 7), None, "{length} bytes");
        }
        assert_eq!(attribute(&[0; 64], 7), None);
        assert!(field::<4>(&[0; 19], HEADER).is_err());
    }

    /// The loopback interface is there in every network, and nobody may take it twice.
    #[test]
    fn linux_answers() {
        let lo = Interface::named("lo").unwrap();
        let mut netlink = Netlink::open().unwrap();
        // Its state is unknown, since it has no carrier.
        assert!(!netlink.is_up(lo).unwrap());
        let nobody = Interface(u32::MAX >> 1);
        let error = format!("{:#}", netlink.is_up(nobody).unwrap_err());
        assert!(error.contains("No such device"), "{error}");
        assert!(Interface::named("no-such-one").is_err());
    }
}
