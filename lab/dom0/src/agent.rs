//! The agent: reads requests from the device and answers each on a thread of its own.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Read},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use dom0::protocol::{self, Answer, Command, Header, VERSION};
use soak::site::Site;

use crate::{files, load, programs, requests};

/// The way back, shared by the threads. A clone is of the same way.
#[derive(Clone)]
pub(crate) struct Answers(Arc<Mutex<File>>);

impl Answers {
    /// Sends an answer to request `id`.
    pub(crate) fn send(&self, id: u32, message: Answer, body: &[u8]) -> io::Result<()> {
        let mut device = lock(&self.0);
        protocol::write(&mut *device, &Header { id, message }, body)
    }
}

/// The files that are followed, by the number of the request; setting the flag ends it.
type Following = Arc<Mutex<HashMap<u32, Arc<AtomicBool>>>>;

/// Serves requests that come over `device`.
pub(crate) fn serve(device: &str) -> Result<()> {
    let open = || -> io::Result<(File, File)> {
        let device = OpenOptions::new().read(true).write(true).open(device)?;
        Ok((device.try_clone()?, device))
    };
    let (requests, answers) = open().with_context(|| format!("cannot open {device}"))?;
    // Without the agent nobody hears that memory has run out: the kernel ends another process.
    fs::write("/proc/self/oom_score_adj", "-1000").context("the agent cannot be protected")?;
    let mut requests = Connected(requests);
    let answers = Answers(Arc::new(Mutex::new(answers)));
    let following = Following::default();
    let broken = || format!("{device} is broken");
    answers.send(0, Answer::Hello { version: VERSION }, &[]).with_context(broken)?;
    loop {
        let (header, body) = protocol::read::<Command>(&mut requests).with_context(broken)?;
        let (answers, following) = (answers.clone(), Arc::clone(&following));
        // Before the next request is read: that may be the one that ends this one.
        if let Command::Follow { .. } = header.message {
            lock(&following).insert(header.id, Arc::default());
        }
        thread::spawn(move || {
            if let Err(error) = answer(header, &body, &answers, &following) {
                // The device; the loop above meets the same and ends.
                eprintln!("dom0: cannot answer: {error}");
            }
        });
    }
}

fn answer(
    Header { id, message }: Header<Command>,
    body: &[u8],
    answers: &Answers,
    following: &Following,
) -> io::Result<()> {
    let (message, body) = match message {
        Command::Run { program, args, limit } => programs::run(&program, &args, limit),
        Command::Write { path } => files::write(&path, body),
        Command::Read { path } => files::read(&path),
        Command::Ask(ask) => requests::send(&ask, body),
        Command::Load(load) => load::run(&load),
        Command::Round { place, plan } => {
            match Site::open(&place).and_then(|site| soak::run(&site, &plan)) {
                Ok(round) => (Answer::Round(Box::new(round)), Vec::new()),
                Err(error) => failed(format!("{error:#}")),
            }
        }
        Command::Follow { path } => {
            let ended = lock(following).get(&id).map(Arc::clone).unwrap_or_default();
            let result = files::follow(id, &path, &ended, answers);
            lock(following).remove(&id);
            return result;
        }
        Command::Unfollow { id } => {
            if let Some(ended) = lock(following).get(&id) {
                ended.store(true, Ordering::Relaxed);
            }
            (Answer::Done, Vec::new())
        }
    };
    answers.send(id, message, &body)
}

/// A failure, as an answer.
pub(crate) fn failed(reason: impl Into<String>) -> (Answer, Vec<u8>) {
    (Answer::Failed { reason: reason.into() }, Vec::new())
}

/// A port of virtio-serial reads as ended as long as nobody is on the other side of it.
struct Connected(File);

impl Read for Connected {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer)? {
                0 if !buffer.is_empty() => thread::sleep(Duration::from_millis(50)),
                length => return Ok(length),
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
