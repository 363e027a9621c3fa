//! The image of a guest as it is installed: stripped, and packed.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use zopfli::{Format, Options};

use crate::tools;

/// The bytes of a stripped copy.
///
/// # Errors
/// There is no `strip`, or it cannot read the image.
pub fn stripped(image: &Path) -> Result<Vec<u8>> {
    let copy = image.with_extension("stripped");
    let output = tools::STRIP
        .command()
        // The texts of a log are symbols, and this is what they were in; a guest has no use for it. The other section is for
        // a debugger.
        .args(["--remove-section=.defmt", "--remove-section=.eh_frame"])
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

/// The image in the format of gzip, a few per cent smaller than `gzip -9` makes it. Xen's tools start such a file as it is: they
/// unpack it before they load it.
///
/// # Errors
/// None is known: it is written to memory.
pub fn packed(image: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    zopfli::compress(Options::default(), Format::Gzip, image, &mut packed)?;
    Ok(packed)
}
