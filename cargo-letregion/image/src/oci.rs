//! An image of the Open Container Initiative that urunc runs: a layer with the guest, and what urunc is told of it.
//!
//! The formats are those of the image specification 1.0 (<https://github.com/opencontainers/image-spec>): `image-layout.md`,
//! `manifest.md`, `config.md`, `layer.md`. What urunc reads is in `pkg/unikontainers/config.go` of its repository.

use std::{collections::BTreeMap, io};

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::ValueEnum;
use lab::image;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use super::guest::Guest;

/// The file from which urunc reads what it is told, in the root of a container: most engines hand the annotations of an image
/// on to nobody.
const URUNC_JSON: &str = "urunc.json";
/// The folder of the guest in the container.
const FOLDER: &str = "unikernel";
/// The tag in the layout.
const TAG: &str = "latest";
/// What is said where nothing is to be said: containerd starts no container without a command. It is the default.
const NOTHING: &str = "--entropy=any";

/// The monitor that urunc starts a guest with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Monitor {
    /// QEMU, with the machine pc
    Qemu,
    /// Firecracker
    Firecracker,
}

impl Monitor {
    /// As urunc calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::Firecracker => "firecracker",
        }
    }
}

/// The files of an image in a folder (an OCI image layout), by their paths, in alphabetical order.
pub(super) type Layout = BTreeMap<String, Vec<u8>>;

/// The image of this guest, whose bytes these are. The same is made of the same.
///
/// # Errors
/// None is known: it is written to memory.
pub(super) fn layout(guest: &Guest, bytes: &[u8], monitor: Monitor) -> Result<Layout> {
    let (line, _) = guest.line.without_address();
    let command = if line.is_empty() { vec![NOTHING.to_owned()] } else { line.words() };
    let annotations = annotations(&guest.name, &command, monitor);
    let layer = layer(&guest.name, bytes, &annotations)?;
    let diff_id = digest(&layer);

    let mut layout = Layout::new();
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        // Labels become annotations of the container where an engine keeps to the specification (conversion.md); containerd does
        // not.
        "config": { "Cmd": command, "Labels": annotations },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
    });
    let config = blob(&mut layout, "application/vnd.oci.image.config.v1+json", json_bytes(&config));
    let packed = image::packed(&layer)?;
    let layer = blob(&mut layout, "application/vnd.oci.image.layer.v1.tar+gzip", packed);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [layer],
        "annotations": annotations,
    });
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let mut manifest = blob(&mut layout, manifest_type, json_bytes(&manifest));
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": TAG });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest],
    });
    layout.insert("index.json".into(), json_bytes(&index));
    layout.insert("oci-layout".into(), json_bytes(&json!({ "imageLayoutVersion": "1.0.0" })));
    Ok(layout)
}

/// The layout as one file, which `skopeo` and `podman` call `oci-archive`.
///
/// # Errors
/// None is known: it is written to memory.
pub(super) fn archive(layout: &Layout) -> Result<Vec<u8>> {
    let folders = ["blobs/", "blobs/sha256/"].map(|folder| (folder, None));
    let files = layout.iter().map(|(path, bytes)| (&**path, Some(&**bytes)));
    Ok(tar(folders.into_iter().chain(files))?)
}

/// What urunc is told, with its values in base64: so it reads them from its file, and from annotations too.
fn annotations(name: &str, command: &[String], monitor: Monitor) -> BTreeMap<String, String> {
    let values = [
        // Of its kinds of guests, the one that is given its address as ours are: --ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1.
        ("unikernelType", "mirage"),
        ("unikernelVersion", env!("CARGO_PKG_VERSION")),
        ("hypervisor", monitor.name()),
        ("binary", &format!("/{FOLDER}/{name}")),
        ("cmdline", &command.join(" ")),
        // A guest has no disk. Older versions of urunc ask for the first, newer ones for the other.
        ("useDMBlock", "false"),
        ("mountRootfs", "false"),
    ];
    let values =
        values.map(|(key, value)| (format!("com.urunc.unikernel.{key}"), STANDARD.encode(value)));
    values.into()
}

/// The one layer, not packed.
fn layer(name: &str, bytes: &[u8], annotations: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let folder = format!("{FOLDER}/");
    let file = format!("{folder}{name}");
    let told = json_bytes(&json!(annotations));
    Ok(tar([(&*folder, None), (&*file, Some(bytes)), (URUNC_JSON, Some(&*told))])?)
}

/// An archive of folders and files, which are root's and of 1970.
fn tar<'a>(entries: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for (path, bytes) in entries {
        let mut header = Header::new_ustar();
        let (kind, mode) = match bytes {
            Some(_) => (EntryType::Regular, 0o644),
            None => (EntryType::Directory, 0o755),
        };
        let bytes = bytes.unwrap_or_default();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, path, bytes)?;
    }
    archive.into_inner()
}

/// Adds a blob of this type, and returns its descriptor.
fn blob(layout: &mut Layout, media_type: &str, bytes: Vec<u8>) -> Value {
    let digest = digest(&bytes);
    let descriptor = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
    layout.insert(format!("blobs/{}", digest.replace(':', "/")), bytes);
    descriptor
}

/// What a blob is called by.
fn digest(bytes: &[u8]) -> String {
    let digits = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256:{digits}")
}

/// A document on one line.
fn json_bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests;
