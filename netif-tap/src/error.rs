//! Why a TAP device could not be opened, or is broken.

use core::{error, fmt};

use rt_regions::Exhausted;
use rustix::io::Errno;

/// Why a TAP device could not be opened, or is broken; the message says what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No interface can have this name.
    Name(&'static str),
    /// This system has no TAP devices: `/dev/net/tun` is missing, or nothing stands behind it.
    NoTun(Errno),
    /// This user may not open `/dev/net/tun`.
    NoAccess,
    /// This user may neither create the interface nor use it as it is.
    NotPermitted(&'static str),
    /// Another process has the interface.
    Busy(&'static str),
    /// An interface has this name and is not a TAP device with one queue.
    NotATap(&'static str),
    /// An interface has this name and is not a TAP device with several queues.
    OneQueue(&'static str),
    /// The given memory has no room for the buffer of a sent frame.
    Memory(Exhausted),
    /// The interface was deleted while it was open.
    Deleted,
    /// A system call failed in a way that has no remedy here.
    System(&'static str, Errno),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(
                f,
                "no interface can be called '{name}': a name has 1 to 15 bytes, without '/', ':', \
                 '%' and blanks"
            ),
            Self::NoTun(errno) => write!(
                f,
                "no TAP devices: cannot open /dev/net/tun ({errno}); load the module with \
                 'modprobe tun', or give the container the device (--device /dev/net/tun)"
            ),
            Self::NoAccess => f.write_str(
                "no permission to open /dev/net/tun: run as root, or let root give it to a group of \
                 this user by a udev rule: KERNEL==\"tun\", GROUP=\"letregion\", MODE=\"0660\"; in a \
                 container, give the user that group",
            ),
            Self::NotPermitted(name) => write!(
                f,
                "no permission to open the TAP device {name}: run as root, or have root create it \
                 for this user: ip tuntap add dev {name} mode tap user USER (or group GROUP); or give this user \
                 CAP_NET_ADMIN as an ambient capability (a container's --cap-add gives it to root \
                 alone): setpriv --inh-caps=+net_admin --ambient-caps=+net_admin"
            ),
            Self::Busy(name) => write!(
                f,
                "another process has the TAP device {name}: end that process, or choose another \
                 interface"
            ),
            Self::NotATap(name) => write!(
                f,
                "the interface {name} exists and is not a TAP device with one queue (nor are \
                 macvtap and macvlan): choose another name, or make one: ip tuntap add dev NAME \
                 mode tap"
            ),
            Self::OneQueue(name) => write!(
                f,
                "the interface {name} exists and is not a TAP device with several queues, of which \
                 each core needs one: choose another name, or make one: ip tuntap add dev NAME mode \
                 tap multi_queue"
            ),
            Self::Memory(exhausted) => write!(f, "no memory for a TAP device: {exhausted}"),
            Self::Deleted => f.write_str("the TAP device was deleted"),
            Self::System(call, errno) => write!(f, "TAP device: {call}: {errno}"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            // An `Errno` is an error only with std; its words are in ours.
            Self::Memory(exhausted) => Some(exhausted),
            _ => None,
        }
    }
}

impl From<Exhausted> for Error {
    fn from(exhausted: Exhausted) -> Self {
        Self::Memory(exhausted)
    }
}
