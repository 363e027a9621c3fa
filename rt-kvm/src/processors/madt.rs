//! The number of processors in the ACPI tables: MADT (ACPI 6.5, 5.2.5 to 5.2.12).

use core::slice;

use rt_pvh::physical;

/// What the entry's page tables map: the tables are read with these.
const MAPPED: u64 = 1 << 30;
/// The longest table that is read, in bytes.
const LONGEST: u32 = 64 << 10;
/// The length of the head of each table.
const HEAD: usize = 36;
/// Where the entries of MADT begin.
const ENTRIES: usize = 44;

/// The flag of a processor that can be used (table 5.22).
const ENABLED: u32 = 1;

/// How many processors the tables list that can be used; `None` without tables, if they are not mapped, or if they contradict
/// themselves.
///
/// # Safety
/// `root` is 0, or the address that the loader has given for the root of the tables; what is below 1 GiB is mapped, and nobody writes
/// to the tables.
pub(super) unsafe fn processors(root: u64) -> Option<usize> {
    if root == 0 {
        return None;
    }
    // SAFETY: the caller promises that it is mapped and stays.
    let root = unsafe { bytes(root, 36) }?;
    let list = root.starts_with(b"RSD PTR ").then(|| Root::of(root))??;
    // SAFETY: as above.
    let tables = unsafe { table(list.address) }?;
    let addresses = tables.get(HEAD..)?.chunks_exact(list.width);
    addresses.map(number).find_map(|address| {
        // SAFETY: as above.
        let table = unsafe { table(address) }?;
        if table.starts_with(b"APIC") { count(table) } else { None }
    })
}

/// The list of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Root {
    address: u64,
    /// How many bytes an address in the list has.
    width: usize,
}

impl Root {
    /// That of a root (table 5.3): the list of 64-bit addresses from revision 2 on.
    fn of(root: &[u8]) -> Option<Self> {
        let (old, new) = (number(root.get(16..20)?), number(root.get(24..32)?));
        Some(match root.get(15)? {
            2.. if new != 0 => Self { address: new, width: 8 },
            _ => Self { address: old, width: 4 },
        })
    }
}

/// How many processors a MADT lists that can be used.
fn count(table: &[u8]) -> Option<usize> {
    let mut rest = table.get(ENTRIES..)?;
    let mut processors = 0;
    while let [kind, length, ..] = *rest {
        let entry = rest.get(..usize::from(length).max(2))?;
        let flags = match kind {
            0 => entry.get(4..8),
            // A local x2APIC.
            9 => entry.get(8..12),
            _ => None,
        };
        processors += usize::from(flags.is_some_and(|flags| number(flags) as u32 & ENABLED != 0));
        rest = &rest[entry.len()..];
    }
    (processors > 0).then_some(processors)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The table at an address, with its head, if it is whole and its bytes have the sum 0.
///
/// # Safety
/// As for [`bytes`].
unsafe fn table<'t>(address: u64) -> Option<&'t [u8]> {
    // SAFETY: what the caller promises.
    let head = unsafe { bytes(address, HEAD as u32) }?;
    let length = number(&head[4..8]) as u32;
    // SAFETY: what the caller promises.
    let table = unsafe { bytes(address, length) }?;
    let sum = table.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    (sum == 0 && table.len() >= HEAD).then_some(table)
}

/// The bytes at an address, if they are mapped.
///
/// # Safety
/// What is below 1 GiB is mapped, and nobody writes to these bytes.
unsafe fn bytes<'t>(address: u64, length: u32) -> Option<&'t [u8]> {
    let is_mapped = address >= 1 << 12
        && length <= LONGEST
        && address.checked_add(length.into()).is_some_and(|end| end <= MAPPED);
    // SAFETY: they are mapped, and stay as they are, as the caller promises.
    is_mapped.then(|| unsafe { slice::from_raw_parts(physical(address), length as usize) })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn madt(entries: &[&[u8]]) -> Vec<u8> {
        let mut table = vec_of(b"APIC", ENTRIES);
        entries.iter().for_each(|entry| table.extend(*entry));
        table
    }

    fn vec_of(name: &[u8; 4], length: usize) -> Vec<u8> {
        let mut table = name.to_vec();
        table.resize(length, 0);
        table
    }

    #[test]
    fn processors_that_can_be_used_count() {
        let local = |flags: u8| [0, 8, 0, 0, flags, 0, 0, 0];
        let x2 = |flags: u8| [9, 16, 0, 0, 1, 0, 0, 0, flags, 0, 0, 0, 0, 0, 0, 0];
        let io = [1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0];
        for (table, expected) in [
            (madt(&[&local(1), &io, &local(1), &local(0), &local(2)]), Some(2)),
            (madt(&[&x2(1), &x2(1), &x2(1)]), Some(3)),
            (madt(&[&io]), None),
            (madt(&[]), None),
            // An entry that ends behind the table, and one that is too short for its flags.
            (madt(&[&local(1), &[0, 8, 0]]), None),
            (madt(&[&local(1), &[0, 3, 0], &[1, 0]]), Some(1)),
            (vec_of(b"APIC", 40), None),
        ] {
            assert_eq!(count(&table), expected, "{table:?}");
        }
    }

    #[test]
    fn the_root_says_where_the_list_is() {
        let mut root = [0; 36];
        root[..8].copy_from_slice(b"RSD PTR ");
        root[16..20].copy_from_slice(&0x7fe_1234_u32.to_le_bytes());
        root[24..32].copy_from_slice(&0x1234_5678_u64.to_le_bytes());
        assert_eq!(Root::of(&root), Some(Root { address: 0x7fe_1234, width: 4 }));
        root[15] = 2;
        assert_eq!(Root::of(&root), Some(Root { address: 0x1234_5678, width: 8 }));
        root[24..32].fill(0);
        assert_eq!(Root::of(&root), Some(Root { address: 0x7fe_1234, width: 4 }));
        assert_eq!(Root::of(&root[..30]), None);
    }
}
