//! A TAP device of the kernel, in network namespaces of their own.

use std::{
    error::Error as _,
    mem::MaybeUninit,
    net::UdpSocket,
    thread,
    time::{Duration, Instant},
};

use layer::Rx;
use netif::{MacAddr, Netif, RxFrame};
use netif_tap::{Error, Tap};
use rt_regions::{PAGE_SIZE, Pool, Region};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    ioctl::{Getter, Setter, ioctl},
    thread::{CapabilitySet, capabilities, set_capabilities},
};

use self::namespace::{enter, ip};

mod namespace;

const MAC: MacAddr = MacAddr([2, 0, 0x0a, 0, 0, 2]);

fn memory() -> &'static Region<'static> {
    let pool = Pool::new(vec![MaybeUninit::uninit(); 64 * PAGE_SIZE].leak());
    Box::leak(Box::new(Region::new(Box::leak(Box::new(pool)), "test")))
}

fn attach(name: &'static str) -> Result<Tap, Error> {
    Tap::attach(name, MAC, memory())
}

/// A device that is up, with the kernel at 10.0.0.1.
fn link(mtu: usize) -> Tap {
    ip("tuntap add dev tap0 mode tap");
    ip(&format!("link set tap0 mtu {mtu}"));
    ip("addr add 10.0.0.1/24 dev tap0");
    ip("link set tap0 up");
    attach("tap0").unwrap()
}

/// What `poll` says of the device within `wait`.
fn events(tap: &Tap, wait: Duration) -> PollFlags {
    let event = tap.event();
    let mut fds = [PollFd::new(&event, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::try_from(wait).unwrap())).unwrap();
    fds[0].revents()
}

/// The next frame, waited for.
fn next<'r>(tap: &mut Tap, region: &'r Region<'_>) -> RxFrame<'r> {
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        if let Rx::Item(frame) = tap.receive(region).unwrap() {
            return frame;
        }
        events(tap, Duration::from_millis(100));
    }
    panic!("no frame within five seconds");
}

/// What the device counted under `name`.
fn count(tap: &Tap, name: &str) -> u64 {
    let mut count = None;
    tap.counters(&mut |counter| {
        if counter.name == name {
            count = Some(counter.value);
        }
    });
    count.unwrap()
}

/// The answer to an ARP request of the kernel (RFC 826): 10.0.0.2 is at `MAC`.
fn arp_reply(request: &[u8]) -> Vec<u8> {
    let (sender, target) = (&request[22..32], &request[38..42]);
    [&sender[..6], &MAC.0, &request[12..20], &[0, 2], &MAC.0, target, sender].concat()
}

/// Lets the kernel find out that 10.0.0.2 is at `MAC`, and takes its first packet.
fn resolve(tap: &mut Tap, socket: &UdpSocket) {
    let region = memory();
    socket.send_to(b"first", "10.0.0.2:7").unwrap();
    let request = next(tap, region).bytes;
    assert_eq!(request[12..14], [8, 6], "ARP");
    tap.transmit(&arp_reply(request)[..], layer::TxOffload::NONE).unwrap();
    assert!(next(tap, region).bytes.ends_with(b"first"));
}

#[test]
fn a_device_that_is_not_there_is_created_and_left_down() {
    enter();
    let tap = attach("tap7").unwrap();
    assert_eq!((tap.mtu(), tap.mac()), (1500, MAC));
    let link = ip("-details link show dev tap7");
    assert!(link.contains("tun type tap pi off"), "{link}");
    assert!(!link.contains(",UP"), "{link}");
    assert!(!link.contains(&MAC.to_string()), "the host's side has an address of its own: {link}");
}

#[test]
fn the_mtu_is_that_of_the_device() {
    enter();
    for (name, mtu) in [("tap0", 68), ("tap1", 1500), ("tap2", 9000), ("tap3", 65_521)] {
        ip(&format!("tuntap add dev {name} mode tap"));
        ip(&format!("link set {name} mtu {mtu}"));
        assert_eq!(attach(name).unwrap().mtu(), mtu);
    }
}

