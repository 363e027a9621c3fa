//! What is typed: lines of a terminal, which can be edited and called back, or lines of a file or a pipe.

use std::{
    io::{self, BufRead as _, BufReader, IsTerminal as _},
    path::PathBuf,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use lab::{cargo::Service, interrupt};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use rustyline::{Behavior, Config, DefaultEditor, config::Configurer as _};

/// How often something else is looked at while waiting.
const TICK: Duration = Duration::from_millis(50);
/// The most lines that are remembered.
const REMEMBERED: usize = 1000;

/// The lines that come, one for each call.
#[derive(Debug)]
pub(super) struct Lines {
    /// Asks for the next.
    wanted: Sender<()>,
    lines: Receiver<Vec<u8>>,
    /// How the terminal was.
    terminal: Option<Termios>,
}

impl Lines {
    /// Those of standard input. On a terminal, the prompt is `name`, and lines are remembered from one time to the
    /// next in the folder that the service is built into.
    ///
    /// # Errors
    /// The terminal cannot be used, or Ctrl-C cannot be listened for.
    pub(super) fn open(name: &str, service: Option<&Service>) -> Result<Self> {
        interrupt::listen()?;
        let (wanted, asked) = mpsc::channel();
        let (sender, lines) = mpsc::channel();
        let terminal = tcgetattr(io::stdin()).ok();
        if io::stdin().is_terminal() {
            let history = service.map(|one| one.target_folder().join("letregion-history"));
            let mut editor = Editor::open(format!("{name}> "), history)?;
            thread::spawn(move || give(&asked, &sender, || editor.next()));
        } else {
            let mut lines = BufReader::new(io::stdin()).split(b'\n').map_while(io::Result::ok);
            thread::spawn(move || give(&asked, &sender, || lines.next()));
        }
        Ok(Self { wanted, lines, terminal })
    }

    /// The next line; none at the end, or as soon as Ctrl-C is pressed.
    pub(super) fn next(&self) -> Option<Vec<u8>> {
        if self.wanted.send(()).is_err() {
            return None;
        }
        while !interrupt::pressed() {
            match self.lines.recv_timeout(TICK) {
                Ok(line) => return Some(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // A signal ends us in the middle of a line.
        if let Some(terminal) = &self.terminal {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, terminal);
        }
    }
}

/// Gives a line whenever one is asked for, until there is none, or nobody asks.
fn give(asked: &Receiver<()>, to: &Sender<Vec<u8>>, mut next: impl FnMut() -> Option<Vec<u8>>) {
    while asked.recv().is_ok() {
        let Some(line) = next() else { return };
        if to.send(line).is_err() {
            return;
        }
    }
}

/// A line that can be edited.
struct Editor {
    editor: DefaultEditor,
    prompt: String,
    /// Where lines are remembered.
    history: Option<PathBuf>,
}

impl Editor {
    fn open(prompt: String, history: Option<PathBuf>) -> Result<Self> {
        // Standard output is for replies alone.
        let config = Config::builder().behavior(Behavior::PreferTerm).build();
        let mut editor = DefaultEditor::with_config(config)
            .map_err(|error| anyhow!("{error}"))
            .context("cannot use the terminal")?;
        editor.set_max_history_size(REMEMBERED).map_err(|error| anyhow!("{error}"))?;
        if let Some(history) = &history {
            // There is none the first time.
            let _ = editor.load_history(history);
        }
        Ok(Self { editor, prompt, history })
    }

    /// The next line; none at the end of input, or when Ctrl-C is pressed.
    fn next(&mut self) -> Option<Vec<u8>> {
        let line = self.editor.readline(&self.prompt).ok()?;
        let is_new = self.editor.add_history_entry(&line).unwrap_or(false);
        if let (true, Some(history)) = (is_new, &self.history) {
            // Who may not write there does without.
            let _ = self.editor.append_history(history);
        }
        Some(line.into_bytes())
    }
}
