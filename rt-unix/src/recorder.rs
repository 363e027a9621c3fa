//! Writes the frames of an interface to a file that Wireshark opens (`--pcap`).

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, BufWriter, ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use layer::Payload;
use rt::Error;

use crate::say;

/// The longest frame that is kept whole, in bytes (no program reads longer ones). Of a longer frame only the
/// beginning is kept.
const LONGEST: u32 = 262_144;

/// The header of the file (draft-ietf-opsawg-pcap, section 4), in the byte order of this machine: times
/// in nanoseconds, version 2.4, frames of Ethernet.
const HEADER: [u32; 6] = [0xa1b2_3c4d, u32::from_ne_bytes(VERSION), 0, 0, LONGEST, 1];
/// Two numbers of 16 bits.
const VERSION: [u8; 4] = {
    let ([a, b], [c, d]) = (2_u16.to_ne_bytes(), 4_u16.to_ne_bytes());
    [a, b, c, d]
};

/// A file that frames are written to, each with the time of day in nanoseconds. Dropping it writes the rest
/// of its buffer.
pub struct Recorder {
    path: PathBuf,
    /// None once a frame could not be written: a file with a gap is of no use.
    file: Option<BufWriter<File>>,
    /// How many bytes may still be written.
    room: u64,
    frame: Vec<u8>,
}

impl Recorder {
    /// Makes the file `path`, which only its owner can read and which becomes no longer than `size` bytes.
    ///
    /// An existing file, link, pipe or device of that name is an error. In a folder of another user it may be
    /// a trap, and a pipe that nobody reads would stop the service.
    pub(crate) fn create(path: &Path, size: u64) -> Result<Self, Error> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Error::new(
                1,
                format_args!(
                    "--pcap={}: it exists, and is not overwritten: remove it, or choose another name",
                    path.display()
                ),
            ),
            _ => Error::new(1, failed(path, &error)),
        })?;
        Self::new(path, file, size).map_err(|error| Error::new(1, failed(path, &error)))
    }

    /// Writes to `file`. Messages call it `path`.
    fn new(path: &Path, file: File, size: u64) -> io::Result<Self> {
        let (mut file, header) = (BufWriter::new(file), HEADER.map(u32::to_ne_bytes));
        file.write_all(header.as_flattened())?;
        let room = size.saturating_sub(size_of_val(&HEADER) as u64);
        Ok(Self { path: path.into(), file: Some(file), room, frame: Vec::new() })
    }

    /// Prints why no more frames are written; the service goes on.
    fn give_up(&mut self, error: &io::Error) {
        say(format_args!("{}; no more frames are written", failed(&self.path, error)));
        // What is in the buffer could not be written, and trying again would say nothing new.
        let _ = self.file.take().map(BufWriter::into_parts);
    }

    /// Ends the file after the last whole frame; the service goes on.
    #[cold]
    fn end(&mut self) {
        if let Some(Err(error)) = self.file.as_mut().map(BufWriter::flush) {
            return self.give_up(&error);
        }
        self.file = None;
        let path = self.path.display();
        say(format_args!("--pcap={path}: --pcap-size is reached; no more frames are written"));
    }
}

impl netif::Recorder for Recorder {
    fn record(&mut self, frame: &dyn Payload) {
        let Some(file) = &mut self.file else { return };
        let length = frame.len().min(LONGEST as usize);
        // A header of 16 bytes stands before each frame.
        let Some(room) = self.room.checked_sub(16 + length as u64) else { return self.end() };
        self.room = room;
        self.frame.resize(length, 0);
        frame.copy_to(0, &mut self.frame);
        // A clock before 1970 is as good as none.
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let whole = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        // The header of a packet (section 5): the seconds have 32 bits there, until 2106.
        let header = [time.as_secs() as u32, time.subsec_nanos(), whole.min(LONGEST), whole];
        let written = file
            .write_all(header.map(u32::to_ne_bytes).as_flattened())
            .and_then(|()| file.write_all(&self.frame));
        if let Err(error) = written {
            self.give_up(&error);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.file.as_mut().map(BufWriter::flush) {
            self.give_up(&error);
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("path", &self.path).finish_non_exhaustive()
    }
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("--pcap={}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use std::{
        env, fs,
        os::unix::fs::{PermissionsExt as _, symlink},
        process,
    };

    use netif::Recorder as _;
    use pcap_file::{DataLink, pcap::PcapReader};

    use super::*;

    /// The path of a file that is not there.
    fn path(name: &str) -> PathBuf {
        let path = env::temp_dir().join(format!("{name}-{}.pcap", process::id()));
        // Left by a run that was killed.
        let _ = fs::remove_file(&path);
        path
    }

    #[test]
    fn the_file_holds_the_frames_and_is_for_its_owner_alone() {
        let path = path("frames");
        let mut recorder = Recorder::create(&path, 1 << 20).unwrap();
        recorder.record(&(*b"head", &b"tail"[..]));
        recorder.record(&vec![7; 70_000].as_slice());
        drop(recorder);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let mut reader = PcapReader::new(File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.header().datalink, DataLink::ETHERNET);
        let first = reader.next_packet().unwrap().unwrap().into_owned();
        assert_eq!((&*first.data, first.orig_len), (&b"headtail"[..], 8));
        assert!(first.timestamp.as_secs() > 1_700_000_000);
        let second = reader.next_packet().unwrap().unwrap();
        assert_eq!((second.data.len(), second.orig_len), (70_000, 70_000));
        assert!(reader.next_packet().is_none());
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let error = Recorder::create(Path::new("/no/such/folder/frames.pcap"), 4096).unwrap_err();
        assert_eq!(error.status(), 1);
        assert!(error.message().starts_with("--pcap=/no/such/folder/frames.pcap: "), "{error}");
    }

    #[test]
    fn what_is_there_is_neither_followed_nor_overwritten() {
        let (there, link, lost) = (path("there"), path("link"), path("lost"));
        fs::write(&there, "precious").unwrap();
        symlink(&there, &link).unwrap();
        symlink(path("nowhere"), &lost).unwrap();
        for path in [&*there, &*link, &*lost, Path::new("/dev/null")] {
            let error = Recorder::create(path, 4096).unwrap_err();
            assert_eq!(error.status(), 1);
            let words = format!("--pcap={}: it exists, and is not overwritten", path.display());
            assert!(error.message().starts_with(&words), "{error}");
        }
        assert_eq!(fs::read(&there).unwrap(), b"precious");
        for path in [there, link, lost] {
            fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn the_file_ends_whole_before_it_becomes_too_long() {
        let path = path("size");
        let mut recorder = Recorder::create(&path, 4096).unwrap();
        for _ in 0..100 {
            recorder.record(&[0; 1000]);
        }
        assert!(recorder.file.is_none());
        // 24 bytes before all of them, 16 before each.
        assert_eq!(fs::metadata(&path).unwrap().len(), 24 + 4 * 1016);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_full_disk_ends_the_file_and_nothing_else() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut recorder = Recorder::new(Path::new("full"), full, u64::MAX).unwrap();
        for _ in 0..100 {
            recorder.record(&[0; 1500]);
        }
        assert!(recorder.file.is_none());
    }
}
