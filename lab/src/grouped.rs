//! Numbers for people.

/// A number with a comma before each three digits: `60,000`.
pub fn grouped(number: u64) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", grouped(thousands), number % 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let numbers = [0, 999, 1000, 22_045, 1_002_003, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "22,045", "1,002,003", "1,234,567"]);
    }
}
