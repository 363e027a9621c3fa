//! Does what its command line says: see the library.
#![no_std]
#![no_main]

use core::{arch::asm, hint::black_box, ptr, sync::atomic::AtomicU8};

use cfg_if::cfg_if;
use guest::store::{self, Outcome};
use platform::{Error, Machine, Rt, Runtime as _, Wake, finish, print, start};
use rt_regions::{NoHeap, PAGE_SIZE, Region};

mod tables;

cfg_if! {
    if #[cfg(feature = "xen")] {
        use rt_xen as platform;
    } else if #[cfg(feature = "kvm")] {
        use rt_kvm as platform;
    }
}

/// `hashbrown` is linked with the crate `alloc`, which asks for it and never uses it.
#[global_allocator]
static HEAP: NoHeap = NoHeap;

platform::entry!(|machine| match machine.command_line.strip_prefix("runtime ") {
    Some(_) => start("guest", machine, with_runtime),
    None => finish("guest", guest(machine)),
});

/// An instruction that returns, where none is executed: as a constant and as a variable.
static CONSTANT: [u8; 1] = [0xc3];
static VARIABLE: AtomicU8 = AtomicU8::new(0xc3);

fn guest(machine: Machine) -> Result<(), Error> {
    print(format_args!("guest {}", machine.command_line));
    // Some loaders leave a space behind it.
    match machine.command_line.trim_end() {
        "memory" => {
            let pool = machine.pool;
            print(format_args!("free pages {} of {}", pool.free_pages(), pool.pages()));
        }
        "fill" => return fill(&machine),
        "end" => print(format_args!("the end is near")),
        "help" => return Err(Error::new(0, "arguments: none")),
        "refuse" => return Err(Error::new(2, "--no: unknown")),
        "break" => return Err(Error::new(1, "the device is broken")),
        "panic" => panic!("{} is not 8", black_box(7)),
        fault => return provoke(fault, machine.memory),
    }
    Ok(())
}

/// Does what is asked for with a runtime: what is said appears on the console of the domain.
fn with_runtime(rt: &mut Rt) -> Result<(), Error> {
    let what = rt.args().nth(1).unwrap_or_default();
    rt.print(format_args!("guest with a runtime: {what}"));
    #[cfg(feature = "cores")]
    {
        rt.confine()?;
        if rt.core().is_first() {
            return wait_for_the_other(rt);
        }
    }
    match what {
        "memory" => {
            let pool = rt.pool();
            rt.print(format_args!("free pages {} of {}", pool.free_pages(), pool.pages()));
        }
        "end" => rt.print(format_args!("the end is near")),
        "break" => return Err(Error::new(1, "the device is broken")),
        "refuse" => return Err(Error::new(2, "--no: unknown")),
        "panic" => panic!("{} is not 8", black_box(7)),
        "spin" => spin(rt),
        "store" => {
            let Outcome { stored, refused, found, again } = store::exercise(rt.pool())?;
            rt.print(format_args!(
                "stored {stored} keys, refused {refused}, found {found}, again {again}"
            ));
            let pool = rt.pool();
            pool.report(&mut |line| rt.print(line));
            rt.print(format_args!("still here"));
        }
        fault => return provoke(fault, rt.memory()),
    }
    Ok(())
}

/// Waits until the other processor has ended.
#[cfg(feature = "cores")]
fn wait_for_the_other(rt: &mut Rt) -> Result<(), Error> {
    while rt.core().take_requests() == 0 {
        rt.wait(&rt.bell_event(), None)?;
    }
    Ok(())
}

/// Uses all of the memory, and looks whether it is all there.
fn fill(machine: &Machine) -> Result<(), Error> {
    let region = Region::new(machine.pool, "filled");
    let mut filled = 0_u64;
    let mut pages = 0_u64;
    let mut last: Option<&[u64; PAGE_SIZE / 8]> = None;
    while let Ok(page) = region.alloc([filled; PAGE_SIZE / 8]) {
        filled += 1;
        pages += page.iter().copied().filter(|word| *word == filled - 1).count() as u64 / 512;
        if let Some(before) = last {
            assert!(before.iter().all(|word| *word == filled - 2), "page {filled} is another too");
        }
        last = Some(page);
    }
    print(format_args!("filled {pages} pages of {}", machine.pool.pages()));
    Err(Error::new(2, "out of memory"))
}

