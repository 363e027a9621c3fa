//! The program's logger.

use core::cell::RefCell;

use super::Frame;
#[cfg(not(feature = "cores"))]
use crate::one_cpu::OneCpu;
use crate::{
    early,
    platform::{self, Line},
    pvclock,
};

#[cfg(not(feature = "cores"))]
static FRAME: OneCpu<RefCell<Frame>> = OneCpu(RefCell::new(Frame::new()));

/// The line that this processor is writing.
fn frame() -> &'static RefCell<Frame> {
    #[cfg(feature = "cores")]
    return &crate::processors::current().frame;
    #[cfg(not(feature = "cores"))]
    &FRAME.0
}

#[defmt::global_logger]
struct Logger;

// SAFETY: the execution context is a processor of the guest: each has a line of its own, and nothing interrupts it, so that
// no call comes in the middle of another one but from it. An exception, which ends the guest, does not log. All
// state is guarded by a `RefCell`, so no call, in any order, touches memory that another one is using; `acquire`
// does not panic.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        with_frame(Frame::begin);
    }

    unsafe fn flush() {}

    unsafe fn release() {
        with_frame(|frame| {
            if frame.end() {
                print(frame);
            }
        });
    }

    unsafe fn write(bytes: &[u8]) {
        with_frame(|frame| frame.push(bytes));
    }
}

/// Changes the line, unless it is being printed.
fn with_frame(change: impl FnOnce(&mut Frame)) {
    if let Ok(mut frame) = frame().try_borrow_mut() {
        change(&mut frame);
    }
}

/// Prints a complete line. Before there is a clock it is lost.
fn print(frame: &Frame) {
    let page = platform::get().and_then(|platform| platform.clock_page());
    if let Some(now) = page.and_then(pvclock::now) {
        early::print_as(Line::Log, format_args!("{}", frame.at(now)));
    }
}
