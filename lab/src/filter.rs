//! Lines that a program of its own puts into words: decoders take long to build, and only who wants to read what
//! they decode builds them.
//!
//! The program reads lines on standard input. For each it writes the lines that stand for it, and then a line with
//! nothing but a zero byte.

use std::{
    env,
    ffi::OsStr,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, ExitCode, Stdio},
    sync::mpsc::{self, Receiver, Sender},
    thread,
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
    /// Where a line is asked for; none once it has failed, which is said once.
    desk: Option<Desk>,
}

/// A thread that builds the decoder and asks it, in the network in which the filter was made: that of the thread that reads
/// the lines may have no registry.
#[derive(Debug)]
struct Desk {
    lines: Sender<String>,
    answers: Receiver<Result<Vec<String>>>,
}

impl Filter {
    /// For lines of `program`, decoded by the program of `package`.
    pub(crate) fn new(
        package: &'static str,
        marks: &'static [&'static str],
        program: &Path,
    ) -> Self {
        let (lines, asked) = mpsc::channel();
        let (sender, answers) = mpsc::channel();
        let program = program.to_owned();
        // It ends when nobody asks any more, and the decoder with it.
        thread::spawn(move || answer(package, &program, &asked, &sender));
        Self { package, marks, desk: Some(Desk { lines, answers }) }
    }

    /// Shows `show` the lines that stand for `line`; the line itself where it cannot be decoded, the first time with
    /// the reason before it.
    pub(crate) fn decode(&mut self, line: &str, show: &mut dyn FnMut(&str)) {
        let is_marked = self.marks.iter().any(|mark| line.starts_with(mark));
        let Some(desk) = self.desk.as_ref().filter(|_| is_marked) else { return show(line) };
        match desk.ask(line) {
            Ok(lines) => lines.iter().for_each(|line| show(line)),
            Err(error) => {
                show(&format!("{}: {error:#}", self.package));
                show(line);
                self.desk = None;
            }
        }
    }
}

impl Desk {
    fn ask(&self, line: &str) -> Result<Vec<String>> {
        self.lines.send(line.to_owned())?;
        self.answers.recv()?
    }
}

/// Starts the decoder when the first line comes, and has it answer each, until nobody asks or it fails.
fn answer(
    package: &str,
    program: &Path,
    lines: &Receiver<String>,
    answers: &Sender<Result<Vec<String>>>,
) {
    let mut decoder = None;
    while let Ok(line) = lines.recv() {
        let mut ask = || {
            let decoder = match &mut decoder {
                Some(decoder) => decoder,
                none => none.insert(Decoder::start(package, program.as_os_str())?),
            };
            decoder.ask(&line)
        };
        if answers.send(ask()).is_err() {
            return;
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
