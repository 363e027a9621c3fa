//! The services of the program, and what its client asks them.

use std::{cell::RefCell, net::SocketAddr, time::Duration};

use layer::Connection;
use rt_regions::{Eviction, Exhausted, Region, RegionMap, Slabs};
use testkit::{Host, Random};
use udp::Failure;

use super::{SERVICE, Stack};

/// What was asked in a turn.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) functions: u64,
    pub(crate) sorts: u64,
    pub(crate) tasks: u64,
}

/// Binds the services: one that sorts, one that remembers, and one that answers late.
pub(crate) fn bind(tower: &mut Stack, memory: &'static Region<'static>) {
    tower
        .bind(8080, |request, region| {
            // As a merge sort takes it: halves of halves.
            fn sort(bytes: &[u8], region: &Region<'_>) -> Result<(), Exhausted> {
                if bytes.len() > 64 {
                    let halves = region.child("halves");
                    let copy = halves.alloc_slice(bytes)?;
                    let (one, other) = copy.split_at(copy.len() / 2);
                    sort(one, &halves)?;
                    sort(other, &halves)?;
                }
                Ok(())
            }
            sort(request, region)?;
            Ok(request)
        })
        .expect("the port is free");
    let pool = memory.pool().expect("it has one");
    let slabs: &'static Slabs<'static> =
        Box::leak(Box::new(Slabs::new(pool, "values").with_cap(1 << 20)));
    let map = RegionMap::new(slabs, std::hash::RandomState::new());
    // A service has no destructor, so it borrows what has one.
    let map: &'static RefCell<_> =
        Box::leak(Box::new(RefCell::new(map.with_eviction(Eviction::LeastRecentlyUsed))));
    let mut clock = 0;
    tower
        .bind(8081, move |request, _| {
            clock += 1;
            let mut map = map.borrow_mut();
            map.expire(clock);
            let (key, value) = request.split_at_checked(8).ok_or(Failure::Refused("too short"))?;
            // It comes and goes: a value lives for 4,000 requests.
            map.insert_bytes(key, value, Some(clock + 4_000))?;
            Ok(b"stored")
        })
        .expect("the port is free");
    let sockets = tower.sockets();
    tower
        .spawn_each(8082, 64, async move |request, region| {
            let answer = region.alloc_slice(request)?;
            let wait = u64::from(request.first().copied().unwrap_or(0)) * 12;
            sockets.tasks().sleep(Duration::from_millis(wait)).await;
            Ok(&*answer)
        })
        .expect("the port is free");
}

/// Sends requests, more of them at some times than at others.
pub(crate) fn ask(client: &mut Host<'static, Stack>, random: &mut Random) -> Asked {
    let seconds = client.now().as_nanos() as f64 / 1e9;
    let wave = 1.7 + (seconds / 23.0).sin() + 0.6 * (seconds / 5.1).sin();
    let mut asked = Asked::default();
    for _ in 0..(wave * 5.0) as usize + random.below(3) {
        let (port, length) = match random.below(100) {
            0..6 => (8082, 1 + random.below(300)),
            6..10 => (8080, 2_000 + random.below((wave * 12_000.0) as usize + 1)),
            10 => (9999, 10),
            11..40 => (8080, 100 + random.below(900)),
            _ => (8081, 8 + random.below(180)),
        };
        *match port {
            8082 => &mut asked.tasks,
            8080 => &mut asked.sorts,
            _ => &mut asked.functions,
        } += 1;
        let to: SocketAddr = (SERVICE, port).into();
        let sent = client.tower.send(client.now(), 4000, to, &*random.bytes(length));
        assert!(sent.is_ok(), "a cable does not break");
    }
    asked
}

/// Connections, as long as there is no layer with some.
pub(crate) fn connections(count: usize, random: &mut Random) -> Vec<Connection> {
    const STATES: [&str; 4] = ["ESTABLISHED", "CLOSE-WAIT", "FIN-WAIT-2", "SYN-RECEIVED"];
    let one = |number: usize| {
        let state = if number % 5 == 4 { STATES[random.below(4)] } else { STATES[0] };
        let port = if number.is_multiple_of(3) { 443 } else { 80 };
        let remote = [[10, 0, 0, 1], [192, 0, 2, 77], [203, 0, 113, 5]][random.below(3)];
        let time = Duration::from_micros(180 + random.below(90_000) as u64);
        Connection {
            local: (SERVICE, port).into(),
            remote: (remote, 32_768 + random.below(28_000) as u16).into(),
            state,
            bytes_rx: random.below(90_000) as u64,
            bytes_tx: random.below(9_000_000) as u64,
            round_trip: (state != "SYN-RECEIVED").then_some(time),
            window: 14_480 + random.below(200_000) as u64,
            retransmissions: random.below(4) as u64 * random.below(2) as u64,
        }
    };
    (0..count).map(one).collect()
}

/// Lets the connections move some bytes.
pub(crate) fn move_bytes(all: &mut [Connection], random: &mut Random) {
    for connection in all.iter_mut().filter(|connection| connection.state == "ESTABLISHED") {
        connection.bytes_rx += random.below(90) as u64;
        connection.bytes_tx += random.below(40_000) as u64;
    }
}

/// A line of the log.
pub(crate) fn line(random: &mut Random) -> &'static str {
    const LINES: [&str; 5] = [
        "udp: no service on port 9999 for 10.0.0.1:4000",
        "arp: learnt 10.0.0.1 at 02:00:00:00:00:01",
        "ipv4: reassembled 10 fragments of 10.0.0.1, 14,213 bytes",
        "task udp.request: region udp.request: no room for 65536 more bytes: 49152 used, 65536 allowed",
        "mock: a \"quoted\" line with <b>tags</b> & a \\ backslash",
    ];
    LINES[random.below(LINES.len())]
}
