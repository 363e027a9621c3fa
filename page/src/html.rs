//! The page as a browser gets it: one file, made of those in `web` when this crate is compiled.

/// The parts of the page.
const SOURCE: &str = concat!(
    include_str!("../web/head.html"),
    "<style>\n",
    include_str!("../web/page.css"),
    "</style>\n",
    include_str!("../web/body.html"),
    "<script>\n",
    include_str!("../web/text.js"),
    include_str!("../web/chart.js"),
    include_str!("../web/page.js"),
    "</script>\n",
);

/// The page, and how long it is.
const PACKED: ([u8; SOURCE.len()], usize) = pack(SOURCE.as_bytes());

/// The page, without what is behind its end.
static BYTES: [u8; PACKED.1] = {
    let mut bytes = [0; PACKED.1];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = PACKED.0[at];
        at += 1;
    }
    bytes
};

/// The page: HTML with its style and its script, which loads nothing but `state.json`.
pub static PAGE: &str = match str::from_utf8(&BYTES) {
    Ok(page) => page,
    Err(_) => panic!("only whole lines, spaces and line feeds are left out"),
};

const _: () = assert!(PACKED.1 < 20_000, "the page stays below 20 KB");

/// The source without what only its readers need: indents, lines that are comments, and line feeds after a byte that cannot
/// end a statement.
const fn pack<const N: usize>(source: &[u8]) -> ([u8; N], usize) {
    let (mut out, mut length) = ([0; N], 0);
    let mut at = 0;
    while at < source.len() {
        while at < source.len() && source[at] == b' ' {
            at += 1;
        }
        let is_comment = at + 1 < source.len() && source[at] == b'/' && source[at + 1] == b'/';
        while at < source.len() && source[at] != b'\n' {
            if !is_comment {
                out[length] = source[at];
                length += 1;
            }
            at += 1;
        }
        if length > 0 && !matches!(out[length - 1], b'\n' | b';' | b',' | b'{' | b'}' | b'(' | b'[')
        {
            out[length] = b'\n';
            length += 1;
        }
        at += 1;
    }
    (out, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(source: &str) -> std::string::String {
        let (bytes, length) = pack::<200>(source.as_bytes());
        str::from_utf8(&bytes[..length]).unwrap().into()
    }

    #[test]
    fn indents_comments_and_line_feeds_that_end_nothing_are_left_out() {
        assert_eq!(packed("a {\n  b: 1;\n}\n"), "a {b: 1;}");
        assert_eq!(packed("// c\nlet a = [\n  1,\n\n  // c\n  2\n];\n"), "let a = [1,2\n];");
        assert_eq!(packed("<p>\nä  b\n</p>"), "<p>\nä  b\n</p>\n");
        assert_eq!(packed("'//' // d\n/ 2\n"), "'//' // d\n/ 2\n");
        assert_eq!((packed(""), packed("\n\n"), packed("  ")), ("".into(), "".into(), "".into()));
    }

    #[test]
    fn it_is_one_file_that_loads_nothing() {
        assert!(PAGE.starts_with("<!doctype html>") && PAGE.ends_with("</script>\n"));
        for part in ["src=", "@import", "url(", "http:"] {
            let places = PAGE.matches(part).count();
            // The name of a kind of picture.
            let allowed = PAGE.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(places, if part == "http:" { allowed } else { 0 }, "{part}");
        }
        // A script or a style ends only once.
        assert_eq!(PAGE.matches("</script").count(), 1);
        assert_eq!(PAGE.matches("</style").count(), 1);
    }
}
