//! Connections that come and go.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddrV4, TcpStream},
    thread,
    time::{Duration, Instant},
};

use nix::{
    libc,
    sys::socket::{setsockopt, sockopt},
};

use super::bed::{Victim, connect, hello, with_web};

/// How many come and go in the test that always runs, and in the long one.
const CONNECTIONS: usize = 100_000;
const MILLION: usize = 1_000_000;
/// How many clients connect at once.
const THREADS: usize = 2;
/// How many pages the slots of the most connections that were there at once may take on a core: they are never given back.
const SLOTS: u64 = 2;
/// How many parts memory is looked at after.
const PARTS: usize = 4;

/// The service ends the connection: its place in TIME-WAIT is taken by the next one from the same port.
fn asked(to: SocketAddrV4) {
    let (request, reply) = hello();
    let mut stream = connect(to).expect("there is room");
    stream.write_all(request).expect("it can send");
    let mut bytes = [0; 512];
    let mut length = 0;
    while let Ok(count @ 1..) = stream.read(&mut bytes[length..]) {
        length += count;
    }
    assert!(bytes[..length].ends_with(reply), "{:?}", String::from_utf8_lossy(&bytes[..length]));
}

/// The client resets it, in the middle of a request or while the response comes.
fn reset(to: SocketAddrV4, number: usize) {
    let mut stream: TcpStream = connect(to).expect("there is room");
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    setsockopt(&stream, sockopt::Linger, &linger).expect("it can be set");
    match number % 3 {
        0 => {}
        1 => stream.write_all(b"GET /hel").expect("it can send"),
        _ => {
            let request = b"GET /bytes/1000000 HTTP/1.1\r\nHost: a\r\n\r\n";
            stream.write_all(request).expect("it can send");
            stream.read_exact(&mut [0; 1]).expect("it is answered");
        }
    }
}

fn churn(cores: usize, count: usize, connection: impl Fn(SocketAddrV4, usize) + Sync) {
    with_web(cores, &[], |victim| {
        let (_, to) = victim.place();
        // More ports than Linux takes unasked.
        fs::write("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535").expect("it may");
        (0..100).for_each(|number| connection(to, number));
        let before = settled(victim);
        let (start, mut free) = (Instant::now(), Vec::new());
        for part in 0..PARTS {
            thread::scope(|scope| {
                for thread in 0..THREADS {
                    let connection = &connection;
                    let each = count / PARTS / THREADS;
                    let numbers = (part * THREADS + thread) * each..;
                    scope.spawn(move || {
                        numbers.take(each).for_each(|number| connection(to, number));
                    });
                }
            });
            free.push(settled(victim));
        }
        let rate = count as f64 / start.elapsed().as_secs_f64();
        println!("{count} connections, {rate:.0} in a second; free pages: {before}, {free:?}");
        let slots = SLOTS * cores as u64;
        let is_flat = free.iter().all(|free| free + slots >= before);
        assert!(is_flat, "{before} pages were free, then {free:?}");
        // A crowd that is a little larger than all before takes a page more; what is left of each connection would take thousands.
        assert!(free[PARTS - 2] <= free[PARTS - 1] + cores as u64, "{free:?}");
        assert!(victim.counter("tcp.accepted") >= count as u64);
        assert_eq!(victim.counter("tcp.no_room"), 0);
    });
}

/// The free pages when the last connections are over.
fn settled(victim: &Victim<'_>) -> u64 {
    let (start, mut last) = (Instant::now(), (victim.free(), Instant::now()));
    while last.1.elapsed() < Duration::from_millis(400) && start.elapsed() < Duration::from_secs(10)
    {
        thread::sleep(Duration::from_millis(50));
        let free = victim.free();
        if free != last.0 {
            last = (free, Instant::now());
        }
    }
    last.0
}

pub(crate) fn connections_leave_nothing() {
    churn(1, CONNECTIONS, |to, _| asked(to));
}

pub(crate) fn connections_that_are_reset_leave_nothing(cores: usize) {
    churn(cores, CONNECTIONS / 5, reset);
}

/// A million connections, of which a tenth is reset, leave no page.
pub(crate) fn a_million() {
    churn(1, MILLION, |to, number| if number % 10 == 0 { reset(to, number) } else { asked(to) });
}
