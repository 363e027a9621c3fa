//! What a driver needs of the guest that it runs in: time, sleep, memory, and its device.

use core::cell::Cell;

use layer::Instant;
use rt_pvh::{interrupts, pvclock::Clock};
use rt_regions::Pool;

#[cfg(feature = "virtio-rng")]
use crate::rng;
use crate::{
    apic::{BUTTON_VECTOR, CONFIGURATION_VECTOR, DEVICE_VECTOR, LocalApic, TICK, VECTORS},
    devices::{Devices, Found, Kind, PciDevice, Registers},
    error::RuntimeError,
    io_apic::{self, Trigger},
    mmio::Place,
    pci::Ports,
    power_button,
    transport::VirtioTransport,
};
#[cfg(feature = "cores")]
use crate::{processors, queues};

/// The bit of a device's interrupt status that says that its configuration has changed (virtio 1.2, 4.1.4.5 and 4.2.2).
const CONFIG_CHANGED: u32 = 1 << 1;

/// How many turns are between two looks whether the power button was pressed, each of which takes the host some microseconds.
const TURNS_BETWEEN: u32 = 1 << 10;

/// The fewest pages of a core that may have queues of its own: 3 MiB.
#[cfg(feature = "cores")]
const MIN_PAGES: usize = 768;

/// What raises the line of the device that is in use, and is taken back there.
#[derive(Clone, Copy, Debug)]
enum Source {
    Mmio(Place),
    /// The status of interrupts of a device on the PCI bus: reading it takes it back.
    Pci(Registers),
}

/// The guest, for a driver.
#[derive(Debug)]
pub struct Guest {
    pub(crate) pool: &'static Pool<'static>,
    pub(crate) clock: Clock<'static>,
    pub(crate) apic: LocalApic,
    devices: Devices,
    /// How many interrupts of each of [`VECTORS`] were acknowledged.
    handled: [Cell<u32>; VECTORS.len()],
    /// Whether a device was handed out.
    has_device: Cell<bool>,
    /// The line of the device, if it has one.
    source: Cell<Option<Source>>,
    /// Whether the device has said that its configuration has changed.
    config_changed: Cell<bool>,
    /// Whether somebody has pressed the power button.
    is_asked_to_end: Cell<bool>,
    /// How often [`is_asked_to_end`](Self::is_asked_to_end) was called.
    turns: Cell<u32>,
}

impl Guest {
    pub(crate) fn new(
        pool: &'static Pool<'static>,
        clock: Clock<'static>,
        apic: LocalApic,
        devices: Devices,
    ) -> Self {
        power_button::enable(&devices, &apic);
        Self::without_button(pool, clock, apic, devices)
    }

    /// The guest as a processor sees it that has no devices, not the first.
    #[cfg(feature = "cores")]
    pub(crate) fn of_other(
        pool: &'static Pool<'static>,
        clock: Clock<'static>,
        apic: LocalApic,
    ) -> Self {
        Self::without_button(pool, clock, apic, Devices::default())
    }

