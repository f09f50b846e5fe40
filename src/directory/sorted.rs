//! A sorted list whose copies share what they do not change: a snapshot of ten thousand mailboxes is copied by one counter,
//! and a change of one of them copies one chunk and the list of chunks.
//!
//! An item lies behind a pointer and holds its own key, so that nothing is there twice. Must not know: what an item is.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashSet},
    fmt,
    iter::FusedIterator,
    ops::Index,
    sync::Arc,
};

use crate::types::map_of;

/// Items of a chunk before it is divided: a change of one among 10,000 copies at most 64 pointers and about 300 of chunks.
const CHUNK: usize = 64;

/// Something that holds its key.
pub trait Keyed: Clone + PartialEq {
    /// What it is found by; two items of one list never have the same.
    type Key: Ord;

    /// The key. A change of an item never changes it.
    fn key(&self) -> &Self::Key;
}

type Chunk<V> = Arc<Vec<Arc<V>>>;

/// The list. No chunk is empty.
#[derive(Clone)]
pub struct Sorted<V> {
    chunks: Arc<Vec<Chunk<V>>>,
    len: usize,
}

impl<V> Default for Sorted<V> {
    fn default() -> Self {
        Sorted { chunks: Arc::default(), len: 0 }
    }
}

impl<V: Keyed> Sorted<V> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The item with this key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        V::Key: Borrow<Q>,
    {
        let (chunk, place) = self.find(key);
        place.ok().map(|at| &*self.chunks[chunk][at])
    }

    /// Whether there is one with this key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        V::Key: Borrow<Q>,
    {
        self.find(key).1.is_ok()
    }

    /// All of them by key.
    pub fn values(&self) -> impl FusedIterator<Item = &V> + Clone {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).map(|item| &**item)
    }

    /// Their keys.
    pub fn keys(&self) -> impl FusedIterator<Item = &V::Key> + Clone {
        self.values().map(V::key)
    }

    /// Puts an item in, in the place of the one with the same key.
    pub fn put(&mut self, item: V) {
        let (chunk, place) = self.find(item.key());
        let chunks = Arc::make_mut(&mut self.chunks);
        if chunks.is_empty() {
            chunks.push(Arc::default());
        }
        let items = Arc::make_mut(&mut chunks[chunk]);
        match place {
            Ok(at) => items[at] = Arc::new(item),
            Err(at) => {
                items.insert(at, Arc::new(item));
                self.len += 1;
            }
        }
        if items.len() > CHUNK {
            let upper = items.split_off(CHUNK / 2);
            chunks.insert(chunk + 1, Arc::new(upper));
        }
    }

    /// The item with this key, to be changed; its key stays. Whoever only wants to look uses [`Sorted::get`].
    pub fn edit<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        V::Key: Borrow<Q>,
    {
        let (chunk, place) = self.find(key);
        let at = place.ok()?;
        let items = Arc::make_mut(&mut Arc::make_mut(&mut self.chunks)[chunk]);
        Some(Arc::make_mut(&mut items[at]))
    }

    /// Takes the item with this key out.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<Arc<V>>
    where
        V::Key: Borrow<Q>,
    {
        let (chunk, place) = self.find(key);
        let at = place.ok()?;
        let chunks = Arc::make_mut(&mut self.chunks);
        let items = Arc::make_mut(&mut chunks[chunk]);
        let gone = items.remove(at);
        if items.is_empty() {
            chunks.remove(chunk);
        }
        self.len -= 1;
        Some(gone)
    }

    /// What differs from an older list: each key with the item that is there now, or None. Looks only into chunks that the
    /// two do not share: what lies in a shared one is in both and the same.
    pub fn differences<'a>(&'a self, old: &'a Self) -> BTreeMap<&'a V::Key, Option<&'a V>> {
        let (before, now) = (old.apart_from(self), self.apart_from(old));
        let gone = before.keys().filter(|key| !now.contains_key(*key)).map(|key| (*key, None));
        let put = now.iter().filter(|(key, item)| before.get(*key).is_none_or(|was| !same(was, item)));
        map_of(gone.chain(put.map(|(key, item)| (*key, Some(&***item)))))
    }

    /// Items of the chunks that the other list does not hold.
    fn apart_from(&self, other: &Self) -> BTreeMap<&V::Key, &Arc<V>> {
        if Arc::ptr_eq(&self.chunks, &other.chunks) {
            return BTreeMap::new();
        }
        let shared: HashSet<*const Vec<Arc<V>>> = other.chunks.iter().map(Arc::as_ptr).collect();
        let apart = self.chunks.iter().filter(|chunk| !shared.contains(&Arc::as_ptr(chunk)));
        map_of(apart.flat_map(|chunk| chunk.iter()).map(|item| (item.key(), item)))
    }

    /// The chunk where a key is or would be, and the place in it.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> (usize, Result<usize, usize>)
    where
        V::Key: Borrow<Q>,
    {
        let chunk = self.chunks.partition_point(|chunk| chunk[0].key().borrow() <= key).saturating_sub(1);
        let items = self.chunks.get(chunk).map(|chunk| chunk.as_slice()).unwrap_or_default();
        (chunk, items.binary_search_by(|item| item.key().borrow().cmp(key)))
    }
}

