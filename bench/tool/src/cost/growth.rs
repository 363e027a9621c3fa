//! How costs grow with what is in a table: not at all, or by a step each time that it doubles.

use lab::grouped;

use super::accepted::{Cost, Costs};

/// What a full table may cost more than an empty one: this part.
const SLACK: f64 = 0.05;

/// And for each time that it doubles so many instructions, which are a step of two binary searches.
const STEP: f64 = 32.0;

/// And so many cache lines of data, which are what is read in the step, and what lies before and behind in lists.
const LINES_STEP: f64 = 2.0;

/// What grows faster, in words, one line for each.
pub(super) fn too_fast(costs: &Costs) -> Vec<String> {
    let tables = costs.iter().filter_map(|cost| Some((cost.table_size()?, cost)));
    let too_fast = tables.flat_map(|(size, cost)| {
        let of_scenario = costs.iter().filter(|other| other.scenario == cost.scenario);
        let sizes = of_scenario.filter_map(|other| Some((other.table_size()?, other)));
        let (least, small) = sizes.min_by_key(|(size, _)| *size).unwrap_or((size, cost));
        let doublings = (size as f64 / least as f64).log2();
        let data = |cost: &Cost| cost.lines.map_or(0.0, |lines| lines.data as f64);
        let counts = [
            (cost.instructions, small.instructions, STEP, "instructions"),
            (data(cost), data(small), LINES_STEP, "cache lines of data"),
        ];
        let too_many = counts.into_iter().filter(move |(count, least, step, _)| {
            *count > least * (1.0 + SLACK) + step * doublings
        });
        too_many.map(move |(count, least, _, unit)| {
            let times = count / least;
            let times = if times < 10.0 { format!("{times:.1}") } else { format!("{times:.0}") };
            let count = grouped(count as u64);
            let (scenario, layer, small) = (&cost.scenario, &cost.layer, &small.layer);
            format!(
                "{scenario} with {layer}: {count} {unit}, {times} times as many as with {small}"
            )
        })
    });
    too_fast.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn too_fast_of(costs: &[(&str, f64, u64)]) -> Vec<String> {
        too_fast(&super::super::accepted::tests::costs(costs))
    }

    #[test]
    fn a_search_from_end_to_end_is_told_in_words() {
        assert_eq!(
            too_fast_of(&[("1 datagram", 300.0, 100), ("256 datagrams", 12_000.4, 122)]),
            [
                "echo with 256 datagrams: 12,000 instructions, 40 times as many as with 1 datagram",
                "echo with 256 datagrams: 122 cache lines of data, 1.2 times as many as with 1 datagram"
            ]
        );
        let within =
            [("64 ports", 1136.0, 117), ("128 ports", 1168.0, 119), ("1 port", 900.0, 100)];
        assert_eq!(too_fast_of(&within), [] as [String; 0], "six and seven doublings");
        assert_eq!(
            too_fast_of(&[("64 ports", 1138.0, 0), ("128 ports", 1170.0, 0), ("1 port", 900.0, 0)]),
            [
                "echo with 64 ports: 1,138 instructions, 1.3 times as many as with 1 port",
                "echo with 128 ports: 1,170 instructions, 1.3 times as many as with 1 port"
            ]
        );
    }

    #[test]
    fn layers_and_bytes_are_no_tables() {
        let others = [("udp", 1.0, 0), ("arp", 900.0, 0), ("64", 1.0, 0), ("576", 9.0, 0)];
        assert!(too_fast_of(&others).is_empty());
    }
}
