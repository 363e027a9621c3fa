//! The options of a Hop-by-Hop Options or Destination Options header (RFC 8200 4.2).
//!
//! No option but padding changes how a host treats a packet. What an unknown one demands is in its two highest bits.

use network::Problem;

/// How many options other than padding a header may have (RFC 8504 5.3: 8 by default).
const MAX_OPTIONS: usize = 8;

/// How many bytes of padding in a row a header may have. No alignment needs more, so it would be a channel, or a load (RFC 8504
/// 5.3).
const MAX_PADDING: usize = 7;

/// The option of one byte of padding, which has no length.
const PAD_1: u8 = 0;
/// The option of two or more bytes of padding.
const PAD_N: u8 = 1;

/// What the options of a header demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The packet is processed on.
    Fine,
    /// The packet is dropped, and nobody is told.
    Drop,
    /// The packet is dropped: it has too many options, or too much padding.
    TooMany,
    /// The packet is dropped, and its sender is told.
    Reject(Problem),
}

/// Checks the options in the bytes from `at` to `end` of `packet`. `to_group`: it was sent to a multicast group.
pub(crate) fn check(packet: &[u8], mut at: usize, end: usize, to_group: bool) -> Verdict {
    let (mut options, mut padding) = (0, 0);
    while at < end {
        let kind = packet[at];
        let length = match packet.get(at + 1) {
            _ if kind == PAD_1 => 1,
            Some(&length) if at + 2 + usize::from(length) <= end => 2 + usize::from(length),
            // The length goes beyond the header, or is itself behind it.
            _ => return Verdict::Reject(Problem::Parameter((at + 1).min(end - 1) as u32)),
        };
        if matches!(kind, PAD_1 | PAD_N) {
            padding += length;
        } else {
            (options, padding) = (options + 1, 0);
        }
        if options > MAX_OPTIONS || padding > MAX_PADDING {
            return Verdict::TooMany;
        }
        match kind >> 6 {
            0b00 => {}
            0b11 if to_group => return Verdict::Drop,
            0b01 => return Verdict::Drop,
            _ => return Verdict::Reject(Problem::UnknownOption(at as u32)),
        }
        at += length;
    }
    Verdict::Fine
}
