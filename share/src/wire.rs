//! A packet, or an error about one, as bytes in the ring between two cores.

use core::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU16,
};

use layer::{Payload, payload_of_bytes};
use network::{Delivery, IcmpError, Packet, Problem, Protocol};
use rt_regions::{Exhausted, Region};
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    native_endian::{U16, U32},
};

/// What is known of a packet beside its bytes, and of the error about it.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Head {
    source: [u8; 16],
    destination: [u8; 16],
    /// Who reports the error.
    reporter: [u8; 16],
    /// The number of the problem, 0 for a packet, and what belongs to it.
    problem: U32,
    value: U32,
    segment_size: U16,
    header_len: U16,
    protocol: u8,
    ttl: u8,
    tos: u8,
    flags: u8,
}

payload_of_bytes!(Head);

/// The flags of a [`Head`].
mod flag {
    pub(super) const BROADCAST: u8 = 1;
    pub(super) const VERIFY: u8 = 2;
    pub(super) const IPV4: u8 = 4;
    pub(super) const REPORTER_IPV4: u8 = 8;
}

/// A packet as a payload.
pub(crate) fn packet<'a>(packet: &'a Packet<'_>) -> impl Payload + use<'a> {
    with(packet, None)
}

/// An error about a packet as a payload; `None` for an error of a kind that is not passed on.
pub(crate) fn error<'a>(error: &'a IcmpError<'_>) -> Option<impl Payload + use<'a>> {
    Some(with(&error.packet, Some((number_of(error.problem)?, error.reporter))))
}

fn with<'a>(packet: &'a Packet<'_>, about: Option<((u32, u32), IpAddr)>) -> impl Payload + use<'a> {
    let ((problem, value), reporter) = about.unwrap_or(((0, 0), packet.source));
    let flags = [
        (packet.broadcast, flag::BROADCAST),
        (packet.verify_checksum, flag::VERIFY),
        (packet.source.is_ipv4(), flag::IPV4),
        (reporter.is_ipv4(), flag::REPORTER_IPV4),
    ];
    let head = Head {
        source: bytes_of(packet.source),
        destination: bytes_of(packet.destination),
        reporter: bytes_of(reporter),
        problem: problem.into(),
        value: value.into(),
        segment_size: packet.segment_size.map_or(0, NonZeroU16::get).into(),
        header_len: (packet.header.len() as u16).into(),
        protocol: packet.protocol.0,
        ttl: packet.ttl,
        tos: packet.tos,
        flags: flags.iter().filter(|(is, _)| *is).map(|(_, flag)| flag).sum(),
    };
    (head, (packet.header, packet.payload))
}

/// What a message says, in `region`; `None` for one that nobody here has sent.
pub(crate) fn read<'r>(
    bytes: &'r [u8],
    region: &'r Region<'_>,
) -> Result<Option<Delivery<'r>>, Exhausted> {
    let Ok((head, rest)) = Head::ref_from_prefix(bytes) else { return Ok(None) };
    let Some((header, payload)) = rest.split_at_checked(head.header_len.get().into()) else {
        return Ok(None);
    };
    let is = |flag| head.flags & flag != 0;
    let packet = Packet {
        source: address_of(head.source, is(flag::IPV4)),
        destination: address_of(head.destination, is(flag::IPV4)),
        protocol: Protocol(head.protocol),
        ttl: head.ttl,
        tos: head.tos,
        broadcast: is(flag::BROADCAST),
        verify_checksum: is(flag::VERIFY),
        segment_size: NonZeroU16::new(head.segment_size.get()),
        header,
        payload,
    };
    if head.problem.get() == 0 {
        return Ok(Some(Delivery::Packet(region.alloc(packet)?)));
    }
    let Some(problem) = problem_of(head.problem.get(), head.value.get()) else { return Ok(None) };
    let reporter = address_of(head.reporter, is(flag::REPORTER_IPV4));
    Ok(Some(Delivery::Error(region.alloc(IcmpError { problem, reporter, packet })?)))
}

