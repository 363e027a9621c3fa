//! An end of a path as a device of smoltcp: packets of IPv4, without a link below.

use std::net::{IpAddr, Ipv4Addr};

use layer::{Instant, Layer, Rx};
use network::{Delivery, Network, Outgoing, Protocol, Sent};
use rt_regions::Region;
use smoltcp::{
    phy::{self, ChecksumCapabilities, DeviceCapabilities, Medium},
    time,
    wire::{Ipv4Packet, TcpPacket, TcpSeqNumber},
};
use testkit::PathEnd;

/// What the header of IPv4 has, in bytes.
const HEADER_LEN: usize = 20;

/// The kinds of options that are looked for (RFC 9293 3.1, RFC 2018 2).
const END: u8 = 0;
const NOP: u8 = 1;
const SACK_PERMITTED: u8 = 4;

/// The end of a path that smoltcp has.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) end: PathEnd,
    /// The time, which smoltcp is told in whole microseconds.
    pub(crate) now: Instant,
    /// Where packets are received into.
    memory: Region<'static>,
    /// Whether the SYNs lose their SACK-permitted option: smoltcp cannot be told to leave it out.
    pub(crate) without_sack: bool,
    /// The highest number of smoltcp's that we have acknowledged, as far as it has heard.
    acknowledged: Option<TcpSeqNumber>,
    /// Whether each segment is written down (`TRACE=1`).
    has_trace: bool,
    /// How many packets have come.
    pub(crate) received: u64,
    /// How many segments had a window of 0, those that were sent and those that came.
    pub(crate) zero_windows: [u64; 2],
}

impl Device {
    pub(crate) fn new(end: PathEnd, memory: Region<'static>) -> Self {
        Self {
            end,
            now: Instant::ZERO,
            memory,
            without_sack: false,
            acknowledged: None,
            has_trace: std::env::var_os("TRACE").is_some(),
            received: 0,
            zero_windows: [0; 2],
        }
    }

    fn send(&mut self, packet: &mut [u8]) {
        let header = Ipv4Packet::new_checked(&*packet).expect("smoltcp makes good packets");
        let [source, destination] = [header.src_addr(), header.dst_addr()];
        if self.without_sack {
            take_sack_out(&mut packet[HEADER_LEN..], source, destination);
        }
        self.move_forward(&mut packet[HEADER_LEN..], source, destination);
        self.trace("smoltcp sends", packet);
        self.zero_windows[0] += u64::from(has_no_window(&packet[HEADER_LEN..]));
        let outgoing = Outgoing {
            source: Some(IpAddr::V4(source)),
            ..Outgoing::new(IpAddr::V4(destination), Protocol::TCP)
        };
        let sent = self.end.send(self.now, &outgoing, &packet[HEADER_LEN..]);
        assert_eq!(sent, Ok(Sent::Queued), "smoltcp keeps to the MTU");
    }

    /// Gives an acknowledgment of smoltcp's the number that we expect. When its timer has expired, smoltcp goes back to the
    /// first number that is unacknowledged, in acknowledgments too (RFC 9293 3.10.7.4: these have SND.NXT). They are out of our
    /// window then, and what they acknowledge is not heard. If smoltcp has also missed our acknowledgment, the
    /// next ones have old numbers for it too, and none of the two ever hears the other.
    fn move_forward(&mut self, segment: &mut [u8], source: Ipv4Addr, destination: Ipv4Addr) {
        let mut packet = TcpPacket::new_checked(segment).expect("smoltcp makes good segments");
        if packet.syn() {
            self.acknowledged = None;
        }
        let Some(number) = self.acknowledged.filter(|number| packet.seq_number() < *number) else {
            return;
        };
        if packet.segment_len() == 0 && !packet.rst() {
            packet.set_seq_number(number);
            packet.fill_checksum(&source.into(), &destination.into());
        }
    }

