//! What an authority is asked, and lines of a zone.

use crate::targets::authority::{DATAGRAM, LIMITED, STREAM, TEXT, TRANSFERS};

/// A query for this name, as it is in a message, and this type, with a record of EDNS.
fn query(name: &[u8], kind: u8) -> Vec<u8> {
    let header = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01";
    let edns = b"\0\0\x29\x10\0\0\0\x80\0\0\0";
    [&header[..], name, &[0, kind, 0, 1], edns].concat()
}

const WWW: &[u8] = b"\x03www\x07example\x03org\0";
const POOL: &[u8] = b"\x04pool\x07example\x03org\0";
const TOP: &[u8] = b"\x07example\x03org\0";

pub(super) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let with = |first: u8, rest: &[u8]| [&[first], rest].concat();
    let lines: &[u8] = b"www 1h IN A 192.0.2.7 ; a comment\n MX 10 b\n TXT ( \"a\\\"b\"\n c\\009 )\n*.w CNAME www\n";
    let below: &[u8] = b"sub NS ns.sub\nns.sub AAAA 2001:db8::1\n$ORIGIN x\n@ PTR @\n";
    vec![
        ("address", with(DATAGRAM, &query(WWW, 1))),
        ("alias", with(DATAGRAM, &query(b"\x03web\x07example\x03org\0", 28))),
        ("wildcard", with(DATAGRAM, &query(b"\x01x\x06people\x07example\x03org\0", 15))),
        ("referral", with(DATAGRAM, &query(b"\x01x\x03sub\x07example\x03org\0", 1))),
        ("no_name", with(DATAGRAM, &query(b"\x02no\x07example\x03org\0", 1))),
        ("any_type", with(DATAGRAM, &query(TOP, 255))),
        ("too_long", with(DATAGRAM, &query(POOL, 1)[..34])),
        ("over_the_limit", with(LIMITED, &query(POOL, 1))),
        ("by_tcp", with(STREAM, &query(POOL, 1))),
        ("transfer", with(TRANSFERS, &query(TOP, 252))),
        ("changes", with(TRANSFERS, &query(TOP, 251))),
        ("lines", with(TEXT, lines)),
        ("a_zone_below", with(TEXT, below)),
    ]
}
