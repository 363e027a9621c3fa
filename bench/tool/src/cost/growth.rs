//! How costs grow with what is in a table: not at all, or by a step each time that it doubles.

use super::accepted::{Cost, Costs};

/// What a full table may cost more than an empty one: 5 %, and for each time that it doubles so many instructions,
/// which is a step of two binary searches.
const SLACK: (f64, f64) = (0.05, 32.0);

/// What grows faster, in words, one line for each.
pub(super) fn too_fast(costs: &Costs) -> Vec<String> {
    let tables = costs.iter().filter_map(|cost| Some((cost.table_size()?, cost)));
    let too_fast = tables.filter_map(|(size, cost)| {
        let of_scenario = costs.iter().filter(|other| other.scenario == cost.scenario);
        let sizes = of_scenario.filter_map(|other| Some((other.table_size()?, other)));
        let (least, small) = sizes.min_by_key(|(size, _)| *size)?;
        let doublings = (size as f64 / least as f64).log2();
        let most = small.instructions * (1.0 + SLACK.0) + SLACK.1 * doublings;
        (cost.instructions > most).then(|| words(cost, small))
    });
    too_fast.collect()
}

fn words(cost: &Cost, small: &Cost) -> String {
    let Cost { scenario, layer, instructions } = cost;
    let times = instructions / small.instructions;
    let times = if times < 10.0 { format!("{times:.1}") } else { format!("{times:.0}") };
    let instructions = in_thousands(*instructions as u64);
    let least = &small.layer;
    format!(
        "{scenario} with {layer}: {instructions} instructions, {times} times as many as with {least}"
    )
}

/// `12,000`
fn in_thousands(number: u64) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", in_thousands(thousands), number % 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn too_fast_of(costs: &[(&str, f64)]) -> Vec<String> {
        let totals: Vec<_> = costs
            .iter()
            .map(|(layer, total)| ("fragment".into(), (*layer).into(), *total))
            .collect();
        too_fast(&Costs::of_totals(&totals))
    }

    #[test]
    fn a_search_from_end_to_end_is_told_in_words() {
        assert_eq!(
            too_fast_of(&[("1 datagram", 300.0), ("256 datagrams", 12_000.4)]),
            [
                "fragment with 256 datagrams: 12,000 instructions, 40 times as many as with 1 datagram"
            ]
        );
        assert_eq!(
            too_fast_of(&[("64 ports", 1000.0), ("128 ports", 1100.0), ("1 port", 900.0)]),
            [] as [String; 0],
            "six and seven doublings"
        );
        assert_eq!(
            too_fast_of(&[("64 ports", 1138.0), ("128 ports", 1170.0), ("1 port", 900.0)]),
            [
                "fragment with 64 ports: 1,138 instructions, 1.3 times as many as with 1 port",
                "fragment with 128 ports: 1,170 instructions, 1.3 times as many as with 1 port"
            ]
        );
    }

    #[test]
    fn layers_and_bytes_are_no_tables() {
        assert!(too_fast_of(&[("udp", 1.0), ("arp", 900.0), ("64", 1.0), ("576", 9.0)]).is_empty());
    }

    #[test]
    fn thousands_are_set_apart() {
        let numbers = [0, 999, 1000, 22_045, 1_002_003].map(in_thousands);
        assert_eq!(numbers, ["0", "999", "1,000", "22,045", "1,002,003"]);
    }
}
