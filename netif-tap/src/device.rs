//! The system calls that make a TAP device (Linux `Documentation/networking/tuntap.rst`).

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Mode, OFlags},
    io::Errno,
    ioctl::{IntegerSetter, Ioctl, Opcode, Setter, Updater, ioctl, opcode},
    net::{AddressFamily, SocketType},
    thread::{Timespec, nanosleep},
};

use crate::{Error, virtio};

/// `TUNSETIFF` (`linux/if_tun.h`): makes an open `/dev/net/tun` the interface of the given name. The
/// header says that it takes an `int`; the driver takes a `struct ifreq`.
const TUNSETIFF: Opcode = opcode::write::<i32>(b'T', 202);
/// `TUNSETPERSIST`: whether the interface stays when nobody has it open. Its argument is the number itself.
const TUNSETPERSIST: Opcode = opcode::write::<i32>(b'T', 203);
/// `TUNSETOFFLOAD`: what the kernel may leave undone in the frames that are read. Its argument is the number
/// itself.
const TUNSETOFFLOAD: Opcode = opcode::write::<u32>(b'T', 208);
/// `TUNSETVNETHDRSZ`: the length of the header before each frame.
const TUNSETVNETHDRSZ: Opcode = opcode::write::<i32>(b'T', 216);
/// `TUNSETTXFILTER`: the destination addresses of the frames that can be read; all, if none is listed.
const TUNSETTXFILTER: Opcode = opcode::write::<u32>(b'T', 209);
/// `TUNGETIFF`: the name and the flags of the interface.
const TUNGETIFF: Opcode = opcode::read::<u32>(b'T', 210);
/// `TUNSETSNDBUF`: how many written bytes may be in flight.
const TUNSETSNDBUF: Opcode = opcode::write::<i32>(b'T', 212);
/// `TUNSETVNETLE`: whether the header before each frame is little-endian on a machine that is not.
const TUNSETVNETLE: Opcode = opcode::write::<i32>(b'T', 220);
/// `TUNSETVNETBE`: whether it is big-endian on a machine that is not.
const TUNSETVNETBE: Opcode = opcode::write::<i32>(b'T', 222);
/// `TUNSETFILTEREBPF`: the filter (a program of eBPF) of the frames that are read, by its descriptor; none if that
/// is -1.
const TUNSETFILTEREBPF: Opcode = opcode::read::<i32>(b'T', 225);
/// `SIOCGIFMTU` (`linux/sockios.h`): the MTU of the interface of the given name.
const SIOCGIFMTU: Opcode = 0x8921;
/// Frames with an Ethernet header (`IFF_TAP`), without a header of the driver's own (`IFF_NO_PI`).
const FLAGS: u16 = 0x0002 | 0x1000;
/// A `struct virtio_net_hdr` before each frame (`IFF_VNET_HDR`).
const VNET_HDR: u16 = 0x4000;
/// Each time that the device is opened, it is one more queue of it (`IFF_MULTI_QUEUE`).
const MULTI_QUEUE: u16 = 0x0100;
/// The interface stays when nobody has it open (`IFF_PERSIST`).
const PERSIST: u16 = 0x0800;
/// The kernel may leave checksums blank (`TUN_F_CSUM`).
const CSUM: usize = 0x01;
/// The kernel may hand over many TCP segments as one, over IPv4 and over IPv6 (`TUN_F_TSO4`, `TUN_F_TSO6`).
const TSO: usize = 0x02 | 0x04;
/// The kernel may hand over many UDP datagrams as one, over IPv4 and over IPv6 (`TUN_F_USO4`, which it accepts only together
/// with `TUN_F_USO6`; Linux 6.2). Then it also accepts many as one.
const USO: usize = 0x20 | 0x40;
/// The size of an interface's name with the zero at its end (`linux/if.h`).
const IFNAMSIZ: usize = 16;

/// `struct ifreq` (`linux/if.h`): a name, and a union whose largest member has 24 bytes.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; IFNAMSIZ],
    value: [u8; 24],
}

const _: () = assert!(size_of::<InterfaceRequest>() == 40);

