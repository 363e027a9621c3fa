//! The prefixes that are on the link (RFC 4861 5.1, 6.3.4): a value without input or output.

use core::{net::Ipv6Addr, time::Duration};

use layer::{Instant, Ipv6Cidr};

use crate::NEVER;

/// How many prefixes of the link are kept.
pub const MAX_PREFIXES: usize = 8;

/// The list of prefixes.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    list: [Option<(Ipv6Cidr, Instant)>; MAX_PREFIXES],
}

/// The list has no place for another prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Prefixes {
    /// Records that a prefix is on the link for so long. Zero ends it at once.
    pub(crate) fn advertised(
        &mut self,
        now: Instant,
        prefix: Ipv6Cidr,
        valid: Duration,
    ) -> Result<(), Full> {
        let prefix = prefix.network();
        let is_it = |place: &Option<(Ipv6Cidr, _)>| place.is_some_and(|(known, _)| known == prefix);
        let known = self.list.iter().position(is_it);
        if valid.is_zero() {
            if let Some(index) = known {
                self.list[index] = None;
            }
            return Ok(());
        }
        let index = known.or_else(|| self.list.iter().position(Option::is_none)).ok_or(Full)?;
        self.list[index] = Some((prefix, now + valid));
        Ok(())
    }

    /// Whether hosts with this address are on the link.
    #[inline]
    pub(crate) fn contain(&self, address: Ipv6Addr) -> bool {
        self.list.iter().flatten().any(|(prefix, _)| prefix.contains(address))
    }

    /// Removes the prefixes whose lifetime is over.
    pub(crate) fn expire(&mut self, now: Instant) {
        for place in &mut self.list {
            *place = place.filter(|&(_, valid)| now < valid);
        }
    }

    /// When the first lifetime ends, or [`NEVER`].
    pub(crate) fn next(&self) -> Instant {
        self.list.iter().flatten().map(|&(_, valid)| valid).min().unwrap_or(NEVER)
    }
}
