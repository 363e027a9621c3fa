//! Whether the interface supports TCP segments that are longer than the MTU, and frames that are longer than a page.

/// Whether the code for them is part of the program: the feature `segmentation`.
pub(crate) const SEGMENTS: bool = cfg!(feature = "segmentation");

/// The longest frame in bytes, without a VLAN tag: that of `layer::Offloads::LONGEST_TCP_PACKET`.
pub(crate) const LONGEST: usize = 65_535;
