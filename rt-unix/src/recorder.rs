//! Writes the frames of an interface to a file that Wireshark opens (`--pcap`).

use std::{
    fmt,
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use netif::Payload;
use rt::Error;

use crate::say;

/// The longest frame that is kept whole, in bytes (no program reads longer ones); of a longer one, only
/// its beginning.
const LONGEST: u32 = 262_144;

/// The header of the file (draft-ietf-opsawg-pcap, section 4), in the byte order of this machine: times
/// in nanoseconds, version 2.4, frames of Ethernet.
const HEADER: [u32; 6] = [0xa1b2_3c4d, u32::from_ne_bytes(VERSION), 0, 0, LONGEST, 1];
/// Two numbers of 16 bits.
const VERSION: [u8; 4] = {
    let ([a, b], [c, d]) = (2_u16.to_ne_bytes(), 4_u16.to_ne_bytes());
    [a, b, c, d]
};

/// A file that frames are written to, each with the time of day in nanoseconds. What is still in its
/// buffer is written when it goes.
pub struct Recorder {
    path: PathBuf,
    /// None once a frame could not be written: a file with a hole in it helps nobody.
    file: Option<BufWriter<File>>,
    frame: Vec<u8>,
}

impl Recorder {
    /// Makes the file `path`, or empties it.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        let file = File::create(path).and_then(|file| {
            let mut file = BufWriter::new(file);
            file.write_all(HEADER.map(u32::to_ne_bytes).as_flattened())?;
            Ok(file)
        });
        let file = file.map_err(|error| Error::new(1, failed(path, &error)))?;
        Ok(Self { path: path.into(), file: Some(file), frame: Vec::new() })
    }

    /// Says why no more is written; the service goes on.
    fn give_up(&mut self, error: &io::Error) {
        say(format_args!("{}; no more frames are written", failed(&self.path, error)));
        self.file = None;
    }
}

impl netif::Recorder for Recorder {
    fn record(&mut self, frame: &dyn Payload) {
        let Some(file) = &mut self.file else { return };
        self.frame.resize(frame.len().min(LONGEST as usize), 0);
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
    use std::{env, fs, process};

    use netif::Recorder as _;
    use pcap_file::{DataLink, pcap::PcapReader};

    use super::*;

    #[test]
    fn the_file_holds_the_frames() {
        let path = env::temp_dir().join(format!("frames-{}.pcap", process::id()));
        let mut recorder = Recorder::create(&path).unwrap();
        recorder.record(&(*b"head", &b"tail"[..]));
        recorder.record(&vec![7; 70_000].as_slice());
        drop(recorder);
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
        let error = Recorder::create(Path::new("/no/such/folder/frames.pcap")).unwrap_err();
        assert_eq!(error.status(), 1);
        assert!(error.message().starts_with("--pcap=/no/such/folder/frames.pcap: "), "{error}");
    }

    #[test]
    fn a_full_disk_ends_the_file_and_nothing_else() {
        let mut recorder = Recorder::create(Path::new("/dev/full")).unwrap();
        for _ in 0..100 {
            recorder.record(&[0; 1500]);
        }
        assert!(recorder.file.is_none());
    }
}
