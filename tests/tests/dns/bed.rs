//! What the tests share: the service, and programs that ask it.

use lab::{Lab, Network, Service, tools::Tool};

use crate::{
    program::program,
    tool::{command, find},
};

/// Where the service is.
pub(crate) const ADDRESS: &str = "10.0.0.2";
/// The port of the counters.
const STATS_PORT: u16 = 9100;

pub(crate) const DIG: Tool = Tool { name: "dig", package: "bind9-dnsutils" };

/// Calls `test` with the service in a network of its own, which then has to end well. From there no package can be fetched.
pub(crate) fn with_dns(tools: &[Tool], args: &[&str], test: impl FnOnce(&Lab) + Send) {
    tools.iter().for_each(|tool| drop(find(tool)));
    let program = program("dns", &[]);
    let stats = format!("--stats-port={STATS_PORT}");
    let run = |lab: &Lab| {
        let args = args.iter().copied().chain([&*stats]);
        let service =
            Service::start(lab, &program, args, |_| ()).unwrap_or_else(|e| panic!("{e:#}"));
        test(lab);
        let (status, lines) = service.stop().unwrap_or_else(|error| panic!("{error:#}"));
        assert!(status.success(), "{status}: {lines:#?}");
    };
    lab::in_namespace(Network::default(), run).unwrap_or_else(|error| panic!("{error:#}"));
}

/// What `dig` says of these arguments, a row of words. It asks the service unless they name another server.
pub(crate) fn dig(args: &str) -> String {
    let mut command = command(&DIG);
    if !args.contains('@') {
        command.arg(format!("@{ADDRESS}"));
    }
    command.args(["-r", "+tries=1", "+time=5"]).args(args.split(' '));
    let output = command.output().expect("dig can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "dig {args}: {}: {text}", output.status);
    text
}

/// The records that `dig` says, each with single spaces.
pub(crate) fn records(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with(';'));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// A counter of the service.
pub(crate) fn counter(lab: &Lab, name: &str) -> u64 {
    let socket = lab.connect(STATS_PORT).expect("a socket can be opened");
    socket.set_read_timeout(Some(std::time::Duration::from_secs(10))).expect("it can be set");
    socket.send(name.as_bytes()).expect("a request can be sent");
    let mut reply = vec![0; 1 << 16];
    let length = socket.recv(&mut reply).expect("the service tells");
    let text = String::from_utf8_lossy(&reply[..length]).into_owned();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("there is no counter {name} in {text:?}"))
}
