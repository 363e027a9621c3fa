//! The console of a guest: what it writes, as lines.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use dom0::protocol::{Answer, Command};

use super::{agent::Agent, machine::Machine};
use crate::{filter::Filter, lines::Lines};

/// How long the agent may take to begin or to end.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How long lines may take to be decoded: as long as their decoder may take to be built.
const DECODED_WITHIN: Duration = Duration::from_secs(300);
/// How often it is looked whether they are.
const TICK: Duration = Duration::from_millis(20);

/// Makes lines of the bytes that a guest writes: called with the bytes as they come, which may end
/// anywhere, and with what takes the lines. It is here that a log in a form for machines is decoded
/// ([`with_log`]).
pub type Decode = Box<dyn FnMut(&[u8], &mut dyn FnMut(&str)) + Send>;

/// For guests that write text: lines end with a line feed.
pub fn plain() -> Decode {
    let mut rest = Vec::new();
    Box::new(move |bytes, line| {
        for byte in bytes {
            if *byte == b'\n' {
                line(String::from_utf8_lossy(&rest).trim_end_matches('\r'));
                rest.clear();
            } else {
                rest.push(*byte);
            }
        }
    })
}

/// For guests with their log: text, and the lines of the log are put into words by the program `lab-log`. The words
/// are in the symbols of `program`, the ELF file that the guest runs.
///
/// A line that cannot be put into words is left as it is; the first time, the reason comes before it.
pub fn with_log(program: &Path) -> Decode {
    filtered(Filter::new("lab-log", &["#log "], program), plain())
}

/// Adds to each line `stack ADDRESSES` of a guest the places in the source where these calls are, the
/// innermost first, a line each, which the program `lab-places` finds: `  at udp/src/layer/serve.rs:97 in serve`; to a line
/// `rip ADDRESS …` that of the instruction.
/// `program` is the ELF file that the guest runs, not stripped. What `decode` does with all lines, it does before.
///
/// Addresses that follow no call, and calls within Rust's own libraries, are left out. Where the compiler
/// has made one call of several, there is no number of a line.
pub fn with_places(program: &Path, decode: Decode) -> Decode {
    filtered(Filter::new("lab-places", &["stack ", "rip "], program), decode)
}

fn filtered(mut filter: Filter, mut decode: Decode) -> Decode {
    Box::new(move |bytes, show| decode(bytes, &mut |line| filter.decode(line, show)))
}

/// What a guest has written until now. The bytes are kept in a file too.
#[derive(Debug)]
pub struct Console<'m> {
    agent: &'m Agent,
    id: u32,
    lines: Arc<Lines>,
    /// Whether lines are being decoded, which takes long where the decoder has to be built.
    decoding: Arc<AtomicBool>,
    file: PathBuf,
    reader: Option<JoinHandle<()>>,
}

impl<'m> Console<'m> {
    /// Follows this file of dom0, which need not be there yet.
    pub(super) fn follow(
        machine: &'m Machine,
        path: &str,
        file: &Path,
        mut decode: Decode,
        mut on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        let agent = machine.agent();
        let mut copy = File::create(file)
            .with_context(|| format!("cannot write the console into {}", file.display()))?;
        let (id, answers) = agent.start(Command::Follow { path: path.into() }, Vec::new())?;
        let lines = Arc::<Lines>::default();
        let decoding = Arc::<AtomicBool>::default();
        let reader = thread::spawn({
            let (lines, decoding) = (Arc::clone(&lines), Arc::clone(&decoding));
            move || {
                for (answer, bytes) in answers {
                    if let Answer::Failed { reason } = answer {
                        lines.push(format!("no console: {reason}"));
                        break;
                    }
                    // It is for people, who can do without it if the disk is full.
                    let _ = copy.write_all(&bytes);
                    decoding.store(true, Ordering::Release);
                    decode(&bytes, &mut |line| {
                        on_line(line);
                        lines.push(line.to_owned());
                    });
                    decoding.store(false, Ordering::Release);
                }
                lines.end();
            }
        });
        Ok(Self { agent, id, lines, decoding, file: file.to_owned(), reader: Some(reader) })
    }

    /// Waits until what has come is decoded.
    pub(super) fn wait_until_decoded(&self) {
        let deadline = Instant::now() + DECODED_WITHIN;
        while self.decoding.load(Ordering::Acquire) && Instant::now() < deadline {
            thread::sleep(TICK);
        }
    }

    /// The lines that it has written until now.
    pub fn lines(&self) -> Vec<String> {
        self.lines.all()
    }

    /// Waits until `wanted` holds for a line from number `from` on, and returns that line; none if
    /// there is none within `limit`, or before dom0 ends.
    pub fn wait_for_line(
        &self,
        from: usize,
        limit: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        self.lines.wait_for(from, limit, wanted)
    }

    /// The file in which the bytes are kept.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

impl Drop for Console<'_> {
    fn drop(&mut self) {
        // If dom0 is dead, so is what followed.
        let _ = self.agent.call(
            Command::Unfollow { id: self.id },
            Vec::new(),
            ANSWER_WITHIN,
            || Ok(()),
        );
        self.agent.forget(self.id);
        if let Some(reader) = self.reader.take() {
            // It panics only if `on_line` or `decode` does, which has said so.
            let _ = reader.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_may_come_in_pieces() {
        let (mut decode, mut lines) = (plain(), Vec::new());
        for piece in ["one\r\ntw", "o\n\n\u{fc}b", "er\nno end"] {
            decode(piece.as_bytes(), &mut |line| lines.push(line.to_owned()));
        }
        assert_eq!(lines, ["one", "two", "", "\u{fc}ber"]);
    }
}
