//! What the two ends say to each other.

use sha2::{Digest as _, Sha256};

use crate::Content;

/// The port that takes bytes.
pub const SINK: u16 = 9;
/// The port that gives bytes.
pub const SOURCE: u16 = 19;
/// The length of a request in bytes.
pub const REQUEST_LEN: usize = 16;
/// The length of a receipt in bytes.
pub const RECEIPT_LEN: usize = 40;

/// How many bytes are wanted, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// How many.
    pub length: u64,
    /// The seed of the [`Content`].
    pub seed: u64,
}

impl Request {
    /// As it is sent.
    pub fn bytes(self) -> [u8; REQUEST_LEN] {
        let mut bytes = [0; REQUEST_LEN];
        bytes[..8].copy_from_slice(&self.length.to_be_bytes());
        bytes[8..].copy_from_slice(&self.seed.to_be_bytes());
        bytes
    }

    /// The request in these bytes; none if there are too few.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let seed = rest.first_chunk()?;
        Some(Self { length: u64::from_be_bytes(*length), seed: u64::from_be_bytes(*seed) })
    }
}

/// What came of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// How many bytes there were.
    pub length: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
}

impl Receipt {
    /// What is said of the next `length` bytes of `content`.
    pub fn of(length: u64, content: &mut Content) -> Self {
        let (mut digest, mut piece, mut left) = (Digest::new(), [0; 4096], length);
        while left > 0 {
            let size = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            content.fill(&mut piece[..size]);
            digest.add(&piece[..size]);
            left -= size as u64;
        }
        digest.receipt()
    }

    /// As it is sent.
    pub fn bytes(&self) -> [u8; RECEIPT_LEN] {
        let mut bytes = [0; RECEIPT_LEN];
        bytes[..8].copy_from_slice(&self.length.to_be_bytes());
        bytes[8..].copy_from_slice(&self.sha256);
        bytes
    }

    /// The receipt in these bytes; none if there are too few.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        Some(Self { length: u64::from_be_bytes(*length), sha256: *rest.first_chunk()? })
    }
}

/// What is said of bytes that come one after the other.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    length: u64,
    sha256: Sha256,
}

impl Digest {
    /// Of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// More bytes have come.
    pub fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.sha256.update(bytes);
    }

    /// What is said of all of them.
    pub fn receipt(self) -> Receipt {
        Receipt { length: self.length, sha256: self.sha256.finalize().into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_read_and_what_is_cut_off_is_nothing() {
        let request = Request { length: 0x0102_0304_0506_0708, seed: 9 };
        let bytes = request.bytes();
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(Request::read(&bytes), Some(request));
        assert!((0..bytes.len()).all(|length| Request::read(&bytes[..length]).is_none()));
        let receipt = Receipt { length: 3, sha256: [7; 32] };
        let bytes = receipt.bytes();
        assert_eq!(Receipt::read(&bytes), Some(receipt));
        assert!((0..bytes.len()).all(|length| Receipt::read(&bytes[..length]).is_none()));
    }

    /// FIPS 180-2, B.1.
    #[test]
    fn a_digest_is_that_of_the_standard() {
        let mut digest = Digest::new();
        digest.add(b"a");
        digest.add(b"bc");
        let Receipt { length, sha256 } = digest.receipt();
        assert_eq!((length, &sha256[..4]), (3, &[0xba, 0x78, 0x16, 0xbf][..]));
    }
}
