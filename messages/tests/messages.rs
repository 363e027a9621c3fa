//! What cores ask each other: on one thread, with a clock that is turned by hand.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use cores::{Channel, Core, Cores, Doorbell, Sizes};
use layer::{Instant, ServiceCounters};
use messages::{AnswerError, Failure, MAX_ASKS, MAX_TOPICS, Messages, NewError, SendError};
use tasks::{PollTasks, Tasks, yield_now};
use testkit::program_memory;

const LONGEST: usize = 1000;
const SOON: Duration = Duration::from_secs(1);

struct NoBell;

impl Doorbell for NoBell {
    fn ring(&self, _: usize) {}
}

/// A core, its tasks and its messages.
struct One {
    tasks: &'static Tasks,
    core: Core,
    messages: &'static Messages,
}

fn one(core: Core) -> One {
    let tasks = Tasks::new(program_memory(300)).unwrap();
    One { tasks, core, messages: Messages::new(core, tasks, LONGEST).unwrap() }
}

/// Cores with rings of 16 KiB: five questions can be on their way.
fn cores(count: usize) -> Vec<One> {
    let sizes = Sizes { frames: 1 << 10, packets: 1 << 10, messages: 16 << 10, wire: 0 };
    let cores = Cores::new(program_memory(200), count, 7, sizes, &NoBell).unwrap();
    (0..count).map(|index| one(Core::join(cores, index, program_memory(10)).unwrap())).collect()
}

fn turn(one: &One, now: Instant) {
    one.core.deliver();
    one.tasks.run(now, &mut |line| panic!("{line}"));
}

/// Turns of all of them, until nobody has anything to do.
fn settle(all: &[One], now: Instant) {
    for _ in 0..1000 {
        all.iter().for_each(|one| turn(one, now));
        if all.iter().all(|one| !one.tasks.is_due(now) && !one.core.has_mail()) {
            return;
        }
    }
    panic!("they never come to an end");
}

/// What was answered, one line each.
type Answers = &'static RefCell<Vec<String>>;

fn answers() -> Answers {
    Box::leak(Box::default())
}

/// Asks in a task.
fn ask(one: &One, to: usize, topic: u16, question: &'static [u8], into: Answers) {
    let messages = one.messages;
    let asking = one.tasks.spawn("ask", async move |region| {
        let line = match messages.ask(to, topic, question, SOON, region).await {
            Ok(answer) => String::from_utf8_lossy(answer).into_owned(),
            Err(error) => format!("error: {error}"),
        };
        into.borrow_mut().push(line);
        Ok(())
    });
    asking.unwrap();
}

fn counter(one: &One, name: &str) -> u64 {
    let mut value = None;
    one.messages.visit(&mut |counter| {
        if counter.name == name {
            value = Some(counter.value);
        }
    });
    value.unwrap()
}

/// Says who it is, and what it was asked.
fn answer_with_name(one: &One) {
    let index = one.core.index();
    one.messages
        .answer(1, move |question, region| {
            let text = str::from_utf8(question).map_err(|_| Failure::Refused("this is no text"))?;
            Ok(region.format(format_args!("core {index}: {text}"))?.as_bytes())
        })
        .unwrap();
}

#[test]
fn a_question_is_answered_by_the_core_that_is_asked() {
    let all = cores(3);
    all.iter().for_each(answer_with_name);
    let seen = answers();
    for to in [2, 1, 0] {
        ask(&all[1], to, 1, b"hello", seen);
    }
    ask(&all[0], 2, 1, b"\xff", seen);
    settle(&all, Instant::ZERO);
    let mut lines = seen.take();
    lines.sort();
    let expected = ["core 0: hello", "core 1: hello", "core 2: hello", "error: this is no text"];
    assert_eq!(lines, expected);
    assert_eq!(all.iter().map(|one| counter(one, "asked")).collect::<Vec<_>>(), [1, 2, 0]);
    assert_eq!(all.iter().map(|one| counter(one, "answered")).collect::<Vec<_>>(), [1, 0, 2]);
    assert_eq!(counter(&all[0], "unanswered"), 1);
}

