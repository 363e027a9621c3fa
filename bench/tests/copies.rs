//! What a service is given is where the device put it, and what it answers is where the device takes it
//! from: nothing in between is copied. What came in fragments is put together once for the service.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    mem::MaybeUninit,
    ops::Range,
    rc::Rc,
};

use arp::Arp;
use bench::{CLIENT, SERVER, frames};
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::{Instant, Layer, Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame};
use rt_regions::{PAGE_SIZE, Pool, Region};
use udp::Udp;

/// Where in memory some bytes are.
type Place = Range<usize>;

fn place(bytes: &[u8]) -> Place {
    let start = bytes.as_ptr().addr();
    start..start + bytes.len()
}

/// An interface that notes where the bytes are that it gives and takes.
struct Watched {
    mac: MacAddr,
    incoming: RefCell<Vec<Vec<u8>>>,
    given: Rc<Cell<Place>>,
    /// Each piece of each frame that was sent, headers included.
    taken: Rc<RefCell<Vec<Place>>>,
}

impl Netif for Watched {
    type Error = Infallible;
    type Event = ();

    fn mac(&self) -> MacAddr {
        self.mac
    }

    fn mtu(&self) -> usize {
        1500
    }

    fn event(&self) {}

    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Infallible> {
        let Some(frame) = self.incoming.borrow_mut().pop() else { return Ok(Rx::Idle) };
        let bytes = region.alloc_slice(&frame).expect("a page is enough");
        self.given.set(place(bytes));
        Ok(Rx::Item(RxFrame::new(bytes)))
    }

    fn transmit(&mut self, frame: impl Payload, _: TxOffload) -> Result<(), Infallible> {
        frame.visit(0, frame.len(), &mut |piece| self.taken.borrow_mut().push(place(piece)));
        Ok(())
    }
}

/// What one request leaves behind.
struct Watch {
    /// Where the last frame was that the device gave.
    given: Place,
    /// What the service was given.
    request: Place,
    /// What the service answered.
    reply: Place,
    /// The pieces of the reply's payload, in order, as the device found them.
    taken: Vec<Place>,
}

/// Echoes a request of `size` bytes; `own` says whether the reply is memory of the service's own.
fn watch(size: usize, own: bool) -> Watch {
    let places = Cell::new((0..0, 0..0));
    let mut memory = vec![MaybeUninit::uninit(); 1024 * PAGE_SIZE];
    let pool = Pool::new(&mut memory);
    let (global, mut packet) = (Region::new(&pool, "global"), Region::new(&pool, "packet"));
    let request = frames(CLIENT, 4000, SERVER, 8080, size).unwrap();
    let (given, taken) = (Rc::default(), Rc::<RefCell<Vec<Place>>>::default());
    let server = Watched {
        mac: SERVER.mac,
        incoming: RefCell::new(request.iter().rev().cloned().collect()),
        given: Rc::clone(&given),
        taken: Rc::clone(&taken),
    };
    let cidr = SERVER.cidr().unwrap();
    let mut arp = Arp::new(Ethernet::new(server), cidr, 7, &global).unwrap();
    arp.insert_static(CLIENT.ipv4, CLIENT.mac).unwrap();
    let mut udp = Udp::new(Icmp::new(Ipv4::new(arp, 7, &global).unwrap(), 7), 7, &global).unwrap();
    let shared = &places;
    udp.bind(8080, move |request, region| {
        let reply = if own { &*region.alloc_slice(request)? } else { request };
        shared.set((place(request), place(reply)));
        Ok(reply)
    })
    .unwrap();
    while !matches!(udp.receive(Instant::ZERO, &packet), Ok(Rx::Idle)) {
        packet.reset();
    }
    let (request, reply) = places.take();
    // Of the announcement and of the headers nothing is in the reply.
    let in_reply = |piece: &Place| !piece.is_empty() && reply.contains(&piece.start);
    let taken = taken.take().into_iter().filter(in_reply).collect();
    Watch { given: given.take(), request, reply, taken }
}

#[test]
fn a_service_reads_its_request_where_the_device_put_it() {
    for size in [64, 1400, 1472] {
        let Watch { given, request, .. } = watch(size, false);
        assert_eq!(request.len(), size);
        // Ethernet, IPv4, UDP.
        assert_eq!(request.start, given.start + 14 + 20 + 8);
    }
}

#[test]
fn the_device_takes_the_reply_from_where_the_service_put_it() {
    for (size, own) in [(64, false), (64, true), (1472, true), (8192, true), (60_000, true)] {
        let Watch { request, reply, taken, .. } = watch(size, own);
        assert_eq!(request == reply, !own);
        // One after the other, they are the reply: every byte is taken once, from its only place.
        let mut next = reply.start;
        for piece in taken {
            assert_eq!(piece.start, next, "{size} bytes");
            next = piece.end;
        }
        assert_eq!(next, reply.end, "{size} bytes");
    }
}