#[test]
fn a_name_that_cannot_be_is_refused() {
    enter();
    let error = attach("sixteen-bytes-16").unwrap_err();
    assert_eq!(error, Error::Name("sixteen-bytes-16"));
    assert!(error.to_string().contains("1 to 15 bytes"), "{error}");
}

#[test]
fn a_device_that_is_in_use_is_refused() {
    enter();
    let _tap = attach("tap0").unwrap();
    let error = attach("tap0").unwrap_err();
    assert_eq!(error, Error::Busy("tap0"));
    assert!(error.to_string().contains("another process has the TAP device tap0"), "{error}");
}

#[test]
fn without_privileges_only_ones_own_device_can_be_used() {
    enter();
    ip("tuntap add dev ours0 mode tap user 0");
    ip("tuntap add dev theirs0 mode tap user 12345");
    let mut mine = capabilities(None).unwrap();
    mine.effective.remove(CapabilitySet::NET_ADMIN);
    set_capabilities(None, mine).unwrap();
    assert_eq!(attach("ours0").unwrap().mtu(), 1500);
    for name in ["theirs0", "new0"] {
        let error = attach(name).unwrap_err();
        assert_eq!(error, Error::NotPermitted(name));
        assert!(error.to_string().contains("ip tuntap add dev"), "{error}");
    }
}

#[test]
fn an_interface_that_is_not_a_tap_is_refused() {
    enter();
    ip("tuntap add dev tun0 mode tun");
    ip("tuntap add dev many0 mode tap multi_queue");
    for name in ["lo", "tun0", "many0"] {
        let error = attach(name).unwrap_err();
        assert_eq!(error, Error::NotATap(name));
        assert!(error.to_string().contains("choose another name"), "{error}");
        assert!(error.source().is_none());
    }
}

#[test]
fn frames_go_both_ways() {
    enter();
    for mtu in [1500, 9000] {
        let mut tap = link(mtu);
        let region = memory();
        let Rx::Idle = tap.receive(region).unwrap() else { panic!("nobody sent anything") };
        let socket = UdpSocket::bind("10.0.0.1:5000").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        resolve(&mut tap, &socket);

        // The longest datagram that is not sent in fragments: IPv4 and UDP headers beside it.
        let request: Vec<u8> = (0..mtu - 28).map(|byte| byte as u8).collect();
        socket.send_to(&request, "10.0.0.2:7").unwrap();
        let frame = next(&mut tap, region).bytes;
        assert_eq!((frame.len(), &frame[..6]), (mtu + 14, &MAC.0[..]));
        // Turned round, it is the reply: a checksum is a sum, so both still hold.
        let turned = [
            (&frame[6..12], &frame[..6]),
            (&frame[12..26], &frame[30..34]),
            (&frame[26..30], &frame[36..38]),
            (&frame[34..36], &frame[38..]),
        ];
        let reply: Vec<u8> = turned.iter().flat_map(|(a, b)| [*a, *b]).flatten().copied().collect();
        tap.transmit(&reply[..], layer::TxOffload::NONE).unwrap();
        let mut answer = vec![0; mtu];
        let (length, from) = socket.recv_from(&mut answer).unwrap();
        assert_eq!((&answer[..length], from.to_string()), (&request[..], "10.0.0.2:7".into()));
        ip("link del tap0");
    }
}

#[test]
fn a_frame_that_became_too_long_is_dropped_and_counted() {
    enter();
    let mut tap = link(1500);
    let socket = UdpSocket::bind("10.0.0.1:0").unwrap();
    resolve(&mut tap, &socket);
    ip("link set tap0 mtu 2000");
    socket.send_to(&[0; 1900], "10.0.0.2:7").unwrap();
    socket.send_to(b"after", "10.0.0.2:7").unwrap();
    assert!(next(&mut tap, memory()).bytes.ends_with(b"after"));
    assert_eq!(count(&tap, "rx_too_long"), 1);
}

