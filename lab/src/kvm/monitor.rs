//! The monitor of QEMU, for people: a command is a line, and the answer ends with a prompt.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

/// What QEMU writes when it waits for a command.
const PROMPT: &[u8] = b"\n(qemu) ";
/// How long an answer may take, on a machine with other work.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The longest answer, in bytes.
const LONGEST: usize = 1 << 16;

/// A connection to the monitor of a machine.
#[derive(Debug)]
pub struct Monitor(UnixStream);

impl Monitor {
    /// Connects to the socket that QEMU has made ([`Guest::monitor`](super::Guest::monitor)).
    ///
    /// # Errors
    /// Nobody listens there, or there is no prompt within 10 seconds.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = || format!("cannot speak to the monitor of QEMU at {}", path.display());
        let stream = UnixStream::connect(path).with_context(failed)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN)).with_context(failed)?;
        let mut monitor = Self(stream);
        monitor.answer().with_context(failed)?;
        Ok(monitor)
    }

    /// Has QEMU do this, and returns what it says of it.
    ///
    /// # Errors
    /// QEMU does not answer within 10 seconds, or does not know the command.
    pub fn command(&mut self, line: &str) -> Result<String> {
        let failed = || format!("QEMU does not answer to {line}");
        self.0.write_all(format!("{line}\n").as_bytes()).with_context(failed)?;
        let answer = self.answer().with_context(failed)?;
        let is_refused =
            ["Error", "not found", "unknown command"].iter().any(|word| answer.contains(word));
        ensure!(!is_refused, "QEMU refuses {line}: {answer}");
        Ok(answer)
    }

    /// What comes until the next prompt.
    fn answer(&mut self) -> Result<String> {
        let mut text = Vec::new();
        while !text.ends_with(PROMPT) {
            ensure!(text.len() < LONGEST, "it does not end");
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            text.extend(byte);
        }
        Ok(String::from_utf8_lossy(&text).replace('\r', ""))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        env, fs,
        io::{BufRead as _, BufReader},
        os::unix::net::UnixListener,
        process, thread,
    };

    use super::*;

    #[test]
    fn commands_are_answered_up_to_the_prompt() {
        let path = env::temp_dir().join(format!("monitor-{}", process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        thread::scope(|scope| {
            scope.spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(b"QEMU 7.2.22 monitor\r\n(qemu) ").unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                for answer in
                    ["info status\r\nVM status: running\r\n", "x\r\nunknown command: 'x'\r\n"]
                {
                    lines.next().unwrap().unwrap();
                    stream.write_all(format!("{answer}(qemu) ").as_bytes()).unwrap();
                }
                lines.next().unwrap().unwrap();
            });
            let mut monitor = Monitor::open(&path).unwrap();
            let status = monitor.command("info status").unwrap();
            assert_eq!(status, "info status\nVM status: running\n(qemu) ");
            let error = monitor.command("x").unwrap_err().to_string();
            assert!(error.starts_with("QEMU refuses x: "), "{error}");
            // It ends before it answers.
            let error = monitor.command("quit").unwrap_err().to_string();
            assert_eq!(error, "QEMU does not answer to quit");
        });
        fs::remove_file(&path).unwrap();
        assert!(Monitor::open(&path).is_err());
    }
}
