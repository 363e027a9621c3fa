//! Any bytes.

use proptest::prelude::*;
use testkit::Random;

use super::*;

/// Looks at what is done about a message.
fn check(authority: &Authority<'_>, bytes: &[u8], transport: Transport) {
    let mut buffer = vec![0; 4096];
    let (most, edns) = match Message::parse(bytes).ok().map(|message| message.edns()) {
        Some(Some(edns)) => (usize::from(edns.payload).clamp(512, 1232), true),
        _ => (512, false),
    };
    match authority.act(bytes, transport, &mut buffer) {
        Action::Ignore => assert!(bytes.len() < 12 || bytes[2] & 0x80 != 0),
        Action::Grow => assert!(transport.is_stream()),
        Action::Transfer(mut transfer) => {
            assert_eq!(transport, Transport::Stream { may_transfer: true });
            while let Some(message) = transfer.next(&mut buffer) {
                assert!(Message::parse(message).is_ok());
            }
            assert!(transfer.is_done());
        }
        Action::Send(answer, kind) => {
            let message = Message::parse(answer).expect("an answer can be read");
            assert!(bytes[2] & 0x80 == 0 && message.flags().has(Flags::RESPONSE));
            assert_eq!(answer[..2], bytes[..2]);
            assert!(transport.is_stream() || answer.len() <= most, "{} of {most}", answer.len());
            if kind != Kind::Malformed && kind != Kind::NotImplemented {
                assert_eq!(message.edns().is_some(), edns);
            }
            let small = [Kind::Truncated, Kind::Refused, Kind::Malformed, Kind::NotImplemented];
            if small.contains(&kind) {
                assert!(answer.len() <= bytes.len(), "{} for {}", answer.len(), bytes.len());
            }
        }
    }
}

const TRANSPORTS: [Transport; 4] = [
    Transport::Datagram,
    Transport::LimitedDatagram,
    NO_TRANSFER,
    Transport::Stream { may_transfer: true },
];

/// Queries with changes, often such that they are read to their end.
#[test]
fn changed_queries_do_no_harm() {
    let authority = authority();
    let mut random = Random::new(1);
    let names = [
        "www.example.org",
        "x.wild.example.org",
        "sub.example.org",
        "many.long.example",
        "first.example.org",
    ];
    for _ in 0..50_000 {
        let kind = RecordType([1, 2, 5, 6, 15, 16, 28, 43, 251, 252, 255][random.below(11)]);
        let mut bytes = query(names[random.below(names.len())], kind);
        if random.once_in(2) {
            bytes = with_edns(bytes, Edns { payload: random.bits() as u16, version: 0, flags: 0 });
        }
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] = match random.below(3) {
                0 => 0xc0,
                1 => 12,
                _ => random.bits() as u8,
            };
        }
        if random.once_in(8) {
            bytes.truncate(random.below(bytes.len()));
        }
        check(&authority, &bytes, TRANSPORTS[random.below(4)]);
    }
}

/// A question with the longest name that there is has room in each answer.
#[test]
fn the_longest_name_is_answered() {
    let long = ["x".repeat(63), "y".repeat(63), "z".repeat(63), "w".repeat(63 - 14)].join(".");
    let long = format!("{long}.example.org");
    for transport in TRANSPORTS {
        let asks = with_edns(query(&long, RecordType::A), Edns { payload: 0, ..EDNS });
        check(&authority(), &asks, transport);
    }
    let labels = ["a"; 121].join(".") + ".example.org";
    assert_eq!(ask(&labels, RecordType::A)[0], "NXDOMAIN aa");
    let labels = ["a"; 118].join(".") + ".wild.example.org";
    assert_eq!(ask(&labels, RecordType::A)[0], "NOERROR aa");
}

proptest! {
    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..600), which in 0..4_usize) {
        let authority = authority();
        check(&authority, &bytes, TRANSPORTS[which]);
    }
}
