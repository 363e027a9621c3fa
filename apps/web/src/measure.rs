//! Paths to measure and test a connection with: `/bytes/{count}`, `/sum` and `/sink`.

use adler2::Adler32;
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

/// The number of bytes of the body, in a line; or, if they are summed up, with their checksum (Adler-32, RFC 1950 8.2), as
/// JSON. Otherwise nothing looks at them.
pub(crate) async fn body<'r, S: ByteStream>(
    request: Request<'r, S>,
    sums: bool,
) -> Result<Reply<'r>, Failure> {
    // It takes little time, knows the order of the bytes, and most languages have it.
    let (mut count, mut sum) = (0, Adler32::new());
    let mut look = |bytes: &[u8]| {
        let bytes = &bytes[..bytes.len().min(SLICE)];
        if sums {
            sum.write_slice(bytes);
        }
        count += bytes.len() as u64;
        bytes.len()
    };
    while request.receive(&mut look).await? {
        yield_now().await;
    }
    let region = request.region();
    if !sums {
        return Ok(Reply::text(region.format(format_args!("{count}\n"))?.as_bytes()));
    }
    let sum = u64::from(sum.checksum());
    let text = region.format(format_args!("{{\"bytes\": {count}, \"adler32\": {sum}}}\n"))?;
    Ok(Reply::json([text.as_bytes(), b"", b""]))
}
