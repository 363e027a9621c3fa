//! The virtio devices of the machine, with registers in memory or on the PCI bus.

use core::{arch::x86_64::__cpuid, fmt, ops::Range, ptr::NonNull};

use rt_pvh::{Plan, physical, print};

use crate::{
    mmio::{self, Place},
    pci::{self, Ports, msix::Messages, virtio::Structures},
    platform::{APICS, MICROVM},
    transport::VirtioTransport,
};

/// The most devices that there is room for, beside those of a microvm: a monitor names those of all kinds.
const MOST: usize = 16;

/// Registers of a device, in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registers {
    pub(crate) address: u64,
    pub(crate) size: u32,
}

/// The size in bytes of a page. The first one is not mapped.
const PAGE: u64 = 4096;

/// How many bits a physical address has at most (CPUID, leaf 0x80000008, which every processor of 64 bits has).
fn address_bits() -> u32 {
    // What is more makes no difference.
    __cpuid(0x8000_0008).eax & 63
}

impl Registers {
    /// The address of the first.
    pub(crate) fn start(&self) -> *mut u8 {
        physical(self.address)
    }

    /// All of them. None is on the first page, so none is at 0.
    #[inline(never)]
    fn all(&self) -> NonNull<[u8]> {
        let start = NonNull::new(self.start()).unwrap_or(NonNull::dangling());
        NonNull::slice_from_raw_parts(start, self.size as usize)
    }

    /// Has them mapped when the machine is set up. Returns whether that is so: they are not on the first page, nor where memory or
    /// an interrupt controller is, nor where the processor has no addresses, and there is room.
    #[inline(never)]
    fn map(&self, plan: &mut Plan<'_>) -> bool {
        let range = self.address..self.address.saturating_add(self.size.into());
        let is_apart = |other: &Range<u64>| other.end <= range.start || range.end <= other.start;
        let is_free = plan.ram.pieces().iter().chain(&[0..PAGE, APICS]).all(is_apart);
        is_free && range.end >> address_bits() == 0 && plan.devices.add(range)
    }
}

/// The kinds of devices that a guest uses, by their number (virtio 1.2, 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Network = 1,
    #[cfg(feature = "virtio-rng")]
    Entropy = 4,
}

impl Kind {
    const ALL: &[Self] = &[
        Self::Network,
        #[cfg(feature = "virtio-rng")]
        Self::Entropy,
    ];

    /// The kind of a function of the PCI bus with this id.
    fn of_function(id: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.ids().contains(&id))
    }

    /// The ids on the PCI bus: that of virtio 1, and that of a transitional device (4.1.2.1, 5.1.1, 5.4.1).
    fn ids(self) -> [u32; 2] {
        match self {
            Self::Network => [0x1041_1af4, 0x1000_1af4],
            #[cfg(feature = "virtio-rng")]
            Self::Entropy => [0x1044_1af4, 0x1005_1af4],
        }
    }
}

/// A device on the PCI bus, as it was found. Its registers are mapped, once the machine is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PciDevice {
    kind: Kind,
    pub(crate) function: pci::Function,
    pub(crate) structures: Structures,
    pub(crate) messages: Option<Messages>,
}

/// Where a device is, or may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found {
    Mmio(Place),
    Pci(PciDevice),
}

impl Found {
    /// Its registers, for a driver.
    ///
    /// # Safety
    /// There is one for a device, and the machine is set up. The device answers at its addresses.
    pub(crate) unsafe fn transport(&self) -> VirtioTransport {
        match self {
            // SAFETY: all are mapped, begin at a multiple of 4 by the invariant of a place, and are used here alone, but for
            // those of interrupts.
            Self::Mmio(place) => unsafe { VirtioTransport::mmio(place.registers.all()) },
            Self::Pci(PciDevice { structures, messages, .. }) => {
                let Structures { common, notify, multiplier, device, .. } = structures;
                let configuration = device.as_ref().map(Registers::all);
                let (common, notify) = (common.all().cast(), (notify.all(), *multiplier));
                let has_messages = messages.is_some();
                // SAFETY: all are mapped, are as many and as aligned as the invariant of the structures says, and are used here
                // alone.
                unsafe { VirtioTransport::pci(common, notify, configuration, has_messages) }
            }
        }
    }
}

/// What was found. All registers of it are mapped, once the machine is set up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Devices {
    all: [Option<Found>; MOST],
    count: usize,
    /// Whether the machine may be QEMU's microvm with ACPI tables: it has no PCI bus, and the command line names no device.
    pub(crate) may_be_microvm: bool,
    /// Whether it has a PCI bus, as a PC has.
    pub(crate) has_pci: bool,
}

impl Devices {
    /// Looks for the devices, and adds the addresses of all that a guest may use to the `plan`.
    ///
    /// What cannot be used is left out, and a line says so.
    pub(crate) fn find(&mut self, plan: &mut Plan<'_>) {
        let line = plan.command_line;
        let mut names_any = false;
        for (word, place) in mmio::named(line) {
            let place = place.filter(|place| place.registers.map(plan));
            names_any = true;
            if !place.is_some_and(|place| self.add(&Found::Mmio(place))) {
                left_out(format_args!("virtio_mmio.device={word}"));
            }
        }
        self.has_pci = pci::is_there(&Ports, line);
        if self.has_pci {
            pci::visit(&Ports, |function, id| {
                if let Some(kind) = Kind::of_function(id)
                    && !PciDevice::of(kind, function, plan)
                        .is_some_and(|device| self.add(&Found::Pci(device)))
                {
                    left_out(format_args!("PCI {function}"));
                }
            });
        } else {
            self.may_be_microvm = !names_any && plan.devices.add(MICROVM);
        }
    }

    /// Adds a device. Returns whether there was room.
    #[inline(never)]
    fn add(&mut self, device: &Found) -> bool {
        let Some(place) = self.all.get_mut(self.count) else { return false };
        *place = Some(*device);
        self.count += 1;
        true
    }

    /// The device of this kind with this number: those in memory come first, in the order of the command line. The machine is set
    /// up.
    pub(crate) fn get(&self, kind: Kind, number: usize) -> Option<Found> {
        let mut left = number;
        let mut is_it = |device: &Found| {
            let is_there = match device {
                Found::Mmio(place) => place.has(kind as u32),
                Found::Pci(device) => device.kind == kind,
            };
            let is_it = is_there && left == 0;
            left = left.saturating_sub(is_there.into());
            is_it
        };
        for device in self.all.iter().flatten() {
            if is_it(device) {
                return Some(*device);
            }
        }
        let mut microvm = mmio::microvm().map(Found::Mmio);
        if self.may_be_microvm { microvm.find(is_it) } else { None }
    }
}

/// Says that a device is left out.
#[inline(never)]
fn left_out(name: fmt::Arguments<'_>) {
    print(format_args!("{name}: left out: no registers that can be used, or one too many"));
}

impl PciDevice {
    /// What a function has, if it can be used; all of it is in the `plan` then.
    fn of(kind: Kind, function: pci::Function, plan: &mut Plan<'_>) -> Option<Self> {
        let structures = Structures::of(function, &Ports)?;
        let messages = Messages::of(function, &Ports);
        let Structures { common, notify, isr, device, .. } = structures;
        // What it does not have counts as the common registers, which are added once more.
        let table = messages.map_or(common, |messages| messages.table);
        for registers in [common, notify, isr, device.unwrap_or(common), table] {
            if !registers.map(plan) {
                return None;
            }
        }
        Some(Self { kind, function, structures, messages })
    }
}
