//! The hypercalls of this crate, each with its structure: `event_channel.h`, `sched.h`, `memory.h`,
//! `hvm/hvm_op.h`.

use core::ptr;

#[cfg(feature = "cores")]
use rt_pvh::Landing;
use rt_pvh::Shutdown;

use crate::{
    DomainId, Errno, Port,
    hypercall::{self, Number},
};

/// The calling domain, as an argument of hypercalls (`DOMID_SELF`).
const DOMID_SELF: u16 = 0x7ff0;

const EVTCHNOP_CLOSE: usize = 3;
const EVTCHNOP_SEND: usize = 4;
const EVTCHNOP_ALLOC_UNBOUND: usize = 6;
#[cfg(feature = "cores")]
const EVTCHNOP_BIND_IPI: usize = 7;
#[cfg(feature = "cores")]
const VCPUOP_INITIALISE: usize = 0;
#[cfg(feature = "cores")]
const VCPUOP_UP: usize = 1;
#[cfg(feature = "cores")]
const VCPUOP_IS_UP: usize = 3;
#[cfg(feature = "cores")]
const SCHEDOP_YIELD: usize = 0;
const SCHEDOP_SHUTDOWN: usize = 2;
const SCHEDOP_POLL: usize = 3;
const XENMEM_CURRENT_RESERVATION: usize = 3;
const XENMEM_ADD_TO_PHYSMAP: usize = 7;
const HVMOP_SET_PARAM: usize = 0;
const HVMOP_GET_PARAM: usize = 1;

/// `struct evtchn_alloc_unbound`.
#[repr(C)]
struct EvtchnAllocUnbound {
    dom: u16,
    remote_dom: u16,
    port: u32,
}

/// `struct evtchn_close` and `struct evtchn_send`.
#[repr(C)]
struct EvtchnPort {
    port: u32,
}

/// `struct evtchn_bind_ipi`.
#[cfg(feature = "cores")]
#[repr(C)]
struct EvtchnBindIpi {
    vcpu: u32,
    port: u32,
}

/// `struct vcpu_hvm_context` (`hvm/hvm_vcpu.h`) with its registers for 64-bit mode, in which the segments are those of that
/// mode.
#[cfg(feature = "cores")]
#[derive(Debug, Default)]
#[repr(C)]
struct VcpuContext {
    mode: u32,
    pad: u32,
    /// RAX, RCX, RDX, RBX, RSP, RBP, RSI.
    unused: [u64; 7],
    rdi: u64,
    rip: u64,
    rflags: u64,
    cr0: u64,
    cr3: u64,
    cr4: u64,
    efer: u64,
}

/// `VCPU_HVM_MODE_64B`.
#[cfg(feature = "cores")]
const MODE_64B: u32 = 1;

#[cfg(feature = "cores")]
const _: () = {
    use core::mem::offset_of;
    // The union is as long as its registers for 32-bit mode.
    assert!(offset_of!(VcpuContext, rdi) == 64 && offset_of!(VcpuContext, efer) == 112);
    assert!(size_of::<EvtchnBindIpi>() == 8);
};

/// `struct sched_poll`.
#[repr(C)]
struct SchedPoll {
    ports: *const u32,
    nr_ports: u32,
    timeout: u64,
}

/// `struct xen_add_to_physmap`.
#[repr(C)]
struct XenAddToPhysmap {
    domid: u16,
    size: u16,
    space: u32,
    idx: u64,
    gpfn: u64,
}

/// `struct xen_hvm_param`.
#[repr(C)]
struct XenHvmParam {
    domid: u16,
    pad: u16,
    index: u32,
    value: u64,
}

const _: () = {
    assert!(size_of::<EvtchnAllocUnbound>() == 8);
    assert!(size_of::<EvtchnPort>() == 4);
    assert!(size_of::<SchedPoll>() == 24);
    assert!(size_of::<XenAddToPhysmap>() == 24);
    assert!(size_of::<XenHvmParam>() == 16);
};

/// The pages that Xen can map into a guest's memory (`XENMAPSPACE_*`, `memory.h`).
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum MapSpace {
    /// The page of `struct shared_info`.
    SharedInfo = 0,
    /// A page of the grant table.
    GrantTable = 1,
}

