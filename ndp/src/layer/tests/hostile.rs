//! What strangers may do to us: anything, and it costs us little.

use core::time::Duration;
use std::vec::Vec;

use testkit::Random;

use super::*;

/// Messages that are right, or nearly so, to begin with.
fn messages() -> Vec<Sends> {
    let options = [
        prefix("2001:db8:1::/64", 0xc0, 3, 2),
        vec![5, 1, 0, 0, 0, 0, 5, 0x78],
        [&[25, 3, 0, 0, 0, 0, 0, 9][..], &ip("2001:db8::53").octets()].concat(),
    ]
    .concat();
    let mut redirect = redirects(GATE, ip(US), "fe80::fd", FAR);
    redirect.message.extend(link(2, OTHER));
    vec![
        asks(PEER, THEM, ip(US)),
        asks(PEER, "::", ip(US)),
        says(PEER, THEM, ip(US), S | O),
        says(ROUTER, GATE, ipv6::ALL_NODES, R | O),
        advertises(ROUTER, GATE, 5, &options),
        redirect,
        queries(100, "::"),
        queries(100, "ff02::1:ff00:2"),
    ]
}

/// Whatever is received and sent, whenever: nothing panics, the host answers each question once at most, and all pages come back.
#[test]
fn any_bytes_never_panic_and_pages_come_back() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let address = ["2001:db8::2/64", "::/128"][random.below(2)];
        with_host_at(address, |host| {
            for _ in 0..400 {
                let list = messages();
                let mut sends = list[random.below(list.len())].clone();
                for _ in 0..random.below(4) {
                    let at = random.below(sends.message.len());
                    sends.message[at] = random.bits() as u8;
                }
                if random.once_in(8) {
                    sends.message.truncate(random.below(sends.message.len()).max(4));
                }
                if random.once_in(8) {
                    sends.message.extend(random.bytes(8));
                }
                let mut frame = sends.frame();
                if random.once_in(4) {
                    let at = 12 + random.below(frame.len() - 12);
                    frame[at] ^= 1 << random.below(8);
                }
                if random.once_in(16) {
                    frame.truncate(14 + random.below(frame.len() - 14));
                }
                host.wire.push(frame);
                host.turn();
                let most = crate::MAX_GROUPS + 2 * crate::MAX_ADDRESSES;
                let sent = host.sent();
                let ours = sent.iter().filter(|text| !text.ends_with("< 7")).count();
                assert!(ours <= most, "what was due, and one answer: {sent:?}");
                if random.once_in(3) {
                    let to = [THEM, FAR, "fe80::fd", "2001:db8:1::5"][random.below(4)];
                    host.sends(to, 7);
                }
                if random.once_in(20) {
                    host.wire.set_link(random.once_in(2));
                }
                if random.once_in(50) {
                    let address = ["2001:db8::2/64", "::/128", "fe80::2/64"][random.below(3)];
                    host.ndp.set_address(address.parse().unwrap());
                }
                if random.once_in(30) {
                    let group = ip(["ff05::1", "ff02::1:ff00:2"][random.below(2)]);
                    match random.once_in(2) {
                        true => host.ndp.leave_group(group),
                        false => drop(host.ndp.join_group(group)),
                    }
                }
                host.now += Duration::from_millis(random.below(2000) as u64);
                assert!(host.addresses().len() <= crate::MAX_ADDRESSES);
            }
            // A router may have said that a neighbour is asked for once in a minute.
            host.lives(200_000);
        });
    }
}

/// A deadline that has passed is worked on: the host never spins.
#[test]
fn the_next_deadline_is_after_the_work() {
    let mut random = Random::new(7);
    with_host_at("::/128", |host| {
        for _ in 0..2000 {
            let list = messages();
            host.wire.push(list[random.below(list.len())].frame());
            host.turn();
            host.turn();
            let next = host.ndp.next_deadline().unwrap_or(host.now + Duration::from_secs(1));
            assert!(next > host.now, "{next} at {}", host.now);
            host.now = next.min(host.now + Duration::from_millis(random.below(500) as u64));
            host.sends(THEM, 1);
        }
    });
}

/// Each question is answered once, and what it says by the way costs one place at most: known neighbours stay.
#[test]
fn a_flood_of_solicitations_is_answered_one_for_one() {
    with_host(|host| {
        host.meets(PEER, THEM);
        for number in 0x100..0x1000 {
            let source = format!("2001:db8::{number:x}");
            assert_eq!(host.hears(&asks(OTHER, &source, ip(US))), [answers(OTHER, &source)]);
        }
        assert_eq!(host.sends(THEM, 2), [carries(PEER, 2)]);
        assert!(host.stats().displaced > 2000);
    });
}

/// Forged messages from another link, or that no router sends, change nothing.
#[test]
fn forged_messages_change_nothing() {
    with_host(|host| {
        host.meets(PEER, THEM);
        let before = (host.addresses(), host.ndp.hop_limit(), host.ndp.ipv6_mtu());
        let options = [prefix("2001:db8:1::/64", 0xc0, 99, 99), vec![5, 1, 0, 0, 0, 0, 5, 0]];
        let router = advertises(OTHER, "fe80::66", 9000, &options.concat());
        let global = advertises(OTHER, "2001:db8::66", 9000, &options.concat());
        let moved = says(OTHER, THEM, ip(US), S | O);
        for forged in [
            Sends { hop_limit: 64, ..router.clone() },
            Sends { hop_limit: 254, ..router },
            global,
            Sends { hop_limit: 64, ..moved.clone() },
            says(OTHER, THEM, ipv6::ALL_NODES, S | O),
        ] {
            assert_eq!(host.hears(&forged), [""; 0]);
        }
        host.lives(3000);
        assert!(!host.ndp.has_route(ip(FAR)));
        assert_eq!(before, (host.addresses(), host.ndp.hop_limit(), host.ndp.ipv6_mtu()));
        assert_eq!(host.sends(THEM, 2), [carries(PEER, 2)]);
        assert_eq!((host.stats().forwarded, host.stats().malformed), (3, 2));
    });
}
