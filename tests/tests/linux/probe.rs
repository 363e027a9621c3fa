//! `--probe`: an address that is another's, and one that is free.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use lab::{Lab, Service, Signal, soak::wire::Wire};
use netif::MacAddr;
use nix::{
    errno::Errno,
    sys::{
        signal::kill,
        socket::{MsgFlags, recv, setsockopt, sockopt::ReceiveTimeout},
        time::TimeVal,
    },
    unistd::Pid,
};

use super::{
    datagrams::frames,
    process::{cpu_time, ip},
    support::{PORT, ask, connect, in_lab, program},
};

const PROBE: &[&str] = &["--probe"];

/// The host takes the address of the service for itself.
pub(crate) fn an_address_that_is_anothers_ends_it() {
    let program = program("echo");
    in_lab(|lab| {
        let interface = &lab.network().interface;
        ip(&format!("address add 10.0.0.2/24 dev {interface}"));
        let station = Wire::open(interface).expect("the interface is there").mac();
        let output = lab.command(program, PROBE).output().expect("it can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let station = MacAddr(station);
        let words = format!("echo: the address 10.0.0.2 is in use by the station {station}");
        assert!(said.lines().any(|line| line == words), "{said}");
        assert!(!said.contains("serving"), "{said}");
    });
}

pub(crate) fn a_free_address_is_announced_and_served() {
    let program = program("echo");
    in_lab(|lab| {
        let (frames, start) = (frames(), Instant::now());
        let service = Service::start(lab, program, PROBE, |_| ()).expect("it serves");
        let took = start.elapsed();
        assert!(took >= Duration::from_secs(4), "it served after {took:?}");
        // Who asks before is not answered, as the frames of the service show.
        let said = said_by_the_service(lab, &frames);
        let probes = said.iter().take_while(|sender| **sender == [0; 4]).count();
        assert_eq!((probes, said.get(3)), (3, Some(&[10, 0, 0, 2])), "{said:?}");
        assert_eq!(ask(&connect(lab, PORT), "hello"), b"hello");
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
        let counted = |name: &str| lines.iter().any(|line| line.starts_with(name));
        assert!(counted("eth0.arp.probes_tx 3"), "{lines:#?}");
        assert!(!counted("eth0.arp.conflicts"), "{lines:#?}");
    });
}

/// The senders of the ARP packets of the service, up to its first announcement.
fn said_by_the_service(lab: &Lab, frames: &OwnedFd) -> Vec<[u8; 4]> {
    let host = Wire::open(&lab.network().interface).expect("the interface is there").mac();
    let mut senders = Vec::new();
    let mut frame = [0; 1514];
    while senders.last().is_none_or(|sender| *sender == [0; 4]) {
        let length = recv(frames.as_raw_fd(), &mut frame, MsgFlags::empty())
            .expect("the service announces its address");
        // RFC 826: type 0x0806, the sender's protocol address 14 bytes into the packet.
        if length >= 42 && frame[12..14] == [8, 6] && frame[6..12] != host {
            senders.push([frame[28], frame[29], frame[30], frame[31]]);
        }
    }
    senders
}

pub(crate) fn ends_while_it_probes() {
    let program = program("echo");
    in_lab(|lab| {
        let mut child =
            lab.command(program, PROBE).stderr(Stdio::null()).spawn().expect("it can be started");
        thread::sleep(Duration::from_secs(1));
        let id = Pid::from_raw(child.id().try_into().expect("a number of a process"));
        kill(id, Signal::SIGTERM).expect("it runs");
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
    });
}

/// The service makes its own interface, which is down.
fn on_tapn(lab: &Lab, program: &Path) -> Child {
    let mut command = lab.client(program);
    command.args(["--probe", "--ipv4=10.77.0.1/24", "--interface=tapn"]);
    command.stderr(Stdio::piped()).spawn().expect("it can be started")
}

pub(crate) fn silence_on_a_link_that_is_down_is_no_consent() {
    let program = program("echo");
    in_lab(|lab| {
        let mut child = on_tapn(lab, program);
        // Longer than probing takes.
        thread::sleep(Duration::from_secs(7));
        assert!(cpu_time(child.id()) < 20, "it does not sleep while the link is down");
        ip("address add 10.77.0.1/24 dev tapn");
        ip("link set tapn up");
        let up = Instant::now();
        while child.try_wait().expect("it was started").is_none() {
            if up.elapsed() > Duration::from_secs(10) {
                let _ = child.kill();
            }
            thread::sleep(Duration::from_millis(10));
        }
        println!("it ended {:?} after the link came up", up.elapsed());
        let output = child.wait_with_output().expect("it ended");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("echo: the address 10.77.0.1 is in use by the station "), "{said}");
        assert!(!said.contains("serving"), "{said}");
    });
}

pub(crate) fn a_link_that_comes_back_is_told_the_address() {
    let program = program("echo");
    in_lab(|lab| {
        let child = on_tapn(lab, program);
        thread::sleep(Duration::from_secs(1));
        ip("link set tapn up");
        let frames = frames();
        setsockopt(&frames, ReceiveTimeout, &TimeVal::new(12, 0)).expect("a timeout can be set");
        let start = Instant::now();
        assert_eq!(senders(&frames, 4), [[0; 4], [0; 4], [0; 4], [10, 77, 0, 1]]);
        assert!(start.elapsed() >= Duration::from_secs(4), "{:?}", start.elapsed());
        assert_eq!(senders(&frames, 1), [[10, 77, 0, 1]]);
        for _ in 0..2 {
            ip("link set tapn down");
            thread::sleep(Duration::from_millis(1500));
            ip("link set tapn up");
            let back = Instant::now();
            assert_eq!(senders(&frames, 1), [[10, 77, 0, 1]]);
            println!("it announced its address {:?} after the link came back", back.elapsed());
            assert!(back.elapsed() < Duration::from_millis(1500), "{:?}", back.elapsed());
            assert_eq!(senders(&frames, 1), [[10, 77, 0, 1]]);
        }
        let id = Pid::from_raw(child.id().try_into().expect("a number of a process"));
        kill(id, Signal::SIGTERM).expect("it runs");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    });
}

/// The senders of the next ARP packets, so many.
fn senders(frames: &OwnedFd, count: usize) -> Vec<[u8; 4]> {
    let mut senders = Vec::new();
    let mut frame = [0; 1514];
    while senders.len() < count {
        match recv(frames.as_raw_fd(), &mut frame, MsgFlags::empty()) {
            Ok(length) if length >= 42 && frame[12..14] == [8, 6] => {
                senders.push([frame[28], frame[29], frame[30], frame[31]]);
            }
            // Linux says so when an interface goes down.
            Ok(_) | Err(Errno::ENETDOWN) => {}
            Err(errno) => panic!("no ARP packet after {senders:?}: {errno}"),
        }
    }
    senders
}
