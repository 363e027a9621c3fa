//! Which hypervisor it is (CPUID, leaf 0x40000000).

use core::arch::x86_64::__cpuid;

/// The first leaf that may have the name of the hypervisor, in EBX, ECX and EDX; where they end, and how far they are apart.
const NAME_LEAF: u32 = 0x4000_0000;
const LAST_LEAF: u32 = 0x4001_0000;
const LEAF_STEP: usize = 0x100;
/// In the leaf after it, which has what KVM can do (`KVM_CPUID_FEATURES`): the clock by these registers
/// (`KVM_FEATURE_CLOCKSOURCE2`).
const CLOCK_BIT: u32 = 1 << 3;

/// The names, as the registers have them.
const KVM: [u32; 3] = name(b"KVMKVMKVM\0\0\0");
const TCG: [u32; 3] = name(b"TCGTCGTCGTCG");

const fn name(text: &[u8; 12]) -> [u32; 3] {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *text;
    [
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
        u32::from_le_bytes([i, j, k, l]),
    ]
}

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
        // With the interface of another hypervisor beside its own, KVM's leaves are behind those.
        for first in (NAME_LEAF..LAST_LEAF).step_by(LEAF_STEP) {
            let [last, name @ ..] = leaf(first);
            let features = first + 1;
            match name {
                // KVM of old says 0 for its last leaf, and has this one (`Documentation/virt/kvm/x86/cpuid.rst`).
                KVM => {
                    return Self::Kvm {
                        has_clock: (last == 0 || last >= features)
                            && leaf(features)[0] & CLOCK_BIT != 0,
                    };
                }
                TCG => return Self::Tcg,
                _ => {}
            }
        }
        Self::Unknown
    }
}

impl Host {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm { has_clock: true } => "KVM",
            Self::Kvm { has_clock: false } => "KVM without its clock",
            Self::Tcg => "QEMU without KVM",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The host whose leaves begin at `first`, behind those of another one.
    fn named(first: u32, name: &[u8; 12], last: u32, features: u32) -> Host {
        let word = |at: usize| u32::from_le_bytes(name[at..at + 4].try_into().unwrap());
        Host::of(|leaf| match leaf {
            leaf if leaf == first => [last, word(0), word(4), word(8)],
            leaf if leaf == first + 1 => [features, 0, 0, 0],
            NAME_LEAF => [NAME_LEAF + 12, 0x7263_694d, 0x666f_736f, 0x7648_2074],
            _ => [0; 4],
        })
    }

    #[test]
    fn the_name_decides_and_a_clock_is_there_only_if_it_is_said_to_be() {
        let kvm = b"KVMKVMKVM\0\0\0";
        for first in [NAME_LEAF, NAME_LEAF + 0x100] {
            for (last, features, has_clock) in [
                (first + 1, 0x0100_0008, true),
                (0, 8, true),
                (first + 1, 1, false),
                (first, 8, false),
            ] {
                assert_eq!(
                    named(first, kvm, last, features),
                    Host::Kvm { has_clock },
                    "{last:#x} {features:#x}"
                );
            }
        }
        assert_eq!(named(NAME_LEAF, b"TCGTCGTCGTCG", NAME_LEAF + 1, 8), Host::Tcg);
        assert_eq!(named(NAME_LEAF, b"XenVMMXenVMM", NAME_LEAF + 5, 8), Host::Unknown);
        assert_eq!(named(NAME_LEAF, &[0; 12], 0, 8), Host::Unknown);
    }
}
