//! What came of a request, in one line.

use std::time::Duration;

use lab::{Network, grouped};

use super::Reply;

/// The line: `60,000 bytes in 41 fragments, there and back in 0.4 ms, the same`. Datagrams go through a network; what went
/// over a connection has no fragments.
pub(super) fn of(network: Option<&Network>, request: &[u8], reply: &Reply) -> String {
    let time = milliseconds(reply.after);
    let (there, back) = (size(network, request.len()), size(network, reply.bytes.len()));
    if *request == *reply.bytes {
        format!("{there}, there and back in {time}, the same")
    } else if request.len() == reply.bytes.len() {
        format!("{there}, there and back in {time}")
    } else {
        format!("{there} there, {back} back, in {time}")
    }
}

/// A payload, and in how many fragments it goes if it does not go whole.
fn size(network: Option<&Network>, length: usize) -> String {
    let bytes = match length {
        1 => "1 byte".to_owned(),
        _ => format!("{} bytes", grouped(length as u64)),
    };
    match network.map_or(1, |network| network.fragments(length)) {
        1 => bytes,
        fragments => format!("{bytes} in {fragments} fragments"),
    }
}

/// A time, to two digits below ten milliseconds.
fn milliseconds(time: Duration) -> String {
    let time = time.as_secs_f64() * 1000.0;
    match time {
        ..1.0 => format!("{time:.2} ms"),
        1.0..100.0 => format!("{time:.1} ms"),
        _ => format!("{time:.0} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(request: &[u8], reply: &[u8], micros: u64) -> String {
        let reply = Reply::of_datagram(reply.to_vec(), Duration::from_micros(micros));
        of(Some(&Network::default()), request, &reply)
    }

    #[test]
    fn it_says_how_much_and_how_long() {
        let pi = vec![b'3'; 60_000];
        assert_eq!(
            line(&pi, &pi, 412),
            "60,000 bytes in 41 fragments, there and back in 0.41 ms, the same"
        );
        assert_eq!(line(b"2 1", b"1 2", 1_234), "3 bytes, there and back in 1.2 ms");
        assert_eq!(
            line(b"20", b"2432902008176640000", 150_000),
            "2 bytes there, 19 bytes back, in 150 ms"
        );
        assert_eq!(line(b"", b"x", 99), "0 bytes there, 1 byte back, in 0.10 ms");
    }

    #[test]
    fn a_connection_has_no_fragments() {
        let reply =
            b"HTTP/1.1 200 OK\r\n\r\n".iter().chain(&[b'3'; 60_000]).copied().collect::<Vec<_>>();
        let reply = Reply::of_connection(&reply, Duration::from_millis(3));
        assert_eq!(of(None, b"/pi", &reply), "3 bytes there, 60,000 bytes back, in 3.0 ms");
    }
}
