//! The limit on what strangers are sent.

use core::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use layer::Instant;
use testkit::Random;

use super::*;

const VICTIM: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

fn limit(per_second: u32, burst: u32) -> RateLimit<'static> {
    RateLimit::new(per_second, burst, 1, program_memory(16)).unwrap()
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(1_000_000 + millis)
}

/// How many bytes are sent, and how many answers that say "come by TCP", of answers of `size` bytes, one each millisecond.
fn flood(limit: &mut RateLimit<'_>, to: IpAddr, seconds: u64, size: usize) -> (usize, usize) {
    let (mut sent, mut slipped) = (0, 0);
    for millis in 0..seconds * 1000 {
        match limit.ask(to, at(millis)) {
            Permit::Send => {
                limit.pay(to, at(millis), size);
                sent += size;
            }
            Permit::Slip => slipped += 1,
            Permit::Drop => {}
        }
    }
    (sent, slipped)
}

#[test]
fn a_network_gets_some_bytes_at_once_and_some_each_second() {
    let mut limit = limit(16_384, 65_536);
    let (sent, slipped) = flood(&mut limit, VICTIM, 10, 1000);
    // What is sent at once, what comes back in ten seconds, and one answer.
    let most = 65_536 + 163_840 + 1000;
    assert!((most - 2000..=most).contains(&sent), "{sent}");
    // One of two of the others.
    let over = 10_000 - sent / 1000;
    assert!((over / 2 - 1..=over / 2 + 1).contains(&slipped), "{slipped} of {over}");
    // After a while all is as before.
    assert_eq!(limit.ask(VICTIM, at(20_000)), Permit::Send);
}

/// All hosts of a network of 256 addresses share its bytes, and others do not.
#[test]
fn a_network_has_256_addresses() {
    let mut limit = limit(1000, 1000);
    limit.pay(VICTIM, at(0), 2000);
    assert_ne!(limit.ask([203, 0, 113, 200].into(), at(0)), Permit::Send);
    assert_eq!(limit.ask([203, 0, 114, 7].into(), at(0)), Permit::Send);
    assert_ne!(limit.ask(VICTIM, at(999)), Permit::Send);
    assert_eq!(limit.ask(VICTIM, at(1001)), Permit::Send);
}

/// However many networks are named, all of them together get what the table's places are worth.
#[test]
fn many_networks_get_no_more_than_the_table_has_places() {
    let mut limit = limit(1000, 4000);
    let mut random = Random::new(1);
    let (mut sent, seconds) = (0, 4);
    for step in 0..seconds * 100_000 {
        let (to, now) = (Ipv4Addr::from_bits(random.bits() as u32).into(), at(step / 100));
        if limit.ask(to, now) == Permit::Send {
            limit.pay(to, now, 500);
            sent += 500;
        }
    }
    let most = 1024 * (4000 + 500 + 1000 * seconds);
    assert!(sent <= most, "{sent} of {most}");
    assert!(sent > most / 2, "{sent} of {most}");
}

/// A customer's network of IPv6 is one network too.
#[test]
fn networks_of_ipv6_are_limited_too() {
    let mut limit = limit(1000, 1000);
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    limit.pay(address("2001:db8:0:7::1"), at(0), 2000);
    assert_ne!(limit.ask(address("2001:db8:0:8::2"), at(0)), Permit::Send);
    assert_eq!(limit.ask(address("2001:db8:0:107::1"), at(0)), Permit::Send);
}

/// Clients of other networks are answered while one is flooded.
#[test]
fn a_flood_in_the_name_of_one_network_costs_others_nothing() {
    let mut limit = limit(16_384, 65_536);
    flood(&mut limit, VICTIM, 10, 1000);
    for network in 0..200 {
        let client = IpAddr::from([198, 51, network, 7]);
        assert_eq!(limit.ask(client, at(10_000)), Permit::Send, "{client}");
        limit.pay(client, at(10_000), 100);
    }
}

#[test]
fn no_rate_is_no_limit() {
    let mut limit = limit(0, 0);
    assert_eq!(flood(&mut limit, VICTIM, 1, 1000), (1_000_000, 0));
}

/// What an attacker gets for each byte that it sends in the name of a victim: far less than one, whatever it asks for.
#[test]
fn a_flood_is_not_amplified() {
    let authority = authority();
    let mut buffer = [0; MAX_DATAGRAM];
    for (text, kind) in [
        ("www.example.org", RecordType::ANY),
        ("many.long.example", RecordType::A),
        ("x.sub.long.example", RecordType::A),
        ("mail.long.example", RecordType::MX),
        ("nothing.example.org", RecordType::A),
        ("example.net", RecordType::A),
    ] {
        let asks = with_edns(query(text, kind), EDNS);
        let mut limit = limit(16_384, 65_536);
        let (mut bytes_in, mut bytes_out) = (0, 0);
        let mut now = at(0);
        // 20,000 queries a second, for a minute.
        for _ in 0..1_200_000 {
            now += Duration::from_micros(50);
            bytes_in += asks.len();
            let permit = limit.ask(VICTIM, now);
            let transport = match permit {
                Permit::Send => Transport::Datagram,
                Permit::Slip => Transport::LimitedDatagram,
                Permit::Drop => continue,
            };
            let Action::Send(answer, _) = authority.act(&asks, transport, &mut buffer) else {
                panic!()
            };
            bytes_out += answer.len();
            if permit == Permit::Send {
                limit.pay(VICTIM, now, answer.len());
            }
        }
        let factor = bytes_out as f64 / bytes_in as f64;
        std::println!("{text} {kind}: {factor:.3} bytes for each byte");
        assert!(factor < 0.56, "{text} {kind}: {factor}");
    }
}
