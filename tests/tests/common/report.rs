//! The report of a service on several cores.

/// The number in the line that begins with this name; 0 if there is none.
pub(crate) fn number(lines: &[String], name: &str) -> u64 {
    let of = |line: &String| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    lines.iter().find_map(of).unwrap_or(0)
}
