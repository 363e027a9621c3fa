//! `cargo xtask size`: how large the images for Xen are, and what takes the room.

#![forbid(unsafe_code)]

mod shares;

use anyhow::{Context, Result, ensure};
use lab::{
    cargo,
    image::{packed, stripped},
};

use self::shares::Shares;

/// The largest image of [`MEASURED`] that is accepted, stripped, in bytes.
pub const LIMIT: usize = 100 << 10;

/// The largest that is accepted of it when it is [`packed`], as Xen's tools take it, in bytes.
pub const PACKED_LIMIT: usize = 64 << 10;

/// The service whose image must not grow: it is what every service has, and next to nothing else.
pub const MEASURED: &str = "echo";

/// Builds the image of one service, prints how large it is, stripped and [`packed`], and what takes the room in it.
///
/// # Errors
/// There is no such service, or its image does not build or cannot be read.
pub fn show(app: &str) -> Result<()> {
    for (name, image) in cargo::build_xen(&[app], &[])? {
        let stripped = stripped(&image)?;
        println!("{name} {} bytes, {} packed", stripped.len(), packed(&stripped)?.len());
        print!("{}", Shares::of(&image)?);
    }
    Ok(())
}

/// Builds the image of each service, prints how large it is, stripped and [`packed`], and what takes the room
/// in that of [`MEASURED`].
///
/// # Errors
/// An image does not build or cannot be read, or that of [`MEASURED`] has more than [`LIMIT`] bytes, or more than
/// [`PACKED_LIMIT`] when it is packed.
pub fn check() -> Result<()> {
    let apps = cargo::apps()?;
    let apps: Vec<&str> = apps.iter().map(String::as_str).collect();
    let images = cargo::build_xen(&apps, &[])?;
    let mut measured = None;
    for (name, image) in &images {
        let stripped = stripped(image)?;
        let (size, packed) = (stripped.len(), packed(&stripped)?.len());
        println!("{name} {size} bytes, {packed} packed");
        if name == MEASURED {
            measured = Some([("stripped", size, LIMIT), ("packed", packed, PACKED_LIMIT)]);
            print!("{}", Shares::of(image)?);
        }
    }
    let measured = measured.with_context(|| format!("no image of {MEASURED} was built"))?;
    for (form, size, limit) in measured {
        ensure!(
            size <= limit,
            "the image of {MEASURED} has {size} bytes {form}, and {limit} are accepted: see above what takes \
             the room"
        );
    }
    Ok(())
}
