//! The lines of the process on standard error. Each line is written whole or not at all. A reader that stops
//! reading does not stop the service: a line that cannot be written is dropped and counted.

use std::{
    fmt, mem,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use layer::Instant;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, Mode, OFlags, fstat, open},
    io::{Errno, write},
    pipe::{PIPE_BUF, fcntl_getpipe_size, fcntl_setpipe_size},
    stdio::stderr,
};

use crate::runtime::now;

/// How long the lines of an ending process wait for a reader, in all.
const LAST_WORDS: Duration = Duration::from_secs(1);

static ERRORS: Mutex<Words> = Mutex::new(Words::new(None));

/// Whether `ERRORS` has a line left for a reader that may come back.
static BEHIND: AtomicBool = AtomicBool::new(false);

/// Writes one line to standard error, without waiting for its reader.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    #[cfg(feature = "page")]
    crate::insight::keep_line(line);
    let line = format!("{line}\n");
    with_errors(|words| words.line(&line));
}

/// Prepares standard error, while files can still be opened.
pub(crate) fn open_errors() {
    with_errors(|_| ());
}

/// Tries again to write what is left. Costs one load if nothing is left.
#[inline]
pub(crate) fn catch_up() {
    if BEHIND.load(Ordering::Relaxed) {
        with_errors(|words| {
            words.catch_up();
        });
    }
}

/// Called when the process is to end: from now on, lines wait for a reader, for a second in all.
pub(crate) fn begin_last_words() {
    with_errors(|words| {
        words.wait_until.get_or_insert_with(|| now() + LAST_WORDS);
    });
}

/// Called after the last line of the process.
pub(crate) fn end() {
    with_errors(Words::end);
}

fn with_errors(act: impl FnOnce(&mut Words)) {
    let mut words: MutexGuard<'_, _> = ERRORS.lock().unwrap_or_else(PoisonError::into_inner);
    if !words.is_open {
        words.is_open = true;
        words.own = reopened(stderr());
        words.pipe_size = fcntl_getpipe_size(words.to()).ok();
    }
    act(&mut words);
    let may_go = words.is_behind() && words.reason == Errno::AGAIN;
    BEHIND.store(may_go, Ordering::Relaxed);
}

/// Opens a terminal or a pipe a second time, so that writing to it does not wait. `None` if that fails, and
/// for all other kinds of files. (`O_NONBLOCK` on the shared description would change it for the other
/// processes.)
fn reopened(shared: BorrowedFd<'_>) -> Option<OwnedFd> {
    let kind = FileType::from_raw_mode(fstat(shared).ok()?.st_mode);
    if !matches!(kind, FileType::Fifo | FileType::CharacterDevice) {
        return None;
    }
    let number = std::os::fd::AsRawFd::as_raw_fd(&shared);
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    open(format!("/proc/self/fd/{number}"), flags, Mode::empty()).ok()
}

/// Standard error, and the lines that could not be written.
struct Words {
    /// Whether `own` was tried.
    is_open: bool,
    /// A description of our own that does not wait. Without one, standard error.
    own: Option<OwnedFd>,
    /// If it is a pipe, how much that holds, in bytes.
    pipe_size: Option<usize>,
    /// The rest of a line that was begun: it goes before all others.
    rest: Vec<u8>,
    /// How many lines were dropped since the last message about it.
    dropped: u64,
    /// Why the last line was dropped.
    reason: Errno,
    /// How long to wait for a reader; `None` while the service runs: not at all.
    wait_until: Option<Instant>,
}

impl Words {
    const fn new(own: Option<OwnedFd>) -> Self {
        Self {
            is_open: own.is_some(),
            own,
            pipe_size: None,
            rest: Vec::new(),
            dropped: 0,
            reason: Errno::AGAIN,
            wait_until: None,
        }
    }

    fn is_behind(&self) -> bool {
        !self.rest.is_empty() || self.dropped > 0
    }

    /// Writes a line, which ends with a line feed, or drops it.
    fn line(&mut self, line: &str) {
        if !(self.catch_up() && self.begin(line.as_bytes())) {
            self.dropped += 1;
        }
    }

    /// Writes the rest of the line that was begun, and the number of dropped lines; false if not all of that
    /// was written.
    fn catch_up(&mut self) -> bool {
        let rest = mem::take(&mut self.rest);
        let written = self.write(&rest);
        self.rest = rest;
        self.rest.drain(..written);
        if !self.rest.is_empty() {
            return false;
        }
        if self.dropped == 0 {
            return true;
        }
        let (lines, them) =
            if self.dropped == 1 { ("line was", "it") } else { ("lines were", "them") };
        let notice = match self.reason {
            Errno::AGAIN => format!("{} {lines} dropped: nobody read {them}\n", self.dropped),
            errno => format!("{} {lines} dropped: {errno}\n", self.dropped),
        };
        if self.begin(notice.as_bytes()) {
            self.dropped = 0;
        }
        !self.is_behind()
    }

    /// Writes a line or its beginning, whose rest is written later; false if nothing was written.
    fn begin(&mut self, line: &[u8]) -> bool {
        let written = self.write(line);
        if written > 0 {
            self.rest.extend_from_slice(&line[written..]);
        }
        written > 0
    }

