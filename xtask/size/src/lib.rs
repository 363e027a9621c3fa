//! `cargo xtask size`: how large the images of guests are, and what takes the room.

#![forbid(unsafe_code)]

mod shares;

use std::{fmt, path::Path};

use anyhow::{Result, ensure};
use lab::{
    cargo::{self, Build, Platform, Profile},
    image::{packed, stripped},
};

use self::shares::Shares;

/// A service whose image must not grow.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Its name.
    pub name: &'static str,
    /// Where the image runs.
    pub platform: Platform,
    /// The features of the service that it has.
    pub features: &'static [&'static str],
    /// The largest image that is accepted, stripped, in bytes.
    pub stripped: usize,
    /// The largest that is accepted when it is [`packed`], as Xen's tools take it, in bytes.
    pub packed: usize,
}

/// The services whose images must not grow: what every service has, and next to nothing else; and one with TCP, HTTP, a site
/// and the page.
pub const HELD: [Held; 5] = [
    Held::new("echo", Platform::Xen, 100 << 10, 60_000),
    Held::new("web", Platform::Xen, 288 << 10, 160_000),
    Held::new("echo", Platform::Kvm, 98_000, 58_000),
    Held::new("echo", Platform::Guest, 131_000, 77_000),
    Held::new("echo", Platform::Xen, 188_000, 109_500).with(&["dhcp", "ipv6"]),
];

/// Builds the image of one service for one platform, prints how large it is, stripped and [`packed`], and what takes the room
/// in it.
///
/// # Errors
/// There is no such service, or its image does not build or cannot be read.
pub fn show(app: &str, platform: Platform, features: &[&str]) -> Result<()> {
    let build = Build { features, ..Build::new(platform, Profile::Guest) };
    for (name, image) in cargo::build_each(&[app], &build)? {
        measure(&name, &build, &image)?;
        print!("{}", Shares::of(&image)?);
    }
    Ok(())
}

/// Builds the image of each service for Xen, and those of [`HELD`] for other platforms. Prints how large each is, stripped and
/// [`packed`], and what takes the room in those of [`HELD`].
///
/// # Errors
/// An image does not build or cannot be read; one of [`HELD`] has more bytes than are accepted, or is none of the services.
pub fn check() -> Result<()> {
    let apps = cargo::apps()?;
    HELD.iter().try_for_each(|held| held.is_among(&apps))?;
    let held = |name: &str, platform| {
        let usual = HELD.into_iter().filter(|held| held.features.is_empty());
        usual.into_iter().find(|held| held.name == name && held.platform == platform)
    };
    for platform in [Platform::Xen, Platform::Kvm, Platform::Guest] {
        let wanted = |name: &&str| platform == Platform::Xen || held(name, platform).is_some();
        let names: Vec<&str> = apps.iter().map(String::as_str).filter(wanted).collect();
        let build = Build::new(platform, Profile::Guest);
        for (name, image) in cargo::build_each(&names, &build)? {
            let sizes = measure(&name, &build, &image)?;
            if let Some(held) = held(&name, platform) {
                print!("{}", Shares::of(&image)?);
                held.check(sizes)?;
            }
        }
    }
    for held in HELD.into_iter().filter(|held| !held.features.is_empty()) {
        let features = held.features;
        let build = Build { features, ..Build::new(held.platform, Profile::Guest) };
        for (name, image) in cargo::build_each(&[held.name], &build)? {
            held.check(measure(&name, &build, &image)?)?;
        }
    }
    Ok(())
}

/// Prints how large an image is, stripped and packed, and returns both.
fn measure(name: &str, build: &Build<'_>, image: &Path) -> Result<[usize; 2]> {
    let stripped = stripped(image)?;
    let (size, packed) = (stripped.len(), packed(&stripped)?.len());
    let (platform, features) = (build.platform, With(build.features));
    println!("{name}{features} for {platform} {size} bytes, {packed} packed");
    Ok([size, packed])
}

/// Features as they stand behind the name of a service: ` with dhcp, ipv6`.
struct With<'a>(&'a [&'a str]);

impl fmt::Display for With<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " with {}", self.0.join(", ")) }
    }
}

impl Held {
    const fn new(name: &'static str, platform: Platform, stripped: usize, packed: usize) -> Self {
        Self { name, platform, features: &[], stripped, packed }
    }

    const fn with(self, features: &'static [&'static str]) -> Self {
        Self { features, ..self }
    }

    /// Checks that there is such a service: nothing else would be measured, and the limit would hold nothing.
    fn is_among(&self, apps: &[String]) -> Result<()> {
        let Self { name, platform, .. } = self;
        ensure!(
            apps.iter().any(|app| app == name),
            "the size of {name} for {platform} is held, and there is no such service: there are {}",
            apps.join(", ")
        );
        Ok(())
    }

    /// Checks the sizes of its image, stripped and packed.
    fn check(&self, [stripped, packed]: [usize; 2]) -> Result<()> {
        let (Self { name, platform, .. }, features) = (self, With(self.features));
        for (form, size, limit) in
            [("stripped", stripped, self.stripped), ("packed", packed, self.packed)]
        {
            ensure!(
                size <= limit,
                "the image of {name}{features} for {platform} has {size} bytes {form}, and {limit} are accepted: see above what \
                 takes the room"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_of_a_service_that_there_is() {
        let apps = cargo::apps().unwrap();
        for held in HELD {
            held.is_among(&apps).unwrap();
            assert_ne!(
                held.platform,
                Platform::Unix,
                "{} is no guest, and is not built",
                held.name
            );
        }
        let gone = Held { name: "gone", ..HELD[0] };
        let error = gone.is_among(&["echo", "web"].map(str::to_owned)).unwrap_err().to_string();
        let words =
            "the size of gone for xen is held, and there is no such service: there are echo, web";
        assert_eq!(error, words);
    }
}