#[test]
fn one_core_alone_answers_without_a_ring() {
    let all = [one(Core::ALONE)];
    answer_with_name(&all[0]);
    let messages = all[0].messages;
    messages
        .answer_each(2, 1, async move |question, _| {
            yield_now().await;
            Ok(question)
        })
        .unwrap();
    let seen = answers();
    ask(&all[0], 0, 1, b"hello", seen);
    ask(&all[0], 0, 2, b"later", seen);
    ask(&all[0], 0, 2, b"one too many", seen);
    ask(&all[0], 1, 1, b"hello", seen);
    ask(&all[0], 0, 3, b"hello", seen);
    settle(&all, Instant::ZERO);
    let mut lines = seen.take();
    lines.sort();
    let expected = [
        "core 0: hello",
        "error: busy: 1 questions are in work already: ask again later",
        "error: no service of that core answers questions of topic 3",
        "error: there are 1 cores, which count from 0",
        "later",
    ];
    assert_eq!(lines, expected);
    assert_eq!((messages.core_of(b"any"), counter(&all[0], "asked")), (0, 0));
}

#[test]
fn a_task_answers_when_it_can() {
    let all = cores(2);
    let tasks = all[1].tasks;
    all[1]
        .messages
        .answer_each(7, 2, async move |question, region| {
            tasks.sleep(Duration::from_millis(500)).await;
            Ok(region.format(format_args!("{} bytes", question.len()))?.as_bytes())
        })
        .unwrap();
    let seen = answers();
    for question in [&b"a"[..], b"bc", b"def"] {
        ask(&all[0], 1, 7, question, seen);
    }
    settle(&all, Instant::ZERO);
    let busy = "error: busy: 2 questions are in work already: ask again later";
    assert_eq!(seen.take(), [busy]);
    settle(&all, Instant::from_millis(499));
    assert!(seen.take().is_empty());
    settle(&all, Instant::from_millis(500));
    assert_eq!(seen.take(), ["1 bytes", "2 bytes"]);
    assert!(all[1].tasks.len() == 1, "the one that reads is left");
}

#[test]
fn who_gets_no_answer_goes_on() {
    let all = cores(3);
    all[1].messages.answer_each(1, 9, async |_, _| std::future::pending().await).unwrap();
    let seen = answers();
    // A service that never answers, a core that has none, and one that does nothing at all.
    ask(&all[0], 1, 1, b"hello", seen);
    ask(&all[0], 1, 2, b"hello", seen);
    ask(&all[0], 2, 1, b"hello", seen);
    for _ in 0..20 {
        turn(&all[0], Instant::ZERO);
        turn(&all[1], Instant::ZERO);
    }
    assert_eq!(seen.take(), ["error: no service of that core answers questions of topic 2"]);
    turn(&all[0], Instant::from_millis(999));
    assert!(seen.borrow().is_empty());
    turn(&all[0], Instant::from_millis(1000));
    assert_eq!(seen.take(), ["error: that core does not answer in time"; 2]);
    // Its answer comes when nobody waits for it.
    settle(&all, Instant::from_millis(1000));
    assert_eq!((counter(&all[0], "late"), counter(&all[0], "unanswered")), (1, 3));
    all[2].core.finish();
    ask(&all[0], 2, 1, b"hello", seen);
    settle(&all, Instant::from_millis(1001));
    assert_eq!(seen.take(), ["error: that core has ended"]);
}

