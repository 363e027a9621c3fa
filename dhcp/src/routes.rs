//! Classless static routes, option 121 (RFC 3442).

use core::net::Ipv4Addr;

use ipv4::{MAX_ROUTES, Route};
use layer::{Cidr, is_unicast};

use crate::{
    List,
    options::{Value, take},
};

/// Routes, in the order in which the server names them: as many as a host has room for, beside that to the gateway.
pub type Routes = List<Route, MAX_ROUTES>;

/// The gateway and the other routes in the value of option 121; `None` if it is malformed. A route by an address that no
/// router has, or by `ours`, is left out.
///
/// ```text
///    d1   d2   ..    r1   r2   r3   r4
/// +-----+-----+---+-----+-----+-----+-----+
/// |width| significant octets |   router    |  ...
/// +-----+-----+---+-----+-----+-----+-----+
/// ```
pub(crate) fn read(value: Value<'_>, ours: Ipv4Addr) -> Option<(Option<Ipv4Addr>, Routes)> {
    let (mut gateway, mut routes) = (None, Routes::new(Route::UNUSED));
    let mut bytes = value.bytes().peekable();
    // At least one route: 5 bytes.
    bytes.peek()?;
    while let Some(width) = bytes.next() {
        let mut octets = [0; 4];
        for octet in octets.get_mut(..usize::from(width.div_ceil(8)))? {
            *octet = bytes.next()?;
        }
        let router = Ipv4Addr::from(take::<4>(&mut bytes)?);
        // Bits beyond the width are cleared (RFC 3442, "Classless Route Option Format").
        let whole = Cidr::new(octets.into(), width)?;
        let network = Cidr::new(whole.address() & whole.mask(), width)?;
        match width {
            _ if !(router.is_unspecified() || is_unicast(router) && router != ours) => {}
            0 if !router.is_unspecified() => gateway = gateway.or(Some(router)),
            _ => {
                let router = Some(router).filter(|router| !router.is_unspecified());
                // What is too much is left out: the list keeps the first ones.
                let _ = routes.push(Route { network, router });
            }
        }
    }
    Some((gateway, routes))
}

#[cfg(test)]
mod tests;
