//! What is agreed with a device, and which devices cannot be used.

use std::cell::Cell;

use layer::Offloads;
use netif::{MacAddr, Netif};
use netif_virtio::{DeviceError, Error, Guest as _, VirtioNet};
use virtio_drivers::transport::DeviceType;

use crate::{
    simulated::{
        World,
        device::Device,
        transport::{FAILED, NEEDS_RESET, Registers, feature},
    },
    support::{Host, MAC, PAGES, open, open_in},
};

/// The registers of a device that offers everything.
fn all() -> Registers {
    Registers { offered: feature::ALL, ..Registers::default() }
}

#[test]
fn what_is_known_is_agreed_and_nothing_else() {
    let known = feature::ALL & !feature::INDIRECT;
    let cut = feature::HOST_TSO4 | feature::HOST_TSO6;
    let work = feature::CSUM | cut | feature::GUEST_TSO4 | feature::GUEST_TSO6;
    // What a device may offer beside: several queues, a control queue, packed rings, an IOMMU.
    let registers = || Registers { offered: u64::MAX, ..Registers::default() };
    for (offloads, accepted) in [(false, known & !work), (true, known)] {
        let host = open(registers(), offloads).unwrap();
        let segmentation = cfg!(feature = "segmentation");
        let expected = if segmentation { accepted } else { known & !work };
        assert_eq!(host.device.borrow().registers.borrow().accepted, expected);
        let does = offloads && segmentation;
        let offered = Offloads {
            checksum: does,
            tcp_segmentation: does,
            tcp_segmentation_ipv6: does,
            ..Offloads::NONE
        };
        assert_eq!(host.netif.offloads(), offered);
        host.end();
    }
}

#[test]
fn a_device_that_cannot_be_used_is_an_error_in_words() {
    let mut group = all();
    group.set_mac([0x53, 0, 0, 0, 0, 1]);
    let mut nobody = all();
    nobody.set_mac([0; 6]);
    let mtu = |mtu| {
        let mut registers = all();
        registers.set_mtu(mtu);
        registers
    };
    let without = |feature: u64| Registers { offered: feature::ALL & !feature, ..all() };
    let sizes = |sizes| Registers { sizes, ..all() };
    for (registers, error, words) in [
        (
            Registers { device_type: DeviceType::Block, ..all() },
            DeviceError::NotNetwork,
            "network device: it is a virtio device of another type",
        ),
        (Registers { is_legacy: true, ..all() }, DeviceError::Legacy, "VIRTIO_F_VERSION_1"),
        (without(feature::VERSION_1), DeviceError::Legacy, "disable-legacy=on"),
        (
            Registers { agrees: false, ..all() },
            DeviceError::FeaturesRefused,
            "refuses the features",
        ),
        (
            Registers { status_when_ready: NEEDS_RESET, ..all() },
            DeviceError::NeedsReset,
            "another reset after each reset",
        ),
        (sizes([0, 256]), DeviceError::QueueSize(0, 0), "queue 0 has 0 entries"),
        (sizes([256, 0]), DeviceError::QueueSize(1, 0), "expected a power of two"),
        (sizes([300, 256]), DeviceError::QueueSize(0, 300), "queue 0 has 300 entries"),
        (sizes([256, 16]), DeviceError::QueueSize(1, 16), "queue 1 has 16 entries"),
        (sizes([256, 65_536]), DeviceError::QueueSize(1, 65_536), "queue 1 has 65536"),
        (sizes([u32::MAX, 256]), DeviceError::QueueSize(0, u32::MAX), "4294967295"),
        (group, DeviceError::Mac(MacAddr([0x53, 0, 0, 0, 0, 1])), "53:00:00:00:00:01, is not one"),
        (nobody, DeviceError::Mac(MacAddr::UNSPECIFIED), "not one of a station"),
        (without(feature::MAC), DeviceError::NoMac, "--mac"),
        (mtu(67), DeviceError::Mtu(67), "its MTU is 67 bytes; expected 68 to 65517"),
        (mtu(0), DeviceError::Mtu(0), "its MTU is 0"),
        (mtu(65_518), DeviceError::Mtu(65_518), "65518"),
        (Registers { config_size: 5, ..all() }, DeviceError::NoConfiguration, "too short"),
        (Registers { config_size: 10, ..all() }, DeviceError::NoConfiguration, "missing"),
        (
            Registers { restless: Cell::new(u32::MAX), ..all() },
            DeviceError::UnstableConfiguration,
            "changes whenever it is read",
        ),
        (Registers { is_gone: true, ..all() }, DeviceError::NoReset(255), "its status is 255"),
        (
            Registers { status: 15, resets: false, ..all() },
            DeviceError::NoReset(15),
            "does not confirm a reset: its status is 15",
        ),
    ] {
        let found = open(registers, true).map(|_| ()).unwrap_err();
        assert_eq!(found, error);
        let text = Error::Device(found).to_string();
        assert!(text.contains(words), "{text}");
    }
}

