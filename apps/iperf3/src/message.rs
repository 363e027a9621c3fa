//! What the two ends say to each other on the control connection.

use core::{error::Error, fmt};

/// The length of what a connection begins with, in bytes: 36 characters of which the client makes one test's name, and a 0.
pub(crate) const COOKIE_LEN: usize = 37;

/// What a connection begins with.
pub(crate) type Cookie = [u8; COOKIE_LEN];

/// The states that the ends tell each other, a byte each.
pub(crate) const TEST_START: u8 = 1;
pub(crate) const TEST_RUNNING: u8 = 2;
pub(crate) const TEST_END: u8 = 4;
pub(crate) const PARAM_EXCHANGE: u8 = 9;
pub(crate) const CREATE_STREAMS: u8 = 10;
pub(crate) const CLIENT_TERMINATE: u8 = 12;
pub(crate) const EXCHANGE_RESULTS: u8 = 13;
pub(crate) const DISPLAY_RESULTS: u8 = 14;
pub(crate) const ACCESS_DENIED: u8 = 0xff;
const SERVER_ERROR: u8 = 0xfe;

/// Why the server does not do what the client wants, by the number that iperf3 knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    number: u32,
    words: &'static str,
}

impl Refusal {
    pub(crate) const DURATION: Self = Self::new(5, "the time is above 86400 seconds");
    pub(crate) const STREAMS: Self = Self::new(6, "expected 1 to 128 streams, both ways together");
    pub(crate) const BLOCK: Self = Self::new(7, "the block is not of 1 to 1048576 bytes");
    pub(crate) const OPTION: Self = Self::new(13, "the client has an option that is not supported");
    pub(crate) const TOS: Self = Self::new(23, "the type of service is above 255");
    pub(crate) const BOTH_WAYS: Self = Self::new(25, "expected --reverse or --bidir, not both");
    pub(crate) const MESSAGE: Self = Self::new(110, "the client says what it cannot say now");
    pub(crate) const PARAMETERS: Self = Self::new(114, "expected the parameters of iperf3 in JSON");
    pub(crate) const RESULTS: Self = Self::new(117, "expected the results of iperf3 in JSON");
    pub(crate) const PROTOCOL: Self = Self::new(131, "expected a test of TCP");
    pub(crate) const CONGESTION: Self = Self::new(134, "expected the algorithm cubic or reno");
    pub(crate) const IDLE: Self = Self::new(144, "the client does nothing");
    pub(crate) const TOO_LONG: Self =
        Self::new(160, "the test takes longer than the client wanted");
    pub(crate) const MEMORY: Self = Self::new(201, "out of memory");

    const fn new(number: u32, words: &'static str) -> Self {
        Self { number, words }
    }

    /// As it is sent: a state, and two numbers, of which the second is an error of the system's. There is none.
    pub(crate) fn bytes(self) -> [u8; 9] {
        let [a, b, c, d] = self.number.to_be_bytes();
        [SERVER_ERROR, a, b, c, d, 0, 0, 0, 0]
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words)
    }
}

impl Error for Refusal {}
