//! The example sorts, and its memory is what it says.

use rt_regions::PAGE_SIZE;

#[path = "../examples/merge_sort.rs"]
mod merge_sort;

#[test]
fn it_sorts() {
    let counts = [0, 1, 2, 3, 20, 100, 1001];
    for &count in &counts[..if cfg!(miri) { 4 } else { counts.len() }] {
        let (sorted, _) = merge_sort::run(count, 256).unwrap();
        let mut expected: Vec<i64> = (0..count).map(|number| number * 7919 % 10_007).collect();
        expected.sort_unstable();
        assert_eq!(sorted, expected);
    }
}

/// Input, result, and on the way down one list each of halves and of what was split, which get
/// smaller by half: four lists, and a few pages that are not full.
#[test]
#[cfg_attr(miri, ignore = "it sorts too many")]
fn its_peak_is_a_few_lists() {
    let (sorted, pages) = merge_sort::run(10_000, 1024).unwrap();
    assert!(sorted.is_sorted() && sorted.len() == 10_000);
    let list = (10_000 * size_of::<(i64, usize)>()).div_ceil(PAGE_SIZE);
    assert!((3 * list..=4 * list + 30).contains(&pages), "{pages} pages, a list has {list}");
}
