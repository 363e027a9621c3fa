//! TCP on a core without the device, through rings that are much shorter than what it has to say.

use std::{
    cell::RefCell,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use arp::Arp;
use cores::Core;
use ethernet::{Ethernet, Link};
use hub::Hub;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame, RxMarks};
use network::{BindOnError, Network};
use rt_regions::Region;
use share::Share;
use steer::Steer;
use tasks::Tasks;
use tcp::Tcp;
use testkit::{Clock, Host, bytes_of, program_memory};

use crate::device::{Device, Line, PEER, cores, join};

/// How many bytes each connection is sent.
const LENGTH: usize = 200_000;
const CONNECTIONS: usize = 12;

/// The other end of the line.
struct PeerEnd(Line);

impl Netif for PeerEnd {
    type Error = Infallible;
    type Event = ();

    fn mac(&self) -> MacAddr {
        PEER
    }

    fn mtu(&self) -> usize {
        1500
    }

    fn event(&self) {}

    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Infallible> {
        let Some((frame, _)) = self.0.state().sent.pop_front() else { return Ok(Rx::Idle) };
        Ok(region.alloc_slice(&frame).map_or(Rx::Handled, |bytes| Rx::Item(RxFrame::new(bytes))))
    }

    fn transmit(&mut self, frame: impl Payload, _: TxOffload) -> Result<(), Infallible> {
        self.0.state().incoming.push_back((bytes_of(frame), RxMarks::default()));
        Ok(())
    }
}

fn ipv4<L: Link>(link: L, address: &str, seed: u128) -> Icmp<Ipv4<'static, Arp<'static, L>>> {
    let memory = program_memory(300);
    let arp = Arp::new(link, address.parse().unwrap(), 7, memory).unwrap();
    Icmp::new(Ipv4::new(arp, seed, memory).unwrap(), seed)
}

fn host<I: Network>(
    network: I,
    clock: &Clock,
    seed: u128,
) -> (Host<'static, Tcp<I>>, &'static Tasks) {
    let memory = program_memory(2000);
    let tasks = Tasks::new(memory).unwrap();
    let tower = Tcp::new(network, seed, tasks).unwrap();
    (Host::new(tower, clock.clone(), memory.pool().unwrap()).with_tasks(tasks), tasks)
}

type Ours = Tcp<Share<Icmp<Ipv4<'static, Arp<'static, Hub<Ethernet<Steer<Device>>>>>>>>;

fn byte(at: usize) -> u8 {
    (at * 7 + at / 251) as u8
}

/// What a connection is sent.
async fn write(stream: &tcp::Stream) -> Result<(), tasks::TaskError> {
    for start in (0..LENGTH).step_by(5000) {
        let chunk: Vec<u8> = (start..start + 5000).map(byte).collect();
        stream.send(&chunk[..]).await?;
    }
    Ok(())
}

fn ours(steer: Steer<Device>, core: Core, clock: &Clock) -> Host<'static, Ours> {
    let seed = 100 + core.index() as u128;
    let icmp = ipv4(Hub::new(Ethernet::new(steer), core), "10.0.0.2/24", seed);
    host(Share::new(icmp, core), clock, seed).0
}

/// Two cores, of which the first has the device. Between them are rings of so many bytes.
struct Program {
    first: Host<'static, Ours>,
    other: Host<'static, Ours>,
    clock: Clock,
    line: Line,
    /// How often the second core found no room.
    without_room: u32,
}

impl Program {
    fn new(ring: usize) -> Self {
        let ((cores, _), line) = (cores(2, ring), Line::new());
        let clock = Clock::new();
        let [zero, one] = [0, 1].map(|index| join(cores, index));
        let first = ours(Steer::first(line.device(), zero).unwrap(), zero, &clock);
        let other = ours(Steer::other(one, 1, None).unwrap(), one, &clock);
        Self { first, other, clock, line, without_room: 0 }
    }

    /// A peer opens connections to this port, and reads what each is sent.
    fn is_read(&mut self, port: u16) {
        let Self { first, other, clock, line, without_room } = self;
        let icmp = ipv4(Ethernet::new(PeerEnd(line.clone())), "10.0.0.1/24", 1);
        let (mut peer, tasks) = host(icmp, clock, 1);
        let connections = peer.tower.connections();
        let done = Rc::new(RefCell::new(0));
        for _ in 0..CONNECTIONS {
            let done = done.clone();
            tasks
                .spawn("reads", async move |_| {
                    let server: SocketAddr = (Ipv4Addr::new(10, 0, 0, 2), port).into();
                    let stream = connections.connect(server).await?;
                    let mut received = 0;
                    while let Some(length) = stream
                        .receive(|bytes| {
                            for (at, got) in bytes.iter().enumerate() {
                                assert_eq!(*got, byte(received + at), "byte {}", received + at);
                            }
                            (bytes.len(), Some(bytes.len()))
                        })
                        .await?
                    {
                        received += length;
                    }
                    assert_eq!(received, LENGTH);
                    *done.borrow_mut() += 1;
                    Ok(())
                })
                .unwrap();
        }
        // Core 1 works until it has nothing to do, and only then core 0 empties its ring.
        let mut millis = 0;
        while *done.borrow() < CONNECTIONS {
            while peer.turn() | other.turn() | {
                *without_room += u32::from(other.tower.network().room() == 0);
                first.turn()
            } {}
            clock.advance(Duration::from_millis(1));
            millis += 1;
            assert!(millis < 20_000, "{} of {CONNECTIONS} are done", done.borrow());
        }
    }
}

#[test]
fn tcp_loses_nothing_in_a_ring_that_has_no_room() {
    // Five frames.
    let mut program = Program::new(8 << 10);
    for host in [&mut program.first, &mut program.other] {
        host.tower.bind(80, async |stream, _| write(stream).await).unwrap();
    }
    program.is_read(80);
    let Program { first, other, without_room, .. } = program;
    assert!(without_room > 10, "the ring was full {without_room} times");
    assert_eq!(other.counter("steer", "not_handed_over"), 0);
    assert_eq!(first.counter("steer", "not_steered"), 0);
    let sent = [first.counter("tcp", "segments_tx"), other.counter("tcp", "segments_tx")];
    assert!(sent.iter().all(|sent| *sent > 2 * (LENGTH / 1460) as u64), "{sent:?}");
    assert_eq!(other.counter("tcp", "not_sent"), 0);
    assert_eq!(first.counter("steer", "sent_for_others"), other.counter("steer", "handed_over"));
}

#[test]
fn a_port_of_one_core_is_served_there_wherever_its_segments_arrive() {
    for serves in [0, 1] {
        let mut program = Program::new(256 << 10);
        let bound = [&mut program.first, &mut program.other].map(|host| {
            let service = async |stream: &tcp::Stream, _: &Region<'static>| write(stream).await;
            host.tower.bind_on(serves, 81, service).unwrap()
        });
        assert_eq!(bound, [serves == 0, serves == 1]);
        let taken = program.other.tower.bind_on(1 - serves, 81, async |_, _| Ok(()));
        assert!(matches!(taken, Err(BindOnError::Core(_))), "{taken:?}");
        program.is_read(81);
        let hosts = [&program.first, &program.other];
        let accepted = hosts.map(|host| host.counter("tcp", "accepted"));
        assert_eq!(accepted[serves], CONNECTIONS as u64, "{accepted:?}");
        assert_eq!(accepted[1 - serves], 0);
        // The hash of a flow sends some of them to the other core.
        let passed = hosts[1 - serves].counter("share", "passed_tx");
        assert!(passed > 0 && hosts[serves].counter("share", "passed_rx") == passed);
    }
}
