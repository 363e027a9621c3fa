//! Whole towers on one queue, each on a thread of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::atomic::{AtomicBool, Ordering},
    thread, time,
};

use arp::Arp;
use cores::Core;
use ethernet::Ethernet;
use hub::Hub;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Instant, Layer, Rx};
use rt_regions::Region;
use share::Share;
use steer::Steer;
use testkit::{counter, program_memory};
use udp::Udp;

use crate::device::{Device, Line, OURS, PEER, cores, datagram, frame, join};

type Tower = Udp<'static, Share<Icmp<Ipv4<'static, Arp<'static, Hub<Ethernet<Steer<Device>>>>>>>>;

/// How long the test may take.
const LIMIT: time::Duration = time::Duration::from_secs(60);

fn tower(steer: Steer<Device>, core: Core) -> Tower {
    let memory = program_memory(400);
    let (shared, seed) = (core.shared_seed().unwrap(), 100 + core.index() as u128);
    let hub = Hub::new(Ethernet::new(steer), core);
    let arp = Arp::new(hub, "10.0.0.2/24".parse().unwrap(), shared, memory).unwrap();
    let ipv4 = Ipv4::new(arp, seed, memory).unwrap();
    let mut udp = Udp::new(Share::new(Icmp::new(ipv4, seed), core), seed, memory).unwrap();
    udp.bind(8080, |request, _| Ok(request)).unwrap();
    udp
}

/// The counters of a core that the test looks at.
fn serve(mut tower: Tower, began: time::Instant, end: &AtomicBool) -> BTreeMap<&'static str, u64> {
    let pool = program_memory(100).pool().unwrap();
    let mut region = Region::new(pool, "packet");
    while !end.load(Ordering::Acquire) {
        region.reset();
        // An hour of the tower is a minute here: its address is probed at once.
        let now = Instant::from_millis(began.elapsed().as_millis() as u64 * 60);
        match tower.receive(now, &region).unwrap() {
            Rx::Item(item) => tower.unclaimed(now, item).unwrap(),
            Rx::Handled => {}
            Rx::Idle => thread::yield_now(),
        }
    }
    [
        ("hub", "fragments_tx"),
        ("hub", "copied_tx"),
        ("udp", "datagrams_rx"),
        ("steer", "taken"),
        ("steer", "sent_for_others"),
        ("steer", "not_steered"),
        ("steer", "not_handed_over"),
    ]
    .map(|(layer, name)| (name, counter(&tower, layer, name)))
    .into()
}

/// A datagram of `length` bytes from `port`, in fragments.
fn fragments(id: u16, port: u16, length: usize) -> Vec<Vec<u8>> {
    let whole = datagram(port, &vec![id as u8; length]);
    let payload = &whole[34..];
    let mut frames = Vec::new();
    for (nth, part) in payload.chunks(1480).enumerate() {
        let more = if (nth + 1) * 1480 < payload.len() { 0x2000 } else { 0 };
        let mut packet = vec![0x45, 0];
        packet.extend((20 + part.len() as u16).to_be_bytes());
        packet.extend(id.to_be_bytes());
        packet.extend((more | (nth * 185) as u16).to_be_bytes());
        packet.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        let checksum = network::Checksum::new().add(&packet[..]).finish().to_be_bytes();
        packet[10..12].copy_from_slice(&checksum);
        packet.extend(part);
        frames.push(frame(0x0800, &packet));
    }
    frames
}

/// A frame of ARP from the peer with this operation, for us.
fn arp(operation: u8) -> Vec<u8> {
    let mut packet = vec![0, 1, 8, 0, 6, 4, 0, operation];
    packet.extend(PEER.0);
    packet.extend([10, 0, 0, 1]);
    packet.extend(OURS.0);
    packet.extend([10, 0, 0, 2]);
    frame(0x0806, &packet)
}

/// The peer: how many bytes of a datagram have come back, by the identification of the packets.
#[derive(Default)]
struct Answers {
    bytes: BTreeMap<u16, usize>,
    /// The ports to which whole datagrams have come back.
    ports: BTreeSet<u16>,
    /// The lengths of those that came back in pieces, or whole.
    lengths: BTreeMap<usize, usize>,
}

