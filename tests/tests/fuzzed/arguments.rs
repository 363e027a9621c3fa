//! Arguments: a command line of a guest as the loader leaves it, or those of a process, one a line.

use core::{mem::MaybeUninit, net::Ipv4Addr};

use rt::Settings;
use rt_pvh::testing::{LONGEST_LINE, arguments, command_line};
use rt_regions::{Pool, Region};

/// The first byte of an input: it is a command line. Otherwise each line is an argument.
const GUEST: u8 = 1;

pub(crate) fn run(input: &[u8]) {
    let (settings, text) = input.split_first().unwrap_or((&0, &[]));
    if settings & GUEST == 0 {
        if let Ok(text) = str::from_utf8(text) {
            configured(&text.split('\n').collect::<Vec<_>>());
        }
        return;
    }
    let mut room = [0; LONGEST_LINE];
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    let Some(line) = command_line(text, &mut room) else {
        assert!(end > LONGEST_LINE || str::from_utf8(&text[..end]).is_err(), "a line was refused");
        return;
    };
    assert_eq!(line.as_bytes(), &text[..end]);
    let mut memory = [MaybeUninit::uninit(); 16 << 10];
    let pool = Pool::new(&mut memory);
    let region = Region::new(&pool, "arguments");
    let split: Option<Vec<&str>> = arguments(line, &region).ok().map(Iterator::collect);
    let expected = split_plainly(line);
    match split {
        Some(split) => {
            let words = expected.expect("a quote without its second was taken");
            let (platform, program): (Vec<_>, Vec<_>) =
                words.iter().map(|word| &**word).partition(|word| is_of_platform(word));
            assert_eq!(split, program);
            assert!(platform.len() <= 1, "{platform:?} was taken");
            assert!(split.len() <= 64, "{} arguments", split.len());
            configured(&split);
        }
        None => assert!(
            expected.is_none_or(|words| {
                let platform = words.iter().filter(|word| is_of_platform(word));
                words.len() > 64
                    || platform.count() > 1
                    || words.iter().any(|word| is_refused(word))
            }),
            "{line:?} was refused"
        ),
    }
}

/// The words of a line by the rule of the kernel of Linux: spaces separate, but between double quotes; none if a
/// quote has no second.
fn split_plainly(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None, false);
    for character in line.chars() {
        if character == '"' {
            quoted = !quoted;
            word.get_or_insert_with(String::new);
        } else if character.is_ascii_whitespace() && !quoted {
            words.extend(word.take());
        } else {
            word.get_or_insert_with(String::new).push(character);
        }
    }
    words.extend(word);
    (!quoted).then_some(words)
}

/// Whether it is for the platform, which takes it out, once.
fn is_of_platform(word: &str) -> bool {
    ["--entropy=strong", "--entropy=any"].contains(&word)
}

/// Whether it means nothing on Xen, or says nothing.
fn is_refused(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or_default();
    ["--memory", "--pcap", "--profile", "--profile-every"].contains(&name)
        || (name == "--entropy" && !is_of_platform(word))
}

/// What is read of the arguments is what they say, and can work.
fn configured(args: &[&str]) {
    let settings = match Settings::from_args(args.iter().copied()) {
        Ok(settings) => settings,
        Err(error) => {
            let message = error.message();
            assert!(!message.is_empty() && matches!(error.status(), 0 | 2));
            assert!(error.status() == 0 || !message.contains(char::is_control), "{message:?}");
            return;
        }
    };
    // Each value, by the name before it; a name is there once.
    let mut said: Vec<(&str, &str)> = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let (name, value) = match arg.split_once('=') {
            Some(pair) => pair,
            None if *arg == "--probe" => (*arg, ""),
            None => (*arg, *rest.next().expect("it has a value")),
        };
        assert!(said.iter().all(|(other, _)| *other != name), "{name} is there twice");
        said.push((name, value));
    }
    let value = |name| said.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
    let host = |address: Ipv4Addr| {
        let [first, ..] = address.octets();
        assert!(!matches!(first, 0 | 127 | 224..), "{address} is no host");
    };
    let ipv4 = settings.ipv4;
    host(ipv4.address());
    assert!(ipv4.is_neighbour(ipv4.address()), "{ipv4}");
    // There is one spelling of an address, a prefix and a port.
    assert_eq!(ipv4.to_string(), value("--ipv4").unwrap_or("10.0.0.2/24"));
    assert_eq!(
        settings.tower.gateway.map(|gateway| gateway.to_string()).as_deref(),
        value("--ipv4-gateway")
    );
    if let Some(gateway) = settings.tower.gateway {
        host(gateway);
        assert!(gateway != ipv4.address() && ipv4.broadcast() != Some(gateway));
        assert!(ipv4.network() != Some(gateway));
    }
    assert_eq!(
        settings.tower.counters_port.map(|port| port.to_string()).as_deref(),
        value("--stats-port")
    );
    assert!(settings.tower.counters_port != Some(0));
    assert_eq!(settings.interface, value("--interface"));
    assert!(settings.interface != Some(""));
    let mac = value("--mac").map(str::to_ascii_lowercase);
    assert_eq!(settings.mac.map(|mac| mac.to_string()), mac);
    assert!(settings.mac.is_none_or(netif::MacAddr::is_station));
    assert_eq!(settings.tower.probe_at_start, value("--probe").is_some());
    assert_eq!(settings.offloads, value("--offloads") == Some("on"));
    assert_eq!(settings.tower.log.unwrap_or_default(), value("--log").unwrap_or_default());
    assert!(value("--stats-from").is_none() || value("--stats-port").is_some());
}
