//! What the argument `--ipv6` says.

use layer::Ipv6Cidr;

/// Our addresses of IPv6: `--ipv6=2001:db8::2/64`, `--ipv6=auto` or `--ipv6=off`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ipv6 {
    /// None: the program does not speak IPv6.
    #[default]
    Off,
    /// A link-local address, and those that routers announce (RFC 4862).
    Auto,
    /// A link-local address, and this one.
    Address(Ipv6Cidr),
}

impl Ipv6 {
    /// Whether the program speaks IPv6.
    pub fn is_on(self) -> bool {
        self != Self::Off
    }

    /// The configured address, or [`Ipv6Cidr::UNSPECIFIED`] if there is none.
    pub fn address(self) -> Ipv6Cidr {
        match self {
            Self::Off | Self::Auto => Ipv6Cidr::UNSPECIFIED,
            Self::Address(address) => address,
        }
    }

    /// Reads the value of `--ipv6`.
    ///
    /// # Errors
    /// It is not one of the three. The text is empty, or says why the address cannot be ours.
    pub(crate) fn read(value: &str) -> Result<Self, &'static str> {
        match value {
            "off" => Ok(Self::Off),
            "auto" => Ok(Self::Auto),
            address => {
                let address: Ipv6Cidr = address.parse().map_err(|_| "")?;
                if address.is_host() {
                    Ok(Self::Address(address))
                } else {
                    Err(crate::config::NO_HOST)
                }
            }
        }
    }
}
