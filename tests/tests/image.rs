//! `cargo letregion image`: what it writes is read by the programs that it is for, or by others that know the format.
//!
//! Tests run guests in network namespaces of their own, hence a `main` of its own.

#![forbid(unsafe_code)]

#[path = "common/namespace.rs"]
mod namespace;
#[path = "common/table.rs"]
mod table;
#[path = "common/trial.rs"]
mod trial;
#[path = "common/typed.rs"]
mod typed;

// Where programs that serve are left out, these are, by the same name: they build guests.
mod kvm {
    #[path = "../image/bed.rs"]
    pub(crate) mod bed;
    #[path = "../image/engines.rs"]
    pub(crate) mod engines;
    #[path = "../image/firecracker.rs"]
    pub(crate) mod firecracker;
    #[path = "../image/libvirt.rs"]
    pub(crate) mod libvirt;
    #[path = "../image/oci.rs"]
    pub(crate) mod oci;
    #[path = "../image/refused.rs"]
    pub(crate) mod refused;
    #[path = "../image/systemd.rs"]
    pub(crate) mod systemd;
}

use std::process::ExitCode;

use table::trials;

fn main() -> ExitCode {
    namespace::run(trials! { kvm =>
        oci: skopeo_reads_and_copies_it, umoci_unpacks_what_was_built, the_same_twice;
        libvirt: both_domains_are_valid, one_image_is_for_both;
        firecracker: the_configuration_is_what_its_api_defines;
        engines: urunc_serves_and_ends, the_machine_of_libvirt_serves, the_job_of_nomad_serves;
        systemd: the_unit_is_read, its_command_serves;
        refused: what_no_format_can_carry, what_is_in_the_way;
    })
}
