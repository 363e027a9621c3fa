//! Addresses made of the prefixes that routers advertise (RFC 4862 5.5).

use core::{net::Ipv6Addr, time::Duration};

use layer::{Instant, Ipv6Cidr};

use super::{Addresses, Entry, Origin};
use crate::wire::PrefixInformation;

/// The length of the prefixes that addresses are made of: identifiers have 64 bits (RFC 4291 2.5.1).
const PREFIX_LEN: u8 = 64;
/// A router alone cannot make an address end sooner (RFC 4862 5.5.3 (e)): two hours.
const MIN_VALID: Duration = Duration::from_secs(2 * 3600);

/// What came of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Formed {
    /// Nothing: it is not for addresses, or it is over.
    No,
    /// An address is to be ours.
    Yes(Ipv6Addr),
    /// The lifetimes of an address were updated.
    Updated,
    /// There are too many addresses, or they come too fast.
    Full,
}

impl Addresses {
    /// Makes an address of a prefix, or updates the one that was made of it.
    pub(crate) fn advertised(&mut self, now: Instant, prefix: &PrefixInformation) -> Formed {
        let (network, valid, preferred) = (prefix.prefix(), prefix.valid(), prefix.preferred());
        let is_for_addresses = prefix.is_autonomous()
            && !network.is_unicast_link_local()
            && !network.is_multicast()
            && preferred <= valid
            && prefix.length == PREFIX_LEN;
        let Some(cidr) = Ipv6Cidr::new(network, PREFIX_LEN).filter(|_| is_for_addresses) else {
            return Formed::No;
        };
        let ours = |entry: &&mut Entry| {
            entry.origin == Origin::Autonomous && cidr.contains(entry.address.address())
        };
        if let Some(entry) = self.entries.iter_mut().flatten().find(ours) {
            entry.preferred = end(now, preferred);
            let remaining = entry.valid - now;
            if valid > MIN_VALID || valid > remaining {
                entry.valid = now + valid;
            } else if remaining > MIN_VALID {
                entry.valid = now + MIN_VALID;
            }
            self.rebuild();
            return Formed::Updated;
        }
        // One that nobody could send from is none: RFC 4862 5.5.3 (d) for the valid lifetime.
        if valid.is_zero() {
            return Formed::No;
        }
        let Some(place) = self.entries[2..].iter_mut().find(|place| place.is_none()) else {
            return Formed::Full;
        };
        if !self.pace.has_token(now) {
            return Formed::Full;
        }
        self.pace.pay(now, 1);
        let address = self.identifiers.address(network, 0);
        let entry = Entry::new(address, Origin::Autonomous);
        *place = Some(Entry { preferred: end(now, preferred), valid: now + valid, ..entry });
        Formed::Yes(address.address())
    }
}

/// When an address is deprecated. One that is so from now on is marked by the moment zero.
fn end(now: Instant, preferred: Duration) -> Instant {
    if preferred.is_zero() { Instant::ZERO } else { now + preferred }
}
