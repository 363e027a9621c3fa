//! Files, and what is said about them.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};

use super::{
    Hypervisor, firecracker,
    guest::Guest,
    libvirt,
    oci::{self, Layout, Monitor},
    plan::Format,
    systemd, xl,
};

/// A file of an engine.
pub(super) struct Text {
    name: String,
    text: String,
    /// What is done with it, `FILE` for its path.
    usage: &'static str,
}

/// The files of these engines. The image of the OCI is none: it has the guest in it.
///
/// # Errors
/// A path or an argument is one that an engine cannot read.
pub(super) fn texts(
    guest: &Guest,
    hypervisor: Hypervisor,
    formats: &[Format],
) -> Result<Vec<Text>> {
    let name = &guest.name;
    let texts = formats.iter().filter_map(|format| {
        Some(match format {
            Format::Oci => return None,
            Format::Libvirt => Ok(Text {
                name: format!("{name}-{}.xml", hypervisor.name()),
                text: libvirt::domain(guest, hypervisor),
                usage: "virsh define FILE",
            }),
            Format::Firecracker => firecracker::configuration(guest).map(|text| Text {
                name: format!("{name}-firecracker.json"),
                text,
                usage: "firecracker --no-api --config-file FILE",
            }),
            Format::Xl => xl::file(guest).map(|text| Text {
                name: format!("{name}.cfg"),
                text,
                usage: "xl create FILE",
            }),
            Format::Systemd => Ok(Text {
                name: format!("{name}.service"),
                text: systemd::unit(guest),
                usage: "install -m 644 FILE /etc/systemd/system/",
            }),
        })
    });
    texts.collect()
}

/// Writes the files, prints their paths, and says what is done with them.
///
/// # Errors
/// One cannot be written.
pub(super) fn write_all(folder: &Path, texts: &[Text]) -> Result<()> {
    for Text { name, text, usage } in texts {
        write(folder, name, text.as_bytes())?;
        say(&folder.join(name), usage);
    }
    Ok(())
}

/// Writes a file, and prints its path.
///
/// # Errors
/// It cannot be written.
pub(super) fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

/// Writes the image of the OCI of this guest, whose bytes these are: a folder, in the place of one that was written before,
/// and an archive. Prints their paths, and says what is done with them.
///
/// # Errors
/// They cannot be written; or something else has the name of the folder.
pub(super) fn oci(folder: &Path, guest: &Guest, bytes: &[u8], monitor: Monitor) -> Result<()> {
    let layout = oci::layout(guest, bytes, monitor)?;
    let path = folder.join(format!("{}-oci", guest.name));
    write_layout(&path, &layout)?;
    println!("{}", path.display());
    let archive = format!("{}-oci.tar", guest.name);
    write(folder, &archive, &oci::archive(&layout)?)?;
    say(&folder.join(archive), "skopeo copy oci-archive:FILE docker://REGISTRY/NAME:TAG");
    let (_, left_out) = guest.line.without_address();
    if !left_out.is_empty() {
        eprintln!(
            "Not in the image: {}. urunc gives each container its own address.",
            left_out.join(" ")
        );
    }
    Ok(())
}

fn write_layout(path: &Path, layout: &Layout) -> Result<()> {
    if path.exists() {
        ensure!(
            path.join("oci-layout").is_file(),
            "{} is there, and is no OCI image: nothing was written over it",
            path.display()
        );
        fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    for (name, bytes) in layout {
        let file = path.join(name);
        let write = || {
            file.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(&file, bytes)
        };
        write().with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Says what is done with a file.
fn say(path: &Path, usage: &str) {
    eprintln!("  {}", usage.replace("FILE", &path.display().to_string()));
}

#[cfg(test)]
mod tests {
    use super::{super::guest::tests::guest, *};

    #[test]
    fn a_folder_is_replaced_if_it_is_an_image() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("echo-oci");
        let layout = |bytes| oci::layout(&guest(&[]), bytes, Monitor::Qemu).unwrap();
        let files = || fs::read_dir(path.join("blobs/sha256")).unwrap().count();
        write_layout(&path, &layout(b"one")).unwrap();
        assert_eq!(files(), 3);
        write_layout(&path, &layout(b"another")).unwrap();
        assert_eq!(files(), 3, "blobs of the image before are left");
        fs::remove_file(path.join("oci-layout")).unwrap();
        let error = write_layout(&path, &layout(b"one")).unwrap_err().to_string();
        assert!(error.contains("is no OCI image: nothing was written over it"), "{error}");
        assert_eq!(files(), 3);
    }

    #[test]
    fn each_engine_has_a_file_of_its_own() {
        let all = [Format::Oci, Format::Libvirt, Format::Firecracker, Format::Systemd, Format::Xl];
        let texts = texts(&guest(&[]), Hypervisor::Kvm, &all).unwrap();
        let names: Vec<_> = texts.iter().map(|text| &*text.name).collect();
        assert_eq!(names, ["echo-kvm.xml", "echo-firecracker.json", "echo.service", "echo.cfg"]);
        assert!(texts.iter().all(|text| text.usage.contains("FILE") && !text.text.is_empty()));
    }
}
