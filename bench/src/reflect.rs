//! The least that an echo service can do with a frame: turn it round where it lies.

use std::net::Ipv4Addr;

/// Ethernet, and IPv4 without options.
const SHORTEST: usize = 14 + 20;
const ETHERTYPE: usize = 12;
const IPV4: [u8; 2] = [0x08, 0x00];
const ARP: [u8; 2] = [0x08, 0x06];
/// An ARP packet for Ethernet and IPv4 with its Ethernet header (RFC 826).
const ARP_FRAME: usize = 14 + 28;
const UDP: u8 = 17;

/// Makes of a frame to `address` the answer to it: sender and receiver change places in Ethernet, in IPv4
/// and in UDP, which leaves all checksums as they are; a question for our hardware address, `mac`, becomes
/// its answer. Says whether there is an answer; verifies nothing, and keeps nothing.
pub fn reflect(frame: &mut [u8], mac: [u8; 6], address: Ipv4Addr) -> bool {
    if frame.len() < SHORTEST {
        return false;
    }
    let (ours, ethertype) = (address.octets(), [frame[ETHERTYPE], frame[ETHERTYPE + 1]]);
    if ethertype == ARP && frame.len() >= ARP_FRAME {
        // A request (operation 1) for our address.
        if frame[20..22] != [0, 1] || frame[38..42] != ours {
            return false;
        }
        frame.copy_within(6..12, 0);
        frame[6..12].copy_from_slice(&mac);
        frame[21] = 2;
        frame.copy_within(22..32, 32);
        frame[22..28].copy_from_slice(&mac);
        frame[28..32].copy_from_slice(&ours);
        return true;
    }
    let (header_length, offset) = (4 * usize::from(frame[14] & 15), [frame[20] & 0x1f, frame[21]]);
    if ethertype != IPV4 || frame[23] != UDP || frame[30..34] != ours {
        return false;
    }
    swap(frame, 0, 6);
    swap(frame, 26, 4);
    // Only the first fragment has ports.
    if offset == [0, 0] && frame.len() >= 14 + header_length + 4 {
        swap(frame, 14 + header_length, 2);
    }
    true
}

/// Swaps two fields of `length` bytes that follow each other from `at` on.
fn swap(frame: &mut [u8], at: usize, length: usize) {
    let (one, other) = frame[at..at + 2 * length].split_at_mut(length);
    one.swap_with_slice(other);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
    const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn datagram(fragment: [u8; 2]) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        frame.extend([0x45, 0, 0, 32, 0, 1, fragment[0], fragment[1], 64, UDP, 0, 0]);
        frame.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([0x10, 0x01, 0x1f, 0x90, 0, 12, 0xab, 0xcd, 1, 2, 3, 4]);
        frame
    }

    #[test]
    fn a_datagram_goes_back_to_where_it_came_from() {
        let mut frame = datagram([0, 0]);
        assert!(reflect(&mut frame, MAC, OURS));
        assert_eq!(frame[..12], [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
        assert_eq!(frame[26..34], [10, 0, 0, 2, 10, 0, 0, 1]);
        assert_eq!(frame[34..38], [0x1f, 0x90, 0x10, 0x01]);
        assert_eq!(frame[38..], datagram([0, 0])[38..]);
    }

    #[test]
    fn a_later_fragment_has_no_ports() {
        let mut frame = datagram([0x20, 185]);
        assert!(reflect(&mut frame, MAC, OURS));
        assert_eq!(frame[34..], datagram([0, 0])[34..]);
    }

    #[test]
    fn a_question_for_our_address_is_answered() {
        let mut frame = vec![0xff; 6];
        frame.extend([2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
        frame.extend([2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
        let mut other = frame.clone();
        assert!(reflect(&mut frame, MAC, OURS));
        assert_eq!(frame[..14], [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6]);
        assert_eq!(frame[20..32], [0, 2, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2]);
        assert_eq!(frame[32..], [2, 0, 0, 0, 0, 1, 10, 0, 0, 1]);
        other[41] = 3;
        assert!(!reflect(&mut other, MAC, OURS));
    }

    #[test]
    fn what_is_not_for_us_stays() {
        for length in 0..SHORTEST {
            assert!(!reflect(&mut datagram([0, 0])[..length], MAC, OURS));
        }
        let mut frame = datagram([0, 0]);
        frame[33] = 9;
        assert!(!reflect(&mut frame, MAC, OURS));
        let mut frame = datagram([0, 0]);
        frame[12] = 0x86;
        assert!(!reflect(&mut frame, MAC, OURS));
    }
}
