//! `cargo xtask size`: how large the images for Xen are, and what takes the room.

mod shares;

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, write::GzEncoder};

use self::shares::Shares;
use crate::{cargo, tools};

/// The largest image of [`MEASURED`] that is accepted, stripped, in bytes.
pub const LIMIT: usize = 100 << 10;

/// The largest that is accepted of it when it is [`packed`], as Xen's tools take it, in bytes.
pub const PACKED_LIMIT: usize = 64 << 10;

/// The service whose image must not grow: it is what every service has, and next to nothing else.
pub const MEASURED: &str = "echo";

/// Builds the image of each service, prints how large it is, stripped and [`packed`], and what takes the room
/// in it.
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

/// The bytes of a stripped copy.
///
/// # Errors
/// There is no `strip`, or it cannot read the image.
pub fn stripped(image: &Path) -> Result<Vec<u8>> {
    let copy = image.with_extension("stripped");
    let output = tools::STRIP
        .command()
        .arg("-o")
        .arg(&copy)
        .arg(image)
        .output()
        .with_context(|| tools::remedy(&[tools::STRIP]))?;
    ensure!(output.status.success(), "strip: {}", String::from_utf8_lossy(&output.stderr).trim());
    let bytes = fs::read(&copy).with_context(|| format!("cannot read {}", copy.display()))?;
    fs::remove_file(&copy).with_context(|| format!("cannot remove {}", copy.display()))?;
    Ok(bytes)
}

/// The image as `gzip -9` packs it. Xen's tools start such a file as it is: they unpack it before they load it.
///
/// # Errors
/// None is known: it is written to memory.
pub fn packed(image: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(image)?;
    Ok(encoder.finish()?)
}
