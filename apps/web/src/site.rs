//! The static site: files that are part of the program.

use http::File;

/// A file of the folder `site`.
macro_rules! file {
    ($name:literal) => {
        File::new(concat!("/", $name), include_bytes!(concat!("../site/", $name)))
    };
}

/// All files. `/` is `index.html`.
pub(crate) static FILES: [File; 6] = [
    file!("index.html"),
    file!("unikernel.html"),
    file!("tower.html"),
    file!("style.css"),
    file!("try.js"),
    file!("icon.svg"),
];
