//! `start` as a process: arguments, exit status, the two outputs, signals, the log. This program is
//! both the tests and, started again by a test, the service that is tested.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Trial};
use rt_unix::{Error, Runtime as _};

#[path = "process/services.rs"]
mod services;

/// Says which service this process is to be.
const SERVICE: &str = "RT_UNIX_TEST_SERVICE";

fn main() -> ExitCode {
    match env::var(SERVICE).as_deref() {
        Err(_) => libtest_mimic::run(&Arguments::from_args(), trials()).exit_code(),
        Ok("serve") => rt_unix::start("serve", services::serve),
        Ok("busy") => rt_unix::start("busy", services::busy),
        Ok("deaf") => rt_unix::start("deaf", services::deaf),
        Ok("chatter") => rt_unix::start("chatter", services::chatter),
        Ok("panic") => rt_unix::start("panic", |rt| panic!("on purpose, {:?}", rt.args().next())),
        Ok("grow") => rt_unix::start("grow", services::grow),
        Ok("fail") => rt_unix::start("fail", |_| Err(Error::new(3, "it broke"))),
        Ok("help") => rt_unix::start("help", |_| Err(Error::new(0, "arguments:"))),
        #[cfg(feature = "defmt")]
        Ok("log") => rt_unix::start("log", services::log),
        #[cfg(feature = "defmt")]
        Ok("log a lot") => rt_unix::start("log", |rt| {
            (0..4000).for_each(|number| defmt::info!("this is line {=u32}", number));
            services::serve(rt)
        }),
        Ok(other) => panic!("no service is called {other}"),
    }
}

fn trials() -> Vec<Trial> {
    let trial = |name, check: fn()| {
        Trial::test(name, move || {
            check();
            Ok(())
        })
    };
    vec![
        trial("an_error_is_printed_after_the_name_and_is_the_status", error_and_status),
        trial("help_goes_to_standard_output_with_the_arguments_of_the_runtime", help),
        trial("a_bad_argument_ends_the_program_before_the_service_begins", bad_argument),
        trial("the_memory_argument_is_not_the_services", arguments),
        trial("a_wait_ends_at_a_signal", waiting),
        trial("a_service_that_never_waits_hears_signals", never_waiting),
        trial("a_service_that_does_not_listen_is_ended_by_the_second_signal", not_listening),
        trial("a_service_goes_on_when_nobody_reads_what_it_prints", nobody_reads),
        trial("a_full_pipe_stops_neither_the_service_nor_its_end", full_pipe),
        trial("a_full_pipe_does_not_keep_a_panic_from_ending_the_process", panic_into_full_pipe),
        trial("a_panic_is_said", panic_said),
        trial("what_is_ignored_at_the_start_stays_ignored", hangup_ignored),
        trial("a_file_that_may_not_grow_is_an_error", file_too_large),
        #[cfg(feature = "defmt")]
        trial("a_log_that_nobody_reads_stops_nothing", log_unread),
        #[cfg(feature = "defmt")]
        trial("the_log_is_printed_in_words", log_lines),
    ]
}

/// A service, ended when it is forgotten.
struct Service(Child);

impl Service {
    fn start(service: &str, arguments: &[&str]) -> Self {
        // These tests may themselves run under `nohup`.
        Self::start_by(&["env", "--default-signal=HUP"], service, arguments)
    }

