//! JSON as far as iperf3 needs it: objects and arrays are taken apart into values, which stay text (RFC 8259).
//!
//! What is inside of a value is looked at when that is taken apart: `[1}` passes until then.

/// Shows `each` the name and the value of each member of an object. `None` if `text` is no object.
pub(crate) fn members<'j>(text: &'j [u8], mut each: impl FnMut(&'j [u8], &'j [u8])) -> Option<()> {
    list(text, *b"{}", &mut |rest| {
        let (name, rest) = split(rest)?;
        let name = name.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let rest = rest.trim_ascii_start().strip_prefix(b":")?;
        let (value, rest) = split(rest.trim_ascii_start())?;
        each(name, value);
        Some(rest)
    })
}

/// Shows `each` the elements of an array. `None` if `text` is no array.
pub(crate) fn elements<'j>(text: &'j [u8], mut each: impl FnMut(&'j [u8])) -> Option<()> {
    list(text, *b"[]", &mut |rest| {
        let (element, rest) = split(rest)?;
        each(element);
        Some(rest)
    })
}

/// Takes apart what stands between these brackets. `item` takes one item from the beginning of what it is given, and
/// returns what follows.
fn list<'j>(
    text: &'j [u8],
    [open, close]: [u8; 2],
    item: &mut dyn FnMut(&'j [u8]) -> Option<&'j [u8]>,
) -> Option<()> {
    let mut rest = text.trim_ascii().strip_prefix(&[open])?.trim_ascii_start();
    if rest == [close] {
        return Some(());
    }
    loop {
        match item(rest)?.trim_ascii_start() {
            [b',', after @ ..] => rest = after.trim_ascii_start(),
            [byte] if *byte == close => return Some(()),
            _ => return None,
        }
    }
}

/// The value that `text` begins with, and what follows it. It takes no stack, however deep the value is.
fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        let ends = if in_string {
            in_string = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
            !in_string && depth == 0
        } else {
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth > 0 => depth -= 1,
                b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => {
                    return (at > 0).then(|| text.split_at(at));
                }
                _ => {}
            }
            matches!(byte, b'}' | b']') && depth == 0
        };
        if ends {
            return Some(text.split_at(at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members_of(text: &str) -> Option<Vec<(&str, &str)>> {
        let mut found = Vec::new();
        let text_of = |bytes| str::from_utf8(bytes).unwrap();
        members(text.as_bytes(), |name, value| found.push((text_of(name), text_of(value))))?;
        Some(found)
    }

    #[test]
    fn members_have_names_and_values() {
        assert_eq!(members_of(" {} "), Some(vec![]));
        assert_eq!(
            members_of(r#"{"tcp":true,"time" : 10, "title":"a,\"}b\\","s":[{"id":1},{"]":[]}] }"#),
            Some(vec![
                ("tcp", "true"),
                ("time", "10"),
                ("title", r#""a,\"}b\\""#),
                ("s", r#"[{"id":1},{"]":[]}]"#),
            ])
        );
    }

    #[test]
    fn elements_come_in_order() {
        let mut found = Vec::new();
        elements(br#"[ 1, "a", {"b": [2]} ]"#, |element| found.push(element)).unwrap();
        assert_eq!(found, [&b"1"[..], b"\"a\"", b"{\"b\": [2]}"]);
    }

    #[test]
    fn what_is_no_object_is_none() {
        for text in [
            "",
            "{",
            "}",
            "[]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":1}}",
            "{a:1}",
            "{\":1}",
            "{\"a\":\"}",
            "{\"a\":[1}",
            "{\"a\":1 2}",
            "{,}",
            "{\"a\":\"\\\"}",
            "{\"a\" 1}",
        ] {
            assert_eq!(members_of(text), None, "{text}");
        }
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert_eq!(members_of(&deep), None);
    }
}
