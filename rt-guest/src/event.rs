//! What a runtime waits for.

/// The event of an interface, on one of the hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// On Xen.
    Xen(rt_xen::Event),
    /// On KVM.
    Kvm(rt_kvm::Event),
}
