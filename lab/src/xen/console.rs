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
use crate::{decode::Decode, lines::Lines};

/// How long the agent may take to begin or to end.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How long lines may take to be decoded: as long as their decoder may take to be built.
const DECODED_WITHIN: Duration = Duration::from_secs(300);
/// How often it is looked whether they are.
const TICK: Duration = Duration::from_millis(20);

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
