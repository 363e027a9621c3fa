//! The configuration for Firecracker, beside its API definition.

use std::collections::BTreeSet;

use serde_json::Value;

use super::bed::{ARGUMENTS, all, read};

/// The kind of a value.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    /// From the first number to the second.
    Number(u64, u64),
    Truth,
}

/// A field: its name, its kind, and whether it has to be there.
type Field = (&'static str, Kind, bool);

// The definitions of version 1.17's `firecracker.yaml`, as far as they are of this use. Firecracker refuses a field that it does
// not know.
const BOOT_SOURCE: &[Field] = &[
    ("kernel_image_path", Kind::Text, true),
    ("boot_args", Kind::Text, false),
    ("initrd_path", Kind::Text, false),
];
const MACHINE: &[Field] = &[
    ("vcpu_count", Kind::Number(1, 32), true),
    ("mem_size_mib", Kind::Number(1, u64::MAX), true),
    ("smt", Kind::Truth, false),
    ("track_dirty_pages", Kind::Truth, false),
    ("huge_pages", Kind::Text, false),
    ("cpu_template", Kind::Text, false),
];
const INTERFACE: &[Field] = &[
    ("iface_id", Kind::Text, true),
    ("host_dev_name", Kind::Text, true),
    ("guest_mac", Kind::Text, false),
    ("mtu", Kind::Number(68, 65_535), false),
];
/// The parts of a configuration without which Firecracker does not read it (`VmmConfig` in `src/vmm/src/resources.rs`).
const PARTS: [&str; 4] = ["boot-source", "drives", "machine-config", "network-interfaces"];

fn check(value: &Value, fields: &[Field]) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    for (name, value) in object {
        let field = fields.iter().find(|(known, ..)| known == name);
        let (_, kind, _) = field.unwrap_or_else(|| panic!("it knows no {name}"));
        let is_right = match kind {
            Kind::Text => value.is_string(),
            Kind::Number(least, most) => {
                value.as_u64().is_some_and(|number| (*least..=*most).contains(&number))
            }
            Kind::Truth => value.is_boolean(),
        };
        assert!(is_right, "{name}: {value}: {kind:?} was expected");
    }
    for (name, _, is_required) in fields {
        assert!(!is_required || object.contains_key(*name), "no {name} in {value}");
    }
}

pub(crate) fn the_configuration_is_what_its_api_defines() {
    let text = read("echo-firecracker.json");
    let configuration: Value = serde_json::from_str(&text).expect("it is JSON");
    let parts: BTreeSet<_> = configuration.as_object().expect("an object").keys().collect();
    assert!(parts.iter().eq(PARTS.iter()), "{parts:?}");
    check(&configuration["boot-source"], BOOT_SOURCE);
    check(&configuration["machine-config"], MACHINE);
    assert_eq!(configuration["drives"], serde_json::json!([]));
    let interfaces = configuration["network-interfaces"].as_array().expect("a list");
    assert_eq!(interfaces.len(), 1);
    check(&interfaces[0], INTERFACE);

    let source = &configuration["boot-source"];
    assert_eq!(source["boot_args"], ARGUMENTS.join(" "));
    let path = source["kernel_image_path"].as_str().expect("a text");
    assert_eq!(path, all().canonicalize().expect("it is there").join("echo-kvm").to_str().unwrap());
    assert_eq!(interfaces[0]["host_dev_name"], "tap0");
}
