//! `cargo xtask size`: how large the images for Xen are, and what takes the room.

#![forbid(unsafe_code)]

mod shares;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use lab::{
    cargo,
    image::{packed, stripped},
};

use self::shares::Shares;

/// A service whose image must not grow.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Its name.
    pub name: &'static str,
    /// The largest image that is accepted, stripped, in bytes.
    pub stripped: usize,
    /// The largest that is accepted when it is [`packed`], as Xen's tools take it, in bytes.
    pub packed: usize,
}

/// The services whose images must not grow: what every service has, and next to nothing else; and one with TCP, HTTP, a site
/// and the page.
pub const HELD: [Held; 2] = [
    Held { name: "echo", stripped: 100 << 10, packed: 60_000 },
    Held { name: "web", stripped: 288 << 10, packed: 160_000 },
];

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
/// in those of [`HELD`].
///
/// # Errors
/// An image does not build or cannot be read, or one of [`HELD`] has more bytes than are accepted.
pub fn check() -> Result<()> {
    let apps = cargo::apps()?;
    let apps: Vec<&str> = apps.iter().map(String::as_str).collect();
    let images = cargo::build_xen(&apps, &[])?;
    let mut sizes = BTreeMap::new();
    for (name, image) in &images {
        let stripped = stripped(image)?;
        let (size, packed) = (stripped.len(), packed(&stripped)?.len());
        println!("{name} {size} bytes, {packed} packed");
        if HELD.iter().any(|held| held.name == name) {
            sizes.insert(&**name, (size, packed));
            print!("{}", Shares::of(image)?);
        }
    }
    for held in HELD {
        let name = held.name;
        let (stripped, packed) =
            *sizes.get(name).with_context(|| format!("no image of {name} was built"))?;
        for (form, size, limit) in
            [("stripped", stripped, held.stripped), ("packed", packed, held.packed)]
        {
            ensure!(
                size <= limit,
                "the image of {name} has {size} bytes {form}, and {limit} are accepted: see above what takes the \
                 room"
            );
        }
    }
    Ok(())
}
