//! What a host sent, in a form in which two hosts can be compared.

use lab::soak::frames::ipv6::{HEADER, ICMPV6};

use super::frames::Packet;
use crate::differential_linux::frames::IP;

/// A neighbour's solicitation.
const SOLICITATION: u8 = 135;
/// A report of the groups of a host, of version 2 and of version 1.
const REPORT: u8 = 143;
const REPORT_V1: u8 = 131;
/// The length of what a report says of a group without sources, in bytes.
const GROUP: usize = 20;

/// The frames without what has to be different: flow labels (RFC 6437), and the identification of fragments (RFC 7739), of
/// which remains which fragments have the same. A checksum that is right is written as 0, since it sums up fields that are
/// about to be compared. Questions to one station alone, whether it still has an address, are left out: each host has its
/// own time for them.
pub(super) fn normal(mut frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    frames.retain(|frame| {
        let asks = Packet::of(frame).and_then(|packet| packet.message()) == Some(SOLICITATION);
        !asks || frame[0] & 1 == 1
    });
    let mut numbers = Vec::new();
    for frame in &mut frames {
        sort_groups(frame);
        let Some(packet) = Packet::of(frame) else { continue };
        let (end, (protocol, at), fragment) = (packet.end(), packet.upper(), packet.fragment());
        let is_whole = fragment.is_none_or(|at| packet.0[at + 2] == 0 && packet.0[at + 3] == 0);
        let is_right = protocol == ICMPV6 && is_whole && packet.sum_is_right(at);
        frame.truncate(IP + end);
        frame[IP + 1] &= 0xf0;
        frame[IP + 2..IP + 4].fill(0);
        if is_right {
            frame[IP + at + 2..IP + at + 4].fill(0);
        }
        if let Some(at) = fragment {
            let number = frame[IP + at + 4..IP + at + 8].to_vec();
            let known = numbers.iter().position(|known| *known == number);
            let place = known.unwrap_or_else(|| {
                numbers.push(number);
                numbers.len() - 1
            });
            frame[IP + at + 4..IP + at + 8].copy_from_slice(&(place as u32 + 1).to_be_bytes());
        }
    }
    // Reports of version 1, each of one group, come in any order.
    let is_report =
        |frame: &Vec<u8>| Packet::of(frame).and_then(|packet| packet.message()) == Some(REPORT_V1);
    if frames.iter().all(is_report) {
        frames.sort();
    }
    frames
}

/// Sorts the groups of a report, which are in any order.
fn sort_groups(frame: &mut [u8]) {
    let Some(packet) = Packet::of(frame).filter(|packet| packet.message() == Some(REPORT)) else {
        return;
    };
    let (begin, end) = (IP + packet.upper().1 + 8, IP + packet.end());
    let Some(groups) = frame.get_mut(begin..end) else { return };
    let mut sorted: Vec<_> = groups.chunks(GROUP).map(<[u8]>::to_vec).collect();
    sorted.sort();
    groups.copy_from_slice(&sorted.concat());
}

/// Frames for people: their bytes, in groups that begin where headers do.
pub(super) fn text(frames: &[Vec<u8>]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let line = |frame: &Vec<u8>| {
        let mut cuts = vec![0, 6, 12, IP];
        if let Some(packet) = Packet::of(frame) {
            cuts.extend([IP + 8, IP + 24, IP + HEADER]);
            cuts.extend(packet.chain().iter().map(|(_, at)| IP + at));
        }
        cuts.push(frame.len());
        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(frame.len()));
        cuts.dedup();
        let shown = |part: &[u8]| match part.len() {
            0..=120 => hex(part),
            length => format!("{}… ({length} bytes)", hex(&part[..120])),
        };
        let parts: Vec<_> = cuts.windows(2).map(|cut| shown(&frame[cut[0]..cut[1]])).collect();
        format!("\n      {}", parts.join(" "))
    };
    if frames.is_empty() { " nothing".into() } else { frames.iter().map(line).collect() }
}
