//! The domain files of libvirt, with its own schema.

use std::{fs, path::Path};

use lab::{
    cargo::{self, Build, Platform, Profile},
    image::stripped,
};

use super::bed::{all, find, succeed, write};

/// Where the package libvirt0 has the schemas of libvirt.
const SCHEMA: &str = "usr/share/libvirt/schemas/domain.rng";

/// What `virt-xml-validate` does, which looks for the schema in one place alone.
fn validate(file: &Path) {
    let libvirt = find("virt-xml-validate", "libvirt-clients");
    let schema = libvirt.root().unwrap_or(Path::new("/")).join(SCHEMA);
    let mut xmllint = find("xmllint", "libxml2-utils").command();
    let said = succeed(xmllint.args(["--noout", "--relaxng"]).arg(&schema).arg(file));
    assert_eq!(said.trim(), format!("{} validates", file.display()));
}

pub(crate) fn both_domains_are_valid() {
    validate(&all().join("echo-kvm.xml"));
    let folder = tempfile::tempdir().expect("there is room");
    // A path that has to be escaped.
    let more =
        ["--to", "libvirt", "--on", "xen", "--image-dir", "/srv/<a> & \"b\"", "--bridge", "b.1"];
    let paths = write(folder.path(), &more);
    let files: Vec<_> = paths.iter().filter(|path| path.ends_with("echo-xen.xml")).collect();
    assert_eq!(files.len(), 1, "{paths:?}");
    validate(files[0]);
    let text = fs::read_to_string(files[0]).expect("it was written");
    for words in
        ["<kernel>/srv/&lt;a&gt; &amp; &quot;b&quot;/echo-xen</kernel>", "<source bridge='b.1'/>"]
    {
        assert!(text.contains(words), "no {words} in:\n{text}");
    }
}

/// One image, which both domain files and that of xl name.
pub(crate) fn one_image_is_for_both() {
    let folder = tempfile::tempdir().expect("there is room");
    let paths = write(folder.path(), &["--to", "libvirt,xl", "--on", "guest"]);
    let names: Vec<_> = paths.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert_eq!(names, ["echo-guest", "echo-kvm.xml", "echo-xen.xml", "echo.cfg"]);
    let image = paths[0].canonicalize().expect("it is there");
    for file in &paths[1..] {
        let text = fs::read_to_string(file).expect("it was written");
        assert!(text.contains(&*image.to_string_lossy()), "{}: {text}", file.display());
    }
    for file in &paths[1..3] {
        validate(file);
    }
    let build = Build::new(Platform::Guest, Profile::Guest);
    let program = cargo::build_each(&["echo"], &build).expect("echo builds").remove("echo");
    let expected = stripped(&program.expect("it has a program")).expect("it can be stripped");
    assert!(fs::read(&image).expect("it was written") == expected, "it is another image");
}
