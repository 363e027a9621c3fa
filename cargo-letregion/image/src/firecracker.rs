//! What Firecracker reads with `--config-file`: its API definition, `FullVmConfiguration`
//! (`src/firecracker/swagger/firecracker.yaml` in its repository).

use anyhow::{Result, ensure};
use serde_json::json;

use super::guest::Guest;

/// The configuration of a guest, on a TAP device.
///
/// # Errors
/// An argument is one that Firecracker writes into no command line.
pub(super) fn configuration(guest: &Guest) -> Result<String> {
    let line = guest.line.text();
    ensure!(
        line.is_ascii(),
        "Firecracker takes a command line of ASCII characters alone, and not: {line}"
    );
    let configuration = json!({
        "boot-source": {
            "kernel_image_path": guest.image,
            // Given even if it is empty: without it, Firecracker has a line of its own, for Linux.
            "boot_args": line,
        },
        "machine-config": { "vcpu_count": 1, "mem_size_mib": guest.memory },
        // It has to be there.
        "drives": [],
        "network-interfaces": [{
            "iface_id": "net0",
            "host_dev_name": guest.tap,
            "guest_mac": guest.mac().to_string(),
        }],
    });
    Ok(format!("{configuration:#}\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{super::guest::tests::guest, *};

    #[test]
    fn the_configuration_is_what_the_api_asks_for() {
        let guest = Guest {
            image: "/srv/\"guests\" \\é/echo-kvm".into(),
            ..guest(&["--ipv4=10.0.0.2/24", "--mac=02:00:0a:00:00:02", "--a=b c\\"])
        };
        let read: Value = serde_json::from_str(&configuration(&guest).unwrap()).unwrap();
        assert_eq!(
            read,
            json!({
                "boot-source": {
                    "kernel_image_path": "/srv/\"guests\" \\é/echo-kvm",
                    "boot_args": "--ipv4=10.0.0.2/24 --mac=02:00:0a:00:00:02 \"--a=b c\\\"",
                },
                "machine-config": { "vcpu_count": 1, "mem_size_mib": 4 },
                "drives": [],
                "network-interfaces": [{
                    "iface_id": "net0",
                    "host_dev_name": "tap0",
                    "guest_mac": "02:00:0a:00:00:02",
                }],
            })
        );
    }

    #[test]
    fn what_it_cannot_write_is_refused() {
        let error = configuration(&guest(&["--greeting=ü"])).unwrap_err().to_string();
        assert!(error.contains("ASCII characters alone, and not: --greeting=ü"), "{error}");
        assert!(configuration(&guest(&[])).unwrap().contains("\"boot_args\": \"\""));
    }
}
