//! A TAP device without a tower.

use std::mem::MaybeUninit;

use netif::{MacAddr, Netif};
use netif_tap::Tap;
use rt_regions::{PAGE_SIZE, Pool, Region};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// Opens the TAP device `name`, and returns its descriptor, of which a read or a write takes as long as it
/// needs, and its MTU in bytes. It stays open until the process ends.
///
/// # Errors
/// Those of [`Tap::attach`], or of the system call.
pub fn open_blocking(name: &str, mac: MacAddr) -> anyhow::Result<(netif_tap::Event, usize)> {
    let memory = vec![MaybeUninit::uninit(); 64 * PAGE_SIZE].leak();
    let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(memory)));
    let region = Box::leak(Box::new(Region::new(pool, "tap")));
    let tap = Tap::attach(name.to_owned().leak(), mac, region)?;
    let device = tap.event();
    fcntl_setfl(device, fcntl_getfl(device)? - OFlags::NONBLOCK)?;
    Ok((device, tap.mtu()))
}
