//! The services that the tests start.

use std::{env, fs, io, os::fd::AsFd as _, process, thread, time::Duration};

use rt::Wake;
use rt_unix::{Error, Rt, Runtime as _};

/// Waits for an event that never comes.
pub(crate) fn serve(rt: &mut Rt) -> Result<(), Error> {
    let (reader, _writer) = io::pipe()?;
    let reader: &'static io::PipeReader = Box::leak(Box::new(reader));
    let arguments: Vec<_> = rt.args().collect();
    rt.print(format_args!("{} pages, {arguments:?}", rt.pool().pages()));
    println!("ready");
    loop {
        match rt.wait(&reader.as_fd(), None)? {
            Wake::Continue => {}
            Wake::Report => rt.print(format_args!("report")),
            Wake::Stop => break,
        }
    }
    rt.print(format_args!("stopped"));
    Ok(())
}

/// Never waits, but asks.
pub(crate) fn busy(rt: &mut Rt) -> Result<(), Error> {
    println!("ready");
    loop {
        match rt.pending_request() {
            Wake::Continue => {}
            Wake::Report => rt.print(format_args!("report")),
            Wake::Stop => return Ok(()),
        }
    }
}

/// Prints more than a pipe holds when it is asked for a report, and panics if it has an argument.
pub(crate) fn chatter(rt: &mut Rt) -> Result<(), Error> {
    println!("ready");
    let words = "words ".repeat(20);
    loop {
        match rt.pending_request() {
            Wake::Continue => thread::sleep(Duration::from_millis(1)),
            Wake::Report => {
                (0..2000).for_each(|number| rt.print(format_args!("{number} {words}")));
                assert_eq!(rt.args().next(), None);
                println!("went on");
            }
            Wake::Stop => return Ok(()),
        }
    }
}

/// Writes a file that may not grow.
pub(crate) fn grow(_: &mut Rt) -> Result<(), Error> {
    let path = env::temp_dir().join(format!("rt-unix-grow-{}", process::id()));
    let result = fs::write(&path, [0; 4096]);
    fs::remove_file(path)?;
    Ok(result?)
}

/// Neither waits nor asks.
pub(crate) fn deaf(_: &mut Rt) -> Result<(), Error> {
    println!("ready");
    loop {
        thread::sleep(Duration::from_millis(10));
    }
}

/// Logs lines of all kinds.
#[cfg(feature = "defmt")]
pub(crate) fn log(_: &mut Rt) -> Result<(), Error> {
    defmt::info!("plain");
    defmt::error!("{=u8} {=str} {} {=[u8]:02x}", 7, "text", Some(1.5_f32), [1, 0xff]);
    defmt::info!("{=[u8]}", [0; 5000]);
    defmt::info!("outer {}", Nested);
    thread::spawn(|| defmt::info!("thread")).join().map_err(|_| Error::new(1, "it panicked"))?;
    defmt::debug!("below the level");
    defmt::info!("last");
    Ok(())
}

/// Logs a line while it is being logged.
#[cfg(feature = "defmt")]
struct Nested;

#[cfg(feature = "defmt")]
impl defmt::Format for Nested {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::info!("inner");
        defmt::write!(f, "nested");
    }
}
