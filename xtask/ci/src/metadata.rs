//! What cargo knows of the workspace.

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

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
