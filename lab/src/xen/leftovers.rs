//! What guests leave behind that are gone: nothing, or it is a mistake.

use anyhow::Result;

use super::machine::Machine;

/// The places in xenstore that have a child for each domain, named by its number.
const STORE: [&str; 4] =
    ["/local/domain", "/libxl", "/local/domain/0/backend/vif", "/local/domain/0/backend/console"];

impl Machine {
    /// Everything that belongs to a domain other than dom0: domains, entries in xenstore, interfaces
    /// of the back end, and pages that were granted, each in words. Nothing if all guests are gone.
    ///
    /// # Errors
    /// dom0 or Xen does not answer.
    pub fn leftovers(&self) -> Result<Vec<String>> {
        let mut left = Vec::new();
        for line in self.succeed("xl", &["list"])?.lines().skip(1) {
            if !line.starts_with("Domain-0 ") {
                left.push(format!("a domain: {line}"));
            }
        }
        for place in STORE {
            // It fails if there is no such place.
            let listed = self.run("xenstore-list", &[place])?;
            let domains = listed.stdout.lines().filter(|child| *child != "0");
            left.extend(domains.map(|child| format!("in xenstore: {place}/{child}")));
        }
        let interfaces = self.succeed("ls", &["/sys/class/net"])?;
        let of_guests = interfaces.split_whitespace().filter(|name| name.starts_with("vif"));
        left.extend(of_guests.map(|name| format!("an interface: {name}")));
        left.extend(grants(&self.debug_keys("g", "gnttab_usage_print_all ] done")?));
        Ok(left)
    }
}

/// What Xen's list of grant tables says that does not belong to dom0 alone: tables of other domains,
/// and pages that are mapped.
fn grants(list: &str) -> Vec<String> {
    let lines =
        list.lines().filter_map(|line| line.split_once("(XEN) ").map(|(_, line)| line.trim()));
    let is_left = |line: &&str| {
        let is_table = line.starts_with("grant-table for remote d");
        (is_table && !line.starts_with("grant-table for remote d0 ")) || line.starts_with("[0x")
    };
    lines.filter(is_left).map(|line| format!("in a grant table: {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Xen 4.17 writes it, in parts.
    const LIST: &str = "\
(XEN) gnttab_usage_print_all [ key 'g' pressed
(XEN)       -------- active --------       -------- shared --------
(XEN) [ref] localdom mfn      pin          localdom gmfn     flags
(XEN) grant-table for remote d0 (v1)
(XEN)   1 frames (64 max), 0 maptrack frames (1024 max)
(XEN) no active grant table entries
(XEN)       -------- active --------       -------- shared --------
(XEN) [ref] localdom mfn      pin          localdom gmfn     flags
";

    #[test]
    fn tables_of_guests_and_their_pages_are_left() {
        assert_eq!(grants(LIST), [""; 0]);
        let table = "(XEN) grant-table for remote d1 (v1)\n";
        let page = "(XEN) [0x208]      0 0x37e3c 0x00000001          0 0x005a3c 0x19\n";
        let list = [LIST, table, page].concat();
        let left = grants(&list);
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left[0].ends_with("d1 (v1)") && left[1].contains("0x37e3c"), "{left:?}");
    }
}
