//! The towers of two cores on one link, each with a wire of its own.

use std::{net::Ipv4Addr, time::Duration};

use arp::Arp;
use cores::{Core, Cores, Doorbell, Sizes};
use ethernet::{Ethernet, EthernetHeader};
use hub::Hub;
use icmp::Icmp;
use ipv4::{Fields, Ipv4, Ipv4Header};
use layer::{Instant, Layer, Rx};
use netif::MacAddr;
use network::{Checksum, Protocol};
use rt_regions::Region;
use testkit::{End, Wire, bytes_of, counter, program_memory};
use udp::Udp;

const OURS: MacAddr = MacAddr([2, 0, 10, 0, 0, 2]);
const PEER: MacAddr = MacAddr([2, 0, 10, 0, 0, 1]);
const OUR_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const PEER_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

type Tower = Udp<'static, Icmp<Ipv4<'static, Arp<'static, Hub<Ethernet<End>>>>>>;

struct NoBell;

impl Doorbell for NoBell {
    fn ring(&self, _: usize) {}
}

/// A program with several cores, which the test runs one after the other.
struct Program {
    now: Instant,
    wires: Vec<Wire>,
    towers: Vec<Tower>,
    memory: &'static Region<'static>,
}

impl Program {
    fn new(count: usize) -> Self {
        let sizes = Sizes { frames: 16 << 10, packets: 4 << 10, messages: 1 << 10, wire: 0 };
        let cores = Cores::new(program_memory(200), count, 7, sizes, &NoBell).unwrap();
        let (mut wires, mut towers) = (Vec::new(), Vec::new());
        for index in 0..count {
            let memory = program_memory(600);
            let core = Core::join(cores, index, memory).unwrap();
            let (wire, end) = Wire::new(OURS);
            let hub = Hub::new(Ethernet::new(end), core);
            let address = "10.0.0.2/24".parse().unwrap();
            let arp = Arp::new(hub, address, core.shared_seed().unwrap(), memory).unwrap();
            let seed = 100 + index as u128;
            let icmp = Icmp::new(Ipv4::new(arp, seed, memory).unwrap(), seed);
            let mut udp = Udp::new(icmp, seed, memory).unwrap();
            udp.bind(8080, |request, _| Ok(request)).unwrap();
            wires.push(wire);
            towers.push(udp);
        }
        let mut program = Self { now: Instant::ZERO, wires, towers, memory: program_memory(100) };
        // The address is probed, and announced.
        for _ in 0..100 {
            program.pass(Duration::from_millis(100));
        }
        program
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.run();
    }

    /// Lets each core work until none has anything to do.
    fn run(&mut self) {
        let mut idle = 0;
        while idle < self.towers.len() {
            idle = 0;
            for core in 0..self.towers.len() {
                idle += usize::from(!self.turn(core));
            }
        }
    }

    /// One turn of one core; whether it had something to do.
    fn turn(&mut self, core: usize) -> bool {
        let region = Region::new(self.memory.pool().unwrap(), "packet");
        match self.towers[core].receive(self.now, &region).unwrap() {
            Rx::Idle => false,
            Rx::Handled => true,
            Rx::Item(item) => {
                self.towers[core].unclaimed(self.now, item).unwrap();
                true
            }
        }
    }

    fn counter(&self, core: usize, name: &str) -> u64 {
        let (layer, name) = name.split_once('.').unwrap();
        counter(&self.towers[core], layer, name)
    }

    /// The frames of this EtherType that each core has sent.
    fn sent(&self, ethertype: u16) -> Vec<Vec<Vec<u8>>> {
        let is_of = |frame: &Vec<u8>| frame[12..14] == ethertype.to_be_bytes();
        self.wires.iter().map(|wire| wire.drain().into_iter().filter(is_of).collect()).collect()
    }

    /// Lets the peer become known to all cores.
    fn meet(&mut self) {
        self.wires[0].push(arp(1, OUR_ADDRESS, PEER_ADDRESS));
        self.run();
        self.sent(0);
    }
}

/// A frame of ARP from the peer with this operation.
fn arp(operation: u8, target: Ipv4Addr, sender: Ipv4Addr) -> Vec<u8> {
    let (destination, known) = match operation {
        1 => (MacAddr::BROADCAST, MacAddr::UNSPECIFIED),
        _ => (OURS, OURS),
    };
    [
        &destination.0[..],
        &PEER.0,
        &[8, 6, 0, 1, 8, 0, 6, 4, 0, operation],
        &PEER.0,
        &sender.octets(),
        &known.0,
        &target.octets(),
    ]
    .concat()
}

/// The frames of one datagram to port 8080 from this port, in fragments of up to 1,480 bytes.
fn datagram(id: u16, port: u16, payload: &[u8]) -> Vec<Vec<u8>> {
    let length = (8 + payload.len()) as u16;
    let mut datagram =
        [&port.to_be_bytes()[..], &8080_u16.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload]
            .concat();
    let pseudo =
        [&PEER_ADDRESS.octets()[..], &OUR_ADDRESS.octets(), &[0, 17], &length.to_be_bytes()];
    let checksum = Checksum::new().add(&pseudo.concat()).add(&datagram).finish();
    datagram[6..8].copy_from_slice(&checksum.to_be_bytes());
    let fields = Fields {
        source: PEER_ADDRESS,
        destination: OUR_ADDRESS,
        protocol: Protocol::UDP,
        ttl: 64,
        tos: 0,
        identification: id,
        dont_fragment: false,
    };
    let count = datagram.chunks(1480).count();
    let fragment = |(nth, bytes): (usize, &[u8])| {
        let header = Ipv4Header::new(&fields, nth * 1480, bytes.len(), nth + 1 < count);
        let ethernet = EthernetHeader::new(OURS, PEER, ethernet::EtherType::IPV4);
        bytes_of((ethernet, (header, bytes)))
    };
    datagram.chunks(1480).enumerate().map(fragment).collect()
}

