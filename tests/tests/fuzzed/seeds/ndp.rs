//! What happens to a host that finds its neighbours.

use crate::targets::ndp::{ADDRESS, ANY_BYTES, GROUP, LINK, MESSAGE, SEND, TIME};

/// Places in the tables of the target: addresses, and types.
const NOBODY: u8 = 0;
const US: u8 = 1;
const PEER: u8 = 2;
const ROUTER: u8 = 4;
const ALL_NODES: u8 = 5;
const OUR_GROUP: u8 = 6;
const FAR: u8 = 7;
const SOLICITATION: u8 = 0;
const ADVERTISEMENT: u8 = 1;
const ROUTER_ADVERTISEMENT: u8 = 2;
const REDIRECT: u8 = 3;
const QUERY: u8 = 4;

fn time(hundredths: u16) -> Vec<u8> {
    let [high, low] = hundredths.to_be_bytes();
    vec![TIME, high, low]
}

/// A message: its type, source, destination and flags, then what its type has, and options.
fn message(kind: u8, from: u8, to: u8, flags: [u8; 4], rest: &[u8], options: &[&[u8]]) -> Vec<u8> {
    let head = [&[MESSAGE, kind, from, to][..], &flags, rest, &[options.len() as u8]].concat();
    [head, options.concat(), vec![0]].concat()
}

/// A Router Advertisement with a prefix of the link for addresses.
fn router(valid: u8, prefix: u8) -> Vec<u8> {
    let head = [2, 4, 64, 0xc0, 0, 0, 0, valid, 0, 0, 0, valid, 0, 0, 0, 0];
    let option = [&head[..], &[0x20, 1, 0x0d, 0xb8, 0, prefix], &[0; 10]].concat();
    message(ROUTER_ADVERTISEMENT, ROUTER, ALL_NODES, [64, 0, 7, 8], &[0, 0, 0], &[&option])
}

fn program(settings: u8, steps: &[Vec<u8>]) -> Vec<u8> {
    [&[settings][..], &steps.concat()].concat()
}

/// A host with its address, and what happens then.
fn ready(steps: &[Vec<u8>]) -> Vec<u8> {
    program(0, &[&[time(300)], steps].concat())
}

pub(super) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let advertisement = |flags| message(ADVERTISEMENT, PEER, US, [flags, 0, 0, 0], &[PEER], &[]);
    let probe = message(SOLICITATION, NOBODY, OUR_GROUP, [0; 4], &[US], &[]);
    let source: &[u8] = &[0, 1, 2, 0, 0, 0, 0, 1];
    let question = message(SOLICITATION, PEER, OUR_GROUP, [0; 4], &[US], &[source]);
    let redirect = message(REDIRECT, ROUTER, US, [0; 4], &[3, FAR], &[]);
    let query = message(QUERY, ROUTER, ALL_NODES, [3, 0, 0, 0], &[NOBODY], &[&[6, 1]]);
    vec![
        ("address_taken", program(0, &[time(105), probe.clone(), time(300)])),
        ("any_bytes", ready(&[vec![ANY_BYTES, 3, 0x60, 0, 0]])),
        ("asked", ready(&[question, vec![SEND, PEER, 9], time(1000)])),
        ("flaps", ready(&vec![vec![LINK, 1, LINK, 0]; 30])),
        ("groups", ready(&[vec![GROUP, 8, 0], query.clone(), time(200), vec![GROUP, 8, 1]])),
        // A group that is joined already needs no step of its own, and the probe that follows is due at once.
        (
            "joined_already",
            vec![
                0, 2, 0, 152, 255, 255, 255, 249, 255, 255, 255, 0, 0, 0, 248, 255, 255, 60, 154,
                201, 255, 0, 0, 2, 255, 211,
            ],
        ),
        ("not_found", ready(&[vec![SEND, PEER, 9], time(500)])),
        ("optimistic", program(3, &[router(60, 1), time(10_000)])),
        ("other_address", ready(&[vec![ADDRESS, 1, 0], time(300), vec![ADDRESS, 0, 1]])),
        ("probed", ready(&[probe])),
        ("queries", ready(&vec![query; 20])),
        ("redirected", ready(&[router(60, 1), redirect, vec![SEND, FAR, 9], time(6000)])),
        ("renumbered", program(1, &[time(300), router(60, 1), time(300), router(60, 2)])),
        ("router", program(1, &[time(300), router(60, 1), vec![SEND, FAR, 9], time(6500)])),
        ("unsolicited", ready(&[advertisement(0x60), advertisement(0x20)])),
    ]
}
