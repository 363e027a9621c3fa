//! Programs: run, and killed when they take too long.

use std::{
    fs,
    io::{self, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use dom0::protocol::{Answer, End};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::agent::failed;

/// How often a program is looked at.
const TICK: Duration = Duration::from_millis(5);
/// How long its output is waited for once it has ended. A process that it leaves behind may hold the
/// pipes open: `xl create` leaves one for each domain.
const OUTPUT_WITHIN: Duration = Duration::from_millis(500);

pub(crate) fn run(program: &str, args: &[String], limit: Duration) -> (Answer, Vec<u8>) {
    match run_or_fail(program, args, limit) {
        Ok((end, mut stdout, stderr)) => {
            let length = stdout.len();
            stdout.extend(stderr);
            (Answer::Ran { end, stdout: length }, stdout)
        }
        Err(error) => failed(format!("cannot run {program}: {error}")),
    }
}

fn run_or_fail(
    program: &str,
    args: &[String],
    limit: Duration,
) -> io::Result<(End, Vec<u8>, Vec<u8>)> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // So that it can be killed with all that it started.
        .process_group(0)
        .spawn()?;
    // It has the agent's, which is not ended when memory runs out. It may have ended by itself.
    let _ = fs::write(format!("/proc/{}/oom_score_adj", child.id()), "0");
    let stdout = Output::read(child.stdout.take());
    let stderr = Output::read(child.stderr.take());
    let end = wait(&mut child, limit)?;
    let deadline = Instant::now() + OUTPUT_WITHIN;
    Ok((end, stdout.take(deadline), stderr.take(deadline)))
}

fn wait(child: &mut Child, limit: Duration) -> io::Result<End> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            // The one or the other is there.
            let signal = || End::Signal(status.signal().unwrap_or_default());
            return Ok(status.code().map_or_else(signal, End::Status));
        }
        if Instant::now() >= deadline {
            if let Ok(group) = child.id().try_into() {
                killpg(Pid::from_raw(group), Signal::SIGKILL)?;
            }
            child.wait()?;
            return Ok(End::Limit);
        }
        thread::sleep(TICK);
    }
}

/// What comes out of a pipe.
struct Output {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    fn read(pipe: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let reader = pipe.map(|mut pipe| {
            let text = Arc::clone(&text);
            thread::spawn(move || {
                let mut chunk = [0; 4096];
                while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                    text.lock().unwrap_or_else(PoisonError::into_inner).extend(&chunk[..length]);
                }
            })
        });
        Self { text, reader }
    }

    /// All that came; what came until `deadline` if the pipe is not closed by then.
    fn take(self, deadline: Instant) -> Vec<u8> {
        if let Some(reader) = self.reader {
            while !reader.is_finished() && Instant::now() < deadline {
                thread::sleep(TICK);
            }
        }
        std::mem::take(&mut *self.text.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> (End, String, String) {
        let args = ["-c".into(), script.into()];
        let (Answer::Ran { end, stdout }, body) = run("sh", &args, limit) else {
            panic!("sh does not run")
        };
        let (stdout, stderr) = body.split_at(stdout);
        (
            end,
            String::from_utf8_lossy(stdout).into_owned(),
            String::from_utf8_lossy(stderr).into_owned(),
        )
    }

    #[test]
    fn the_end_and_both_outputs_are_returned() {
        let (end, stdout, stderr) =
            shell("echo one; echo two >&2; exit 3", Duration::from_secs(60));
        assert_eq!((end, &*stdout, &*stderr), (End::Status(3), "one\n", "two\n"));
        let (end, ..) = shell("kill -9 $$", Duration::from_secs(60));
        assert_eq!(end, End::Signal(9));
    }

    #[test]
    fn who_takes_too_long_is_killed() {
        let start = Instant::now();
        let (end, stdout, _) = shell("echo one; sleep 60; echo two", Duration::from_millis(300));
        assert_eq!((end, &*stdout), (End::Limit, "one\n"));
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_process_left_behind_is_not_waited_for() {
        let start = Instant::now();
        let (end, stdout, _) = shell("sleep 60 & echo $!", Duration::from_secs(60));
        assert_eq!(end, End::Status(0));
        assert!(start.elapsed() < Duration::from_secs(30));
        let left = stdout.trim().parse().unwrap();
        nix::sys::signal::kill(Pid::from_raw(left), Signal::SIGKILL).unwrap();
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let (answer, _) = run("no-such-program", &[], Duration::from_secs(1));
        assert!(matches!(answer, Answer::Failed { reason } if reason.contains("no-such-program")));
    }
}
