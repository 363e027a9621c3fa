//! The costs that were counted, beside those that were accepted.

use std::fmt;

use super::accepted::{Cost, Costs, Lines};

/// How much more is let pass: 5 %, and a few instructions where 5 % are less than one.
const SLACK: (f64, f64) = (0.05, 4.0);

/// How many more cache lines are let pass: 5 %, and a few, since what is changed moves what lies behind it.
const LINES_SLACK: (f64, f64) = (0.05, 6.0);

/// Each cost beside the accepted one.
#[derive(Debug)]
pub(super) struct Verdict(Vec<Line>);

#[derive(Debug)]
struct Line {
    /// None if it was not counted.
    counted: Option<Cost>,
    accepted: Option<Cost>,
    words: &'static str,
    good: bool,
}

impl Line {
    fn of(counted: Cost, accepted: Option<Cost>) -> Self {
        let (words, good) = match &accepted {
            None => ("new: has to be accepted", false),
            Some(accepted) => judge(&counted, accepted),
        };
        Self { counted: Some(counted), accepted, words, good }
    }
}

/// What is to be said of a cost, and whether it is accepted.
fn judge(counted: &Cost, accepted: &Cost) -> (&'static str, bool) {
    let differs = |by: f64, limit: f64, (part, few): (f64, f64)| by > limit.abs() * part + few;
    let lines = |of: fn(Lines) -> u64| match (counted.lines, accepted.lines) {
        (Some(counted), Some(accepted)) => (of(counted) as f64, of(accepted) as f64),
        _ => (0.0, 0.0),
    };
    let pairs = [
        ("TOO MUCH", (counted.instructions, accepted.instructions), SLACK),
        ("TOO MANY LINES OF CODE", lines(|lines| lines.code), LINES_SLACK),
        ("TOO MANY LINES OF DATA", lines(|lines| lines.data), LINES_SLACK),
    ];
    if counted.lines.is_some() != accepted.lines.is_some() {
        return ("lines are new: have to be accepted", false);
    }
    for (words, (counted, limit), slack) in pairs {
        if differs(counted - limit, limit, slack) {
            return (words, false);
        }
    }
    let is_less =
        pairs.iter().any(|(_, (counted, limit), slack)| differs(limit - counted, *limit, *slack));
    (if is_less { "less: accept it, so that it stays so" } else { "" }, true)
}

impl Verdict {
    pub(super) fn of(accepted: &Costs, counted: &Costs) -> Self {
        let line = |cost: &Cost| {
            Line::of(cost.clone(), accepted.get(&cost.scenario, &cost.layer).cloned())
        };
        let gone = accepted.iter().filter(|c| counted.get(&c.scenario, &c.layer).is_none());
        let gone = gone.map(|cost| Line {
            counted: None,
            accepted: Some(cost.clone()),
            words: "was not counted",
            good: false,
        });
        Self(counted.iter().map(line).chain(gone).collect())
    }

    pub(super) fn is_good(&self) -> bool {
        self.0.iter().all(|line| line.good)
    }
}

/// Instructions, and lines of code and data.
fn columns(cost: Option<&Cost>) -> [String; 2] {
    let instructions = cost.map_or("none".into(), |cost| format!("{:.1}", cost.instructions));
    let lines = cost.and_then(|cost| cost.lines);
    [
        instructions,
        lines.map_or_else(String::new, |Lines { code, data }| format!("{code} + {data}")),
    ]
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |[scenario, layer, counted, accepted, lines, accepted_lines]: [&str; 6]| {
            let instructions = format!("{scenario:<20} {layer:<15} {counted:>12} {accepted:>12}");
            format!("{instructions} {lines:>12} {accepted_lines:>12}")
        };
        f.write_str(&row([
            "scenario",
            "layer",
            "instructions",
            "accepted",
            "code + data",
            "accepted",
        ]))?;
        for Line { counted, accepted, words, .. } in &self.0 {
            let Some(Cost { scenario, layer, .. }) = counted.as_ref().or(accepted.as_ref()) else {
                continue;
            };
            let [instructions, lines] = columns(counted.as_ref());
            let [limit, lines_limit] = columns(accepted.as_ref());
            let row = row([scenario, layer, &instructions, &limit, &lines, &lines_limit]);
            write!(f, "\n{}", format!("{row}  {words}").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::accepted::tests::costs, *};

    #[test]
    fn growth_beyond_the_slack_is_refused() {
        let accepted = costs(&[("netif", 1000.0, 0)]);
        let verdict = |total| Verdict::of(&accepted, &costs(&[("netif", total, 0)]));
        assert!(verdict(1000.0).is_good());
        assert!(verdict(1054.0).is_good());
        assert!(!verdict(1055.0).is_good());
        assert!(verdict(1055.0).to_string().ends_with("  TOO MUCH"));
        assert!(verdict(900.0).is_good());
        assert!(verdict(900.0).to_string().ends_with("  less: accept it, so that it stays so"));
    }

    /// 200 lines of code are accepted, and 100 of data.
    #[test]
    fn more_lines_than_the_slack_are_refused() {
        let accepted = costs(&[("udp", 1000.0, 100)]);
        let counted = accepted.get("echo", "udp").expect("it is there");
        let words = |code, data| {
            let cost = Cost { lines: Some(Lines { code, data }), ..counted.clone() };
            let verdict = Verdict::of(&accepted, &Costs::of_totals(vec![cost]));
            (verdict.is_good(), verdict.to_string())
        };
        let (good, row) = words(216, 111);
        assert!(good && row.ends_with("216 + 111    200 + 100"), "{row}");
        let (good, row) = words(217, 111);
        assert!(!good && row.ends_with("217 + 111    200 + 100  TOO MANY LINES OF CODE"), "{row}");
        let (good, row) = words(216, 112);
        assert!(!good && row.ends_with("216 + 112    200 + 100  TOO MANY LINES OF DATA"), "{row}");
        let (good, row) = words(200, 80);
        assert!(good && row.ends_with("  less: accept it, so that it stays so"), "{row}");
    }

    #[test]
    fn what_is_new_and_what_is_gone_is_noticed() {
        let accepted = costs(&[("netif", 1000.0, 0)]);
        let verdict = Verdict::of(&accepted, &costs(&[("arp", 1000.0, 0)]));
        assert!(!verdict.is_good());
        let words = verdict.to_string();
        assert!(words.contains("new: has to be accepted") && words.contains("was not counted"));
        let verdict = Verdict::of(&accepted, &costs(&[("netif", 1000.0, 100)]));
        assert!(!verdict.is_good());
        assert!(verdict.to_string().ends_with("lines are new: have to be accepted"));
    }
}
