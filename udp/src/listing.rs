//! The port that answers with all counters, for operators and their tools.

use network::Network;
use rt_regions::{Finite, Region, Text};

use crate::{BindError, Failure, Reply, Udp, serve::LONGEST_LINE};

impl<I: Network> Udp<'_, I> {
    /// Answers each datagram to `port` with the report on the whole tower and its memory, a line for each
    /// counter (`eth0.ipv4.packets_rx 17`), those that are zero too. A request that is not empty asks for
    /// the lines that begin with it: `eth0.arp`. No port: such datagrams go nowhere.
    ///
    /// # Errors
    /// [`BindError`]: a service is bound to the port, or it is 0.
    pub fn serve_counters(&mut self, port: Option<u16>) -> Result<(), BindError> {
        match port {
            Some(0) => Err(BindError::Zero),
            Some(port) if self.ports.service(port).is_some() => Err(BindError::InUse(port)),
            port => {
                self.counters_port = port;
                Ok(())
            }
        }
    }

    /// The lines that begin with `request`.
    pub(crate) fn list_counters<'r>(&self, request: &[u8], region: &'r Region<'_>) -> Reply<'r> {
        let Ok(wanted) = str::from_utf8(request.trim_ascii()) else {
            return Err(Failure::Refused(
                "the request is not text; the beginning of a line is allowed: eth0.ipv4",
            ));
        };
        let (mut text, mut result) = (Text::new(region), Ok(()));
        netif::report(self, self.ports.pool(), true, &mut |line| {
            let mut room = Finite::<LONGEST_LINE>::new();
            let room = room.region("udp.line");
            let add = |line: &str| {
                if line.starts_with(wanted) {
                    text.push_str(line)?;
                    text.push_str("\n")?;
                }
                Ok(())
            };
            if result.is_ok() {
                result = room.format(line).and_then(add);
            }
        });
        result?;
        Ok(text.into_str().as_bytes())
    }
}
