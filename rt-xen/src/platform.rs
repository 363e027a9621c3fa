//! Xen, as the ground under a guest knows it.

use core::{
    fmt, ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use rt_pvh::{Line, Platform, Shutdown, debug, pvclock::VcpuTimeInfo, reset, use_serial_port};

use crate::{console, operations::Xen, shared_info::SharedInfo};

/// The platform of a guest of Xen.
#[derive(Debug)]
pub(crate) struct OnXen(());

/// The only one.
static ON_XEN: OnXen = OnXen(());

impl OnXen {
    /// The platform, once Xen can be called.
    pub(crate) fn of(_: Xen) -> &'static Self {
        &ON_XEN
    }
}

/// The page that Xen shares with the guest, once it is mapped.
static SHARED_INFO: AtomicPtr<SharedInfo> = AtomicPtr::new(ptr::null_mut());

/// Sets the page that the clock is in.
pub(crate) fn set_shared_info(shared: &'static SharedInfo) {
    SHARED_INFO.store(ptr::from_ref(shared).cast_mut(), Ordering::Relaxed);
}

/// The page that Xen shares with the guest, once it is mapped.
pub(crate) fn shared_info() -> Option<&'static SharedInfo> {
    // SAFETY: null, or from the reference that `set_shared_info` got, which lives as long as the program.
    unsafe { SHARED_INFO.load(Ordering::Relaxed).as_ref() }
}

impl Platform for OnXen {
    /// The debug port is Xen's log, which shows the lines if Xen runs with `guest_loglvl=all`.
    fn print(&self, kind: Line, line: fmt::Arguments<'_>) {
        let console = console::get();
        // The non-maskable interrupt must not write in the middle of another line.
        let is_free = console.is_some_and(|console| !console.is_busy());
        if kind == Line::Last || (kind == Line::Program && !is_free) {
            debug(line);
        }
        if let Some(console) = console
            && (kind != Line::Program || is_free)
        {
            console.print(line);
        }
    }

    fn shut_down(&self, reason: Shutdown) {
        // The ring of the console ends with the domain.
        if let Some(console) = console::get() {
            console.flush();
        }
        // SAFETY: who has the platform has had a `Xen`, so the hypercall page is set up.
        let xen = unsafe { Xen::new() };
        // The call does not return.
        let _ = xen.shutdown(reason);
    }

    fn clock_page(&self) -> Option<&'static VcpuTimeInfo> {
        shared_info().map(|shared| &shared.vcpu_info[0].time)
    }
}

/// Ends a machine that does not run on Xen.
pub(crate) fn no_xen() -> ! {
    use_serial_port();
    debug(format_args!(
        "no Xen here: this program is a guest of the Xen hypervisor (4.17 or later), type=\"pvh\""
    ));
    reset()
}
