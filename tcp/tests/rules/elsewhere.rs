//! What went wrong in other implementations, each by the name and the number of its report: handshakes, backlogs, windows,
//! TIME-WAIT, and memory that was lost.

mod accepting;
mod memory;
mod windows;

use std::time::Duration;

use testkit::Quality;

use crate::host::Net;

/// A path of a millisecond.
const NEAR: Quality = Quality { delay: Duration::from_millis(1), ..Quality::PERFECT };

fn free_pages(net: &Net) -> usize {
    net.tasks.pool().free_pages()
}

/// A host whose port 80 answers each request of 10 bytes with 3,000, and ends the connection.
fn replying() -> Net {
    let mut net = Net::new();
    net.host
        .tower
        .bind(80, async |stream, _| {
            stream.read_exact(&mut [0; 10]).await?;
            stream.send(&[7; 3_000][..]).await?;
            Ok(())
        })
        .unwrap();
    net
}
