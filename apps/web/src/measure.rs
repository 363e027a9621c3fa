//! Paths to measure and test a connection with: `/bytes/{count}` and `/sum`.

use http::{Answer, ByteStream, Failure, Request, Response};
use tasks::yield_now;

use crate::service::Reply;

/// The most bytes that are sent, or taken in a body.
pub(crate) const MOST: u64 = 1 << 40;

/// How many bytes are given to the stream at once: a multiple of 256.
pub(crate) const BLOCK: usize = 16 << 10;

/// How many bytes are summed up before others have their turn.
const SLICE: usize = 64 << 10;

/// Answers with `count` bytes, of which `block` is the beginning, and then the beginning again.
pub(crate) async fn bytes<S: ByteStream>(
    count: &str,
    block: &[u8],
    response: Response<'_, S>,
) -> Answer {
    let count = layer::decimal(count.as_bytes(), MOST).ok_or(Failure::Refused(
        400,
        "the count is not a number from 0 to 1099511627776: ask for /bytes/1000000",
    ))?;
    let response = response.header("Content-Type", "application/octet-stream");
    let mut writer = response.stream_of(count)?;
    let mut left = count;
    while left > 0 {
        let length = left.min(block.len() as u64);
        writer.send(&block[..length as usize]).await?;
        left -= length;
    }
    writer.finish().await
}

/// The number of bytes of the body, and their checksum, as JSON.
pub(crate) async fn sum<'r, S: ByteStream>(request: Request<'r, S>) -> Result<Reply<'r>, Failure> {
    let (mut count, mut sum) = (0, Adler32::default());
    let mut look = |bytes: &[u8]| {
        let bytes = &bytes[..bytes.len().min(SLICE)];
        sum.add(bytes);
        count += bytes.len() as u64;
        bytes.len()
    };
    while request.receive(&mut look).await? {
        yield_now().await;
    }
    let sum = u64::from(sum.value());
    let text = format_args!("{{\"bytes\": {count}, \"adler32\": {sum}}}\n");
    Ok(Reply::json([request.region().format(text)?.as_bytes(), b"", b""]))
}

/// The checksum of zlib (RFC 1950 8.2): it takes little time, knows the order of the bytes, and most languages have it.
#[derive(Debug)]
struct Adler32 {
    low: u32,
    high: u32,
}

/// The largest prime below 2^16.
const MODULUS: u32 = 65_521;

/// How many bytes can be summed up before a sum has more than 32 bits.
const RUN: usize = 5_552;

impl Default for Adler32 {
    fn default() -> Self {
        Self { low: 1, high: 0 }
    }
}

impl Adler32 {
    fn add(&mut self, bytes: &[u8]) {
        for run in bytes.chunks(RUN) {
            for byte in run {
                self.low += u32::from(*byte);
                self.high += self.low;
            }
            self.low %= MODULUS;
            self.high %= MODULUS;
        }
    }

    fn value(&self) -> u32 {
        self.high << 16 | self.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_zlib() {
        let largest = vec![255; 100_000];
        for (bytes, expected) in [
            (&b""[..], 1),
            (b"a", 0x0062_0062),
            (b"Wikipedia", 0x11e6_0398),
            (&largest, 0x149a_302c),
        ] {
            for size in [1, 7, RUN, RUN + 1, 100_000] {
                let mut sum = Adler32::default();
                bytes.chunks(size).for_each(|chunk| sum.add(chunk));
                assert_eq!(sum.value(), expected, "{} bytes by {size}", bytes.len());
            }
        }
    }
}
