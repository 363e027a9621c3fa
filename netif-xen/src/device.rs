//! What xenstore says of a network device. All of it was written by another domain, and is checked.

use core::{fmt, str::FromStr};

use netif::MacAddr;
use rt_xen::{DomainId, Errno, Guest, StoreError, Watch};

use crate::{Error, netfront::LARGEST_HEADER, state::XenbusState};

/// The longest value that is read, in bytes; the longest path of a backend is far shorter.
const LONGEST_VALUE: usize = 128;

/// The room for the names of the network devices, in bytes.
const LONGEST_DIRECTORY: usize = 512;

/// The MTU of a device for which xenstore has none (`netif.h`).
const DEFAULT_MTU: usize = 1500;

/// The smallest MTU of IPv4 (RFC 791).
const SMALLEST_MTU: usize = 68;

/// The largest frame of a request is 65,535 bytes (`XEN_NETIF_MAX_TX_SIZE`).
const LARGEST_MTU: usize = 65_535 - LARGEST_HEADER;

/// The first number that is no domain's (`DOMID_FIRST_RESERVED`, `xen.h`).
const FIRST_RESERVED: u16 = 0x7ff0;

/// A value that was read.
#[derive(Clone, Copy)]
pub(crate) struct Value {
    bytes: [u8; LONGEST_VALUE],
    length: usize,
}

impl Value {
    /// Reads the value at `path`; nothing if there is none, or if it is too long to be what it should.
    fn read(guest: &dyn Guest, path: fmt::Arguments<'_>) -> Result<Option<Self>, StoreError> {
        let mut bytes = [0; LONGEST_VALUE];
        match guest.read(path, &mut bytes) {
            Ok(value) => {
                let length = value.len();
                Ok(Some(Self { bytes, length }))
            }
            Err(StoreError::Refused(Errno::ENOENT) | StoreError::TooLong(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The value as what it should be.
    fn parse<T: FromStr>(&self) -> Option<T> {
        str::from_utf8(self.as_bytes()).ok()?.parse().ok()
    }

    fn is_yes(&self) -> bool {
        self.as_bytes() == b"1"
    }
}

/// A path in xenstore.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(self.as_bytes()).unwrap_or_default())
    }
}

/// A network device, ours of the two ends: `device/vif/NUMBER`.
pub(crate) struct Device {
    pub(crate) number: u32,
    /// The directory of the backend.
    path: Value,
    /// The domain of the backend.
    pub(crate) backend: DomainId,
    /// Fires when the state of the backend changes.
    pub(crate) watch: Watch,
}

/// What a device is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Properties {
    pub(crate) mac: MacAddr,
    /// In bytes, without the Ethernet header.
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
    let numbers = names.split(|&byte| byte == 0).filter_map(|name| {
        let number: u32 = str::from_utf8(name).ok()?.parse().ok()?;
        wanted.is_none_or(|wanted| wanted == number).then_some(number)
    });
    Ok(numbers.min())
}

impl Device {
    /// Reads where the backend of device `number` is.
    ///
    /// # Errors
    /// Xenstore does not say it, or not so that it can be right.
    pub(crate) fn open(guest: &dyn Guest, number: u32) -> Result<Self, Error> {
        let path = backend_path(guest, number)?.ok_or(Error::Device(number, "backend"))?;
        let domain = Value::read(guest, format_args!("device/vif/{number}/backend-id"))?;
        let backend = domain
            .and_then(|domain| domain.parse().filter(|domain| *domain < FIRST_RESERVED))
            .map(DomainId)
            .ok_or(Error::Device(number, "backend-id"))?;
        let watch = guest.watch(format_args!("{path}/state"))?;
        Ok(Self { number, path, backend, watch })
    }

    /// Reads what the device is like.
    ///
    /// # Errors
    /// Xenstore does not say it, or not so that it can be right.
    pub(crate) fn properties(&self, guest: &dyn Guest) -> Result<Properties, Error> {
        let number = self.number;
        let mac = Value::read(guest, format_args!("device/vif/{number}/mac"))?;
        let mac = mac
            .and_then(|mac| mac.parse().filter(|mac: &MacAddr| mac.is_station()))
            .ok_or(Error::Device(number, "mac"))?;
        let mtu = match Value::read(guest, format_args!("device/vif/{number}/mtu"))? {
            Some(mtu) => Some(mtu),
            None => Value::read(guest, format_args!("{}/mtu", self.path))?,
        };
        let mtu = mtu
            .map_or(Some(DEFAULT_MTU), |mtu| mtu.parse())
            .filter(|mtu| (SMALLEST_MTU..=LARGEST_MTU).contains(mtu))
            .ok_or(Error::Device(number, "mtu"))?;
        Ok(Properties { mac, mtu })
    }

    /// The largest MTU that the backend can do, which has written what it can do.
    ///
    /// # Errors
    /// It cannot do what is needed.
    pub(crate) fn largest_mtu(&self, guest: &dyn Guest) -> Result<usize, Error> {
        if !self.has(guest, "feature-rx-copy")? {
            return Err(Error::Device(self.number, "feature-rx-copy"));
        }
        // Without it a frame is one request, which is one page.
        let one_page = rt_regions::PAGE_SIZE - LARGEST_HEADER;
        Ok(if self.has(guest, "feature-sg")? { LARGEST_MTU } else { one_page })
    }

    /// Whether the backend has a feature.
    fn has(&self, guest: &dyn Guest, feature: &str) -> Result<bool, StoreError> {
        let value = Value::read(guest, format_args!("{}/{feature}", self.path))?;
        Ok(value.is_some_and(|value| value.is_yes()))
    }

    /// Whether this is still the device that was opened, of which xenstore says that our state is `state`:
    /// it may be gone, or be another one of the same number.
    pub(crate) fn is_the_same(
        &self,
        guest: &dyn Guest,
        state: XenbusState,
    ) -> Result<bool, StoreError> {
        let path = backend_path(guest, self.number)?;
        let ours = Value::read(guest, format_args!("device/vif/{}/state", self.number))?;
        Ok(path.is_some_and(|path| path.as_bytes() == self.path.as_bytes())
            && ours.is_some_and(|ours| XenbusState::parse(ours.as_bytes()) == state))
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
        guest.write(format_args!("device/vif/{}/{key}", self.number), format_args!("{value}"))
    }

    /// Writes down for people why the device was closed, where Linux does too.
    pub(crate) fn write_error(&self, guest: &dyn Guest, error: &dyn fmt::Display) {
        let path = format_args!("error/device/vif/{}/error", self.number);
        // Who may not write this goes on without.
        let _ = guest.write(path, format_args!("{error}"));
    }

    /// The state of the backend.
    pub(crate) fn backend_state(&self, guest: &dyn Guest) -> Result<XenbusState, StoreError> {
        let state = Value::read(guest, format_args!("{}/state", self.path))?;
        Ok(state.map_or(XenbusState::Unknown, |state| XenbusState::parse(state.as_bytes())))
    }

    /// Whether the device is to stay when it is closed: a toolstack that takes it away says so.
    pub(crate) fn stays(&self, guest: &dyn Guest) -> Result<bool, StoreError> {
        self.has(guest, "online")
    }
}

/// Where the backend is: an absolute path, if there is one.
fn backend_path(guest: &dyn Guest, number: u32) -> Result<Option<Value>, StoreError> {
    let path = Value::read(guest, format_args!("device/vif/{number}/backend"))?;
    let is_path = |path: &Value| {
        let bytes = path.as_bytes();
        bytes.first() == Some(&b'/') && bytes.iter().all(u8::is_ascii_graphic)
    };
    Ok(path.filter(is_path))
}
