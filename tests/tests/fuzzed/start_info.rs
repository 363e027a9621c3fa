//! The memory map of a guest: entries of any kind, and then pages that are taken, against what the entries say.

use rt_pvh::testing::Memory;

use super::Input;

const PAGE: u64 = 4096;
/// As many pieces of memory are told apart.
const PIECES: usize = 16;
/// The type of an entry that is memory.
const RAM: u32 = 1;

/// A number of any size, most of them near the bounds of pages.
fn number(input: &mut Input<'_>) -> u64 {
    let (shift, high, low) = (input.byte(), input.word(), input.byte());
    let number = u64::from(high).rotate_left(u32::from(shift & 63));
    // 0, 1, 2, or -1 beside it.
    match shift >> 6 {
        0 => number,
        1 => number.wrapping_add(u64::from(low)),
        2 => number.wrapping_mul(PAGE),
        _ => number.wrapping_mul(PAGE).wrapping_sub(u64::from(low)),
    }
}

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let count = input.below(25);
    let map: Vec<(u64, u64, u32)> = (0..count)
        .map(|_| (number(&mut input), number(&mut input), u32::from(input.byte() % 4)))
        .collect();
    let mut memory = Memory::of(&map);
    check(&memory);
    let end = |&(start, size, _): &(u64, u64, u32)| start.saturating_add(size);
    // Whole pages inside of one entry of memory, which no other entry touches.
    let is_ram = |page: u64| {
        let after = u128::from(page) + u128::from(PAGE);
        map.iter().any(|e| e.2 == RAM && e.0 <= page && after <= u128::from(end(e)))
            && !map
                .iter()
                .any(|e| e.2 != RAM && e.0 < end(e) && u128::from(e.0) < after && page < end(e))
    };
    for piece in memory.pieces() {
        assert!(is_ram(piece.start) && is_ram(piece.end - PAGE), "{piece:x?} of {map:x?}");
        // No entry of another kind lies within, which neither end would show.
        let other = map
            .iter()
            .find(|e| e.2 != RAM && e.0 < end(e) && e.0 < piece.end && piece.start < end(e));
        assert!(other.is_none(), "{other:x?} lies in {piece:x?}");
    }
    // With few entries no piece is left out: beside each bound is memory if the map says so.
    if count <= PIECES {
        for bound in map.iter().flat_map(|entry| [entry.0, end(entry)]) {
            let page = bound / PAGE * PAGE;
            for page in [page.checked_sub(PAGE), Some(page), page.checked_add(PAGE)] {
                let Some(page) = page.filter(|page| *page <= u64::MAX - 2 * PAGE) else { continue };
                let found = memory.pieces().iter().any(|piece| piece.contains(&page));
                assert_eq!(found, is_ram(page), "{page:#x} of {map:x?}");
            }
        }
    }
    while !input.is_empty() {
        let (pages, limit) = (u64::from(input.word()), number(&mut input));
        let before = (memory.bytes(), memory.pieces().to_vec());
        let Some(taken) = memory.take(pages, limit) else {
            assert_eq!(before, (memory.bytes(), memory.pieces().to_vec()));
            continue;
        };
        check(&memory);
        assert!(taken.end <= limit && taken.end - taken.start == pages * PAGE, "{taken:x?}");
        assert!(before.1.iter().any(|piece| piece.start <= taken.start && taken.end <= piece.end));
        if memory.pieces().len() < PIECES {
            assert_eq!(memory.bytes(), before.0 - pages * PAGE, "{taken:x?}");
        }
        let meets =
            |piece: &std::ops::Range<u64>| piece.start < taken.end && taken.start < piece.end;
        assert!(!memory.pieces().iter().any(meets), "{taken:x?} is there again");
    }
}

/// Whole pages, in order, apart.
fn check(memory: &Memory) {
    let pieces = memory.pieces();
    assert!(pieces.len() <= PIECES);
    for piece in pieces {
        assert!(
            !piece.is_empty() && piece.start % PAGE == 0 && piece.end % PAGE == 0,
            "{piece:x?}"
        );
    }
    assert!(pieces.windows(2).all(|two| two[0].end < two[1].start), "{pieces:x?}");
    assert_eq!(memory.bytes(), pieces.iter().map(|piece| piece.end - piece.start).sum::<u64>());
}
