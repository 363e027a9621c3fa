//! The options of a header (RFC 9293 3.2): MSS, window scale, SACK and timestamps.

use crate::{Options, SackBlocks, Seq, Timestamps};

/// How many bytes of options a header has at most: what the data offset allows beyond the fixed header.
pub const MAX_OPTIONS_LEN: usize = 40;

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
/// RFC 9293 3.7.1: 4 bytes.
const MSS: u8 = 2;
/// RFC 7323 2.2: 3 bytes.
const WINDOW_SCALE: u8 = 3;
/// RFC 2018 2: 2 bytes.
const SACK_PERMITTED: u8 = 4;
/// RFC 2018 3: 2 bytes, and 8 for each block.
const SACK: u8 = 5;
/// RFC 7323 3.2: 10 bytes.
const TIMESTAMPS: u8 = 8;

/// Timestamps alone, as nearly every segment has them (RFC 7323, appendix A).
const ALIGNED_TIMESTAMPS: [u8; 4] = [NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10];

impl Options {
    /// Reads the options of a header, which are multiples of 4 bytes. `is_syn` says whether the flag SYN is set: MSS,
    /// window scale and the permission of SACK count only then, blocks of SACK only otherwise.
    ///
    /// An option with an unknown kind or with a length that its kind does not have is skipped. An option whose length
    /// is 0 or 1, or goes beyond the header, ends the options, and those before it count (RFC 9293 3.2, MUST-7 and
    /// MUST-68: no such option does harm; Linux reads them in this way too).
    #[inline]
    pub(super) fn parse(bytes: &[u8], is_syn: bool) -> Self {
        if bytes.is_empty() {
            return Self::default();
        }
        if let Some((head, rest)) = bytes.split_first_chunk::<4>()
            && *head == ALIGNED_TIMESTAMPS
            && let Ok(body) = <&[u8; 8]>::try_from(rest)
        {
            return Self { timestamps: Some(timestamps(body)), ..Self::default() };
        }
        Self::parse_any(bytes, is_syn)
    }

    fn parse_any(mut bytes: &[u8], is_syn: bool) -> Self {
        let mut options = Self::default();
        while let Some((&kind, rest)) = bytes.split_first() {
            if kind == END {
                break;
            }
            if kind == NO_OPERATION {
                bytes = rest;
                continue;
            }
            let Some(body_len) = rest.first().and_then(|&length| length.checked_sub(2)) else {
                break;
            };
            let Some((body, after)) = rest[1..].split_at_checked(body_len.into()) else { break };
            options.take(kind, body, is_syn);
            bytes = after;
        }
        options
    }

    /// Takes over one option, if its length is that of its kind.
    fn take(&mut self, kind: u8, body: &[u8], is_syn: bool) {
        match (kind, body) {
            // A size of 0 would leave no room for data: it counts as none.
            (MSS, &[high, low]) if is_syn => {
                self.mss = Some(u16::from_be_bytes([high, low])).filter(|&mss| mss != 0);
            }
            (WINDOW_SCALE, &[shift]) if is_syn => self.window_scale = Some(shift),
            (SACK_PERMITTED, []) if is_syn => self.sack_permitted = true,
            (SACK, body) if !is_syn => {
                if let (blocks @ [_, ..], []) = body.as_chunks::<8>() {
                    self.sack = SackBlocks::NONE;
                    for block in blocks {
                        let (start, end) = two_words(block);
                        self.sack.push(Seq(start), Seq(end));
                    }
                }
            }
            (TIMESTAMPS, body) => {
                if let Ok(body) = body.try_into() {
                    self.timestamps = Some(timestamps(body));
                }
            }
            _ => {}
        }
    }

    /// How many bytes of a header these options take: a multiple of 4, 40 at most.
    pub fn encoded_len(&self) -> usize {
        let fixed = self.fixed_len();
        match self.sack_count() {
            0 => fixed,
            blocks => fixed + 4 + 8 * blocks,
        }
    }

