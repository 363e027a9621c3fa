//! What executes the instructions of a guest.

use std::{
    fs::{self, OpenOptions},
    io::ErrorKind,
    path::Path,
};

/// The device of KVM.
const DEVICE: &str = "/dev/kvm";
/// The flags of processors that can run guests, and the modules of Linux that have them do so.
const HARDWARE: [(&str, &str); 2] = [("vmx", "kvm_intel"), ("svm", "kvm_amd")];

/// What executes the instructions of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor of this machine, by KVM.
    Kvm,
    /// QEMU, which emulates one.
    Tcg,
}

impl Accelerator {
    /// KVM, where the processor runs guests; where it does not, the emulation, and why.
    ///
    /// It is a KVM without a processor that does (`kvm_pvm`, say) that nobody should take a guest to: it has no SSE, which
    /// CPUID does not show, and QEMU stops the guest with an internal error.
    pub fn here() -> (Self, Option<String>) {
        let is_loaded = |module: &str| Path::new("/sys/module").join(module).is_dir();
        let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let opened = OpenOptions::new().read(true).write(true).open(DEVICE);
        match missing(opened.err().map(|error| error.kind()), &flags, is_loaded) {
            None => (Self::Kvm, None),
            why => (Self::Tcg, why),
        }
    }

    /// The arguments of QEMU for it. Whichever it is, a guest finds random numbers of the processor, if there are any.
    pub(super) fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            // QEMU leaves the random numbers out by default.
            Self::Tcg => ["-accel", "tcg", "-cpu", "qemu64,+rdrand"],
        }
    }
}

/// Why KVM cannot be used, with what came of opening its device, with `/proc/cpuinfo` and the modules of Linux.
fn missing(
    refused: Option<ErrorKind>,
    cpuinfo: &str,
    is_loaded: impl Fn(&str) -> bool,
) -> Option<String> {
    match refused {
        None => {}
        Some(ErrorKind::NotFound) => return Some(format!("there is no {DEVICE}")),
        Some(ErrorKind::PermissionDenied) => {
            return Some(format!(
                "no permission to open {DEVICE}; as root: usermod --append --groups kvm USER, then log in again"
            ));
        }
        Some(kind) => return Some(format!("cannot open {DEVICE}: {kind}")),
    }
    let has = |flag: &str| {
        let mut lines = cpuinfo.lines().filter(|line| line.starts_with("flags"));
        lines.any(|line| line.split_ascii_whitespace().any(|word| word == flag))
    };
    let is_real = HARDWARE.into_iter().any(|(flag, module)| has(flag) && is_loaded(module));
    (!is_real).then(|| format!("{DEVICE} is not that of a processor with VT-x or AMD-V"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kvm_is_taken_where_the_processor_runs_guests() {
        let intel = "processor\t: 0\nflags\t\t: fpu vmx sse2\n";
        let amd = "flags\t\t: fpu svm sse2\n";
        let other = "model name\t: vmx svm\nflags\t\t: fpu sse2 vmx_x\n";
        let (on_intel, on_amd) = (|name: &str| name == "kvm_intel", |name: &str| name == "kvm_amd");
        assert_eq!(missing(None, intel, on_intel), None);
        assert_eq!(missing(None, amd, on_amd), None);
        for (cpuinfo, module) in
            [(intel, "kvm_amd"), (amd, "kvm_pvm"), (other, "kvm_intel"), ("", "kvm_amd")]
        {
            let why = missing(None, cpuinfo, |name| name == module).unwrap();
            assert!(why.ends_with("not that of a processor with VT-x or AMD-V"), "{why}");
        }
    }

    #[test]
    fn a_device_that_cannot_be_opened_is_said() {
        for (kind, words) in [
            (ErrorKind::NotFound, "there is no /dev/kvm"),
            (ErrorKind::PermissionDenied, "no permission to open /dev/kvm; as root: usermod"),
            (ErrorKind::ResourceBusy, "cannot open /dev/kvm: resource busy"),
        ] {
            let why = missing(Some(kind), "flags : vmx", |_| true).unwrap();
            assert!(why.starts_with(words), "{why}");
        }
    }
}
