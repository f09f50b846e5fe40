//! Maps and sets, made entry by entry.
//!
//! `collect()` sorts the entries first, and that sort is compiled anew for every type of map: some 6 KB of program each, in more
//! than thirty places. The maps here are small, and what is inserted in order costs the same. (For the same reason lists are put in
//! order with `sort_by_cached_key` where the key is a number or a String: that sort is of pairs, one for each type of key.)

use std::collections::{BTreeMap, BTreeSet};

/// A map of these; of two entries with one key the last holds, as with `collect()`.
pub fn map_of<K: Ord, V>(entries: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(entries);
    map
}

/// A set of these; of equal ones the first is kept.
pub fn set_of<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_collect_makes() {
        let entries = [(3, 'c'), (1, 'a'), (3, 'd'), (2, 'b')];
        assert_eq!(map_of(entries), entries.into_iter().collect());
        assert_eq!(set_of([3, 1, 3, 2]), BTreeSet::from([1, 2, 3]));
    }
}
