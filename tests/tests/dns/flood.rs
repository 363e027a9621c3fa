//! What somebody gets whose address a flood of queries is sent in: bytes for each byte.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use super::bed::{DIG, counter, dig, records, with_dns};

/// A query for 32 addresses, with EDNS.
const QUERY: &[u8] = b"\0\x07\0\0\0\x01\0\0\0\0\0\x01\x04pool\x07example\x03org\0\0\x01\0\x01\
    \0\0\x29\x04\xd0\0\0\0\0\0\0";
/// For so long queries are sent.
const FLOOD: Duration = Duration::from_secs(10);

pub(crate) fn a_flood_is_not_amplified() {
    let flood = |args: &[&str]| {
        let mut bytes = (0, 0);
        with_dns(&[DIG], args, |lab| {
            let socket = UdpSocket::bind("10.0.0.1:0").expect("a socket can be opened");
            socket.connect((lab.network().service, 53)).expect("there is a route");
            socket.set_nonblocking(true).expect("it can be set");
            let (start, mut sent, mut received) = (Instant::now(), 0_u64, 0_u64);
            let mut answer = [0; 2048];
            let mut take = |received: &mut u64| {
                while let Ok(length) = socket.recv(&mut answer) {
                    *received += length as u64;
                }
            };
            while start.elapsed() < FLOOD {
                for _ in 0..10 {
                    sent += socket.send(QUERY).unwrap_or(0) as u64;
                    take(&mut received);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(500));
            take(&mut received);
            println!("{args:?}: {sent} bytes sent, {received} received");
            bytes = (sent, received);
            // Whoever really is there comes by TCP.
            let said = dig("pool.example.org A +tries=5");
            assert_eq!(records(&said).len(), 32, "{said}");
            let slipped = counter(lab, "eth0.dns.slipped");
            assert_eq!(slipped > 0, args.is_empty(), "{slipped}");
        });
        bytes
    };
    let (sent, received) = flood(&[]);
    // One of two answers over the limit is as long as its query; the others are what the limit lets pass, at once and in the time.
    let most = sent / 2 + 65_536 + 16_384 * (FLOOD.as_secs() + 2);
    assert!(received <= most, "{received} bytes for {sent}, {most} at most");
    let (sent, received) = flood(&["--rate=0"]);
    assert!(received > 5 * sent, "without the limit {received} bytes for {sent}");
}
