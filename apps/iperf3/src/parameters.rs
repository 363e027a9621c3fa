//! What a client wants: the parameters that it sends.

use tcp::CongestionControl;

use crate::{json, message::Refusal};

/// The most streams of a test.
pub(crate) const MOST_STREAMS: usize = 128;
/// The longest test in seconds, and the largest block in bytes, as iperf3 has them.
const LONGEST: u64 = 86_400;
const LARGEST_BLOCK: u64 = 1 << 20;

/// Who sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Direction {
    #[default]
    Upload,
    /// `--reverse`
    Download,
    /// `--bidir`
    Both,
}

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) direction: Direction,
    /// How many streams there are in each direction.
    pub(crate) streams: usize,
    /// How long the test takes, in seconds; 0 if bytes end it, or the client.
    pub(crate) time: u64,
    /// How many bytes are sent in each direction at most.
    pub(crate) bytes: u64,
    /// How many bytes are sent at once.
    pub(crate) block: usize,
    pub(crate) nodelay: bool,
    pub(crate) tos: u8,
    pub(crate) congestion: CongestionControl,
}

impl Parameters {
    /// Reads the JSON of a client. Each member is known, or off.
    pub(crate) fn read(text: &[u8]) -> Result<Self, Refusal> {
        let mut draft = Draft::new();
        let mut wrong = Ok(());
        let whole = json::members(text, |name, value| {
            wrong = wrong.and_then(|()| draft.set(name, value));
        });
        whole.ok_or(Refusal::PARAMETERS)?;
        wrong?;
        draft.finish()
    }

    /// How many streams this end receives on, and how many it sends on.
    pub(crate) fn each_way(&self) -> [usize; 2] {
        match self.direction {
            Direction::Upload => [self.streams, 0],
            Direction::Download => [0, self.streams],
            Direction::Both => [self.streams; 2],
        }
    }

    /// Whether this end sends.
    pub(crate) fn sends(&self) -> bool {
        self.direction != Direction::Upload
    }
}

/// Parameters of which some are not read yet.
struct Draft {
    parameters: Parameters,
    is_tcp: bool,
    is_reverse: bool,
    is_both: bool,
    /// How many blocks are sent.
    blocks: u64,
    /// Whether the sender is to be slower than it can.
    is_paced: bool,
}

impl Draft {
    fn new() -> Self {
        let parameters = Parameters {
            direction: Direction::Upload,
            streams: 1,
            time: 0,
            bytes: 0,
            block: 128 << 10,
            nodelay: false,
            tos: 0,
            congestion: CongestionControl::Cubic,
        };
        Self {
            parameters,
            is_tcp: false,
            is_reverse: false,
            is_both: false,
            blocks: 0,
            is_paced: false,
        }
    }

    fn set(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        let number = |most| layer::decimal(value, most);
        let from_1 = |most| number(most).filter(|number| *number > 0);
        let (is_on, parameters) = (value == b"true", &mut self.parameters);
        match name {
            b"tcp" => self.is_tcp = is_on,
            b"udp" | b"sctp" if is_on => return Err(Refusal::PROTOCOL),
            b"reverse" => self.is_reverse = is_on,
            b"bidirectional" => self.is_both = is_on,
            b"nodelay" => parameters.nodelay = is_on,
            b"time" => parameters.time = number(LONGEST).ok_or(Refusal::DURATION)?,
            b"num" => parameters.bytes = number(u64::MAX).ok_or(Refusal::PARAMETERS)?,
            b"blockcount" => self.blocks = number(u64::MAX).ok_or(Refusal::PARAMETERS)?,
            b"len" => parameters.block = from_1(LARGEST_BLOCK).ok_or(Refusal::BLOCK)? as usize,
            b"parallel" => {
                parameters.streams = from_1(MOST_STREAMS as u64).ok_or(Refusal::STREAMS)? as usize;
            }
            b"TOS" => parameters.tos = number(255).ok_or(Refusal::TOS)? as u8,
            b"congestion" => {
                parameters.congestion = match value {
                    b"\"cubic\"" => CongestionControl::Cubic,
                    b"\"reno\"" => CongestionControl::NewReno,
                    _ => return Err(Refusal::CONGESTION),
                }
            }
            b"bandwidth" | b"fqrate" => self.is_paced = value != b"0",
            // The client does it, or it changes nothing that is measured.
            b"MSS" | b"burst" | b"client_version" | b"congestion_used" | b"extra_data"
            | b"pacing_timer" | b"repeating_payload" | b"skip_rx_copy" | b"title" | b"zerocopy" => {
            }
            _ if matches!(value, b"0" | b"false") => {}
            _ => return Err(Refusal::OPTION),
        }
        Ok(())
    }

