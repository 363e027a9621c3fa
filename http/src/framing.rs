//! How long a body is (RFC 9112 6), and whether the connection goes on after it (9.3).
//!
//! Where two readings of a message are possible, it is refused: a proxy in front of this server might have taken the
//! other one, and then the end of one request is the beginning of another (request smuggling, RFC 9112 11.2).

use crate::{
    Headers,
    body::Body,
    fault::Fault,
    text::{list, number},
};

/// What the fields say about framing and about the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing<'r> {
    /// The body, if the fields say that there is one; until the end of the connection is not said by a field.
    pub(crate) body: Option<Body>,
    /// The connection ends after this message.
    pub(crate) close: bool,
    /// The peer that speaks HTTP/1.0 wants the connection to stay.
    pub(crate) keep_alive: bool,
    /// The field `Host`.
    pub(crate) host: Option<&'r [u8]>,
    /// The client waits for status 100 before it sends the body (RFC 9110 10.1.1).
    pub(crate) expects_continue: bool,
}

/// Reads `fields` of a message of HTTP/1.`minor`.
pub(crate) fn framing<'r>(fields: Headers<'r>, minor: u8) -> Result<Framing<'r>, Fault> {
    let mut framing = Framing {
        body: None,
        close: false,
        keep_alive: false,
        host: None,
        expects_continue: false,
    };
    let (mut length, mut codings, mut hosts) = (None, false, 0);
    for field in fields.0 {
        let is = |name| field.name.eq_ignore_ascii_case(name);
        // By length, so that most fields are compared with no name.
        match field.name.len() {
            4 if is("Host") => {
                hosts += 1;
                framing.host = Some(field.value);
            }
            6 if is("Expect") => {
                if !field.value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Fault::Expect);
                }
                framing.expects_continue = minor > 0;
            }
            10 if is("Connection") => {
                for option in list(field.value) {
                    framing.close |= option.eq_ignore_ascii_case(b"close");
                    framing.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            14 if is("Content-Length") => {
                let Some(number) = number(field.value) else {
                    return Err(Fault::Length);
                };
                if length.replace(number).is_some() {
                    return Err(Fault::TwoLengths);
                }
            }
            17 if is("Transfer-Encoding") => {
                if codings || !field.value.eq_ignore_ascii_case(b"chunked") {
                    return Err(unknown_coding(field.value, codings));
                }
                codings = true;
            }
            _ => {}
        }
    }
    // RFC 9112 3.2.
    if hosts > 1 {
        return Err(Fault::TwoHosts);
    }
    framing.body = match (length, codings) {
        (Some(_), true) => {
            return Err(Fault::LengthAndCoding);
        }
        (None, true) if minor == 0 => {
            return Err(Fault::OldCoding);
        }
        (None, true) => Some(Body::chunked()),
        (Some(length), false) => Some(Body::of_length(length)),
        (None, false) => None,
    };
    framing.close |= minor == 0 && !framing.keep_alive;
    Ok(framing)
}

/// What is wrong with a list of transfer codings that is not `chunked` alone: the end of the body is unknown unless
/// `chunked` is the last one (status 400, RFC 9112 6.3), and no other coding is implemented (501, 6.1).
fn unknown_coding(value: &[u8], after_chunked: bool) -> Fault {
    let (mut all, mut chunked) = (0, usize::from(after_chunked));
    let mut last_is_chunked = false;
    for coding in list(value) {
        last_is_chunked = coding.eq_ignore_ascii_case(b"chunked");
        chunked += usize::from(last_is_chunked);
        all += 1;
    }
    if last_is_chunked && chunked == 1 && all > 1 { Fault::Coding } else { Fault::NotChunked }
}

#[cfg(test)]
mod tests {
    use httparse::Header;

    use super::*;

    fn read(fields: &[(&'static str, &'static str)], minor: u8) -> Result<Framing<'static>, u16> {
        let fields = fields.iter().map(|(name, value)| Header { name, value: value.as_bytes() });
        let fields: std::vec::Vec<_> = fields.collect();
        framing(Headers(fields.leak()), minor).map_err(|fault| fault.refused().0)
    }

    fn body(fields: &[(&'static str, &'static str)]) -> Result<Option<Body>, u16> {
        read(fields, 1).map(|framing| framing.body)
    }

    /// RFC 9112 6.3, 11.2.
    #[test]
    fn a_body_has_one_length_or_the_message_is_refused() {
        let [length, coding] = ["Content-Length", "transfer-ENCODING"];
        assert_eq!(body(&[]), Ok(None));
        assert_eq!(body(&[(length, "0")]), Ok(Some(Body::of_length(0))));
        assert_eq!(body(&[(length, "042")]), Ok(Some(Body::of_length(42))));
        assert_eq!(body(&[(coding, "Chunked")]), Ok(Some(Body::chunked())));
        for (fields, status) in [
            (&[(length, "5"), (length, "6")][..], 400),
            (&[(length, "5"), (length, "5")], 400),
            (&[(length, "5, 5")], 400),
            (&[(length, "+5")], 400),
            (&[(length, "-5")], 400),
            (&[(length, "0x5")], 400),
            (&[(length, "5 5")], 400),
            (&[(length, "")], 400),
            (&[(length, "18446744073709551616")], 400),
            (&[(length, "5"), (coding, "chunked")], 400),
            (&[(coding, "chunked"), (length, "5")], 400),
            (&[(coding, "chunked"), (coding, "chunked")], 400),
            (&[(coding, "chunked, chunked")], 400),
            (&[(coding, "chunked, gzip")], 400),
            (&[(coding, "gzip")], 400),
            (&[(coding, "identity")], 400),
            (&[(coding, "xchunked")], 400),
            (&[(coding, "chunked;q=1")], 400),
            (&[(coding, "\x0bchunked")], 400),
            (&[(coding, "")], 400),
            (&[(coding, "chunked,")], 400),
            (&[(coding, "gzip, chunked")], 501),
        ] {
            assert_eq!(body(fields), Err(status), "{fields:?}");
        }
        // RFC 9112 6.1.
        assert!(matches!(read(&[(coding, "chunked")], 0), Err(400)));
    }

    /// RFC 9112 9.3.
    #[test]
    fn a_connection_stays_unless_a_field_or_the_version_says_otherwise() {
        for (fields, minor, expected) in [
            (&[][..], 1, false),
            (&[("Connection", "close")], 1, true),
            (&[("connection", "Foo , CLOSE")], 1, true),
            (&[("Connection", "closed")], 1, false),
            (&[("Connection", "keep-alive"), ("Connection", "close")], 1, true),
            (&[], 0, true),
            (&[("Connection", "Keep-Alive")], 0, false),
            (&[("Connection", "keep-alive, close")], 0, true),
        ] {
            assert_eq!(read(fields, minor).map(|it| it.close), Ok(expected), "{fields:?}");
        }
    }

    /// RFC 9110 10.1.1.
    #[test]
    fn one_expectation_is_known() {
        let expect = |value, minor| {
            read(&[("Expect", value)], minor).map(|framing| framing.expects_continue)
        };
        assert_eq!(expect("100-Continue", 1), Ok(true));
        assert_eq!(expect("100-continue", 0), Ok(false));
        assert_eq!(expect("200-ok", 1), Err(417));
    }
}
