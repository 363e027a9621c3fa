//! The zones: files that are part of the program.

use dns::zone::Zone;
use rt_regions::{Exhausted, Region, RegionVec};

/// A file of the folder `zones`: its name and its text.
macro_rules! file {
    ($name:literal) => {
        ($name, include_str!(concat!("../zones/", $name)))
    };
}

/// All files, each with one zone.
static FILES: [(&str, &str); 2] = [file!("example.org.zone"), file!("2.0.192.in-addr.arpa.zone")];

/// Reads the zones into `memory`.
///
/// # Errors
/// What is wrong, with the file and the line.
pub(crate) fn read(
    memory: &'static Region<'static>,
) -> Result<&'static [Zone<'static>], rt::Error> {
    let no_room = |error: Exhausted| rt::Error::new(1, format_args!("no room for zones: {error}"));
    let mut zones = RegionVec::with_capacity(FILES.len(), memory).map_err(no_room)?;
    for (name, text) in &FILES {
        let zone = Zone::parse(text, memory);
        let zone =
            zone.map_err(|error| rt::Error::new(2, format_args!("zones/{name}: {error}")))?;
        zones.push(zone).map_err(no_room)?;
    }
    Ok(zones.into_slice())
}

#[cfg(test)]
mod tests {
    use testkit::program_memory;

    use super::*;

    /// Says what is wrong with a file, before a program is started with it.
    #[test]
    fn each_file_is_a_zone() {
        for (name, text) in &FILES {
            if let Err(error) = Zone::parse(text, program_memory(4096)) {
                panic!("apps/dns/zones/{name}:{}: {}", error.line, error.problem);
            }
        }
        let zones =
            read(program_memory(4096)).unwrap_or_else(|error| panic!("{}", error.message()));
        assert_eq!(zones.len(), FILES.len());
    }
}
