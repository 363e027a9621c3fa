//! Cores on threads of their own, which ask each other without a pause and sleep in between.

use std::{
    sync::{
        Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant as Clock},
};

use cores::{Core, Cores, Doorbell, Sizes};
use layer::Instant;
use messages::Messages;
use tasks::{PollTasks, Tasks};
use testkit::program_memory;

/// How long a core sleeps that nobody wakes, and how long a question waits.
const TOO_LONG: Duration = Duration::from_secs(30);

/// Bells that end a wait, or the next one at once.
#[derive(Debug, Default)]
struct Bells {
    rung: Mutex<[bool; 3]>,
    any: Condvar,
}

impl Bells {
    fn wait(&self, core: usize) {
        let rung = self.rung.lock().unwrap();
        let (mut rung, _) =
            self.any.wait_timeout_while(rung, TOO_LONG, |rung| !rung[core]).unwrap();
        rung[core] = false;
    }
}

impl Doorbell for Bells {
    fn ring(&self, core: usize) {
        self.rung.lock().unwrap()[core] = true;
        self.any.notify_all();
    }
}

/// Each core asks both others, from several tasks; each answer is that of its question. A wake-up that is lost is a question that
/// gets no answer in time.
#[test]
fn questions_of_all_cores_to_all_are_answered() {
    const TASKS: usize = 8;
    let rounds = if cfg!(miri) { 3 } else { 2000_u32 };
    let bells: &'static Bells = Box::leak(Box::default());
    let sizes = Sizes { frames: 1 << 10, packets: 1 << 10, messages: 4 << 10, wire: 0 };
    let cores = Cores::new(program_memory(100), 3, 7, sizes, bells).unwrap();
    static DONE: AtomicUsize = AtomicUsize::new(0);
    let start = Clock::now();
    thread::scope(|scope| {
        for index in 0..3 {
            scope.spawn(move || {
                let memory = program_memory(200);
                let (core, tasks) =
                    (Core::join(cores, index, memory).unwrap(), Tasks::new(memory).unwrap());
                let messages = Messages::new(core, tasks, 64).unwrap();
                messages
                    .answer(1, move |question, region| {
                        let text = str::from_utf8(question).unwrap();
                        Ok(region.format(format_args!("{text} by {index}"))?.as_bytes())
                    })
                    .unwrap();
                for number in 0..TASKS {
                    let task = tasks.spawn("ask", async move |region| {
                        let mut room = region.child("question");
                        for round in 0..rounds {
                            let to = (index + 1 + (round as usize + number) % 2) % 3;
                            let question =
                                room.format(format_args!("{index} {number} {round}")).unwrap();
                            let answer =
                                messages.ask(to, 1, question.as_bytes(), TOO_LONG, &room).await;
                            let expected = format!("{question} by {to}");
                            assert_eq!(answer, Ok(expected.as_bytes()));
                            room.reset();
                        }
                        if DONE.fetch_add(1, Ordering::AcqRel) + 1 == 3 * TASKS {
                            (0..3).for_each(|core| bells.ring(core));
                        }
                        Ok(())
                    });
                    task.unwrap();
                }
                let now = || Instant::from_nanos(start.elapsed().as_nanos() as u64);
                while DONE.load(Ordering::Acquire) < 3 * TASKS {
                    core.deliver();
                    let is_due = tasks.is_due(now());
                    tasks.run(now(), &mut |line| panic!("{line}"));
                    if !is_due && !tasks.is_due(now()) {
                        if core.may_sleep() {
                            bells.wait(index);
                        }
                        core.woke();
                    }
                }
            });
        }
    });
    assert!(start.elapsed() < TOO_LONG, "a core was not woken");
}