/// A driver that gives up says so (2.1.1), and gives all pages back: the device has confirmed its reset.
#[test]
fn a_device_that_was_given_up_is_told_and_reset() {
    let world = World::new(PAGES);
    let device = Device::with(&world, Registers { sizes: [256, 0], ..all() });
    let registers = device.registers.clone();
    let transport = device.transport();
    let mut seen = 0;
    {
        let opened = VirtioNet::attach(transport, world.clone(), None, world.memory());
        assert!(opened.is_err());
        seen |= registers.borrow().status;
    }
    assert_eq!((seen & FAILED, registers.borrow().reset_count), (0, 2));
    assert!(registers.borrow().is_dropped);
    assert_eq!(world.shared_pages(), 0);
    drop(device);
    world.end();
}

#[test]
fn a_configuration_that_changes_while_it_is_read_is_read_again() {
    // Six reads of the address change it twice.
    let host = open(Registers { restless: Cell::new(12), ..all() }, false).unwrap();
    assert_eq!(host.netif.mac(), MAC);
    host.end();
}

#[test]
fn an_address_that_was_given_comes_before_that_of_the_device() {
    let ours = MacAddr([2, 0, 0, 0, 0, 1]);
    let mut group = all();
    group.set_mac([0xff; 6]);
    let without = Registers { offered: feature::ALL & !feature::MAC, ..all() };
    for (registers, differs) in [(all(), 1), (group, 1), (without, 0)] {
        let host = open_in(PAGES, registers, false, Some(ours)).unwrap();
        assert_eq!((host.netif.mac(), host.counter("mac_differs")), (ours, differs));
        host.end();
    }
}

#[test]
fn smaller_and_larger_queues_work() {
    for size in [32, 64, 128, 256, 512, 1024, 32_768] {
        for offered in [feature::ALL, feature::ALL & !feature::EVENT_IDX] {
            let registers = Registers { sizes: [size; 2], offered, ..Registers::default() };
            let mut host = open(registers, true).unwrap();
            for number in 0..500 {
                host.send_to_guest(&[number as u8; 60]);
                host.netif.transmit([number as u8; 60], layer::TxOffload::NONE).unwrap();
                assert_eq!((host.settle().len(), host.frames_sent().len()), (1, 1), "{size}");
            }
            host.end();
        }
    }
}

#[test]
fn the_link_goes_down_and_up() {
    let mut host = Host::new();
    for is_up in [false, true, false] {
        host.device.borrow().registers.borrow_mut().set_link(is_up);
        host.world.change_config();
        host.receive();
        assert_eq!((host.netif.link_up(), host.netif.is_ready()), (is_up, true));
    }
    assert_eq!(host.netif.link_interval(), None);
    host.end();
    // A device without that word has a link that is up (5.1.4.2).
    let mut registers = all();
    registers.offered &= !feature::STATUS;
    registers.set_link(false);
    let mut host = open(registers, false).unwrap();
    host.world.change_config();
    host.receive();
    assert!(host.netif.link_up());
    assert_eq!(host.netif.event(), host.world.event());
    host.end();
}
