//! The networks of two cores.

use std::net::{IpAddr, Ipv4Addr};

use cores::{ClaimError, Core, Cores, Doorbell, Sizes};
use layer::{Instant, Layer, Rx};
use network::{BindOnError, Delivery, IcmpError, Network, Packet, PortShare, Problem, Protocol};
use rt_regions::Region;
use share::Share;
use testkit::{FakeNetwork, program_memory};
use udp::Udp;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

struct NoBell;

impl Doorbell for NoBell {
    fn ring(&self, _: usize) {}
}

fn cores(count: usize) -> Vec<Core> {
    let sizes = Sizes { frames: 1 << 10, packets: 16 << 10, messages: 1 << 10, wire: 0 };
    let cores = Cores::new(program_memory(100), count, 7, sizes, &NoBell).unwrap();
    (0..count).map(|index| Core::join(cores, index, program_memory(10)).unwrap()).collect()
}

fn networks() -> [Share<FakeNetwork>; 2] {
    let cores = cores(2);
    [0, 1].map(|index| Share::new(FakeNetwork::default(), cores[index]))
}

/// A packet of `protocol` from port 4000 of the client to this port of ours.
fn packet(protocol: Protocol, port: u16) -> &'static Packet<'static> {
    let mut payload =
        [&4000_u16.to_be_bytes()[..], &port.to_be_bytes(), &[0, 13, 0, 0], b"hello"].concat();
    if protocol == Protocol::TCP {
        payload.resize(20, 0);
    }
    Box::leak(Box::new(Packet {
        source: CLIENT,
        destination: OURS,
        protocol,
        ttl: 64,
        tos: 0,
        broadcast: false,
        verify_checksum: false,
        segment_size: None,
        header: &[0x45; 20],
        payload: payload.leak(),
    }))
}

/// What a layer hands up, in words.
fn receive(network: &mut Share<FakeNetwork>) -> Rx<String> {
    let memory = program_memory(20);
    let region = Region::new(memory.pool().unwrap(), "packet");
    network.receive(Instant::ZERO, &region).unwrap().map(|delivery| format!("{delivery:?}"))
}

fn words(delivery: Delivery<'_>) -> Rx<String> {
    Rx::Item(format!("{delivery:?}"))
}

#[test]
fn a_packet_goes_to_the_core_that_serves_its_port() {
    let mut networks = networks();
    // Each says so; one serves.
    let [zero, one] = [0, 1].map(|core| networks[core].serve_on(1, Protocol::UDP, 53));
    assert_eq!((zero, one), (Ok(false), Ok(true)));
    assert_eq!(networks[0].serve_on(0, Protocol::UDP, 53), Err(ClaimError::Taken { core: 1 }));
    let (named, other) = (packet(Protocol::UDP, 53), packet(Protocol::UDP, 8080));
    let tcp = packet(Protocol::TCP, 53);
    networks[0].network_mut().incoming.extend([named, other, tcp].map(Delivery::Packet));
    assert_eq!(receive(&mut networks[0]), Rx::Handled);
    assert_eq!(receive(&mut networks[0]), words(Delivery::Packet(other)));
    assert_eq!(receive(&mut networks[0]), words(Delivery::Packet(tcp)));
    assert_eq!(receive(&mut networks[1]), words(Delivery::Packet(named)));
    assert_eq!(receive(&mut networks[1]), Rx::Idle);
    // One that comes to it is handed up.
    networks[1].network_mut().incoming.push_back(Delivery::Packet(named));
    assert_eq!(receive(&mut networks[1]), words(Delivery::Packet(named)));
    assert_eq!((networks[0].stats().passed_tx, networks[1].stats().passed_rx), (1, 1));
}

#[test]
fn an_error_is_told_to_all_cores() {
    let mut networks = networks();
    let error: &'static IcmpError<'static> = Box::leak(Box::new(IcmpError {
        problem: Problem::TooBig(1400),
        reporter: CLIENT,
        packet: *packet(Protocol::TCP, 80),
    }));
    networks[1].network_mut().incoming.push_back(Delivery::Error(error));
    for core in [1, 0] {
        assert_eq!(receive(&mut networks[core]), words(Delivery::Error(error)));
    }
    assert_eq!((receive(&mut networks[0]), receive(&mut networks[1])), (Rx::Idle, Rx::Idle));
}

#[test]
fn a_packet_that_nobody_here_knows_goes_once_to_the_core_that_chose_its_port() {
    let mut networks = networks();
    for (network, index) in networks.iter().zip([0, 1]) {
        assert_eq!(network.port_share(), PortShare::new(2, index));
    }
    let (odd, even) = (packet(Protocol::TCP, 40_001), packet(Protocol::TCP, 40_000));
    networks[0].network_mut().incoming.extend([odd, even].map(Delivery::Packet));
    assert_eq!(receive(&mut networks[0]), words(Delivery::Packet(odd)));
    assert!(networks[0].pass_on(odd));
    assert_eq!(receive(&mut networks[0]), words(Delivery::Packet(even)));
    assert!(!networks[0].pass_on(even), "it is one of its own");
    assert_eq!(receive(&mut networks[1]), words(Delivery::Packet(odd)));
    assert!(!networks[1].pass_on(odd), "it has come from another core");
    // What has no port cannot be passed on.
    networks[0].network_mut().incoming.push_back(Delivery::Packet(packet(Protocol(99), 40_001)));
    assert!(matches!(receive(&mut networks[0]), Rx::Item(_)));
    assert!(!networks[0].pass_on(packet(Protocol(99), 40_001)));
}

