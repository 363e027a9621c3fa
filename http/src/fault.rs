//! What can be wrong with what a peer sends, in one byte, and what it is told.

use core::cell::Cell;

use rt_regions::Exhausted;

use crate::Failure;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $status:literal $text:literal,)*) => {
        /// Why a message is not received or sent. It goes through every `?` on the way, so it is one byte.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Fault {
            $($(#[$doc])* $name,)*
        }

        /// The statuses and texts, in the order of the enum.
        const TEXTS: &[(u16, &str)] = &[$(($status, $text),)*];
    };
}

faults! {
    // Of the connection.
    /// The peer is gone.
    Gone = 0 "",
    /// The region has no room; the connection has the error.
    Memory = 0 "",
    /// The deadline has passed.
    TooSlow = 408 "the request comes too slowly: send it faster",

    // The head, as it comes.
    FirstByte = 400 "the first byte is none of HTTP/1.1: send a line such as GET / HTTP/1.1",
    NoCr = 400 "a line of the head ends without CR: end each line with CR LF",
    LongLine = 414 "the request line is too long: send a shorter target",
    LargeHead = 431 "the head is too large: send fewer or shorter headers",
    HeadEnds = 400 "the head ends before its empty line: send CR LF CR LF at its end",

    // The first line.
    Line = 400 "the first line is malformed: write it as GET /path HTTP/1.1, with one space between",
    Version = 505 "only HTTP/1.1 and HTTP/1.0 are spoken here",
    NewLine = 400 "a CR stands without LF, or the first line has more than a method, a target and a version",
    Target = 400 "the request target is malformed: write it as /path?query, in ASCII",
    Connect = 501 "this server is no proxy: CONNECT is not implemented",

    // The headers.
    Name = 400 "the name of a header is malformed, or a header is folded: write Name: value, without a space before the colon",
    Value = 400 "the value of a header has a control character, such as a CR or a NUL: leave it out",
    NoHost = 400 "the header Host is missing: send Host: and a name",
    TwoHosts = 400 "the request has the header Host twice: send it once",
    Host = 400 "the host is malformed: send a name or an address, and a port if any",
    Expect = 417 "the header Expect asks for what is not known: only 100-continue is",
    Length = 400 "the header Content-Length is not a number: send the length of the body in bytes",
    TwoLengths = 400 "the message has the header Content-Length twice: send it once",
    LengthAndCoding = 400 "the message has both Content-Length and Transfer-Encoding: send one of them",
    OldCoding = 400 "HTTP/1.0 has no Transfer-Encoding: send Content-Length, or use HTTP/1.1",
    NotChunked = 400 "the header Transfer-Encoding is not: chunked, and that once",
    Coding = 501 "only the transfer coding chunked is implemented: send no other one",

    // The body.
    LargeBody = 413 "the body is larger than this server takes: send a smaller one",
    LargerThanAsked = 413 "the body is larger than this path takes: send a smaller one",
    Chunk = 400 "a chunk of the body is malformed: send its size in hexadecimal, CR LF, so many bytes, CR LF",
    Overhead = 431 "the chunk extensions and trailers are too long: send at most 4096 bytes of them",
    BodyEnds = 400 "the body ends early: send all of it",

    // What the service does.
    Twice = 500 "the service answers twice",
    Unanswered = 500 "the service has not answered",
    Header = 500 "the service has a header that is not valid",
    Status = 500 "the service has a status that is not from 200 to 599",
    Longer = 500 "the body is longer than the service has said",
    Shorter = 500 "the body is shorter than the service has said",
}

impl Fault {
    /// The status and the text, but for [`Gone`](Self::Gone) and [`Memory`](Self::Memory).
    pub(crate) fn refused(self) -> (u16, &'static str) {
        TEXTS.get(self as usize).copied().unwrap_or_default()
    }

    /// The failure of a handler; `memory` has the error if that is it.
    pub(crate) fn failure(self, memory: &Memory) -> Failure {
        match (self.refused(), memory.take()) {
            ((0, _), Some(exhausted)) if self == Self::Memory => Failure::Exhausted(exhausted),
            ((0, _), _) => Failure::Gone,
            ((status, text), _) => Failure::Refused(status, text),
        }
    }
}

/// The error of the region that had no room.
pub(crate) type Memory = Cell<Option<Exhausted>>;

/// `result`, whose error goes to `memory`.
pub(crate) fn note<T>(result: Result<T, Exhausted>, memory: &Memory) -> Result<T, Fault> {
    result.map_err(|exhausted| {
        memory.set(Some(exhausted));
        Fault::Memory
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_faults_are_in_one_order() {
        let memory = Memory::default();
        assert_eq!(Fault::Gone.failure(&memory), Failure::Gone);
        assert_eq!(Fault::TooSlow.failure(&memory).status(), 408);
        assert_eq!(Fault::Version.failure(&memory).status(), 505);
        assert_eq!(Fault::Shorter as usize, TEXTS.len() - 1);
        let exhausted = Exhausted::new("request", rt_regions::Limit::Cap, 3, 2, 1);
        assert_eq!(note::<()>(Err(exhausted), &memory), Err(Fault::Memory));
        assert_eq!(Fault::Memory.failure(&memory), Failure::Exhausted(exhausted));
        assert_eq!(memory.get(), None);
    }
}
