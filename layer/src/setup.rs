//! What the arguments of a program say to a tower that stands.

use core::net::Ipv4Addr;

use crate::Networks;

/// What a program was asked for that is a matter of one layer, whichever layer that is.
///
/// [`Layer::configure`](crate::Layer::configure) goes through the tower with it: each layer takes out what it does. What
/// is left in the end, no layer of the tower does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setup<'a> {
    /// The layer with this name writes its log, or each layer if it is `all`; see [`turn_on`](Self::turn_on).
    pub log: Option<&'a str>,
    /// Others are asked whether they have our address before it is used (RFC 5227 2.1).
    pub probe_at_start: bool,
    /// What is not in our network goes to this host, which is on our link.
    pub gateway: Option<Ipv4Addr>,
    /// Only hosts of these networks are answered, whatever port they ask.
    pub clients: Option<Networks>,
    /// A port, not 0, that answers with all counters.
    pub counters_port: Option<u16>,
    /// Whose hosts are answered there.
    pub counters_from: Networks,
    refusal: Option<&'static str>,
    found_log: bool,
}

impl Setup<'_> {
    /// Turns `log` on if that is asked for of the layer called `name`; says whether it is.
    // Built in as far as that it goes where a program has no log: there it is known that none is asked for.
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

    /// Says why a layer leaves in what is its own matter: `a service is bound to it`.
    pub fn refuse(&mut self, reason: &'static str) {
        self.refusal = Some(reason);
    }

    /// Why a layer left in what is its own matter, if one did.
    pub fn refusal(&self) -> Option<&'static str> {
        self.refusal
    }
}

/// Whether `layer` is the one called `name`, or all.
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
