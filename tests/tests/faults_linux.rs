//! Faults around a service on a TAP device, on one core and on two: its link goes down, the MTU changes, the process is stopped for
//! a while, its memory runs out, the device is deleted, the process is killed. What each does is written in
//! `docs/operations.md`.
//!
//! The service runs in a network namespace of its own, as in `linux.rs`, hence a `main` of its own too.

#![forbid(unsafe_code)]

#[path = "common/cores.rs"]
mod cores;
#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/program.rs"]
mod program;
#[path = "common/site.rs"]
mod site;
#[path = "common/trial.rs"]
mod trial;

use std::{
    net::UdpSocket,
    process::{Command, ExitCode},
    thread,
    time::{Duration, Instant},
};

use cores::{program_for, trials};
use lab::{
    Service, Signal,
    soak::{self, frames, site::Site},
};

fn main() -> ExitCode {
    // Where programs that serve are left out, these are, by the same name.
    let all = [
        trials("linux::faults::a_link_that_goes_down_comes_back", a_link_that_goes_down_comes_back),
        trials("linux::faults::a_larger_mtu_is_not_taken", a_larger_mtu_is_not_taken),
        trials("linux::faults::a_smaller_mtu_is_no_matter", a_smaller_mtu_is_no_matter),
        trials(
            "linux::faults::a_process_that_was_stopped_goes_on",
            a_process_that_was_stopped_goes_on,
        ),
        trials("linux::faults::memory_that_runs_out_comes_back", memory_that_runs_out_comes_back),
        trials("linux::faults::a_device_that_is_deleted_is_said", a_device_that_is_deleted_is_said),
        trials("linux::faults::one_that_is_killed_starts_again", one_that_is_killed_starts_again),
    ];
    namespace::run(all.into_iter().flatten().collect())
}

