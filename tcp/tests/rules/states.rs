//! Scripts that begin in a given state.

use tcp::State;

use crate::script::{Script, connect, established};

/// The states in which both sides know each other's numbers (RFC 9293 3.3.2), but SYN-RECEIVED.
pub(crate) const SYNCHRONIZED: [State; 8] = [
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
    // So that each list has the same states whatever their order.
    State::SynReceived,
];

/// The number that we send next in this state, and the one that we expect, in the scripts of [`reach`].
pub(crate) fn numbers(state: State) -> [u32; 2] {
    match state {
        State::SynSent | State::Closed => [1, 0],
        State::SynReceived | State::Established => [1, 1],
        State::FinWait1 | State::FinWait2 => [2, 1],
        State::CloseWait => [1, 2],
        State::Closing | State::LastAck | State::TimeWait => [2, 2],
    }
}

/// Runs a script that begins in this state. Nothing but SYN and FIN has been sent by either side.
pub(crate) fn reach(state: State, test: impl FnOnce(&mut Script<'_>)) {
    let go = |s: &mut Script<'_>| {
        walk(state, s);
        assert_eq!(s.state(), state);
        s.silent();
        s.events();
        test(s);
    };
    match state {
        State::SynSent | State::SynReceived => connect(go),
        _ => established(go),
    }
}

fn walk(state: State, s: &mut Script<'_>) {
    match state {
        State::SynSent => s.sends(["S 0 <mss 1460,sackOK,wscale 0>"]),
        State::SynReceived => {
            walk(State::SynSent, s);
            s.recv("S 0 <mss 1000>");
            s.sends(["S. 0 ack 1 <mss 1460>"]);
        }
        State::Established => {}
        State::FinWait1 => {
            s.tcp.shutdown();
            s.sends(["F. 1 ack 1"]);
        }
        State::FinWait2 => {
            walk(State::FinWait1, s);
            s.recv(". 1 ack 2");
        }
        State::CloseWait => {
            s.recv("F. 1 ack 1");
            s.sends([". 1 ack 2"]);
        }
        State::Closing => {
            walk(State::FinWait1, s);
            s.recv("F. 1 ack 1");
            s.sends([". 2 ack 2"]);
        }
        State::LastAck => {
            walk(State::CloseWait, s);
            s.tcp.shutdown();
            s.sends(["F. 1 ack 2"]);
        }
        State::TimeWait => {
            walk(State::FinWait2, s);
            s.recv("F. 1 ack 2");
            s.sends([". 2 ack 2"]);
        }
        State::Closed => s.recv("R. 1 ack 1"),
    }
}