/// A parameter of the guest (`HVM_PARAM_*`, `hvm/params.h`).
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum HvmParam {
    CallbackIrq = 0,
    StorePfn = 1,
    StoreEvtchn = 2,
    ConsolePfn = 17,
    ConsoleEvtchn = 18,
}

/// The number of the reason why a domain ends (`enum sched_shutdown_reason`, `sched.h`).
fn shutdown_reason(reason: Shutdown) -> u32 {
    match reason {
        Shutdown::PowerOff => 0,
        Shutdown::Reboot => 1,
        Shutdown::Crash => 3,
    }
}

/// The hypervisor that we run on.
///
/// INVARIANT: the hypercall page has been set up.
#[derive(Clone, Copy, Debug)]
pub struct Xen(());

impl Xen {
    /// # Safety
    /// The hypercall page has been set up.
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }

    /// Calls Xen with a command and its structure.
    ///
    /// # Safety
    /// `T` is the structure that the command takes, and what it points to is what Xen may read and write.
    unsafe fn call<T>(self, number: Number, command: usize, argument: &mut T) -> Result<(), Errno> {
        // SAFETY: the page is set up, by the invariant; the argument is as the caller promises.
        unsafe { hypercall::call(number, command, ptr::from_mut(argument).cast()) }.map(drop)
    }

    /// Ends the domain (`SCHEDOP_shutdown`). It returns only if Xen refuses.
    pub(crate) fn shutdown(self, reason: Shutdown) -> Result<(), Errno> {
        let mut argument = shutdown_reason(reason);
        // SAFETY: `struct sched_shutdown` is the reason.
        unsafe { self.call(Number::Sched, SCHEDOP_SHUTDOWN, &mut argument) }
    }

    /// Maps page `index` of `space` at frame `frame` of our memory.
    ///
    /// # Safety
    /// The frame is unused, because its contents are lost.
    pub(crate) unsafe fn add_to_physmap(
        self,
        space: MapSpace,
        index: u64,
        frame: u64,
    ) -> Result<(), Errno> {
        let mut argument = XenAddToPhysmap {
            domid: DOMID_SELF,
            size: 0,
            space: space as u32,
            idx: index,
            gpfn: frame,
        };
        // SAFETY: the structure of the command, without pointers; the frame is free, as the caller promises.
        unsafe { self.call(Number::Memory, XENMEM_ADD_TO_PHYSMAP, &mut argument) }
    }

    /// How many pages the domain has, anywhere in its memory: those that it was given, not those that it may have
    /// (`maxmem=`).
    pub(crate) fn current_reservation(self) -> Result<u64, Errno> {
        let argument = ptr::from_ref(&DOMID_SELF).cast_mut().cast();
        // SAFETY: the page is set up, by the invariant; the command reads the number of a domain.
        let pages =
            unsafe { hypercall::call(Number::Memory, XENMEM_CURRENT_RESERVATION, argument) }?;
        Ok(pages as u64)
    }

    /// The value of a parameter.
    pub(crate) fn hvm_param(self, param: HvmParam) -> Result<u64, Errno> {
        let mut argument = XenHvmParam { domid: DOMID_SELF, pad: 0, index: param as u32, value: 0 };
        // SAFETY: the structure of the command, without pointers.
        unsafe { self.call(Number::Hvm, HVMOP_GET_PARAM, &mut argument) }?;
        Ok(argument.value)
    }

    /// Tells Xen that we want no interrupts for events (`HVM_PARAM_CALLBACK_IRQ` 0). On this call Xen checks the mode
    /// of the processor, and uses the 64-bit layout of `struct shared_info` from then on.
    pub(crate) fn no_callback(self) -> Result<(), Errno> {
        let index = HvmParam::CallbackIrq as u32;
        let mut argument = XenHvmParam { domid: DOMID_SELF, pad: 0, index, value: 0 };
        // SAFETY: the structure of the command, without pointers; no interrupt is asked for.
        unsafe { self.call(Number::Hvm, HVMOP_SET_PARAM, &mut argument) }
    }
}

#[cfg(feature = "cores")]
impl Xen {
    /// Whether the domain has a virtual processor with this number (`VCPUOP_is_up`).
    pub(crate) fn has_vcpu(self, vcpu: usize) -> bool {
        // SAFETY: the page is set up, by the invariant; the command has no structure.
        unsafe { hypercall::call_vcpu(VCPUOP_IS_UP, vcpu, ptr::null_mut()) }.is_ok()
    }

