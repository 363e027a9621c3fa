//! The machine that a program finds: a guest of Xen or of KVM.

use rt_pvh::Loader;

/// The machine that a program finds when it starts. There is only one, and it can be neither copied nor made, so a
/// program starts only one runtime.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one, which is moved once")]
pub enum Machine {
    /// Xen has started the guest.
    Xen(rt_xen::Machine),
    /// Anything else has: KVM, QEMU, or what is no host that is known.
    Kvm(rt_kvm::Machine),
}

/// Looks where the guest is, and sets up the machine as a program expects.
#[doc(hidden)]
pub fn machine(loader: Loader) -> Machine {
    match rt_xen::private::is_here() {
        true => Machine::Xen(rt_xen::private::machine(loader)),
        false => Machine::Kvm(rt_kvm::private::machine(loader)),
    }
}
