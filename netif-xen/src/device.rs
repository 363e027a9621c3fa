//! The entries of a network device in xenstore. Another domain wrote them, so all are checked.

use core::fmt;

use layer::{IPV4_MIN_MTU, Offloads};
use netif::MacAddr;
use rt_xen::{DomainId, Errno, Guest, StoreError, Watch};

use crate::{Error, state::XenbusState, wire::LARGEST_HEADER};

/// The longest value that is read, in bytes. The path of a backend is far shorter.
const LONGEST_VALUE: usize = 256;

/// The room for the names of the network devices, in bytes.
const LONGEST_DIRECTORY: usize = 512;

/// The MTU of a device for which xenstore has none (`netif.h`).
const DEFAULT_MTU: usize = 1500;

/// The largest frame of a request is 65,535 bytes (`XEN_NETIF_MAX_TX_SIZE`).
const LARGEST_MTU: usize = 65_535 - LARGEST_HEADER;

/// The first number that is no domain's (`DOMID_FIRST_RESERVED`, `xen.h`).
const FIRST_RESERVED: u32 = 0x7ff0;

/// Room for a value.
type Room = [u8; LONGEST_VALUE];

/// Reads the value at `path` into `room`. The result is empty if there is no value, or if it is too long to be valid.
fn read<'r>(
    guest: &dyn Guest,
    path: fmt::Arguments<'_>,
    room: &'r mut Room,
) -> Result<&'r [u8], StoreError> {
    match guest.read(path, room) {
        Err(StoreError::Refused(Errno::ENOENT) | StoreError::TooLong(_)) => Ok(&[]),
        result => result,
    }
}

/// Reads the value of `key` of device `number`.
fn read_of<'r>(
    guest: &dyn Guest,
    number: u32,
    key: &str,
    room: &'r mut Room,
) -> Result<&'r [u8], StoreError> {
    read(guest, format_args!("device/vif/{}/{key}", u64::from(number)), room)
}

/// Parses a value as a decimal number.
pub(crate) fn number(value: &[u8]) -> Option<u32> {
    layer::decimal(value, u32::MAX.into()).map(|number| number as u32)
}

/// The path of a backend.
struct Path {
    /// INVARIANT of `..length`: visible ASCII characters, the first one a slash.
    bytes: Room,
    length: usize,
}

impl Path {
    /// Reads the path of the backend of device `number`: an absolute path, if there is one.
    fn read(&mut self, guest: &dyn Guest, number: u32) -> Result<(), Error> {
        match read_of(guest, number, "backend", &mut self.bytes)? {
            path @ [b'/', ..] if path.iter().all(u8::is_ascii_graphic) => {
                self.length = path.len();
                Ok(())
            }
            _ => Err(Error::Device(number, "backend")),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(self.as_bytes()).unwrap_or_default())
    }
}

/// A network device, seen from our end: `device/vif/NUMBER`.
pub(crate) struct Device {
    pub(crate) number: u32,
    /// The directory of the backend.
    path: Path,
    /// The domain of the backend.
    pub(crate) backend: DomainId,
    /// Fires when the state of the backend changes.
    pub(crate) watch: Watch,
}

/// The properties of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Properties {
    pub(crate) mac: MacAddr,
    /// The MTU in bytes, without the Ethernet header.
    pub(crate) mtu: usize,
}

/// The number of the first network device, or `wanted` if it is there.
pub(crate) fn find(guest: &dyn Guest, wanted: Option<u32>) -> Result<Option<u32>, StoreError> {
    let mut names = [0; LONGEST_DIRECTORY];
    let names = match guest.directory(format_args!("device/vif"), &mut names) {
        Ok(names) => names,
        Err(StoreError::Refused(Errno::ENOENT)) => &[],
        Err(error) => return Err(error),
    };
    let mut first = None;
    for number in names.split(|&byte| byte == 0).filter_map(number) {
        if wanted.is_none_or(|wanted| wanted == number) && first.is_none_or(|first| number < first)
        {
            first = Some(number);
        }
    }
    Ok(first)
}

impl Device {
    /// Reads where the backend of device `number` is.
    ///
    /// # Errors
    /// The entry in xenstore is missing or invalid.
    pub(crate) fn open(guest: &dyn Guest, number: u32) -> Result<Self, Error> {
        let mut path = Path { bytes: [0; LONGEST_VALUE], length: 0 };
        path.read(guest, number)?;
        let mut room = [0; LONGEST_VALUE];
        let domain = self::number(read_of(guest, number, "backend-id", &mut room)?)
            .filter(|domain| *domain < FIRST_RESERVED)
            .ok_or(Error::Device(number, "backend-id"))?;
        let watch = guest.watch(format_args!("{path}/state"))?;
        Ok(Self { number, path, backend: DomainId(domain as u16), watch })
    }

    /// Ends the watch.
    pub(crate) fn forget(self, guest: &dyn Guest) {
        guest.unwatch(format_args!("{}/state", self.path), self.watch);
    }

