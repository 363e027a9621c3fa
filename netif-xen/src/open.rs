//! The interface of a guest that runs on Xen.

use rt::{Config, Runtime as _};
use rt_xen::{Domain, Rt};

use crate::{Error, Netfront};

impl Netfront<&'static Domain> {
    /// Opens the network device that the arguments name by its number (`--interface=1`, or `vif1`), or the
    /// first there is, and waits for its backend; see [`attach`](Self::attach).
    ///
    /// The hardware address is that of `--mac`, or the one that the domain's configuration gives the device
    /// (`vif=['mac=…']`).
    ///
    /// # Errors
    /// See [`Error`] (status 1; what is no number: status 2).
    pub fn open(runtime: &mut Rt, config: &Config) -> Result<Self, rt::Error> {
        let number = config.interface.map(number).transpose()?;
        Ok(Self::attach(runtime.guest(), number, config.mac, runtime.memory())?)
    }
}

/// The number of a device that was asked for by this name.
fn number(name: &'static str) -> Result<u32, rt::Error> {
    name.strip_prefix("vif")
        .unwrap_or(name)
        .parse()
        .map_err(|_| rt::Error::new(2, format_args!("--interface={name}: {}", Error::Name(name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_by_its_number() {
        assert_eq!(number("0").unwrap(), 0);
        assert_eq!(number("vif12").unwrap(), 12);
        for name in ["", "vif", "tap0", "-1", "vif0x1", "4294967296"] {
            let error = number(name).unwrap_err();
            assert_eq!(error.status(), 2);
            assert!(error.message().starts_with(&std::format!("--interface={name}: ")), "{error}");
        }
    }
}
