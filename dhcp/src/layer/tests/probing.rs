//! Whether the address is another station's (RFC 5227), which the link finds out.

use super::*;

const US: Ipv4Addr = GRANTED;

/// An announcement of another station that it has an address.
fn announcement(address: Ipv4Addr) -> Vec<u8> {
    let other = MacAddr([2, 0, 10, 0, 0, 9]);
    let header = EthernetHeader::new(MacAddr::BROADCAST, other, EtherType::ARP);
    let ours = address.octets();
    let packet = [&[0, 1, 8, 0, 6, 4, 0, 1], &other.0[..], &ours, &[0; 6], &ours];
    [header.as_bytes(), &packet.concat()].concat()
}

#[test]
fn an_address_that_is_probed_for_is_ours_seconds_later() {
    for probing in [Probing::Yes, Probing::AtStart] {
        with_bench(probing, |bench| {
            bench.passes(secs(3));
            assert_eq!((bench.dhcp().client().state(), bench.asks(US)), (State::Checking, None));
            assert!(!bench.ready());
            bench.passes(secs(5));
            assert_eq!((bench.dhcp().client().state(), bench.asks(US)), (State::Bound, Some(US)));
            assert!(bench.ready());
        });
    }
}

#[test]
fn an_address_in_use_is_declined_and_another_one_is_taken() {
    for probing in [Probing::Yes, Probing::AtStart] {
        with_bench(probing, |bench| {
            bench.squatters = vec![US];
            bench.passes(secs(5));
            assert_eq!((bench.server.declined.as_slice(), bench.ready()), (&[US][..], false));
            let (from, to, kind) = *bench.messages.last().unwrap();
            assert_eq!(kind, MessageType::DECLINE);
            assert_eq!((from, to), (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST));
            bench.passes(secs(20));
            let other = Ipv4Addr::new(10, 0, 0, 101);
            assert_eq!((bench.asks(US), bench.asks(other)), (None, Some(other)));
            assert_eq!((bench.counter("conflicts"), bench.counter("leases")), (1, 2));
        });
    }
}

/// RFC 5227 2.4 (b).
#[test]
fn an_address_that_cannot_be_defended_is_declined() {
    with_bench(Probing::Yes, |bench| {
        bench.passes(secs(10));
        assert_eq!(bench.asks(US), Some(US));
        bench.wire.push(announcement(US));
        bench.turn();
        assert_eq!((bench.asks(US), bench.counter("conflicts")), (Some(US), 0), "it is defended");
        bench.wire.push(announcement(US));
        bench.turn();
        assert_eq!((bench.asks(US), bench.ready()), (None, false));
        assert_eq!(bench.server.declined, [US]);
        bench.passes(secs(20));
        assert!(bench.ready());
    });
}

/// RFC 5227 2.4 (c): a server keeps what it has, and a host that does not probe as well.
#[test]
fn an_address_that_is_kept_is_never_declined() {
    for probing in [Probing::No, Probing::AtStart] {
        with_bench(probing, |bench| {
            bench.passes(secs(10));
            for _ in 0..3 {
                bench.wire.push(announcement(US));
                bench.turn();
            }
            assert_eq!((bench.asks(US), bench.counter("conflicts")), (Some(US), 0), "{probing:?}");
        });
    }
}

/// A renewal does not ask again whose the address is.
#[test]
fn a_renewed_address_stays_in_use() {
    with_bench(Probing::Yes, |bench| {
        bench.passes(secs(10));
        for _ in 0..100 {
            bench.passes(secs(60));
            assert_eq!((bench.asks(US), bench.ready()), (Some(US), true));
        }
        assert_eq!(bench.counter("leases"), 1);
    });
}

/// Ten thousand random messages: the host serves afterwards.
#[test]
fn random_messages_take_no_address_away() {
    with_bench(Probing::No, |bench| {
        bench.passes(secs(1));
        let mut random = testkit::Random::new(5);
        for _ in 0..10_000 {
            let (kind, xid) = (MessageType(random.below(9) as u8), random.bits() as u32);
            let mut bytes = Reply::new(kind, MAC, xid).bytes();
            for _ in 0..random.below(4) {
                let at = random.below(bytes.len());
                bytes[at] = random.bits() as u8;
            }
            let to = if random.once_in(2) { US } else { Ipv4Addr::BROADCAST };
            bench.arrives(SERVER, to, [67, 68], &bytes);
            bench.turn();
        }
        assert_eq!((bench.asks(US), bench.counter("leases")), (Some(US), 1));
        assert_eq!(bench.counter("messages_rx"), 10_002);
    });
}
