//! Services: what is started for each connection to a port.

use rt_regions::Region;
use tasks::{SpawnError, TaskError};

use crate::Stream;

/// A port that connections are accepted at.
#[derive(Clone, Copy)]
pub(crate) struct Listener {
    pub(crate) port: u16,
    pub(crate) opener: &'static dyn Opener,
}

/// Starts a service for a connection. One type for all, so that the layer can keep them.
pub(crate) trait Opener {
    fn open(&'static self, stream: Stream) -> Result<(), SpawnError>;
}

/// A service as it was bound.
pub(crate) struct Service<S>(pub(crate) S);

impl<S> Opener for Service<S>
where
    S: for<'s, 'r> AsyncFn(&'s Stream, &'r Region<'static>) -> Result<(), TaskError> + 'static,
{
    fn open(&'static self, stream: Stream) -> Result<(), SpawnError> {
        let tasks = stream.connections().tasks();
        tasks.spawn("tcp.connection", async move |region| {
            match (self.0)(&stream, region).await {
                Ok(()) => Ok(()),
                // What a peer does is no line for an operator: any peer could write as many as it likes.
                Err(_) if stream.broken().is_some() => Ok(()),
                Err(error) => {
                    stream.abort();
                    let port = stream.local().port();
                    Err(TaskError::new(format_args!("port {port}: {error}")))
                }
            }
        })?;
        Ok(())
    }
}
