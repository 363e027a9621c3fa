//! The states of a connection, and why one is no more.

use core::{error::Error, fmt};

use network::Problem;

/// The states of a connection (RFC 9293 3.3.2). There is no LISTEN: a port that listens is not a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// We have sent a SYN.
    SynSent,
    /// Both have sent a SYN, and ours is not acknowledged.
    SynReceived,
    /// Both may send.
    Established,
    /// We have sent all, and our FIN is not acknowledged.
    FinWait1,
    /// We have sent all, and the peer has not.
    FinWait2,
    /// The peer has sent all, and we have not.
    CloseWait,
    /// Both have sent a FIN, and ours is not acknowledged.
    Closing,
    /// Both have sent all, and our FIN, the last one, is not acknowledged.
    LastAck,
    /// Both have sent all. The peer may not know that we know.
    TimeWait,
    /// There is no connection any more.
    Closed,
}

impl State {
    /// The name that RFC 9293 has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
            Self::Closed => "CLOSED",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a connection is no more, though not both sides have ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// The peer reset it.
    Reset,
    /// The peer refused it: it answered our SYN with a reset.
    Refused,
    /// The peer did not answer for too long.
    TimedOut,
    /// An ICMP error says that the peer cannot be reached, and it has not answered.
    Unreachable(Problem),
    /// We ended it by a reset.
    Aborted,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => f.write_str("reset by the peer"),
            Self::Refused => f.write_str("refused by the peer"),
            Self::TimedOut => f.write_str("the peer does not answer"),
            Self::Unreachable(problem) => write!(f, "the peer cannot be reached: {problem}"),
            Self::Aborted => f.write_str("reset by us"),
        }
    }
}

impl Error for Broken {}

/// What keeps a connection from getting on, though it is not broken (RFC 9293 3.9.1.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// An ICMP error came about something that is not acknowledged, and nothing from the peer since.
    Error(Problem),
    /// Something was sent four times or more without an answer (RFC 9293 3.8.3: R1).
    Unanswered,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(problem) => write!(f, "{problem}"),
            Self::Unanswered => f.write_str("the peer has not answered for a while"),
        }
    }
}
