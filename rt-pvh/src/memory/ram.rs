//! The memory of the guest: the addresses that are memory, and those that are free.

use core::{fmt, ops::Range};

use pvh::start_info::{MemmapTableEntry, MemmapType};
use rt_regions::PAGE_SIZE;

const PAGE: u64 = PAGE_SIZE as u64;

/// The most pieces of memory. Hosts give a guest two or three: below 1 MiB, below 4 GiB, and above.
const PIECES: usize = 16;

/// Pieces of memory, in whole pages.
///
/// INVARIANT: `pieces[..count]` are not empty, begin and end on pages, do not touch one another, and stand
/// in the order of their addresses.
#[derive(Clone)]
pub struct Ram {
    pieces: [Range<u64>; PIECES],
    count: usize,
}

impl Ram {
    /// Whether there is no room for another piece.
    pub(super) fn is_full(&self) -> bool {
        self.count == PIECES
    }

    /// The addresses that a memory map lists as memory only. Addresses for which its entries contradict each other are
    /// left out.
    #[inline(never)]
    pub(crate) fn from_map(map: &[MemmapTableEntry]) -> Self {
        let mut ram = Self { pieces: [const { 0..0 }; PIECES], count: 0 };
        let is_ram = |entry: &MemmapTableEntry| entry.ty == u32::from(MemmapType::Ram);
        let range = |entry: &MemmapTableEntry| entry.addr..entry.addr.saturating_add(entry.size);
        for entry in map.iter().filter(|entry| is_ram(entry)) {
            ram.add(range(entry));
        }
        for entry in map.iter().filter(|entry| !is_ram(entry)) {
            ram.remove(range(entry));
        }
        ram
    }

    /// The pieces, lowest address first.
    pub fn pieces(&self) -> &[Range<u64>] {
        &self.pieces[..self.count]
    }

    /// The number of bytes of memory.
    pub fn bytes(&self) -> u64 {
        self.pieces().iter().map(length).sum()
    }

    /// The largest piece.
    pub(crate) fn largest(&self) -> Option<Range<u64>> {
        self.pieces().iter().max_by_key(|piece| length(piece)).cloned()
    }

    /// Keeps only the lowest `pages` pages.
    pub fn limit(&mut self, pages: u64) {
        let mut rest = pages * PAGE;
        let mut end = None;
        for piece in self.pieces() {
            if rest < length(piece) {
                end = Some(piece.start + rest);
                break;
            }
            rest -= length(piece);
        }
        if let Some(end) = end {
            self.remove(end..u64::MAX);
        }
    }

    /// Removes all pages that `range` touches, even partly.
    pub fn remove(&mut self, range: Range<u64>) {
        let start = range.start / PAGE * PAGE;
        let end = range.end.checked_next_multiple_of(PAGE).unwrap_or(u64::MAX);
        if range.is_empty() {
            return;
        }
        let before = self.clone();
        self.count = 0;
        for piece in before.pieces() {
            self.put(piece.start..piece.end.min(start));
            self.put(piece.start.max(end)..piece.end);
        }
    }

    /// Takes `pages` pages out of the first piece that has as many below `limit`.
    pub(crate) fn take(&mut self, pages: u64, limit: u64) -> Option<Range<u64>> {
        let bytes = pages * PAGE;
        let fits = |piece: &&Range<u64>| {
            piece.start.checked_add(bytes).is_some_and(|end| end <= piece.end.min(limit))
        };
        let start = self.pieces().iter().find(fits)?.start;
        self.remove(start..start + bytes);
        Some(start..start + bytes)
    }

    /// Adds the whole pages that are inside `range`.
    pub(crate) fn add(&mut self, range: Range<u64>) {
        let mut new =
            range.start.checked_next_multiple_of(PAGE).unwrap_or(u64::MAX)..range.end / PAGE * PAGE;
        if new.is_empty() {
            return;
        }
        let before = self.clone();
        self.count = 0;
        // The pieces are in order and do not touch one another. The new piece is merged with those that it touches, at
        // the position of the first of them.
        for piece in before.pieces() {
            if piece.end < new.start {
                self.put(piece.clone());
            } else if piece.start <= new.end {
                new = new.start.min(piece.start)..new.end.max(piece.end);
            }
        }
        self.put(new.clone());
        for piece in before.pieces().iter().filter(|piece| piece.start > new.end) {
            self.put(piece.clone());
        }
    }

    /// Appends a piece. An empty piece, or one for which there is no place, is left out.
    fn put(&mut self, piece: Range<u64>) {
        if !piece.is_empty()
            && let Some(place) = self.pieces.get_mut(self.count)
        {
            *place = piece;
            self.count += 1;
        }
    }
}

fn length(piece: &Range<u64>) -> u64 {
    piece.end - piece.start
}