    /// Writes a segment down, for whoever wants to know what happened in a conversation that failed.
    fn trace(&self, what: &str, packet: &[u8]) {
        if self.has_trace {
            match TcpPacket::new_checked(&packet[HEADER_LEN..]) {
                Ok(segment) => eprintln!("{} {what} {segment}", self.now),
                Err(_) => eprintln!("{} {what} a broken segment", self.now),
            }
        }
    }

    /// The next packet, with a header of IPv4.
    fn take(&mut self) -> Option<Vec<u8>> {
        self.memory.reset();
        let Ok(Rx::Item(Delivery::Packet(packet))) = self.end.receive(self.now, &self.memory)
        else {
            return None;
        };
        let mut bytes = vec![0; HEADER_LEN + packet.payload.len()];
        bytes[HEADER_LEN..].copy_from_slice(packet.payload);
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (packet.source, packet.destination)
        else {
            panic!("an address of another family");
        };
        let mut header = Ipv4Packet::new_unchecked(&mut bytes);
        header.set_version(4);
        header.set_header_len(HEADER_LEN as u8);
        header.set_total_len((HEADER_LEN + packet.payload.len()) as u16);
        header.set_hop_limit(packet.ttl);
        header.set_next_header(smoltcp::wire::IpProtocol::Tcp);
        header.set_src_addr(source);
        header.set_dst_addr(destination);
        header.fill_checksum();
        self.received += 1;
        if let Ok(segment) = TcpPacket::new_checked(packet.payload)
            && segment.verify_checksum(&source.into(), &destination.into())
            && segment.ack()
            && self.acknowledged.is_none_or(|known| segment.ack_number() > known)
        {
            self.acknowledged = Some(segment.ack_number());
        }
        self.trace("smoltcp gets", &bytes);
        self.zero_windows[1] += u64::from(has_no_window(&bytes[HEADER_LEN..]));
        Some(bytes)
    }
}

/// Whether it is a segment with a window of 0 that is no reset.
fn has_no_window(segment: &[u8]) -> bool {
    TcpPacket::new_checked(segment).is_ok_and(|segment| segment.window_len() == 0 && !segment.rst())
}

/// Puts no-operations in the place of the SACK-permitted option.
fn take_sack_out(segment: &mut [u8], source: Ipv4Addr, destination: Ipv4Addr) {
    let mut packet = TcpPacket::new_checked(segment).expect("smoltcp makes good segments");
    let options = packet.options_mut();
    let mut at = 0;
    while at + 1 < options.len() && options[at] != END {
        match options[at] {
            NOP => at += 1,
            SACK_PERMITTED => {
                options[at..at + 2].fill(NOP);
                at += 2;
            }
            _ => at += usize::from(options[at + 1]),
        }
    }
    packet.fill_checksum(&source.into(), &destination.into());
}

/// What smoltcp's clock shows at our time, in whole microseconds.
pub(crate) fn their_time(now: Instant) -> time::Instant {
    time::Instant::from_micros((now.as_nanos() / 1_000) as i64)
}

impl phy::Device for Device {
    type RxToken<'a> = RxToken;
    type TxToken<'a> = TxToken<'a>;

    fn receive(&mut self, _: time::Instant) -> Option<(RxToken, TxToken<'_>)> {
        let packet = self.take()?;
        Some((RxToken(packet), TxToken(self)))
    }

    fn transmit(&mut self, _: time::Instant) -> Option<TxToken<'_>> {
        Some(TxToken(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.end.mtu;
        capabilities.checksum = ChecksumCapabilities::default();
        capabilities
    }
}

/// A packet that has come.
#[derive(Debug)]
pub(crate) struct RxToken(Vec<u8>);

impl phy::RxToken for RxToken {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

/// Room for a packet.
#[derive(Debug)]
pub(crate) struct TxToken<'a>(&'a mut Device);

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        self.0.send(&mut packet);
        result
    }
}