    fn finish(self) -> Result<Parameters, Refusal> {
        let mut parameters = self.parameters;
        if !self.is_tcp {
            return Err(Refusal::PROTOCOL);
        }
        parameters.direction = match (self.is_reverse, self.is_both) {
            (false, false) => Direction::Upload,
            (true, false) => Direction::Download,
            (false, true) => Direction::Both,
            (true, true) => return Err(Refusal::BOTH_WAYS),
        };
        if parameters.each_way().iter().sum::<usize>() > MOST_STREAMS {
            return Err(Refusal::STREAMS);
        }
        if self.is_paced && parameters.sends() {
            return Err(Refusal::OPTION);
        }
        if parameters.bytes == 0 {
            parameters.bytes = match self.blocks {
                0 => u64::MAX,
                blocks => blocks.saturating_mul(parameters.block as u64),
            };
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `iperf3 -c` of version 3.12 sends.
    const DEFAULT: &str = r#"{"tcp":true,"omit":0,"time":10,"num":0,"blockcount":0,"parallel":1,"len":131072,"pacing_timer":1000,"client_version":"3.12"}"#;

    /// With more members.
    fn with(more: &str) -> Result<Parameters, Refusal> {
        Parameters::read(DEFAULT.replacen('}', &format!(",{more}}}"), 1).as_bytes())
    }

    #[test]
    fn what_is_sent_unasked_is_read() {
        let expected = Parameters {
            direction: Direction::Upload,
            streams: 1,
            time: 10,
            bytes: u64::MAX,
            block: 131_072,
            nodelay: false,
            tos: 0,
            congestion: CongestionControl::Cubic,
        };
        assert_eq!(Parameters::read(DEFAULT.as_bytes()), Ok(expected));
        assert_eq!(Parameters::read(br#"{"tcp":true}"#).map(|read| read.time), Ok(0));
    }

    #[test]
    fn options_are_read() {
        let read =
            with(r#""reverse":true,"parallel":128,"num":5,"nodelay":true,"TOS":184"#).unwrap();
        assert_eq!((read.direction, read.each_way()), (Direction::Download, [0, 128]));
        assert_eq!((read.bytes, read.nodelay, read.tos), (5, true, 184));
        assert!(read.sends());
        let read = with(r#""bidirectional":true,"parallel":64,"blockcount":3,"len":100"#).unwrap();
        assert_eq!((read.each_way(), read.bytes), ([64, 64], 300));
        let read = with(r#""congestion":"reno","MSS":1000,"bandwidth":1000000"#).unwrap();
        assert_eq!((read.congestion, read.sends()), (CongestionControl::NewReno, false));
        assert_eq!(with(r#""blockcount":1000000000000000000"#).unwrap().bytes, u64::MAX);
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for (more, expected) in [
            (r#""udp":true"#, Refusal::PROTOCOL),
            (r#""tcp":false"#, Refusal::PROTOCOL),
            (r#""sctp":true"#, Refusal::PROTOCOL),
            (r#""omit":2"#, Refusal::OPTION),
            (r#""window":65536"#, Refusal::OPTION),
            (r#""get_server_output":1"#, Refusal::OPTION),
            (r#""mptcp":true"#, Refusal::OPTION),
            (r#""authtoken":"x""#, Refusal::OPTION),
            (r#""something":1"#, Refusal::OPTION),
            (r#""reverse":true,"bandwidth":1000"#, Refusal::OPTION),
            (r#""reverse":true,"bidirectional":true"#, Refusal::BOTH_WAYS),
            (r#""parallel":0"#, Refusal::STREAMS),
            (r#""parallel":129"#, Refusal::STREAMS),
            (r#""parallel":65,"bidirectional":true"#, Refusal::STREAMS),
            (r#""parallel":-1"#, Refusal::STREAMS),
            (r#""time":86401"#, Refusal::DURATION),
            (r#""time":1.5"#, Refusal::DURATION),
            (r#""len":0"#, Refusal::BLOCK),
            (r#""len":1048577"#, Refusal::BLOCK),
            (r#""num":1e+20"#, Refusal::PARAMETERS),
            (r#""num":18446744073709551616"#, Refusal::PARAMETERS),
            (r#""TOS":256"#, Refusal::TOS),
            (r#""congestion":"bbr""#, Refusal::CONGESTION),
            (r#""a""#, Refusal::PARAMETERS),
        ] {
            assert_eq!(with(more), Err(expected), "{more}");
        }
        for text in ["", "{}x", "[]", "null"] {
            assert_eq!(Parameters::read(text.as_bytes()), Err(Refusal::PARAMETERS), "{text}");
        }
        // Nothing that is cut off is read, and nothing panics.
        for length in 0..DEFAULT.len() {
            assert_eq!(Parameters::read(&DEFAULT.as_bytes()[..length]), Err(Refusal::PARAMETERS));
        }
    }

    #[test]
    fn a_refusal_is_a_state_and_two_numbers() {
        assert_eq!(Refusal::PROTOCOL.bytes(), [0xfe, 0, 0, 0, 131, 0, 0, 0, 0]);
        assert_eq!(Refusal::PROTOCOL.to_string(), "expected a test of TCP");
    }
}
