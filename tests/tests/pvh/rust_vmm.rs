//! The image in the loader that Firecracker uses, the crate `linux-loader` of rust-vmm: without a machine.

use std::fs::{self, File};

use linux_loader::loader::{Elf, KernelLoader as _, elf::PvhBootCapability::PvhEntryPresent};
use object::{
    LittleEndian as Endian,
    elf::{FileHeader64, PT_LOAD},
    read::elf::{FileHeader as _, ProgramHeader as _},
};
use vm_memory::{Bytes as _, GuestAddress, GuestMemoryMmap};

use super::IMAGE;

/// Where Firecracker has kernels at the lowest (`HIMEM_START` in `src/vmm/src/arch/x86_64/layout.rs`).
const HIGH: GuestAddress = GuestAddress(1 << 20);
/// The memory of the machine, in bytes.
const MEMORY: usize = 2 << 20;

#[test]
fn rust_vmm_loads_it_and_finds_its_entry() {
    let mut file = File::open(&*IMAGE).expect("the image can be read");
    let memory = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), MEMORY)]);
    let memory = memory.expect("there is memory");
    let loaded = Elf::load(&memory, None, &mut file, Some(HIGH)).expect("the loader takes it");

    let bytes = fs::read(&*IMAGE).expect("the image can be read");
    let header = FileHeader64::<Endian>::parse(&*bytes).expect("it is an ELF file");
    let entry = GuestAddress(header.e_entry(Endian));
    assert_eq!((loaded.kernel_load, loaded.pvh_boot_cap), (entry, PvhEntryPresent(entry)));
    let parts = header.program_headers(Endian, &*bytes).expect("it has program headers");
    let mut end = 0;
    for part in parts.iter().filter(|part| part.p_type(Endian) == PT_LOAD) {
        let (at, content) =
            (part.p_paddr(Endian), part.data(Endian, &*bytes).expect("it is there"));
        let mut found = vec![0; content.len()];
        memory.read_slice(&mut found, GuestAddress(at)).expect("it is memory");
        assert!(found == content, "the part at {at:#x} is another");
        end = end.max(at + part.p_memsz(Endian));
    }
    assert_eq!(loaded.kernel_end, end);
    // The note stands in the file, where it is loaded from, and nothing is written below.
    let mut low = vec![0; 1 << 20];
    memory.read_slice(&mut low, GuestAddress(0)).expect("it is memory");
    assert!(low.iter().all(|byte| *byte == 0), "something is below 1 MiB");
}

#[test]
fn rust_vmm_refuses_it_where_memory_ends_too_early() {
    let mut file = File::open(&*IMAGE).expect("the image can be read");
    let memory = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 0x10_1000)]);
    let loaded = Elf::load(&memory.expect("there is memory"), None, &mut file, Some(HIGH));
    assert!(loaded.is_err(), "{loaded:?}");
}
