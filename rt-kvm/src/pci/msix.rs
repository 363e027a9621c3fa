//! Interrupts by messages (MSI-X, PCI Local Bus Specification 3.0, 6.8.2): a device writes the vector to an address of the
//! local APIC. No line is shared or routed, and nothing is to be taken back at the device.

use core::ptr;

use rt_pvh::physical;

use super::{Configuration, Function};
use crate::devices::Registers;

/// The capability, and what it says: the control, in the upper half of the first word, and where the table is.
const CAPABILITY: u8 = 0x11;
const TABLE: u8 = 4;

/// Bits of the first word: the last entry of the table, none is sent, and it is on.
const LAST_ENTRY: u32 = 0x7ff << 16;
const MASKED: u32 = 1 << 30;
const ENABLED: u32 = 1 << 31;

/// An entry of the table: address, its upper half, message, control. Bit 0 of the control turns it off.
const ENTRY: u64 = 16;

/// Where a local APIC takes messages (Intel SDM volume 3, 12.11.1). The number of the processor is in bits 12 to 19.
const ADDRESS: u32 = 0xfee0_0000;

/// The messages of a function: a table with an entry for each of [`VECTORS`](Self::VECTORS) at least.
///
/// INVARIANT: `table` has as many bytes as those entries, or more, begins at a multiple of 4, and is where the function says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Messages {
    function: Function,
    capability: u8,
    pub(crate) table: Registers,
}

impl Messages {
    /// How many vectors the first core uses.
    pub(crate) const VECTORS: usize = 2;
    /// How many entries of the table are used at most: those of the first core, one for each other, and one for the queue of commands.
    #[cfg(feature = "cores")]
    const MOST: u32 = Self::VECTORS as u32 + cores::MAX_CORES as u32;
    #[cfg(not(feature = "cores"))]
    const MOST: u32 = Self::VECTORS as u32;
    /// The largest number of a processor that a message reaches.
    #[cfg(feature = "cores")]
    pub(crate) const LARGEST_APIC: u32 = 0xff;

    /// Those of a function; `None` if it has none, or too few.
    pub(crate) fn of(function: Function, pci: &impl Configuration) -> Option<Self> {
        let capability = function.capabilities(pci, CAPABILITY).next()?;
        let last = (pci.read(function, capability) & LAST_ENTRY) >> 16;
        let place = pci.read(function, capability.checked_add(TABLE)?);
        let address = function.address(pci, (place & 7) as u8)?.checked_add((place & !7).into())?;
        let entries = last + 1;
        let table = Registers { address, size: entries.min(Self::MOST) * ENTRY as u32 };
        (entries >= Self::VECTORS as u32).then_some(Self { function, capability, table })
    }

    /// How many entries of the table may be used.
    #[cfg(feature = "cores")]
    pub(crate) fn entries(&self) -> u32 {
        self.table.size / ENTRY as u32
    }

    /// Has an entry of the table at this address send `vector` to the processor with the number `apic`.
    ///
    /// # Safety
    /// The entry is there, mapped and not memory, nobody else writes it meanwhile, and the vector has a handler.
    pub(crate) unsafe fn set(table: u64, entry: u32, apic: u32, vector: u8) {
        let start = table + u64::from(entry) * ENTRY;
        let words = [ADDRESS | apic << 12, 0, vector.into(), 0];
        for (index, word) in (0..).zip(words) {
            // SAFETY: it is in the entry, which the caller says is mapped.
            unsafe { ptr::write_volatile(physical(start + 4 * index), word) };
        }
    }

    /// Has entry 0 send the first of `vectors` to the processor with the number `apic`, and so on, and turns them on.
    ///
    /// # Safety
    /// The table is mapped, is not memory, and the vectors have handlers.
    pub(crate) unsafe fn enable(
        &self,
        pci: &impl Configuration,
        apic: u32,
        vectors: [u8; Self::VECTORS],
    ) {
        let control = pci.read(self.function, self.capability) | ENABLED;
        // The table is written while nothing is sent.
        pci.write(self.function, self.capability, control | MASKED);
        for (number, vector) in (0..).zip(vectors) {
            // SAFETY: by the invariant it is in the table, which the caller has mapped, and the vectors have handlers.
            unsafe { Self::set(self.table.address, number, apic, vector) };
        }
        pci.write(self.function, self.capability, control & !MASKED);
    }
}
