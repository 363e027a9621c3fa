//! The profiler: samples the regions after a packet, and writes the samples to a file.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Seek as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use layer::Instant;
use rt::Error;
use rt_regions::{Pool, Profile};
use rustix::fs::OFlags;

use crate::memory;

/// How many samples there is room for.
const SAMPLES: usize = 2048;
/// The memory for them, in bytes: a run of 4 MiB, and some pages.
pub(crate) const MEMORY: usize = 6 << 20;

/// A profile, and the file that it goes to.
#[derive(Debug)]
pub(crate) struct Profiler {
    profile: Profile<'static>,
    path: PathBuf,
    /// Open from the start to the end: a service may not open files while it runs.
    file: File,
    /// Whether the file can be rewound.
    is_regular: bool,
}

impl Profiler {
    /// Takes a sample every `every` packets. The file is made now, so that a failure shows before the run and
    /// not after it. The profile has a pool of its own, so that the pool of the service is that of a run
    /// without a profiler.
    pub(crate) fn new(path: PathBuf, every: u32) -> Result<Self, Error> {
        let (_, memory) = memory::open(MEMORY)?;
        let profile = Profile::new(memory, SAMPLES, every)?;
        // Neither opening a pipe nor writing to it may stop the service.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let open = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).custom_flags(flags);
            let file = options.open(&path)?;
            let is_regular = file.metadata()?.is_file();
            Ok((file, is_regular))
        };
        match open() {
            Ok((file, is_regular)) => Ok(Self { profile, path, file, is_regular }),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    #[inline]
    pub(crate) fn packet_served(&mut self, pool: &Pool<'_>, now: Instant) {
        self.profile.tick(pool, now.as_nanos());
    }

    /// Writes all of the profile up to now, and replaces the former contents of the file.
    pub(crate) fn write(&self) -> Result<(), Error> {
        let write = || {
            let mut file = &self.file;
            if self.is_regular {
                file.rewind()?;
                file.set_len(0)?;
            }
            let mut out = Text { to: BufWriter::new(file), result: Ok(()) };
            match self.profile.write_csv(&mut out) {
                Ok(()) => out.to.flush(),
                Err(fmt::Error) => out.result,
            }
        };
        write().map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::new(1, format_args!("--profile={}: {error}", path.display()))
}

/// Writes text to a writer of bytes, and keeps the error of the system.
struct Text<W> {
    to: W,
    result: io::Result<()>,
}

impl<W: Write> fmt::Write for Text<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.result = self.to.write_all(text.as_bytes());
        self.result.as_ref().map_or(Err(fmt::Error), |()| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, mem::MaybeUninit, process};

    use rt_regions::Region;
    use rustix::fs::{FileType, Mode};

    use super::*;

    #[test]
    fn the_file_has_what_was_seen_up_to_the_last_writing() {
        let file = env::temp_dir().join(format!("rt-unix-profile-{}.csv", process::id()));
        let mut memory = vec![MaybeUninit::uninit(); 64 << 10];
        let pool = Pool::new(&mut memory);
        let _packet = Region::new(&pool, "packet");
        let mut profiler = Profiler::new(file.clone(), 2).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "");
        // What is longer than it is written anew.
        fs::write(&file, [b'x'; 100_000]).unwrap();
        for packets in [1, 4] {
            for _ in 0..packets {
                profiler.packet_served(&pool, Instant::ZERO);
            }
            profiler.write().unwrap();
        }
        let lines = fs::read_to_string(&file).unwrap();
        fs::remove_file(file).unwrap();
        let mut lines = lines.lines();
        assert!(lines.next().unwrap().starts_with("tick,time_ns,region,pages,"));
        let ticks = lines.map(|line| line.split_once(',').unwrap().0);
        assert!(ticks.eq(["0", "2", "4"]));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let error = Profiler::new("/no/such/folder".into(), 1).unwrap_err();
        assert_eq!(error.status(), 1);
        let words = "--profile=/no/such/folder: No such file or directory";
        assert!(error.message().starts_with(words), "{error}");

        let mut profiler = Profiler::new("/dev/full".into(), 1).unwrap();
        let mut memory = vec![MaybeUninit::uninit(); 64 << 10];
        profiler.packet_served(&Pool::new(&mut memory), Instant::ZERO);
        let error = profiler.write().unwrap_err();
        assert!(error.message().starts_with("--profile=/dev/full: No space left"), "{error}");
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_an_error_and_stops_nothing() {
        let path = env::temp_dir().join(format!("rt-unix-profile-{}.pipe", process::id()));
        rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .unwrap();
        let error = Profiler::new(path.clone(), 1).unwrap_err();
        assert!(error.message().contains(": No such device or address"), "{error}");

        // A reader that does not read: Linux opens a pipe for both at once.
        let _reader = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let mut memory = vec![MaybeUninit::uninit(); 64 << 10];
        let pool = Pool::new(&mut memory);
        let _packet = Region::new(&pool, "packet");
        let mut profiler = Profiler::new(path.clone(), 1).unwrap();
        fs::remove_file(path).unwrap();
        for _ in 0..SAMPLES {
            profiler.packet_served(&pool, Instant::ZERO);
        }
        let error = (0..10).find_map(|_| profiler.write().err()).expect("the pipe is full");
        assert!(error.message().contains(": Resource temporarily unavailable"), "{error}");
    }
}
