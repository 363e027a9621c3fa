//! A service on two cores, and a peer with many flows.

use ::lab::{Lab, Network, Service};

use crate::{program::program, report};

pub(crate) const FEATURES: &[&str] = &["cores", "dhcp", "ipv6", "tcp"];

/// Calls `test` with a service on two cores, which has these arguments besides.
pub(crate) fn with(app: &str, args: &[&str], test: impl FnOnce(&Lab, Service<'_>) + Send) {
    let features = if app == "echo" { FEATURES } else { &["cores"] };
    let program = program(app, features);
    let network = Network { queues: true, ..Network::default() };
    ::lab::in_namespace(network, |lab| {
        let args = [&["--cores=2"], args].concat();
        let service = Service::start(lab, &program, &args, |_| ());
        test(lab, service.unwrap_or_else(|error| panic!("{error:#}")));
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}

/// The lines of the report, when the service has ended.
pub(crate) struct Report(pub(crate) Vec<String>);

impl Report {
    /// Ends the service, which reports then.
    pub(crate) fn of(service: Service<'_>) -> Self {
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
        let at = lines.iter().rposition(|line| line.starts_with("core0.busy_ms")).unwrap_or(0);
        Self(lines[at..].to_vec())
    }

    /// The number that a line begins with this name; 0 if there is none.
    pub(crate) fn number(&self, name: &str) -> u64 {
        report::number(&self.0, name)
    }
}
