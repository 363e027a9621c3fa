//! Names of functions that fit into a line.

/// The name of a function without the arguments of generic types and functions, and of a method of a trait with its type:
/// `<udp::layer::Udp<I, T> as layer::Layer>::receive` becomes `udp::layer::Udp::receive`.
pub(super) fn short(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    if let Some(inner) = name.strip_prefix('<')
        && let Some(end) = closing(inner)
    {
        let own = &inner[..end];
        out += &short(split_as(own).trim_start_matches(['&', '*']).trim_start_matches("mut "));
        rest = &inner[end + 1..];
    }
    while let Some(start) = rest.find('<') {
        // Not the arrow of a function's type, and not a comparison.
        out += rest[..start].trim_end_matches("::");
        let Some(end) = closing(&rest[start + 1..]) else { return out };
        rest = &rest[start + end + 2..];
    }
    out + rest
}

/// Where the bracket ends that was opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut before) = (1, ' ');
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
        before = c;
    }
    None
}

/// The type in `Type as Trait`; the whole text if there is no trait.
fn split_as(text: &str) -> &str {
    let (mut depth, mut before) = (0, ' ');
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' | '[' => depth += 1,
            '>' if before == '-' => {}
            '>' | ')' | ']' => depth -= 1,
            ' ' if depth == 0 && text[at..].starts_with(" as ") => return &text[..at],
            _ => {}
        }
        before = c;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_types_are_left_out() {
        for (name, expected) in [
            ("main", "main"),
            ("core::fmt::write", "core::fmt::write"),
            ("<udp::layer::Udp<I, T> as layer::Layer>::receive", "udp::layer::Udp::receive"),
            (
                "<udp::Udp<icmp::Icmp<ipv4::Ipv4<arp::Arp<N>>>> as layer::layer::Layer>::receive",
                "udp::Udp::receive",
            ),
            ("alloc::vec::Vec<T,A>::push", "alloc::vec::Vec::push"),
            ("a::run::<b::C<D>, fn(u8) -> u16>", "a::run"),
            ("<fn(u8) -> u16 as core::ops::FnOnce>::call_once", "fn(u8) -> u16::call_once"),
            ("<&mut a::B<C> as D>::e::{closure#0}", "a::B::e::{closure#0}"),
            ("<a::B>::c", "a::B::c"),
            ("rt::run<L>", "rt::run"),
            ("<unfinished", ""),
            ("also<unfinished", "also"),
            ("", ""),
        ] {
            assert_eq!(short(name), expected);
        }
    }
}