#[test]
fn questions_wait_for_their_turn_and_none_is_lost() {
    let all = cores(2);
    all[1].messages.answer(1, |question, _| Ok(question)).unwrap();
    let seen = answers();
    let long: &'static [u8] = &[b'x'; LONGEST];
    for _ in 0..40 {
        ask(&all[0], 1, 1, long, seen);
    }
    (0..10).for_each(|_| turn(&all[0], Instant::ZERO));
    // The other core sleeps: a third of the ring is full, and not more.
    assert_eq!(counter(&all[0], "asked"), 5);
    settle(&all, Instant::ZERO);
    assert_eq!(seen.take(), vec![String::from_utf8_lossy(long); 40]);
    let numbers = ["asked", "unanswered", "no_room", "late"].map(|name| counter(&all[0], name));
    assert_eq!(numbers, [40, 0, 0, 0]);
}

#[test]
fn there_is_a_last_question() {
    let all = cores(2);
    let seen = answers();
    for _ in 0..=MAX_ASKS {
        ask(&all[0], 1, 1, b"hello", seen);
    }
    (0..20).for_each(|_| turn(&all[0], Instant::ZERO));
    assert_eq!(seen.take(), ["error: 256 questions to other cores wait: ask again later"]);
    (0..20).for_each(|_| turn(&all[0], Instant::ZERO + SOON));
    assert_eq!(seen.take(), vec!["error: that core does not answer in time"; MAX_ASKS]);
    // All of their places are free again.
    all[1].messages.answer(1, |question, _| Ok(question)).unwrap();
    settle(&all, Instant::ZERO + SOON);
    for _ in 0..MAX_ASKS {
        ask(&all[0], 1, 1, b"again", seen);
    }
    settle(&all, Instant::ZERO + SOON);
    assert_eq!(seen.take(), vec!["again"; MAX_ASKS]);
}

#[test]
fn what_is_sent_gets_no_answer_and_leaves_room_for_questions() {
    let all = cores(2);
    let got: &'static Cell<usize> = Box::leak(Box::default());
    for one in &all {
        one.messages
            .answer(1, move |message, _| {
                got.set(got.get() + message.len());
                Ok(message)
            })
            .unwrap();
    }
    assert_eq!(all[0].messages.send(0, 1, b"to itself"), Ok(()));
    assert_eq!(got.take(), 9);
    let sent = (0..100).filter(|_| all[0].messages.send(1, 1, &[0; 500]).is_ok()).count();
    assert!((8..=11).contains(&sent), "{sent}");
    assert_eq!(all[0].messages.send(1, 1, &[0; 500]), Err(SendError::NoRoom));
    assert_eq!(counter(&all[0], "no_room"), 101 - sent as u64);
    let seen = answers();
    for _ in 0..5 {
        ask(&all[0], 1, 1, b"hello", seen);
    }
    settle(&all, Instant::ZERO);
    assert_eq!((got.take(), seen.take().len()), (sent * 500 + 25, 5));
    assert_eq!((counter(&all[0], "late"), counter(&all[0], "sent")), (0, sent as u64));
    assert_eq!(all[0].messages.send(2, 1, b""), Err(SendError::NoSuchCore { count: 2 }));
    let too_long = SendError::TooLong { length: 1001, most: 1000 };
    assert_eq!(all[0].messages.send(1, 1, &[0; 1001]), Err(too_long));
}

#[test]
fn an_answer_that_is_too_long_and_memory_that_runs_out_are_said() {
    let all = cores(2);
    let messages = all[1].messages;
    messages.answer(1, |_, region| Ok(region.alloc_slice_with(1001, |_| 0)?)).unwrap();
    messages.answer(2, |_, region| Ok(region.alloc_slice_with(1 << 30, |_| 0)?)).unwrap();
    messages
        .answer(3, |_, region| {
            let text = region.alloc_slice_with(3000, |at| if at % 2 == 0 { 0xc3 } else { 0xa4 })?;
            Err(Failure::Refused(str::from_utf8(text).unwrap()))
        })
        .unwrap();
    let seen = answers();
    for topic in 1..=3 {
        ask(&all[0], 1, topic, b"", seen);
    }
    settle(&all, Instant::ZERO);
    let lines = seen.take();
    assert_eq!(lines[0], "error: the answer has 1001 bytes: 1000 at most are allowed");
    assert!(lines[1].starts_with("error: out of memory: region message: no room"), "{lines:?}");
    assert_eq!(lines[2], format!("error: {}", "ä".repeat(500)));
}

