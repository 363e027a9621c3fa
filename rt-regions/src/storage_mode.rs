//! Storage modes: the caller decides where a result goes.

use crate::Region;

/// Where a function puts its result: after what the region holds, or instead of it.
///
/// The region calculus has three storage modes. `attop` is `&Region` here, `atbot` is
/// [`Region::reset`] through `&mut Region`, and `sat` ("somewhere, the caller knows") is this type. No
/// analysis is needed to show that a region is reset only when no object in it is used any more:
/// [`StorageMode::Bot`] takes the region mutably, which does not compile while an object in it is borrowed.
#[derive(Debug)]
pub enum StorageMode<'r, 'p> {
    /// At the top: after what the region holds.
    Top(&'r Region<'p>),
    /// At the bottom: the region is reset first.
    Bot(&'r mut Region<'p>),
}

impl<'r, 'p> StorageMode<'r, 'p> {
    /// The region, ready for the result.
    pub fn enter(self) -> &'r Region<'p> {
        match self {
            Self::Top(region) => region,
            Self::Bot(region) => {
                region.reset();
                region
            }
        }
    }
}

impl<'r, 'p> From<&'r Region<'p>> for StorageMode<'r, 'p> {
    fn from(region: &'r Region<'p>) -> Self {
        Self::Top(region)
    }
}

impl<'r, 'p> From<&'r mut Region<'p>> for StorageMode<'r, 'p> {
    fn from(region: &'r mut Region<'p>) -> Self {
        Self::Bot(region)
    }
}
