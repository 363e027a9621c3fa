//! Text with escapes.

use core::fmt::{self, Write};

/// Writes text in which some bytes, all of them ASCII, are replaced by what `replace` writes. It looks at bytes: what `core` has
/// for characters is several times as much code.
pub(crate) fn escape(
    out: &mut dyn Write,
    text: &str,
    is_special: fn(u8) -> bool,
    replace: fn(&mut dyn Write, u8) -> fmt::Result,
) -> fmt::Result {
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if is_special(byte) {
            out.write_str(text.get(start..at).unwrap_or_default())?;
            replace(out, byte)?;
            start = at + 1;
        }
    }
    out.write_str(text.get(start..).unwrap_or_default())
}
