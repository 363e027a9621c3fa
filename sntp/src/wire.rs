//! Messages (RFC 5905 7.3): a header of 48 bytes. What follows it, extensions and a digest, is not read.

use core::{error::Error, fmt, time::Duration};

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    network_endian::{U32, U64},
};

/// The UDP port of a server (RFC 5905 7.2).
pub const PORT: u16 = 123;

/// The length of the header in bytes.
pub const HEADER_LEN: usize = size_of::<Header>();

/// The version that we speak.
pub const VERSION: u8 = 4;

/// The oldest version whose header is read. It is the same as in version 4 (RFC 5905 7.3).
pub const OLDEST_VERSION: u8 = 3;

/// The mode of a client's messages (RFC 5905 figure 10).
pub const MODE_CLIENT: u8 = 3;

/// The mode of a server's answers.
pub const MODE_SERVER: u8 = 4;

/// The leap indicator of a server whose clock is not synchronised (RFC 5905 figure 9).
pub const LEAP_UNKNOWN: u8 = 3;

/// From this stratum on a server is not synchronised (RFC 5905 figure 11).
pub const MAX_STRATUM: u8 = 16;

/// The header of a message.
///
/// ```text
///   0                   1                   2                   3
///   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///  +---+-----+-----+---------------+---------------+---------------+
///  |LI | VN  |Mode |    Stratum    |     Poll      |   Precision   |
///  +---+-----+-----+---------------+---------------+---------------+
///  |                          Root Delay                           |
///  +---------------------------------------------------------------+
///  |                        Root Dispersion                        |
///  +---------------------------------------------------------------+
///  |                         Reference ID                          |
///  +---------------------------------------------------------------+
///  |                    Reference Timestamp (64)                   |
///  +---------------------------------------------------------------+
///  |                     Origin Timestamp (64)                     |
///  +---------------------------------------------------------------+
///  |                     Receive Timestamp (64)                    |
///  +---------------------------------------------------------------+
///  |                     Transmit Timestamp (64)                   |
///  +---------------------------------------------------------------+
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Header {
    /// Leap indicator, version and mode.
    pub flags: u8,
    /// How many servers are between this one and a clock that is none of a computer, and itself: 1 to 15.
    pub stratum: u8,
    /// The exponent of the longest interval between questions in seconds. Not used.
    pub poll: i8,
    /// The exponent of the precision of the sender's clock in seconds: -20 is about a microsecond.
    pub precision: i8,
    /// The round-trip delay from the server to the first clock; see [`short`].
    pub root_delay: U32,
    /// The error of the server's clock at most, but for that delay; see [`short`].
    pub root_dispersion: U32,
    /// What the server has its time from, or the code of a kiss.
    pub reference_id: [u8; 4],
    /// When the server's clock was last set.
    pub reference: U64,
    /// What the question had as its transmit timestamp.
    pub origin: U64,
    /// When the question came.
    pub receive: U64,
    /// When the message left. In our questions it is a random number.
    pub transmit: U64,
}

const _: () = assert!(HEADER_LEN == 48);

impl Header {
    /// A question with this transmit timestamp, which the answer repeats. All the rest is zero, so that it says nothing about
    /// who asks (RFC 8633 5.1).
    pub fn question(transmit: u64) -> Self {
        Self {
            flags: flags(0, VERSION, MODE_CLIENT),
            stratum: 0,
            poll: 0,
            precision: 0,
            root_delay: U32::ZERO,
            root_dispersion: U32::ZERO,
            reference_id: [0; 4],
            reference: U64::ZERO,
            origin: U64::ZERO,
            receive: U64::ZERO,
            transmit: U64::new(transmit),
        }
    }

    /// The header of a message. What follows it is not read.
    ///
    /// # Errors
    /// [`ParseError`]: the length is not that of a header with whole words after it, or the version is another one.
    pub fn parse(message: &[u8]) -> Result<&Self, ParseError> {
        let Ok((header, rest)) = Self::ref_from_prefix(message) else {
            return Err(ParseError::Length(message.len()));
        };
        if rest.len() % 4 != 0 {
            return Err(ParseError::Length(message.len()));
        }
        match header.version() {
            OLDEST_VERSION..=VERSION => Ok(header),
            version => Err(ParseError::Version(version)),
        }
    }

    /// The leap indicator: 0 to 2, or [`LEAP_UNKNOWN`].
    pub const fn leap(&self) -> u8 {
        self.flags >> 6
    }

    /// The version: 0 to 7.
    pub const fn version(&self) -> u8 {
        self.flags >> 3 & 7
    }

    /// The mode: 0 to 7.
    pub const fn mode(&self) -> u8 {
        self.flags & 7
    }
}

/// The first byte of a message.
pub const fn flags(leap: u8, version: u8, mode: u8) -> u8 {
    leap << 6 | (version & 7) << 3 | mode & 7
}

/// A time in the short format: seconds, and 65,536ths of a second.
pub fn short(value: U32) -> Duration {
    Duration::from_nanos((u64::from(value.get()) * 1_000_000_000) >> 16)
}

/// The seconds from the beginning of 1900 to that of 1970 (RFC 5905 figure 4).
const TO_1970: u32 = 2_208_988_800;

const NANOS_A_SECOND: u64 = 1_000_000_000;

/// A moment: seconds since the beginning of 1900, modulo 2^32, and 2^32ths of a second (RFC 5905 6). The seconds begin again
/// in 2036.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The timestamp that is none.
    pub const NONE: Self = Self(0);

    /// The time since the beginning of 1970 (UTC). The timestamp is taken for one between then and 7 February 2106, whatever
    /// its era.
    pub fn since_1970(self) -> Duration {
        let seconds = ((self.0 >> 32) as u32).wrapping_sub(TO_1970);
        let fraction = self.0 & 0xffff_ffff;
        let nanos = (fraction * NANOS_A_SECOND + (1 << 31)) >> 32;
        Duration::from_secs(seconds.into()) + Duration::from_nanos(nanos)
    }

    /// The timestamp of a moment, which is so long after the beginning of 1970.
    pub fn from_1970(time: Duration) -> Self {
        let seconds = (time.as_secs() as u32).wrapping_add(TO_1970);
        let nanos = u64::from(time.subsec_nanos());
        let fraction = ((nanos << 32) + NANOS_A_SECOND / 2) / NANOS_A_SECOND;
        Self((u64::from(seconds) << 32) + fraction)
    }

    /// The time from `earlier` to this timestamp. `None` if it is earlier. They are less than 68 years apart, whatever their
    /// eras.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let time = self.0.wrapping_sub(earlier.0);
        if time >> 63 != 0 {
            return None;
        }
        let fraction = ((time & 0xffff_ffff) * NANOS_A_SECOND + (1 << 31)) >> 32;
        Some(Duration::from_secs(time >> 32) + Duration::from_nanos(fraction))
    }
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The message has this many bytes: fewer than a header, or not whole words.
    Length(usize),
    /// The version is this one.
    Version(u8),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => {
                write!(f, "{length} bytes: expected {HEADER_LEN}, or whole words more")
            }
            Self::Version(version) => {
                write!(f, "version {version}: expected {OLDEST_VERSION} or {VERSION}")
            }
        }
    }
}

impl Error for ParseError {}

#[cfg(test)]
mod tests;
