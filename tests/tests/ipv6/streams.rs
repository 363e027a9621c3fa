//! Long streams over IPv6, both ways, with what an interface can do for them and without; and many datagrams at once.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, TcpStream, UdpSocket},
    path::Path,
    time::Duration,
};

use lab::{
    Lab,
    cargo::{Build, Platform, Profile},
    kvm::{Guest, Machine},
};
use nix::sys::socket::{setsockopt, sockopt};
use testkit::Random;

use super::peers::{ARGUMENT, SERVICE, counters, in_lab, socket_to, start, stop};
use crate::{
    built::built,
    segments::{kernel, receive_segments, send_segments},
};

/// How many bytes go to the service and back: no multiple of anything.
const BYTES: usize = (8 << 20) + 1;
/// The longest frame of an MTU of 1500 bytes.
const FRAME: u64 = 1518;

/// Sends bytes to the service, which sends all of them back while they come.
fn there_and_back(to: IpAddr) {
    let mut stream = TcpStream::connect((to, 8080)).expect("it accepts");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("it can be set");
    let sent = Random::new(3).bytes(BYTES);
    let mut reply = vec![0; BYTES];
    std::thread::scope(|scope| {
        let mut writer = stream.try_clone().expect("it can be cloned");
        let sent = &sent;
        scope.spawn(move || writer.write_all(sent).expect("it takes all"));
        stream.read_exact(&mut reply).expect("it gives all back");
    });
    assert!(reply == sent, "the stream is another one");
}

/// Whether the frames of an interface, with this name, were longer than the MTU on their way in and out.
fn were_long(counted: &impl Fn(&str) -> u64, interface: &str) -> [bool; 2] {
    let long = ["rx", "tx"].map(|way| {
        let count = |what| counted(&format!("{interface}.{what}_{way}"));
        let (frames, bytes) = (count("frames"), count("bytes"));
        assert!(bytes > BYTES as u64, "{bytes} bytes {way}");
        let megabytes = BYTES as f64 / 1e6;
        println!("  {way}: {:.0} frames for a MB", frames as f64 / megabytes);
        bytes / frames > FRAME
    });
    for lost in ["rx_too_long", "rx_no_room", "tx_bad_length"] {
        assert_eq!(counted(&format!("{interface}.{lost}")), 0, "{lost}");
    }
    long
}

/// Over either family, between which nothing differs.
pub(crate) fn megabytes_go_both_ways_on_a_tap_device() {
    for offloads in [true, false] {
        for to in [SERVICE.into(), IpAddr::from([10, 0, 0, 2])] {
            in_lab(|lab, echo| {
                let option = if offloads { "--offloads=on" } else { "--offloads=off" };
                println!("{to}, {option}");
                let service = start(lab, echo, &[ARGUMENT, "--tcp", option]);
                there_and_back(to);
                let counted = stop(service);
                assert_eq!(were_long(&counted, "tap"), [offloads; 2]);
                assert_eq!(counted("tap.rx_joined") > 0, offloads);
                for lost in ["tap.rx_not_cut", "tap.tx_refused"] {
                    assert_eq!(counted(lost), 0, "{lost}");
                }
            });
        }
    }
}

/// QEMU's device may do less, for one family alone too.
pub(crate) fn megabytes_go_both_ways_in_a_guest_of_kvm() {
    let features = &["ipv6", "tcp"];
    let image = built("echo", &Build { features, ..Build::new(Platform::Kvm, Profile::Guest) });
    let ipv4 = IpAddr::from([10, 0, 0, 2]);
    let ipv6 = IpAddr::from(SERVICE);
    for (option, properties, to, expected) in [
        ("--offloads=on", "", ipv6, [true; 2]),
        ("--offloads=on", "", ipv4, [true; 2]),
        ("--offloads=on", ",host_tso6=off", ipv6, [true, false]),
        ("--offloads=on", ",guest_tso6=off", ipv6, [false, true]),
        ("--offloads=on", ",host_tso4=off,guest_tso4=off", ipv6, [true; 2]),
        ("--offloads=on", ",host_tso6=off,guest_tso6=off", ipv4, [true; 2]),
        ("--offloads=on", ",csum=off", ipv6, [true, false]),
        ("--offloads=on", ",mrg_rxbuf=off", ipv6, [false, true]),
        ("--offloads=off", "", ipv6, [false; 2]),
        ("--offloads=off", "", ipv4, [false; 2]),
    ] {
        in_lab(|lab, _| {
            println!("{to}, {option}{properties}");
            let device = format!("virtio-net-device,netdev=net0{properties}");
            let counted = in_a_guest(lab, &image, &device, option, || there_and_back(to));
            assert_eq!(were_long(&counted, "virtio"), expected, "{option}{properties}");
            assert_eq!(counted("virtio.device_violations"), 0);
        });
    }
}

/// Calls `test` while echo runs on microvm with this device, and gives its counters.
fn in_a_guest(
    lab: &Lab,
    image: &Path,
    device: &str,
    option: &str,
    test: impl FnOnce(),
) -> impl Fn(&str) -> u64 {
    let sockets = lab::kvm::Sockets::new().expect("there is a place for sockets");
    let monitor = sockets.monitor();
    let guest = Guest {
        machine: Machine::Microvm { acpi: true },
        monitor: Some(&monitor),
        devices: Some(&[device]),
        ..Guest::new(image, 16)
    };
    let service = guest.start(lab, &[ARGUMENT, "--tcp", option], |_| ());
    let service = service.unwrap_or_else(|error| panic!("{device}: {error:#}"));
    test();
    let (status, lines) = lab::kvm::shut_down(service, &monitor).expect("it ends");
    assert!(status.success(), "{status}: {lines:#?}");
    counters(lines)
}

/// A client that hands over many datagrams at once gets as many replies, each as it was.
pub(crate) fn many_datagrams_at_once_are_answered() {
    in_lab(|lab, echo| {
        let service = start(lab, echo, &[ARGUMENT, "--offloads=on"]);
        for (size, count) in [(64_usize, 64_usize), (1, 60), (500, 64), (1452, 44), (1000, 2)] {
            for together in [true, false] {
                let socket: UdpSocket = socket_to((SERVICE, 8080).into());
                setsockopt(&socket, sockopt::UdpGroSegment, &together).expect("Linux has UDP_GRO");
                // The last one is shorter.
                let length = size * (count - 1) + size.div_ceil(2);
                let requests = Random::new(length as u64).bytes(length);
                // The neighbours have to find each other first.
                socket.send(b"hello").expect("it can be sent");
                assert_eq!(socket.recv(&mut [0; 16]).expect("it answers"), 5);
                send_segments(&socket, &requests, size);
                let mut replies: Vec<Vec<u8>> = Vec::new();
                while replies.len() < count {
                    replies.extend(receive_segments(&socket));
                }
                let expected: Vec<_> = requests.chunks(size).collect();
                assert!(replies == expected, "{count} of {size} bytes came back changed");
            }
        }
        let counted = stop(service);
        // Kernels have that from Linux 6.2 on.
        println!("cut: {}, joined: {}", counted("tap.reads_cut"), counted("tap.writes_joined"));
        assert_eq!(counted("tap.reads_cut") > 0, kernel() >= (6, 2));
        assert_eq!(counted("tap.writes_joined") > 0, kernel() >= (6, 2));
        for lost in ["rx_not_cut", "rx_too_long", "rx_no_room", "tx_refused", "tx_bad_length"] {
            assert_eq!(counted(&format!("tap.{lost}")), 0, "{lost}");
        }
    });
}
