//! Our TCP with a task for the connection.

use std::{cell::RefCell, time::Duration};

use layer::{Instant, Layer};
use tasks::{PollTasks, Tasks};
use tcp::{Stream, StreamError, Tcp};
use testkit::{Clock, Host, PathEnd, Random, program_memory};

use super::{
    peer::{PEER, PORT},
    plan::{Plan, byte},
};

/// How a conversation went on for us.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) plan: Option<Plan>,
    pub(crate) sent: usize,
    pub(crate) received: usize,
    /// How it ended.
    pub(crate) end: Option<Result<(), StreamError>>,
    pub(crate) has_reset: bool,
}

/// Our host.
pub(crate) struct Ours {
    pub(crate) host: Host<'static, Tcp<PathEnd>>,
    tasks: &'static Tasks,
    outcome: &'static RefCell<Outcome>,
}

impl Ours {
    pub(crate) fn new(end: PathEnd, clock: Clock, pages: usize) -> Self {
        let memory = program_memory(pages);
        let tasks = Tasks::new(memory).expect("there is room");
        let mut tower = Tcp::new(end, 1, tasks).expect("there is room");
        // A service is in a region, where nothing with a destructor goes.
        let outcome: &'static RefCell<Outcome> = Box::leak(Box::default());
        tower
            .bind(PORT, async move |stream, _| {
                play(stream, outcome).await;
                Ok(())
            })
            .expect("nobody has the port");
        let pool = memory.pool().expect("the region of a program is in a pool");
        Self { host: Host::new(tower, clock, pool).with_tasks(tasks), tasks, outcome }
    }

    /// Begins a conversation, as the one that connects or as the one that waits.
    pub(crate) fn begin(&mut self, plan: Plan, connects: bool) {
        *self.outcome.borrow_mut() = Outcome { plan: Some(plan), ..Outcome::default() };
        if !connects {
            return;
        }
        let (connections, outcome) = (self.host.tower.connections(), self.outcome);
        let service = async move |_: &_| {
            let stream = connections.connect((PEER, PORT).into()).await?;
            play(&stream, outcome).await;
            Ok(())
        };
        self.tasks.spawn("client", service).expect("there is room");
    }

    pub(crate) fn outcome(&self) -> Outcome {
        *self.outcome.borrow()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        Instant::earliest(self.host.tower.next_deadline(), self.tasks.next_deadline())
    }

    pub(crate) fn free_pages(&self) -> usize {
        self.tasks.pool().free_pages()
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        let mut count = 0;
        self.host.tower.connections().for_each(&mut |_| count += 1);
        count
    }
}

async fn play(stream: &Stream, outcome: &'static RefCell<Outcome>) {
    let plan = outcome.borrow().plan.expect("a plan for the connection");
    let end = follow(stream, plan, outcome).await;
    outcome.borrow_mut().end = Some(end);
}

/// Sends and receives at the same time, in turns that chance decides.
async fn follow(
    stream: &Stream,
    plan: Plan,
    outcome: &'static RefCell<Outcome>,
) -> Result<(), StreamError> {
    let mut random = Random::new(plan.seed);
    stream.set_nodelay(plan.nodelay);
    if plan.may_be_reset {
        // A reset that is lost is noticed by a side that sends, and by no other.
        stream.set_keepalive(Some(Duration::from_secs(10)));
    }
    let (mut sent, mut received) = (0, 0);
    let (mut is_shut, mut has_ended) = (false, false);
    while !(is_shut && has_ended) {
        if plan.resets_after.is_some_and(|after| sent + received >= after) {
            outcome.borrow_mut().has_reset = true;
            stream.abort();
            return Ok(());
        }
        if plan.pause > 0 && random.once_in(8) {
            stream.sleep(Duration::from_millis(1 + random.below(plan.pause) as u64)).await;
        }
        let may_begin = !plan.answers || received == plan.expects;
        // So that nobody waits for the other for ever, each waits a little only.
        stream
            .set_deadline(Some(stream.now() + Duration::from_millis(1 + random.below(50) as u64)));
        if !is_shut && may_begin && random.once_in(2) {
            let length = (1 + random.below(plan.chunk)).min(plan.sends - sent);
            let bytes: Vec<u8> = (sent..sent + length).map(|at| byte(plan.side, at)).collect();
            match stream.send_some(&bytes).await {
                Ok(taken) => sent += taken,
                Err(StreamError::TimedOut) => {}
                Err(error) => return Err(error),
            }
            if sent == plan.sends {
                stream.shutdown();
                is_shut = true;
            }
        } else if !has_ended {
            let most = 1 + random.below(plan.chunk);
            let taken = stream.receive(|bytes| {
                let bytes = &bytes[..bytes.len().min(most)];
                for (at, got) in bytes.iter().enumerate() {
                    let at = received + at;
                    assert_eq!(*got, byte(1 - plan.side, at), "we have got a wrong byte {at}");
                }
                (bytes.len(), Some(bytes.len()))
            });
            match taken.await {
                Ok(Some(count)) => received += count,
                Ok(None) => has_ended = true,
                Err(StreamError::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
        let mut outcome = outcome.borrow_mut();
        (outcome.sent, outcome.received) = (sent, received);
    }
    // A connection that nobody holds any more is given up when it does not get on for two minutes.
    stream.set_deadline(None);
    stream.acknowledged().await
}