/// An address of either family in the place of one of IPv6.
fn bytes_of(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

fn address_of(bytes: [u8; 16], is_ipv4: bool) -> IpAddr {
    let [.., a, b, c, d] = bytes;
    if is_ipv4 { IpAddr::from([a, b, c, d]) } else { Ipv6Addr::from(bytes).into() }
}

/// The problems that concern whoever sent a packet, each with its number; from 1 on.
const PROBLEMS: [Problem; 9] = [
    Problem::NetworkUnreachable,
    Problem::HostUnreachable,
    Problem::ProtocolUnreachable,
    Problem::PortUnreachable,
    Problem::SourceRouteFailed,
    Problem::Prohibited,
    Problem::Unreachable,
    Problem::TtlExceeded,
    Problem::ReassemblyTimedOut,
];
/// The numbers of those with a value.
const TOO_BIG: u32 = 100;
const PARAMETER: u32 = 101;

fn number_of(problem: Problem) -> Option<(u32, u32)> {
    match problem {
        Problem::TooBig(mtu) => Some((TOO_BIG, mtu)),
        Problem::Parameter(octet) => Some((PARAMETER, octet)),
        other => {
            let at = PROBLEMS.iter().position(|problem| *problem == other)?;
            Some((at as u32 + 1, 0))
        }
    }
}

fn problem_of(number: u32, value: u32) -> Option<Problem> {
    match number {
        TOO_BIG => Some(Problem::TooBig(value)),
        PARAMETER => Some(Problem::Parameter(value)),
        _ => PROBLEMS.get(number.checked_sub(1)? as usize).copied(),
    }
}

#[cfg(test)]
mod tests {
    use std::{boxed::Box, format, vec, vec::Vec};

    use rt_regions::{PAGE_SIZE, Pool};

    use super::*;

    fn round_trip(payload: &dyn Payload) -> std::string::String {
        let memory = vec![core::mem::MaybeUninit::uninit(); 8 * PAGE_SIZE].leak();
        let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(memory)));
        let region = Region::new(pool, "packet");
        let mut bytes = vec![0; payload.len()];
        payload.copy_to(0, &mut bytes);
        format!("{:?}", read(&bytes, &region).unwrap().unwrap())
    }

    fn of_each_family() -> Vec<Packet<'static>> {
        let of = |source: &str, destination: &str, header: &'static [u8]| Packet {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            protocol: Protocol::UDP,
            ttl: 61,
            tos: 4,
            broadcast: source.starts_with("10."),
            verify_checksum: source.contains(':'),
            segment_size: NonZeroU16::new(header.len() as u16 - 20),
            header,
            payload: b"payload",
        };
        vec![of("10.0.0.1", "10.0.0.255", &[1; 24]), of("fe80::1", "2001:db8::2", &[2; 48])]
    }

    #[test]
    fn a_packet_arrives_as_it_was() {
        for one in of_each_family() {
            assert_eq!(round_trip(&packet(&one)), format!("{:?}", Delivery::Packet(&one)));
        }
    }

    #[test]
    fn an_error_arrives_as_it_was() {
        for packet in of_each_family() {
            for problem in
                PROBLEMS.into_iter().chain([Problem::TooBig(1280), Problem::Parameter(7)])
            {
                let reporter = "192.0.2.1".parse().unwrap();
                let one = IcmpError { problem, reporter, packet };
                let passed = error(&one).unwrap();
                assert_eq!(round_trip(&passed), format!("{:?}", Delivery::Error(&one)));
            }
            let one =
                IcmpError { problem: Problem::IncompleteChain, reporter: packet.source, packet };
            assert!(error(&one).is_none());
        }
    }

    #[test]
    fn what_is_cut_is_nothing() {
        let memory = vec![core::mem::MaybeUninit::uninit(); 8 * PAGE_SIZE].leak();
        let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(memory)));
        let region = Region::new(pool, "packet");
        let one = of_each_family()[0];
        let payload = packet(&one);
        let mut bytes = vec![0; payload.len()];
        payload.copy_to(0, &mut bytes);
        for length in 0..size_of::<Head>() + one.header.len() {
            assert!(read(&bytes[..length], &region).unwrap().is_none(), "{length}");
        }
    }
}
