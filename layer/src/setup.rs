//! The settings that a program's arguments make in a tower that is already built.

use core::net::Ipv4Addr;
#[cfg(feature = "ipv6")]
use core::net::Ipv6Addr;

#[cfg(feature = "dhcp")]
use crate::Keeper;
use crate::Networks;

/// Settings from a program's arguments, each of which concerns one layer of the tower.
///
/// [`Layer::configure`](crate::Layer::configure) passes this value down the tower, and each layer takes out the
/// settings that it applies. A setting that is left at the end is one that no layer of the tower supports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setup<'a> {
    /// The name of the layer whose log is turned on, or `all`; see [`turn_on`](Self::turn_on).
    pub log: Option<&'a str>,
    /// Whether to probe for our address before it is used (RFC 5227 2.1).
    pub probe_at_start: bool,
    /// The gateway: a host on our link, which gets the packets for other networks.
    pub gateway: Option<Ipv4Addr>,
    /// The address that we had before, which a client of DHCP asks for first, and does not give back at the end.
    #[cfg(feature = "dhcp")]
    pub last_address: Option<Ipv4Addr>,
    /// Where a client of DHCP keeps the address that it has.
    #[cfg(feature = "dhcp")]
    pub keeper: Option<Keeper>,
    /// The gateway for IPv6.
    #[cfg(feature = "ipv6")]
    pub ipv6_gateway: Option<Ipv6Addr>,
    /// The networks whose hosts are answered, on any port. `None` answers every host.
    pub clients: Option<Networks>,
    /// A port, not 0, on which a service answers with all counters.
    pub counters_port: Option<u16>,
    /// The networks whose hosts are answered on `counters_port`.
    pub counters_from: Networks,
    /// The TCP port, not 0, of the page that shows the program from inside.
    #[cfg(feature = "page")]
    pub page_port: Option<u16>,
    /// The networks whose hosts may see the page.
    #[cfg(feature = "page")]
    pub page_from: Networks,
    refusal: Option<&'static str>,
    found_log: bool,
}

impl Setup<'_> {
    /// Turns `log` on if the setting names the layer `name`, or all layers; returns whether it does.
    // Inlined, so that it disappears from a program without a log, in which the setting is known to be `None`.
    #[inline(always)]
    pub fn turn_on(&mut self, name: &str, log: &mut bool) -> bool {
        if let Some(layer) = self.log
            && is_called(layer, name)
        {
            *log = true;
            self.found_log = true;
            return true;
        }
        false
    }

    /// Whether a log was turned on.
    pub fn found_log(&self) -> bool {
        self.found_log
    }

    /// Records why a layer leaves a setting of its own in place: `a service is bound to it`.
    pub fn refuse(&mut self, reason: &'static str) {
        self.refusal = Some(reason);
    }

    /// The reason why a layer left a setting of its own in place, if one did.
    pub fn refusal(&self) -> Option<&'static str> {
        self.refusal
    }
}

/// Whether `layer` is `name`, or `all`.
#[inline(never)]
fn is_called(layer: &str, name: &str) -> bool {
    layer == name || layer == "all"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_turned_on_by_its_name_or_with_all() {
        for (asked, ours) in [
            (Some("arp"), true),
            (Some("all"), true),
            (Some("ar"), false),
            (Some(""), false),
            (None, false),
        ] {
            let (mut log, mut setup) = (false, Setup { log: asked, ..Setup::default() });
            assert_eq!(setup.turn_on("arp", &mut log), ours, "{asked:?}");
            assert_eq!((log, setup.found_log()), (ours, ours), "{asked:?}");
            // What is on stays on, and what was found stays found.
            setup.turn_on("no", &mut log);
            assert_eq!((log, setup.found_log()), (ours, ours), "{asked:?}");
        }
    }
}
