//! The domain files of libvirt (<https://libvirt.org/formatdomain.html>).

use super::{Hypervisor, guest::Guest};

/// The file of a guest, on a bridge.
pub(super) fn domain(guest: &Guest, hypervisor: Hypervisor) -> String {
    match hypervisor {
        Hypervisor::Kvm => kvm(guest),
        Hypervisor::Xen => xen(guest),
    }
}

/// One of KVM: QEMU's q35, of which libvirt knows how a kernel is started.
fn kvm(guest: &Guest) -> String {
    format!(
        "{head}
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{image}</kernel>
    <cmdline>{line}</cmdline>
  </os>
  <features>
    <acpi/>
  </features>
  <cpu mode='host-passthrough'/>
  <!-- So virsh shutdown ends it. It also turns its machine off if it crashes: restart would start it again, in both cases. -->
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>restart</on_crash>
  <devices>
    <interface type='bridge'>
      <mac address='{mac}'/>
      <source bridge='{bridge}'/>
      <model type='virtio'/>
    </interface>
    <serial type='pty'>
      <target port='0'/>
    </serial>
    <console type='pty'>
      <target type='serial' port='0'/>
    </console>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
",
        head = head(guest, "kvm"),
        image = escaped(&guest.image),
        line = escaped(&guest.line.text()),
        mac = guest.mac(),
        bridge = escaped(&guest.bridge),
    )
}

/// One of Xen, of the type PVH.
fn xen(guest: &Guest) -> String {
    format!(
        "{head}
  <os>
    <type arch='x86_64' machine='xenpvh'>xenpvh</type>
    <kernel>{image}</kernel>
    <cmdline>{line}</cmdline>
  </os>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>restart</on_crash>
  <devices>
    <interface type='bridge'>
      <mac address='{mac}'/>
      <source bridge='{bridge}'/>
    </interface>
    <console type='pty'>
      <target type='xen' port='0'/>
    </console>
  </devices>
</domain>
",
        head = head(guest, "xen"),
        image = escaped(&guest.image),
        line = escaped(&guest.line.text()),
        mac = guest.mac(),
        bridge = escaped(&guest.bridge),
    )
}

/// What both begin with.
fn head(guest: &Guest, kind: &str) -> String {
    format!(
        "<domain type='{kind}'>
  <name>{name}</name>
  <memory unit='MiB'>{memory}</memory>
  <vcpu>1</vcpu>",
        name = escaped(&guest.name),
        memory = guest.memory,
    )
}

/// A text as XML has it, in an element or in an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{super::guest::tests::guest, *};

    #[test]
    fn both_say_what_is_started_and_how() {
        let guest = guest(&["--ipv4=10.0.0.2/24", "--mac=02:00:0a:00:00:02", "--greeting=<a & b>"]);
        let line = "<cmdline>--ipv4=10.0.0.2/24 --mac=02:00:0a:00:00:02 &quot;--greeting=&lt;a &amp; b&gt;&quot;</cmdline>";
        for (hypervisor, words) in [
            (
                Hypervisor::Kvm,
                ["<domain type='kvm'>", "machine='q35'>hvm<", "<model type='virtio'/>"],
            ),
            (Hypervisor::Xen, ["<domain type='xen'>", ">xenpvh<", "<target type='xen' port='0'/>"]),
        ] {
            let file = domain(&guest, hypervisor);
            let common = [
                line,
                "<name>echo</name>",
                "<memory unit='MiB'>4</memory>",
                "<kernel>/srv/guests/echo-kvm</kernel>",
                "<mac address='02:00:0a:00:00:02'/>",
                "<source bridge='br0'/>",
            ];
            for words in words.iter().chain(&common) {
                assert!(file.contains(words), "no {words} in:\n{file}");
            }
        }
    }

    #[test]
    fn what_is_markup_is_escaped() {
        assert_eq!(escaped("a<b>&'\"é"), "a&lt;b&gt;&amp;&apos;&quot;é");
    }
}
