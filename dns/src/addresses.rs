//! The addresses of a name.

use core::{fmt, net::IpAddr, ops::Deref};

use layer::Dotted;

/// The most addresses of a name that are kept.
pub const MAX_ADDRESSES: usize = 16;

/// The addresses of a name, in the order in which the server gave them: 16 at most, of one family or of both.
///
/// It is a slice:
///
/// ```
/// # fn first(addresses: dns::Addresses) -> Option<std::net::IpAddr> {
/// addresses.first().copied()
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Addresses {
    list: [IpAddr; MAX_ADDRESSES],
    length: usize,
}

impl Addresses {
    /// No address.
    pub(crate) const NONE: Self =
        Self { list: [IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED); MAX_ADDRESSES], length: 0 };

    /// Adds an address, if there is room, and if it is not there already.
    pub(crate) fn push(&mut self, address: IpAddr) {
        if !self.contains(&address)
            && let Some(place) = self.list.get_mut(self.length)
        {
            *place = address;
            self.length += 1;
        }
    }
}

impl Deref for Addresses {
    type Target = [IpAddr];

    fn deref(&self) -> &[IpAddr] {
        &self.list[..self.length]
    }
}

impl FromIterator<IpAddr> for Addresses {
    fn from_iter<T: IntoIterator<Item = IpAddr>>(addresses: T) -> Self {
        let mut list = Self::NONE;
        addresses.into_iter().for_each(|address| list.push(address));
        list
    }
}

impl IntoIterator for Addresses {
    type Item = IpAddr;
    type IntoIter = core::iter::Take<core::array::IntoIter<IpAddr, MAX_ADDRESSES>>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter().take(self.length)
    }
}

impl PartialEq for Addresses {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Addresses {}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// `192.0.2.7 192.0.2.8`
impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match address {
                IpAddr::V4(address) => Dotted(*address).fmt(f)?,
                IpAddr::V6(address) => address.fmt(f)?,
            }
        }
        Ok(())
    }
}
