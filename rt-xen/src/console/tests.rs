use std::{boxed::Box, cell::RefCell, format, string::String, vec::Vec};

use layer::Instant;

use super::*;

fn interface() -> ConsoleInterface {
    use core::array::from_fn;
    ConsoleInterface {
        input: from_fn(|_| AtomicU8::new(0)),
        output: from_fn(|_| AtomicU8::new(0)),
        in_cons: AtomicU32::new(0),
        in_prod: AtomicU32::new(0),
        out_cons: AtomicU32::new(0),
        out_prod: AtomicU32::new(0),
    }
}

/// The other side, which reads while the guest sleeps.
struct Daemon<'s> {
    interface: &'s ConsoleInterface,
    reads: Reads,
    now: Cell<u64>,
    sleeps: Cell<u32>,
    notified: Cell<u32>,
    typed: Cell<bool>,
    read: RefCell<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// All that is there.
    All,
    /// So many bytes at a time.
    Some(u32),
    /// Nothing, and sends events all the time.
    Nothing,
    /// Writes an index where none can be.
    Garbage,
}

impl<'s> Daemon<'s> {
    fn new(interface: &'s ConsoleInterface, reads: Reads) -> Self {
        Self {
            interface,
            reads,
            now: Cell::new(1),
            sleeps: Cell::new(0),
            notified: Cell::new(0),
            typed: Cell::new(false),
            read: RefCell::default(),
        }
    }

    fn read(&self) {
        let ConsoleInterface { output, out_cons, out_prod, .. } = self.interface;
        let (mut at, end) = (out_cons.load(Ordering::Relaxed), out_prod.load(Ordering::Relaxed));
        let end = match self.reads {
            Reads::All => end,
            Reads::Some(count) => end.min(at + count),
            Reads::Nothing => at,
            Reads::Garbage => return out_cons.store(end + 1, Ordering::Relaxed),
        };
        while at != end {
            self.read.borrow_mut().push(output[at as usize % 2048].load(Ordering::Relaxed));
            at += 1;
        }
        out_cons.store(at, Ordering::Relaxed);
    }

    fn text(&self) -> String {
        String::from_utf8(self.read.take()).unwrap()
    }
}

impl Peer for &Daemon<'_> {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.now.get())
    }

    fn notify(&self) {
        self.notified.set(self.notified.get() + 1);
    }

    fn sleep(&self, _deadline: Instant) {
        self.now.set(self.now.get() + 10_000_000);
        self.sleeps.set(self.sleeps.get() + 1);
        self.read();
    }

    fn take_pending(&self) -> bool {
        self.typed.replace(false)
    }
}

#[test]
fn lines_end_as_a_terminal_wants_them() {
    let interface = interface();
    let daemon = Daemon::new(&interface, Reads::All);
    let console = Console::new(&interface, &daemon);
    console.print(format_args!("serving {}", 1));
    console.print(format_args!(""));
    console.print(format_args!("two\nlines é"));
    daemon.read();
    assert_eq!(daemon.text(), "serving 1\r\n\r\ntwo\r\nlines é\r\n");
    assert_eq!((daemon.notified.get(), daemon.sleeps.get()), (3, 0));
}

#[test]
fn a_slow_reader_gets_all_in_order() {
    let interface = interface();
    let daemon = Daemon::new(&interface, Reads::Some(150));
    let console = Console::new(&interface, &daemon);
    let mut expected = String::new();
    for number in 0..1000 {
        console.print(format_args!("{number:0100}"));
        expected += &format!("{number:0100}\r\n");
    }
    while interface.out_cons.load(Ordering::Relaxed) != interface.out_prod.load(Ordering::Relaxed) {
        console.flush();
    }
    assert!(daemon.text() == expected);
}

#[test]
fn nobody_reading_costs_one_wait_and_is_said_afterwards() {
    let interface = interface();
    let mut daemon = Daemon::new(&interface, Reads::Nothing);
    let mut console = Console::new(&interface, &daemon);
    let line = "x".repeat(98);
    for _ in 0..1000 {
        console.print(format_args!("{line}"));
    }
    // 20 lines of 100 bytes have room.
    assert_eq!(console.dropped.get(), 980);
    assert_eq!(u128::from(daemon.sleeps.get()), WRITE_TIMEOUT.as_millis() / 10);
    let (dropped, stuck) = (console.dropped.clone(), console.stuck.clone());
    daemon.reads = Reads::All;
    daemon.read();
    assert_eq!(daemon.text(), format!("{line}\r\n").repeat(20));
    console = Console { dropped, stuck, ..Console::new(&interface, &daemon) };
    console.print(format_args!("y"));
    console.print(format_args!("z"));
    daemon.read();
    assert_eq!(daemon.text(), "(lines lost, because nobody read the console: 980)\r\ny\r\nz\r\n");
}

