//! Finds Xen, and sets up calls to it (`arch-x86/cpuid.h`).

use core::arch::x86_64::__cpuid;

use x86_64::registers::model_specific::Msr;

use crate::{hypercall, operations::Xen};

/// The first CPUID leaf at which the leaves of a hypervisor may begin. Further possible leaves are 0x100 apart.
const FIRST_LEAF: u32 = 0x4000_0000;
const LAST_LEAF: u32 = 0x4001_0000;
const LEAF_STEP: usize = 0x100;

/// EBX, ECX and EDX of the first leaf: twice the letters `XenVMM`.
const SIGNATURE: [u32; 3] = [0x566e_6558, 0x6558_4d4d, 0x4d4d_566e];

/// The first leaf of Xen, if it is there.
fn leaf() -> Option<u32> {
    let is_xen = |&leaf: &u32| {
        let found = __cpuid(leaf);
        [found.ebx, found.ecx, found.edx] == SIGNATURE && found.eax >= leaf + 2
    };
    (FIRST_LEAF..LAST_LEAF).step_by(LEAF_STEP).find(is_xen)
}

/// Whether the program is a guest of Xen.
#[doc(hidden)]
pub fn is_here() -> bool {
    leaf().is_some()
}

/// Looks for Xen, and has it fill the hypercall page. Returns `None` if Xen is not there.
pub(crate) fn init() -> Option<Xen> {
    let leaf = leaf()?;
    let mut msr = Msr::new(__cpuid(leaf + 2).ebx);
    // SAFETY: this register takes the address of a page, which is there for nothing else.
    unsafe { msr.write(hypercall::page() as u64) };
    // SAFETY: the hypercall page is set up.
    Some(unsafe { Xen::new() })
}
