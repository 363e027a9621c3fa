//! Many connections that wait, of real clients: what they take of memory, and of the time of others.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddrV4, TcpStream},
    thread,
    time::{Duration, Instant},
};

use lab::{Lab, Service};

use super::{memory, support::with_service};

const PORT: u16 = 8080;

/// How many connections wait.
const CONNECTIONS: usize = 10_000;

/// After how many new ones each of them has an exchange, so that none waits for a minute, which ends it.
const PORTION: usize = 2_000;

/// The most that all of the process may have in memory, in KiB: 45 MB.
const MOST: usize = 45_000_000 >> 10;

/// How many requests are timed in a round, and how many rounds there are. The best one counts: a busy machine delays some.
const REQUESTS: usize = 1_000;
const ROUNDS: usize = 5;

const REQUEST: &[u8] = b"GET /hello HTTP/1.1\r\nHost: web\r\n\r\n";

/// The end of its response.
const END: &[u8] = b"hello, world\n";

pub(crate) fn ten_thousand_connections_take_45_megabytes() {
    // A socket each.
    let most = tests::raise_file_limit().expect("it can be raised");
    assert!(most > CONNECTIONS as u64 + 100, "this process may have {most} files: see ulimit -Hn");
    with_service("web", &["--memory=64M"], |lab, service| {
        let said = service.lines().join("\n");
        let caps = ", tcp connections at most ";
        let cap = said.split_once(caps).expect("it says how many connections there may be").1;
        let cap: usize = cap.split(',').next().expect("a number").parse().expect("a number");
        assert!(cap >= CONNECTIONS, "{cap} connections at most");

        let mut active = connect(lab);
        let alone = round_trips(&mut active);
        let (free, resident) = (free_pages(service), resident(service));
        let mut waiting = Vec::new();
        for _ in 0..CONNECTIONS / PORTION {
            for _ in 0..PORTION {
                waiting.push(connect(lab));
            }
            waiting.iter_mut().chain([&mut active]).for_each(exchange);
        }
        let among = round_trips(&mut active);
        let (pages, all) = (free - free_pages(service), self::resident(service));
        let each = pages * 4096 / CONNECTIONS;
        println!(
            "{CONNECTIONS} connections that wait: {all} KiB resident, {resident} without them; {pages} pages, \
             {each} bytes for each; at most {cap}"
        );
        println!("a request alone {alone:?}, among them {among:?} (median, 99 of 100)");
        assert!(all <= MOST, "{all} KiB are resident, {MOST} are enough");
        // Twice of what is said, for a busy machine.
        for (among, alone) in [(among.0, alone.0), (among.1, alone.1)] {
            let slack = Duration::from_micros(200);
            assert!(among <= alone * 2 + slack, "{among:?} among others, {alone:?} alone");
        }
        // Those that wait are there, and one more is served.
        for client in [0, CONNECTIONS / 2, CONNECTIONS - 1] {
            exchange(&mut waiting[client]);
        }
        exchange(&mut connect(lab));

        // All comes back but what the tasks of so many have as their places.
        drop(waiting);
        let end = Instant::now() + Duration::from_secs(30);
        let places = CONNECTIONS * 112 / 4096 + 32;
        while free_pages(service) + places < free {
            assert!(Instant::now() < end, "pages are left behind");
            thread::sleep(Duration::from_millis(500));
        }
        exchange(&mut active);
    });
}

fn connect(lab: &Lab) -> TcpStream {
    let client = TcpStream::connect(SocketAddrV4::new(lab.network().service, PORT));
    let client = client.expect("it accepts");
    client.set_nodelay(true).expect("a socket");
    client.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    client
}

/// A request, and its response.
fn exchange(client: &mut TcpStream) {
    client.write_all(REQUEST).expect("a request can be sent");
    let (mut buffer, mut length) = ([0; 1024], 0);
    while !buffer[..length].ends_with(END) {
        let count = client.read(&mut buffer[length..]).expect("there is a response");
        assert!(count > 0, "the connection has ended after {length} bytes");
        length += count;
    }
}

/// How long a request takes: the median, and what 99 of 100 do not exceed, in the best of some rounds.
fn round_trips(client: &mut TcpStream) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let mut times: Vec<_> = (0..REQUESTS)
            .map(|_| {
                let start = Instant::now();
                exchange(client);
                start.elapsed()
            })
            .collect();
        times.sort();
        best = (best.0.min(times[REQUESTS / 2]), best.1.min(times[REQUESTS * 99 / 100]));
    }
    best
}

/// How much of the process is in memory, in KiB.
fn resident(service: &Service<'_>) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", service.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// How many pages of the pool are free.
fn free_pages(service: &mut Service<'_>) -> usize {
    let line = memory::free_pages(service);
    line.rsplit(' ').next().and_then(|free| free.parse().ok()).expect("it ends with a number")
}