#[test]
fn when_there_is_room_again_a_line_waits_again() {
    let interface = interface();
    let daemon = Daemon::new(&interface, Reads::Nothing);
    let console = Console::new(&interface, &daemon);
    let line = "x".repeat(1000);
    for _ in 0..2 {
        for _ in 0..5 {
            console.print(format_args!("{line}"));
        }
        let produced = interface.out_prod.load(Ordering::Relaxed);
        interface.out_cons.store(produced, Ordering::Relaxed);
    }
    assert_eq!(u128::from(daemon.sleeps.get()), 2 * WRITE_TIMEOUT.as_millis() / 10);
}

#[test]
fn a_line_longer_than_the_ring_is_cut_at_a_character() {
    let interface = interface();
    let daemon = Daemon::new(&interface, Reads::All);
    let console = Console::new(&interface, &daemon);
    for text in ["é".repeat(3000), format!("x{}", "é".repeat(3000)), "\n".repeat(3000)] {
        console.print(format_args!("{text}"));
        daemon.read();
        let read = daemon.text();
        let shown = read.strip_suffix(END).unwrap().replace(END, "\n");
        assert!((2047..=2048).contains(&read.len()) && text.starts_with(&shown), "{read}");
    }
}

#[test]
fn a_broken_ring_loses_lines_and_nothing_else() {
    let interface = interface();
    let daemon = Daemon::new(&interface, Reads::Garbage);
    let console = Console::new(&interface, &daemon);
    console.print(format_args!("one"));
    daemon.read();
    console.print(format_args!("two"));
    console.print(format_args!("three"));
    console.flush();
    assert_eq!((console.dropped.get(), daemon.sleeps.get()), (2, 0));
    interface.out_cons.store(5, Ordering::Relaxed);
    console.print(format_args!("four"));
    assert_eq!(console.dropped.get(), 0);
}

#[test]
fn the_end_waits_for_a_reader_but_not_forever() {
    let interface = interface();
    for reads in [Reads::All, Reads::Nothing] {
        let daemon = Daemon::new(&interface, reads);
        let console = Console::new(&interface, &daemon);
        console.print(format_args!("the end"));
        console.flush();
        let sleeps = if reads == Reads::All { 1 } else { WRITE_TIMEOUT.as_millis() / 10 };
        assert_eq!(u128::from(daemon.sleeps.get()), sleeps);
    }
}

#[test]
fn what_is_typed_is_thrown_away() {
    let interface = interface();
    let daemon = Daemon::new(&interface, Reads::All);
    let console = Console::new(&interface, &daemon);
    for (index, called, consumed, notified) in [
        (700, false, 0, 0),
        (700, true, 700, 1),
        // Nothing new, nothing to say.
        (700, true, 700, 1),
        // 1025 bytes in a ring of 1024: not believed.
        (1725, true, 700, 1),
        (1724, true, 1724, 2),
    ] {
        interface.in_prod.store(index, Ordering::Relaxed);
        daemon.typed.set(called);
        console.listen();
        assert_eq!(interface.in_cons.load(Ordering::Relaxed), consumed);
        assert_eq!(daemon.notified.get(), notified);
    }
}

/// A million lines and indices of every kind.
#[test]
fn no_index_panics() {
    let interface: &'static ConsoleInterface = Box::leak(Box::new(interface()));
    let daemon = Daemon::new(interface, Reads::Nothing);
    let console = Console::new(interface, &daemon);
    let mut state = 3_u64;
    for _ in 0..1_000_000 {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let value = (state >> 32) as u32;
        let index = if value.is_multiple_of(4) { &interface.in_prod } else { &interface.out_cons };
        let produced = interface.out_prod.load(Ordering::Relaxed);
        let near = produced.wrapping_sub(value % 4096);
        index.store(if value.is_multiple_of(3) { value } else { near }, Ordering::Relaxed);
        daemon.typed.set(true);
        console.listen();
        console.print(format_args!("{value:.*}", value as usize % 40));
    }
}
