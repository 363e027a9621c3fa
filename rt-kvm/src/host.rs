//! Which hypervisor it is (CPUID, leaf 0x40000000).

use core::arch::x86_64::__cpuid;

/// The leaf with the name of the hypervisor, in EBX, ECX and EDX.
const NAME_LEAF: u32 = 0x4000_0000;
/// The leaf with what KVM can do (`KVM_CPUID_FEATURES`), and the bit for the clock by these registers
/// (`KVM_FEATURE_CLOCKSOURCE2`).
const FEATURES_LEAF: u32 = 0x4000_0001;
const CLOCK_BIT: u32 = 1 << 3;

/// A hypervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// KVM, and whether it has its clock.
    Kvm {
        /// Whether the pages of the clock can be registered.
        has_clock: bool,
    },
    /// QEMU's emulation of a processor.
    Tcg,
    /// Another one, or none.
    Unknown,
}

impl Host {
    /// The one that this program runs on.
    pub(crate) fn here() -> Self {
        // A processor without a hypervisor answers with another leaf, which has no such name.
        Self::of(|leaf| {
            let found = __cpuid(leaf);
            [found.eax, found.ebx, found.ecx, found.edx]
        })
    }

    /// The one that answers so.
    fn of(leaf: impl Fn(u32) -> [u32; 4]) -> Self {
        let [last, name @ ..] = leaf(NAME_LEAF);
        match name.map(u32::to_le_bytes).as_flattened() {
            // KVM of old says 0 for its last leaf, and has this one (`Documentation/virt/kvm/x86/cpuid.rst`).
            b"KVMKVMKVM\0\0\0" => Self::Kvm {
                has_clock: (last == 0 || last >= FEATURES_LEAF)
                    && leaf(FEATURES_LEAF)[0] & CLOCK_BIT != 0,
            },
            b"TCGTCGTCGTCG" => Self::Tcg,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &[u8; 12], last: u32, features: u32) -> Host {
        let word = |at: usize| u32::from_le_bytes(name[at..at + 4].try_into().unwrap());
        Host::of(|leaf| match leaf {
            NAME_LEAF => [last, word(0), word(4), word(8)],
            FEATURES_LEAF => [features, 0, 0, 0],
            _ => panic!("leaf {leaf:#x}"),
        })
    }

    #[test]
    fn the_name_decides_and_a_clock_is_there_only_if_it_is_said_to_be() {
        let kvm = b"KVMKVMKVM\0\0\0";
        for (last, features, has_clock) in [
            (0x4000_0001, 0x0100_0008, true),
            (0, 8, true),
            (0x4000_0001, 1, false),
            (0x4000_0000, 8, false),
        ] {
            assert_eq!(
                named(kvm, last, features),
                Host::Kvm { has_clock },
                "{last:#x} {features:#x}"
            );
        }
        assert_eq!(named(b"TCGTCGTCGTCG", 0x4000_0001, 8), Host::Tcg);
        assert_eq!(named(b"XenVMMXenVMM", 0x4000_0005, 8), Host::Unknown);
        assert_eq!(named(&[0; 12], 0, 8), Host::Unknown);
    }
}
