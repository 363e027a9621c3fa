//! The arguments of this service beside those of every one.

use core::net::{IpAddr, SocketAddr};

use layer::{Cidr, Networks};
use rt_regions::{PAGE_SIZE, Pool};

/// The smallest cap in bytes.
const LEAST_CAP: u64 = 64 << 10;

/// What `--cap` has to be.
pub(crate) const CAP: &str = "a size of 64K or more: 512K";
/// What `--upstream` has to be.
pub(crate) const UPSTREAM: &str = "an address and a port: 10.0.0.1:8080";

/// What the service is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// How much memory the entries may take, in bytes.
    pub(crate) cap: Option<u64>,
    /// Whom to ask for what is not here.
    pub(crate) upstream: Option<SocketAddr>,
    /// Whom to answer.
    pub(crate) clients: Networks,
}

impl Options {
    /// Sets the cap; returns whether it is one.
    pub(crate) fn set_cap(&mut self, text: &str) -> bool {
        let (number, unit) = match text.as_bytes() {
            [number @ .., b'K' | b'k'] => (number, 1 << 10),
            [number @ .., b'M' | b'm'] => (number, 1 << 20),
            number => (number, 1),
        };
        let number = layer::decimal(number, u64::MAX / unit);
        self.cap = number.map(|number| number * unit).filter(|&cap| cap >= LEAST_CAP);
        self.cap.is_some()
    }

    /// Sets the other server; returns whether it is one.
    pub(crate) fn set_upstream(&mut self, text: &str) -> bool {
        let (address, port) = layer::split::split_once(text, b':');
        let port = port.and_then(|port| layer::decimal(port.as_bytes(), u16::MAX.into()));
        let port = port.filter(|&port| port > 0);
        self.upstream = layer::parse_ipv4(address)
            .filter(|&address| layer::is_unicast(address))
            .zip(port)
            .map(|(address, port)| SocketAddr::from((address, port as u16)));
        self.upstream.is_some()
    }

    /// The networks that the layer below lets in, where it is told of any: the clients, and the other server with its
    /// answers.
    pub(crate) fn with_upstream(&self, clients: Networks) -> Networks {
        let upstream = self.upstream.map(|upstream| upstream.ip());
        match upstream {
            Some(IpAddr::V4(address)) => {
                Cidr::new(address, 32).map_or(clients, |cidr| clients.and(cidr))
            }
            _ => clients,
        }
    }

    /// How many bytes the entries of one of `count` cores may take, each of which has a pool: half of the pool, unless something
    /// else was asked for, of which each core has its part.
    ///
    /// # Errors
    /// More was asked for than there is.
    pub(crate) fn cap_in(&self, pool: &Pool<'_>, count: usize) -> Result<usize, rt::Error> {
        let Some(cap) = self.cap else { return Ok(pool.pages() / 2 * PAGE_SIZE) };
        let most = pool.pages() / 4 * 3 * PAGE_SIZE * count;
        let in_bounds = usize::try_from(cap).ok().filter(|&cap| cap <= most);
        let in_bounds = in_bounds.map(|cap| cap / count);
        in_bounds.ok_or_else(|| {
            let most = most as u64 >> 10;
            let text =
                format_args!("--cap={cap}: expected {most}K at most, three quarters of the memory");
            rt::Error::new(2, text)
        })
    }
}

#[cfg(test)]
mod tests {
    use testkit::with_pool;

    use super::*;

    #[test]
    fn a_cap_is_a_size() {
        let mut options = Options::default();
        for (text, cap) in [
            ("64K", 64 << 10),
            ("65536", 64 << 10),
            ("1M", 1 << 20),
            ("2m", 2 << 20),
            ("100k", 102_400),
        ] {
            assert!(options.set_cap(text), "{text}");
            assert_eq!(options.cap, Some(cap));
        }
        for text in
            ["", "K", "63K", "0", "-1", "1G", "64 K", "01M", "18446744073709551615M", "1.5M"]
        {
            assert!(!options.set_cap(text), "{text}");
        }
    }

    #[test]
    fn an_upstream_is_a_host_and_a_port() {
        let mut options = Options::default();
        assert!(options.set_upstream("10.0.0.1:8080"));
        assert_eq!(options.upstream, "10.0.0.1:8080".parse().ok());
        for text in [
            "",
            ":",
            "10.0.0.1",
            "10.0.0.1:",
            "10.0.0.1:0",
            "10.0.0.1:65536",
            "x:1",
            "10.0.0.1:1:1",
            "255.255.255.255:1",
            "224.0.0.1:1",
            "0.0.0.0:1",
        ] {
            assert!(!options.set_upstream(text), "{text}");
        }
    }

    #[test]
    fn the_other_server_is_let_in() {
        let mut options = Options::default();
        let clients: Networks = "192.0.2.0/24".parse().unwrap();
        assert_eq!(options.with_upstream(clients), clients);
        assert!(options.set_upstream("10.0.0.1:8080"));
        let both = options.with_upstream(clients);
        let is_in = |address: [u8; 4]| both.contains(address.into());
        assert!(is_in([10, 0, 0, 1]) && is_in([192, 0, 2, 9]) && !is_in([10, 0, 0, 2]));
    }

    #[test]
    fn the_cap_is_below_the_memory() {
        with_pool(100, |pool| {
            let cap = |cap| Options { cap, ..Options::default() }.cap_in(pool, 1);
            assert_eq!(cap(None).unwrap(), 50 * PAGE_SIZE);
            assert_eq!(cap(Some(75 * 4096)).unwrap(), 75 * PAGE_SIZE);
            let error = cap(Some(75 * 4096 + 1)).unwrap_err();
            let words = "--cap=307201: expected 300K at most, three quarters of the memory";
            assert_eq!((error.status(), error.message()), (2, words));
            // Each of two cores has such a pool, and half of the cap.
            let both = Options { cap: Some(150 * 4096), ..Options::default() };
            assert_eq!(both.cap_in(pool, 2).unwrap(), 75 * PAGE_SIZE);
            assert_eq!(both.cap_in(pool, 1).unwrap_err().status(), 2);
        });
    }
}
