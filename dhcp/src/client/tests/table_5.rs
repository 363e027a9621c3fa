//! What is in each message: RFC 2131 table 5.

use super::*;
use crate::wire::BROADCAST_FLAG;

/// The messages, each with the state in which it is sent.
fn messages() -> Vec<(&'static str, Request)> {
    let rebooting = Bench::new(Client::new(MAC, 7).with_address(GRANTED));
    let (mut renewing, mut rebinding) = (Bench::bound(), Bench::bound());
    renewing.passes(1801);
    rebinding.passes(3151);
    let (mut declining, mut releasing) = (Bench::bound(), Bench::bound());
    declining.client.conflict(declining.now);
    declining.turn();
    releasing.client.release(releasing.now);
    releasing.turn();
    [
        ("discover", Bench::selecting()),
        ("requesting", Bench::requesting()),
        ("rebooting", rebooting),
        ("renewing", renewing),
        ("rebinding", rebinding),
        ("decline", declining),
        ("release", releasing),
    ]
    .map(|(name, bench)| (name, *bench.last()))
    .into()
}

#[test]
fn the_fixed_part_says_who_asks() {
    for (name, request) in messages() {
        let header = request.header();
        assert_eq!([header.op, header.htype, header.hlen, header.hops], [1, 1, 6, 0], "{name}");
        assert!(header.is_of(MAC) && header.chaddr[6..] == [0; 10], "{name}");
        assert_eq!([header.yiaddr, header.siaddr, header.giaddr], [[0; 4]; 3], "{name}");
        assert!(header.sname == [0; 64] && header.file == [0; 128], "{name}");
    }
}

/// `ciaddr` is set only in BOUND, RENEWING or REBINDING (RFC 2131 4.1).
#[test]
fn the_address_is_in_ciaddr_if_it_is_ours() {
    for (name, request) in messages() {
        let ours = matches!(name, "renewing" | "rebinding" | "release");
        let expected = if ours { GRANTED.octets() } else { [0; 4] };
        assert_eq!(
            (request.header().ciaddr, request.source.octets()),
            (expected, expected),
            "{name}"
        );
    }
}

/// RFC 2131 4.1: a client that cannot receive unicasts before it has its address sets the flag, and no other one.
#[test]
fn replies_are_asked_for_as_broadcasts_before_the_address_is_ours() {
    for (name, request) in messages() {
        let broadcast = matches!(name, "discover" | "requesting" | "rebooting");
        let expected = if broadcast { BROADCAST_FLAG } else { 0 };
        assert_eq!(request.header().flags.get(), expected, "{name}");
    }
}

/// RFC 2131 4.4.4.
#[test]
fn a_message_is_a_broadcast_unless_its_server_is_known_and_ours() {
    for (name, request) in messages() {
        let unicast = matches!(name, "renewing" | "release");
        let expected = if unicast { SERVER } else { Ipv4Addr::BROADCAST };
        assert_eq!(request.destination, expected, "{name}");
    }
}

#[test]
fn the_requested_address_is_where_it_must_be_and_nowhere_else() {
    for (name, request) in messages() {
        let must = matches!(name, "requesting" | "rebooting" | "decline");
        let expected = must.then(|| GRANTED.octets().to_vec());
        assert_eq!(option(&request, options::REQUESTED_ADDRESS), expected, "{name}");
    }
}

#[test]
fn the_server_is_named_where_it_must_be_and_nowhere_else() {
    for (name, request) in messages() {
        let must = matches!(name, "requesting" | "decline" | "release");
        let expected = must.then(|| SERVER.octets().to_vec());
        assert_eq!(option(&request, options::SERVER_ID), expected, "{name}");
    }
}

/// RFC 2131 3.5, 4.4.1: the same list in all messages that may have one. RFC 3442: the classless routes before the router.
#[test]
fn the_same_parameters_are_asked_for_each_time() {
    for (name, request) in messages() {
        let may = !matches!(name, "decline" | "release");
        let list = option(&request, options::PARAMETER_LIST);
        assert_eq!(list.is_some(), may, "{name}");
        assert_eq!(option(&request, options::MAX_MESSAGE_SIZE).is_some(), may, "{name}");
        let Some(list) = list else { continue };
        let at = |code| list.iter().position(|one| *one == code);
        assert!(at(options::CLASSLESS_ROUTES) < at(options::ROUTER), "{name}");
        assert_eq!(list, [1, 121, 3, 6, 26, 42, 58, 59], "{name}");
        assert!(option(&request, options::LEASE_TIME).is_none());
    }
}

/// RFC 2131 4.2, RFC 4361 6.1: a client that has a name uses it in all messages.
#[test]
fn the_client_has_one_name_in_all_messages() {
    for (name, request) in messages() {
        let id = ClientId::of(MAC);
        assert_eq!(option(&request, options::CLIENT_ID).unwrap(), id.bytes(), "{name}");
    }
    let id = ClientId::hardware(MAC);
    let bench = Bench::new(Client::new(MAC, 7).with_id(id));
    assert_eq!(option(bench.last(), options::CLIENT_ID).unwrap(), id.bytes());
}

/// RFC 2131 3, 4.1: the type first, the end last, and nothing twice. RFC 1542 2.1: 300 bytes at least.
#[test]
fn a_message_is_well_formed() {
    for (name, request) in messages() {
        let bytes = bytes_of(request);
        assert!((300..=576 - 28).contains(&bytes.len()), "{name}");
        assert_eq!(bytes[240..243], [53, 1, request.kind().0], "{name}");
        let message = Message::parse(&bytes).unwrap();
        let mut codes: Vec<u8> = message.options.iter().map(|(code, _)| code).collect();
        let end = 240 + message.options.iter().map(|(_, value)| value.len() + 2).sum::<usize>();
        assert!(bytes[end] == 255 && bytes[end + 1..].iter().all(|byte| *byte == 0), "{name}");
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count, "{name}");
    }
}

/// The longest name leaves room for everything else.
#[test]
fn the_longest_message_fits() {
    let id = ClientId::new(&[7; crate::MAX_CLIENT_ID]).unwrap();
    let mut bench = Bench::new(Client::new(MAC, 7).with_id(id));
    bench.hears(&bench.reply(MessageType::OFFER)).unwrap();
    assert!(bytes_of(*bench.last()).ends_with(&[255]));
    assert_eq!(option(bench.last(), options::PARAMETER_LIST).unwrap().len(), 8);
}