    /// The bytes that all options but the blocks of SACK take.
    fn fixed_len(&self) -> usize {
        let permission = self.sack_permitted && self.timestamps.is_none();
        4 * usize::from(self.mss.is_some())
            + 12 * usize::from(self.timestamps.is_some())
            + 4 * usize::from(permission)
            + 4 * usize::from(self.window_scale.is_some())
    }

    /// How many blocks of SACK fit beside the other options.
    fn sack_count(&self) -> usize {
        let room = (MAX_OPTIONS_LEN - self.fixed_len()).saturating_sub(4) / 8;
        self.sack.as_slice().len().min(room)
    }

    /// Writes the options in the order and with the padding of Linux: MSS, permission of SACK, timestamps, window
    /// scale, blocks of SACK, each value aligned to 4 bytes. Blocks that do not fit are left out. Returns the length.
    #[inline]
    pub(super) fn emit(&self, out: &mut [u8; MAX_OPTIONS_LEN]) -> usize {
        let mut writer = Writer { out, len: 0 };
        if let Some(mss) = self.mss {
            let [high, low] = mss.to_be_bytes();
            writer.push([MSS, 4, high, low]);
        }
        if let Some(Timestamps { value, echo }) = self.timestamps {
            if self.sack_permitted {
                writer.push([SACK_PERMITTED, 2, TIMESTAMPS, 10]);
            } else {
                writer.push(ALIGNED_TIMESTAMPS);
            }
            writer.push(value.to_be_bytes());
            writer.push(echo.to_be_bytes());
        } else if self.sack_permitted {
            writer.push([NO_OPERATION, NO_OPERATION, SACK_PERMITTED, 2]);
        }
        if let Some(shift) = self.window_scale {
            writer.push([NO_OPERATION, WINDOW_SCALE, 3, shift]);
        }
        let blocks = &self.sack.as_slice()[..self.sack_count()];
        if !blocks.is_empty() {
            writer.push([NO_OPERATION, NO_OPERATION, SACK, 2 + 8 * blocks.len() as u8]);
            for (start, end) in blocks {
                writer.push(start.0.to_be_bytes());
                writer.push(end.0.to_be_bytes());
            }
        }
        writer.len
    }
}

fn two_words(body: &[u8; 8]) -> (u32, u32) {
    let both = u64::from_be_bytes(*body);
    ((both >> 32) as u32, both as u32)
}

fn timestamps(body: &[u8; 8]) -> Timestamps {
    let (value, echo) = two_words(body);
    Timestamps { value, echo }
}

struct Writer<'a> {
    out: &'a mut [u8; MAX_OPTIONS_LEN],
    len: usize,
}

