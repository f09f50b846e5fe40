//! What `mail.log` leans on: redb keeps the last durable commit whole on the disk while later commits are held in memory, also when it has
//! no room for them there and writes their pages before anything is durable. Nobody here wrote that, and an update of redb may change it.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use redb::{Builder, Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};

const TABLES: [TableDefinition<(u32, u32), &[u8]>; 2] = [TableDefinition::new("one"), TableDefinition::new("two")];
/// Far less than the tables are: pages of every commit are written at once.
const SMALL_CACHE: usize = 64 * 1024;
const COMMITS: usize = 160;
const DURABLE: usize = 40;

type Rows = [BTreeMap<(u32, u32), Vec<u8>>; 2];

#[derive(Clone, Debug)]
enum Op {
    Write(usize, Vec<u8>),
    Length(usize),
    Sync,
}

#[derive(Debug, Default)]
struct State {
    octets: Vec<u8>,
    ops: Vec<Op>,
}

/// A file in memory that remembers what was done to it.
#[derive(Clone, Debug, Default)]
struct File(Arc<Mutex<State>>);

impl File {
    fn done(&self, op: Op) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        apply(&mut state.octets, &op);
        state.ops.push(op);
        Ok(())
    }
}

fn apply(octets: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write(at, part) => {
            octets.resize(octets.len().max(at + part.len()), 0);
            octets[*at..at + part.len()].copy_from_slice(part);
        }
        Op::Length(len) => octets.resize(*len, 0),
        Op::Sync => {}
    }
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().octets.len() as u64)
    }
    fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        let part = state.octets.get(at as usize..at as usize + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(part);
        Ok(())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.done(Op::Length(len as usize))
    }
    fn sync_data(&self) -> io::Result<()> {
        self.done(Op::Sync)
    }
    fn write(&self, at: u64, part: &[u8]) -> io::Result<()> {
        self.done(Op::Write(at as usize, part.to_vec()))
    }
}

struct Rng(u64);

impl Rng {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Changes some rows, in the database and in what is known of it.
fn change(db: &Database, known: &mut Rows, rng: &mut Rng, rows: u64, durable: bool) {
    let mut write = db.begin_write().unwrap();
    for (table, known) in TABLES.into_iter().zip(known) {
        let mut table = write.open_table(table).unwrap();
        for _ in 0..rows {
            let key = (rng.below(20) as u32, rng.below(3000) as u32);
            if rng.below(4) == 0 {
                table.remove(key).unwrap();
                known.remove(&key);
            } else {
                let row = vec![rng.below(256) as u8; 20 + rng.below(200) as usize];
                table.insert(key, row.as_slice()).unwrap();
                known.insert(key, row);
            }
        }
    }
    if durable {
        write.set_quick_repair(true);
    } else {
        write.set_durability(Durability::None).unwrap();
    }
    write.commit().unwrap();
}

fn rows(db: &Database) -> Rows {
    let read = db.begin_read().unwrap();
    TABLES.map(|table| {
        let table = read.open_table(table).unwrap();
        let row = |entry: Result<_, _>| {
            let (key, row): (redb::AccessGuard<'_, (u32, u32)>, redb::AccessGuard<'_, &[u8]>) = entry.unwrap();
            (key.value(), row.value().to_vec())
        };
        table.iter().unwrap().map(row).collect()
    })
}

/// What a cut may leave of operations behind the last sync: none, all, or any of them, torn at a sector.
fn cut(image: &mut Vec<u8>, ops: &[Op], how: u64, rng: &mut Rng) {
    for op in ops {
        match op {
            Op::Length(len) if *len >= image.len() || how == 2 => apply(image, op),
            Op::Write(at, part) if how == 2 || (how == 1 && rng.below(2) == 0) => {
                let torn = rng.below(part.len() as u64 + 1) as usize / 512 * 512;
                let end = if how == 1 && rng.below(4) == 0 { torn } else { part.len() };
                apply(image, &Op::Write(*at, part[..end].to_vec()));
            }
            Op::Length(_) | Op::Write(..) | Op::Sync => {}
        }
    }
}

#[test]
fn the_last_durable_commit_is_whole_while_later_ones_are_written_before_they_are_durable() {
    let (file, mut rng, mut known) = (File::default(), Rng(20_261_124), Rows::default());
    let db = Builder::new().set_cache_size(SMALL_CACHE).create_with_backend(file.clone()).unwrap();
    change(&db, &mut known, &mut rng, 6000, true);
    let ops_of = || file.0.lock().unwrap().ops.len();
    let begin = ops_of();
    let mut durable = vec![(begin, known.clone())];
    for n in 1..=COMMITS {
        change(&db, &mut known, &mut rng, 8, n % DURABLE == 0);
        if n % DURABLE == 0 {
            durable.push((ops_of(), known.clone()));
        }
    }
    let ops = file.0.lock().unwrap().ops.clone();
    let early = ops[begin..].iter().filter(|op| matches!(op, Op::Write(..))).count();
    let (mut synced, mut done, walks, mut tried) = (Vec::new(), 0, Arc::new(AtomicUsize::new(0)), 0);
    for at in (begin..=ops.len()).step_by(1 + (ops.len() - begin) / 130) {
        let last = ops[..at].iter().rposition(|op| matches!(op, Op::Sync)).unwrap() + 1;
        ops[done..last].iter().for_each(|op| apply(&mut synced, op));
        done = last;
        for how in 0..3 {
            let mut octets = synced.clone();
            cut(&mut octets, &ops[last..at], how, &mut rng);
            let image = File(Arc::new(Mutex::new(State { octets, ops: Vec::new() })));
            let walks = walks.clone();
            let mut builder = Builder::new();
            builder.set_repair_callback(move |_| _ = walks.fetch_add(1, Ordering::Relaxed));
            let db = builder.create_with_backend(image).unwrap();
            let (found, n) = (rows(&db), durable.iter().rposition(|(end, _)| *end <= at).unwrap());
            let is_next = || durable.get(n + 1).is_some_and(|(_, rows)| *rows == found);
            assert!(
                found == durable[n].1 || is_next(),
                "cut {at} of {}, {how}: durable commit {n} is not whole",
                ops.len()
            );
            tried += 1;
        }
    }
    println!("{early} writes of {COMMITS} commits, {} of them durable, {tried} images", durable.len() - 1);
    assert!(early > 20 * COMMITS, "{early}: the pages of held commits were to be written too");
    assert_eq!(walks.load(Ordering::Relaxed), 0, "an opening that walks through everything takes too long");
}
