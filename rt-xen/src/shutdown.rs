//! The requests of the host's operator to the guest through xenstore: `xl shutdown`, `xl reboot`, `xl sysrq`
//! (`docs/misc/xenstore-paths` of Xen: `~/control`).

use core::{cell::Cell, fmt};

use rt::Wake;
use rt_pvh::Shutdown;

use crate::{Errno, StoreError, Watch, events::Peer, xenstore::Client};

/// The path of requests to end.
const SHUTDOWN: &str = "control/shutdown";
/// The path of keys.
const SYSRQ: &str = "control/sysrq";

/// The receiver of the operator's requests.
#[derive(Debug)]
pub(crate) struct Control {
    shutdown: Watch,
    sysrq: Watch,
    /// How the domain ends.
    reason: Cell<Shutdown>,
}

impl Control {
    /// Starts to listen, and writes to xenstore which requests are supported.
    pub(crate) fn new<P: Peer>(store: &Client<'_, P>) -> Result<Self, StoreError> {
        for (feature, can) in &[("poweroff", "1"), ("reboot", "1"), ("suspend", "0")] {
            match store.write(format_args!("control/feature-{feature}"), format_args!("{can}")) {
                // Not every toolstack has these paths or lets us write them.
                Ok(()) | Err(StoreError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self {
            shutdown: store.watch(format_args!("{SHUTDOWN}"))?,
            sysrq: store.watch(format_args!("{SYSRQ}"))?,
            reason: Cell::default(),
        })
    }

    /// How the domain ends when the program does.
    pub(crate) fn reason(&self) -> Shutdown {
        self.reason.get()
    }

    /// Whether a request may have come since [`pending_request`](Self::pending_request) was last called, as far as
    /// messages were read.
    #[inline]
    pub(crate) fn is_asked<P: Peer>(&self, store: &Client<'_, P>) -> bool {
        store.has_fired(&self.shutdown) || store.has_fired(&self.sysrq)
    }

    /// The request since the last call: an end comes before statistics. A request that is not supported is reported to
    /// `print`.
    pub(crate) fn pending_request<P: Peer>(
        &self,
        store: &Client<'_, P>,
        print: impl FnMut(fmt::Arguments<'_>),
    ) -> Wake {
        store.listen();
        let (shutdown, sysrq) = (store.fired(&self.shutdown), store.fired(&self.sysrq));
        if shutdown || sysrq { self.look(store, shutdown, sysrq, print) } else { Wake::Continue }
    }

    fn look<P: Peer>(
        &self,
        store: &Client<'_, P>,
        shutdown: bool,
        sysrq: bool,
        mut print: impl FnMut(fmt::Arguments<'_>),
    ) -> Wake {
        let mut wake = Wake::Continue;
        let mut buffer = [0; 16];
        if sysrq {
            match asked_at(store, SYSRQ, &mut buffer) {
                Ok("") => {}
                Ok(key) => {
                    acknowledge(store, SYSRQ);
                    match key {
                        "s" | "m" => wake = Wake::Report,
                        _ => print(format_args!(
                            "xl sysrq {key}: not known; s prints the statistics"
                        )),
                    }
                }
                Err(error) => print(format_args!("cannot read {SYSRQ}: {error}")),
            }
        }
        if shutdown {
            let reason = match asked_at(store, SHUTDOWN, &mut buffer) {
                Ok("") => None,
                Ok("poweroff" | "halt") => Some(Shutdown::PowerOff),
                Ok("reboot") => Some(Shutdown::Reboot),
                // Not acknowledged: an acknowledgement would promise that the guest is about to suspend.
                Ok("suspend") => {
                    print(format_args!(
                        "asked to suspend: refused, this guest cannot (xl save, xl migrate)"
                    ));
                    None
                }
                Ok(other) => {
                    print(format_args!("asked to {other}: refused, not known"));
                    None
                }
                Err(error) => {
                    print(format_args!("cannot read {SHUTDOWN}: {error}"));
                    None
                }
            };
            if let Some(reason) = reason {
                acknowledge(store, SHUTDOWN);
                self.reason.set(reason);
                wake = Wake::Stop;
            }
        }
        wake
    }
}

/// The value at `path`, as far as it can be displayed, or `None` if there is no such path.
fn asked_at<'b, P: Peer>(
    store: &Client<'_, P>,
    path: &str,
    buffer: &'b mut [u8],
) -> Result<&'b str, StoreError> {
    match store.read(format_args!("{path}"), buffer) {
        Err(StoreError::Refused(Errno::ENOENT)) => Ok(""),
        result => result.map(readable),
    }
}

/// Writes the empty value, which acknowledges the request. If that is not allowed, or not received, we do what was
/// requested all the same.
fn acknowledge<P: Peer>(store: &Client<'_, P>, path: &str) {
    let _ = store.write(format_args!("{path}"), format_args!(""));
}

/// The operator's text, if it can be displayed.
fn readable(value: &[u8]) -> &str {
    match str::from_utf8(value) {
        Ok(text) if value.iter().all(u8::is_ascii_graphic) => text,
        _ => "(no word)",
    }
}

#[cfg(test)]
mod tests {
    use std::{string::String, string::ToString, vec::Vec};

    use super::*;
    use crate::xenstore::daemon::{Daemon, Manners, interface};

    /// What is answered, and said, when `value` is written at `path`.
    fn ask(
        control: &Control,
        client: &Client<'_, &Daemon<'_>>,
        daemon: &Daemon<'_>,
        requests: &[(&str, &str)],
    ) -> (Wake, Vec<String>) {
        for (path, value) in requests {
            daemon.change_to(path, value);
        }
        daemon.run();
        let mut said = Vec::new();
        let wake = control.pending_request(client, |line| said.push(line.to_string()));
        // The echo of our own acknowledgement asks for nothing.
        daemon.run();
        assert_eq!(control.pending_request(client, |line| panic!("{line}")), Wake::Continue);
        (wake, said)
    }

    macro_rules! control {
        ($daemon:ident, $client:ident, $control:ident) => {
            let interface = interface();
            let $daemon = Daemon::new(&interface, Manners::default());
            let $client = Client::new(&interface, &$daemon);
            let $control = Control::new(&$client).unwrap();
            assert_eq!(ask(&$control, &$client, &$daemon, &[]), (Wake::Continue, Vec::new()));
        };
    }

    #[test]
    fn the_operator_is_told_what_can_be_asked_for() {
        control!(daemon, client, control);
        let features = ["poweroff", "reboot", "suspend"]
            .map(|feature| daemon.get(&std::format!("control/feature-{feature}")));
        assert_eq!(features, ["1", "1", "0"]);
        assert_eq!(control.reason(), Shutdown::PowerOff);
    }

    #[test]
    fn poweroff_halt_and_reboot_end_the_program_and_are_acknowledged() {
        for (value, reason) in [
            ("poweroff", Shutdown::PowerOff),
            ("halt", Shutdown::PowerOff),
            ("reboot", Shutdown::Reboot),
        ] {
            control!(daemon, client, control);
            let (wake, said) = ask(&control, &client, &daemon, &[(SHUTDOWN, value)]);
            assert_eq!((wake, said.len(), control.reason()), (Wake::Stop, 0, reason));
            assert_eq!(daemon.get(SHUTDOWN), "");
        }
    }

    #[test]
    fn suspend_and_the_unknown_are_refused_in_words_and_not_acknowledged() {
        control!(daemon, client, control);
        for (value, words) in [
            ("suspend", "asked to suspend: refused, this guest cannot"),
            ("crash", "asked to crash: refused, not known"),
            ("\n\u{1b}[2J", "asked to (no word): refused"),
        ] {
            let (wake, said) = ask(&control, &client, &daemon, &[(SHUTDOWN, value)]);
            assert_eq!((wake, said.len()), (Wake::Continue, 1));
            assert!(said[0].starts_with(words), "{said:?}");
            assert_eq!(daemon.get(SHUTDOWN), value);
        }
        let long = "x".repeat(100);
        let (wake, said) = ask(&control, &client, &daemon, &[(SHUTDOWN, &long)]);
        assert_eq!(wake, Wake::Continue);
        assert_eq!(said, ["cannot read control/shutdown: the value in xenstore has 100 bytes"]);
        assert_eq!(control.reason(), Shutdown::PowerOff);
    }

    #[test]
    fn a_key_asks_for_the_statistics() {
        control!(daemon, client, control);
        for key in ["s", "m"] {
            let answer = ask(&control, &client, &daemon, &[(SYSRQ, key)]);
            assert_eq!(answer, (Wake::Report, Vec::new()));
            assert_eq!(daemon.get(SYSRQ), "");
        }
        let (wake, said) = ask(&control, &client, &daemon, &[(SYSRQ, "b")]);
        assert_eq!(wake, Wake::Continue);
        assert_eq!(said, ["xl sysrq b: not known; s prints the statistics"]);
        assert_eq!(daemon.get(SYSRQ), "");
    }

    #[test]
    fn the_end_comes_before_the_statistics() {
        control!(daemon, client, control);
        let requests = [(SYSRQ, "s"), (SHUTDOWN, "reboot")];
        let (wake, _) = ask(&control, &client, &daemon, &requests);
        assert_eq!((wake, control.reason()), (Wake::Stop, Shutdown::Reboot));
    }

    #[test]
    fn a_toolstack_that_lets_us_write_nothing_is_no_error_and_a_silent_one_is() {
        let interface = interface();
        let deaf = Manners { deaf: true, ..Manners::default() };
        let daemon = Daemon::new(&interface, deaf);
        assert_eq!(
            Control::new(&Client::new(&interface, &daemon)).unwrap_err(),
            StoreError::Silent
        );
    }
}
