#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail};
use defmt_decoder::Table;
use lab::filter;

/// What a line of the log begins with (`rt-pvh`, README.md).
const MARK: &str = "#log ";
/// What the decoder panics on: a date after the year 9999, and an isize in hexadecimal.
const PANICS: [&str; 2] = ["iso8601", "=isize"];

fn main() -> ExitCode {
    filter::serve(|program| {
        let read = fs::read(program).context("cannot read the program");
        decoder(read.and_then(|program| read_table(&program)))
    })
}

/// Puts lines of the log into words. One that cannot be is left as it is; the first time, the reason comes before it.
fn decoder(table: Result<Table>) -> impl FnMut(&str) -> Vec<String> {
    let mut said = false;
    move |text| match parse(text) {
        Some((time, frame)) => match words(&table, &frame) {
            Ok(words) => vec![format!("{time} {words}")],
            Err(_) if said => vec![text.to_owned()],
            Err(reason) => {
                said = true;
                vec![format!("no log: {reason}"), text.to_owned()]
            }
        },
        None => vec![text.to_owned()],
    }
}

/// The time and the bytes of a line of the log; nothing if it is another line.
fn parse(line: &str) -> Option<(&str, Vec<u8>)> {
    let (time, digits) = line.strip_prefix(MARK)?.split_once(' ')?;
    let (seconds, micros) = time.split_once('.')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(seconds) || !is_number(micros) || digits.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| match *pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    };
    Some((time, digits.as_bytes().chunks(2).map(byte).collect::<Option<_>>()?))
}

/// The words of one line.
fn words(table: &Result<Table>, frame: &[u8]) -> Result<String, String> {
    let table = table.as_ref().map_err(|error| format!("{error:#}"))?;
    let fits = |error| format!("a line does not fit the words of the program: {error}");
    match table.decode(frame) {
        Ok((line, length)) if length == frame.len() => Ok(line.display_message().to_string()),
        Ok((_, length)) => Err(fits(format!("{length} of its {} bytes are used", frame.len()))),
        Err(error) => Err(fits(error.to_string())),
    }
}

/// The words of a program, by their numbers.
fn read_table(program: &[u8]) -> Result<Table> {
    let table = Table::parse(program)
        .context("cannot read the log's words from the program")?
        .context("the program has no section .defmt: it was stripped, or built without its log")?;
    let panics = |words: &&str| PANICS.iter().any(|one| words.contains(one));
    if let Some(words) = table.raw_symbols().find(panics) {
        bail!("the decoder cannot take iso8601 and isize, as in {words}");
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use object::{
        Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
        write::{Object, Symbol, SymbolSection},
    };

    use super::*;

    /// The address of the words that the program of these tests has.
    const WORDS: u16 = 0x20;

    /// A program with these words, as the linker leaves them: symbols, whose addresses are their numbers.
    fn program(words: &str) -> Vec<u8> {
        let words = format!(
            r#"{{"package":"arp","tag":"defmt_info","data":"{words}","disambiguator":"1","crate_name":"arp"}}"#
        );
        let mut elf = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let section = elf.add_section(Vec::new(), b".defmt".into(), SectionKind::Metadata);
        elf.set_section_data(section, vec![0; 64], 1);
        for (name, section, value) in [
            ("_defmt_version_ = 4", SymbolSection::Absolute, 0),
            ("_defmt_encoding_ = rzcobs", SymbolSection::Absolute, 0),
            (&words, SymbolSection::Section(section), WORDS),
        ] {
            elf.add_symbol(Symbol {
                name: name.into(),
                value: value.into(),
                size: 1,
                kind: SymbolKind::Data,
                scope: SymbolScope::Linkage,
                weak: false,
                section,
                flags: SymbolFlags::None,
            });
        }
        elf.write().unwrap()
    }

    fn lines(program: &[u8], console: &str) -> Vec<String> {
        console.lines().flat_map(decoder_of(program)).collect()
    }

    fn decoder_of(program: &[u8]) -> impl FnMut(&str) -> Vec<String> + use<> {
        decoder(read_table(program))
    }

    #[test]
    fn a_line_of_the_log_is_put_into_words() {
        let program = program("arp: {=u8} of {=u8}");
        // The second one is what the guest is tested to write: rt-pvh, log.rs.
        let console = "serving\r\n#log 12.000345 2000ff0a\r\n# log\r\n";
        assert_eq!(lines(&program, console), ["serving", "12.000345 arp: 255 of 10", "# log"]);
    }

    #[test]
    fn text_is_no_line_of_the_log() {
        let program = program("arp: {=u8} of {=u8}");
        for text in [
            "",
            "#log ",
            "#log  2000ff0a",
            "#log 12.000345 ",
            "#log 12.000345 2000ff0",
            "#log 12.000345 2000ff0g",
            "#log 12.000345 2000 ff0a",
            "#log 12.000345 +0+0",
            "#log 12 2000ff0a",
            "#log 12.-1 2000ff0a",
            "#log 12.000345 2000\u{fc}",
            " #log 12.000345 2000ff0a",
            "12.000345 (a line of 514 bytes is left out: 512 is the most)",
        ] {
            assert_eq!(lines(&program, &format!("{text}\r\n")), [text]);
        }
    }

    #[test]
    fn what_cannot_be_put_into_words_is_left_and_said_why_once() {
        let line = "#log 12.000345 2000ff0a";
        let console = format!("{line}\n{line}\n");
        let cases = [
            (program("arp: {=u8}"), "does not fit the words of the program: 3 of its 4 bytes"),
            (program("arp: {=u32}"), "does not fit the words of the program: "),
            (program("arp: {=isize:x} {=u8}"), "cannot take iso8601 and isize"),
            (b"This is no program.".to_vec(), "cannot read the log's words from the program: "),
            (
                Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little)
                    .write()
                    .unwrap(),
                "no section .defmt",
            ),
        ];
        for (program, reason) in cases {
            let lines = lines(&program, &console);
            let [said, first, second] = &lines[..] else { panic!("{reason}: {lines:?}") };
            assert!(said.starts_with("no log: ") && said.contains(reason), "{said}");
            assert_eq!((&**first, &**second), (line, line));
        }
        // A number that stands for nothing.
        let lines = lines(&program("arp"), "#log 1.000000 0700\n#log 1.000000 2000\n");
        let [said, unknown, known] = &lines[..] else { panic!("{lines:?}") };
        assert!(said.contains("does not fit"), "{said}");
        assert_eq!((&**unknown, &**known), ("#log 1.000000 0700", "1.000000 arp"));
    }
}
