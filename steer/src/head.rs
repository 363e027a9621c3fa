//! What travels before the bytes of a frame to the core that sends it.

use core::num::NonZeroU16;

use layer::{PartialChecksum, TxOffload};

/// How many bytes it has: a word, so that the frame begins at one.
pub(crate) const HEAD_LEN: usize = 8;

/// What was left undone in a frame, as bytes: `start` and `offset` of the checksum, the segment size, and nothing.
pub(crate) fn head(offload: TxOffload) -> [u8; HEAD_LEN] {
    let (start, offset) =
        offload.checksum.map_or((0, 0), |checksum| (checksum.start, checksum.offset.get()));
    let size = offload.segment_size.map_or(0, NonZeroU16::get);
    let words = [start, offset, size, 0].map(u16::to_le_bytes);
    let mut head = [0; HEAD_LEN];
    head.as_chunks_mut().0.copy_from_slice(&words);
    head
}

/// What was left undone, of the bytes of [`head`].
pub(crate) fn offload(head: [u8; HEAD_LEN]) -> TxOffload {
    let [s0, s1, o0, o1, z0, z1, _, _] = head;
    let [start, offset, size] = [[s0, s1], [o0, o1], [z0, z1]].map(u16::from_le_bytes);
    TxOffload {
        checksum: NonZeroU16::new(offset).map(|offset| PartialChecksum { start, offset }),
        segment_size: NonZeroU16::new(size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_undone_arrives() {
        let checksums = [(0, 16), (34, 6), (u16::MAX, u16::MAX), (54, 2)].map(|(start, offset)| {
            Some(PartialChecksum { start, offset: NonZeroU16::new(offset).unwrap() })
        });
        for checksum in checksums.into_iter().chain([None]) {
            for size in [0, 8, 1448, u16::MAX] {
                let undone = TxOffload { checksum, segment_size: NonZeroU16::new(size) };
                assert_eq!(offload(head(undone)), undone);
            }
        }
        assert_eq!(head(TxOffload::NONE), [0; HEAD_LEN]);
    }
}
