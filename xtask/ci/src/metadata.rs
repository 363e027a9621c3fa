//! What cargo knows of the workspace, and how its packages are named.

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package};

/// The target of what runs here.
pub const HOST: &str = "x86_64-unknown-linux-gnu";

/// The members of the workspace, without what they depend on outside of it.
///
/// # Errors
/// Cargo cannot read the workspace.
pub fn metadata() -> Result<Metadata> {
    MetadataCommand::new()
        .current_dir(lab::cargo::root())
        .no_deps()
        .exec()
        .context("cannot read the workspace (cargo metadata)")
}

/// Whether a package is for others: an empty list of registries is what `publish = false` says.
pub fn is_public(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|registries| !registries.is_empty())
}

/// What the package of a crate has before the name of the crate if it is for others too: on crates.io the bare name may
/// belong to a stranger.
const PREFIX: &str = "letregion-";

/// The name of a crate, as its folder has it, from that of its package.
pub fn without_prefix(package: &str) -> &str {
    package.strip_prefix(PREFIX).unwrap_or(package)
}
