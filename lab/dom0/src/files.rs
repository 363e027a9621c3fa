//! Files: written, read, followed.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use dom0::protocol::Answer;

use crate::agent::{Answers, failed};

/// How often a file is looked at that is followed.
const TICK: Duration = Duration::from_millis(20);
/// How much of it is sent at once, in bytes.
const CHUNK: usize = 1 << 16;

pub(crate) fn write(path: &str, content: &[u8]) -> (Answer, Vec<u8>) {
    let written = match Path::new(path).parent() {
        Some(folder) => fs::create_dir_all(folder),
        None => Ok(()),
    };
    match written.and_then(|()| fs::write(path, content)) {
        Ok(()) => (Answer::Done, Vec::new()),
        Err(error) => failed(format!("cannot write {path}: {error}")),
    }
}

pub(crate) fn read(path: &str) -> (Answer, Vec<u8>) {
    match fs::read(path) {
        Ok(content) => (Answer::Content, content),
        Err(error) => failed(format!("cannot read {path}: {error}")),
    }
}

/// Sends what is in the file and what comes to it, until `ended`. Fails only if the device does.
pub(crate) fn follow(id: u32, path: &str, ended: &AtomicBool, to: &Answers) -> io::Result<()> {
    let mut file = None;
    let mut chunk = vec![0; CHUNK];
    while !ended.load(Ordering::Relaxed) {
        let length = match &mut file {
            None => match File::open(path) {
                Ok(opened) => {
                    file = Some(opened);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
                Err(error) => Err(error),
            },
            Some(file) => file.read(&mut chunk),
        };
        match length {
            Ok(0) => thread::sleep(TICK),
            Ok(length) => to.send(id, Answer::Content, &chunk[..length])?,
            Err(error) => {
                let reason = format!("cannot read {path}: {error}");
                return to.send(id, Answer::Failed { reason }, &[]);
            }
        }
    }
    Ok(())
}
