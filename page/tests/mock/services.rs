//! The services of the program, and what its client asks them.

use std::{cell::RefCell, net::SocketAddr, time::Duration};

use page::Board;
use rt_regions::{Eviction, Exhausted, Region, RegionMap, Slabs};
use tasks::{TaskError, Tasks};
use tcp::{Connections, Stream};
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

/// Binds the services: one that sorts, one that remembers, one that answers late, one that sends files, and the page.
pub(crate) fn bind(tower: &mut Stack, memory: &'static Region<'static>, board: &'static Board) {
    for port in [80, 443] {
        tower.network_mut().bind(port, upload).expect("the port is free");
    }
    let serve = async move |stream: &Stream, region: &Region<'static>| {
        board.serve(stream, region).await;
        Ok(())
    };
    tower.network_mut().bind(9090, serve).expect("the port is free");
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

/// Opens connections, which ask for some bytes from time to time, each of them for more or less.
pub(crate) fn connect(tasks: &'static Tasks, connections: &'static Connections, count: usize) {
    for number in 0..count as u64 {
        let port = if number.is_multiple_of(3) { 443 } else { 80 };
        let download = async move |_: &Region<'static>| {
            let stream = connections.connect((SERVICE, port).into()).await?;
            loop {
                let length = (number * 37 % 23) * 700 + 1;
                stream.send(&*format!("{length}\n").into_bytes()).await?;
                let mut bytes = vec![0; length as usize];
                stream.read_exact(&mut bytes).await?;
                stream.sleep(Duration::from_millis(100 + number * 61 % 1_700)).await;
            }
        };
        tasks.spawn("download", download).expect("there is memory");
    }
}

/// Answers each line, a number, with as many bytes.
async fn upload(stream: &Stream, region: &Region<'static>) -> Result<(), TaskError> {
    let mut room = region.child("upload");
    while let Some(line) = stream.read_until(b'\n', &room).await? {
        let length = layer::decimal(line.trim_ascii_end(), 1 << 20).unwrap_or(0);
        let bytes = room.alloc_slice_with(length as usize, |at| at as u8)?;
        stream.send(&*bytes).await?;
        room.reset();
    }
    Ok(())
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