    #[inline]
    fn without_button(
        pool: &'static Pool<'static>,
        clock: Clock<'static>,
        apic: LocalApic,
        devices: Devices,
    ) -> Self {
        let handled = VECTORS.map(|vector| Cell::new(interrupts::count(vector)));
        let [has_device, config_changed, is_asked_to_end] = [(); 3].map(|()| Cell::new(false));
        Self {
            pool,
            clock,
            apic,
            devices,
            handled,
            has_device,
            source: Cell::new(None),
            config_changed,
            is_asked_to_end,
            turns: Cell::new(0),
        }
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

    /// Hands out the network device with this number, counted from 0: first those with registers in memory, in the order of
    /// the command line, or of QEMU's if that names none, and then those on the PCI bus. Its interrupts end
    /// [`sleep`](Self::sleep) from now on. `None` if there is no such device, or one was handed out before: there is room for
    /// one.
    ///
    /// # Errors
    /// It has no interrupt, or its line leads to no I/O APIC (status 1).
    ///
    /// # Safety
    /// The device reads and writes memory at the addresses that it is given by the transport. From the moment that it is given
    /// one until it has confirmed a reset, Rust relies on nothing that the device may write there.
    pub unsafe fn take_network_device(
        &self,
        number: usize,
    ) -> Result<Option<VirtioTransport>, rt::Error> {
        if self.has_device.get() {
            return Ok(None);
        }
        let Some(device) = self.devices.get(Kind::Network, number) else { return Ok(None) };
        match &device {
            Found::Mmio(place) => {
                io_apic::route(place.line, Trigger::Edge, DEVICE_VECTOR, &self.apic)?;
                self.source.set(Some(Source::Mmio(*place)));
            }
            Found::Pci(device) => self.enable(device)?,
        }
        self.has_device.set(true);
        // SAFETY: it is the only one that is handed out, and there is a guest, so the machine is set up. It answers.
        Ok(Some(unsafe { device.transport() }))
    }

    /// Whether each core may have queues of the network device, as far as the machine is concerned: it has a PCI bus, and each core so
    /// much memory that queues and rings for what comes to another queue than it is for leave it most. For the first core.
    #[cfg(feature = "cores")]
    pub fn may_have_queues(&self) -> bool {
        self.devices.has_pci && self.pool.pages() >= MIN_PAGES
    }

    /// Has the queues of this core, by its number, at the network device that the first core has, end [`sleep`](Self::sleep) from now
    /// on. Returns whether they can: the device is on the PCI bus, and has a message for them.
    #[cfg(feature = "cores")]
    pub fn take_queues(&self, core: usize) -> bool {
        queues::interrupt(core, self.apic.id())
    }

    /// Notifies the network device of a queue of this core, which is not the first. Without such a queue it does nothing.
    #[cfg(feature = "cores")]
    #[inline]
    pub fn notify(&self, queue: u16) {
        queues::notify(queue);
    }

    /// Wakes the first core.
    #[cfg(feature = "cores")]
    pub fn wake_first(&self) {
        processors::ring(&self.apic, 0);
    }

    /// Lets a device of the PCI bus work, and interrupt: by messages, or by its line if it has none.
    fn enable(&self, device: &PciDevice) -> Result<(), RuntimeError> {
        let PciDevice { function, structures, messages, .. } = *device;
        // It answers from now on, as its messages and its status are in memory.
        function.enable(&Ports, messages.is_none());
        match messages {
            // SAFETY: the registers of what was found are mapped, and are not memory. Both vectors have handlers.
            Some(messages) => unsafe {
                messages.enable(&Ports, self.apic.id(), [DEVICE_VECTOR, CONFIGURATION_VECTOR]);
                #[cfg(feature = "cores")]
                queues::set_messages(&messages);
            },
            None => {
                let line = function.line(&Ports).ok_or(RuntimeError::NoInterrupt)?;
                io_apic::route(line, Trigger::Level, DEVICE_VECTOR, &self.apic)?;
                self.source.set(Some(Source::Pci(structures.isr)));
            }
        }
        Ok(())
    }

    /// Random bytes of the host, if it has a device for that, which is asked by polling. It is called once.
    #[cfg(feature = "virtio-rng")]
    pub(crate) fn seed(&self) -> Option<[u8; rng::SEED]> {
        let device = self.devices.get(Kind::Entropy, 0)?;
        if let Found::Pci(device) = &device {
            device.function.enable(&Ports, false);
        }
        // SAFETY: it is the only one for this device, and the machine is set up. The device answers.
        let mut transport = unsafe { device.transport() };
        rng::seed(&mut transport, self.pool, &self.clock)
    }

    /// Whether the device has interrupted for a change of its configuration since the last call.
    #[inline]
    pub fn config_changed(&self) -> bool {
        self.config_changed.take()
    }

    /// Whether somebody has pressed the power button. It interrupts, which is noticed after a sleep; a guest that never sleeps
    /// looks now and then whether the interrupt is pending.
    #[inline(never)]
    pub(crate) fn is_asked_to_end(&self) -> bool {
        let turns = self.turns.replace(self.turns.get().wrapping_add(1));
        if turns.is_multiple_of(TURNS_BETWEEN) && self.apic.has_pending(BUTTON_VECTOR) {
            self.look_at_button();
        }
        self.is_asked_to_end.get()
    }

    fn look_at_button(&self) {
        if power_button::is_pressed(&self.devices) {
            self.is_asked_to_end.set(true);
        }
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
    /// 4. What raised the line is taken back at the device, and the line falls. It rises again with the next event, so this
    ///    comes before the caller looks at the device again: what the device does after this step is a new interrupt. A
    ///    device that sends messages has no line, and each message is an interrupt.
    /// 5. The interrupt ends at the local APIC, which sends none of this priority before that. One that came meanwhile is
    ///    pending there. A line that interrupts while it is up has fallen by then, unless there was a new event.
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
            if new == 0 {
                continue;
            }
            if vector == CONFIGURATION_VECTOR
                || (vector == DEVICE_VECTOR && self.take_back() & CONFIG_CHANGED != 0)
            {
                self.config_changed.set(true);
            }
            if vector == BUTTON_VECTOR {
                self.look_at_button();
            }
            for _ in 0..new {
                self.apic.end_interrupt();
            }
        }
    }

    /// Takes back what raised the line of the device, and returns it; 0 if the device has no line.
    fn take_back(&self) -> u32 {
        match self.source.get() {
            None => 0,
            Some(Source::Mmio(place)) => place.acknowledge(),
            // SAFETY: the register of a device that is in use is mapped.
            Some(Source::Pci(isr)) => unsafe { isr.start().read_volatile() }.into(),
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
