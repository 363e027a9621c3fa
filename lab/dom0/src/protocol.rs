//! What `lab` and the agent say to each other.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, SocketAddrV4},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
#[cfg(feature = "soak")]
use soak::{Round, RoundPlan, site::Place};

/// The version of this protocol: both sides have to have the same.
pub const VERSION: u32 = 3;
/// The most that a header has, in bytes: more is no header.
const LONGEST_HEADER: usize = 1 << 20;
/// The most that a body has, in bytes: an initramfs with room to spare.
const LONGEST_BODY: usize = 1 << 28;

/// The head of a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header<M> {
    /// The number of the request. Its answers have the same.
    pub id: u32,
    /// What is said.
    pub message: M,
}

/// What `lab` asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Run a program and wait for its end. Answer: [`Answer::Ran`].
    Run {
        /// The program, looked for along `PATH`.
        program: String,
        /// Its arguments.
        args: Vec<String>,
        /// How long it may take; then it is killed, with the processes that it started.
        limit: Duration,
    },
    /// Write the body into a file, whose folder is made if there is none. Answer: [`Answer::Done`].
    Write {
        /// The file.
        path: String,
    },
    /// Read a file. Answer: [`Answer::Content`].
    Read {
        /// The file.
        path: String,
    },
    /// Send UDP requests; the request is in the body. Answer: [`Answer::Asked`].
    Ask(Ask),
    /// Put a service under load. Answer: [`Answer::Loaded`].
    Load(Load),
    /// Run a round of the soak. Answer: [`Answer::Round`].
    #[cfg(feature = "soak")]
    Round {
        /// Where the service is.
        place: Place,
        /// What is done.
        plan: RoundPlan,
    },
    /// Send what is in a file, and what is appended to it later. It need not be there yet. Answers:
    /// [`Answer::Content`], any number of times, until [`Command::Unfollow`].
    Follow {
        /// The file.
        path: String,
    },
    /// End [`Command::Follow`]. Answer: [`Answer::Done`], to this request.
    Unfollow {
        /// The number of the request that began it.
        id: u32,
    },
}

/// UDP requests to one port: the same datagram, once or many times, each expecting the same reply; or the same but for a
/// number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Who is asked, over IPv4 or IPv6.
    pub to: SocketAddr,
    /// How often.
    pub times: u32,
    /// How many requests may be without their reply at any time: 1 waits for each.
    pub window: u32,
    /// How long a reply may take.
    pub limit: Duration,
    /// Whether the reply has to be equal to the second part of the body. If not, all have to be equal
    /// to the first of them.
    pub expected: bool,
    /// The length of the request, which is the first part of the body, in bytes.
    pub length: usize,
    /// Whether `{n}` stands for the number of the request, from 0 on, in the request and in the reply that is expected. Each
    /// request then waits for the reply to the one before, whatever the window.
    pub is_numbered: bool,
}

/// UDP requests to a service that returns what it is sent: each with a number and a content of its own, and so
/// many without their reply at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Who is asked.
    pub to: SocketAddrV4,
    /// The length of each request in bytes, [`Load::SHORTEST`] at least.
    pub length: u16,
    /// How many requests are outstanding.
    pub window: u16,
    /// For how long requests are sent.
    pub time: Duration,
    /// How long a reply may take.
    pub limit: Duration,
}

impl Load {
    /// The least length of a request: its number.
    pub const SHORTEST: u16 = 8;
}

/// What came of a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// How many replies were right.
    pub replies: u32,
    /// How many were wrong.
    pub wrong: u32,
    /// How many requests had no reply in time.
    pub lost: u32,
    /// From the first request to the last reply.
    pub elapsed: Duration,
    /// The time from a request to its reply: the median.
    pub p50: Duration,
    /// The time that 99 of 100 replies came within.
    pub p99: Duration,
}

/// What the agent answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The agent is there. The first frame, with the number 0.
    Hello {
        /// Its [`VERSION`].
        version: u32,
    },
    /// A program has ended.
    Ran {
        /// How.
        end: End,
        /// How many bytes of the body are its standard output; the others are its standard error.
        stdout: usize,
    },
    /// It is done.
    Done,
    /// The body is what was asked for.
    Content,
    /// The requests were sent. The body is the first reply that was not as expected; if there is none,
    /// the first reply.
    Asked(Asked),
    /// What came of the load.
    Loaded(Loaded),
    /// What came of a round.
    #[cfg(feature = "soak")]
    Round(Box<Round>),
    /// It cannot be done.
    Failed {
        /// The reason.
        reason: String,
    },
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// It took too long and was killed.
    Limit,
}

