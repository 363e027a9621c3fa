//! The arguments that concern the layers of the tower.

use layer::{Layer, Setup, split::split};

#[cfg(feature = "ipv6")]
use crate::Ipv6;
use crate::{
    Error, Runtime, Settings,
    arguments::{bad, refused},
};

impl Settings<'_> {
    /// Gives `tower` the arguments that concern its layers: the gateway, probing, the clients, the port of
    /// the counters, the logs. [`Runtime::serve`] does so. A program with a loop of its own does it before
    /// the loop, when its services are bound.
    ///
    /// # Errors
    /// No layer of the tower supports an argument, or its layer cannot do it; or the program was built
    /// without the log of its layers (status 2).
    // Not inlined: in the large stack frame of the program's main, it takes longer instructions.
    #[inline(never)]
    pub fn configure(&self, runtime: &impl Runtime, tower: &mut impl Layer) -> Result<(), Error> {
        let mut setup = self.tower;
        // Handled here, so that the image of a program without a log has no code for it.
        let log = setup.log.take();
        if runtime.has_log() {
            each_log(log.unwrap_or_default(), &mut |layer| {
                let mut setup = Setup::default();
                setup.log = Some(layer);
                tower.configure(&mut setup);
                setup.found_log()
            })?;
        }
        setup.counters_from.add(self.ipv4);
        #[cfg(feature = "page")]
        setup.page_from.add(self.ipv4);
        #[cfg(feature = "ipv6")]
        if self.ipv6 != Ipv6::Off {
            let ours = match self.ipv6 {
                Ipv6::Address(ours) => Some(ours),
                _ => None,
            };
            setup.counters_from.add_ipv6(ours);
            #[cfg(feature = "page")]
            setup.page_from.add_ipv6(ours);
        }
        #[cfg(all(feature = "dhcp", not(letregion_guest)))]
        if let Some(file) = self.dhcp_lease.filter(|_| is_first(runtime)) {
            let keeper = runtime.kept_address(file)?;
            setup.last_address = setup.last_address.or_else(|| keeper.load());
            setup.keeper = Some(layer::Keeper(keeper));
        }
        tower.configure(&mut setup);
        if !runtime.has_log() {
            setup.log = log;
        }
        refuse(&setup)
    }
}

/// Whether this is the first core, which keeps the address of all.
#[cfg(all(feature = "dhcp", not(letregion_guest)))]
fn is_first(runtime: &impl Runtime) -> bool {
    #[cfg(feature = "cores")]
    return runtime.core().is_first();
    #[cfg(not(feature = "cores"))]
    {
        let _ = runtime;
        true
    }
}

/// Calls `turn_on` for each layer in `names`; `turn_on` says whether there is such a layer.
#[inline(never)]
fn each_log(names: &str, turn_on: &mut dyn FnMut(&str) -> bool) -> Result<(), Error> {
    for layer in split(names, b',').filter(|layer| !layer.is_empty()) {
        if !turn_on(layer) {
            return Err(bad(format_args!("--log={names}: there is no layer {layer}")));
        }
    }
    Ok(())
}

/// Refuses arguments that no layer of the tower has taken, and a log in a program without one.
#[inline(never)]
fn refuse(rest: &Setup<'_>) -> Result<(), Error> {
    const NO_LAYER: &str = "no layer of this program can do that";
    let name = match *rest {
        // First: a layer may have said why.
        Setup { counters_port: Some(port), .. } => {
            let (port, reason) = (u64::from(port), rest.refusal().unwrap_or(NO_LAYER));
            return Err(bad(format_args!("--stats-port={port}: {reason}")));
        }
        #[cfg(feature = "page")]
        Setup { page_port: Some(_), .. } => "--page-port",
        Setup { gateway: Some(_), .. } => "--ipv4-gateway",
        #[cfg(feature = "ipv6")]
        Setup { ipv6_gateway: Some(_), .. } => "--ipv6-gateway",
        #[cfg(feature = "dhcp")]
        Setup { keeper: Some(_), .. } => "--dhcp-lease",
        #[cfg(feature = "dhcp")]
        Setup { last_address: Some(_), .. } => "--dhcp-address",
        Setup { probe_at_start: true, .. } => "--probe",
        Setup { clients: Some(_), .. } => "--clients",
        Setup { log: Some(names), .. } => {
            return Err(bad(format_args!(
                "--log={names}: built without its log, which the feature `log` adds"
            )));
        }
        _ => return Ok(()),
    };
    Err(refused(name, NO_LAYER))
}
