//! The processors of a guest with several: what each has of its own, and its way to the program.
//!
//! The first one sets up the machine for all: page tables, handlers, and for each of the others a room of its own
//! ([`Room`]) and a part of the memory. When its own tower stands, it has the platform start the others, each at
//! [`landing`]: by `VCPUOP_initialise` on Xen, by INIT and SIPI elsewhere ([`trampoline`]). None of them ends before the
//! guest does.

mod room;
pub(crate) mod trampoline;

#[cfg(feature = "defmt")]
use core::cell::RefCell;
use core::{
    arch::{asm, naked_asm},
    cell::{Cell, OnceCell},
    mem::offset_of,
    ops::Range,
    ptr,
    sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering},
};

use cores::MAX_CORES;
use rt_regions::{Exhausted, Pool, Region};
use x86_64::{
    VirtAddr,
    registers::{
        control::{Cr0, Cr0Flags},
        model_specific::GsBase,
    },
};

pub(crate) use self::room::{ROOM, Rooms};
#[cfg(feature = "interrupts")]
use crate::interrupts::VECTORS;
#[cfg(feature = "defmt")]
use crate::log::Frame;
use crate::{end, exceptions, memory::Own, one_cpu::OneCpu};

/// What a processor has of its own. The base of its GS segment is this block.
///
/// INVARIANT: the words that the handlers and [`landing`] use have their offsets; `this` is its own address. But for the start of
/// the processor, it alone uses what is here.
#[repr(C)]
pub(crate) struct Processor {
    this: Cell<*const Self>,
    /// Where its stack ends.
    stack_top: u64,
    /// How many interrupts of each vector it has had. Its handlers count them.
    #[cfg(feature = "interrupts")]
    pub(crate) counts: [AtomicU32; VECTORS],
    /// Its number, from 0.
    pub(crate) index: usize,
    /// The time stamp of the last non-maskable interrupt that it has reported.
    pub(crate) place_told: AtomicU64,
    /// Its guard page and its stack, and its tables of segments; the first processor has those of the image.
    pub(crate) room: Option<Room>,
    /// The part of the memory that becomes its pool.
    memory: Range<u64>,
    pub(crate) own: Own,
    /// The line of the log that it is writing.
    #[cfg(feature = "defmt")]
    pub(crate) frame: RefCell<Frame>,
}

pub(crate) use self::room::Room;

static FIRST: OneCpu<Processor> = OneCpu(Processor::new(0, None, 0..0));

/// The processors but the first, by their numbers less one.
#[unsafe(no_mangle)]
static letregion_processors: [AtomicPtr<Processor>; MAX_CORES - 1] =
    [const { AtomicPtr::new(ptr::null_mut()) }; MAX_CORES - 1];
/// How many there are.
static OTHERS: AtomicU32 = AtomicU32::new(0);
/// The address of the first page table.
static ROOT: AtomicU32 = AtomicU32::new(0);

/// What the others do. It is set before they start, and only read from then on.
static PROGRAM: OneCpu<OnceCell<&'static (dyn Fn(Other) + Sync)>> = OneCpu(OnceCell::new());

/// What the program finds on a processor that is not the first: memory of its own. There is one for each, and it can be
/// neither copied nor made.
#[derive(Debug)]
pub struct Other {
    /// Its number, from 1.
    pub index: usize,
    /// Its part of the memory.
    pub pool: &'static Pool<'static>,
    /// The region that lives as long as the guest.
    pub memory: &'static Region<'static>,
}

impl Processor {
    /// The address of the block, for GS.
    fn address(&self) -> VirtAddr {
        VirtAddr::new_truncate(ptr::from_ref(self).addr() as u64)
    }

    const fn new(index: usize, room: Option<Room>, memory: Range<u64>) -> Self {
        Self {
            this: Cell::new(ptr::null()),
            stack_top: 0,
            #[cfg(feature = "interrupts")]
            counts: [const { AtomicU32::new(0) }; VECTORS],
            index,
            place_told: AtomicU64::new(end::NEVER_TOLD),
            room,
            memory,
            own: Own::new(),
            #[cfg(feature = "defmt")]
            frame: RefCell::new(Frame::new()),
        }
    }
}

/// Makes this processor the first one. Called on it before anything else of this crate: before, [`current`] is not defined.
pub(crate) fn begin() {
    let first = &FIRST.0;
    first.this.set(first);
    GsBase::write(first.address());
}

