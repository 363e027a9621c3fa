//! A writer of JSON (RFC 8259).

use core::{
    fmt::{self, Write},
    mem,
};

use crate::escape::escape;

/// Writes JSON into a text, with the commas between the values.
///
/// The image of a guest has each of these functions once, or it would be some thousand bytes larger.
pub(crate) struct Json<'w> {
    out: &'w mut dyn Write,
    /// Whether there is a value before the next one.
    has_value: bool,
}

impl<'w> Json<'w> {
    pub(crate) fn new(out: &'w mut dyn Write) -> Self {
        Self { out, has_value: false }
    }

    /// Begins a value with this text.
    #[inline(never)]
    fn begin(&mut self, text: &str) -> fmt::Result {
        if mem::replace(&mut self.has_value, true) {
            self.out.write_str(",")?;
        }
        self.out.write_str(text)
    }

    /// The name of the next value, in an object. It has no character that has to be escaped.
    #[inline(never)]
    pub(crate) fn key(&mut self, name: &str) -> fmt::Result {
        self.begin("\"")?;
        self.has_value = false;
        self.out.write_str(name)?;
        self.out.write_str("\":")
    }

    #[inline(never)]
    pub(crate) fn number(&mut self, number: u64) -> fmt::Result {
        self.begin("")?;
        write!(self.out, "{number}")
    }

    pub(crate) fn null(&mut self) -> fmt::Result {
        self.begin("null")
    }

    #[inline(never)]
    pub(crate) fn text(&mut self, text: &dyn fmt::Display) -> fmt::Result {
        self.begin("\"")?;
        write!(Escaped(self.out), "{text}")?;
        self.out.write_str("\"")
    }

    /// A key with a number.
    #[inline(never)]
    pub(crate) fn entry(&mut self, name: &str, number: u64) -> fmt::Result {
        self.key(name)?;
        self.number(number)
    }

    /// An object; `fill` writes its keys and values.
    pub(crate) fn object(
        &mut self,
        fill: impl FnOnce(&mut Json<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.begin("{")?;
        fill(&mut Json::new(self.out))?;
        self.out.write_str("}")
    }

    /// An array; `fill` writes its values.
    pub(crate) fn array(&mut self, fill: impl FnOnce(&mut Json<'_>) -> fmt::Result) -> fmt::Result {
        self.begin("[")?;
        fill(&mut Json::new(self.out))?;
        self.out.write_str("]")
    }
}

/// Writes text inside a string of JSON.
struct Escaped<'w>(&'w mut dyn Write);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(
            self.0,
            text,
            |byte| matches!(byte, b'"' | b'\\' | ..b' '),
            |out, byte| {
                let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
                out.write_str("\\u00")?;
                out.write_char(digit(byte >> 4))?;
                out.write_char(digit(byte))
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    fn json(fill: impl FnOnce(&mut Json<'_>) -> fmt::Result) -> String {
        let mut text = String::new();
        fill(&mut Json::new(&mut text)).unwrap();
        text
    }

    #[test]
    fn values_have_commas_between_them_at_each_depth() {
        let text = json(|json| {
            json.object(|json| {
                json.entry("a", 1)?;
                json.key("b")?;
                json.array(|json| {
                    json.number(u64::MAX)?;
                    json.null()?;
                    json.array(|_| Ok(()))?;
                    json.object(|json| json.entry("c", 0))
                })?;
                json.key("d")?;
                json.text(&"e")
            })
        });
        assert_eq!(text, r#"{"a":1,"b":[18446744073709551615,null,[],{"c":0}],"d":"e"}"#);
    }

    #[test]
    fn what_ends_a_string_or_is_a_control_character_is_escaped() {
        assert_eq!(
            json(|json| json.text(&"\"ä\\\n\u{1f}x\"")),
            r#""\u0022ä\u005c\u000a\u001fx\u0022""#
        );
        assert_eq!(json(|json| json.text(&"")), r#""""#);
        assert_eq!(json(|json| json.text(&format_args!("{}\t{}", 1, 2))), r#""1\u00092""#);
    }

    #[test]
    fn the_error_of_the_text_is_passed_on() {
        struct Full;
        impl Write for Full {
            fn write_str(&mut self, _: &str) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        assert!(Json::new(&mut Full).text(&"x").is_err());
    }
}