#[test]
fn a_frame_without_room_is_lost_and_counted() {
    enter();
    let mut tap = link(1500);
    let socket = UdpSocket::bind("10.0.0.1:0").unwrap();
    resolve(&mut tap, &socket);
    let pool = Pool::new(&mut []);
    let full = Region::new(&pool, "full");
    let Rx::Idle = tap.receive(&full).unwrap() else { panic!("nobody sent anything") };
    for request in [&[1; 1400], &[2; 1400]] {
        socket.send_to(request, "10.0.0.2:7").unwrap();
    }
    let Rx::Handled = tap.receive(&full).unwrap() else { panic!("there is no room") };
    assert!(next(&mut tap, memory()).bytes.ends_with(&[2; 1400]));
    assert_eq!(count(&tap, "rx_no_room"), 1);
}

#[test]
fn a_device_that_is_down_is_silent_and_comes_back() {
    enter();
    let mut tap = link(1500);
    let socket = UdpSocket::bind("10.0.0.1:0").unwrap();
    resolve(&mut tap, &socket);
    ip("link set tap0 down");
    let region = memory();
    for _ in 0..3 {
        tap.transmit([0; 60], layer::TxOffload::NONE).unwrap();
        let Rx::Idle = tap.receive(region).unwrap() else { panic!("the link is down") };
    }
    assert_eq!(events(&tap, Duration::from_millis(50)), PollFlags::empty(), "a loop would spin");
    assert_eq!(count(&tap, "tx_interface_down"), 3);
    ip("link set tap0 up");
    resolve(&mut tap, &socket);
}

/// `struct ifreq` and `struct tun_filter` (`linux/if.h`, `linux/if_tun.h`).
#[repr(C)]
struct InterfaceRequest([u8; 16], u16, [u8; 22]);
#[repr(C)]
struct AddressFilter(u16, u16, [u8; 6]);

#[test]
fn what_an_earlier_program_left_on_the_device_is_put_back() {
    enter();
    ip("tuntap add dev tap0 mode tap");
    let earlier = rustix::fs::open("/dev/net/tun", OFlags::RDWR, Mode::empty()).unwrap();
    let request = InterfaceRequest(*b"tap0\0\0\0\0\0\0\0\0\0\0\0\0", 0x1002, [0; 22]);
    // SAFETY: TUNSETIFF takes a `struct ifreq`.
    let attach_to = unsafe { Setter::<0x4004_54ca, _>::new(request) };
    // SAFETY: it does.
    unsafe { ioctl(&earlier, attach_to) }.unwrap();
    let of_another = AddressFilter(0, 1, [2, 0, 0, 0, 0, 0x99]);
    // SAFETY: TUNSETTXFILTER takes a `struct tun_filter` with as many addresses as it says.
    let filter = unsafe { Setter::<0x4004_54d1, _>::new(of_another) };
    // SAFETY: it does.
    unsafe { ioctl(&earlier, filter) }.unwrap();
    // SAFETY: TUNSETSNDBUF takes an int.
    let buffer = unsafe { Setter::<0x4004_54d4, i32>::new(1) };
    // SAFETY: it does.
    unsafe { ioctl(&earlier, buffer) }.unwrap();
    drop(earlier);

    ip("addr add 10.0.0.1/24 dev tap0");
    ip("link set tap0 up");
    let mut tap = attach("tap0").unwrap();
    resolve(&mut tap, &UdpSocket::bind("10.0.0.1:0").unwrap());
    // SAFETY: TUNGETSNDBUF writes an int.
    let buffer = unsafe { Getter::<0x8004_54d3, i32>::new() };
    // SAFETY: it does.
    assert_eq!(unsafe { ioctl(tap.event(), buffer) }, Ok(i32::MAX));
}

#[test]
fn the_end_of_the_device_wakes_who_waits_and_is_an_error() {
    enter();
    let mut tap = link(1500);
    // A thread takes over the namespace of the one that starts it.
    let deleting = thread::spawn(|| {
        thread::sleep(Duration::from_millis(50));
        ip("link del tap0");
    });
    let woken = events(&tap, Duration::from_secs(5));
    deleting.join().unwrap();
    assert!(!woken.is_empty(), "poll slept on");
    assert_eq!(tap.receive(memory()).unwrap_err(), Error::Deleted);
    assert_eq!(tap.transmit([0; 60], layer::TxOffload::NONE).unwrap_err(), Error::Deleted);
}