#[test]
fn a_socket_of_a_core_gets_the_answer_that_came_to_another() {
    let cores = cores(2);
    let mut towers: Vec<_> = (0..2)
        .map(|index| {
            let memory = program_memory(400);
            let tasks = tasks::Tasks::new(memory).unwrap();
            let network = Share::new(FakeNetwork::default(), cores[index]);
            Udp::new(network, index as u128, memory).unwrap().with_tasks(tasks).unwrap()
        })
        .collect();
    for _ in 0..20 {
        let socket = towers[1].sockets().open_any().unwrap();
        let port = socket.port();
        assert_eq!(port % 2, 1);
        let answer = packet(Protocol::UDP, port);
        towers[0].network_mut().network_mut().incoming.push_back(Delivery::Packet(answer));
        for core in [0, 1] {
            let memory = program_memory(20);
            let region = Region::new(memory.pool().unwrap(), "packet");
            assert!(matches!(towers[core].receive(Instant::ZERO, &region), Ok(Rx::Handled)));
        }
        assert_eq!(towers[0].network().network().errors, [], "it is not refused");
    }
    assert_eq!(towers[1].network().stats().passed_rx, 20);
    // A port that nobody has is refused, by the core that would have it.
    let stray = packet(Protocol::UDP, 40_001);
    towers[0].network_mut().network_mut().incoming.push_back(Delivery::Packet(stray));
    for core in [0, 1] {
        let memory = program_memory(20);
        let region = Region::new(memory.pool().unwrap(), "packet");
        assert!(matches!(towers[core].receive(Instant::ZERO, &region), Ok(Rx::Handled)));
    }
    let refused = [0, 1].map(|core| towers[core].network().network().errors.len());
    assert_eq!(refused, [0, 1]);
}

#[test]
fn a_service_on_a_core_of_its_own_answers_for_all() {
    let cores = cores(2);
    let mut towers: Vec<_> = (0..2)
        .map(|index| {
            let memory = program_memory(60);
            let network = Share::new(FakeNetwork::default(), cores[index]);
            let mut udp = Udp::new(network, index as u128, memory).unwrap();
            udp.bind(8080, |request, _| Ok(request)).unwrap();
            let bound = udp.bind_on(1, 8081, move |_, region| {
                Ok(region.format(format_args!("core {index}"))?.as_bytes())
            });
            assert_eq!(bound.unwrap().is_some(), index == 1);
            let taken = udp.bind_on(0, 8081, |request, _| Ok(request)).unwrap_err();
            assert_eq!(taken, BindOnError::Core(ClaimError::Taken { core: 1 }));
            let none = udp.bind_on(2, 8082, |request, _| Ok(request)).unwrap_err();
            assert_eq!(none.to_string(), "there are 2 cores, which count from 0");
            udp
        })
        .collect();
    let again = towers[1].bind_on(1, 8081, |request, _| Ok(request)).unwrap_err();
    assert_eq!(again.to_string(), "a service is bound to port 8081 already");
    let place = |udp: &Udp<'_, _>| std::fmt::from_fn(|f| udp.describe(f)).to_string();
    assert!(place(&towers[0]).starts_with(" udp 8080 udp 8081 on core 1"), "{}", place(&towers[0]));
    assert!(place(&towers[1]).starts_with(" udp 8080 8081"), "{}", place(&towers[1]));
    let request = packet(Protocol::UDP, 8081);
    towers[0].network_mut().network_mut().incoming.push_back(Delivery::Packet(request));
    for tower in &mut towers {
        let memory = program_memory(20);
        let region = Region::new(memory.pool().unwrap(), "packet");
        assert!(matches!(tower.receive(Instant::ZERO, &region), Ok(Rx::Handled)));
    }
    let sent = |core: usize| towers[core].network().network().sent.len();
    assert_eq!((sent(0), sent(1)), (0, 1));
}

#[test]
fn on_one_core_all_packets_pass() {
    let mut network = Share::new(FakeNetwork::default(), Core::ALONE);
    assert_eq!(network.serve_on(0, Protocol::UDP, 53), Ok(true));
    assert_eq!(network.serve_on(1, Protocol::UDP, 53), Err(ClaimError::NoSuchCore { count: 1 }));
    assert_eq!(network.port_share(), PortShare::ALL);
    let stray = packet(Protocol::UDP, 53);
    network.network_mut().incoming.push_back(Delivery::Packet(stray));
    assert_eq!(receive(&mut network), words(Delivery::Packet(stray)));
    assert!(!network.pass_on(stray));
}