/// What became of the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// How many were sent.
    pub sent: u32,
    /// How many replies were as expected.
    pub equal: u32,
    /// How many replies were not.
    pub different: u32,
    /// How many requests had no reply in time.
    pub lost: u32,
    /// From the first request to the last reply.
    pub elapsed: Duration,
    /// What ended it before its time.
    pub trouble: Option<Trouble>,
}

/// Why no more requests were sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// The other side says that nothing is bound to that port.
    Refused,
    /// Nobody answers for that address.
    Unreachable,
    /// Another reason.
    Other(String),
}

/// Writes a frame.
///
/// # Errors
/// Those of the device; a header that is no JSON or a part that is too long.
pub fn write<M: Serialize>(to: &mut impl Write, header: &Header<M>, body: &[u8]) -> io::Result<()> {
    let header = serde_json::to_vec(header)?;
    let length = |part: &[u8], most: usize| {
        let fits = part.len() <= most;
        u32::try_from(part.len()).ok().filter(|_| fits).ok_or_else(|| {
            io::Error::new(ErrorKind::InvalidInput, format!("{} bytes are too many", part.len()))
        })
    };
    let mut frame = Vec::with_capacity(8 + header.len() + body.len());
    frame.extend(length(&header, LONGEST_HEADER)?.to_le_bytes());
    frame.extend(length(body, LONGEST_BODY)?.to_le_bytes());
    frame.extend(&header);
    frame.extend(body);
    to.write_all(&frame)?;
    to.flush()
}

/// Reads the next frame.
///
/// # Errors
/// Those of the device, its end among them; what was read is no frame.
pub fn read<M: DeserializeOwned>(from: &mut impl Read) -> io::Result<(Header<M>, Vec<u8>)> {
    let [mut header, mut body] = [[0; 4]; 2];
    from.read_exact(&mut header)?;
    from.read_exact(&mut body)?;
    let mut part = |length: [u8; 4], most: usize| {
        let length = u32::from_le_bytes(length) as usize;
        if length > most {
            let reason = format!("a part of {length} bytes, more than {most}");
            return Err(io::Error::new(ErrorKind::InvalidData, reason));
        }
        let mut part = vec![0; length];
        from.read_exact(&mut part)?;
        Ok(part)
    };
    let header = part(header, LONGEST_HEADER)?;
    let body = part(body, LONGEST_BODY)?;
    Ok((serde_json::from_slice(&header)?, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_follow_one_another() {
        let mut wire = Vec::new();
        let first = Header { id: 7, message: Answer::Ran { end: End::Status(1), stdout: 2 } };
        let second = Header { id: 8, message: Answer::Done };
        write(&mut wire, &first, b"\0\xffx").unwrap();
        write(&mut wire, &second, b"").unwrap();
        let mut wire = &wire[..];
        assert_eq!(read(&mut wire).unwrap(), (first, b"\0\xffx".to_vec()));
        assert_eq!(read(&mut wire).unwrap(), (second, Vec::new()));
        assert_eq!(read::<Answer>(&mut wire).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let header_too_long = [&u32::MAX.to_le_bytes()[..], &[0; 4]].concat();
        let body_too_long = [&[0; 4], &u32::MAX.to_le_bytes()[..]].concat();
        let no_json = [&1_u32.to_le_bytes()[..], &[0; 4], b"x"].concat();
        for (bytes, kind) in [
            (&header_too_long, ErrorKind::InvalidData),
            (&body_too_long, ErrorKind::InvalidData),
            (&no_json, ErrorKind::InvalidData),
            (&vec![1, 0], ErrorKind::UnexpectedEof),
        ] {
            assert_eq!(read::<Answer>(&mut &bytes[..]).unwrap_err().kind(), kind, "{bytes:?}");
        }
        let long = vec![0; LONGEST_BODY + 1];
        let header = Header { id: 1, message: Answer::Content };
        assert!(write(&mut Vec::new(), &header, &long).is_err());
    }
}