    /// Writes as much as possible, and returns the number of bytes written.
    fn write(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            // Up to this length, a write into a pipe is atomic: pipe(7).
            let piece = &rest[..rest.len().min(PIPE_BUF)];
            match self.write_piece(piece) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if self.wait() => {}
                Err(errno) => {
                    self.reason = errno;
                    break;
                }
            }
        }
        bytes.len() - rest.len()
    }

    fn write_piece(&self, piece: &[u8]) -> Result<usize, Errno> {
        if self.own.is_none() && !self.is_ready(Duration::ZERO) {
            return Err(Errno::AGAIN);
        }
        match write(self.to(), piece) {
            Ok(0) => Err(Errno::IO),
            written => written,
        }
    }

    /// Waits for room, if there is time for that; false if there is none.
    fn wait(&self) -> bool {
        let time = self.wait_until.map_or(Duration::ZERO, |until| until.since(now()));
        !time.is_zero() && self.is_ready(time)
    }

    /// Whether within this time there is room, or an error that writing would return.
    fn is_ready(&self, time: Duration) -> bool {
        let to = self.to();
        let timeout = Timespec::try_from(time).unwrap_or_default();
        matches!(poll(&mut [PollFd::new(&to, PollFlags::OUT)], Some(&timeout)), Ok(1..))
    }

    fn to(&self) -> BorrowedFd<'_> {
        self.own.as_ref().map_or(stderr(), AsFd::as_fd)
    }

    /// Writes what is left. A pipe that nobody reads is made larger for that.
    fn end(&mut self) {
        if !self.catch_up()
            && let Some(size) = self.pipe_size
            && fcntl_setpipe_size(self.to(), size + 1).is_ok()
        {
            self.catch_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read as _};

    use rustix::pipe::{PipeFlags, pipe_with};

    use super::*;

    /// A pipe of one page, and what writes to it.
    fn pipe() -> (Words, File) {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
        fcntl_setpipe_size(&writer, 4096).unwrap();
        let words = Words { pipe_size: Some(4096), ..Words::new(Some(writer)) };
        (words, reader.into())
    }

    /// What is in the pipe now.
    fn read(pipe: &mut File) -> String {
        let mut text = Vec::new();
        // It ends with an error: there is no more at the moment.
        let _ = pipe.read_to_end(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn what_a_full_pipe_does_not_take_is_counted_and_said_later() {
        let (mut words, mut pipe) = pipe();
        for number in 0..2000 {
            words.line(&format!("{number}\n"));
        }
        let text = read(&mut pipe);
        let lines = text.lines().count();
        assert!(text.ends_with('\n') && (900..1100).contains(&lines), "{lines}: {text}");
        assert!(text.lines().enumerate().all(|(number, line)| line == number.to_string()));
        words.line("next\n");
        let dropped = 2000 - lines;
        let notice = format!("{dropped} lines were dropped: nobody read them\nnext\n");
        assert_eq!(read(&mut pipe), notice);
        assert!(!words.is_behind());
    }

    #[test]
    fn a_line_that_was_begun_is_ended_before_another() {
        let (mut words, mut pipe) = pipe();
        let long = "x".repeat(5000) + "\n";
        words.line(&long);
        words.line("dropped\n");
        let mut text = read(&mut pipe);
        assert_eq!(text.len(), 4096);
        words.line("next\n");
        text += &read(&mut pipe);
        assert_eq!(text, long + "1 line was dropped: nobody read it\nnext\n");
    }

    #[test]
    fn a_reader_that_comes_after_the_end_finds_what_was_dropped() {
        let (mut words, mut pipe) = pipe();
        for _ in 0..500 {
            words.line("a line of words\n");
        }
        words.end();
        assert!(read(&mut pipe).ends_with("words\n244 lines were dropped: nobody read them\n"));
    }

    #[test]
    fn last_words_wait_for_a_reader() {
        let (mut words, mut pipe) = pipe();
        words.line(&("x".repeat(4095) + "\n"));
        let start = now();
        words.wait_until = Some(start + Duration::from_millis(50));
        words.line("nobody comes\n");
        assert!(now() - start >= Duration::from_millis(50));
        assert_eq!(words.dropped, 1);

        words.wait_until = Some(now() + Duration::from_secs(60));
        let reader = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            let first = read(&mut pipe);
            // The writer has to come round.
            std::thread::sleep(Duration::from_millis(500));
            first + &read(&mut pipe)
        });
        words.line("the end\n");
        let text = reader.join().unwrap();
        assert!(text.ends_with("\n1 line was dropped: nobody read it\nthe end\n"), "{text}");
    }

    #[test]
    fn without_a_reader_the_reason_is_said_by_nobody_and_nothing_stops() {
        let (mut words, pipe) = pipe();
        drop(pipe);
        words.line("x\n");
        words.end();
        assert_eq!((words.dropped, words.reason), (1, Errno::PIPE));
    }

    #[test]
    fn a_pipe_is_opened_again_and_a_file_is_not() {
        let (_reader, writer) = rustix::pipe::pipe().unwrap();
        let own = reopened(writer.as_fd()).unwrap();
        let is_waiting = |fd| !rustix::fs::fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK);
        assert!(!is_waiting(own.as_fd()) && is_waiting(writer.as_fd()));
        assert!(reopened(File::open("/proc/self/exe").unwrap().as_fd()).is_none());
    }
}
