//! The other side of the agent: sends requests, and gives each answer to whoever waits for it.

use std::{
    collections::HashMap,
    io::{Read, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use dom0::protocol::{self, Answer, Command, Header, VERSION};

use crate::interrupt;

/// How often something else is looked at while an answer is waited for.
const TICK: Duration = Duration::from_millis(50);

/// An answer and its body.
pub(super) type Answered = (Answer, Vec<u8>);

/// The way to the agent.
#[derive(Debug)]
pub(super) struct Agent {
    /// To the thread that writes: the device takes nothing while dom0 does not read, and a caller must
    /// not hang then.
    requests: Sender<(Header<Command>, Vec<u8>)>,
    waiting: Arc<Mutex<Waiting>>,
    next: AtomicU32,
}

#[derive(Debug, Default)]
struct Waiting {
    for_answers: HashMap<u32, Sender<Answered>>,
    /// No answer comes any more.
    ended: bool,
}

impl Agent {
    /// Over these two ends of the device. The agent need not be there yet.
    pub(super) fn new(
        mut to: impl Write + Send + 'static,
        mut from: impl Read + Send + 'static,
    ) -> (Self, Receiver<Answered>) {
        let (requests, to_write) = mpsc::channel::<(Header<Command>, Vec<u8>)>();
        thread::spawn(move || {
            for (header, body) in to_write {
                // Then no answer comes either, and the other thread sees that.
                if protocol::write(&mut to, &header, &body).is_err() {
                    break;
                }
            }
        });
        let waiting = Arc::<Mutex<Waiting>>::default();
        let (hello, greeted) = mpsc::channel();
        lock(&waiting).for_answers.insert(0, hello);
        thread::spawn({
            let waiting = Arc::clone(&waiting);
            move || {
                while let Ok((header, body)) = protocol::read::<Answer>(&mut from) {
                    // Nobody may be waiting any more: a call that took too long.
                    if let Some(sender) = lock(&waiting).for_answers.get(&header.id) {
                        _ = sender.send((header.message, body));
                    }
                }
                let mut waiting = lock(&waiting);
                waiting.ended = true;
                waiting.for_answers.clear();
            }
        });
        (Self { requests, waiting, next: AtomicU32::new(1) }, greeted)
    }

    /// Sends a request, and returns its number and where its answers come.
    pub(super) fn start(
        &self,
        message: Command,
        body: Vec<u8>,
    ) -> Result<(u32, Receiver<Answered>)> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel();
        {
            let mut waiting = lock(&self.waiting);
            ensure!(!waiting.ended, "dom0 has ended");
            waiting.for_answers.insert(id, sender);
        }
        // If that thread has ended, so has the other, and the receiver says so.
        _ = self.requests.send((Header { id, message }, body));
        Ok((id, receiver))
    }

    /// Whether no answer can come any more.
    pub(super) fn has_ended(&self) -> bool {
        lock(&self.waiting).ended
    }

    /// Nobody waits for answers to this request any more.
    pub(super) fn forget(&self, id: u32) {
        lock(&self.waiting).for_answers.remove(&id);
    }

    /// Sends a request and waits for its answer. Meanwhile, `watch` is called again and again: its
    /// error ends the waiting, and so does Ctrl-C.
    pub(super) fn call(
        &self,
        command: Command,
        body: Vec<u8>,
        limit: Duration,
        mut watch: impl FnMut() -> Result<()>,
    ) -> Result<Answered> {
        ensure!(!interrupt::pressed(), "interrupted");
        let (id, answers) = self.start(command, body)?;
        let deadline = Instant::now() + limit;
        let answer = loop {
            match answers.recv_timeout(TICK) {
                Ok(answer) => break Ok(answer),
                Err(RecvTimeoutError::Disconnected) => break Err(anyhow!("dom0 has ended")),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if interrupt::pressed() {
                break Err(anyhow!("interrupted"));
            }
            if Instant::now() >= deadline {
                break Err(anyhow!("dom0 does not answer within {} seconds", limit.as_secs()));
            }
            if let Err(error) = watch() {
                break Err(error);
            }
        };
        self.forget(id);
        answer
    }
}

/// Checks the first word of the agent.
pub(super) fn check_greeting((answer, _): &Answered) -> Result<()> {
    ensure!(*answer == Answer::Hello { version: VERSION }, "not the agent of this lab: {answer:?}");
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    /// The agent's side: a function from a request to its answers.
    fn with(
        answers: impl Fn(Header<Command>, Vec<u8>) -> Vec<(u32, Answer)> + Send + 'static,
    ) -> (Agent, Receiver<Answered>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        thread::spawn(move || {
            let (mut from, mut to) = (theirs.try_clone().unwrap(), theirs);
            let hello = Header { id: 0, message: Answer::Hello { version: VERSION } };
            protocol::write(&mut to, &hello, &[]).unwrap();
            while let Ok((header, body)) = protocol::read(&mut from) {
                for (id, message) in answers(header, body) {
                    protocol::write(&mut to, &Header { id, message }, &[]).unwrap();
                }
            }
        });
        Agent::new(ours.try_clone().unwrap(), ours)
    }

    fn read(path: &str) -> Command {
        Command::Read { path: path.into() }
    }

    #[test]
    fn each_caller_gets_its_own_answer() {
        // Answers when the second request has come, the second first.
        let (agent, greeted) = with(|header, _| match header.message {
            Command::Read { path } if path == "one" => Vec::new(),
            _ => vec![
                (header.id, Answer::Content),
                (header.id - 1, Answer::Failed { reason: "why".into() }),
            ],
        });
        check_greeting(&greeted.recv().unwrap()).unwrap();
        let limit = Duration::from_secs(60);
        let (_, one) = agent.start(read("one"), Vec::new()).unwrap();
        let two = agent.call(read("two"), Vec::new(), limit, || Ok(())).unwrap();
        assert_eq!(two.0, Answer::Content);
        assert_eq!(one.recv_timeout(limit).unwrap().0, Answer::Failed { reason: "why".into() });
    }

    #[test]
    fn a_dead_or_silent_agent_is_an_error() {
        let (agent, _) = with(|_, _| Vec::new());
        // More than fits into the device.
        let error = agent.call(read("x"), vec![0; 1 << 24], Duration::from_millis(200), || Ok(()));
        assert!(error.unwrap_err().to_string().contains("does not answer"));

        let (ours, theirs) = UnixStream::pair().unwrap();
        let (agent, greeted) = Agent::new(ours.try_clone().unwrap(), ours);
        drop(theirs);
        assert!(greeted.recv_timeout(Duration::from_secs(60)).is_err());
        let error =
            agent.call(read("x"), Vec::new(), Duration::from_secs(60), || Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "dom0 has ended");
    }

    #[test]
    fn who_watches_may_end_the_waiting() {
        let (agent, _) = with(|_, _| Vec::new());
        let limit = Duration::from_secs(60);
        let error = agent.call(read("x"), Vec::new(), limit, || Err(anyhow!("it ended")));
        assert_eq!(error.unwrap_err().to_string(), "it ended");
    }
}
