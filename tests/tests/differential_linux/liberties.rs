//! Parts of an answer that the RFCs leave open.

use super::frames::{IP, Packet, has_more_than_datagram, icmp_type, is_error};

/// A part of an answer that the RFCs leave open: not compared.
pub(crate) struct Liberty {
    /// What it is.
    pub(crate) name: &'static str,
    /// Which RFC leaves the choice, and what each does.
    pub(crate) why: &'static str,
    /// Takes that part out of one frame of an answer to the last of the frames heard, and gives it.
    pub(crate) take: fn(&[Vec<u8>], &mut Vec<u8>) -> Vec<u8>,
}

pub(crate) const LIBERTIES: &[Liberty] = &[
    Liberty {
        name: "type of service of errors",
        why: "RFC 1122 3.2.2: an error SHOULD have type of service 0, and ours has. Linux has that of the \
              packet, with the precedence of a router (RFC 1812 4.3.2.5)",
        take: |_, frame| match own(frame, |packet| icmp_type(packet).is_some_and(is_error)) {
            Some(_) => vec![take(&mut frame[IP + 1], 0xff)],
            None => Vec::new(),
        },
    },
    Liberty {
        name: "options that come back",
        why: "RFC 1122 3.2.2.6: record route and time stamp SHOULD come back in an echo reply, a source route \
              MUST be turned round; Linux does both in errors too. We send no options (RFC 7126), see \
              docs/conformance.md, 3.2.1.8 and 3.2.2.6",
        take: |_, frame| match own(frame, |packet| packet.header > 20) {
            Some(header) => {
                let options = frame.drain(IP + 20..IP + header).collect::<Vec<_>>();
                let length = u16::from_be_bytes([frame[IP + 2], frame[IP + 3]]);
                let length = length.saturating_sub(options.len() as u16);
                frame[IP + 2..IP + 4].copy_from_slice(&length.to_be_bytes());
                frame[IP] = 0x45;
                options
            }
            None => Vec::new(),
        },
    },
    Liberty {
        name: "options in the quote",
        why: "RFC 1122 3.2.2: what an error quotes MUST be unchanged, and ours is as it came. Linux quotes \
              the packet with a route or a time that it has filled in already, and a checksum to fit",
        take: |_, frame| match quoted(frame, |packet| packet.header > 20) {
            Some((at, header)) => [&[10, 11], &Vec::from_iter(20..header)[..]]
                .concat()
                .into_iter()
                .map(|place| take(&mut frame[at + place], 0xff))
                .collect(),
            None => Vec::new(),
        },
    },
    Liberty {
        name: "the quote of what came in fragments",
        why: "RFC 792: an error quotes the header and 8 bytes of the datagram. Ours quotes the first fragment \
              as it came, Linux the datagram that it has put together, with the header that this would have",
        take: |heard, frame| {
            let packets = heard.iter().filter_map(|frame| Packet::of(frame));
            if !packets.into_iter().any(|packet| packet.is_fragment()) {
                return Vec::new();
            }
            let Some((at, header)) = quoted(frame, |_| true) else { return Vec::new() };
            // Total length, flags and offset, checksum; and what follows the 8 bytes.
            let mut taken: Vec<_> = [2, 3, 6, 7, 10, 11]
                .into_iter()
                .map(|place| take(&mut frame[at + place], 0xff))
                .collect();
            taken.extend(cut(frame, at + header + 8));
            taken
        },
    },
    Liberty {
        name: "the quote of what follows a datagram",
        why: "RFC 792: an error quotes the header and 8 bytes of the datagram. Ours quotes the packet, and \
              Linux what is left of it after UDP has cut off what its length does not count",
        take: |heard, frame| {
            // The last packet: a frame that is none may be what the answer waited for.
            let packet = heard.iter().rev().find_map(|frame| Packet::of(frame));
            let follows = packet.is_some_and(|packet| has_more_than_datagram(&packet));
            match quoted(frame, |_| follows) {
                Some((at, header)) => cut(frame, at + header + 8),
                None => Vec::new(),
            }
        },
    },
    Liberty {
        name: "the code of an echo reply",
        why: "RFC 792: an echo reply has code 0, and ours has. Linux sends the code back that came, which is \
              0 wherever a request is as it should be",
        take: |_, frame| match own(frame, |packet| icmp_type(packet) == Some(0)) {
            Some(header) => vec![take(&mut frame[IP + header + 1], 0xff)],
            None => Vec::new(),
        },
    },
];

/// Cuts a packet off at `end`, where its header says then that it ends.
fn cut(frame: &mut Vec<u8>, end: usize) -> Vec<u8> {
    let end = end.min(frame.len());
    frame[IP + 2..IP + 4].copy_from_slice(&((end - IP) as u16).to_be_bytes());
    frame.drain(end..).collect()
}

/// Takes these bits.
fn take(byte: &mut u8, bits: u8) -> u8 {
    let taken = *byte & bits;
    *byte &= !bits;
    taken
}

/// The length of the header of a packet with ICMP that is one of these.
fn own(frame: &[u8], is: impl FnOnce(&Packet<'_>) -> bool) -> Option<usize> {
    let packet = Packet::of(frame).filter(|packet| packet.protocol() == 1)?;
    is(&packet).then_some(packet.header)
}

/// Where the packet that an error quotes begins in the frame, and the length of its header, if it is one of
/// these.
fn quoted(frame: &[u8], is: impl FnOnce(&Packet<'_>) -> bool) -> Option<(usize, usize)> {
    let header = own(frame, |packet| icmp_type(packet).is_some_and(is_error))?;
    let at = IP + header + 8;
    let quote = Packet::parse(frame.get(at..)?)?;
    is(&quote).then_some((at, quote.header))
}