/// Calls `test` with a service on so many cores that a good client is served by before and after.
fn with_service(cores: usize, test: impl FnOnce(&mut Service<'_>, &Site) + Send) {
    let served = |site: &Site, seed| {
        site.serve_good_client(seed).unwrap_or_else(|error| panic!("{error:#}"));
    };
    site::with_site(&program_for(cores, "echo", &[]), cores, &[], |service, site| {
        served(site, 1);
        test(service, site);
        served(site, 2);
    });
}

/// Sets something of the device.
fn set(args: &[&str]) {
    let interface = soak::place().interface;
    let status = Command::new("ip").args(["link", "set", "dev", &interface]).args(args).status();
    assert!(status.expect("the tests need iproute2").success(), "{args:?}");
}

fn counter(site: &Site, name: &str) -> u64 {
    site.counters().unwrap_or_else(|error| panic!("{error:#}"))[name]
}

/// Waits until the service is heard again; it is not before the kernel has noticed that the link is up.
fn until_served(site: &Site) {
    let end = Instant::now() + Duration::from_secs(5);
    while let Err(error) = site.serve_good_client(3) {
        assert!(Instant::now() < end, "{error:#}");
    }
}

fn a_link_that_goes_down_comes_back(cores: usize) {
    with_service(cores, |service, site| {
        assert_eq!(counter(site, "tap.tx_interface_down"), 0);
        // The reply to somebody who is not there: it is asked for once a second, five times.
        let nobody = site.target().stranger(1);
        let request = frames::udp((nobody, 4000), (site.target().address, 8080), b"hello");
        let packet = frames::Ipv4::new(nobody, site.target().address, frames::UDP).packet(&request);
        site.wire().send(&site.target().frame(&packet)).expect("a frame can be sent");
        site.wait().expect("it is served");
        set(&["down"]);
        thread::sleep(Duration::from_millis(2500));
        assert!(service.ended().expect("it can be asked").is_none(), "{:#?}", service.lines());
        set(&["up"]);
        until_served(site);
        let lost = counter(site, "tap.tx_interface_down");
        assert!((1..=5).contains(&lost), "{lost} frames were sent while the link was down");
    });
}

/// The service goes on with the MTU that the device had when it was opened: what is longer is dropped, and
/// counted, and the rest is served.
fn a_larger_mtu_is_not_taken(cores: usize) {
    with_service(cores, |_, site| {
        set(&["mtu", "9000"]);
        let socket = site.connect(8080).expect("a socket can be opened");
        socket.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout can be set");
        assert!(ask(&socket, &[7; 1472]), "a packet of 1500 bytes is as before");
        // With four bytes more it would be a frame with a VLAN tag.
        assert!(!ask(&socket, &[7; 1480]), "a packet of 1508 bytes is too long");
        assert!(!ask(&socket, &[7; 8192]), "so is one of 8220 bytes");
        for _ in 0..200 {
            site.wire().send(&site.target().frame(&[0x45; 8986])).expect("it can be sent");
        }
        site.wait().expect("it is served");
        assert_eq!(counter(site, "tap.rx_too_long"), 202);
        set(&["mtu", "1500"]);
    });
}

fn a_smaller_mtu_is_no_matter(cores: usize) {
    with_service(cores, |_, site| {
        for mtu in ["1000", "576", "68"] {
            set(&["mtu", mtu]);
            let socket = site.connect(8080).expect("a socket can be opened");
            socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout can be set");
            // What the kernel sends has more pieces; what the service sends is taken as it is.
            assert!(ask(&socket, &[7; 1472]) && ask(&socket, &[7; 8000]), "MTU {mtu}");
        }
        set(&["mtu", "1500"]);
    });
}

/// Whether it is echoed.
fn ask(socket: &UdpSocket, request: &[u8]) -> bool {
    socket.send(request).expect("a request can be sent");
    let mut reply = vec![0; 1 << 16];
    socket.recv(&mut reply).is_ok_and(|length| reply[..length] == *request)
}

/// Its clock jumps, and more than its queue holds has come meanwhile.
fn a_process_that_was_stopped_goes_on(cores: usize) {
    with_service(cores, |service, site| {
        service.signal(Signal::SIGSTOP).expect("it runs");
        let half = site.target().first_fragment(site.target().host, 7, 1480);
        let request = site.target().ipv4(frames::UDP).packet(&site.target().silent_request(b"x"));
        let request = site.target().frame(&request);
        for number in 0..3000 {
            let frame = if number % 2 == 0 { &half } else { &request };
            // Where the queue is full it is lost.
            site.wire().try_send(frame).expect("the interface stays");
        }
        thread::sleep(Duration::from_secs(1));
        service.signal(Signal::SIGCONT).expect("it is there");
        until_served(site);
        let served = counter(site, "udp.no_reply_port");
        assert!((100..=1500).contains(&served), "{served} of 1500 requests were in the queue");
    });
}

/// Requests that need more than there is come to each core. They are lost; the others are served, and all pages come back.
fn memory_that_runs_out_comes_back(cores: usize) {
    /// How many flows ask, and what: longer than a quarter of the pool, which waits for fragments at most.
    const FLOWS: usize = 32;
    const LONG: usize = 60_000;
    let memory = format!("--memory={}K", 200 * cores);
    let program = program_for(cores, "echo", &[]);
    site::with_site(&program, cores, &[&memory], |_, site| {
        let small = |site: &Site| {
            for _ in 0..FLOWS {
                let socket = site.connect(8080).expect("a socket can be opened");
                socket.set_read_timeout(Some(Duration::from_secs(5))).expect("it can be set");
                assert!(ask(&socket, &[7; 100]), "a small request is served");
            }
        };
        small(site);
        site.settle().expect("it answers");
        let before = site.memory().expect("it tells");
        for _ in 0..3 {
            let sockets: Vec<_> = (0..FLOWS)
                .map(|_| {
                    let socket = site.connect(8080).expect("a socket can be opened");
                    socket.send(&[7; LONG]).expect("it can be sent");
                    socket.set_nonblocking(true).expect("it can be set");
                    socket
                })
                .collect();
            site.wait().expect("it is served");
            let answered = sockets.iter().filter(|socket| {
                socket.recv(&mut vec![0; 1 << 16]).is_ok_and(|length| length == LONG)
            });
            assert_eq!(answered.count(), 0, "there is no memory for it");
            small(site);
        }
        site.settle().expect("it answers");
        let after = site.memory().expect("it tells");
        for (core, (before, after)) in before.of_cores().zip(after.of_cores()).enumerate() {
            // What waits for its fragments has a quarter at most, and the rest is as before.
            let [held, reassembly] = [before, after].map(|held| held.region("ipv4.reassembly"));
            let rest = [before.free + held.pages, after.free + reassembly.pages];
            assert_eq!(rest[0], rest[1], "core {core}: {before:#?}, {after:#?}");
            assert!(reassembly.pages <= after.pages / 4, "core {core}: {after:#?}");
            assert!(reassembly.most > 5, "core {core} was spared: {after:#?}");
        }
    });
}

/// All cores end, and the reason is said once.
fn a_device_that_is_deleted_is_said(cores: usize) {
    let program = program_for(cores, "echo", &[]);
    lab::in_namespace(soak::network(cores), |lab| {
        let (service, _) = soak::start(lab, &program, cores, &[], |_| ()).expect("it serves");
        let interface = soak::place().interface;
        let deleted = Command::new("ip").args(["link", "delete", &interface]).status();
        assert!(deleted.expect("the tests need iproute2").success());
        // Each core that notices says it, another one than the first with its number.
        let reason = "the TAP device was deleted";
        let said = service.wait_for_line(0, Duration::from_secs(5), |line| line.contains(reason));
        said.unwrap_or_else(|| panic!("{:#?}", service.lines()));
        let (status, lines) = service.stop().expect("it ends");
        assert_eq!(status.code(), Some(1), "{lines:#?}");
        let times = lines.iter().filter(|line| line.contains(reason)).count();
        assert!((1..=cores).contains(&times), "{lines:#?}");
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}

/// Nothing is left of it that would stand in the way of the next one on the same device.
fn one_that_is_killed_starts_again(cores: usize) {
    let program = program_for(cores, "echo", &[]);
    lab::in_namespace(soak::network(cores), |lab| {
        for seed in 0..3 {
            let started = soak::start(lab, &program, cores, &[], |_| ());
            let (mut service, site) = started.unwrap_or_else(|error| panic!("{error:#}"));
            site.serve_good_client(seed).unwrap_or_else(|error| panic!("{error:#}"));
            service.signal(Signal::SIGKILL).expect("it runs");
            while service.ended().expect("it can be asked").is_none() {
                thread::sleep(Duration::from_millis(5));
            }
        }
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}
