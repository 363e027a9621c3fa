//! Programs for `tasks`.

/// A step, with the number of its port.
fn step(kind: u8, port: u8) -> u8 {
    kind | port << 4
}

/// Requests to the port, of 20 bytes, from as many clients.
fn requests(port: u8, count: usize) -> Vec<u8> {
    [2, port, 3, 2, 0].repeat(count)
}

/// A datagram, 200 milliseconds.
const WAIT: [u8; 2] = [0, 200];
/// A turn until nothing is to be done.
const SETTLE: u8 = 15 | 3 << 4;

pub(super) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let spawn = |port, kind, n| vec![step(6, port), kind, n];
    let each = |port, kind, n| vec![step(7, port), kind, n];
    let program = |steps: &[Vec<u8>]| steps.concat();
    let settle = || vec![SETTLE];
    let answer = |how| vec![15, how];
    let mut named = vec![
        ("echoes", program(&[spawn(1, 0, 3), requests(1, 20), settle()])),
        (
            "reads_until_it_is_full",
            program(&[spawn(1, 1, 3), [2, 1, 3, 7, 0].repeat(12), settle()]),
        ),
        ("ends_with_an_error", program(&[spawn(0, 2, 9), WAIT.to_vec(), spawn(0, 2, 9)])),
        ("races", program(&[spawn(2, 3, 1), requests(2, 3), vec![4, 2, 0], settle()])),
        (
            "asks_and_is_answered",
            program(&[each(1, 1, 255), requests(1, 5), answer(7), WAIT.to_vec()]),
        ),
        ("asks_and_is_not", program(&[each(1, 1, 255), requests(1, 5), answer(3), WAIT.to_vec()])),
        (
            "limit",
            program(&[each(1, 2, 248), requests(1, 5), settle(), WAIT.to_vec(), WAIT.to_vec()]),
        ),
        ("computes", program(&[each(2, 3, 90), requests(2, 9), vec![1; 20], vec![step(8, 2)]])),
        ("too_long", program(&[each(2, 3, 255), [2, 2, 3, 4, 0].repeat(3), settle()])),
        (
            "unbound_while_it_waits",
            program(&[spawn(1, 4, 99), requests(1, 2), vec![1, 1, step(8, 1)]]),
        ),
        (
            "again_and_again",
            program(&[spawn(1, 5, 250), requests(1, 2), settle(), spawn(1, 5, 250)]),
        ),
        ("counters", program(&[vec![15 | 2 << 4], requests(4, 3), vec![step(9, 4), 15 | 10 << 4]])),
    ];
    let sockets = [9, 10, 9 | 16, 10 | 16, 9, 2, 0, 3, 2, 0, 1, 5, 10, 0];
    named.push(("sockets", sockets.to_vec()));
    let plain: Vec<u8> = (0..7).flat_map(|kind| [11, kind, 77]).collect();
    let cancelled = [12, 0, 12 | 16, 1, 1, 12, 2];
    named.push(("plain", [&plain[..], &[1], &plain, &cancelled, &plain, &WAIT].concat()));
    let short = program(&[
        spawn(1, 0, 3),
        each(2, 0, 7),
        vec![13, 1],
        requests(1, 3),
        vec![SETTLE, 13, 2],
        requests(2, 3),
        vec![SETTLE, 14, 120],
        requests(1, 3),
        vec![SETTLE, 13, 1, step(6, 3), 0, 0, step(6, 3), 0, 0],
    ]);
    named.push(("short_of_memory", short));
    let flood = [2, 1, 3, 7, 0, 3, 2, 0, 4, 0].repeat(30);
    named.push((
        "flood",
        [&spawn(1, 2, 255)[..], &spawn(2, 0, 0), &flood, &[SETTLE], &WAIT].concat(),
    ));
    named.sort_unstable();
    named
}
