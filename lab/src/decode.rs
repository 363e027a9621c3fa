//! The lines that a guest writes: as they are, with its log in words, with the places of a crash in the source.

use std::path::Path;

use crate::filter::Filter;

/// Makes lines of the bytes that a guest writes: called with the bytes as they come, which may end
/// anywhere, and with what takes the lines. It is here that a log in a form for machines is decoded
/// ([`with_log`]).
///
/// What is built for that is built when the first line asks for it, in the network of the thread that has made this: a
/// network of its own, where a guest is, leads to no registry.
pub type Decode = Box<dyn FnMut(&[u8], &mut dyn FnMut(&str)) + Send>;

/// For guests that write text: lines end with a line feed.
pub fn plain() -> Decode {
    let mut rest = Vec::new();
    Box::new(move |bytes, line| {
        for byte in bytes {
            if *byte == b'\n' {
                line(String::from_utf8_lossy(&rest).trim_end_matches('\r'));
                rest.clear();
            } else {
                rest.push(*byte);
            }
        }
    })
}

/// For guests with their log: text, and the lines of the log are put into words by the program `lab-log`. The words
/// are in the symbols of `program`, the ELF file that the guest runs.
///
/// A line that cannot be put into words is left as it is; the first time, the reason comes before it.
pub fn with_log(program: &Path) -> Decode {
    filtered(Filter::new("lab-log", &["#log "], program), plain())
}

/// Adds to each line `stack ADDRESSES` of a guest the places in the source where these calls are, the
/// innermost first, a line each, which the program `lab-places` finds: `  at udp/src/layer/serve.rs:97 in serve`; to a line
/// `rip ADDRESS …` that of the instruction.
/// `program` is the ELF file that the guest runs, not stripped. What `decode` does with all lines, it does before.
///
/// Addresses that follow no call, and calls within Rust's own libraries, are left out. Where the compiler
/// has made one call of several, there is no number of a line.
pub fn with_places(program: &Path, decode: Decode) -> Decode {
    filtered(Filter::new("lab-places", &["stack ", "rip "], program), decode)
}

fn filtered(mut filter: Filter, mut decode: Decode) -> Decode {
    Box::new(move |bytes, show| decode(bytes, &mut |line| filter.decode(line, show)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_may_come_in_pieces() {
        let (mut decode, mut lines) = (plain(), Vec::new());
        for piece in ["one\r\ntw", "o\n\n\u{fc}b", "er\nno end"] {
            decode(piece.as_bytes(), &mut |line| lines.push(line.to_owned()));
        }
        assert_eq!(lines, ["one", "two", "", "\u{fc}ber"]);
    }
}