/// The processor that this runs on.
#[inline]
pub(crate) fn current() -> &'static Processor {
    let this: *const Processor;
    // SAFETY: GS is the block of this processor, from its first instructions of Rust on.
    unsafe {
        asm!(
            "mov {this}, gs:[{offset}]",
            this = out(reg) this,
            offset = const offset_of!(Processor, this),
            options(nostack, readonly, preserves_flags),
        );
    }
    // SAFETY: by the invariant it is the address of the block, which lives as long as the guest.
    unsafe { &*this }
}

/// The number of the processor that this runs on.
#[inline]
pub(crate) fn index() -> usize {
    current().index
}

/// Writes the blocks of the others, each in its room, with its part of the memory.
///
/// # Safety
/// Called once, on the first processor. The rooms are mapped, and nobody uses them; the parts of the memory are nobody's.
pub(crate) unsafe fn set(rooms: &Rooms, root: u64, memory: impl Iterator<Item = Range<u64>>) {
    ROOT.store(root as u32, Ordering::Relaxed);
    for ((number, room), memory) in rooms.iter().enumerate().zip(memory) {
        let block = room.block();
        let mut processor = Processor::new(number + 1, Some(room), memory);
        processor.this.set(block);
        processor.stack_top = room.stack().end;
        // SAFETY: the page is there for this alone, is mapped, and has the room for it.
        unsafe { block.write(processor) };
        letregion_processors[number].store(block, Ordering::Relaxed);
        OTHERS.fetch_add(1, Ordering::Release);
    }
}

/// Sets what each of the others does, with memory of its own. The first one that is set stays.
///
/// # Errors
/// There is no room in `memory`.
pub(crate) fn set_program(
    memory: &'static Region<'static>,
    program: impl Fn(Other) + Sync + 'static,
) -> Result<(), Exhausted> {
    let program: &'static _ = memory.alloc(program)?;
    PROGRAM.0.get_or_init(|| program);
    Ok(())
}

/// Where a processor starts that is not the first, and in which state.
#[derive(Clone, Copy, Debug)]
pub struct Landing {
    /// The address of its first instruction, in 64-bit mode with the segments of such a processor.
    pub rip: u64,
    /// What RDI must be.
    pub rdi: u64,
    /// What CR3 must be.
    pub cr3: u64,
    /// What CR0, CR4 and EFER must be.
    pub cr0: u64,
    /// See `cr0`.
    pub cr4: u64,
    /// See `cr0`.
    pub efer: u64,
}

/// How the other processor with this number starts, from 1; `None` if there is no room for it.
pub fn landing_of(index: usize) -> Option<Landing> {
    let block = letregion_processors.get(index.checked_sub(1)?)?.load(Ordering::Acquire);
    (!block.is_null()).then(|| Landing {
        rip: landing as *const () as u64,
        rdi: block.addr() as u64,
        cr3: ROOT.load(Ordering::Relaxed).into(),
        cr0: trampoline::CR0_ON.into(),
        cr4: trampoline::CR4.into(),
        efer: trampoline::EFER_BITS.into(),
    })
}

/// The first instructions of another processor in 64-bit mode, with its block in RDI.
#[unsafe(naked)]
unsafe extern "C" fn landing() -> ! {
    naked_asm!(
        "mov rsp, [rdi + {stack}]",
        "xor ebp, ebp",
        "cld",
        "call {arrive}",
        "ud2",
        stack = const offset_of!(Processor, stack_top),
        arrive = sym arrive,
    )
}

/// Another processor, on its stack: it loads its tables, makes its pool, and runs the program.
extern "C" fn arrive(processor: &'static Processor) -> ! {
    GsBase::write(processor.address());
    if let Some(room) = &processor.room {
        // SAFETY: the tables are those of this processor, which `Rooms::write_tables` has written. Loading marks the task state
        // segment as in use, in a page that is read-only once writes are protected.
        unsafe { exceptions::load(room.descriptors().start) };
    }
    // SAFETY: only pages that are read-only for everyone are protected.
    unsafe { Cr0::update(|flags| flags.insert(Cr0Flags::WRITE_PROTECT)) };
    // SAFETY: the memory is mapped, and only this processor's.
    let (pool, memory) = unsafe { processor.own.open(processor.memory.clone()) };
    if let Some(program) = PROGRAM.0.get() {
        program(Other { index: processor.index, pool, memory });
    }
    rest()
}

/// Does nothing until the guest ends.
fn rest() -> ! {
    loop {
        x86_64::instructions::interrupts::disable();
        x86_64::instructions::hlt();
    }
}
