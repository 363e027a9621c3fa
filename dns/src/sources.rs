//! The servers of a host that is told of them by others.

use crate::Servers;

/// The servers that the lease of a host and its routers name (RFC 8106 5.3.1).
///
/// ```
/// let mut sources = dns::Sources::default();
/// sources.set_routers("fe80::53".parse()?);
/// sources.set_lease("192.0.2.1,192.0.2.2".parse()?);
/// assert_eq!(sources.servers(), "192.0.2.1,192.0.2.2,fe80::53".parse()?);
/// # Ok::<(), dns::ParseServersError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources {
    lease: Servers,
    routers: Servers,
}

impl Sources {
    /// Takes these servers of the lease in place of those before.
    pub fn set_lease(&mut self, servers: Servers) {
        self.lease = servers;
    }

    /// Takes these servers of the routers in place of those before.
    pub fn set_routers(&mut self, servers: Servers) {
        self.routers = servers;
    }

    /// The servers to ask, 4 at most. Those of the lease come first. Where there are more, each source has half of them at least, or all
    /// that it names.
    pub fn servers(&self) -> Servers {
        let of_routers = self.routers.len().min(Servers::MOST / 2);
        let of_lease = self.lease.iter().take(Servers::MOST - of_routers);
        of_lease.chain(&*self.routers).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{string::ToString, vec::Vec};

    use super::*;

    fn servers(lease: &str, routers: &str) -> Vec<std::string::String> {
        let list = |text: &str| text.parse().unwrap_or_default();
        let mut sources = Sources::default();
        sources.set_lease(list(lease));
        sources.set_routers(list(routers));
        sources.servers().iter().map(|server| server.ip().to_string()).collect()
    }

    #[test]
    fn those_of_the_lease_come_first_and_each_source_has_its_share() {
        let (leases, routers) = ("10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4", "::1,::2,::3,::4");
        assert_eq!(servers("", "").len(), 0);
        assert_eq!(servers(leases, ""), ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]);
        assert_eq!(servers("", routers), ["::1", "::2", "::3", "::4"]);
        assert_eq!(servers("10.0.0.1", routers), ["10.0.0.1", "::1", "::2", "::3"]);
        assert_eq!(servers(leases, "::1"), ["10.0.0.1", "10.0.0.2", "10.0.0.3", "::1"]);
        assert_eq!(servers(leases, routers), ["10.0.0.1", "10.0.0.2", "::1", "::2"]);
    }
}
