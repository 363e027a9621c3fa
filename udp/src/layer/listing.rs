//! The port that answers with all counters, for operators and their tools.

use core::fmt;

use layer::{Instant, Networks};
use network::{Network, TokenBucket};
use rt_regions::{Finite, Region, Text};

use super::{
    Udp,
    serve::{Client, LONGEST_LINE},
};
use crate::{BindError, Failure, HEADER_LEN, Reply, SocketSupport};

/// The length of the header of IPv4 in bytes, without options.
const IPV4_HEADER_LEN: usize = 20;

/// The limit for listings: bytes a second in the long run, and bytes in a burst. A listing has about 4,000.
const BYTES_PER_SECOND: u32 = 64 << 10;

/// The port of the listing, and the networks whose hosts may read it.
#[derive(Debug)]
pub(super) struct Listing {
    port: Option<u16>,
    from: Networks,
    bytes: TokenBucket,
}

impl Listing {
    /// No port answers with the counters.
    pub(super) fn none() -> Self {
        let bytes = TokenBucket::new(BYTES_PER_SECOND, BYTES_PER_SECOND, 0);
        Self { port: None, from: Networks::default(), bytes }
    }

    /// The port that answers with the counters.
    pub(super) fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether `port` is the one that answers with the counters.
    #[inline]
    pub(super) fn is_at(&self, port: u16) -> bool {
        self.port == Some(port)
    }
}

impl<I, T> Udp<'_, I, T> {
    /// Writes the ports that answer: ` udp 8080 8081 counters 9100`.
    pub(crate) fn describe_ports(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut word = " udp ";
        for port in self.ports.iter() {
            layer::format_number(f, word, port.into())?;
            word = " ";
        }
        match self.listing.port {
            Some(port) => layer::format_number(f, " counters ", port.into()),
            None => Ok(()),
        }
    }
}

impl<I: Network, T: SocketSupport> Udp<'_, I, T> {
    /// Answers each datagram to `port` with the report on the whole tower and its memory: a line for each counter
    /// (`eth0.ipv4.packets_rx 17`), including those that are zero. A request that is not empty selects the lines that
    /// begin with it: `eth0.arp`. If `port` is `None`, no port answers.
    ///
    /// Only hosts in the networks `from` are answered, and never a broadcast or a port that is likely to be a
    /// service's. A listing is much longer than its request, so listings are limited to 64 KiB at once and 64 KiB a
    /// second.
    ///
    /// # Errors
    /// [`BindError`]: a service is bound to the port, or it is 0.
    pub fn serve_counters(&mut self, port: Option<u16>, from: Networks) -> Result<(), BindError> {
        self.set_listing(port, &from)
    }

    /// Does what [`serve_counters`](Self::serve_counters) does, with less copying.
    pub(crate) fn set_listing(
        &mut self,
        port: Option<u16>,
        from: &Networks,
    ) -> Result<(), BindError> {
        match port {
            Some(0) => Err(BindError::Zero),
            Some(port) if self.ports.is_bound(port) => Err(BindError::InUse(port)),
            port => {
                if self.listing.port != port {
                    // A socket may have it.
                    if let Some(port) = port {
                        self.sockets.reserve(port)?;
                    }
                    if let Some(port) = self.listing.port {
                        self.sockets.release(port);
                    }
                }
                (self.listing.port, self.listing.from) = (port, *from);
                Ok(())
            }
        }
    }

    /// Answers a request for the counters.
    #[inline(never)]
    pub(super) fn serve_listing(
        &mut self,
        now: Instant,
        client: Client<'_>,
        request: &[u8],
        region: &Region<'_>,
    ) -> Result<(), I::Error> {
        if !self.listing.from.contains(client.packet.source) {
            self.counters.not_allowed += 1;
            return Ok(());
        }
        self.counters.datagrams_rx += 1;
        if !self.listing.bytes.has_token(now) {
            self.counters.replies_limited += 1;
            return Ok(());
        }
        let reply = self.list_counters(request, region);
        // The headers count too, or a reply without a line would cost nothing.
        let length = IPV4_HEADER_LEN + HEADER_LEN + reply.map_or(0, <[u8]>::len);
        self.listing.bytes.pay(now, length as u32);
        self.answer(now, client, reply)
    }

    /// The lines that begin with `request`.
    fn list_counters<'r>(&self, request: &[u8], region: &'r Region<'_>) -> Reply<'r> {
        let Ok(wanted) = str::from_utf8(request.trim_ascii()) else {
            return Err(Failure::Refused(
                "the request is not text; the beginning of a line is allowed: eth0.ipv4",
            ));
        };
        let (mut text, mut result) = (Text::new(region), Ok(()));
        layer::report(self, self.ports.pool(), true, &mut |line| {
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
