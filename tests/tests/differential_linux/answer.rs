//! What a host sent, in a form in which two hosts can be compared.

use lab::soak::frames::checksum;

use super::frames::{ALL, ARP, IP, IPV4, Packet, ethertype};

/// The length of an ARP packet for IPv4 on Ethernet.
const ARP_LENGTH: usize = 28;

/// The frames without what says nothing or has to be different: what fills a short frame up (RFC 894), and the
/// identification (RFC 6864), of which remains which fragments have the same. A checksum that is right is
/// written as 0, since it sums up fields that are about to be compared. Questions to one station alone, whether it still
/// has an address, are left out: each host has its own time for them (RFC 1122 2.3.2.1 (2)).
pub(crate) fn normal(mut frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    frames.retain(|frame| {
        let asks = ethertype(frame) == Some(ARP) && frame.get(IP + 6..IP + 8) == Some(&[0, 1]);
        !asks || frame[..6] == ALL
    });
    let mut identifications = Vec::new();
    for frame in &mut frames {
        match ethertype(frame) {
            Some(ARP) => frame.truncate(IP + ARP_LENGTH),
            Some(IPV4) => normal_packet(frame, &mut identifications),
            _ => {}
        }
    }
    frames
}

fn normal_packet(frame: &mut Vec<u8>, identifications: &mut Vec<u16>) {
    let Some(packet) = Packet::of(frame) else { return };
    let (header, is_fragment) = (packet.header, packet.is_fragment());
    let (length, number) = (packet.total_length(), packet.identification());
    let header_is_right = checksum(&packet.bytes[..header]) == 0;
    let message_is_right =
        packet.protocol() == 1 && !is_fragment && checksum(packet.payload()) == 0;
    frame.truncate(IP + length);
    if header_is_right {
        frame[IP + 10..IP + 12].fill(0);
    }
    if message_is_right && length >= header + 4 {
        frame[IP + header + 2..IP + header + 4].fill(0);
    }
    let number = match is_fragment {
        false => 0,
        true => {
            let known = identifications.iter().position(|known| *known == number);
            let place = known.unwrap_or_else(|| {
                identifications.push(number);
                identifications.len() - 1
            });
            place as u16 + 1
        }
    };
    frame[IP + 4..IP + 6].copy_from_slice(&number.to_be_bytes());
}

/// Frames for people: their bytes, in groups that begin where headers do.
pub(crate) fn text(frames: &[Vec<u8>]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let line = |frame: &Vec<u8>| {
        let mut cuts = vec![0, 6.min(frame.len()), 12.min(frame.len()), IP.min(frame.len())];
        cuts.extend(Packet::of(frame).map(|packet| IP + packet.header));
        cuts.push(frame.len());
        let shown = |part: &[u8]| match part.len() {
            0..=120 => hex(part),
            length => format!("{}… ({length} bytes)", hex(&part[..120])),
        };
        let parts: Vec<_> = cuts.windows(2).map(|cut| shown(&frame[cut[0]..cut[1]])).collect();
        format!("\n      {}", parts.join(" "))
    };
    if frames.is_empty() { " nothing".into() } else { frames.iter().map(line).collect() }
}
