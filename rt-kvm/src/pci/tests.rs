use std::{cell::RefCell, collections::BTreeMap, string::ToString, vec, vec::Vec};

use super::*;
use crate::{
    devices::Registers,
    pci::{msix::Messages, virtio::Structures},
};

/// The configurations of functions, as bytes.
#[derive(Default)]
struct Simulated {
    functions: BTreeMap<u16, [u8; 256]>,
    written: RefCell<Vec<(u16, u8, u32)>>,
}

impl Configuration for Simulated {
    fn read(&self, function: Function, register: u8) -> u32 {
        let at = usize::from(register);
        self.functions
            .get(&function.0)
            .map_or(NOTHING, |bytes| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()))
    }

    fn write(&self, function: Function, register: u8, value: u32) {
        self.written.borrow_mut().push((function.0, register, value));
    }
}

impl Simulated {
    fn set(&mut self, function: u16, register: u8, value: u32) {
        let bytes = self.functions.entry(function).or_insert([0; 256]);
        bytes[usize::from(register)..][..4].copy_from_slice(&value.to_le_bytes());
    }

    /// A function with this id and class.
    fn add(&mut self, function: u16, id: u32, class: u32) {
        self.set(function, ID, id);
        self.set(function, CLASS, class << 16);
    }

    /// A capability of virtio at `at`, before the one at `next`.
    fn capability(&mut self, at: u8, next: u8, kind: u8, bar: u8, offset: u32, length: u32) {
        self.set(0x18, at, u32::from_le_bytes([9, next, 20, kind]));
        self.set(0x18, at + 4, bar.into());
        self.set(0x18, at + 8, offset);
        self.set(0x18, at + 12, length);
    }

    /// What QEMU's pc has: bridge, and a network device at 00:03.0 with its registers above 4 GiB.
    fn pc() -> Self {
        let mut pci = Self::default();
        pci.add(0, 0x1237_8086, HOST_BRIDGE);
        pci.add(0x18, 0x1000_1af4, 0x0200);
        pci.set(0x18, COMMAND, HAS_CAPABILITIES | 0x103);
        pci.set(0x18, CAPABILITIES, 0x98);
        pci.set(0x18, BAR_0, 0xc001);
        pci.set(0x18, BAR_0 + 4, 0xfebf_1000);
        pci.set(0x18, BAR_0 + 16, 0xf000_000c);
        pci.set(0x18, BAR_0 + 20, 0x40);
        pci.set(0x18, INTERRUPT, 0x010b);
        pci.set(0x18, 0x98, u32::from_le_bytes([CAPABILITY_OF_MESSAGES, 0x84, 2, 0]));
        pci.set(0x18, 0x9c, 1);
        // The access by the configuration, which is none of ours.
        pci.capability(0x84, 0x70, 5, 0, 0, 0);
        pci.capability(0x70, 0x60, 2, 4, 0x3000, 0x1000);
        pci.set(0x18, 0x80, 4);
        pci.capability(0x60, 0x50, 4, 4, 0x2000, 0x1000);
        pci.capability(0x50, 0x40, 3, 4, 0x1000, 0x1000);
        pci.capability(0x40, 0, 1, 4, 0, 0x1000);
        pci
    }
}

const CAPABILITY_OF_MESSAGES: u8 = 0x11;
const NETWORK: Function = Function(0x18);

fn registers(address: u64, size: u32) -> Registers {
    Registers { address, size }
}

fn found(pci: &Simulated) -> Vec<(u16, u32)> {
    let mut all = vec![];
    visit(pci, |function, id| all.push((function.0, id)));
    all
}

#[test]
fn the_functions_of_all_buses_are_found() {
    let mut pci = Simulated::pc();
    pci.set(0x18, HEADER, HAS_SEVERAL);
    pci.add(0x1d, 0x10d3_8086, 0x0200);
    // A function 5 alone is none of a device without a function 0.
    pci.add(0x25, 0x10d3_8086, 0x0200);
    // Two bridges, one behind the other: buses 1 to 2.
    pci.add(0xf8, 0x000c_1b36, BUS_BRIDGE);
    pci.set(0xf8, BUSES, 0x0002_0100);
    pci.add(0x100, 0x000c_1b36, BUS_BRIDGE);
    pci.set(0x100, BUSES, 0x0002_0201);
    pci.add(0x200, 0x1041_1af4, 0x0200);
    pci.add(0x300, 0x1041_1af4, 0x0200);
    let ids = [
        (0, 0x1237_8086),
        (0x18, 0x1000_1af4),
        (0x1d, 0x10d3_8086),
        (0xf8, 0x000c_1b36),
        (0x100, 0x000c_1b36),
        (0x200, 0x1041_1af4),
    ];
    assert_eq!(found(&pci), ids);
    assert_eq!([NETWORK, Function(0x2fd)].map(|f| f.to_string()), ["00:03.0", "02:1f.5"]);
}

#[test]
fn a_machine_has_a_bus_if_there_is_a_bridge_to_it_and_the_line_does_not_deny_it() {
    let pci = Simulated::pc();
    assert!(is_there(&pci, "--ipv4=10.0.0.2/24 pci=nommconf"));
    assert!(!is_there(&pci, "reboot=k pci=off"));
    assert!(!is_there(&Simulated::default(), ""));
    let mut other = Simulated::default();
    other.add(0, 0x8000_0000, 0x8000);
    assert!(!is_there(&other, ""), "a port that answers what was written before");
}

