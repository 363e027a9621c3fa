//! A writer of JSON (RFC 8259).

use core::fmt::{self, Write};

/// Writes JSON into a text, with the commas between the values.
pub(crate) struct Json<'w> {
    out: &'w mut dyn Write,
    /// Whether there is a value before the next one.
    has_value: bool,
}

impl<'w> Json<'w> {
    pub(crate) fn new(out: &'w mut dyn Write) -> Self {
        Self { out, has_value: false }
    }

    fn separate(&mut self) -> fmt::Result {
        if self.has_value { self.out.write_str(",") } else { Ok(()) }
    }

    fn value(&mut self, write: impl FnOnce(&mut dyn Write) -> fmt::Result) -> fmt::Result {
        self.separate()?;
        self.has_value = true;
        write(self.out)
    }

    /// The name of the next value, in an object. It has no character that has to be escaped.
    pub(crate) fn key(&mut self, name: &str) -> fmt::Result {
        self.value(|out| write!(out, "\"{name}\":"))?;
        self.has_value = false;
        Ok(())
    }

    pub(crate) fn number(&mut self, number: u64) -> fmt::Result {
        self.value(|out| write!(out, "{number}"))
    }

    pub(crate) fn null(&mut self) -> fmt::Result {
        self.value(|out| out.write_str("null"))
    }

    pub(crate) fn text(&mut self, text: impl fmt::Display) -> fmt::Result {
        self.value(|out| {
            out.write_str("\"")?;
            write!(Escaped(out), "{text}")?;
            out.write_str("\"")
        })
    }

    /// A key with a number.
    pub(crate) fn entry(&mut self, name: &str, number: u64) -> fmt::Result {
        self.key(name)?;
        self.number(number)
    }

    /// An object; `fill` writes its keys and values.
    pub(crate) fn object(
        &mut self,
        fill: impl FnOnce(&mut Json<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.between("{", "}", fill)
    }

    /// An array; `fill` writes its values.
    pub(crate) fn array(&mut self, fill: impl FnOnce(&mut Json<'_>) -> fmt::Result) -> fmt::Result {
        self.between("[", "]", fill)
    }

    fn between(
        &mut self,
        open: &str,
        close: &str,
        fill: impl FnOnce(&mut Json<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.value(|out| {
            out.write_str(open)?;
            fill(&mut Json::new(out))?;
            out.write_str(close)
        })
    }
}

/// Writes text inside a string of JSON.
struct Escaped<'w>(&'w mut dyn Write);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\') || c < ' ') {
            let (plain, special) = rest.split_at(at);
            self.0.write_str(plain)?;
            // One byte, because it is ASCII.
            let (byte, after) = special.split_at(1);
            write!(self.0, "\\u{:04x}", byte.as_bytes()[0])?;
            rest = after;
        }
        self.0.write_str(rest)
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
                json.text("e")
            })
        });
        assert_eq!(text, r#"{"a":1,"b":[18446744073709551615,null,[],{"c":0}],"d":"e"}"#);
    }

    #[test]
    fn what_ends_a_string_or_is_a_control_character_is_escaped() {
        assert_eq!(
            json(|json| json.text("\"ä\\\n\u{1f}x\"")),
            r#""\u0022ä\u005c\u000a\u001fx\u0022""#
        );
        assert_eq!(json(|json| json.text("")), r#""""#);
        assert_eq!(json(|json| json.text(format_args!("{}\t{}", 1, 2))), r#""1\u00092""#);
    }

    #[test]
    fn the_error_of_the_text_is_passed_on() {
        struct Full;
        impl Write for Full {
            fn write_str(&mut self, _: &str) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        assert!(Json::new(&mut Full).text("x").is_err());
    }
}
