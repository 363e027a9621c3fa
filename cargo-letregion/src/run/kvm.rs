//! A service as a guest of KVM, on QEMU's microvm.

use anyhow::{Context as _, Result, ensure};
use lab::{
    cargo::{self, Build, Platform, Profile},
    kvm::Guest,
};

use super::{Options, unix::on_tap};

/// Builds the service and runs it in a network of its own as a guest of QEMU's microvm, with so much memory in MiB, or what
/// the service asks for. The rest is as on Linux. [`lab::prepare`] comes first.
///
/// # Errors
/// The request is too long for a datagram, the service does not build, the network cannot be made, a port of this
/// machine cannot be had, QEMU is missing, the service does not start, or there is no reply: with the reason. What a guest
/// of KVM cannot do is asked for: counters at its end, and a log in words.
pub(crate) fn on_kvm(
    service: &cargo::Service,
    memory: Option<u32>,
    options: &Options,
) -> Result<()> {
    options.check()?;
    ensure!(
        !options.counters,
        "--counters is not for --on kvm: nobody can ask a guest of KVM to end; ask for them with --stats-port: \
         -- --stats-port=9000"
    );
    ensure!(!options.logs(), "--log is not for --on kvm: nothing puts the log into words yet");
    let memory = memory.map_or_else(|| service.memory(), Ok)?;
    let program = service.build(&Build::new(Platform::Kvm, Profile::Guest))?;
    on_tap(service, options, |lab, args, listener| {
        let args: Option<Vec<_>> = args.iter().map(|arg| arg.to_str()).collect();
        let args = args.context("a guest cannot be given what is not UTF-8")?;
        // With ACPI tables, so that a guest which ends turns the machine off.
        Guest { image: &program, memory, acpi: true, monitor: None }.start(
            lab,
            &args,
            listener.show(),
        )
    })
}
