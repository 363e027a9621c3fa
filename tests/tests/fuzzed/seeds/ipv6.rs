//! Programs for `ipv6`.

/// A fragment of packet `id`; `before` and `behind` say whether there are options before and behind its Fragment header.
fn piece(id: u8, offset: u16, length: u16, more: bool, (before, behind): (bool, bool)) -> Vec<u8> {
    let ([o, p], [l, m]) = ((offset / 8).to_be_bytes(), length.to_be_bytes());
    let flags = u8::from(more) | u8::from(before) << 3 | (u8::from(behind) * 0x30);
    vec![0, id, flags, o, p, l, m]
}

fn plain(id: u8, offset: u16, length: u16, more: bool) -> Vec<u8> {
    piece(id, offset, length, more, (false, false))
}

/// The places of headers in the table of numbers.
const OPTIONS: u8 = 0;
const HOP_BY_HOP: u8 = 1;
const ROUTING: u8 = 2;
const FRAGMENT: u8 = 3;
const NOTHING: u8 = 4;
const UDP: u8 = 6;

/// A packet to us or to a group, with headers of 8 bytes, each with what follows its length; UDP follows.
fn packet(to_group: bool, headers: &[(u8, [u8; 6])]) -> Vec<u8> {
    let place = |index: usize| headers.get(index).map_or(UDP, |(place, _)| *place);
    let mut step = vec![0x80 | u8::from(to_group), place(0), headers.len() as u8];
    for (index, (_, bytes)) in headers.iter().enumerate() {
        step.extend([0, place(index + 1)]);
        step.extend(bytes);
    }
    step.extend([8, 1, 2, 3, 4, 5, 6, 7, 8]);
    step
}

fn send(flags: u8, length: u16, mtu: u16) -> Vec<u8> {
    [&[0xe0, flags | 8][..], &length.to_be_bytes(), &mtu.to_be_bytes()].concat()
}

fn wait(exponent: u8) -> Vec<u8> {
    vec![0xf0 | exponent]
}

pub(super) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    const PADDING: [u8; 6] = [1, 4, 0, 0, 0, 0];
    let option = |kind| [kind, 4, 0, 0, 0, 0];
    let in_order = [plain(1, 0, 16, true), plain(1, 16, 16, true), plain(1, 32, 5, false)];
    let mut backwards = in_order.to_vec();
    backwards.reverse();
    let unknown = |to_group| {
        let kinds = [0x1f, 0x5f, 0x9f, 0xdf];
        kinds.map(|kind| packet(to_group, &[(OPTIONS, option(kind))])).concat()
    };
    let all = [
        (HOP_BY_HOP, PADDING),
        (OPTIONS, PADDING),
        (ROUTING, [0; 6]),
        (FRAGMENT, [0, 0, 0, 0, 0, 7]),
        (OPTIONS, PADDING),
    ];
    let longest: Vec<_> =
        (0..17u16).map(|n| plain(2, n * 4088, if n < 16 { 4088 } else { 100 }, n < 16)).collect();
    vec![
        ("backwards", backwards.concat()),
        ("beyond_65535", plain(1, 65_528, 100, false)),
        ("duplicate", [&in_order[0][..], &in_order[0], &in_order[1]].concat()),
        ("every_header", packet(false, &all)),
        (
            "headers_before_and_behind",
            [piece(1, 0, 16, true, (true, true)), piece(1, 16, 3, false, (false, false))].concat(),
        ),
        ("hop_by_hop_second", packet(false, &[(OPTIONS, PADDING), (HOP_BY_HOP, PADDING)])),
        ("in_order", in_order.concat()),
        ("incomplete_chain", piece(1, 0, 8, true, (false, true))),
        ("longest", longest.concat()),
        ("nested", [packet(false, &[(FRAGMENT, [0, 0, 0, 0, 0, 7]); 2])].concat()),
        ("nine_headers", packet(false, &[(OPTIONS, PADDING); 9])),
        ("no_next_header", packet(false, &[(OPTIONS, PADDING), (NOTHING, [0; 6])])),
        ("odd_piece", plain(1, 0, 13, true)),
        // Found by mutation: the length of the last option would be behind the packet.
        ("option_without_a_length", vec![0x80, 0, 1, 0, 6, 1, 3, 0, 0, 0, 1, 0]),
        (
            "overlap_then_refused",
            [
                plain(1, 0, 16, true),
                plain(1, 8, 16, true),
                plain(1, 16, 8, false),
                wait(15),
                wait(15),
                plain(1, 16, 8, false),
            ]
            .concat(),
        ),
        ("routing_with_segments", packet(false, &[(ROUTING, [0, 1, 0, 0, 0, 0])])),
        (
            "send",
            [send(0, 3000, 0), send(0, 3000, 1400), send(1, 1300, 0), send(2, 1461, 0)].concat(),
        ),
        ("times_out", [plain(1, 0, 1480, true), plain(2, 8, 8, true), wait(15), wait(15)].concat()),
        ("two_ends", [plain(1, 64, 8, false), plain(1, 32, 8, false)].concat()),
        ("unknown_options", unknown(false)),
        ("unknown_options_to_a_group", unknown(true)),
    ]
}
