//! The programs that the lab and the tests call, and the Debian packages that bring them.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{self, Read},
    panic,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// How often it is looked whether a program has ended.
const TICK: Duration = Duration::from_millis(5);

/// A program, and where to get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The program.
    pub name: &'static str,
    /// The Debian package that brings it.
    pub package: &'static str,
}

/// What the tests look at interfaces with, and the benchmark sets them with.
pub const IP: Tool = Tool { name: "ip", package: "iproute2" };
/// What starts a program so that it never outlives us.
pub const SETPRIV: Tool = Tool { name: "setpriv", package: "util-linux" };

/// The machine that Xen runs on.
pub const QEMU: Tool = Tool { name: "qemu-system-x86_64", package: "qemu-system-x86" };
/// What downloads the packages that are not installed.
pub const APT: Tool = Tool { name: "apt-get", package: "apt" };
/// What unpacks them.
pub const DPKG: Tool = Tool { name: "dpkg", package: "dpkg" };

/// What takes the symbols out of an image.
pub const STRIP: Tool = Tool { name: "strip", package: "binutils" };

/// What watches every access to memory; its checks are skipped where it is missing.
pub const VALGRIND: Tool = Tool { name: "valgrind", package: "valgrind" };

/// The browser that looks at the page of a service; the tests of that are skipped where it is missing.
pub const CHROMIUM: Tool = Tool { name: "chromium", package: "chromium" };

/// The debugger that stops a guest of KVM; the test of that is skipped where it is missing.
pub const GDB: Tool = Tool { name: "gdb", package: "gdb" };

/// What the tests can do without.
const OPTIONAL: [Tool; 3] = [VALGRIND, CHROMIUM, GDB];

/// Every program that is called; those of util-linux by the name of one of them, the peers of the end-to-end tests among them.
pub const ALL: [Tool; 9] = [
    IP,
    SETPRIV,
    QEMU,
    APT,
    DPKG,
    STRIP,
    Tool { name: "ping", package: "iputils-ping" },
    Tool { name: "arping", package: "iputils-arping" },
    Tool { name: "nc", package: "netcat-openbsd" },
];

impl Tool {
    /// Whether the program is there.
    pub fn is_installed(&self) -> bool {
        env::split_paths(&path()).any(|folder| folder.join(self.name).is_file())
    }

    /// The command that calls it.
    pub fn command(&self) -> Command {
        command(self.name)
    }
}

/// A command that is found in the system's folders too.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", path());
    command
}

/// The command that calls a program which the kernel ends (with `SIGTERM`) if this thread ends before it does, where
/// there is [`SETPRIV`]: otherwise the program stays if we are killed.
pub fn with_us(program: impl AsRef<OsStr>) -> Command {
    if !SETPRIV.is_installed() {
        return command(program);
    }
    let mut command = SETPRIV.command();
    command.args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}

/// The tools that are not installed.
pub fn missing() -> Vec<Tool> {
    ALL.into_iter().filter(|tool| !tool.is_installed()).collect()
}

/// The tools that are not installed, those included that the tests can do without.
pub fn wanted() -> Vec<Tool> {
    missing().into_iter().chain(OPTIONAL.into_iter().filter(|tool| !tool.is_installed())).collect()
}

/// What is missing and how to get it, in one sentence.
pub fn remedy(missing: &[Tool]) -> String {
    let list = |of: fn(&Tool) -> &'static str| missing.iter().map(of).collect::<Vec<_>>();
    format!(
        "missing: {}; on Debian: apt-get install {}",
        list(|tool| tool.name).join(", "),
        list(|tool| tool.package).join(" ")
    )
}

/// The search path with the system's folders, which people who are not root often lack.
fn path() -> OsString {
    let known = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&known).collect();
    for system in ["/usr/sbin", "/usr/bin", "/sbin", "/bin"] {
        if !folders.iter().any(|folder| folder == Path::new(system)) {
            folders.push(system.into());
        }
    }
    // Only a folder with a colon in its name cannot be joined again, and none was split off.
    env::join_paths(folders).unwrap_or(known)
}

/// Runs a command whose output is for people, and that reads nothing.
///
/// # Errors
/// It does not start, or ends badly.
pub fn succeed(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot start {}", typed(command)))?;
    ensure!(status.success(), "{}: {status}", typed(command));
    Ok(())
}

/// Runs a command that reads nothing, and returns its status and what it has written.
///
/// # Errors
/// It does not start; or it does not end within `limit`, and was killed: with what it has written.
///
/// # Panics
/// If what it writes cannot be kept.
pub fn output_within(command: &mut Command, limit: Duration) -> Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {}", typed(command)))?;
    let pipes = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let stdout = scope.spawn(|| read(pipes.0));
        let stderr = scope.spawn(|| read(pipes.1));
        let deadline = Instant::now() + limit;
        let mut is_late = false;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            is_late = Instant::now() >= deadline;
            if is_late {
                child.kill()?;
                break child.wait()?;
            }
            thread::sleep(TICK);
        };
        let join = |reader: thread::ScopedJoinHandle<'_, _>| -> io::Result<Vec<u8>> {
            reader.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
        };
        let (stdout, stderr) = (join(stdout)?, join(stderr)?);
        ensure!(
            !is_late,
            "{} has not ended within {} seconds; it has written:\n{}{}",
            typed(command),
            limit.as_secs_f32(),
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr)
        );
        Ok(Output { status, stdout, stderr })
    })
}

/// All that comes.
fn read(pipe: Option<impl Read>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The exit status of a tool that ends with `result`; an error is told on standard error.
pub fn exit_code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The exit status of a tool that called another program and has nothing to add.
pub fn status(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The command as one would type it.
pub fn typed(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    command.get_args().fold(name, |typed, arg| typed + " " + &arg.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_end_is_killed_and_what_it_wrote_is_said() {
        let sh = |script: &str, limit| output_within(command("sh").args(["-c", script]), limit);
        // More than a pipe holds.
        let script = "head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2; exit 3";
        let output = sh(script, Duration::from_secs(60)).unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (300_000, 200_000));
        assert_eq!(output.status.code(), Some(3));
        let start = Instant::now();
        let error = sh("echo out; echo err >&2; exec sleep 600", Duration::from_millis(500));
        assert!(start.elapsed() < Duration::from_secs(60));
        assert_eq!(
            error.unwrap_err().to_string(),
            "sh -c echo out; echo err >&2; exec sleep 600 has not ended within 0.5 seconds; it has written:\n\
             out\nerr\n"
        );
    }

    #[test]
    fn a_program_is_found_or_named_with_its_package() {
        assert!(Tool { name: "sh", package: "dash" }.is_installed());
        let nothing = Tool { name: "no-such-program", package: "no-such-package" };
        assert!(!nothing.is_installed());
        assert_eq!(
            remedy(&[nothing, IP]),
            "missing: no-such-program, ip; on Debian: apt-get install no-such-package iproute2"
        );
    }
}
