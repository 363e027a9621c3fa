//! What is made for which hypervisor.

use anyhow::{Result, ensure};
use clap::ValueEnum;

use super::{Hypervisor, On};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum To {
    /// An OCI image for urunc, which containerd and Kubernetes start: a folder and an archive
    Oci,
    /// A domain file for libvirt
    Libvirt,
    /// A configuration for Firecracker
    Firecracker,
    /// A domain file for xl of Xen
    Xl,
    /// A unit for systemd, which runs QEMU
    Systemd,
    /// All that the hypervisor has
    All,
}

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Oci,
    Libvirt,
    Firecracker,
    Xl,
    Systemd,
}

const ALL: [Format; 5] =
    [Format::Oci, Format::Libvirt, Format::Firecracker, Format::Systemd, Format::Xl];

impl Format {
    /// The hypervisors that it can be for, the usual one first.
    fn hypervisors(self) -> &'static [Hypervisor] {
        match self {
            Self::Oci | Self::Firecracker | Self::Systemd => &[Hypervisor::Kvm],
            Self::Libvirt => &[Hypervisor::Kvm, Hypervisor::Xen],
            Self::Xl => &[Hypervisor::Xen],
        }
    }

    /// As it is typed.
    fn name(self) -> &'static str {
        match self {
            Self::Oci => "oci",
            Self::Libvirt => "libvirt",
            Self::Firecracker => "firecracker",
            Self::Xl => "xl",
            Self::Systemd => "systemd",
        }
    }
}

/// What is made for what was asked for, once each, and for which hypervisors: those that were asked for, or the usual one.
///
/// # Errors
/// A format is for none of them.
pub(super) fn plan(to: &[To], on: Option<On>) -> Result<Vec<(Format, Hypervisor)>> {
    let mut plan = Vec::new();
    for to in to {
        let asked = match to {
            To::Oci => Format::Oci,
            To::Libvirt => Format::Libvirt,
            To::Firecracker => Format::Firecracker,
            To::Xl => Format::Xl,
            To::Systemd => Format::Systemd,
            To::All => {
                plan.extend(ALL.into_iter().flat_map(|format| possible(format, on)));
                continue;
            }
        };
        let before = plan.len();
        plan.extend(possible(asked, on));
        ensure!(
            plan.len() > before,
            "--to {} is not for --on {}: it starts guests of {} alone",
            asked.name(),
            on.map_or("", On::name),
            asked.hypervisors()[0].name(),
        );
    }
    let mut seen = Vec::new();
    plan.retain(|one| {
        !seen.contains(one) && {
            seen.push(*one);
            true
        }
    });
    Ok(plan)
}

/// A format with each hypervisor that was asked for, of those that it can be for; if none was asked for, with the usual one.
fn possible(format: Format, on: Option<On>) -> impl Iterator<Item = (Format, Hypervisor)> {
    let hypervisors = format.hypervisors();
    let asked = on.map_or(&hypervisors[..1], On::hypervisors);
    let both = hypervisors.iter().filter(|hypervisor| asked.contains(hypervisor));
    both.map(move |hypervisor| (format, *hypervisor))
}

#[cfg(test)]
mod tests {
    use super::{Format::*, Hypervisor::*, *};

    #[test]
    fn each_engine_has_its_hypervisor() {
        let planned = |to: &[To], on| plan(to, on).unwrap();
        assert_eq!(
            planned(&[To::Xl, To::Oci, To::Xl], None),
            [(Xl, Xen), (Oci, Kvm)],
            "each once, in the order in which they were typed"
        );
        assert_eq!(planned(&[To::Libvirt], None), [(Libvirt, Kvm)]);
        assert_eq!(planned(&[To::Libvirt], Some(On::Xen)), [(Libvirt, Xen)]);
        assert_eq!(
            planned(&[To::All], None),
            [(Oci, Kvm), (Libvirt, Kvm), (Firecracker, Kvm), (Systemd, Kvm), (Xl, Xen)]
        );
        assert_eq!(planned(&[To::All, To::Libvirt], Some(On::Xen)), [(Libvirt, Xen), (Xl, Xen)]);
        assert_eq!(
            planned(&[To::Libvirt, To::Xl, To::Oci], Some(On::Guest)),
            [(Libvirt, Kvm), (Libvirt, Xen), (Xl, Xen), (Oci, Kvm)],
            "one image for both, with the files of each"
        );
    }

    #[test]
    fn what_an_engine_cannot_start_is_said() {
        for (to, on, words) in [
            (To::Xl, On::Kvm, "--to xl is not for --on kvm: it starts guests of xen alone"),
            (To::Oci, On::Xen, "--to oci is not for --on xen: it starts guests of kvm alone"),
            (To::Systemd, On::Xen, "--to systemd is not for --on xen"),
            (To::Firecracker, On::Xen, "--to firecracker is not for --on xen"),
        ] {
            let error = plan(&[to], Some(on)).unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}");
        }
    }
}