/// Computes the same again and again, until the operator ends it, and looks whether it comes to the same.
fn spin(rt: &mut Rt) {
    let root = |square: f64| (0..30).fold(square, |root, _| (root + square / root) / 2.0);
    let expected = root(2.0);
    rt.print(format_args!("spinning"));
    while rt.pending_request() != Wake::Stop {
        for _ in 0..1000 {
            assert!(root(black_box(2.0)) == expected, "something has changed a register");
        }
    }
    rt.print(format_args!("unharmed"));
}

/// Interrupts itself as often as nobody could, and looks whether its registers have what they had.
fn interrupt() {
    for number in 0..1000_u64 {
        let [mut a, mut b, mut c] = [number, !number, number << 32];
        let (mut low, mut high) = (number as f64, -(number as f64));
        // SAFETY: the handler of the exception gives back what it found.
        unsafe {
            asm!(
                "int 2",
                inout("rax") a, inout("rdi") b, inout("r15") c,
                inout("xmm0") low, inout("xmm15") high,
            );
        }
        assert_eq!([a, b, c], [number, !number, number << 32]);
        assert!(low == number as f64 && high == -(number as f64));
    }
    print(format_args!("unharmed"));
}

/// Provokes an exception.
fn provoke(fault: &str, memory: &'static Region<'static>) -> Result<(), Error> {
    match fault {
        "null" => {
            // SAFETY: none: the processor is to refuse it.
            unsafe { asm!("mov al, [{}]", in(reg) 0_usize, out("al") _) };
        }
        "call-null" => {
            // SAFETY: as above.
            unsafe { asm!("call {}", in(reg) 0_usize) };
        }
        "stack" => {
            print(format_args!("{}", deeper(0)));
        }
        "write-text" => overwrite((guest as fn(Machine) -> Result<(), Error> as *const ()).cast()),
        "write-rodata" => overwrite(CONSTANT.as_ptr()),
        "write-page-table" => overwrite(tables::pages()),
        "write-gdt" => overwrite(tables::segments()),
        "write-tss" => overwrite(tables::task_state()),
        "write-idt" => overwrite(tables::exceptions()),
        "interrupt" => {
            interrupt();
            return Ok(());
        }
        "execute-data" => execute(VARIABLE.as_ptr()),
        "execute-stack" => {
            let instruction = black_box(CONSTANT);
            execute(black_box(&instruction).as_ptr());
        }
        "execute-region" => execute(&raw const *memory.alloc(0xc3_u8)?),
        "far" => overwrite(ptr::without_provenance(1 << 39)),
        "divide" => {
            // SAFETY: as above.
            unsafe { asm!("div {0:e}", in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _) };
        }
        "opcode" => {
            // SAFETY: as above.
            unsafe { asm!("ud2") };
        }
        "protect" => {
            // SAFETY: as above: the address is not canonical.
            unsafe { asm!("mov al, [{}]", in(reg) 1_u64 << 63, out("al") _) };
        }
        "breakpoint" => {
            // SAFETY: as above.
            unsafe { asm!("int3") };
        }
        _ => return Err(Error::new(2, format_args!("{fault}: unknown"))),
    }
    print(format_args!("{fault}: nothing happened"));
    Ok(())
}

/// Calls itself without end, with something on the stack each time.
fn deeper(depth: u64) -> u64 {
    let here = black_box([depth; 32]);
    if depth == u64::MAX { 0 } else { deeper(depth + 1) + black_box(here)[7] }
}

fn overwrite(address: *const u8) {
    // SAFETY: none: the processor is to refuse it.
    unsafe { asm!("mov byte ptr [{}], 0x90", in(reg) address) };
}

fn execute(address: *const u8) {
    // SAFETY: none: the processor is to refuse it. If it does not, the code returns.
    unsafe { asm!("call {}", in(reg) address) };
}