impl InterfaceRequest {
    /// A request about the interface `name`.
    fn about(name: &'static str) -> Result<Self, Error> {
        // The characters that the kernel refuses (dev_valid_name), and '%', which it would replace.
        let odd = |byte: u8| {
            byte.is_ascii_whitespace() || matches!(byte, 0 | 0x0b | 0xa0 | b'/' | b':' | b'%')
        };
        if !(1..IFNAMSIZ).contains(&name.len())
            || matches!(name, "." | "..")
            || name.bytes().any(odd)
        {
            return Err(Error::Name(name));
        }
        let mut request = Self { name: [0; IFNAMSIZ], value: [0; 24] };
        request.name[..name.len()].copy_from_slice(name.as_bytes());
        Ok(request)
    }

    /// Makes the call `OPCODE` with this request, which is then the answer.
    ///
    /// # Safety
    /// The call reads and writes a `struct ifreq`, and no memory that its union points to.
    unsafe fn make<const OPCODE: Opcode>(&mut self, fd: impl AsFd) -> Result<(), Errno> {
        // SAFETY: the caller promises that the call takes a `struct ifreq`, which this is.
        let call = unsafe { Updater::<OPCODE, Self>::new(self) };
        // SAFETY: likewise; every value of its bytes is a value of this type.
        unsafe { ioctl(fd, call) }
    }
}

/// How many queues a device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queues {
    /// One, which whoever opens the device has to itself.
    One,
    /// As many as it is opened often.
    Several,
}

impl Queues {
    fn flag(self) -> u16 {
        match self {
            Self::One => 0,
            Self::Several => MULTI_QUEUE,
        }
    }
}

/// What the kernel does for the frames of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OffloadLevel {
    /// Nothing: it gives and takes frames in the form that they have on a wire.
    None,
    /// Each frame has a header before it. Checksums may be blank, both ways.
    Checksums,
    /// In addition, packets of up to 64 KiB may be written: the kernel cuts a datagram into fragments, and a TCP segment
    /// into segments. TCP segments may be read as one.
    LongPackets,
    /// In addition, equal datagrams may be read and written as one.
    Datagrams,
}

