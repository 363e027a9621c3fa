//! What a driver needs of the guest that it runs in: time, sleep, memory, and its device.

use core::cell::Cell;

use layer::Instant;
use rt_pvh::{interrupts, pvclock::Clock};
use rt_regions::Pool;

use crate::{
    apic::{DEVICE_VECTOR, LocalApic, TICK, VECTORS},
    devices::{self, Device, Place},
    io_apic,
};

/// The bit of a device's interrupt status that says that its configuration has changed (virtio 1.2, 4.2.2).
const CONFIG_CHANGED: u32 = 1 << 1;

/// The guest, for a driver.
#[derive(Debug)]
pub struct Guest {
    pub(crate) pool: &'static Pool<'static>,
    pub(crate) clock: Clock<'static>,
    apic: LocalApic,
    /// The whole command line, in which monitors name devices.
    line: &'static str,
    /// How many interrupts of each of [`VECTORS`] were acknowledged.
    handled: [Cell<u32>; VECTORS.len()],
    /// The device that is in use.
    device: Cell<Option<Place>>,
    /// Whether the device has said that its configuration has changed.
    config_changed: Cell<bool>,
}

impl Guest {
    pub(crate) fn new(
        pool: &'static Pool<'static>,
        clock: Clock<'static>,
        apic: LocalApic,
        line: &'static str,
    ) -> Self {
        let handled = VECTORS.map(|vector| Cell::new(interrupts::count(vector)));
        let (device, config_changed) = (Cell::new(None), Cell::new(false));
        Self { pool, clock, apic, line, handled, device, config_changed }
    }

    /// The time now.
    #[inline]
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The pool that all regions come from.
    pub fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }

    /// Hands out a network device with registers in memory: the one with this number, counted from 0 in the order of the
    /// command line, or of QEMU's if that names none. Its interrupts end [`sleep`](Self::sleep) from now on. `None` if
    /// there is no such device, or one was handed out before: there is room for one.
    ///
    /// # Errors
    /// Its line leads to no I/O APIC (status 1).
    pub fn take_network_device(&self, number: usize) -> Result<Option<Device>, rt::Error> {
        if self.device.get().is_some() {
            return Ok(None);
        }
        let mut devices = devices::places(self.line).filter(Place::has_network);
        let Some(place) = devices.nth(number) else { return Ok(None) };
        io_apic::route(place.line, &self.apic)?;
        self.device.set(Some(place));
        Ok(Some(Device { place }))
    }

    /// Whether the device has interrupted for a change of its configuration since the last call.
    #[inline]
    pub fn config_changed(&self) -> bool {
        self.config_changed.take()
    }

    /// Sleeps until the device interrupts or `deadline` comes, or a little longer. An interrupt that came since the last
    /// sleep ends it at once. It may end earlier. Without a deadline, it ends with an interrupt alone.
    ///
    /// No wake-up is lost, in this order:
    ///
    /// 1. The caller has looked at the device, and found nothing, with interrupts disabled.
    /// 2. The timer is started. An earlier one that has run out meanwhile is pending, and ends the sleep at once.
    /// 3. The processor enables interrupts and stops, with nothing in between ([`interrupts::wait`]). What the device has
    ///    raised since step 1 is pending at the local APIC, and ends the sleep at once.
    /// 4. The interrupt is acknowledged at the local APIC, which sends none of this priority before that.
    /// 5. What raised the line is taken back at the device. Its line rises only with the next event, so this comes before
    ///    the caller looks at the device again: what the device does after this step is a new interrupt.
    pub fn sleep(&self, deadline: Option<Instant>) {
        let ticks = match deadline {
            None => 0,
            Some(deadline) => match ticks(self.now(), deadline) {
                0 => return,
                ticks => ticks,
            },
        };
        self.apic.start_timer(ticks);
        interrupts::wait();
        self.acknowledge();
    }

    fn acknowledge(&self) {
        for (vector, handled) in VECTORS.into_iter().zip(&self.handled) {
            let count = interrupts::count(vector);
            let new = count.wrapping_sub(handled.replace(count));
            for _ in 0..new {
                self.apic.end_interrupt();
            }
            if vector == DEVICE_VECTOR
                && new > 0
                && let Some(device) = self.device.get()
                && device.acknowledge() & CONFIG_CHANGED != 0
            {
                self.config_changed.set(true);
            }
        }
    }
}

/// The ticks of the timer from `now` to `deadline`, rounded up; the most that it can count if there are more. 0 if the
/// deadline has come.
fn ticks(now: Instant, deadline: Instant) -> u32 {
    let nanos = deadline.as_nanos().saturating_sub(now.as_nanos());
    u32::try_from(nanos.div_ceil(TICK)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timer_does_not_run_out_before_the_deadline_unless_it_cannot_count_so_far() {
        let at = Instant::from_nanos;
        for (now, deadline, expected) in [
            (5, 5, 0),
            (6, 5, 0),
            (5, 6, 1),
            (0, 16, 1),
            (0, 17, 2),
            (0, 1_000_000_000, 62_500_000),
            (0, 16 * u64::from(u32::MAX), u32::MAX),
            (0, u64::MAX, u32::MAX),
        ] {
            assert_eq!(ticks(at(now), at(deadline)), expected, "{now} {deadline}");
        }
    }
}
