//! The log of a guest: what its layers say they do, in words.

use std::{fs, time::Duration};

use lab::{
    cargo,
    xen::{Domain, Ended, Settings, Vif, with_log},
};

use super::support::{PORT, machine, requests};

/// How long a line may take, on a busy machine too.
const WITHIN: Duration = Duration::from_secs(60);
const REQUEST: &[u8] = b"hello";

pub(crate) fn says_in_words_what_the_layers_do() {
    let machine = machine();
    let images = cargo::build_xen(&["echo"], &["log"]).expect("it builds with its log");
    let kernel = fs::read(&images["echo"]).expect("the image can be read");
    let settings = Settings {
        name: "echo",
        kernel: &kernel,
        ramdisk: None,
        command_line: "--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1 --log=all",
        memory: 2,
        vif: Some(Vif::default()),
        restart: false,
        more: "",
    };
    let domain = Domain::create(&machine, &settings, with_log(&images["echo"]), |_| ())
        .unwrap_or_else(|error| panic!("{error:#}"));
    let wait = |wanted: &dyn Fn(&str) -> bool| {
        domain.wait_for_line(0, WITHIN, wanted).unwrap_or_else(|error| panic!("{error:#}"))
    };
    wait(&lab::is_serving);
    // dom0 has to ask for the address first.
    machine.succeed("ip", &["neigh", "flush", "dev", "xenbr0"]).unwrap();
    let (asked, _) = machine.ask(&requests(PORT, 1, 1), REQUEST, Some(REQUEST)).unwrap();
    assert_eq!(asked.equal, 1, "{asked:?}");

    // The header of the request and of its reply, each with 8 bytes for itself.
    let received = wait(&|line| words(line).starts_with("udp: received "));
    let ports = words(&received).strip_prefix("udp: received ").unwrap();
    let (from, rest) = ports.split_once(" > ").unwrap();
    assert_eq!(rest, "8080, length 13", "{received}");
    wait(&|line| words(line) == format!("udp: sends 8080 > {from}, length 13"));
    wait(&|line| words(line).starts_with("ipv4: received 10.0.0.1 > 10.0.0.2 udp, 33 bytes, "));
    wait(&|line| words(line).starts_with("ethernet: received "));
    let asks = |line: &str| {
        line.starts_with("arp: received: 10.0.0.1 (") && line.ends_with(") asks for 10.0.0.2")
    };
    wait(&|line| asks(words(line)));
    wait(&|line| words(line).starts_with("arp: sent: 10.0.0.2 is at "));

    // Everything was put into words, in the order in which it happened, and no line was lost.
    let lines = domain.console().lines();
    let text = lines.join("\n");
    for unwanted in ["#log", "no log", "lines lost", "left out"] {
        assert!(!text.contains(unwanted), "{unwanted}:\n{text}");
    }
    let times: Vec<f64> = lines.iter().filter_map(|line| time(line)).collect();
    assert!(times.len() >= 8 && times.is_sorted(), "{text}");

    let ended = domain.shutdown().unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(ended, Ended::Poweroff);
}

/// A line of the log without its time, other lines as they are.
fn words(line: &str) -> &str {
    match time(line) {
        Some(_) => line.split_once(' ').map_or("", |(_, words)| words),
        None => line,
    }
}

/// The time of a line of the log in seconds: `12.000345 arp: …`.
fn time(line: &str) -> Option<f64> {
    let (time, _) = line.split_once(' ')?;
    let (_, micros) = time.split_once('.')?;
    if micros.len() == 6 { time.parse().ok() } else { None }
}