/// Opens the TAP device `name`, or creates it if there is none. Reading and writing never block. The kernel
/// does as much of the work as it can, but no more than `most`.
pub(crate) fn open(
    name: &'static str,
    most: OffloadLevel,
    queues: Queues,
) -> Result<(OwnedFd, OffloadLevel), Error> {
    let flags = FLAGS | queues.flag();
    if most != OffloadLevel::None {
        match attach(name, flags | VNET_HDR) {
            Ok(device) => {
                if let Some(level) = negotiate(&device, most) {
                    return Ok((device, level));
                }
            }
            // Also the answer of a kernel that does not know the flag.
            Err(Error::NotATap(_) | Error::OneQueue(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let device = attach(name, flags)?;
    take_back(&device);
    Ok((device, OffloadLevel::None))
}

/// Creates the TAP device `name`, which stays when nobody has it open, so that it can be given addresses before a
/// program opens it: `ip tuntap add dev NAME mode tap`.
///
/// # Errors
/// Those of [`Tap::open`](crate::Tap::open), and that the interface cannot be made to stay.
pub fn create(name: &'static str) -> Result<(), Error> {
    create_with(name, Queues::One)
}

/// Creates the TAP device `name` for a program on several cores, each of which opens a queue of it. It stays when nobody has it
/// open: `ip tuntap add dev NAME mode tap multi_queue`.
///
/// # Errors
/// Those of [`create`].
pub fn create_with_queues(name: &'static str) -> Result<(), Error> {
    create_with(name, Queues::Several)
}

fn create_with(name: &'static str, queues: Queues) -> Result<(), Error> {
    let device = attach(name, FLAGS | queues.flag())?;
    // SAFETY: TUNSETPERSIST takes a number and no pointer.
    let call = unsafe { IntegerSetter::<TUNSETPERSIST>::new_usize(1) };
    // SAFETY: likewise.
    unsafe { ioctl(&device, call) }.map_err(|errno| Error::System("TUNSETPERSIST", errno))
}

/// Agrees with the kernel on the work that it does; none if the device cannot have a header.
fn negotiate(device: &OwnedFd, most: OffloadLevel) -> Option<OffloadLevel> {
    let length = i32::try_from(virtio::HEADER_LEN).ok()?;
    // SAFETY: TUNSETVNETHDRSZ reads an int.
    let call = unsafe { Setter::<TUNSETVNETHDRSZ, i32>::new(length) };
    // SAFETY: likewise.
    unsafe { ioctl(device, call) }.ok()?;
    // A kernel refuses all of what it is asked for if it does not know one.
    [
        (OffloadLevel::Datagrams, CSUM | TSO | USO),
        (OffloadLevel::LongPackets, CSUM | TSO),
        (OffloadLevel::Checksums, CSUM),
    ]
    .into_iter()
    .filter(|(level, _)| *level <= most)
    .find_map(|(level, offload)| set_offload(device, offload).ok().map(|()| level))
}

/// Tells the kernel to leave nothing undone from now on. Otherwise a device keeps its offloads when another
/// program opens it, which does not expect them.
pub(crate) fn take_back(device: impl AsFd) {
    // A kernel that does not know the call leaves nothing undone.
    let _ = set_offload(device, 0);
}

fn set_offload(device: impl AsFd, offload: usize) -> Result<(), Errno> {
    // SAFETY: TUNSETOFFLOAD takes a number and no pointer.
    let call = unsafe { IntegerSetter::<TUNSETOFFLOAD>::new_usize(offload) };
    // SAFETY: likewise.
    unsafe { ioctl(device, call) }
}

/// How often a device is tried once more that another process has, and how long the wait is before.
const BUSY_TRIES: u32 = 10;
const BUSY_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

fn attach(name: &'static str, flags: u16) -> Result<OwnedFd, Error> {
    let mut request = InterfaceRequest::about(name)?;
    request.value[..2].copy_from_slice(&flags.to_ne_bytes());
    let mode = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let device =
        rustix::fs::open("/dev/net/tun", mode, Mode::empty()).map_err(|errno| match errno {
            Errno::ACCESS | Errno::PERM => Error::NoAccess,
            Errno::NOENT | Errno::NODEV | Errno::NXIO => Error::NoTun(errno),
            _ => Error::System("open /dev/net/tun", errno),
        })?;
    let mut tries = 0;
    let attached = loop {
        // SAFETY: TUNSETIFF reads the name and the flags and writes both; no pointer is in between.
        let attached = unsafe { request.make::<TUNSETIFF>(&device) };
        if attached != Err(Errno::BUSY) || tries == BUSY_TRIES {
            break attached;
        }
        // Its process may be about to end, or a child of it about to start another program.
        tries += 1;
        // If a signal ends the wait, the next try comes early.
        let _ = nanosleep(&BUSY_WAIT);
    };
    attached.map_err(|errno| match errno {
        Errno::PERM | Errno::ACCESS => Error::NotPermitted(name),
        Errno::BUSY => Error::Busy(name),
        Errno::INVAL if flags & MULTI_QUEUE != 0 => Error::OneQueue(name),
        Errno::INVAL => Error::NotATap(name),
        _ => Error::System("TUNSETIFF", errno),
    })?;
    reset(&device);
    Ok(device)
}

/// Resets what an earlier program may have set on a persistent device, and what would silently stop traffic:
/// filters of the frames that are read, a small send buffer, another byte order. Each program with a header
/// sets its length. Opening the device turns the carrier on, and removes a program of classic BPF.
fn reset(device: &OwnedFd) {
    /// A `struct tun_filter` that lists no address; two numbers of 16 bits.
    const NO_FILTER: u32 = 0;
    // A kernel that does not know a call has nothing to reset.
    // SAFETY: TUNSETTXFILTER reads four bytes, and then as many addresses as the last two of them say: none.
    let _ = make(device, unsafe { Setter::<TUNSETTXFILTER, u32>::new(NO_FILTER) });
    // SAFETY: TUNSETFILTEREBPF reads an int; -1 is no descriptor of anything.
    let _ = make(device, unsafe { Setter::<TUNSETFILTEREBPF, i32>::new(-1) });
    // SAFETY: TUNSETSNDBUF reads an int.
    let _ = make(device, unsafe { Setter::<TUNSETSNDBUF, i32>::new(i32::MAX) });
    // SAFETY: TUNSETVNETLE reads an int.
    let _ = make(device, unsafe { Setter::<TUNSETVNETLE, i32>::new(0) });
    // SAFETY: TUNSETVNETBE reads an int.
    let _ = make(device, unsafe { Setter::<TUNSETVNETBE, i32>::new(0) });
}

/// Makes a call of which only the failure is of interest.
fn make(device: &OwnedFd, call: impl Ioctl) -> Result<(), Errno> {
    // SAFETY: whoever makes a value of an `Ioctl` has to promise that the call is what it says.
    unsafe { ioctl(device, call) }.map(drop)
}

/// Whether the device was made by opening it, and disappears when it is closed. A device that existed before
/// and can be opened is persistent, because a device that is not persistent exists only while another process
/// has it open.
pub(crate) fn is_new(device: impl AsFd) -> bool {
    let mut request = InterfaceRequest { name: [0; IFNAMSIZ], value: [0; 24] };
    // SAFETY: TUNGETIFF writes a `struct ifreq`, with no pointer in it.
    let asked = unsafe { request.make::<TUNGETIFF>(device) };
    asked.is_ok() && u16::from_ne_bytes([request.value[0], request.value[1]]) & PERSIST == 0
}

/// The MTU of the interface `name` in bytes.
pub(crate) fn mtu(name: &'static str) -> Result<usize, Error> {
    let failed = |errno| Error::System("SIOCGIFMTU", errno);
    let mut request = InterfaceRequest::about(name)?;
    // The kernel takes this question on a socket of any kind.
    let socket =
        rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).map_err(failed)?;
    // SAFETY: SIOCGIFMTU reads the name and writes an int.
    unsafe { request.make::<SIOCGIFMTU>(&socket) }.map_err(failed)?;
    let [a, b, c, d, ..] = request.value;
    usize::try_from(i32::from_ne_bytes([a, b, c, d])).map_err(|_| failed(Errno::RANGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_interface_can_have_are_refused_before_any_system_call() {
        for name in ["", ".", "..", "a/b", "a:b", "a b", "a\tb", "tap%d", "a\0", "sixteen-bytes-16"]
        {
            assert_eq!(InterfaceRequest::about(name).err(), Some(Error::Name(name)), "{name:?}");
            assert_eq!(
                open(name, OffloadLevel::None, Queues::One).err(),
                Some(Error::Name(name)),
                "{name:?}"
            );
            assert_eq!(
                open(name, OffloadLevel::Datagrams, Queues::Several).err(),
                Some(Error::Name(name)),
                "{name:?}"
            );
        }
        let request = InterfaceRequest::about("fifteen-bytes-5").ok().unwrap();
        assert_eq!(&request.name, b"fifteen-bytes-5\0");
    }

    #[test]
    fn the_opcodes_are_those_of_the_header() {
        assert_eq!(TUNSETIFF, 0x4004_54ca);
        assert_eq!(TUNSETPERSIST, 0x4004_54cb);
        assert_eq!(TUNSETOFFLOAD, 0x4004_54d0);
        assert_eq!(TUNSETVNETHDRSZ, 0x4004_54d8);
        assert_eq!(TUNSETTXFILTER, 0x4004_54d1);
        assert_eq!(TUNGETIFF, 0x8004_54d2);
        assert_eq!(TUNSETSNDBUF, 0x4004_54d4);
        assert_eq!(TUNSETVNETLE, 0x4004_54dc);
        assert_eq!(TUNSETVNETBE, 0x4004_54de);
        assert_eq!(TUNSETFILTEREBPF, 0x8004_54e1);
    }
}
