//! Services that are a function from a request to a reply.

use rt_regions::Region;
use tasks::TaskError;

use super::Stream;

/// How long the next request is in the bytes that have come: `None` if it is not complete.
pub(crate) type Framing = fn(&[u8]) -> Option<usize>;

impl Stream {
    /// Answers the requests of one stream, until it ends. Each has a region of its own.
    pub(crate) async fn exchange<S>(
        &self,
        region: &Region<'static>,
        framing: Framing,
        service: &S,
    ) -> Result<(), TaskError>
    where
        S: for<'r> Fn(&'r [u8], &'r Region<'_>) -> Result<&'r [u8], TaskError>,
    {
        let mut request_region = region.child("tcp.request");
        loop {
            // A connection that waits holds no page.
            request_region.release();
            let request = self
                .receive(|bytes| match framing(bytes) {
                    Some(length) => {
                        let length = length.min(bytes.len());
                        (length, Some(request_region.alloc_slice(&bytes[..length]).map(|r| &*r)))
                    }
                    None => (0, None),
                })
                .await?;
            let Some(request) = request else { return Ok(()) };
            self.send(service(request?, &request_region)?).await?;
        }
    }
}
