//! What happens to a client of DHCP.

use crate::targets::dhcp::{ANY_BYTES, CONFIRM, CONFLICT, LINK_BACK, MESSAGE, TIME};

/// The places of the codes 54, 51, 1, 3, 121, 52 and 58 in the table of the target.
const SERVER: u8 = 8;
const LEASE: u8 = 5;
const MASK: u8 = 0;
const ROUTER: u8 = 1;
const ROUTES: u8 = 13;
const OVERLOAD: u8 = 6;
const T1: u8 = 10;

const OFFER: u8 = 2;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// A message of the server 10.0.0.1 about 10.0.0.100, for so many seconds, with further options.
fn message(kind: u8, seconds: u32, further: &[(u8, &[u8])]) -> Vec<u8> {
    let mut step = vec![MESSAGE, kind, 100, 2 + further.len() as u8];
    let seconds = seconds.to_be_bytes();
    let usual: [(u8, &[u8]); 2] = [(SERVER, &[10, 0, 0, 1]), (LEASE, &seconds)];
    for (code, value) in usual.into_iter().chain(further.iter().copied()) {
        step.extend([code, value.len() as u8]);
        step.extend(value);
    }
    step
}

fn time(seconds: u16) -> Vec<u8> {
    let [high, low] = seconds.to_be_bytes();
    vec![TIME, high, low]
}

fn program(settings: u8, steps: &[Vec<u8>]) -> Vec<u8> {
    [&[settings][..], &steps.concat()].concat()
}

/// A client with an address, and what happens then.
fn bound(seconds: u32, steps: &[Vec<u8>]) -> Vec<u8> {
    let first = [message(OFFER, seconds, &[]), message(ACK, seconds, &[]), vec![CONFIRM]];
    program(0, &[&first, steps].concat())
}

pub(super) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let network: [(u8, &[u8]); 2] = [(MASK, &[255, 255, 255, 0]), (ROUTER, &[10, 0, 0, 1])];
    let routes: (u8, &[u8]) = (ROUTES, &[0, 10, 0, 0, 1, 8, 172, 10, 0, 0, 2]);
    vec![
        ("any_bytes", program(0, &[vec![ANY_BYTES, 0, 4, 2, 1, 6, 0]])),
        ("bound", bound(3600, &[])),
        ("conflict", bound(3600, &[vec![CONFLICT], time(11), message(OFFER, 60, &[])])),
        ("denied", program(0, &[message(OFFER, 60, &[]), message(NAK, 60, &[]), time(60)])),
        ("expired", bound(60, &[time(61)])),
        ("forever", bound(u32::MAX, &[time(65_535)])),
        ("link_back", bound(3600, &[vec![LINK_BACK], message(ACK, 3600, &network)])),
        ("link_back_denied", bound(3600, &[vec![LINK_BACK], message(NAK, 60, &[])])),
        ("link_flaps", program(0, &vec![vec![LINK_BACK]; 50])),
        ("network", program(0, &[message(OFFER, 60, &network), message(ACK, 60, &network)])),
        ("overload", program(0, &[message(OFFER, 60, &[(OVERLOAD, &[3])])])),
        ("overload_4", program(0, &[message(OFFER, 60, &[(OVERLOAD, &[4])])])),
        ("rebooting", program(1, &[message(ACK, 60, &[]), vec![CONFIRM], time(31)])),
        ("rebooting_alone", program(1, &[time(60)])),
        ("rebinding", bound(3600, &[time(3200), message(ACK, 3600, &network)])),
        ("renewed", bound(3600, &[time(1801), message(ACK, 3600, &[]), time(3000)])),
        ("routes", program(0, &[message(OFFER, 60, &[routes]), message(ACK, 60, &[routes])])),
        ("short", program(0, &[message(OFFER, 9, &[]), time(60)])),
        ("silence", program(0, &[time(3600)])),
        ("t1_after_the_end", bound(3600, &[message(ACK, 60, &[(T1, &[255; 4])])])),
    ]
}
