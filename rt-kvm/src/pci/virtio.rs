//! Where the registers of a virtio device are (virtio 1.2, 4.1.4).

use super::{Configuration, Function};
use crate::{devices::Registers, transport::layout::PCI_SIZE as COMMON_SIZE};

/// A capability of the vendor. Those of virtio say where registers are.
const VENDOR: u8 = 9;
/// What they say, by its distance from the first byte: the kind in byte 3, then the base address register, the distance from its
/// address and the length. Behind that, notifications have their multiplier (`struct virtio_pci_cap`,
/// `struct virtio_pci_notify_cap`).
const BAR: u8 = 4;
const OFFSET: u8 = 8;
const LENGTH: u8 = 12;
const MULTIPLIER: u8 = 16;
/// Of what the registers of each kind begin at a multiple, and how many bytes they have at least, by their kinds from 1 on: the
/// common ones, notifications, the status of interrupts, the configuration of the device.
const KINDS: [(u64, u32); 4] = [(4, COMMON_SIZE), (2, 2), (1, 1), (4, 1)];
const NOTIFY: u8 = 2;

/// The most bytes of other registers that are used. A monitor that has a page for each of many queues gives more.
const MOST: u32 = 64 << 10;

/// The registers of a virtio device.
///
/// INVARIANT: each begins at the address where its function says it is, and is not empty; `common` has [`COMMON_SIZE`] bytes at least
/// and begins at a multiple of 4, `notify` at one of 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Structures {
    pub(crate) common: Registers,
    pub(crate) notify: Registers,
    /// The distance of two notifications, in bytes.
    pub(crate) multiplier: u32,
    pub(crate) isr: Registers,
    /// The configuration of the device, if it has any.
    pub(crate) device: Option<Registers>,
}

impl Structures {
    /// Those of a function. `None` if one is missing: it is no device of virtio 1.
    ///
    /// Of several of a kind, the first that can be used counts, as the device prefers it (4.1.4.1).
    pub(crate) fn of(function: Function, pci: &impl Configuration) -> Option<Self> {
        // By their kinds, from 1 on.
        let mut found = [None; KINDS.len()];
        let mut multiplier = 0;
        for at in function.capabilities(pci, VENDOR) {
            let [.., kind] = pci.read(function, at).to_le_bytes();
            let index = usize::from(kind).wrapping_sub(1);
            if let (Some(place @ None), Some((alignment, least))) =
                (found.get_mut(index), KINDS.get(index))
                && let Some(registers) = registers(function, pci, at)
                && registers.address.is_multiple_of(*alignment)
                && registers.size >= *least
            {
                if kind == NOTIFY {
                    // The configuration has an end.
                    let Some(at) = at.checked_add(MULTIPLIER) else { continue };
                    multiplier = pci.read(function, at);
                }
                *place = Some(registers);
            }
        }
        let [common, notify, isr, device] = found;
        Some(Self { common: common?, notify: notify?, multiplier, isr: isr?, device })
    }
}

/// The registers that the capability at `at` tells of, if there are any.
fn registers(function: Function, pci: &impl Configuration, at: u8) -> Option<Registers> {
    // The configuration has an end.
    at.checked_add(LENGTH)?;
    let [bar, ..] = pci.read(function, at + BAR).to_le_bytes();
    let (offset, length) = (pci.read(function, at + OFFSET), pci.read(function, at + LENGTH));
    let address = function.address(pci, bar)?.checked_add(offset.into())?;
    (length > 0).then_some(Registers { address, size: length.min(MOST) })
}
