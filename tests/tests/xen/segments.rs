//! TCP segments beyond the MTU between a guest and the Linux of dom0, through netback.

use std::{fs, time::Duration};

use lab::{
    cargo,
    xen::{Ended, Machine, Settings, Vif},
};

use super::support::{machine, requests, serving};

/// How long the bytes may take to the guest and back: everything is emulated.
const TRANSFER_WITHIN: Duration = Duration::from_secs(120);
/// How many bytes go to the guest and back. They fit the send buffer of dom0's end, whose `nc` does not read while it
/// writes.
const BYTES: usize = 2 << 20;
/// The longest frame of an MTU of 1500 bytes.
const FRAME: u64 = 1518;

/// Has dom0 find the guest over IPv6, too.
const ADDRESS: &str = "\
    cd /proc/sys/net/ipv6/conf/xenbr0
    echo 0 >accept_dad; echo 0 >disable_ipv6
    ip -6 addr show dev xenbr0 | grep -q fd00::1 || ip -6 addr add fd00::1/64 dev xenbr0";

/// Sends the file to the guest, and what comes back to another one; says how long it took.
const TRANSFER: &str = "\
    echo '4096 8388608 8388608' >/proc/sys/net/ipv4/tcp_wmem
    head -c BYTES /dev/urandom >/tmp/sent
    time nc GUEST 8080 </tmp/sent >/tmp/received
    cmp /tmp/sent /tmp/received && wc -c </tmp/received
    rm /tmp/sent /tmp/received";

/// The value of a counter of the interface, asked for over the network.
fn counter(machine: &Machine, name: &str) -> u64 {
    let name = format!("eth0.netfront.{name}");
    let (_, text) = machine.ask(&requests(9100, 1, 1), name.as_bytes(), None).expect("dom0 asks");
    let text = String::from_utf8_lossy(&text);
    let value = text.lines().find_map(|line| line.strip_prefix(&name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no counter {name} in {text:?}"))
}

pub(crate) fn go_both_ways_in_one_piece() {
    let images = cargo::build_xen(&["echo"], &["tcp", "ipv6"]).expect("echo builds");
    let image = fs::read(&images["echo"]).expect("the image can be read");
    let machine = machine();
    machine.run_within("sh", &["-c", ADDRESS], TRANSFER_WITHIN).unwrap();
    for (offloads, guest) in
        [("on", "10.0.0.2"), ("on", "fd00::2"), ("off", "10.0.0.2"), ("off", "fd00::2")]
    {
        let settings = Settings {
            name: "echo",
            kernel: &image,
            ramdisk: None,
            command_line: &format!(
                "--ipv4=10.0.0.2/24 --ipv6=fd00::2/64 --stats-port=9100 --tcp --offloads={offloads}"
            ),
            memory: 16,
            vif: Some(Vif::default()),
            restart: false,
            more: "",
        };
        let domain = serving(&machine, &settings);
        let script = TRANSFER.replace("BYTES", &BYTES.to_string()).replace("GUEST", guest);
        let ran = machine.run_within("sh", &["-c", &script], TRANSFER_WITHIN).unwrap();
        assert_eq!(ran.stdout.trim(), BYTES.to_string(), "{ran:?}");
        let way = |frames, bytes| {
            let (frames, bytes) = (counter(&machine, frames), counter(&machine, bytes));
            assert!(bytes >= BYTES as u64);
            (frames, bytes / frames)
        };
        let (rx, tx) = (way("frames_rx", "bytes_rx"), way("frames_tx", "bytes_tx"));
        println!(
            "{guest}, offloads {offloads}: {} and {} frames, {} and {} bytes each; {}",
            rx.0,
            tx.0,
            rx.1,
            tx.1,
            ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
        );
        for (_, length) in [rx, tx] {
            assert_eq!(length > FRAME, offloads == "on", "{length} bytes in a frame");
        }
        for name in ["backend_violations", "tx_refused", "tx_bad_length", "rx_too_long"] {
            assert_eq!(counter(&machine, name), 0, "{name}");
        }
        assert_eq!(domain.shutdown().unwrap(), Ended::Poweroff);
        assert_eq!(machine.leftovers().unwrap(), [""; 0]);
    }
}