impl fmt::Debug for Ram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pieces()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// Numbers that look like chance, the same every time (xorshift).
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % limit
        }
    }

    fn entry(addr: u64, size: u64, ty: u32) -> MemmapTableEntry {
        MemmapTableEntry { addr, size, ty, reserved: 0 }
    }

    /// The pieces, each as its two ends.
    fn ends(ram: &Ram) -> Vec<(u64, u64)> {
        ram.pieces().iter().map(|piece| (piece.start, piece.end)).collect()
    }

    fn ram(entries: &[(u64, u64, u32)]) -> Ram {
        let map: Vec<_> = entries.iter().map(|&(addr, size, ty)| entry(addr, size, ty)).collect();
        Ram::from_map(&map)
    }

    #[test]
    fn a_guest_of_two_mebibytes_is_one_piece_behind_its_image() {
        let mut ram =
            ram(&[(0, 0x20_0000, 1), (0xfc00_0000, 0x1_0000, 3), (0xfeff_8000, 0x8000, 2)]);
        assert_eq!(ends(&ram), [(0, 0x20_0000)]);
        ram.remove(0..0x1_d123);
        assert_eq!(ends(&ram), [(0x1_e000, 0x20_0000)]);
        assert_eq!(ram.take(5, 1 << 30), Some(0x1_e000..0x2_3000));
        assert_eq!(ram.largest(), Some(0x2_3000..0x20_0000));
        assert_eq!(ram.bytes(), 0x20_0000 - 0x2_3000);
    }

    #[test]
    fn the_lowest_pages_are_left() {
        let pieces = [(0, 0x4000, 1), (0x10000, 0x4000, 1)];
        for (pages, left) in [
            (0, &[][..]),
            (1, &[(0, 0x1000)]),
            (4, &[(0, 0x4000)]),
            (5, &[(0, 0x4000), (0x10000, 0x11000)]),
            (8, &[(0, 0x4000), (0x10000, 0x14000)]),
            (u64::MAX / PAGE, &[(0, 0x4000), (0x10000, 0x14000)]),
        ] {
            let mut ram = ram(&pieces);
            ram.limit(pages);
            assert_eq!(ends(&ram), left, "{pages} pages");
        }
    }

    #[test]
    fn pages_are_whole_and_pieces_are_joined_whatever_their_order() {
        let pieces =
            [(0x9fc00, 0x400, 2), (0x10_0000, 0x10_0000, 1), (0, 0x9fc00, 1), (0x20_0000, 1, 1)];
        assert_eq!(ram(&pieces).pieces(), [0..0x9f000, 0x10_0000..0x20_0000]);
        let halves = [(0x1000, 0x1000, 1), (0x3000, 0x1000, 1), (0x2000, 0x1000, 1)];
        assert_eq!(ends(&ram(&halves)), [(0x1000, 0x4000)]);
    }

    #[test]
    fn what_is_said_to_be_something_else_too_is_not_memory() {
        assert_eq!(
            ram(&[(0, 0x10000, 1), (0x4000, 0x1001, 2)]).pieces(),
            [0..0x4000, 0x6000..0x10000]
        );
        assert_eq!(ends(&ram(&[(0, 0x10000, 1), (0x4000, 0, 2)])), [(0, 0x10000)]);
    }

    #[test]
    fn nonsense_is_survived() {
        let map = [(u64::MAX - 5, 100, 1), (u64::MAX, u64::MAX, 1), (5, 0, 1), (0, u64::MAX, 7)];
        assert_eq!(ram(&map).pieces(), [] as [Range<u64>; 0]);
        let many: Vec<_> = (0..100).map(|i| (i * 0x2000, 0x1000, 1)).collect();
        assert_eq!(ram(&many).pieces().len(), PIECES);
        assert_eq!(ram(&[(0, 0x10000, 1)]).take(17, u64::MAX), None);
        assert_eq!(ram(&[(0x4000, 0x10000, 1)]).take(2, 0x5000), None);
    }

    #[test]
    fn it_says_what_a_list_of_pages_says() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for _ in 0..2000 {
            let entries: Vec<_> = (0..random.below(6))
                .map(|_| {
                    (random.below(40 * PAGE), random.below(20 * PAGE), 1 + random.below(2) as u32)
                })
                .collect();
            let mut model = [false; 64];
            for (page, is_ram) in model.iter_mut().enumerate() {
                let (start, end) = (page as u64 * PAGE, (page as u64 + 1) * PAGE);
                *is_ram = entries.iter().any(|e| e.2 == 1 && e.0 <= start && end <= e.0 + e.1)
                    && !entries
                        .iter()
                        .any(|e| e.2 != 1 && e.1 > 0 && e.0 < end && start < e.0 + e.1);
            }
            let ram = ram(&entries);
            for (page, &is_ram) in model.iter().enumerate() {
                let at = page as u64 * PAGE;
                assert_eq!(ram.pieces().iter().any(|p| p.contains(&at)), is_ram, "{entries:x?}");
            }
            assert!(ram.pieces().windows(2).all(|two| two[0].end < two[1].start), "{ram:?}");
        }
    }
}
