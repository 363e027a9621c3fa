//! A service as a guest of KVM, in QEMU.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use lab::{
    cargo::{self, Build, Platform, Profile},
    decode::{plain, with_log, with_places},
    interrupt,
    kvm::{Accelerator, Guest, Machine, Sockets, shut_down},
};

use super::{Options, unix::on_tap};

/// The least memory of a guest, in MiB.
const LEAST_MEMORY: u32 = 2;

/// How the guest is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KvmOptions {
    /// Its memory, in MiB, if it is not what the service asks for.
    pub(crate) memory: Option<u32>,
    /// The machine of QEMU.
    pub(crate) machine: Machine,
    /// What executes it, if that is not to be found out.
    pub(crate) accelerator: Option<Accelerator>,
    /// Whether it waits for a debugger before its first instruction.
    pub(crate) waits_for_debugger: bool,
}

impl KvmOptions {
    /// What executes the guest. If it is not KVM, and nobody has asked for that, a line says why.
    fn accelerator(&self) -> Accelerator {
        let found = self.accelerator.map_or_else(Accelerator::here, |asked| (asked, None));
        if let (_, Some(why)) = &found {
            eprintln!("the processor is emulated: {why}");
        }
        found.0
    }
}

/// Builds the service and runs it in a network of its own as a guest of KVM in QEMU. The rest is as on Linux.
/// [`lab::prepare`] comes first.
///
/// # Errors
/// The request is too long for a datagram, the memory is too small, the service does not build, the network cannot be made, a
/// port of this machine cannot be had, QEMU is missing, the service does not start or does not end well, or there is no reply:
/// with the reason.
pub(crate) fn on_kvm(service: &cargo::Service, how: &KvmOptions, options: &Options) -> Result<()> {
    options.check()?;
    let memory = how.memory.map_or_else(|| service.memory(), Ok)?;
    ensure!(
        memory >= LEAST_MEMORY,
        "a guest of KVM with {memory} MiB: it is loaded above the first MiB, so {LEAST_MEMORY} are the least"
    );
    let build =
        Build { features: &options.features(), ..Build::new(Platform::Kvm, Profile::Guest) };
    let program = service.build_kept(&build)?;
    let decode = if options.logs() {
        // The first line may come before the guest serves, which is waited for.
        cargo::tool("lab-log")?;
        with_log(&program)
    } else {
        plain()
    };
    let decode = with_places(&program, decode);
    let accelerator = how.accelerator();
    // A debugger may take any time, and a guest is asked to end.
    interrupt::listen()?;
    let sockets = Sockets::new()?;
    let monitor = sockets.monitor();
    let debugger = how.waits_for_debugger.then(|| sockets.debugger());
    on_tap(
        service,
        options,
        how.machine.network(&options.args()),
        |lab, args, listener| {
            let args: Option<Vec<_>> = args.iter().map(|arg| arg.to_str()).collect();
            let args = args.context("a guest cannot be given what is not UTF-8")?;
            let guest = Guest {
                machine: how.machine,
                accelerator,
                monitor: Some(&monitor),
                debugger: debugger.as_deref(),
                ..Guest::new(&program, memory)
            };
            guest.start_decoded(lab, &args, decode, listener.show(), |socket| {
                eprintln!("{}", call_of_gdb(&program, socket));
            })
        },
        |guest| match &debugger {
            None => shut_down(guest, &monitor),
            // It may have stopped at a breakpoint.
            Some(_) => guest.stop(),
        },
    )
}

/// What to type for a debugger that the guest waits for. It stops where the program begins: before that the program is not in
/// its place, and only breakpoints of the processor are.
fn call_of_gdb(program: &Path, socket: &Path) -> String {
    format!(
        "the guest waits for a debugger. From another terminal:\n  \
           gdb -ex 'file {}' -ex 'target remote {}' -ex 'hbreak letregion_guest' -ex continue\n\
         It stops where the program begins; then, say: break main.rs:LINE, continue, backtrace",
        program.display(),
        socket.display()
    )
}
