//! Echo on TCP: what comes is sent back.

use rt_regions::Region;
use tasks::TaskError;
use tcp::Stream;

/// How many bytes are taken at once.
const CHUNK: usize = 16 << 10;

/// Sends back what comes, until the peer has sent all.
pub(crate) async fn echo(stream: &Stream, region: &Region<'static>) -> Result<(), TaskError> {
    let mut chunk = region.child("echo.chunk");
    loop {
        // A connection that waits holds no page.
        chunk.release();
        let received = stream.receive(|bytes| {
            let bytes = &bytes[..bytes.len().min(CHUNK)];
            (bytes.len(), Some(chunk.alloc_slice(bytes).map(|copied| &*copied)))
        });
        match received.await? {
            Some(bytes) => stream.send(bytes?).await?,
            None => return Ok(()),
        }
    }
}
