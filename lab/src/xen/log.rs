//! What the machine writes to its serial port: Xen's own log, and dom0's console.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// How many logs are kept.
const KEPT: usize = 20;
/// How often a log is looked at.
const TICK: Duration = Duration::from_millis(20);

/// The log of a machine, a file that QEMU writes.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
}

impl Log {
    /// A new one in this folder. Of older ones there, the last are kept.
    pub(super) fn new(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(format!("{name}.log"));
        let make = || -> io::Result<()> {
            fs::create_dir_all(folder)?;
            let mut logs = Vec::new();
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                logs.push((entry.metadata()?.modified()?, entry.path()));
            }
            logs.sort();
            for (_, old) in logs.iter().rev().skip(KEPT - 1) {
                // Another process may be at it too.
                let _ = fs::remove_file(old);
            }
            File::create(&path).map(drop)
        };
        make().with_context(|| format!("cannot make the log {}", path.display()))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length, in bytes.
    pub(super) fn length(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// What is in it from this byte on.
    pub(super) fn from(&self, start: u64) -> Result<String> {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(start))?;
            let mut text = Vec::new();
            file.read_to_end(&mut text)?;
            Ok(text)
        };
        let text = read().with_context(|| format!("cannot read {}", self.path.display()))?;
        Ok(String::from_utf8_lossy(&text).replace('\r', ""))
    }

    /// What is in it from this byte on, up to a line with `last` in it; none if that does not come
    /// within `limit`.
    pub(super) fn until(&self, start: u64, last: &str, limit: Duration) -> Result<Option<String>> {
        let deadline = Instant::now() + limit;
        loop {
            let text = self.from(start)?;
            if let Some((found, _)) = text.split_once(last) {
                return Ok(Some(found.to_owned()));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            thread::sleep(TICK);
        }
    }

    /// The line that says why Linux or Xen gave up, if one did: what it writes after that is long.
    pub(super) fn panic(&self) -> Option<String> {
        let text = self.from(0).ok()?;
        let is_panic = |line: &&str| line.contains("Kernel panic") || line.contains("Panic on CPU");
        text.lines().find(is_panic).map(|line| line.trim().to_owned())
    }

    /// The last lines, for whoever has to find out what went wrong.
    pub(super) fn last_lines(&self, number: usize) -> String {
        let text = self.from(0).unwrap_or_default();
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(number)..].join("\n")
    }
}