#[test]
fn an_address_is_probed_and_announced_by_one_core() {
    let program = Program::new(3);
    let [first, others @ ..] = &program.sent(0x0806)[..] else { unreachable!() };
    assert!(first.len() >= 2, "{first:?}");
    assert!(others.iter().all(Vec::is_empty), "{others:?}");
    assert!(program.counter(1, "hub.left_to_another") > 0);
    for tower in &program.towers {
        assert_eq!(tower.ready().ok(), Some(true));
    }
}

#[test]
fn a_question_is_answered_by_the_core_that_it_came_to() {
    let mut program = Program::new(3);
    program.sent(0);
    for core in [0, 1, 2, 1, 0] {
        program.wires[core].push(arp(1, OUR_ADDRESS, PEER_ADDRESS));
        program.run();
        let answers = program.sent(0x0806);
        for (index, answers) in answers.iter().enumerate() {
            assert_eq!(
                answers.len(),
                usize::from(index == core),
                "core {index} of a question to {core}"
            );
        }
        program.pass(Duration::from_secs(2));
        program.sent(0);
    }
}

#[test]
fn an_answer_to_one_core_is_heard_by_the_core_that_asked() {
    let mut program = Program::new(2);
    program.sent(0);
    let [request] = &datagram(1, 4000, b"hello")[..] else { unreachable!() };
    program.wires[1].push(request.clone());
    program.run();
    // The peer is not known: core 1 asks.
    let asked = program.sent(0x0806);
    assert_eq!((asked[0].len(), asked[1].len()), (0, 1));
    // The answer comes to core 0, as that of a TAP device does.
    program.wires[0].push(arp(2, OUR_ADDRESS, PEER_ADDRESS));
    program.run();
    let replies = program.sent(0x0800);
    assert_eq!((replies[0].len(), replies[1].len()), (0, 1), "nothing has to be asked again");
    assert!(replies[1][0][42..].starts_with(b"hello"));
    assert_eq!(program.counter(1, "hub.frames_rx"), 1);
}

#[test]
fn fragments_come_together_whichever_cores_they_come_to() {
    let mut program = Program::new(2);
    program.meet();
    let payload: Vec<u8> = (0..4000_u32).map(|number| number as u8).collect();
    let mut served = [0; 2];
    for id in 0..64_u16 {
        let mut fragments = datagram(id, 4000 + id, &payload);
        assert_eq!(fragments.len(), 3);
        if id % 3 == 0 {
            fragments.reverse();
        }
        for (nth, fragment) in fragments.into_iter().enumerate() {
            program.wires[(usize::from(id) >> nth) & 1].push(fragment);
            if id % 2 == 0 {
                program.run();
            }
        }
        program.run();
        let replies = program.sent(0x0800);
        let counts = [replies[0].len(), replies[1].len()];
        assert!(counts == [3, 0] || counts == [0, 3], "{id}: {counts:?}");
        served[usize::from(counts[0] == 0)] += 1;
    }
    assert!(served.iter().all(|count| *count > 16), "the work is shared: {served:?}");
    let reassembled = [0, 1].map(|core| program.counter(core, "ipv4.reassembled"));
    assert_eq!(reassembled, served);
}

#[test]
fn a_core_that_is_behind_loses_copies_and_the_others_go_on() {
    let mut program = Program::new(2);
    program.meet();
    let before = program.counter(0, "hub.no_room");
    for number in 0..1000_u32 {
        let [request] = &datagram(number as u16, 4000, b"hello")[..] else { unreachable!() };
        program.wires[0].push(arp(1, OUR_ADDRESS, PEER_ADDRESS));
        program.wires[0].push(request.clone());
        // Core 1 does not run.
        while program.turn(0) {}
    }
    assert_eq!(program.sent(0x0800)[0].len(), 1000);
    let lost = program.counter(0, "hub.no_room") - before;
    assert!((100..1000).contains(&lost), "{lost}");
    program.run();
    assert_eq!(program.counter(1, "hub.frames_rx"), program.counter(0, "hub.copied_tx"));
}

#[test]
fn on_one_core_all_frames_pass() {
    let memory = program_memory(100);
    let (wire, end) = Wire::new(OURS);
    let mut hub = Hub::new(Ethernet::new(end), Core::ALONE);
    let fragment = datagram(1, 4000, &[7; 3000]).remove(1);
    wire.push(fragment);
    let region = Region::new(memory.pool().unwrap(), "packet");
    assert!(matches!(hub.receive(Instant::ZERO, &region), Ok(Rx::Item(_))));
    assert_eq!((hub.stats().fragments_tx, hub.stats().copied_tx), (0, 0));
}