    /// Has a virtual processor that has not run yet begin in this state (`VCPUOP_initialise`, `VCPUOP_up`).
    ///
    /// # Safety
    /// The program that it runs in this state is sound: a stack of its own, and mapped.
    pub(crate) unsafe fn start_vcpu(self, vcpu: usize, landing: Landing) -> Result<(), Errno> {
        let Landing { rip, rdi, cr3, cr0, cr4, efer } = landing;
        let (mode, rest) = (MODE_64B, VcpuContext::default());
        let mut context = VcpuContext { mode, rip, rdi, cr3, cr0, cr4, efer, ..rest };
        let context = ptr::from_mut(&mut context).cast();
        // SAFETY: the page is set up, by the invariant; it is the structure of the command.
        unsafe { hypercall::call_vcpu(VCPUOP_INITIALISE, vcpu, context) }?;
        // SAFETY: as above, and the command has no structure.
        unsafe { hypercall::call_vcpu(VCPUOP_UP, vcpu, ptr::null_mut()) }.map(drop)
    }

    /// Lets other virtual processors run (`SCHEDOP_yield`).
    pub(crate) fn yield_processor(self) {
        // SAFETY: the page is set up, by the invariant; the command has no structure.
        let _ = unsafe { hypercall::call(Number::Sched, SCHEDOP_YIELD, ptr::null_mut()) };
    }

    /// Opens a channel for events of the domain to itself, which are for this virtual processor (`EVTCHNOP_bind_ipi`).
    pub(crate) fn bind_ipi(self, vcpu: u32) -> Result<Port, Errno> {
        let mut argument = EvtchnBindIpi { vcpu, port: 0 };
        // SAFETY: the structure of the command, without pointers.
        unsafe { self.call(Number::EventChannel, EVTCHNOP_BIND_IPI, &mut argument) }?;
        Ok(Port(argument.port))
    }
}

/// The hypercalls that event channels need. Tests implement them on their own.
pub trait EventCalls {
    /// `EVTCHNOP_alloc_unbound`.
    fn alloc_unbound(&self, remote: DomainId) -> Result<Port, Errno>;
    /// `EVTCHNOP_close`.
    fn close(&self, port: Port) -> Result<(), Errno>;
    /// `EVTCHNOP_send`.
    fn send(&self, port: Port) -> Result<(), Errno>;
    /// `SCHEDOP_poll`: returns when one of `ports` is pending, or at `timeout`, which is in nanoseconds of Xen's system
    /// time, or 0 for never.
    fn poll(&self, ports: &[u32], timeout: u64) -> Result<(), Errno>;
}

impl EventCalls for Xen {
    fn alloc_unbound(&self, remote: DomainId) -> Result<Port, Errno> {
        let mut argument = EvtchnAllocUnbound { dom: DOMID_SELF, remote_dom: remote.0, port: 0 };
        // SAFETY: the structure of the command, without pointers.
        unsafe { self.call(Number::EventChannel, EVTCHNOP_ALLOC_UNBOUND, &mut argument) }?;
        Ok(Port(argument.port))
    }

    fn close(&self, port: Port) -> Result<(), Errno> {
        let mut argument = EvtchnPort { port: port.0 };
        // SAFETY: the structure of the command, without pointers.
        unsafe { self.call(Number::EventChannel, EVTCHNOP_CLOSE, &mut argument) }
    }

    fn send(&self, port: Port) -> Result<(), Errno> {
        let mut argument = EvtchnPort { port: port.0 };
        // SAFETY: the structure of the command, without pointers.
        unsafe { self.call(Number::EventChannel, EVTCHNOP_SEND, &mut argument) }
    }

    fn poll(&self, ports: &[u32], timeout: u64) -> Result<(), Errno> {
        let nr_ports = u32::try_from(ports.len()).map_err(|_| Errno::EINVAL)?;
        let mut argument = SchedPoll { ports: ports.as_ptr(), nr_ports, timeout };
        // SAFETY: the structure of the command; Xen reads `nr_ports` ports, which `ports` has.
        unsafe { self.call(Number::Sched, SCHEDOP_POLL, &mut argument) }
    }
}