fn same<V: PartialEq>(one: &Arc<V>, other: &Arc<V>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

impl<V: Keyed> Index<&V::Key> for Sorted<V> {
    type Output = V;

    /// Panics where there is none, as a map does: for who asked before.
    fn index(&self, key: &V::Key) -> &V {
        let (chunk, place) = self.find(key);
        &self.chunks[chunk][place.unwrap_or(usize::MAX)]
    }
}

impl<V: Keyed> PartialEq for Sorted<V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.differences(other).is_empty()
    }
}

impl<V: Keyed + Eq> Eq for Sorted<V> {}

impl<V: Keyed + fmt::Debug> fmt::Debug for Sorted<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Item(u32, &'static str);

    impl Keyed for Item {
        type Key = u32;

        fn key(&self) -> &u32 {
            &self.0
        }
    }

    fn list(numbers: impl IntoIterator<Item = u32>) -> Sorted<Item> {
        let mut list = Sorted::default();
        numbers.into_iter().for_each(|n| list.put(Item(n, "first")));
        list
    }

    /// Numbers in no order, the same at every run.
    fn shuffled(many: u32) -> impl Iterator<Item = u32> {
        (0..many).map(move |n| (n * 7919) % many)
    }

    #[test]
    fn holds_what_a_tree_of_the_standard_library_holds() {
        let (mut list, mut tree) = (Sorted::default(), BTreeMap::new());
        for (turn, n) in shuffled(3000).chain(shuffled(3000)).chain(shuffled(1001)).enumerate() {
            match turn % 3 {
                0 | 1 => {
                    list.put(Item(n % 700, "put"));
                    tree.insert(n % 700, "put");
                }
                _ => assert_eq!(list.remove(&(n % 900)).map(|item| item.1), tree.remove(&(n % 900)), "{n}"),
            }
            assert_eq!(list.len(), tree.len());
        }
        assert!(list.values().map(|item| (item.0, item.1)).eq(tree.iter().map(|(n, word)| (*n, *word))));
        assert!((0..1000).all(|n| list.contains_key(&n) == tree.contains_key(&n)));
        assert!(list.chunks.iter().all(|chunk| (1..=CHUNK).contains(&chunk.len())));
        tree.keys().for_each(|n| drop(list.remove(n)));
        assert!(list.is_empty() && list.chunks.is_empty());
    }

    #[test]
    fn a_copy_stays_as_it_was() {
        let old = list(shuffled(1000));
        let mut new = old.clone();
        new.edit(&500).unwrap().1 = "second";
        new.remove(&7);
        new.put(Item(5000, "new"));
        assert_eq!((old[&500].1, old.len(), old.contains_key(&7)), ("first", 1000, true));
        assert_eq!((new[&500].1, new.len(), new.contains_key(&7)), ("second", 1000, false));
        assert_eq!(new.edit(&7), None);
    }

    #[test]
    fn differences_are_what_was_put_changed_and_taken_out() {
        let old = list(shuffled(1000));
        let mut new = old.clone();
        assert_eq!(new.differences(&old), BTreeMap::new());
        new.edit(&500).unwrap().1 = "second";
        new.edit(&501).unwrap().1 = "first";
        new.remove(&7);
        // Divides a chunk in two.
        (2000..2100).for_each(|n| new.put(Item(n, "new")));
        let differ = new.differences(&old);
        assert_eq!((differ.len(), differ[&7], differ[&500]), (102, None, Some(&Item(500, "second"))));
        new.edit(&500).unwrap().1 = "first";
        new.put(Item(7, "first"));
        (2000..2100).for_each(|n| drop(new.remove(&n)));
        assert_eq!(new, old, "the same items in other chunks");
    }

    #[test]
    fn a_change_of_one_among_ten_thousand_copies_one_chunk() {
        let old = list(0..10_000);
        let mut new = old.clone();
        new.put(Item(4711, "second"));
        let shared = new.chunks.iter().filter(|chunk| old.chunks.iter().any(|was| Arc::ptr_eq(was, chunk))).count();
        assert_eq!(shared, new.chunks.len() - 1);
        assert!(new.apart_from(&old).len() <= CHUNK);
    }
}