#[test]
fn buses_that_never_end_are_255_more() {
    let mut pci = Simulated::default();
    for bus in 0..=255 {
        pci.add(bus << 8, 0x000c_1b36, BUS_BRIDGE);
        pci.set(bus << 8, BUSES, 0xffff_ffff);
    }
    assert_eq!(found(&pci).len(), 256);
}

#[test]
fn registers_are_where_the_capabilities_say() {
    let pci = Simulated::pc();
    let at = 0x40_f000_0000;
    let expected = Structures {
        common: registers(at, 0x1000),
        notify: registers(at + 0x3000, 0x1000),
        multiplier: 4,
        isr: registers(at + 0x1000, 0x1000),
        device: Some(registers(at + 0x2000, 0x1000)),
    };
    assert_eq!(Structures::of(NETWORK, &pci), Some(expected));
    let messages = Messages::of(NETWORK, &pci).expect("it has messages");
    // It has three entries, of which a guest with one core uses two.
    let entries = if cfg!(feature = "cores") { 3 } else { 2 };
    assert_eq!(messages.table, registers(0xfebf_1000, 16 * entries));
    assert_eq!(NETWORK.line(&pci), Some(11));
    NETWORK.enable(&pci, true);
    NETWORK.enable(&pci, false);
    assert_eq!(*pci.written.borrow(), [(0x18, COMMAND, 0x107), (0x18, COMMAND, 0x507)]);
}

#[test]
fn a_device_without_its_registers_is_none_of_virtio_1() {
    for (kind, place) in [(1, 0x40), (2, 0x70), (3, 0x50)] {
        let mut pci = Simulated::pc();
        // The kind is none of virtio.
        pci.set(0x18, place, u32::from_le_bytes([9, if kind == 1 { 0 } else { 0x40 }, 20, 99]));
        assert_eq!(Structures::of(NETWORK, &pci), None, "kind {kind}");
    }
    let mut pci = Simulated::pc();
    pci.set(0x18, COMMAND, 0);
    assert_eq!(Structures::of(NETWORK, &pci), None, "no capabilities");
    assert_eq!(Messages::of(NETWORK, &pci), None);
}

#[test]
fn lies_about_registers_are_left_out() {
    for (what, register, value) in [
        ("common is too short", 0x40 + 12, 55),
        ("it is at an odd address", 0x40 + 8, 2),
        ("its BAR is of ports", 0x40 + 4, 0),
        ("its BAR is none", 0x40 + 4, 6),
        ("notifications are at an odd address", 0x70 + 8, 0x3001),
        ("there is no room for any", 0x70 + 12, 0),
        ("the status is nowhere", 0x50 + 12, 0),
        ("the BAR is of 1 MiB and below", BAR_0 + 16, 0xf000_000a),
        ("the capabilities begin in the header", CAPABILITIES, 0x10),
        ("they go round in circles", 0x84, u32::from_le_bytes([9, 0x98, 20, 5])),
    ] {
        let mut pci = Simulated::pc();
        pci.set(0x18, register, value);
        assert_eq!(Structures::of(NETWORK, &pci), None, "{what}");
    }
    let mut pci = Simulated::pc();
    pci.set(0x18, BAR_0 + 16, 0xc);
    pci.set(0x18, BAR_0 + 20, 0);
    assert_eq!(Structures::of(NETWORK, &pci), None, "the BAR has no address");
    // The end of the configuration.
    let mut pci = Simulated::pc();
    pci.set(0x18, 0x84, u32::from_le_bytes([9, 0xfc, 20, 5]));
    pci.set(0x18, 0xfc, u32::from_le_bytes([9, 0x70, 20, 1]));
    assert!(Structures::of(NETWORK, &pci).is_some());
    // An address beyond all others stays what it is: nothing maps it.
    let mut pci = Simulated::pc();
    pci.set(0x18, BAR_0 + 20, u32::MAX);
    let found = Structures::of(NETWORK, &pci).expect("it can be written so");
    assert!(!can_be_mapped(found.common));
    pci.set(0x18, BAR_0 + 16, 0xffff_fffc);
    assert_eq!(Structures::of(NETWORK, &pci), None, "the sum is too large");
}

/// Whether registers are at an address that page tables can map.
fn can_be_mapped(registers: Registers) -> bool {
    registers.address < 1 << 47
}

#[test]
fn lies_about_messages_are_left_out() {
    for (what, register, value) in [
        ("there is one vector", 0x98, u32::from_le_bytes([CAPABILITY_OF_MESSAGES, 0x84, 0, 0])),
        ("the table is in ports", 0x9c, 0),
        ("the table is nowhere", 0x9c, 7),
    ] {
        let mut pci = Simulated::pc();
        pci.set(0x18, register, value);
        assert_eq!(Messages::of(NETWORK, &pci), None, "{what}");
    }
}

#[test]
fn a_line_is_what_the_firmware_has_noted() {
    for (value, line) in [(0x010a, Some(10)), (0x0100, Some(0)), (0x000a, None), (0x01ff, None)] {
        let mut pci = Simulated::pc();
        pci.set(0x18, INTERRUPT, value);
        assert_eq!(NETWORK.line(&pci), line, "{value:#x}");
    }
}