impl Writer<'_> {
    #[inline]
    fn push(&mut self, bytes: [u8; 4]) {
        if let Some(place) = self.out.get_mut(self.len..self.len + 4) {
            place.copy_from_slice(&bytes);
            self.len += 4;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const STAMPS: Timestamps = Timestamps { value: 0x0102_0304, echo: 0xfffe_fdfc };

    fn emitted(options: &Options) -> Vec<u8> {
        let mut bytes = [0xee; MAX_OPTIONS_LEN];
        let len = options.emit(&mut bytes);
        assert_eq!((len, len % 4), (options.encoded_len(), 0));
        bytes[..len].to_vec()
    }

    fn blocks(count: u32) -> SackBlocks {
        let mut blocks = SackBlocks::NONE;
        (0..count).for_each(|at| blocks.push(Seq(1000 * at), Seq(1000 * at + 10)));
        blocks
    }

    /// The options of the SYN that Linux sends: mss 1460, sackOK, TS, nop, wscale 7.
    #[test]
    fn a_syn_has_the_options_of_linux() {
        let options = Options {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some(STAMPS),
            sack: SackBlocks::NONE,
        };
        #[rustfmt::skip]
        let bytes = [
            2, 4, 0x05, 0xb4,
            4, 2, 8, 10, 1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc,
            1, 3, 3, 7,
        ];
        assert_eq!(emitted(&options), bytes);
        assert_eq!(Options::parse(&bytes, true), options);
        // Without SYN only the timestamps count.
        let other = Options { timestamps: Some(STAMPS), ..Options::default() };
        assert_eq!(Options::parse(&bytes, false), other);
    }

    #[test]
    fn without_timestamps_each_option_is_aligned() {
        let options = Options {
            mss: Some(536),
            window_scale: Some(14),
            sack_permitted: true,
            ..Options::default()
        };
        let bytes = [2, 4, 2, 24, 1, 1, 4, 2, 1, 3, 3, 14];
        assert_eq!(emitted(&options), bytes);
        assert_eq!(Options::parse(&bytes, true), options);
    }

    #[test]
    fn an_acknowledgment_has_timestamps_and_blocks() {
        let options = Options { timestamps: Some(STAMPS), sack: blocks(1), ..Options::default() };
        #[rustfmt::skip]
        let bytes = [
            1, 1, 8, 10, 1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc,
            1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 10,
        ];
        assert_eq!(emitted(&options), bytes);
        assert_eq!(Options::parse(&bytes, false), options);
        assert!(Options::parse(&bytes, true).sack.is_empty());
        let plain = Options { sack: SackBlocks::NONE, ..options };
        assert_eq!(emitted(&plain), bytes[..12]);
        assert_eq!(Options::parse(&bytes[..12], false), plain);
    }

    /// RFC 2018 3: four blocks fit, and three beside timestamps.
    #[test]
    fn blocks_that_do_not_fit_are_left_out() {
        for (timestamps, most) in [(None, 4), (Some(STAMPS), 3)] {
            for count in 0..=4 {
                let options = Options { timestamps, sack: blocks(count), ..Options::default() };
                let bytes = emitted(&options);
                assert!(bytes.len() <= MAX_OPTIONS_LEN);
                let sack = blocks(count.min(most));
                assert_eq!(Options::parse(&bytes, false), Options { sack, ..options });
            }
        }
        // No sender has all of them at once; they fit all the same.
        let all = Options {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some(STAMPS),
            sack: blocks(4),
        };
        assert_eq!(emitted(&all).len(), 40);
    }

    /// RFC 9293 3.2, MUST-7 and MUST-68: an illegal length ends the options, and does no harm.
    #[test]
    fn options_end_where_their_lengths_cannot_be_true() {
        let mss = Options { mss: Some(1460), ..Options::default() };
        for bad in [
            &[3, 0, 7, 0][..],
            &[3, 1, 7, 0],
            &[3],
            &[1, 1, 1, 8],
            &[1, 3, 9, 7],
            &[8, 255, 0, 0],
            &[0, 3, 3, 7],
        ] {
            let bytes = [&[2, 4, 0x05, 0xb4][..], bad, &[4, 2, 1, 1]].concat();
            let parsed = Options::parse(&bytes[..4 + bad.len()], true);
            assert_eq!(parsed, mss, "{bad:?}");
        }
    }

    #[test]
    fn an_option_of_another_length_than_its_kind_has_is_skipped() {
        for (bad, is_syn) in [
            (&[2, 3, 5][..], true),
            (&[2, 5, 5, 5, 5], true),
            (&[3, 2], true),
            (&[3, 4, 7, 7], true),
            (&[4, 3, 1], true),
            (&[5, 2], false),
            (&[5, 9, 0, 0, 0, 0, 0, 0, 0], false),
            (&[5, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0], false),
            (&[8, 9, 0, 0, 0, 0, 0, 0, 0], false),
            (&[8, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0], false),
            (&[254, 6, 1, 2, 3, 4], true),
        ] {
            assert_eq!(Options::parse(bad, is_syn), Options::default(), "{bad:?}");
            // What follows counts.
            let bytes = [bad, &[8, 10, 1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc]].concat();
            assert_eq!(Options::parse(&bytes, is_syn).timestamps, Some(STAMPS), "{bad:?}");
        }
        // An MSS of 0 is none.
        assert_eq!(Options::parse(&[2, 4, 0, 0], true), Options::default());
    }
}