    /// Reads the properties of the device.
    ///
    /// # Errors
    /// The entry in xenstore is missing or invalid.
    pub(crate) fn properties(&self, guest: &dyn Guest) -> Result<Properties, Error> {
        let number = self.number;
        let mut room = [0; LONGEST_VALUE];
        let mac = str::from_utf8(read_of(guest, number, "mac", &mut room)?)
            .ok()
            .and_then(|mac| mac.parse().ok())
            .filter(|mac: &MacAddr| mac.is_station())
            .ok_or(Error::Device(number, "mac"))?;
        let mut mtu = read_of(guest, number, "mtu", &mut room)?;
        if mtu.is_empty() {
            mtu = self.read(guest, "mtu", &mut room)?;
        }
        let mtu = if mtu.is_empty() {
            Some(DEFAULT_MTU)
        } else {
            self::number(mtu).map(|mtu| mtu as usize)
        }
        .filter(|mtu| (IPV4_MIN_MTU..=LARGEST_MTU).contains(mtu))
        .ok_or(Error::Device(number, "mtu"))?;
        Ok(Properties { mac, mtu })
    }

    /// Reads the value of `key` of the backend.
    fn read<'r>(
        &self,
        guest: &dyn Guest,
        key: &str,
        room: &'r mut Room,
    ) -> Result<&'r [u8], StoreError> {
        read(guest, format_args!("{}/{key}", self.path), room)
    }

    /// The largest MTU in bytes that the backend supports. It has written its features.
    ///
    /// # Errors
    /// The backend does not support a feature that is needed.
    pub(crate) fn largest_mtu(&self, guest: &dyn Guest) -> Result<usize, Error> {
        if !self.has(guest, "feature-rx-copy")? {
            return Err(Error::Device(self.number, "feature-rx-copy"));
        }
        // Without this feature a frame is one request, which is one page.
        let one_page = rt_regions::PAGE_SIZE - LARGEST_HEADER;
        Ok(if self.has(guest, "feature-sg")? { LARGEST_MTU } else { one_page })
    }

    /// The work on frames that the backend does. It takes blank checksums of IPv4 unless it says that it does not, and those of
    /// IPv6 if it says so (`netif.h`); nobody asks for those of one family alone. It cuts the TCP segments of a
    /// family if it takes both them and frames of several pages.
    pub(crate) fn offloads(&self, guest: &dyn Guest) -> Result<Offloads, StoreError> {
        let checksum = !self.has(guest, "feature-no-csum-offload")?
            && self.has(guest, "feature-ipv6-csum-offload")?;
        let long = checksum && self.has(guest, "feature-sg")?;
        let tcp_segmentation = long && self.has(guest, "feature-gso-tcpv4")?;
        let tcp_segmentation_ipv6 = long && self.has(guest, "feature-gso-tcpv6")?;
        Ok(Offloads { checksum, tcp_segmentation, tcp_segmentation_ipv6, ..Offloads::NONE })
    }

    /// Whether the backend has a feature.
    fn has(&self, guest: &dyn Guest, feature: &str) -> Result<bool, StoreError> {
        Ok(self.read(guest, feature, &mut [0; LONGEST_VALUE])? == b"1")
    }

    /// Whether this is still the device that was opened, and xenstore still has `state` as our state. The device may be
    /// gone, or another one may have its number.
    pub(crate) fn is_the_same(
        &self,
        guest: &dyn Guest,
        state: XenbusState,
    ) -> Result<bool, StoreError> {
        let mut room = [0; LONGEST_VALUE];
        Ok(read_of(guest, self.number, "backend", &mut room)? == self.path.as_bytes()
            && XenbusState::parse(read_of(guest, self.number, "state", &mut room)?) == state)
    }

    /// Writes our state.
    pub(crate) fn set_state(
        &self,
        guest: &dyn Guest,
        state: XenbusState,
    ) -> Result<(), StoreError> {
        self.write(guest, "state", state as u32)
    }

    /// Writes a number for the backend.
    pub(crate) fn write(&self, guest: &dyn Guest, key: &str, value: u32) -> Result<(), StoreError> {
        let (number, value) = (u64::from(self.number), u64::from(value));
        guest.write(format_args!("device/vif/{number}/{key}"), format_args!("{value}"))
    }

    /// Writes to xenstore, for operators, why the device was closed, at the path that Linux uses.
    pub(crate) fn write_error(&self, guest: &dyn Guest, error: &dyn fmt::Display) {
        let path = format_args!("error/device/vif/{}/error", u64::from(self.number));
        // A guest without permission to write this goes on without it.
        let _ = guest.write(path, format_args!("{error}"));
    }

    /// The state of the backend.
    pub(crate) fn backend_state(&self, guest: &dyn Guest) -> Result<XenbusState, StoreError> {
        Ok(XenbusState::parse(self.read(guest, "state", &mut [0; LONGEST_VALUE])?))
    }

    /// Whether the device remains after it is closed. A toolstack that removes the device says so.
    pub(crate) fn stays(&self, guest: &dyn Guest) -> Result<bool, StoreError> {
        self.has(guest, "online")
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_number_is_digits_alone() {
        for (value, expected) in [
            ("0", Some(0)),
            ("007", None),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("99999999999", None),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("1 ", None),
            ("/", None),
            (":", None),
        ] {
            assert_eq!(number(value.as_bytes()), expected, "{value:?}");
        }
    }
}
