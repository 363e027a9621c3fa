//! Tables are built in a buffer and walked as the processor walks them.

use std::{boxed::Box, slice, vec};

use super::*;

/// Memory for tables, and the tables in it.
struct Built {
    _memory: Box<[PageTable]>,
    tables: Tables,
    pages: u64,
}

fn empty(pages: usize) -> Built {
    let memory = vec![PageTable::new(); pages].into_boxed_slice();
    let start = memory.as_ptr().expose_provenance() as u64;
    let end = start + pages as u64 * PAGE;
    // SAFETY: the buffer is aligned as tables are, and lives beside them.
    let tables = unsafe { Tables::new(start..end) }.unwrap();
    Built { _memory: memory, tables, pages: pages as u64 }
}

impl Built {
    /// What the processor does with an address: where it leads and what is allowed there.
    fn walk(&self, address: u64) -> Option<(u64, Access)> {
        let mut table = self.tables.root();
        let mut flags = PageTableFlags::all();
        let mut never_executed = false;
        for level in (0..4).rev() {
            // SAFETY: a table in the buffer.
            let entry = unsafe { &*physical::<PageTable>(table) }[index(address, level)].clone();
            if !entry.flags().contains(PageTableFlags::PRESENT) {
                return None;
            }
            flags &= entry.flags();
            never_executed |= entry.flags().contains(PageTableFlags::NO_EXECUTE);
            if level == 0 || entry.flags().contains(PageTableFlags::HUGE_PAGE) {
                assert!(level < 2, "no pages of 1 GiB: not every processor has them");
                assert!(!flags.contains(PageTableFlags::USER_ACCESSIBLE));
                let within = address & ((1 << (12 + 9 * level)) - 1);
                let access = match (flags.contains(PageTableFlags::WRITABLE), never_executed) {
                    (true, true) => Access::Write,
                    (false, true) => Access::Read,
                    (false, false) => Access::Execute,
                    (true, false) => panic!("{address:#x} can be written and executed"),
                };
                return Some((entry.addr().as_u64() + within, access));
            }
            table = entry.addr().as_u64();
        }
        None
    }

    fn used(&self) -> u64 {
        self.pages - (self.tables.free.end - self.tables.free.start) / PAGE
    }
}

fn layout(text: u64, rodata: u64, data: u64) -> Layout {
    let (start, text) = (0x1_0000, text * PAGE);
    let (rodata, data) = (rodata * PAGE, data * PAGE);
    Layout {
        stack_guard: 0x1000..0x2000,
        stack: 0x2000..0xb000,
        host_code: 0xb000..0xc000,
        exception_stacks: 0xc000..0xf000,
        descriptors: 0xf000..0x1_0000,
        #[cfg(feature = "cores")]
        own_descriptors: 0..0,
        text: start..start + text,
        rodata: start + text..start + text + rodata,
        data: start + text + rodata..start + text + rodata + data,
    }
}

/// What every page of the first `end` bytes should be.
fn expected(layout: &Layout, ram: &[Range<u64>], at: u64) -> Option<Access> {
    let parts = [
        (&layout.stack, Access::Write),
        (&layout.host_code, Access::Execute),
        (&layout.exception_stacks, Access::Write),
        (&layout.descriptors, Access::Read),
        (&layout.text, Access::Execute),
        (&layout.rodata, Access::Read),
        (&layout.data, Access::Write),
    ];
    let part = parts.iter().find(|(range, _)| range.contains(&at)).map(|part| part.1);
    part.or_else(|| ram.iter().any(|piece| piece.contains(&at)).then_some(Access::Write))
}

#[test]
fn every_part_of_a_guest_is_what_it_is_and_nothing_else_is_mapped() {
    for (text, rodata, data, size) in
        [(12, 4, 3, 2_u64 << 20), (700, 300, 5, 8 << 20), (12, 4, 3, 3 << 20), (1, 1, 1, 0x20_3000)]
    {
        let layout = layout(text, rodata, data);
        let ram = [layout.end()..size, 0xfee0_0000..0xff00_0000];
        let mut built = empty(16);
        built.tables.map_image(&layout).unwrap();
        for piece in &ram {
            built.tables.map(piece.clone(), Access::Write).unwrap();
        }
        for at in (0..size + LARGE).step_by(PAGE_SIZE).chain([0xfeff_8000, 0xff00_0000, 1 << 40]) {
            for at in [at, at + PAGE - 1] {
                let expected = expected(&layout, &ram, at).map(|access| (at, access));
                assert_eq!(built.walk(at), expected, "{at:#x} of {size:#x}");
            }
        }
        let needed = Tables::pages_needed(&layout, [&ram[..1], &ram[1..]]);
        assert!(built.used() <= needed, "{size:#x}");
        assert_eq!(built.walk(0), None, "a null pointer faults");
        assert_eq!(built.walk(layout.stack_guard.start), None, "the stack has an end");
    }
}

#[test]
fn two_mebibytes_take_five_pages_of_tables() {
    let layout = layout(12, 4, 3);
    let mut built = empty(16);
    built.tables.map_image(&layout).unwrap();
    built.tables.map(layout.end()..2 << 20, Access::Write).unwrap();
    built.tables.map(0xf000_0000..0xf020_0000, Access::Write).unwrap();
    built.tables.map(0xfee0_0000..0xff00_0000, Access::Write).unwrap();
    assert_eq!(built.used(), 5);
}

#[test]
fn more_than_four_gibibytes_are_mapped() {
    let layout = layout(12, 4, 3);
    let ram = [layout.end()..0xf000_0000, 1 << 32..(6 << 30) + 0x5000];
    let needed = Tables::pages_needed(&layout, [&ram, &[]]);
    let mut built = empty(needed as usize);
    built.tables.map_image(&layout).unwrap();
    for piece in &ram {
        built.tables.map(piece.clone(), Access::Write).unwrap();
    }
    for at in [0x20_0000, 0xefff_ffff, 1 << 32, (6 << 30) + 0x4fff] {
        assert_eq!(built.walk(at), Some((at, Access::Write)), "{at:#x}");
    }
    for at in [0xf000_0000, 0xffff_ffff, (6 << 30) + 0x5000, 1 << 39] {
        assert_eq!(built.walk(at), None, "{at:#x}");
    }
}

#[test]
fn devices_far_above_all_memory_are_mapped() {
    let layout = layout(12, 4, 3);
    let ram = layout.end()..8 << 20;
    let devices =
        [0xfee0_0000..0xfee0_1000, 0x40_0000_0000..0x40_0020_0000, 3 << 40..(3 << 40) + PAGE];
    let needed = Tables::pages_needed(&layout, [slice::from_ref(&ram), &devices]);
    let mut built = empty(needed as usize);
    built.tables.map_image(&layout).unwrap();
    for range in [&ram].into_iter().chain(&devices) {
        built.tables.map(range.clone(), Access::Write).unwrap();
    }
    for range in &devices {
        assert_eq!(built.walk(range.start), Some((range.start, Access::Write)), "{range:x?}");
        assert_eq!(built.walk(range.end), None, "{range:x?}");
    }
}

#[test]
fn too_few_pages_for_tables_are_an_error() {
    let mut built = empty(3);
    assert_eq!(built.tables.map(0..PAGE, Access::Write), Err(OutOfTables));
    assert_eq!(built.tables.map(0..LARGE, Access::Write), Ok(()));
}