#[test]
fn what_cannot_be_read_is_counted() {
    let all = cores(2);
    answer_with_name(&all[1]);
    for (tag, bytes) in [(9 << 16, &[0; 9][..]), (1 << 16 | 1, &[0; 7]), (u32::MAX, &[])] {
        assert!(all[0].core.send(1, Channel::Messages, tag, &bytes));
    }
    // An answer of which nobody has asked, and a question whose number is that of no question.
    assert!(all[0].core.send(1, Channel::Messages, 2 << 16, &[255; 20]));
    assert!(all[0].core.send(1, Channel::Messages, 1 << 16 | 1, &[255; 20]));
    settle(&all, Instant::ZERO);
    assert_eq!((counter(&all[1], "malformed"), counter(&all[1], "late")), (3, 1));
    assert_eq!((counter(&all[0], "malformed"), counter(&all[0], "late")), (0, 1));
}

#[test]
fn who_is_cancelled_while_it_waits_leaves_nothing() {
    let all = cores(2);
    all[1].messages.answer(1, |question, _| Ok(question)).unwrap();
    let pages = || all[0].tasks.pool().free_pages();
    let (messages, before) = (all[0].messages, pages());
    for round in 0..1000 {
        let task = all[0]
            .tasks
            .spawn("ask", async move |region| {
                let _ = messages.ask(1, 1, &[1; 900], SOON, region).await;
                panic!("it was cancelled");
            })
            .unwrap();
        turn(&all[0], Instant::ZERO);
        if round % 2 == 0 {
            // The answer is there, and was not taken.
            turn(&all[1], Instant::ZERO);
            all[0].core.deliver();
        }
        all[0].tasks.cancel(task);
        settle(&all, Instant::ZERO);
    }
    assert_eq!(counter(&all[0], "asked"), 1000);
    assert!(before - pages() <= 2, "{before} pages were free, {} are", pages());
}

#[test]
fn memory_stays_as_it_is_over_many_questions() {
    let all = cores(2);
    all.iter().for_each(answer_with_name);
    let seen = answers();
    let pages = || [0, 1].map(|index: usize| all[index].tasks.pool().free_pages());
    let round = || {
        for (index, one) in all.iter().enumerate() {
            for _ in 0..10 {
                ask(one, 1 - index, 1, b"hello", seen);
            }
        }
        settle(&all, Instant::ZERO);
        assert_eq!(seen.take().len(), 20);
    };
    round();
    let before = pages();
    (0..500).for_each(|_| round());
    assert_eq!(pages(), before);
}

#[test]
fn all_cores_say_the_same_of_a_key_and_have_as_many() {
    let all = cores(3);
    let mut counts = [0; 3];
    for number in 0..3000_u32 {
        let key = number.to_be_bytes();
        let owners: Vec<_> = all.iter().map(|one| one.messages.core_of(&key)).collect();
        assert!(owners.iter().all(|owner| *owner == owners[0]));
        counts[owners[0]] += 1;
    }
    assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let all = cores(2);
    answer_with_name(&all[0]);
    let messages = all[0].messages;
    assert_eq!(messages.answer(1, |_, _| Ok(b"")), Err(AnswerError::InUse(1)));
    for topic in 2..=MAX_TOPICS as u16 {
        messages.answer(topic, |_, _| Ok(b"")).unwrap();
    }
    assert_eq!(messages.answer(100, |_, _| Ok(b"")), Err(AnswerError::Full));
    let error = Messages::new(all[0].core, all[0].tasks, 16 << 10).unwrap_err();
    assert_eq!(error, NewError::TooLong { length: 16 << 10, most: (16 << 10) / 3 - 23 });
    let words = "messages of 16384 bytes between cores: 5438 at most fit; with more memory or fewer cores, longer ones do";
    assert_eq!(error.to_string(), words);
}