    /// Started by a command that becomes the service.
    fn start_by(by: &[&str], service: &str, arguments: &[&str]) -> Self {
        let this = env::current_exe().unwrap();
        let child = Command::new(by[0])
            .args(&by[1..])
            .arg(this)
            .args(arguments)
            .env(SERVICE, service)
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    /// Started, and ready for signals.
    fn ready(service: &str, arguments: &[&str]) -> Self {
        Self::start(service, arguments).expect_ready()
    }

    fn expect_ready(mut self) -> Self {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        self
    }

    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Reads standard error up to and with `line`.
    fn expect(&mut self, line: &str) {
        let mut seen = Vec::new();
        let stderr = self.0.stderr.as_mut().unwrap();
        while !seen.ends_with(format!("{line}\n").as_bytes()) {
            let mut byte = [0];
            let length = stderr.read(&mut byte).unwrap();
            assert_eq!(length, 1, "no {line} in {}", String::from_utf8_lossy(&seen));
            seen.push(byte[0]);
        }
    }

    /// How it ended within ten seconds, and what is left on its two outputs.
    fn end(mut self) -> (ExitStatus, String, String) {
        let patience = Instant::now() + Duration::from_secs(10);
        let status = loop {
            match self.0.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > patience => panic!("the service did not end"),
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let (mut out, mut err) = (String::new(), String::new());
        self.0.stdout.take().map(|mut pipe| pipe.read_to_string(&mut out).unwrap());
        self.0.stderr.take().map(|mut pipe| pipe.read_to_string(&mut err).unwrap());
        (status, out, err)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Nothing to do if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn error_and_status() {
    let (status, out, err) = Service::start("fail", &[]).end();
    assert_eq!((status.code(), &*out, &*err), (Some(3), "", "fail: it broke\n"));
}

fn help() {
    let (status, out, err) = Service::start("help", &[]).end();
    assert_eq!((status.code(), &*err), (Some(0), ""));
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("arguments:"));
    for own in [
        "--memory=SIZE",
        "--pcap=FILE",
        "--pcap-size=SIZE",
        "--profile=FILE",
        "--profile-every=N",
        "--sandbox=on|off",
    ] {
        let line = lines.next().unwrap_or_else(|| panic!("{out}"));
        assert!(line.starts_with(&format!("  {own} ")), "{line}");
    }
}

fn bad_argument() {
    let (status, out, err) = Service::start("serve", &["--memory=1T"]).end();
    assert_eq!((status.code(), &*out), (Some(2), ""));
    assert!(err.starts_with("serve: --memory=1T: expected a size"), "{err}");
}

fn arguments() {
    let mut service = Service::ready("serve", &["--log", "all", "--memory", "128K", "y"]);
    service.expect(r#"31 pages, ["--log", "all", "y"]"#);
    service.signal("TERM");
    assert!(service.end().0.success());
}

fn waiting() {
    for signal in ["TERM", "INT", "HUP"] {
        let mut service = Service::ready("serve", &[]);
        for _ in 0..20 {
            service.signal("USR1");
            service.expect("report");
        }
        service.signal(signal);
        let (status, _, err) = service.end();
        assert!(status.success(), "{signal}: {status}");
        assert_eq!(err, "stopped\n");
    }
}

fn never_waiting() {
    let mut service = Service::ready("busy", &[]);
    service.signal("USR1");
    service.expect("report");
    service.signal("INT");
    assert!(service.end().0.success());
}

fn not_listening() {
    let mut service = Service::ready("deaf", &[]);
    // At once means the same as once: whoever ends a group of processes may send two.
    service.signal("TERM");
    service.signal("TERM");
    thread::sleep(Duration::from_millis(200));
    assert_eq!(service.0.try_wait().unwrap(), None);
    thread::sleep(Duration::from_secs(1));
    service.signal("TERM");
    assert_eq!(service.end().0.signal(), Some(15));
}

fn nobody_reads() {
    let mut service = Service::ready("serve", &[]);
    service.0.stdout = None;
    service.0.stderr = None;
    for _ in 0..3 {
        service.signal("USR1");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(service.0.try_wait().unwrap(), None);
    service.signal("TERM");
    assert_eq!(service.end().0.code(), Some(0));
}

/// Whether all lines are whole, in order, and, with those that were dropped, as many as were printed.
fn assert_lines(err: &str, printed: usize, number: impl Fn(&str) -> Option<usize>) {
    let (mut lines, mut dropped) = (0, 0);
    for line in err.lines() {
        match line.split_once(" dropped: nobody read ") {
            Some((count, _)) => {
                dropped += count.split_once(' ').unwrap().0.parse::<usize>().unwrap();
            }
            None => {
                assert_eq!(number(line), Some(lines + dropped), "{line}");
                lines += 1;
            }
        }
    }
    assert!(dropped > 0 && err.ends_with('\n'), "{err}");
    assert_eq!(lines + dropped, printed);
}

fn full_pipe() {
    let mut service = Service::ready("chatter", &[]);
    service.signal("USR1");
    thread::sleep(Duration::from_millis(100));
    assert_eq!(service.0.try_wait().unwrap(), None);
    service.signal("TERM");
    let (status, out, err) = service.end();
    assert_eq!((status.code(), &*out), (Some(0), "went on\n"));
    assert_lines(&err, 2000, |line| line.split_once(" words ")?.0.parse().ok());
}

fn panic_into_full_pipe() {
    let service = Service::ready("chatter", &["panic"]);
    service.signal("USR1");
    let (status, _, err) = service.end();
    assert!(!status.success());
    // The message is one of the lines that nobody read.
    assert_lines(&err, 2001, |line| line.split_once(" words ")?.0.parse().ok());
}

fn panic_said() {
    let (status, _, err) = Service::start("panic", &["x"]).end();
    assert!(!status.success());
    let place = err.starts_with("panicked at rt-unix/tests/process.rs:");
    assert!(place && err.contains("on purpose, Some(\"x\")\n"), "{err}");
}

fn hangup_ignored() {
    let by = ["env", "--ignore-signal=HUP"];
    let mut service = Service::start_by(&by, "serve", &[]).expect_ready();
    service.signal("HUP");
    service.signal("USR1");
    service.expect("report");
    service.signal("TERM");
    let (status, _, err) = service.end();
    assert_eq!((status.code(), &*err), (Some(0), "stopped\n"));
}

fn file_too_large() {
    let by = ["prlimit", "--fsize=1000"];
    let (status, _, err) = Service::start_by(&by, "grow", &[]).end();
    assert_eq!((status.code(), &*err), (Some(1), "grow: File too large (os error 27)\n"));
}

#[cfg(feature = "defmt")]
fn log_unread() {
    let service = Service::ready("log a lot", &[]);
    service.signal("TERM");
    let (status, _, err) = service.end();
    assert!(status.success());
    // The service has printed a line at its start, and one at its end.
    assert_lines(&err, 4002, |line| line.split_once("this is line ")?.1.parse().ok());
}

#[cfg(feature = "defmt")]
fn log_lines() {
    let (status, out, err) = Service::start("log", &[]).end();
    assert_eq!((status.code(), &*out), (Some(0), ""), "{err}");
    let words: Vec<_> = err
        .lines()
        .map(|line| {
            let (time, words) = line.split_once(' ').unwrap();
            let (seconds, micros) = time.split_once('.').unwrap();
            seconds.parse::<u64>().unwrap();
            assert_eq!((micros.len(), micros.parse::<u32>().is_ok()), (6, true), "{line}");
            words
        })
        .collect();
    assert_eq!(
        words,
        [
            "plain",
            "7 text Some(1.5) [01, ff]",
            "(a line of 5006 bytes is left out: 4096 is the most)",
            "outer nested",
            "thread",
            "last",
        ]
    );
}
