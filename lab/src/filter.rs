//! Lines that a program of its own puts into words: decoders take long to build, and only who wants to read what
//! they decode builds them.
//!
//! The program reads lines on standard input. For each it writes the lines that stand for it, and then a line with
//! nothing but a zero byte.

use std::{
    env,
    ffi::OsStr,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, ExitCode, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{cargo, tools};

/// What ends the lines that stand for one: no console writes such a line.
const END: &str = "\0";

/// The `main` of such a program: `decoder` makes a decoder for the program that its only argument names.
pub fn serve<D>(decoder: impl FnOnce(&OsStr) -> D) -> ExitCode
where
    D: FnMut(&str) -> Vec<String>,
{
    let mut args = env::args_os().skip(1);
    let (Some(program), None) = (args.next(), args.next()) else {
        eprintln!("expected one argument: the program that writes the lines");
        return ExitCode::from(2);
    };
    let mut decode = decoder(&program);
    let mut answer = || -> io::Result<()> {
        let mut out = io::stdout().lock();
        for line in io::stdin().lock().lines() {
            for line in decode(&line?) {
                writeln!(out, "{line}")?;
            }
            writeln!(out, "{END}")?;
            out.flush()?;
        }
        Ok(())
    };
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Decodes the lines that begin with one of `marks` by a program of this workspace, which is built when the first one comes.
#[derive(Debug)]
pub(crate) struct Filter {
    package: &'static str,
    marks: &'static [&'static str],
    program: PathBuf,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No line has come.
    New,
    Running(Decoder),
    /// It cannot be built or has ended: said once.
    Failed,
}

impl Filter {
    /// For lines of `program`, decoded by the program of `package`.
    pub(crate) fn new(
        package: &'static str,
        marks: &'static [&'static str],
        program: &Path,
    ) -> Self {
        Self { package, marks, program: program.into(), state: State::New }
    }

    /// Shows `show` the lines that stand for `line`; the line itself where it cannot be decoded, the first time with
    /// the reason before it.
    pub(crate) fn decode(&mut self, line: &str, show: &mut dyn FnMut(&str)) {
        if !self.marks.iter().any(|mark| line.starts_with(mark)) {
            return show(line);
        }
        match self.ask(line) {
            Ok(Some(lines)) => lines.iter().for_each(|line| show(line)),
            Ok(None) => show(line),
            Err(error) => {
                show(&format!("{}: {error:#}", self.package));
                show(line);
                self.state = State::Failed;
            }
        }
    }

    fn ask(&mut self, line: &str) -> Result<Option<Vec<String>>> {
        if let State::New = self.state {
            self.state = State::Running(Decoder::start(self.package, self.program.as_os_str())?);
        }
        match &mut self.state {
            State::Running(decoder) => decoder.ask(line).map(Some),
            State::New | State::Failed => Ok(None),
        }
    }
}

/// A decoder that runs. It ends when its input does.
#[derive(Debug)]
struct Decoder {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Decoder {
    fn start(package: &str, program: &OsStr) -> Result<Self> {
        let mut command = tools::command(cargo::tool(package)?);
        let child = command.arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.context("cannot start it")?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("it has no output")?);
        Ok(Self { child, input, output })
    }

    fn ask(&mut self, line: &str) -> Result<Vec<String>> {
        let input = self.input.as_mut().context("it has no input")?;
        writeln!(input, "{line}").and_then(|()| input.flush()).context("it reads no more")?;
        let mut lines = Vec::new();
        loop {
            let mut answer = String::new();
            let length = self.output.read_line(&mut answer).context("cannot read it")?;
            ensure!(length > 0, "it has ended");
            let answer = answer.trim_end_matches('\n');
            if answer == END {
                return Ok(lines);
            }
            lines.push(answer.to_owned());
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        drop(self.input.take());
        // How it ended is of no matter: all that it was asked is answered.
        let _ = self.child.wait();
    }
}