impl Answers {
    fn take(&mut self, line: &Line) {
        for (bytes, _) in line.drain() {
            let packet = &bytes[14..];
            if bytes[12..14] == [8, 6] {
                // Whether 10.0.0.1 is asked for.
                if packet[7] == 1 && packet[24..28] == Ipv4Addr::new(10, 0, 0, 1).octets() {
                    line.push(arp(2));
                }
                continue;
            }
            assert_eq!(packet[16..20], [10, 0, 0, 1]);
            let word = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
            let (length, id, fragment) = (usize::from(word(2)) - 20, word(4), word(6));
            if fragment & 0x1fff == 0 {
                self.ports.insert(word(22));
            }
            // What is whole has no identification of its own (RFC 6864 4.1).
            let is_whole = fragment & 0x3fff == 0;
            let before = if is_whole { 0 } else { self.bytes.remove(&id).unwrap_or(0) };
            if fragment & 0x2000 == 0 {
                *self.lengths.entry(before + length - 8).or_default() += 1;
            } else {
                self.bytes.insert(id, before + length);
            }
        }
    }

    fn count(&self) -> usize {
        self.lengths.values().sum()
    }
}

#[test]
fn towers_of_two_cores_echo_datagrams_of_all_sizes() {
    const SMALL: u16 = 500;
    const LARGE: u16 = 200;

    let (cores, _) = cores(2, 256 << 10);
    let (line, began) = (Line::new(), time::Instant::now());
    let end: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
    let (opened, is_open) = std::sync::mpsc::channel();
    let first = line.clone();
    let mut threads = vec![thread::spawn(move || {
        let core = join(cores, 0);
        let tower = tower(Steer::first(first.device(), core).unwrap(), core);
        opened.send(()).unwrap();
        serve(tower, began, end)
    })];
    is_open.recv().unwrap();
    threads.push(thread::spawn(move || {
        let core = join(cores, 1);
        serve(tower(Steer::other(core, 1, None).unwrap(), core), began, end)
    }));

    let mut answers = Answers::default();
    let wait = |answers: &mut Answers, count: usize| {
        while answers.count() < count {
            assert!(
                began.elapsed() < LIMIT,
                "{} of {count}: {:?}",
                answers.count(),
                answers.lengths
            );
            answers.take(&line);
            thread::yield_now();
        }
    };
    // Until the peer is known to both, which hear what arrived at the first.
    line.push(arp(1));
    let mut asked = 0;
    while answers.ports.len() < 20 {
        assert!(began.elapsed() < LIMIT, "no answers");
        line.push(datagram(3000 + asked % 20, b"anybody?"));
        asked += 1;
        thread::sleep(time::Duration::from_millis(5));
        answers.take(&line);
    }
    thread::sleep(time::Duration::from_millis(50));
    answers.take(&line);

    let mut answers = Answers::default();
    for nth in 0..SMALL {
        line.push(datagram(4000 + nth, &[1; 100]));
        wait(&mut answers, usize::from(nth).saturating_sub(50));
    }
    wait(&mut answers, SMALL.into());
    for id in 0..LARGE {
        for fragment in fragments(id, 4000 + id % 7, 4000 + usize::from(id)) {
            line.push(fragment);
        }
        wait(&mut answers, usize::from(SMALL + id).saturating_sub(10));
    }
    wait(&mut answers, (SMALL + LARGE).into());
    end.store(true, Ordering::Release);
    let counters: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();

    assert_eq!(answers.ports.len(), usize::from(SMALL));
    let expected = (0..usize::from(LARGE)).map(|id| (4000 + id, 1));
    assert_eq!(answers.lengths, [(100, usize::from(SMALL))].into_iter().chain(expected).collect());
    for (core, counters) in counters.iter().enumerate() {
        assert_eq!(counters["fragments_tx"], 0, "core {core} had to pass on a fragment");
        assert!(counters["datagrams_rx"] > u64::from(SMALL + LARGE) / 4, "{counters:?}");
        assert_eq!((counters["not_steered"], counters["not_handed_over"]), (0, 0));
    }
    assert!(counters[0]["copied_tx"] > 0 && counters[1]["copied_tx"] == 0);
    assert!(counters[1]["taken"] > 200 && counters[0]["sent_for_others"] > 200);
}
